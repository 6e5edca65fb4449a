//! Exit codes: an error that has one of its own says which beside its definition.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// It failed while running.
    Failed = 1,
    /// Flags or settings that cannot be used.
    Usage = 2,
    /// No such device, or one that cannot be opened.
    Device = 3,
    /// Data, weights or runs that are missing, damaged or do not fit.
    Data = 4,
    /// An adapter computes wrong numbers.
    WrongNumbers = 5,
    /// `predict` is unsure of an answer.
    UnsureAnswers = 6,
    /// The user asked to stop, and what was done is saved.
    Interrupted = 130,
}

/// An error with an exit code of its own; others are [`Code::Failed`].
pub trait Exit: std::error::Error + 'static {
    /// The code that the program ends with.
    fn code(&self) -> Code;
}

/// Where `cause` is an `E`, its code.
pub fn code_of<E: Exit>(cause: &(dyn std::error::Error + 'static)) -> Option<Code> {
    cause.downcast_ref::<E>().map(Exit::code)
}

/// Flags that contradict each other in a way the parser cannot know.
#[derive(thiserror::Error, Debug)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The user asked to stop, and what was done is saved.
#[derive(thiserror::Error, Debug)]
#[error("interrupted; {saved}")]
pub struct Interrupted {
    /// What was saved, as the end of a sentence.
    pub saved: String,
}

impl Exit for UsageError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

impl Exit for Interrupted {
    fn code(&self) -> Code {
        Code::Interrupted
    }
}

//! What the parser refuses, in words for people: its own are a programmer's, and some lack a tip.

use std::error::Error;
use std::num::{ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use super::Cli;
use crate::config::document::nearest;
use crate::config::range_of;
use crate::terminal::quoted;

/// The settings that flags of numbers set: their ranges are those of the flags.
const SETTINGS: &[(&str, &str)] = &[
    ("--batch-size", "training.batch_size"),
    ("--epochs", "training.epochs"),
    ("--freeze", "training.freeze"),
    ("--learning-rate", "training.learning_rate"),
    ("--max-seconds", "training.max_seconds"),
    ("--seed", "seed"),
    ("--steps", "bench.steps"),
    ("--target-accuracy", "training.target_accuracy"),
    ("--train-limit", "data.train_limit"),
    ("--tta", "evaluation.shift"),
    ("--warmup", "bench.warmup"),
];

/// An error of the parser with what a person can do about it.
pub fn plain(mut error: clap::Error) -> clap::Error {
    // Nobody means an unknown flag as a value.
    let tips = error.get(ContextKind::Suggested);
    if tips.is_some_and(|tips| tips.to_string().contains("as a value, use")) {
        error.remove(ContextKind::Suggested);
    }
    match error.kind() {
        ErrorKind::ValueValidation => return number(&error).unwrap_or(error),
        ErrorKind::InvalidSubcommand => add_command(&mut error),
        ErrorKind::UnknownArgument => add_flag(&mut error),
        _ => {}
    }
    error
}

/// The refusal of what is not the number that a flag takes, with its range.
fn number(error: &clap::Error) -> Option<clap::Error> {
    let flag = error.get(ContextKind::InvalidArg)?.to_string();
    let value = error.get(ContextKind::InvalidValue)?.to_string();
    let expected = expected(flag.split(' ').next()?, error.source()?)?;
    let text = format!(
        "invalid value '{value}' for '{flag}': must be {expected}\n\nFor more information, try '--help'.\n"
    );
    Some(clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(&Cli::command()))
}

/// What a flag of a number takes; `None` where it was refused for something else.
fn expected(flag: &str, reason: &(dyn Error + 'static)) -> Option<String> {
    let outside = whole_from(reason);
    let is_whole = outside.is_some() || reason.is::<ParseIntError>();
    if !is_whole && !reason.is::<ParseFloatError>() {
        return None;
    }
    // A flag's own range first: some are narrower than that of the setting.
    if let Some(range) = outside.or_else(|| range_of_flag(flag)) {
        return Some(range);
    }
    let setting = SETTINGS.iter().find(|(name, _)| *name == flag);
    let range = setting.and_then(|(_, key)| range_of(key));
    Some(match (range, is_whole) {
        // What the parser wants a number for takes no word.
        (Some(range), _) => range.replace(", or auto", ""),
        (None, true) => "a whole number".into(),
        (None, false) => "a number".into(),
    })
}

/// The range that clap's refusal of a number outside of it names.
fn whole_from(reason: &(dyn Error + 'static)) -> Option<String> {
    let reason = reason.to_string();
    let (_, range) = reason.split_once(" is not in ")?;
    let (least, most) = range.split_once("..")?;
    let most = most.trim_start_matches('=');
    Some(format!("a whole number from {least} to {most}"))
}

/// The range of a flag of the command that was given: the parser tells it where a number is too low.
fn range_of_flag(flag: &str) -> Option<String> {
    let root = Cli::command();
    let (mut words, _) = given(&root);
    words.push(format!("{flag}={}", i64::MIN));
    let error = Cli::command().try_get_matches_from(words).err()?;
    whole_from(error.source()?)
}

/// The command that the command line names, and the words up to it.
fn given(root: &Command) -> (Vec<String>, &Command) {
    let mut words = vec![root.get_name().to_owned()];
    let mut command = root;
    for word in std::env::args_os().skip(1) {
        if let Some(inner) = command.find_subcommand(word) {
            words.push(inner.get_name().to_owned());
            command = inner;
        }
    }
    (words, command)
}

/// Adds the command that may be meant, where clap names none: after `help`.
fn add_command(error: &mut clap::Error) {
    let named = error.get(ContextKind::InvalidSubcommand);
    let (Some(word), None) = (named, error.get(ContextKind::SuggestedSubcommand)) else {
        return;
    };
    let root = Cli::command();
    let (_, command) = given(&root);
    let names = command.get_subcommands().map(Command::get_name);
    let names: Vec<String> = names.map(String::from).collect();
    if let Some(name) = nearest(&word.to_string(), &names) {
        let name = ContextValue::String(name.clone());
        error.insert(ContextKind::SuggestedSubcommand, name);
    }
}

/// Adds the flag of a data set that was named without it.
fn add_flag(error: &mut clap::Error) {
    let word = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let usage = error.get(ContextKind::Usage).map(ToString::to_string);
    let takes_a_set = |usage: String| {
        let commands = ["gpu-mnist train", "gpu-mnist lr-find"];
        commands.iter().any(|command| usage.contains(command))
    };
    if let Some(word) = word.filter(|word| !word.starts_with('-'))
        && usage.is_some_and(takes_a_set)
    {
        let tip = format!(
            "a data set is named by its flag: --dataset {}",
            quoted(&word)
        );
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
}

//! One file from one mirror: into a temporary file, hashed as it comes, resumed when cut.

use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::exchange::{self, Message, Request};
use super::{FetchOptions, Progress, Session};
use crate::data::catalog::{KnownFile, to_hex};
use crate::data::error::DataError;
use crate::data::files::{persist, temporary};

/// Requests for one file to one mirror in all, and in a row without a new byte.
const MOST_REQUESTS: u32 = 20;
const MOST_FRUITLESS: u32 = 2;
/// Bytes a second below which a download counts as stalled.
const SLOWEST: f64 = 1024.0;
/// How soon a cancel or a deadline is noticed.
const TICK: Duration = Duration::from_millis(50);

/// Why a download ended without the file.
pub(super) enum Stop {
    /// This mirror is of no use.
    Mirror(String),
    /// No new byte for as long as the caller will wait.
    Silence(String),
    Cancelled,
    Disk(io::Error),
}

/// Why one request ended early.
enum Cut {
    /// The same mirror may be asked again.
    Retry(String),
    Stop(Stop),
}

pub(super) struct Download<'a> {
    file: &'a KnownFile,
    partial: NamedTempFile,
    hasher: Sha256,
    /// Bytes in the partial file.
    received: u64,
    traffic: u64,
}

impl<'a> Download<'a> {
    pub(super) fn new(file: &'a KnownFile, folder: &Path) -> Result<Self, DataError> {
        let prefix = format!(".{}.", file.archive_name());
        let partial = temporary(folder, &prefix)
            .map_err(|source| DataError::write(folder, "create a temporary file there", source))?;
        Ok(Self {
            file,
            partial,
            hasher: Sha256::new(),
            received: 0,
            traffic: 0,
        })
    }

    /// Bytes received, those of restarts too.
    pub(super) fn traffic(&self) -> u64 {
        self.traffic
    }

    /// Downloads and verifies; `mirrors_left` share what is left of the caller's patience.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        url: &str,
        mirrors_left: usize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Stop> {
        let mut fruitless = 0;
        let mut furthest = 0;
        for _ in 0..MOST_REQUESTS {
            progress(Progress::Started {
                file: &self.file.archive_name(),
                url,
                received: self.received,
                total: self.file.archive_bytes,
            });
            let reason = match self.request(session, url, mirrors_left, progress) {
                Ok(()) => return self.verify(),
                Err(Cut::Stop(stop)) => return Err(stop),
                Err(Cut::Retry(reason)) => reason,
            };
            // Bytes that came before count for nothing, or a restart would look like progress.
            fruitless = if self.received > furthest {
                0
            } else {
                fruitless + 1
            };
            furthest = furthest.max(self.received);
            if fruitless >= MOST_FRUITLESS {
                return Err(Stop::Mirror(reason));
            }
            tracing::debug!(url, %reason, received = self.received, "asking again");
            if fruitless > 0 {
                thread::sleep(session.options.pause);
            }
        }
        Err(Stop::Mirror(format!(
            "the connection was cut {MOST_REQUESTS} times"
        )))
    }

    /// Moves the verified file to its name.
    pub(super) fn put_in_place(self, target: &Path) -> Result<(), DataError> {
        self.partial
            .as_file()
            .sync_all()
            .map_err(|source| DataError::write(target, "write its download", source))?;
        persist(self.partial, target)
            .map_err(|source| DataError::write(target, "put it in place", source))
    }

    /// One request, to the last byte of the file.
    fn request(
        &mut self,
        session: &mut Session,
        url: &str,
        mirrors_left: usize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Cut> {
        let options = session.options;
        let answer = answer_time(options, session.last_byte, mirrors_left);
        let messages = exchange::start(
            &session.agent,
            Request {
                url: url.to_owned(),
                offset: self.received,
                total: self.file.archive_bytes,
                answer,
                stall: options.stall_timeout * 2,
            },
        );
        let mut watch = Watch::new(options, answer);
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Accepted(offset)) => {
                    if offset != self.received {
                        self.restart()
                            .map_err(|error| Cut::Stop(Stop::Disk(error)))?;
                    }
                }
                Ok(Message::Chunk(chunk)) => {
                    self.append(&chunk)
                        .map_err(|error| Cut::Stop(Stop::Disk(error)))?;
                    session.last_byte = Instant::now();
                    watch.count(chunk.len());
                    progress(Progress::Received {
                        file: &self.file.archive_name(),
                        received: self.received,
                        total: self.file.archive_bytes,
                    });
                    if Some(self.received) == self.file.archive_bytes {
                        return Ok(());
                    }
                }
                Ok(Message::End) => {
                    return match self.file.archive_bytes {
                        Some(total) => Err(Cut::Retry(format!(
                            "ended after {} of {total} bytes",
                            self.received
                        ))),
                        // Its hash says whether that was all.
                        None => Ok(()),
                    };
                }
                Ok(Message::Failed { reason, retry }) => {
                    return Err(if retry {
                        Cut::Retry(reason)
                    } else {
                        Cut::Stop(Stop::Mirror(reason))
                    });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Cut::Retry("the download thread ended".to_owned()));
                }
            }
            watch.check(session.last_byte)?;
        }
    }

    fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.partial.as_file_mut().write_all(chunk)?;
        self.hasher.update(chunk);
        self.received += chunk.len() as u64;
        self.traffic += chunk.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.partial.as_file_mut().set_len(0)?;
        self.partial.as_file_mut().rewind()?;
        self.hasher = Sha256::new();
        self.received = 0;
        Ok(())
    }

    fn verify(&mut self) -> Result<(), Stop> {
        let found = self.hasher.finalize_reset();
        match self.file.archive_sha256 {
            Some(expected) if found[..] == expected => Ok(()),
            Some(expected) => Err(Stop::Mirror(format!(
                "gave a wrong file: SHA-256 {}, expected {}",
                to_hex(&found),
                to_hex(&expected)
            ))),
            None => Err(Stop::Mirror(
                "cannot be verified: its hash is not published".to_owned(),
            )),
        }
    }
}

/// A fair share of what is left of the silence the caller accepts.
fn answer_time(options: &FetchOptions, last_byte: Instant, mirrors_left: usize) -> Duration {
    let share = options.silence.map(|silence| {
        silence.saturating_sub(last_byte.elapsed())
            / u32::try_from(mirrors_left).unwrap_or(1).max(1)
    });
    share
        .unwrap_or(options.answer_timeout)
        .min(options.answer_timeout)
        .max(TICK)
}

/// The deadlines of one request.
struct Watch<'a> {
    options: &'a FetchOptions,
    begin: Instant,
    answer: Duration,
    answered: bool,
    window: Instant,
    window_bytes: usize,
}

impl<'a> Watch<'a> {
    fn new(options: &'a FetchOptions, answer: Duration) -> Self {
        let now = Instant::now();
        Self {
            options,
            begin: now,
            answer,
            answered: false,
            window: now,
            window_bytes: 0,
        }
    }

    fn count(&mut self, bytes: usize) {
        if !self.answered {
            self.answered = true;
            self.window = Instant::now();
        }
        self.window_bytes += bytes;
    }

    fn check(&mut self, last_byte: Instant) -> Result<(), Cut> {
        let options = self.options;
        if let Some(cancel) = &options.cancel
            && cancel.load(Ordering::Relaxed)
        {
            return Err(Cut::Stop(Stop::Cancelled));
        }
        if let Some(silence) = options.silence
            && last_byte.elapsed() >= silence
        {
            let seconds = silence.as_secs_f32();
            return Err(Cut::Stop(Stop::Silence(format!(
                "nothing came for {seconds:.1} s"
            ))));
        }
        if !self.answered && self.begin.elapsed() >= self.answer {
            let seconds = self.answer.as_secs_f32();
            return Err(Cut::Stop(Stop::Mirror(format!(
                "no answer within {seconds:.1} s"
            ))));
        }
        let span = self.window.elapsed();
        if self.answered && span >= options.stall_timeout {
            if (self.window_bytes as f64) < SLOWEST * span.as_secs_f64() {
                return Err(Cut::Retry(format!(
                    "stalled: {} bytes in {:.1} s",
                    self.window_bytes,
                    span.as_secs_f32()
                )));
            }
            self.window = Instant::now();
            self.window_bytes = 0;
        }
        Ok(())
    }
}

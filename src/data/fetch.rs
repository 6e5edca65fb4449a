//! Downloads a known set: mirrors in turn, resumed, bounded, verified, then moved into place.
//! Nothing a server says decides where or how much is written.

mod address;
mod download;
mod exchange;
mod present;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use ureq::Agent;

use self::download::{Download, Stop};
use super::catalog::{KnownFile, KnownSet, Source};
use super::error::{DataError, FailedMirror};
use super::files::{all_as_text, as_text};

/// How to fetch.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Replaces the mirrors of the set. https only, except on loopback.
    pub mirrors: Option<Vec<String>>,
    /// The most one request may take until its first byte: name lookup, connection, redirects.
    pub answer_timeout: Duration,
    /// A download slower than 1 KiB/s over this span counts as stalled.
    pub stall_timeout: Duration,
    /// Between two requests to one mirror when the first brought nothing.
    pub pause: Duration,
    /// Gives up when no new byte has come for this long, over all mirrors and retries together.
    pub silence: Option<Duration>,
    /// Ends the fetch soon after it turns true.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            mirrors: None,
            answer_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            pause: Duration::from_millis(300),
            silence: None,
            cancel: None,
        }
    }
}

impl FetchOptions {
    /// For a fetch that nobody asked for: a dead network costs less than five seconds in all, a
    /// living one may take its time.
    pub fn automatic() -> Self {
        Self {
            silence: Some(Duration::from_millis(4500)),
            ..Self::default()
        }
    }
}

/// What a fetch is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A file is there and is the published one.
    Kept {
        /// The file.
        path: &'a Path,
    },
    /// A file is there and is not: it will be replaced, or set aside as `NAME.damaged`.
    Wrong {
        /// The file.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// A request begins; `received` bytes are there from a cut connection.
    Started {
        /// The file's name.
        file: &'a str,
        /// The address.
        url: &'a str,
        /// Bytes that are there already.
        received: u64,
        /// `None` where its publisher does not say.
        total: Option<u64>,
    },
    /// Bytes came.
    Received {
        /// The file's name.
        file: &'a str,
        /// Bytes that are there.
        received: u64,
        /// `None` where its publisher does not say.
        total: Option<u64>,
    },
    /// A mirror did not give the file; the next one is tried.
    MirrorFailed {
        /// The address.
        url: &'a str,
        /// Why it failed.
        reason: &'a str,
    },
    /// A file was verified and put in place.
    Finished {
        /// The file.
        path: &'a Path,
    },
}

/// What a fetch did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FetchReport {
    /// Where the files lie.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// Files that were there and right.
    #[serde(serialize_with = "all_as_text")]
    pub kept: Vec<PathBuf>,
    /// Files that came.
    #[serde(serialize_with = "all_as_text")]
    pub downloaded: Vec<PathBuf>,
    /// Files that were there but wrong, with what was wrong.
    #[serde(serialize_with = "pairs_as_text")]
    pub replaced: Vec<(PathBuf, String)>,
    /// Bytes that came over the network.
    pub received: u64,
}

fn pairs_as_text<S: serde::Serializer>(
    pairs: &[(PathBuf, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let texts = pairs
        .iter()
        .map(|(path, text)| (path.display().to_string(), text));
    serializer.collect_seq(texts)
}

/// Makes `data_dir/<set>/` hold the four files of `set`, downloading what is missing or wrong.
/// Several fetches may run at once: each writes its own temporary file and renames it.
///
/// # Errors
/// [`DataError::ByHand`] for a set that is published as one archive, [`DataError::Mirror`] for an
/// address that cannot be used, [`DataError::Download`] when no mirror
/// gave a file, [`DataError::Write`], [`DataError::Interrupted`]. Files put in place before the
/// error stay.
pub fn fetch(
    set: &KnownSet,
    data_dir: &Path,
    options: &FetchOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<FetchReport, DataError> {
    let mirrors = mirrors(set, options)?;
    let mut session = Session {
        set,
        options,
        folder: data_dir.join(set.id),
        mirrors,
        agent: exchange::agent(),
        last_byte: Instant::now(),
        report: FetchReport {
            folder: data_dir.join(set.id),
            ..FetchReport::default()
        },
    };
    for file in &set.files {
        session.file(file, progress)?;
    }
    Ok(session.report)
}

/// The state of one fetch.
struct Session<'a> {
    set: &'a KnownSet,
    options: &'a FetchOptions,
    folder: PathBuf,
    /// The one that worked last comes first.
    mirrors: Vec<String>,
    agent: Agent,
    /// When the last new byte came: the begin of the silence.
    last_byte: Instant,
    report: FetchReport,
}

impl Session<'_> {
    fn file(
        &mut self,
        file: &KnownFile,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let present = present::inspect(&self.folder, file, self.set);
        for (path, reason) in &present.wrong {
            progress(Progress::Wrong { path, reason });
        }
        let target = self.folder.join(file.archive_name());
        if let Some(path) = present.right {
            progress(Progress::Kept { path: &path });
            self.report.kept.push(path);
        } else {
            self.last_byte = Instant::now();
            self.download(file, &target, progress)?;
            progress(Progress::Finished { path: &target });
            self.report.downloaded.push(target.clone());
        }
        // Only now that a sound file is there; a reader would prefer some of these to it.
        for (path, reason) in present.wrong {
            present::set_aside(&path, &target)?;
            self.report.replaced.push((path, reason));
        }
        Ok(())
    }

    fn download(
        &mut self,
        file: &KnownFile,
        target: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| DataError::write(&self.folder, "create the folder", source))?;
        present::remove_stale(&self.folder);
        let mut failed = Vec::new();
        for index in 0..self.mirrors.len() {
            let url = format!("{}{}", self.mirrors[index], file.archive_name());
            let mut download = Download::new(file, &self.folder)?;
            let rest = self.mirrors.len() - index;
            let outcome = download.run(self, &url, rest, progress);
            self.report.received += download.traffic();
            match outcome {
                Ok(()) => {
                    download.put_in_place(target)?;
                    self.mirrors.swap(0, index);
                    return Ok(());
                }
                Err(Stop::Mirror(reason)) => {
                    progress(Progress::MirrorFailed {
                        url: &url,
                        reason: &reason,
                    });
                    tracing::debug!(%url, %reason, "mirror failed");
                    failed.push(FailedMirror { url, reason });
                }
                Err(Stop::Silence(reason)) => {
                    failed.push(FailedMirror { url, reason });
                    break;
                }
                Err(Stop::Cancelled) => {
                    return Err(DataError::Interrupted { set: self.set.id });
                }
                Err(Stop::Disk(source)) => {
                    return Err(DataError::write(target, "write its download", source));
                }
            }
        }
        Err(DataError::Download {
            set: self.set.id,
            path: target.to_owned(),
            mirrors: failed,
            given: self.options.mirrors.is_some(),
        })
    }
}

/// The mirrors to use, each checked and ending in a slash.
fn mirrors(set: &KnownSet, options: &FetchOptions) -> Result<Vec<String>, DataError> {
    let list = match &options.mirrors {
        Some(mirrors) => mirrors.clone(),
        None => match set.source {
            Source::Mirrors(mirrors) => mirrors.iter().map(|&url| url.to_owned()).collect(),
            Source::Archive {
                url,
                bytes,
                hash,
                unpacked,
            } => {
                return Err(DataError::ByHand {
                    set: set.id,
                    url,
                    bytes,
                    hash,
                    unpacked,
                });
            }
        },
    };
    list.into_iter()
        .map(|mirror| {
            address::mirror(&mirror).map_err(|reason| DataError::Mirror { mirror, reason })
        })
        .collect()
}

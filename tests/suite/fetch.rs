//! Fetching from a server of the test's own on loopback: what may go wrong on the way, and what
//! is on disk afterwards.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gpu_mnist::data::DataError;
use gpu_mnist::data::catalog::{CATALOG, KnownFile, KnownSet, MNIST, QMNIST, Source};
use gpu_mnist::data::fetch::{FetchOptions, FetchReport, Progress, fetch};
use gpu_mnist::data::idx::FileRole;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::data::{gzip, idx_file, official_data};

/// What the server does with a request for an archive.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Good,
    /// Answers every request with 500.
    Broken,
    /// The right length, other bytes.
    WrongBytes,
    /// Half the body and a closed connection, unless a range is asked for.
    CutOnce,
    /// As `CutOnce`, and ignores ranges: whole from the second request on.
    CutWithoutRange,
    RedirectTo(&'static str),
    RedirectForever,
    /// Announces more bytes than the file has.
    Oversize,
    /// Endless body of no announced length.
    Endless,
    Hang,
    /// Ten bytes, then nothing.
    HangInBody,
    /// A byte now and then.
    Drip,
    /// Headers without end.
    Headers,
    /// Names a file outside the folder.
    EvilName,
}

struct Server {
    url: String,
    /// Request lines with their range, in order.
    requests: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    fn start(behaviour: Behaviour, files: &Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (bodies, log, ended) = (files.bodies.clone(), requests.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming().take(200).flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (bodies, log, ended) = (bodies.clone(), log.clone(), ended.clone());
                thread::spawn(move || {
                    // The client may hang up at any time.
                    let _ = serve(stream, behaviour, &bodies, &log, &ended);
                });
            }
        });
        Self {
            url,
            requests,
            stop,
        }
    }

    fn log(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let _ = TcpStream::connect(address);
    }
}

fn serve(
    mut stream: TcpStream,
    behaviour: Behaviour,
    bodies: &HashMap<String, Vec<u8>>,
    log: &Mutex<Vec<String>>,
    ended: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut offset = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header == "\r\n" {
            break;
        }
        let header = header.to_ascii_lowercase();
        if let Some(range) = header.trim().strip_prefix("range: bytes=") {
            offset = range.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let earlier = {
        let mut log = log.lock().expect("no panic");
        let earlier = log.iter().filter(|line| line.starts_with(&path)).count();
        log.push(format!("{path} {offset:?}"));
        earlier
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let body = bodies.get(name).cloned().unwrap_or_default();
    let total = body.len();
    let ok = |extra: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{extra}\r\n");
    let length = format!("Content-Length: {total}\r\n");
    let mut send = |head: String, body: &[u8]| {
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)
    };
    match behaviour {
        Behaviour::Broken => send(
            "HTTP/1.1 500 Broken\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
            b"",
        ),
        Behaviour::WrongBytes => send(ok(&length), &vec![7; total]),
        Behaviour::CutOnce => match offset {
            Some(offset) => send(
                format!(
                    "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: {}\r\nContent-Range: bytes {offset}-{}/{total}\r\n\r\n",
                    total - offset,
                    total - 1
                ),
                &body[offset..],
            ),
            None => send(ok(&length), &body[..total / 2]),
        },
        Behaviour::CutWithoutRange if earlier == 0 => send(ok(&length), &body[..total / 2]),
        Behaviour::RedirectTo(target) => send(
            format!(
                "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {target}{path}\r\nContent-Length: 0\r\n\r\n"
            ),
            b"",
        ),
        Behaviour::RedirectForever => send(
            format!(
                "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /again{path}\r\nContent-Length: 0\r\n\r\n"
            ),
            b"",
        ),
        Behaviour::Oversize => send(
            ok(&format!("Content-Length: {}\r\n", total + 1)),
            &[&body[..], b"x"].concat(),
        ),
        Behaviour::Endless => {
            send(ok(""), b"")?;
            while !ended.load(Ordering::Relaxed) {
                send(String::new(), &[9; 4096])?;
            }
            Ok(())
        }
        Behaviour::Hang | Behaviour::HangInBody => {
            if behaviour == Behaviour::HangInBody {
                send(ok(&length), &body[..10])?;
            }
            for _ in 0..200 {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Behaviour::Drip => {
            send(ok(&length), b"")?;
            for byte in body.iter().take_while(|_| !ended.load(Ordering::Relaxed)) {
                send(String::new(), &[*byte])?;
                thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }
        Behaviour::Headers => {
            send("HTTP/1.1 200 OK\r\n".to_owned(), b"")?;
            while !ended.load(Ordering::Relaxed) {
                send("X-More: and more of the same\r\n".repeat(100), b"")?;
            }
            Ok(())
        }
        Behaviour::EvilName => send(
            ok(&format!(
                "{length}Content-Disposition: attachment; filename=\"../../evil\"\r\nContent-Location: ../../evil\r\n"
            )),
            &body,
        ),
        Behaviour::Good | Behaviour::CutWithoutRange => send(ok(&length), &body),
    }
}

/// A small set with the archives that a server gives.
struct Files {
    set: &'static KnownSet,
    bodies: HashMap<String, Vec<u8>>,
}

fn files() -> Files {
    files_like(&MNIST, |known, archive, unpacked| KnownFile {
        count: Some(30),
        archive_bytes: Some(archive.len() as u64),
        archive_sha256: Some(Sha256::digest(archive).into()),
        unpacked_sha256: Some(Sha256::digest(unpacked).into()),
        ..*known
    })
}

/// Thirty images in each split, as a known set publishes them.
fn files_like(of: &KnownSet, known: fn(&KnownFile, &[u8], &[u8]) -> KnownFile) -> Files {
    let mut bodies = HashMap::new();
    let files = of.files.each_ref().map(|file| {
        let unpacked = idx_file(file.role.kind(), 30);
        let archive = gzip(&unpacked);
        let known = known(file, &archive, &unpacked);
        bodies.insert(file.archive_name(), archive);
        known
    });
    let set = KnownSet { files, ..*of };
    Files {
        // A known set lives as long as the program.
        set: Box::leak(Box::new(set)),
        bodies,
    }
}

fn from(servers: &[&Server]) -> FetchOptions {
    FetchOptions {
        mirrors: Some(servers.iter().map(|server| server.url.clone()).collect()),
        answer_timeout: Duration::from_secs(3),
        stall_timeout: Duration::from_millis(300),
        ..FetchOptions::default()
    }
}

fn quiet(_: Progress) {}

/// The folder must hold the four right archives and nothing else.
#[track_caller]
fn assert_complete(data: &TempDir, files: &Files) {
    let folder = data.path().join("mnist");
    assert_eq!(names(&folder).len(), 4, "{:?}", names(&folder));
    for (name, body) in &files.bodies {
        assert_eq!(&fs::read(folder.join(name)).expect("there"), body);
    }
    assert_eq!(names(data.path()), ["mnist"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Fetches from one server of `behaviour`, which must fail and leave no file behind.
#[track_caller]
fn refused(behaviour: Behaviour) -> String {
    let (files, data) = (files(), folder());
    let server = Server::start(behaviour, &files);
    let error = fetch(files.set, data.path(), &from(&[&server]), &mut quiet)
        .expect_err("a bad server was believed");
    assert!(matches!(error, DataError::Download { .. }), "{error}");
    assert_eq!(names(&data.path().join("mnist")), [""; 0]);
    let text = error.to_string();
    assert!(text.contains(&server.url), "names the mirror: {text}");
    assert!(text.contains("leave --mirror out"), "{text}");
    assert!(text.contains("train-images-idx3-ubyte.gz"), "{text}");
    text
}

/// Fetches with a bad mirror first and a good one second.
#[track_caller]
fn second_mirror_serves(behaviour: Behaviour) -> FetchReport {
    let (files, data) = (files(), folder());
    let bad = Server::start(behaviour, &files);
    let good = Server::start(Behaviour::Good, &files);
    let mut failed = 0;
    let report = fetch(
        files.set,
        data.path(),
        &from(&[&bad, &good]),
        &mut |event| {
            failed += u32::from(matches!(event, Progress::MirrorFailed { .. }));
        },
    )
    .expect("the second mirror is good");
    assert_complete(&data, &files);
    assert_eq!(failed, 1, "the mirror that worked comes first from then on");
    assert!(!bad.log().is_empty());
    report
}

#[test]
fn a_broken_mirror_is_passed_over() {
    second_mirror_serves(Behaviour::Broken);
}

#[test]
fn a_wrong_hash_is_discarded() {
    second_mirror_serves(Behaviour::WrongBytes);
    let text = refused(Behaviour::WrongBytes);
    assert!(text.contains("wrong file: SHA-256"), "{text}");
}

#[test]
fn a_cut_connection_resumes() {
    let (files, data) = (files(), folder());
    let server = Server::start(Behaviour::CutOnce, &files);
    let report = fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("resumes");
    assert_complete(&data, &files);
    let total: usize = files.bodies.values().map(Vec::len).sum();
    assert_eq!(report.received, total as u64, "no byte came twice");
    let half = files.bodies["train-images-idx3-ubyte.gz"].len() / 2;
    assert_eq!(
        server.log()[1],
        format!("/train-images-idx3-ubyte.gz Some({half})")
    );
}

#[test]
fn a_cut_connection_restarts_without_ranges() {
    let (files, data) = (files(), folder());
    let server = Server::start(Behaviour::CutWithoutRange, &files);
    let report = fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("restarts");
    assert_complete(&data, &files);
    let total: usize = files.bodies.values().map(Vec::len).sum();
    assert!(report.received > total as u64);
}

#[test]
fn redirects_are_bounded_and_only_to_https() {
    let text = refused(Behaviour::RedirectTo("http://example.com"));
    assert!(text.contains("http to `example.com` is refused"), "{text}");
    let text = refused(Behaviour::RedirectTo("file://etc"));
    assert!(text.contains("refused"), "{text}");
    let text = refused(Behaviour::RedirectTo("http://127.0.0.1@example.com"));
    assert!(text.contains("refused"), "{text}");
    let text = refused(Behaviour::RedirectForever);
    assert!(text.contains("more than 5 redirects"), "{text}");
}

#[test]
fn a_redirect_on_loopback_is_followed() {
    let (files, data) = (files(), folder());
    let good = Server::start(Behaviour::Good, &files);
    let target: &'static str = good.url.trim_end_matches('/').to_owned().leak();
    let server = Server::start(Behaviour::RedirectTo(target), &files);
    fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("follows");
    assert_complete(&data, &files);
}

#[test]
fn sizes_are_bounded() {
    let text = refused(Behaviour::Oversize);
    assert!(text.contains("announces"), "{text}");
    let text = refused(Behaviour::Endless);
    assert!(text.contains("wrong file"), "{text}");
}

#[test]
fn headers_are_bounded() {
    let begin = Instant::now();
    refused(Behaviour::Headers);
    let spent = begin.elapsed();
    assert!(spent < Duration::from_secs(3), "{spent:?}");
}

#[test]
fn a_dripping_server_is_given_up() {
    let (files, data) = (files(), folder());
    let server = Server::start(Behaviour::Drip, &files);
    let options = FetchOptions {
        stall_timeout: Duration::from_millis(60),
        pause: Duration::ZERO,
        ..from(&[&server])
    };
    let error = fetch(files.set, data.path(), &options, &mut quiet).expect_err("it drips");
    assert!(matches!(error, DataError::Download { .. }), "{error}");
    assert_eq!(names(&data.path().join("mnist")), [""; 0]);
    assert!(server.log().len() <= 20, "{} requests", server.log().len());
}

#[test]
fn a_hanging_server_costs_the_deadline() {
    for behaviour in [Behaviour::Hang, Behaviour::HangInBody] {
        let (files, data) = (files(), folder());
        let servers = [(); 2].map(|()| Server::start(behaviour, &files));
        let options = FetchOptions {
            silence: Some(Duration::from_millis(400)),
            answer_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            ..from(&[&servers[0], &servers[1]])
        };
        let begin = Instant::now();
        let error = fetch(files.set, data.path(), &options, &mut quiet).expect_err("it hangs");
        let spent = begin.elapsed();
        assert!(spent >= Duration::from_millis(350), "{spent:?}: {error}");
        assert!(spent < Duration::from_millis(1200), "{spent:?}: {error}");
        let both = servers.iter().all(|server| !server.log().is_empty());
        assert!(behaviour == Behaviour::HangInBody || both, "both are asked");
    }
}

#[test]
fn a_stalled_body_goes_to_the_next_mirror() {
    second_mirror_serves(Behaviour::HangInBody);
}

#[test]
fn names_from_the_server_decide_nothing() {
    let (files, data) = (files(), folder());
    let server = Server::start(Behaviour::EvilName, &files);
    fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("a sound body");
    assert_complete(&data, &files);
}

#[test]
fn mirrors_must_be_https_or_loopback() {
    let (files, data) = (files(), folder());
    for (mirror, reason) in [
        ("http://example.com/mnist", "refused"),
        ("ftp://example.com/", "refused"),
        ("/some/folder", "names no host"),
        ("http://localhost.example.com/", "refused"),
        ("https://user@example.com/", "user name"),
        ("https://example.com/?x=", "not that of a folder"),
    ] {
        let options = FetchOptions {
            mirrors: Some(vec![mirror.to_owned()]),
            ..FetchOptions::default()
        };
        let error = fetch(files.set, data.path(), &options, &mut quiet).expect_err(mirror);
        assert!(matches!(error, DataError::Mirror { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn right_files_are_kept_and_wrong_ones_replaced() {
    let (files, data) = (files(), folder());
    let server = Server::start(Behaviour::Good, &files);
    let set_folder = data.path().join("mnist");
    fs::create_dir(&set_folder).expect("created");
    let archive = |role: &FileRole| files.set.file(*role).archive_name();
    let [images, labels, test_images, test_labels] = FileRole::ALL;
    // Right when unpacked, right though packed anew, a wrong archive, a wrong unpacked file.
    fs::write(set_folder.join(images.name()), idx_file(images.kind(), 30)).expect("written");
    let mut anew = gzip(&idx_file(labels.kind(), 30));
    anew[9] ^= 1;
    fs::write(set_folder.join(archive(&labels)), &anew).expect("written");
    fs::write(set_folder.join(archive(&test_images)), b"junk").expect("written");
    fs::write(set_folder.join(test_labels.name()), b"").expect("written");
    let stale = set_folder.join(".old.part");
    fs::write(&stale, b"half").expect("written");
    let file = fs::File::options()
        .write(true)
        .open(&stale)
        .expect("opened");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3 * 86_400);
    file.set_modified(long_ago).expect("set");

    let mut wrong = Vec::new();
    let report = fetch(files.set, data.path(), &from(&[&server]), &mut |event| {
        if let Progress::Wrong { path, reason } = event {
            wrong.push((path.to_owned(), reason.to_owned()));
        }
    })
    .expect("fetched");
    let paths = |roles: &[FileRole]| -> Vec<PathBuf> {
        roles
            .iter()
            .map(|role| set_folder.join(archive(role)))
            .collect()
    };
    assert_eq!(
        report.kept,
        [
            set_folder.join(images.name()),
            set_folder.join(archive(&labels))
        ]
    );
    assert_eq!(report.downloaded, paths(&[test_images, test_labels]));
    assert_eq!(report.replaced, wrong);
    assert_eq!(wrong.len(), 2);
    assert_eq!(wrong[1].1, "the file is empty (0 bytes)");
    let damaged = format!("{}.damaged", test_labels.name());
    assert!(names(&set_folder).contains(&damaged), "nothing is lost");
    assert!(!stale.exists());

    let again = fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("complete");
    assert_eq!((again.kept.len(), again.received), (4, 0));
    assert_eq!(server.log().len(), 2, "what is right is not asked for");
}

#[test]
fn two_fetches_at_once_do_no_harm() {
    let (files, data) = (files(), folder());
    let servers = [Behaviour::Good, Behaviour::CutOnce].map(|kind| Server::start(kind, &files));
    thread::scope(|scope| {
        for server in &servers {
            let (set, data) = (files.set, data.path());
            scope.spawn(move || {
                fetch(set, data, &from(&[server]), &mut quiet).expect("fetched");
            });
        }
    });
    assert_complete(&data, &files);
}

#[test]
fn a_cancel_ends_it() {
    let (files, data) = (files(), folder());
    let server = Server::start(Behaviour::Hang, &files);
    let options = FetchOptions {
        cancel: Some(Arc::new(AtomicBool::new(true))),
        ..from(&[&server])
    };
    let error = fetch(files.set, data.path(), &options, &mut quiet).expect_err("cancelled");
    assert!(matches!(error, DataError::Interrupted { .. }), "{error}");
    assert_eq!(names(&data.path().join("mnist")), [""; 0]);
}

#[test]
fn a_complete_folder_is_only_read() {
    let Some(official) = official_data("a_complete_folder_is_only_read") else {
        return;
    };
    // Nothing listens there: a request would fail.
    let options = FetchOptions {
        mirrors: Some(vec!["http://127.0.0.1:1/".to_owned()]),
        ..FetchOptions::automatic()
    };
    let report = fetch(&MNIST, &official, &options, &mut quiet).expect("there");
    assert_eq!((report.kept.len(), report.downloaded.len()), (4, 0));
}

/// Every set that is published file by file can be fetched, whatever its publisher says of it:
/// names of its own, no sizes.
#[test]
fn every_set_of_single_files_is_fetched() {
    for of in CATALOG {
        let Source::Mirrors(_) = of.source else {
            let error = fetch(of, folder().path(), &FetchOptions::default(), &mut quiet);
            assert!(matches!(error, Err(DataError::ByHand { .. })), "{of}");
            continue;
        };
        let files = files_like(of, |known, archive, unpacked| KnownFile {
            count: Some(30),
            archive_bytes: known.archive_bytes.map(|_| archive.len() as u64),
            archive_sha256: Some(Sha256::digest(archive).into()),
            unpacked_sha256: known
                .unpacked_sha256
                .map(|_| Sha256::digest(unpacked).into()),
            ..*known
        });
        let data = folder();
        let server = Server::start(Behaviour::Good, &files);
        let report = fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("fetched");
        assert_eq!((report.downloaded.len(), report.kept.len()), (4, 0), "{of}");
        let again = fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("there");
        assert_eq!((again.downloaded.len(), again.kept.len()), (0, 4), "{of}");
        let loaded =
            crate::data::read_known(&data.path().join(of.id), files.set).expect("readable");
        assert_eq!(loaded.set.train.len(), 30, "{of}");
    }
}

/// Nobody is told to give a mirror who gave one.
#[test]
fn what_is_advised_follows_whose_mirrors_failed() {
    let advice = |given| {
        let error = DataError::Download {
            set: "mnist",
            path: "mnist/train-images-idx3-ubyte.gz".into(),
            mirrors: Vec::new(),
            given,
        };
        error.to_string()
    };
    let own = advice(false);
    assert!(
        own.contains("try `gpu-mnist data fetch mnist --mirror URL`"),
        "{own}"
    );
    let given = advice(true);
    assert!(
        given.contains("Check the address and the network, leave --mirror out"),
        "{given}"
    );
    assert!(!given.contains("URL"), "{given}");
}

/// A file whose size is not published is bounded and verified all the same.
#[test]
fn a_file_of_unknown_size_is_bounded() {
    let known = |known: &KnownFile, archive: &[u8], _: &[u8]| KnownFile {
        archive_bytes: None,
        archive_sha256: Some(Sha256::digest(archive).into()),
        ..*known
    };
    for behaviour in [
        Behaviour::WrongBytes,
        Behaviour::Endless,
        Behaviour::HangInBody,
    ] {
        let (files, data) = (files_like(&QMNIST, known), folder());
        let server = Server::start(behaviour, &files);
        let options = FetchOptions {
            silence: Some(Duration::from_millis(400)),
            ..from(&[&server])
        };
        let error =
            fetch(files.set, data.path(), &options, &mut quiet).expect_err("it was believed");
        assert!(matches!(error, DataError::Download { .. }), "{error}");
        assert_eq!(names(&data.path().join("qmnist")), [""; 0]);
    }
    // A cut connection goes on where it was, or else from the beginning.
    for behaviour in [Behaviour::CutOnce, Behaviour::CutWithoutRange] {
        let (files, data) = (files_like(&QMNIST, known), folder());
        let server = Server::start(behaviour, &files);
        fetch(files.set, data.path(), &from(&[&server]), &mut quiet).expect("fetched");
        for (name, body) in &files.bodies {
            let found = fs::read(data.path().join("qmnist").join(name)).expect("there");
            assert_eq!(&found, body);
        }
    }
}

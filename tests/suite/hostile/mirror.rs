//! A mirror that answers with what it is given, and a fetch from it: whatever the answers are, the
//! folder holds right files or none.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use gpu_mnist::data::catalog::{KnownFile, KnownSet, MNIST};
use gpu_mnist::data::fetch::{FetchOptions, fetch};
use sha2::{Digest, Sha256};

/// What a right answer's body is.
const ARCHIVE: &[u8] = b"the bytes of an archive";
/// Stands between the answers to one request and the next.
const NEXT: &[u8] = b"==next==";
/// In an answer: the server's own address.
const HERE: &[u8] = b"==here==";

/// The answers, in order; after the last of them the server hangs up at once.
pub fn mirror(data: &[u8]) {
    // One server for the process, so one fetch at a time.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let server = server();
    let mut answers: Vec<Vec<u8>> = split(data, NEXT)
        .map(|answer| replace(answer, HERE, server.address.as_bytes()))
        .collect();
    answers.reverse();
    *server.answers.lock().expect("the server does not panic") = answers;

    let folder = tempfile::tempdir().expect("a folder");
    let data_folder = folder.path().join("data");
    let set_folder = data_folder.join("mnist");
    fs::create_dir_all(&set_folder).expect("made");
    for file in &MNIST.files[1..] {
        fs::write(set_folder.join(file.archive_name()), ARCHIVE).expect("written");
    }
    let options = FetchOptions {
        mirrors: Some(vec![format!("http://{}/", server.address)]),
        answer_timeout: Duration::from_millis(500),
        stall_timeout: Duration::from_millis(500),
        pause: Duration::ZERO,
        ..FetchOptions::default()
    };
    let fetched = fetch(known(), &data_folder, &options, &mut |_| {});
    let target = set_folder.join(MNIST.files[0].archive_name());
    match &fetched {
        Ok(_) => assert_eq!(fs::read(&target).expect("there"), ARCHIVE),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(!target.exists(), "a file that failed: {error}");
        }
    }
    let entries = |folder: &Path| fs::read_dir(folder).expect("a folder").count();
    assert_eq!(entries(&set_folder), if fetched.is_ok() { 4 } else { 3 });
    assert_eq!([entries(&data_folder), entries(folder.path())], [1, 1]);
}

/// MNIST, had it these archives.
fn known() -> &'static KnownSet {
    static SET: OnceLock<KnownSet> = OnceLock::new();
    SET.get_or_init(|| KnownSet {
        files: MNIST.files.map(|file| KnownFile {
            archive_bytes: Some(ARCHIVE.len() as u64),
            archive_sha256: Some(Sha256::digest(ARCHIVE).into()),
            unpacked_sha256: Some([0; 32]),
            ..file
        }),
        ..MNIST
    })
}

struct Server {
    address: String,
    /// The next one last.
    answers: Mutex<Vec<Vec<u8>>>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let mut listener = None;
    let server = SERVER.get_or_init(|| {
        let bound = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = bound.local_addr().expect("an address").to_string();
        listener = Some(bound);
        Server {
            address,
            answers: Mutex::default(),
        }
    });
    if let Some(listener) = listener {
        STARTED.get_or_init(|| {
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let answer = server.answers.lock().expect("no panic").pop();
                    thread::spawn(move || answer_one(stream, &answer.unwrap_or_default()));
                }
            });
        });
    }
    server
}

/// Reads a request to its end, answers, and hangs up.
fn answer_one(mut stream: TcpStream, answer: &[u8]) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => request.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
    let _ = stream.write_all(answer);
}

fn split<'a>(data: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        let found = data
            .windows(separator.len())
            .position(|window| window == separator);
        let end = found.unwrap_or(data.len());
        rest = found.map(|at| &data[at + separator.len()..]);
        Some(&data[..end])
    })
}

fn replace(data: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    split(data, from).collect::<Vec<_>>().join(to)
}

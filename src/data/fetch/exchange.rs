//! One request on a thread of its own, so that nothing that hangs (a resolver, a proxy, a server)
//! holds up the caller: it reads messages and stops listening when it has waited enough.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body};

use super::address;

const MOST_REDIRECTS: usize = 5;
/// Of a file whose size its publisher does not give.
const MOST_UNKNOWN: u64 = 64 << 20;
const CHUNK: usize = 64 << 10;
/// Chunks that may wait for the disk.
const QUEUE: usize = 8;

/// What is asked for.
pub(super) struct Request {
    pub url: String,
    /// First byte wanted.
    pub offset: u64,
    /// Size of the whole file, where it is known.
    pub total: Option<u64>,
    /// Until the headers are there.
    pub answer: Duration,
    /// Between two reads.
    pub stall: Duration,
}

/// What comes back, in this order: one `Accepted`, chunks, `End`; or `Failed` at any point.
pub(super) enum Message {
    /// The body begins at this byte of the file: the offset asked for, or 0.
    Accepted(u64),
    Chunk(Vec<u8>),
    End,
    Failed {
        reason: String,
        retry: bool,
    },
}

pub(super) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .accept_encoding("identity")
        .user_agent(concat!("gpu-mnist/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Starts a request. Dropping the receiver ends the thread at its next message; ureq's own
/// timeouts bound what it waits for until then.
pub(super) fn start(agent: &Agent, request: Request) -> Receiver<Message> {
    let (sender, receiver) = sync_channel(QUEUE);
    let agent = agent.clone();
    let spare = sender.clone();
    let spawned = thread::Builder::new()
        .name("fetch".to_owned())
        .spawn(move || {
            if let Err((reason, retry)) = exchange(&agent, &request, &sender) {
                // A caller that stopped listening needs no reason.
                let _ = sender.send(Message::Failed { reason, retry });
            }
        });
    if let Err(error) = spawned {
        let reason = format!("no thread for the download ({error})");
        let _ = spare.try_send(Message::Failed {
            reason,
            retry: false,
        });
    }
    receiver
}

/// A reason, and whether the same mirror is worth another try.
type Failure = (String, bool);

fn exchange(agent: &Agent, request: &Request, sender: &SyncSender<Message>) -> Result<(), Failure> {
    let response = follow(agent, request)?;
    let offset = first_byte(request, &response)?;
    if sender.send(Message::Accepted(offset)).is_err() {
        return Ok(());
    }
    // Never reads past the file's size, whatever the server goes on to send.
    let mut body = response
        .into_body()
        .into_reader()
        .take(most(request) - offset);
    loop {
        let mut chunk = vec![0; CHUNK];
        let count = match body.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err((format!("the connection broke ({error})"), true)),
        };
        chunk.truncate(count);
        let message = if count == 0 {
            Message::End
        } else {
            Message::Chunk(chunk)
        };
        if sender.send(message).is_err() || count == 0 {
            return Ok(());
        }
    }
}

/// Sends the request and follows redirects that lead to an allowed address.
fn follow(agent: &Agent, request: &Request) -> Result<Response<Body>, Failure> {
    let mut url = address::parse(&request.url).map_err(|reason| (reason, false))?;
    for _ in 0..=MOST_REDIRECTS {
        let response = send(agent, request, &url)?;
        if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|location| location.to_str().ok())
            .ok_or_else(|| ("redirected to nowhere".to_owned(), false))?;
        url = address::redirect(&url, location).map_err(|reason| (reason, false))?;
    }
    Err((format!("more than {MOST_REDIRECTS} redirects"), false))
}

fn send(agent: &Agent, request: &Request, url: &Uri) -> Result<Response<Body>, Failure> {
    let mut config = agent
        .get(url)
        .config()
        .timeout_resolve(Some(request.answer))
        .timeout_connect(Some(request.answer))
        .timeout_send_request(Some(request.answer))
        .timeout_recv_response(Some(request.answer))
        .timeout_per_read(Some(request.stall));
    if address::is_loopback(url) {
        config = config.proxy(None);
    }
    let mut builder = config.build();
    if request.offset > 0 {
        builder = builder.header(header::RANGE, format!("bytes={}-", request.offset));
    }
    builder.call().map_err(|error| (error.to_string(), false))
}

/// The most bytes that the file can have.
fn most(request: &Request) -> u64 {
    request.total.unwrap_or(MOST_UNKNOWN)
}

/// Judges the status and the sizes announced; gives the place in the file where the body begins.
fn first_byte(request: &Request, response: &Response<Body>) -> Result<u64, Failure> {
    let offset = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if request.offset > 0 => {
            let range = response
                .headers()
                .get(header::CONTENT_RANGE)
                .and_then(|range| range.to_str().ok())
                .unwrap_or_default();
            let wanted = match request.total {
                Some(total) => format!("bytes {}-{}/{total}", request.offset, total - 1),
                None => format!("bytes {}-", request.offset),
            };
            let fits = match request.total {
                Some(_) => range == wanted,
                None => range.starts_with(&wanted),
            };
            if !fits {
                return Err((
                    format!("answered with the range `{range}` to `{wanted}`"),
                    false,
                ));
            }
            request.offset
        }
        status => {
            let retry = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err((format!("answered {status}"), retry));
        }
    };
    let announced = response
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    let left = most(request) - offset;
    match (announced, request.total) {
        (Some(length), Some(_)) if length != left => Err((
            format!("announces {length} bytes, the file needs {left}"),
            false,
        )),
        (Some(length), None) if length > left => Err((
            format!("announces {length} bytes, more than any file of a set has"),
            false,
        )),
        _ => Ok(offset),
    }
}

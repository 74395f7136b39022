//! Requests to the server by its control socket.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use millstream::http::client::{Response, ResponseReader};
use serde_json::Value;

/// The largest answer, bytes.
const MAX_ANSWER: usize = 256 << 20;

/// How long the server may be silent: a reload may take half a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that has been found.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    stream: UnixStream,
}

/// A request.
#[derive(Debug)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    /// For an action.
    pub body: Option<Value>,
}

impl Request {
    /// A request for something to read.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None }
    }

    /// An action.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: "POST", path: path.into(), body: Some(body) }
    }
}

/// Why there is no answer, for people.
#[derive(Debug)]
pub struct Refusal {
    pub why: String,
    /// The server does not know what the request names.
    pub is_unknown: bool,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// As it came.
    pub text: String,
    pub value: Value,
}

impl Server {
    /// Connects to the first of these sockets at which a server answers.
    pub fn find(paths: &[PathBuf]) -> Result<Self, String> {
        let mut looked = Vec::new();
        for path in paths {
            match UnixStream::connect(path) {
                Ok(stream) => return Ok(Self { path: path.clone(), stream }),
                Err(error) => looked.push(format!("{} ({})", path.display(), explain(&error))),
            }
        }
        Err(looked.join(", "))
    }

    /// Asks, and waits for the answer. The error is the server's own text if it has one.
    pub fn ask(self, request: &Request) -> Result<Answer, Refusal> {
        let lost = |error: &io::Error| {
            let why = format!("{}: {error}", self.path.display());
            Refusal { why, is_unknown: false }
        };
        let response = self.exchange(request).map_err(|error| lost(&error))?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if (200..300).contains(&response.status) {
            return Ok(Answer { text, value });
        }
        let why = match value.get("error").and_then(Value::as_str) {
            Some(error) => error.to_owned(),
            None => format!("{} answers {} to {}", self.path.display(), response.status, request.path),
        };
        Err(Refusal { why, is_unknown: response.status == 404 })
    }

    fn exchange(&self, request: &Request) -> io::Result<Response> {
        let Request { method, path, body } = request;
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let body = body.as_ref().map(Value::to_string);
        if let Some(body) = &body {
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&body.unwrap_or_default());
        let mut stream = &self.stream;
        stream.write_all(text.as_bytes())?;
        let (mut reader, mut piece) = (ResponseReader::new(MAX_ANSWER), vec![0; 64 << 10]);
        loop {
            let count = match stream.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(io::Error::new(ErrorKind::TimedOut, "the server does not answer"));
                }
                result => result?,
            };
            if count == 0 {
                return reader.end().map_err(io::Error::other);
            }
            let mut input = piece.get(..count).unwrap_or_default();
            if let Some(response) = reader.next(&mut input).map_err(io::Error::other)? {
                return Ok(response);
            }
        }
    }
}

/// What is wrong with a socket, for people.
fn explain(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "not there",
        ErrorKind::PermissionDenied => {
            "not yours: run this as root or as the user who has started the server"
        }
        ErrorKind::ConnectionRefused => "left by a server that has ended",
        _ => "not a socket that can be connected to",
    }
}

/// A path below the API's, with its parts encoded.
pub fn path(parts: &[&str]) -> String {
    let encoded = parts.iter().flat_map(|part| ["/".to_owned(), millstream::http::path::encode(part)]);
    encoded.collect()
}

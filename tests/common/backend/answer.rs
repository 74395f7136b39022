//! What a backend can answer, right or wrong.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Request;

/// An answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status, without a body.
    Status(u16),
    /// A body with its length.
    Body(u16, String),
    /// No body, and a header `Location`.
    Location(u16, String),
    /// A body in these chunks.
    Chunked(u16, Vec<String>),
    /// A body without a length: it is over when the backend closes.
    UntilClose(u16, String),
    /// A body with its length, and a connection that stays open even if the client asks the backend to close it.
    StaysOpen(u16, String),
    /// None, while the connection stays.
    Never,
    /// None: the backend closes.
    Closes,
    /// The head and half of the body, and then the backend closes.
    ClosesInTheMiddle(u16, String),
    /// This status and body, a byte at a time with this wait before each.
    Trickle(Duration, u16, String),
    /// A body of a gigabyte, with its length.
    Gigabyte,
    /// Bytes as they are; then the connection stays until the client closes it.
    Raw(Vec<u8>),
    /// Bytes as they are; then the backend closes.
    CutOff(Vec<u8>),
    /// Bytes as they are, each part after this wait; then the connection stays until the client closes it.
    Parts(Vec<(Duration, Vec<u8>)>),
    /// An answer after this wait.
    After(Duration, Box<Answer>),
}

impl Answer {
    /// Sends it; true if the connection stays for the next request.
    pub fn send(self, mut stream: &TcpStream, request: &Request) -> io::Result<bool> {
        let is_persistent = request.is_persistent();
        let end = if is_persistent { "" } else { "Connection: close\r\n" };
        let whole = |status: u16, fields: &str, body: &str| {
            let length = body.len();
            format!("{}Content-Length: {length}\r\n{end}{fields}\r\n{body}", status_line(status))
        };
        let text = match self {
            Self::Status(status) => whole(status, "", ""),
            Self::Body(status, body) => whole(status, "", &body),
            Self::Location(status, to) => whole(status, &format!("Location: {to}\r\n"), ""),
            Self::Chunked(status, chunks) => {
                let chunks = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
                let (line, chunks) = (status_line(status), chunks.collect::<String>());
                format!("{line}Transfer-Encoding: chunked\r\n{end}\r\n{chunks}0\r\n\r\n")
            }
            Self::UntilClose(status, body) => {
                stream.write_all(format!("{}\r\n{body}", status_line(status)).as_bytes())?;
                return Ok(false);
            }
            Self::StaysOpen(status, body) => {
                let (line, length) = (status_line(status), body.len());
                stream.write_all(format!("{line}Content-Length: {length}\r\n\r\n{body}").as_bytes())?;
                return Ok(true);
            }
            Self::Never => return wait_for_the_end(stream),
            Self::Closes => return Ok(false),
            Self::ClosesInTheMiddle(status, body) => {
                let text = whole(status, "", &body);
                stream.write_all(&text.as_bytes()[..text.len() - body.len().div_ceil(2)])?;
                return Ok(false);
            }
            Self::Trickle(wait, status, body) => {
                for byte in whole(status, "", &body).as_bytes() {
                    std::thread::sleep(wait);
                    stream.write_all(&[*byte])?;
                }
                return Ok(is_persistent);
            }
            Self::Gigabyte => return send_a_gigabyte(stream),
            Self::Raw(bytes) => {
                stream.write_all(&bytes)?;
                return wait_for_the_end(stream);
            }
            Self::CutOff(bytes) => {
                stream.write_all(&bytes)?;
                return Ok(false);
            }
            Self::Parts(parts) => {
                for (wait, bytes) in parts {
                    std::thread::sleep(wait);
                    stream.write_all(&bytes)?;
                }
                return wait_for_the_end(stream);
            }
            Self::After(wait, answer) => {
                std::thread::sleep(wait);
                return answer.send(stream, request);
            }
        };
        stream.write_all(text.as_bytes())?;
        Ok(is_persistent)
    }
}

fn status_line(status: u16) -> String {
    let reason = match status {
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        403 => "Forbidden",
        500 => "Internal Server Error",
        _ => "Other",
    };
    format!("HTTP/1.1 {status} {reason}\r\nServer: test\r\nContent-Type: text/plain\r\n")
}

/// Reads, and throws away, until the client closes.
fn wait_for_the_end(mut stream: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer)? > 0 {}
    Ok(false)
}

fn send_a_gigabyte(mut stream: &TcpStream) -> io::Result<bool> {
    const LENGTH: usize = 1 << 30;
    let block = [b'x'; 1 << 16];
    stream.write_all(format!("{}Content-Length: {LENGTH}\r\n\r\n", status_line(200)).as_bytes())?;
    for _ in 0..LENGTH / block.len() {
        stream.write_all(&block)?;
    }
    Ok(false)
}

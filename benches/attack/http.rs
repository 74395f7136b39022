//! Attacks over HTTP.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};

use super::options::Plan;
use super::publish;
use super::start::Start;
use super::transport::{Target, Transport};

const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a path, nearly as long as a target may be.
const LONG: usize = 4000;
/// Bytes that a client lets a server send at once.
const WINDOW: usize = 4 << 20;
/// Bytes thrown away at once. Nothing is ever written there.
const SPACE: usize = 1 << 20;

/// Lists of a folder with many entries.
pub fn listing(plan: &Plan, start: &Start) -> io::Result<()> {
    ask(plan, start, "/list/")
}

/// A large file.
pub fn downloads(plan: &Plan, start: &Start) -> io::Result<()> {
    ask(plan, start, "/large.bin")
}

/// Files that the kernel does not have in memory, another one for each client.
pub fn cold_files(plan: &Plan, start: &Start) -> io::Result<()> {
    start.wait()?;
    let ask = |number| {
        let mut client = connect(&plan.http)?;
        client.write_all(last_request(&format!("/cold/{number:04}")).as_bytes())?;
        Ok(client)
    };
    let clients = (0..plan.peers).map(ask).collect::<io::Result<_>>()?;
    start.all(clients, |mut client| receive(&mut client, 200))
}

/// What the page asks for, of many streams.
pub fn statistics(plan: &Plan, start: &Start) -> io::Result<()> {
    let _streams = publish::many(&plan.rtmp, "many", plan.before)?;
    ask(plan, start, "/page/streams.json")
}

/// Pipelined requests of long paths, which regular expressions go through.
pub fn long_paths(plan: &Plan, start: &Start) -> io::Result<()> {
    pipeline(plan, start, &format!("/{}", "a.".repeat(LONG / 2)), 404)
}

/// Pipelined requests of a small file.
pub fn pipelines(plan: &Plan, start: &Start) -> io::Result<()> {
    pipeline(plan, start, "/small.txt", 200)
}

/// All clients ask for the same, again and again.
fn ask(plan: &Plan, start: &Start, path: &str) -> io::Result<()> {
    let request = last_request(path);
    start.wait()?;
    start.all(send_all(plan, &request)?, |mut client| {
        receive(&mut client, 200)?;
        (1..plan.count).try_for_each(|_| {
            let mut client = connect(&plan.http)?;
            client.write_all(request.as_bytes())?;
            receive(&mut client, 200)
        })
    })
}

/// All clients send their requests at once.
fn pipeline(plan: &Plan, start: &Start, path: &str, status: u16) -> io::Result<()> {
    let first = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let requests = first.repeat(plan.count.saturating_sub(1)) + &last_request(path);
    start.wait()?;
    let clients = send_all(plan, &requests)?;
    start.all(clients, |mut client| receive(&mut client, status))
}

fn last_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// Connects all, not before the start, as a server waits for a request for some seconds only; then all send,
/// and nobody reads before all have.
fn send_all(plan: &Plan, requests: &str) -> io::Result<Vec<Transport>> {
    let mut clients: Vec<_> = (0..plan.peers).map(|_| connect(&plan.http)).collect::<io::Result<_>>()?;
    clients.iter_mut().try_for_each(|client| client.write_all(requests.as_bytes()))?;
    Ok(clients)
}

fn connect(target: &Target) -> io::Result<Transport> {
    let stream = TcpStream::connect(target.address)?;
    stream.set_nodelay(true)?;
    // Only root may have more than the system's limit.
    setsockopt(&stream, RcvBufForce, &WINDOW).or_else(|_| setsockopt(&stream, RcvBuf, &WINDOW))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Transport::over(stream, target)
}

/// Throws away all answers up to the end of the connection, but for the first's status.
fn receive(client: &mut Transport, status: u16) -> io::Result<()> {
    let mut line = [0; 12];
    client.read_exact(&mut line)?;
    if line != format!("HTTP/1.1 {status}").as_bytes() {
        return Err(io::Error::other(format!("the answer is {}", String::from_utf8_lossy(&line))));
    }
    client.discard_rest(&mut vec![0; SPACE])
}

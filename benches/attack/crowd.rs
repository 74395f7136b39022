//! Crowds: many connections of one kind, which come one after the other, stay for a moment and go all at once. Half of
//! them come from one address, half from many.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use super::media::{self, SMALL};
use super::options::Plan;
use super::peer::{self, Peer};
use super::start::Start;
use super::wire;

/// Addresses that the second half comes from.
const ADDRESSES: usize = 200;
/// How long a crowd stays, for each time that it is to.
const STAYS: Duration = Duration::from_secs(1);
/// Message type of data, and bytes of a message of it.
const DATA: u8 = 18;
const UNFINISHED: usize = 60_000;
/// Questions of a client that reads no answer; beyond some 500 it is hung up on.
const QUESTIONS: usize = 480;
/// Bytes of the pictures that wait for players that do not read, and how many there are.
const PICTURE: usize = 50_000;
const PICTURES: usize = 20;

/// Connections on which nothing is said.
pub fn silent(plan: &Plan, start: &Start) -> io::Result<()> {
    crowd(plan, start, |_, from| peer::connect(&plan.rtmp, from))
}

/// Clients that go no further than the handshake.
pub fn handshaken(plan: &Plan, start: &Start) -> io::Result<()> {
    crowd(plan, start, |_, from| {
        let (mut peer, answer) = Peer::greet(&plan.rtmp, from)?;
        peer.write(&answer[1..wire::HELLO]).map(|()| peer)
    })
}

/// Clients that neither publish nor play.
pub fn connected(plan: &Plan, start: &Start) -> io::Result<()> {
    crowd(plan, start, |_, from| Peer::connect(&plan.rtmp, from))
}

/// Clients that have sent nearly all of a long message: together more than the server may hold.
pub fn unfinished(plan: &Plan, start: &Start) -> io::Result<()> {
    let mut message = Vec::new();
    wire::write_message(&mut message, DATA, 1, 0, &[0; UNFINISHED]);
    message.pop();
    crowd(plan, start, |_, from| {
        let mut peer = Peer::connect(&plan.rtmp, from)?;
        peer.write(&message).map(|()| peer)
    })
}

/// Clients that ask on and on and read no answer: together more than may wait.
pub fn replies(plan: &Plan, start: &Start) -> io::Result<()> {
    let mut questions = Vec::new();
    (0..QUESTIONS).for_each(|_| wire::create_stream(&mut questions));
    crowd(plan, start, |_, from| {
        let mut peer = Peer::connect(&plan.rtmp, from)?;
        peer.write(&questions).map(|()| peer)
    })
}

/// Players of a stream that does not come.
pub fn players(plan: &Plan, start: &Start) -> io::Result<()> {
    crowd(plan, start, |_, from| Peer::play(&plan.rtmp, from, "nobody"))
}

/// Players that read nothing of what they begin with.
pub fn slow_players(plan: &Plan, start: &Start) -> io::Result<()> {
    let mut publisher = Peer::publish(&plan.rtmp, None, &["crowd"])?;
    let mut bytes = Vec::new();
    media::write_header(&mut bytes, 1);
    media::write_key(&mut bytes, 1, 0, PICTURE);
    for picture in 1..PICTURES {
        media::write_inter(&mut bytes, 1, picture * 40, PICTURE);
    }
    publisher.write(&bytes)?;
    publisher.settle()?;
    crowd(plan, start, |_, from| Peer::play(&plan.rtmp, from, "crowd"))
}

/// Publishers that have sent a key frame, into whatever the application has.
pub fn publishers(plan: &Plan, start: &Start) -> io::Result<()> {
    let mut bytes = Vec::new();
    media::write_header(&mut bytes, 1);
    media::write_key(&mut bytes, 1, 0, SMALL);
    crowd(plan, start, |number, from| {
        let mut peer = Peer::publish(&plan.rtmp, from, &[&format!("crowd{number}")])?;
        peer.write(&bytes).map(|()| peer)
    })
}

/// HTTP clients that have been answered.
pub fn idle(plan: &Plan, start: &Start) -> io::Result<()> {
    crowd(plan, start, |_, from| ask(plan, from, "/small.txt"))
}

/// HTTP clients that do not read what they have asked for.
pub fn downloads(plan: &Plan, start: &Start) -> io::Result<()> {
    crowd(plan, start, |_, from| ask(plan, from, "/large.bin"))
}

/// Asks for a file and reads the beginning of the answer.
fn ask(plan: &Plan, from: Option<Ipv4Addr>, path: &str) -> io::Result<impl Sized> {
    let mut stream = peer::connect(&plan.http, from)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(stream)
}

/// Opens connections by their number, lets them stay and closes them.
fn crowd<T>(
    plan: &Plan,
    start: &Start,
    open: impl Fn(usize, Option<Ipv4Addr>) -> io::Result<T>,
) -> io::Result<()> {
    start.wait()?;
    let mut peers = Vec::new();
    for number in 0..plan.peers {
        let address = if number < plan.peers / 2 { Ipv4Addr::LOCALHOST } else { address(number % ADDRESSES) };
        match open(number, Some(address)) {
            Ok(peer) => peers.push(peer),
            Err(error) => start.judge(Err(error))?,
        }
    }
    thread::sleep(STAYS * plan.count as u32);
    Ok(())
}

/// One of many addresses of this machine.
fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, 0, number as u8 + 1)
}

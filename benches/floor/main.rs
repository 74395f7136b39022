//! The floor: what the kernel takes for a fan-out, and nothing else.
//!
//! Sends prepared bytes, as many as a frame has on the wire, to so many sockets: one send for each frame
//! and player, or for every so many frames. It reads nothing and knows no protocol.

#[path = "../load/pace.rs"]
mod pace;

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Instant;

use getopts::Options;

/// The chunk size of the servers measured, and the length of a full chunk header (RTMP 5.3.1.2).
const CHUNK: usize = 4096;
const HEADER: usize = 12;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut options = Options::new();
    options
        .optopt("", "players", "connections to wait for, and to send to (1)", "N")
        .optopt("", "video", "bits a second of the video (2000000)", "N")
        .optopt("", "merge", "frames in one send (1)", "N")
        .optflag("", "bench", "");
    let matches = options.parse(std::env::args().skip(1)).map_err(io::Error::other)?;
    let number = |name, default| matches.opt_get_default(name, default).map_err(io::Error::other);
    let (players, bit_rate, merge) =
        (number("players", 1)?, number("video", 2_000_000)?, number("merge", 1)?);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let mut sockets = Vec::new();
    for _ in 0..players {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    send_frames(&mut sockets, bit_rate, merge.max(1));
    Ok(())
}

/// Sends until somebody hangs up. What a socket has no room for is lost; the load counts what arrives.
fn send_frames(sockets: &mut [TcpStream], bit_rate: u64, merge: u64) {
    let group: usize = (0..pace::GROUP).map(|frame| on_wire(bit_rate, frame)).sum();
    let bytes = vec![0x5a; group];
    let begun = Instant::now();
    for first in (0_u64..).step_by(merge as usize) {
        let frames = first..first + merge;
        let length = frames.clone().map(|frame| on_wire(bit_rate, frame)).sum::<usize>().min(group);
        std::thread::sleep(
            (begun + pace::frame_due(frames.end - 1)).saturating_duration_since(Instant::now()),
        );
        for socket in &mut *sockets {
            match socket.write(&bytes[..length]) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}

/// Bytes of a frame in chunks, the first with a full header.
fn on_wire(bit_rate: u64, frame: u64) -> usize {
    let size = pace::frame_size(bit_rate, pace::GROUP, frame);
    HEADER + size + size.saturating_sub(1) / CHUNK
}

//! The floor: what the kernel takes for a fan-out, and nothing else.
//!
//! Sends prepared bytes, as many as a frame has on the wire, to so many sockets: one send for each frame
//! and player, or for every so many frames. It knows no protocol. One more connection says when frames are due, by a
//! byte for each: the load meets the frames of every server at the same moments. With a folder it sends files in place of
//! that.

mod files;
#[path = "../load/pace.rs"]
#[expect(dead_code, reason = "when a frame is due the load says")]
mod pace;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;

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
        .optopt("", "files", "folder of s0.flv, s1.flv and so on, one for each connection", "FOLDER")
        .optflag("", "bench", "");
    let matches = options.parse(std::env::args().skip(1)).map_err(io::Error::other)?;
    let number = |name, default| matches.opt_get_default(name, default).map_err(io::Error::other);
    let (players, bit_rate, merge) =
        (number("players", 1)?, number("video", 2_000_000)?, number("merge", 1)?);
    let players = usize::try_from(players).map_err(io::Error::other)?;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    if let Some(folder) = matches.opt_str("files") {
        return files::send(&listener, players, Path::new(&folder), bit_rate);
    }
    let mut sockets = Vec::new();
    for _ in 0..players {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    let (clock, _) = listener.accept()?;
    send_frames(&mut sockets, clock, bit_rate, merge.max(1));
    Ok(())
}

/// Sends until somebody hangs up. What a socket has no room for is lost; the load counts what arrives.
fn send_frames(sockets: &mut [TcpStream], mut clock: TcpStream, bit_rate: u64, merge: u64) {
    let group: usize = (0..pace::GROUP).map(|frame| on_wire(bit_rate, frame)).sum();
    let bytes = vec![0x5a; group];
    let mut due = vec![0; merge as usize];
    for first in (0_u64..).step_by(merge as usize) {
        let length = (first..first + merge).map(|frame| on_wire(bit_rate, frame)).sum::<usize>().min(group);
        if clock.read_exact(&mut due).is_err() {
            return;
        }
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

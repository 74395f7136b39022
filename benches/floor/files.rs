//! The floor of files that are played: reads a file for each socket by pieces, at the pace of its bit rate, and writes
//! them.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Bytes that are read and written at once.
const PIECE: u64 = 64 * 1024;
/// What is sent at once in the beginning, as servers fill a client's buffer.
const AHEAD: Duration = Duration::from_secs(2);

/// One who is sent a file.
struct Player {
    socket: TcpStream,
    file: File,
    length: u64,
    /// Bytes that have been sent, and that are due.
    sent: u64,
    due: u64,
}

/// Sends `sN.flv` of a folder to the player number N, until one hangs up.
pub fn send(listener: &TcpListener, players: usize, folder: &Path, bit_rate: u64) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut all = Vec::new();
    for number in 0..players {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        poll.registry().register(&mut socket, Token(number), Interest::WRITABLE)?;
        let file = File::open(folder.join(format!("s{number}.flv")))?;
        let length = file.metadata()?.len();
        all.push(Player { socket, file, length, sent: 0, due: 0 });
    }
    let (mut buffer, mut events) = (vec![0; PIECE as usize], Events::with_capacity(256));
    let interval = Duration::from_secs_f64((PIECE * 8) as f64 / bit_rate as f64);
    let ahead = (bit_rate as f64 / 8.0 * AHEAD.as_secs_f64()) as u64;
    let begun = Instant::now();
    for player in &mut all {
        player.due = ahead;
        player.go_on(&mut buffer)?;
    }
    // Pieces are due one after the other, evenly.
    for number in 0_u32.. {
        let due = begun + interval / players as u32 * number;
        while let Some(wait) = due.checked_duration_since(Instant::now()) {
            match poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                all[event.token().0].go_on(&mut buffer)?;
            }
        }
        let player = &mut all[number as usize % players];
        player.due += PIECE;
        player.go_on(&mut buffer)?;
    }
    Ok(())
}

impl Player {
    /// Sends what is due, as far as the socket has room.
    fn go_on(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        while self.sent < self.due {
            let count = (self.due - self.sent).min(PIECE) as usize;
            // A file that has come to its end begins again.
            let count = self.file.read_at(&mut buffer[..count], self.sent % self.length)?;
            match self.socket.write(&buffer[..count]) {
                Ok(written) => self.sent += written as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

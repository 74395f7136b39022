//! The launcher's end of the control channel: its standard input, a socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use millstream::engine::CommandEvent;
use millstream::net::{Incoming, Order, event_line};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{read, write};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// What has come over the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The command is to be ended.
    End {
        /// Within so many milliseconds.
        time: u64,
        /// By this signal, if it is another one than it was started with.
        signal: Option<i32>,
    },
    /// The server has gone.
    Closed,
}

/// The control channel.
pub struct Control {
    input: io::Stdin,
    incoming: Incoming,
}

impl Control {
    /// The channel that the server has given this process.
    pub fn begin() -> Result<Self, String> {
        let input = io::stdin();
        let kind = fstat(&input).map(|found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT);
        if kind != Ok(SFlag::S_IFSOCK) {
            return Err("\"launch\" is for the server itself, which starts commands by it".to_owned());
        }
        Ok(Self { input, incoming: Incoming::default() })
    }

    /// Waits for the first order; none if the server has gone.
    pub fn first(&mut self) -> Option<Order> {
        loop {
            if let Some(order) = self.incoming.take() {
                return Some(order);
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// Takes what has come with the first order.
    pub fn early_news(&mut self) -> Vec<News> {
        self.taken()
    }

    /// Takes what has come, as the channel is ready to be read.
    pub fn news(&mut self) -> Vec<News> {
        let is_open = self.receive();
        let mut news = self.taken();
        news.extend((!is_open).then_some(News::Closed));
        news
    }

    fn taken(&mut self) -> Vec<News> {
        let orders = std::iter::from_fn(|| self.incoming.take());
        let ends = orders.filter_map(|order| match order {
            Order::End { time, signal } => Some(News::End { time, signal }),
            Order::Run(_) => None,
        });
        ends.collect()
    }

    /// Whether the server has gone.
    pub fn is_closed(&self) -> bool {
        let mut polled = [PollFd::new(self.input.as_fd(), PollFlags::empty())];
        let hung_up =
            |polled: &PollFd<'_>| polled.revents().is_some_and(|seen| seen.contains(PollFlags::POLLHUP));
        poll(&mut polled, PollTimeout::ZERO).is_ok() && polled.iter().any(hung_up)
    }

    /// Tells the server something. One that has gone is not told.
    pub fn tell(&self, event: &CommandEvent) {
        let line = event_line(event).unwrap_or_default();
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match write(&self.input, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Reads once; false at the end of the channel.
    fn receive(&mut self) -> bool {
        let mut chunk = vec![0; CHUNK];
        match read(&self.input, &mut chunk) {
            Ok(0) => false,
            Ok(count) => self.incoming.add(chunk.get(..count).unwrap_or_default()),
            Err(Errno::EINTR | Errno::EAGAIN) => true,
            Err(_) => false,
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

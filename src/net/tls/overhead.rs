//! Encrypted bytes without data, of which a peer may send only so many: each change of a key is work for the loop, and what is
//! not whole stays in memory.

use std::time::{Duration, Instant};

/// Bytes without data that a peer may send in its handshake, or in [`WINDOW`] after it. A long chain of certificates has
/// 64 KiB; what is beyond (tickets, changes of the key) would hold up the loop.
const MAX_WITHOUT_DATA: usize = 128 * 1024;
/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(2);
/// Bytes that a client may send after its handshake before data comes. A record has 16 KiB and a few bytes more. What is not
/// whole, be it a record or a message of TLS itself, is kept in memory for as long as the client likes.
const MAX_UNFINISHED: usize = 20 * 1024;
/// Some programs write a few bytes into each record: for each byte of data, so many others are free.
const FREE: usize = 8;

/// What has come of them over a connection.
#[derive(Debug)]
pub struct Overhead {
    /// Those since the last data.
    unfinished: usize,
    /// Those that are counted, since when.
    counted: usize,
    since: Instant,
}

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Either side, in its handshake.
    Handshake,
    Client,
    Server,
}

impl Overhead {
    /// None has come.
    pub fn new(now: Instant) -> Self {
        Self { unfinished: 0, counted: 0, since: now }
    }

    /// The handshake is complete.
    pub fn finish_handshake(&mut self) {
        (self.unfinished, self.counted) = (0, 0);
    }

    /// Counts bytes that have come with so many bytes of data in them; says what is wrong if they are too many.
    pub fn count(&mut self, bytes: usize, data: usize, sender: Sender) -> Result<(), &'static str> {
        self.counted = (self.counted + bytes).saturating_sub(FREE * data);
        self.unfinished = if data == 0 { self.unfinished + bytes } else { 0 };
        if sender == Sender::Client && self.unfinished > MAX_UNFINISHED {
            return Err("it sends a record or a message of TLS that is too long");
        }
        if self.counted > MAX_WITHOUT_DATA {
            return self.begin_again(sender, Instant::now());
        }
        Ok(())
    }

    /// Counts from the beginning if the time is over.
    fn begin_again(&mut self, sender: Sender, now: Instant) -> Result<(), &'static str> {
        if sender == Sender::Handshake || now.saturating_duration_since(self.since) < WINDOW {
            return Err("it sends records without data, again and again");
        }
        (self.counted, self.since) = (0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> Overhead {
        Overhead::new(Instant::now())
    }

    #[test]
    fn a_client_may_leave_no_more_than_a_record_unfinished_after_its_handshake() {
        let mut client = new();
        client.count(64 * 1024, 0, Sender::Handshake).unwrap();
        client.finish_handshake();
        for _ in 0..5 {
            client.count(MAX_UNFINISHED, 0, Sender::Client).unwrap();
            client.count(100, 16 * 1024, Sender::Client).unwrap();
        }
        client.count(MAX_UNFINISHED, 0, Sender::Client).unwrap();
        assert!(client.count(1, 0, Sender::Client).is_err());
        new().count(MAX_WITHOUT_DATA, 0, Sender::Server).unwrap();
    }

    #[test]
    fn records_without_data_are_limited_also_between_others() {
        let mut client = new();
        let is_over = |client: &mut Overhead| client.count(10_000, 1, Sender::Client).is_err();
        let count = (0..).take_while(|_| !is_over(&mut client)).count();
        assert_eq!(count, 13);
        let (mut small, mut later) = (new(), new());
        for _ in 0..100_000 {
            small.count(24, 3, Sender::Client).unwrap();
        }
        later.counted = MAX_WITHOUT_DATA + 1;
        let now = later.since + WINDOW;
        assert!(later.begin_again(Sender::Handshake, now).is_err());
        later.begin_again(Sender::Client, now).unwrap();
        assert!(later.begin_again(Sender::Client, now).is_err());
    }
}

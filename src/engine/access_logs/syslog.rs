//! An access log that goes to syslog. Each line is sent at once, as nginx does, and sending never waits: lines for which
//! there is no room wait on the loop, up to a limit, for the next attempt.

use std::io::ErrorKind;
use std::mem;
use std::time::Instant;

use super::losses::Losses;
use crate::conf::Place;
use crate::engine::now::Now;
use crate::engine::time_zone;
use crate::syslog::{Messages, Sender, SyslogTarget};

/// Bytes of messages that wait for room; beyond that they are lost.
const MAX_WAITING: usize = 64 * 1024;

/// Why lines are lost for which there is no room.
const TOO_SLOW: &str = "it receives too slowly";

#[derive(Debug)]
pub struct AccessSyslog {
    pub target: SyslogTarget,
    /// The first directive that names it.
    pub origin: Place,
    messages: Messages,
    /// None until it is opened.
    sender: Option<Sender>,
    /// Whole messages, in order.
    waiting: Vec<String>,
    waiting_bytes: usize,
    losses: Losses,
}

impl AccessSyslog {
    pub fn new(target: SyslogTarget, origin: Place) -> Self {
        let (messages, losses) = (Messages::new(&target), Losses::default());
        Self { target, origin, messages, sender: None, waiting: Vec::new(), waiting_bytes: 0, losses }
    }

    pub fn take(&mut self, sender: Sender) {
        self.sender = Some(sender);
    }

    /// Another sender to the same address.
    pub fn known(&self) -> Option<Sender> {
        self.sender.as_ref().map(Sender::unconnected)
    }

    /// Takes the sender of the same target, whose name has been looked up again.
    pub fn renew(&mut self, next: Self) {
        if next.sender.is_some() {
            self.sender = next.sender;
        }
    }

    /// Whether there is something to do at a later time.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.losses.is_owed()
    }

    /// Sends a line, behind those that wait.
    pub fn add(&mut self, line: &str, now: Now) {
        let local = jiff::Timestamp::try_from(now.wall).unwrap_or_default().to_zoned(time_zone::local());
        let line = line.strip_suffix('\n').unwrap_or(line);
        let message = self.messages.message(self.target.severity(), local.strftime("%b %e %H:%M:%S"), line);
        if self.waiting_bytes + message.len() > MAX_WAITING {
            self.flush(now.instant);
        }
        if self.waiting_bytes + message.len() > MAX_WAITING {
            return self.losses.add(&self.target, 1, &TOO_SLOW, now.instant);
        }
        self.waiting_bytes += message.len();
        self.waiting.push(message);
        self.flush(now.instant);
    }

    /// Sends what waits, as far as there is room.
    pub fn flush(&mut self, now: Instant) {
        self.losses.tell_owed(&self.target, now);
        let Some(sender) = &mut self.sender else { return };
        let mut sent = 0;
        while let Some(message) = self.waiting.get(sent) {
            match sender.send(message.as_bytes(), now) {
                Ok(()) => self.losses.tell(&self.target, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => self.losses.add(&self.target, 1, &error, now),
            }
            sent += 1;
        }
        self.waiting_bytes -= self.waiting.drain(..sent).map(|message| message.len()).sum::<usize>();
    }

    /// The end: what finds no room now is lost.
    pub fn close(mut self, now: Instant) {
        self.flush(now);
        let lost = mem::take(&mut self.waiting).len();
        if lost > 0 {
            self.losses.add(&self.target, lost as u64, &TOO_SLOW, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::conf::Tree;
    use crate::test_folder::Folder;

    fn log(folder: &Folder) -> AccessSyslog {
        let word = format!("syslog:server=unix:{},severity=notice", folder.join("log").display());
        let (target, tree): (SyslogTarget, _) = (word.parse().unwrap(), Tree::from_text("f", "").unwrap());
        let sender = Sender::new(&target).unwrap();
        let mut log = AccessSyslog::new(target, Place::of(tree.root()));
        log.take(sender);
        log
    }

    fn now() -> Now {
        Now { instant: Instant::now(), wall: UNIX_EPOCH }
    }

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = vec![0; 16 * 1024];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn each_line_is_sent_at_once_without_its_end() {
        let folder = Folder::new();
        let socket = UnixDatagram::bind(folder.join("log")).unwrap();
        let mut log = log(&folder);
        for line in ["a\n", "b\n"] {
            log.add(line, now());
            assert!(!log.has_waiting());
        }
        let (a, b) = (receive(&socket), receive(&socket));
        // 23 * 8 + 5.
        assert!(a.starts_with("<189>") && a.ends_with(" millstream: a") && b.ends_with(" b"), "{a} {b}");
    }

    #[test]
    fn lines_wait_in_order_for_room_and_those_beyond_the_limit_are_counted() {
        let folder = Folder::new();
        let socket = UnixDatagram::bind(folder.join("log")).unwrap();
        let (mut log, now) = (log(&folder), now());
        let mut added = 0;
        while log.losses.complained_at.is_none() {
            log.add(&format!("{added} {}", "x".repeat(4000)), now);
            added += 1;
        }
        assert!(log.has_waiting() && log.waiting_bytes <= MAX_WAITING);
        log.add(&"y".repeat(4000), now);
        assert_eq!(log.losses.lines, 1, "the first one has been reported");
        socket.set_nonblocking(true).unwrap();
        let mut received = 0;
        while log.waiting_bytes > 0 || received < added - 1 {
            assert!(receive(&socket).contains(&format!("millstream: {received} ")), "{received}");
            received += 1;
            log.flush(now.instant);
        }
        assert_eq!((log.waiting_bytes, log.losses.lines), (0, 1));
        assert!(log.has_waiting(), "the rest is reported later, though no line comes");
        log.flush(now.instant + Duration::from_secs(1));
        assert_eq!((log.losses.lines, log.has_waiting()), (0, false));
    }

    #[test]
    fn a_server_that_is_away_costs_lines_and_keeps_none() {
        let folder = Folder::new();
        let (mut log, now) = (log(&folder), now());
        for _ in 0..3 {
            log.add("a", now);
        }
        assert!(!log.has_waiting());
        assert_eq!((log.losses.lines, log.losses.complained_at), (2, Some(now.instant)));
    }
}

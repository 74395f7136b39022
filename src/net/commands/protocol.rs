//! What server and launcher tell each other over the control channel: a line of JSON for each.
//!
//! The server sends [`Order`]s, the launcher answers with [`CommandEvent`]s.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::{CommandEvent, Redirection};

/// The most bytes of an order to run a command. The control channel takes so many at once.
pub(super) const MAX_ORDER: usize = 128 * 1024;
/// The seconds for which a launcher waits for files to be opened.
pub const OPEN_SECONDS: u32 = 10;
/// The most bytes of any line.
const MAX_LINE: usize = 2 * MAX_ORDER;

/// An order of the server to a launcher.
#[derive(Serialize, Deserialize)]
pub enum Order {
    /// The first one: run this command.
    Run(LaunchRequest),
    /// End it.
    End {
        /// The time until what is left is killed, in milliseconds.
        time: u64,
        /// The signal, which may be another one by now.
        signal: Option<i32>,
    },
}

/// The command that a launcher is to run.
#[derive(Serialize, Deserialize)]
pub struct LaunchRequest {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// Where its descriptors lead.
    pub redirections: Vec<Redirection>,
    /// The signal that ends it, if it is managed.
    pub signal: Option<i32>,
}

impl Order {
    /// The line of an order; none if it cannot be written as one.
    pub fn line(&self) -> Option<Vec<u8>> {
        line(self)
    }
}

/// The line of an event; none if it cannot be written as one.
pub fn event_line(event: &CommandEvent) -> Option<Vec<u8>> {
    line(event)
}

fn line(message: &impl Serialize) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(message).ok()?;
    line.push(b'\n');
    Some(line)
}

/// The bytes that have come so far and are not a whole line.
#[derive(Default)]
pub struct Incoming(Vec<u8>);

impl Incoming {
    /// Adds bytes; false if they are too many for a line.
    pub fn add(&mut self, bytes: &[u8]) -> bool {
        self.0.extend_from_slice(bytes);
        self.0.len() <= MAX_LINE
    }

    /// Takes the next whole line. One that is no message is left out.
    pub fn take<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let end = self.0.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.0.drain(..=end).collect();
            if let Ok(message) = serde_json::from_slice(&line) {
                return Some(message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{CommandEnd, RedirectionTarget};

    #[test]
    fn orders_and_events_arrive_as_they_were_sent_however_they_are_split() {
        let redirection = Redirection { descriptor: 2, to: RedirectionTarget::Write("/a b".into()) };
        let request = LaunchRequest {
            words: vec!["a".into(), "b\n\"c".into(), String::new()],
            environment: vec![("NAME".into(), "\u{e4}=\0".into())],
            redirections: vec![redirection.clone()],
            signal: Some(15),
        };
        let mut bytes = Order::Run(request).line().unwrap();
        bytes.extend(Order::End { time: 5000, signal: Some(2) }.line().unwrap());
        let mut incoming = Incoming::default();
        let mut orders: Vec<Order> = Vec::new();
        for byte in bytes {
            assert!(incoming.add(&[byte]));
            orders.extend(incoming.take());
        }
        let [Order::Run(request), Order::End { time: 5000, signal: Some(2) }] = orders.as_slice() else {
            panic!("other orders")
        };
        assert_eq!(request.words, ["a", "b\n\"c", ""]);
        assert_eq!(request.environment, [("NAME".to_owned(), "\u{e4}=\0".to_owned())]);
        assert_eq!((&request.redirections, request.signal), (&vec![redirection], Some(15)));
        let event = CommandEvent::Ended(CommandEnd::NotStarted("no\nsuch".into()));
        assert!(incoming.add(b"nonsense\n") && incoming.add(&event_line(&event).unwrap()));
        assert_eq!(incoming.take(), Some(event));
        assert_eq!(incoming.take::<CommandEvent>(), None);
    }

    #[test]
    fn a_line_that_never_ends_is_refused() {
        let mut incoming = Incoming::default();
        assert!(incoming.add(&vec![b'a'; MAX_LINE]));
        assert!(!incoming.add(b"a"));
    }
}

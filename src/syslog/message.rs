//! The form of a message, as nginx sends it and RFC 3164 describes it: `<190>Nov 28 15:04:25 host tag: text`.

use std::fmt;

use nix::unistd::gethostname;

use super::target::{HostName, Severity, SyslogTarget};

/// The longest message; a longer one is cut. Larger ones are cut or lost by what receives them: rsyslog takes 8 KiB.
const MAX_MESSAGE: usize = 8 * 1024;

/// What makes the messages for a target.
#[derive(Debug, Clone)]
pub struct Messages {
    facility: u8,
    /// What stands between the time and the text.
    sender: String,
}

impl Messages {
    /// Messages with the name that this machine has now.
    pub fn new(target: &SyslogTarget) -> Self {
        let SyslogTarget { facility, tag, .. } = target;
        let sender = match target.host {
            HostName::Named => format!("{} {tag}: ", host_name()),
            HostName::LeftOut => format!("{tag}: "),
        };
        Self { facility: *facility, sender }
    }

    /// A message. `time` is local time as in `Nov  8 15:04:25`.
    pub fn message(&self, severity: Severity, time: impl fmt::Display, text: impl fmt::Display) -> String {
        let priority = self.facility * 8 + severity.code();
        let mut message = format!("<{priority}>{time} {}{text}", self.sender);
        let end = (0..=MAX_MESSAGE.min(message.len())).rev().find(|&end| message.is_char_boundary(end));
        message.truncate(end.unwrap_or_default());
        message
    }
}

/// One word, whatever the machine is called, so that the fields of a message stay where they are.
fn host_name() -> String {
    let name = gethostname().unwrap_or_default().to_string_lossy().into_owned();
    let name: String = name.chars().filter(char::is_ascii_graphic).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn messages(parameters: &str) -> Messages {
        Messages::new(&format!("syslog:server=x,{parameters}").parse().unwrap())
    }

    #[test]
    fn a_message_begins_as_rfc_3164_says() {
        let time = "Nov  8 15:04:25";
        let host = host_name();
        let message = messages("tag=cam").message(Severity::of(Level::Info), time, "a text");
        assert_eq!(message, format!("<190>Nov  8 15:04:25 {host} cam: a text"));
        let messages = messages("facility=kern,nohostname");
        for (level, priority) in [(Level::Error, 3), (Level::Warn, 4), (Level::Debug, 7), (Level::Trace, 7)] {
            let message = messages.message(Severity::of(level), time, "x");
            assert_eq!(message, format!("<{priority}>Nov  8 15:04:25 millstream: x"));
        }
    }

    #[test]
    fn a_long_message_is_cut_between_two_characters() {
        let messages = messages("nohostname");
        for before in ["", "x"] {
            let text = format!("{before}{}", "\u{e4}".repeat(8000));
            let message = messages.message(Severity::of(Level::Info), "Nov  8 15:04:25", text);
            assert!((MAX_MESSAGE - 1..=MAX_MESSAGE).contains(&message.len()), "{}", message.len());
            assert!(message.ends_with('\u{e4}'));
        }
    }
}

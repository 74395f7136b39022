//! The form of a line: as nginx writes it, with the priority of the journal, or as a message of syslog.

use std::fmt;

use log::Level;
use millstream::engine::{direction, time_zone};
use millstream::net::Format;
use millstream::syslog::{Messages, Severity, SyslogTarget};

/// `2026/11/28 15:04:25 [warn] text`, for files.
pub fn plain() -> Format {
    Format::new(|level, text| format!("{} {}\n", local_time("%Y/%m/%d %H:%M:%S"), leveled(level, text)))
}

/// `<4>[warn] text`, for the journal of systemd, which has the time itself (sd-daemon(3)).
pub fn of_journal() -> Format {
    Format::new(|level, text| format!("<{}>{}\n", Severity::of(level).code(), leveled(level, text)))
}

/// `<188>Nov 28 15:04:25 host millstream: [warn] text`, for syslog.
pub fn of_syslog(target: &SyslogTarget) -> Format {
    let messages = Messages::new(target);
    Format::new(move |level, text| {
        // A line end would end the message.
        let text = leveled(level, text).replace('\n', " ");
        messages.message(Severity::of(level), local_time("%b %e %H:%M:%S"), text) + "\n"
    })
}

/// A name in any script, or what a command has written, turns nothing that stands behind it.
fn leveled(level: Level, text: &fmt::Arguments<'_>) -> String {
    let text = format!("[{}] {text}", level.as_str().to_ascii_lowercase());
    direction::keep_left_to_right(&text).into_owned()
}

fn local_time(format: &str) -> String {
    jiff::Timestamp::now().to_zoned(time_zone::local()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_level_in_every_form_and_a_time_where_nothing_else_has_one() {
        let line = |format: &Format| format.line(Level::Warn, &format_args!("a text"));
        let plain = line(&plain());
        assert!(plain.ends_with(" [warn] a text\n") && plain.as_bytes()[4] == b'/', "{plain}");
        assert_eq!(line(&of_journal()), "<4>[warn] a text\n");
        let of_hebrew = of_journal().line(Level::Info, &format_args!("publish live/\u{5e2}\u{5d1}: 12"));
        assert_eq!(of_hebrew, "<6>[info] publish live/\u{5e2}\u{5d1}\u{200e}: 12\n");
        let target = "syslog:server=unix:/dev/log,nohostname".parse().unwrap();
        let message = line(&of_syslog(&target));
        assert!(
            message.starts_with("<188>") && message.ends_with(" millstream: [warn] a text\n"),
            "{message}"
        );
        // Such as `Nov  8 15:04:25`.
        let time = message.strip_prefix("<188>").unwrap().split_once(" millstream").unwrap().0;
        assert!(time.len() == 15 && time.as_bytes()[3] == b' ' && time.as_bytes()[6] == b' ', "{time}");
        let message = of_syslog(&target).line(Level::Info, &format_args!("a\nb"));
        assert_eq!(message.find('\n'), Some(message.len() - 1), "{message}");
    }
}

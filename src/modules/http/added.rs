//! Headers that the configuration adds to answers: `add_header` and `expires`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::conf::{Node, value};
use crate::engine::{Config, Probe};
use crate::http::{ResponseHead, conditional, response};

use super::template::{Template, TemplateValues, When};

/// The statuses that get what is not said to be for all.
const GOOD: [u16; 10] = [200, 201, 204, 206, 301, 302, 303, 304, 307, 308];

/// One `add_header`. One of the server's own fields may stand there and is not sent, as the usual answer to
/// a preflight has a Content-Length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedHeader {
    /// The header's name, a token.
    pub name: String,
    always: bool,
    value: Template,
}

impl AddedHeader {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let (name, value, always) = match args {
            [name, value] => (name, value, false),
            [name, value, always] if always == "always" => (name, value, true),
            _ => return Err(format!("arguments given: {}", args.len())),
        };
        if !response::is_token(name) {
            return Err(format!("\"{name}\" is no header name"));
        }
        if !response::is_value(value) {
            return Err("a header's value is one line without control characters".to_owned());
        }
        Ok(Self { name: name.clone(), always, value: Template::parse(value, When::Request)? })
    }
}

/// `expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// It says nothing.
    Off,
    /// At the epoch, and nothing may be kept.
    Epoch,
    /// In ten years.
    Max,
    /// So many seconds from now; in the past, nothing may be kept.
    Now(i64),
    /// So many seconds from when the file was changed.
    Modified(i64),
    /// At this time of the day, in seconds.
    Daily(u64),
}

impl Expires {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let bad = || format!("\"{}\" is not such as 1h, -1, @18h or epoch", args.join(" ").escape_debug());
        match words.as_slice() {
            ["off"] => Ok(Self::Off),
            ["epoch"] => Ok(Self::Epoch),
            ["max"] => Ok(Self::Max),
            ["modified", time] => seconds(time).map(Self::Modified).ok_or_else(bad),
            [time] => match time.strip_prefix('@') {
                Some(time) => {
                    let time = value::time(time).map(|time| time.as_secs());
                    time.filter(|&time| time < DAY).map(Self::Daily).ok_or_else(bad)
                }
                None => seconds(time).map(Self::Now).ok_or_else(bad),
            },
            _ => Err(bad()),
        }
    }

    /// When something expires and how long it may be kept, in seconds; the latter none for not at all.
    fn lifetime(self, now: u64, modified: impl Fn() -> Option<u64>) -> Option<(u64, Option<u64>)> {
        let at = |time: u64| (time, time.checked_sub(now));
        Some(match self {
            Self::Off => return None,
            Self::Epoch => (1, None),
            Self::Max => (END, Some(TEN_YEARS)),
            Self::Now(seconds) => at(now.saturating_add_signed(seconds)),
            Self::Modified(seconds) => at(modified().unwrap_or(now).saturating_add_signed(seconds)),
            Self::Daily(time) => at((now - now % DAY) + time + if now % DAY < time { 0 } else { DAY }),
        })
    }
}

/// nginx's times: the last second of 2037 that is still fine in 32 bits, and ten years.
const END: u64 = 2_145_916_555;
const TEN_YEARS: u64 = 315_360_000;
const DAY: u64 = 86_400;

/// A time in seconds, with a sign or without one.
fn seconds(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    Some(sign * i64::try_from(value::time(digits)?.as_secs()).ok()?)
}

/// Adds to a head what the configuration says, in place of what it has of the same name. What `expires`
/// says stays beside a Cache-Control of the configuration, as in nginx.
pub fn apply(head: &mut ResponseHead, added: &[AddedHeader], expires: Expires, view: &TemplateValues<'_>) {
    let status = head.status;
    let applies = |header: &&AddedHeader| header.always || GOOD.contains(&status);
    let headers: Vec<_> = added.iter().filter(applies).collect();
    head.headers.retain(|(name, _)| !headers.iter().any(|added| added.name.eq_ignore_ascii_case(name)));
    if GOOD.contains(&status) {
        expire(head, expires, seconds_of(view.request.received_at.wall));
    }
    for header in headers {
        let value = header.value.fill(view);
        if !value.is_empty() {
            head.headers.push((header.name.clone().into(), value));
        }
    }
}

/// What may not be kept by its nature, such as a live stream or an answer for one client, is left alone: the directive is meant
/// for files.
fn expire(head: &mut ResponseHead, expires: Expires, now: u64) {
    if head.get("cache-control").is_some_and(|control| control.contains("no-store")) {
        return;
    }
    let modified = || head.get("last-modified").and_then(conditional::parse_date);
    let Some((time, age)) = expires.lifetime(now, modified) else { return };
    head.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("cache-control"));
    let control = age.map_or_else(|| "no-cache".to_owned(), |age| format!("max-age={age}"));
    head.headers.push(("Expires".into(), conditional::format_date(time)));
    head.headers.push(("Cache-Control".into(), control));
}

/// Warns of a field that has browsers let other pages play than `flv_origin` says.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for location in config.locations.iter().filter(|location| !location.flv_origins.is_empty()) {
        let is_of_others = |node: &&Node| match node.args.as_slice() {
            [name, value, ..] => {
                let is_fixed = value != "*" && !value.contains('$');
                name.eq_ignore_ascii_case("access-control-allow-origin")
                    && is_fixed
                    && location.flv_origins != [value.as_str()]
            }
            _ => false,
        };
        if let Some(node) = location.scope.all("add_header").into_iter().find(is_of_others) {
            let why =
                "pages of this origin alone can play here, whatever flv_origin says: leave one of both out";
            probe.warn(node, why);
        }
    }
}

fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_a_mistake() {
        for arguments in [
            "X",
            "X|a|sometimes",
            "X|a|always|b",
            "X Y|a",
            "|a",
            "X|a\r\nY: b",
            "X|$status",
            "X|$",
            "X|${http_a",
            "X|$http_",
        ] {
            assert!(AddedHeader::parse(&words(arguments)).is_err(), "{arguments}");
        }
    }

    #[test]
    fn something_expires_as_nginx_has_it() {
        const NOW: u64 = 784_111_777;
        for (arguments, date, control) in [
            ("1h", "Sun, 06 Nov 1994 09:49:37 GMT", "max-age=3600"),
            ("+1m", "Sun, 06 Nov 1994 08:50:37 GMT", "max-age=60"),
            ("0", "Sun, 06 Nov 1994 08:49:37 GMT", "max-age=0"),
            ("-1", "Sun, 06 Nov 1994 08:49:36 GMT", "no-cache"),
            ("epoch", "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"),
            ("max", "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"),
            ("@10h", "Sun, 06 Nov 1994 10:00:00 GMT", "max-age=4223"),
            ("@8h", "Mon, 07 Nov 1994 08:00:00 GMT", "max-age=83423"),
            ("modified|1d", "Sun, 06 Nov 1994 00:00:00 GMT", "no-cache"),
        ] {
            let expires = Expires::parse(&words(arguments)).unwrap();
            let mut head = ResponseHead::new(200)
                .with("Last-Modified", "Sat, 05 Nov 1994 00:00:00 GMT")
                .with("Cache-Control", "ours");
            expire(&mut head, expires, NOW);
            assert_eq!(
                (head.get("expires"), head.get("cache-control")),
                (Some(date), Some(control)),
                "{arguments}"
            );
            assert_eq!(head.headers.len(), 3);
        }
        let mut live = ResponseHead::new(200).with("Cache-Control", "no-store");
        for expires in [Expires::Now(86_400), Expires::Max, Expires::Epoch] {
            expire(&mut live, expires, NOW);
            assert_eq!(live, ResponseHead::new(200).with("Cache-Control", "no-store"));
        }
        let mut head = ResponseHead::new(200).with("Cache-Control", "ours");
        expire(&mut head, Expires::Off, NOW);
        assert_eq!((head.get("expires"), head.get("cache-control")), (None, Some("ours")));
        for wrong in ["", "soon", "1x", "@25h", "modified", "modified|x", "1h|1h", "--1"] {
            assert!(Expires::parse(&words(wrong)).is_err(), "{wrong}");
        }
    }
}

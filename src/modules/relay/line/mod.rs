//! A line of the configuration that names the other end of relays: `push URL key=value ...`, and the targets that it
//! gives for streams.
//!
//! The values may be secrets: neither errors nor `Debug` show them.

pub mod services;
pub mod template;
pub mod url;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{ClientTls, Destination, RelayKind, RelayTarget, StreamName};

use services::Service;
use template::{Template, Values};
use url::{MAX_URL, RtmpUrl};

/// The version that a push tells of itself: many servers let only encoders of this name publish.
const PUSH_VERSION: &str = concat!("FMLE/3.0 (compatible; Millstream/", env!("CARGO_PKG_VERSION"), ")");
/// The same of a pull, as nginx-rtmp says it.
const PULL_VERSION: &str = "LNX.11,1,102,55";

/// The keys of a line.
const KEYS: &str =
    "app, name, tcUrl, pageUrl, swfUrl, flashVer, playPath, live, start, stop, static, fingerprint, bind";

/// What a pull may play, as `play` has it (specification 7.2.2.1).
const LIVE_OR_RECORDED: i64 = -2000;
const LIVE: i64 = -1000;
const ALL: i64 = -1000;

/// A line.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Push or pull.
    pub kind: RelayKind,
    pub url: RtmpUrl,
    app: Template,
    stream: Template,
    query: Template,
    tc_url: Template,
    page_url: Template,
    swf_url: Template,
    flash_ver: Template,
    /// The only stream that it is for (`name=`).
    pub name: Option<Box<str>>,
    /// Whether the pull runs without players.
    pub is_static: bool,
    start: i64,
    duration: i64,
    pub fingerprint: Option<[u8; 32]>,
    bind: Option<IpAddr>,
}

/// What targets of an application have in common.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub tls: Arc<ClientTls>,
    /// `relay_buffer`.
    pub buffer: Duration,
}

impl Line {
    /// Reads a line.
    pub fn parse(kind: RelayKind, words: &[String]) -> Result<Self, String> {
        let (url, keys) = words.split_first().ok_or_else(String::new)?;
        let mut line = Self::of(kind, RtmpUrl::parse(url)?, Template::parse);
        let mut times = Times::default();
        for word in keys {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            line.set(key, value, &mut times)?;
        }
        (line.start, line.duration) = times.bounds()?;
        line.check()?;
        Ok(line)
    }

    /// The line of a URL that a program has given: there are no variables.
    pub fn literal(kind: RelayKind, url: &str) -> Result<Self, String> {
        Ok(Self::of(kind, RtmpUrl::parse(url)?, Template::literal))
    }

    fn of(kind: RelayKind, url: RtmpUrl, read: fn(&str) -> Template) -> Self {
        Self {
            kind,
            app: read(&url.app),
            stream: read(&url.stream),
            query: read(&url.query),
            url,
            tc_url: Template::default(),
            page_url: Template::default(),
            swf_url: Template::default(),
            flash_ver: Template::default(),
            name: None,
            is_static: false,
            start: LIVE_OR_RECORDED,
            duration: ALL,
            fingerprint: None,
            bind: None,
        }
    }

    fn set(&mut self, key: &str, value: &str, times: &mut Times) -> Result<(), String> {
        let text = || match value {
            "" => Err(format!("{key}= has no value")),
            _ => Ok(Template::parse(value)),
        };
        match key {
            "app" => self.app = text()?,
            "playPath" => self.stream = text()?,
            "tcUrl" => self.tc_url = text()?,
            "pageUrl" => self.page_url = text()?,
            "swfUrl" => self.swf_url = text()?,
            "flashVer" => self.flash_ver = text()?,
            "name" => {
                let name = StreamName::new(value)
                    .map_err(|error| format!("name={}: {error}", value.escape_debug()))?;
                self.name = Some(name.as_str().into());
            }
            "live" => times.is_live = is_one(key, value)?,
            "start" => times.start = Some(milliseconds(key, value)?),
            "stop" => times.stop = Some(milliseconds(key, value)?),
            "static" => self.is_static = value.is_empty() || is_one(key, value)?,
            "fingerprint" => self.fingerprint = Some(fingerprint(value)?),
            "bind" => {
                let address =
                    value.parse().map_err(|_| format!("bind={}: no IP address", value.escape_debug()))?;
                self.bind = Some(address);
            }
            _ => return Err(format!("{} is no key: {KEYS}", shown(key))),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        match self.kind {
            RelayKind::Push if self.is_static => Err("a push is never static: it has a publisher".to_owned()),
            RelayKind::Pull if self.is_static && self.name.is_none() => {
                Err("static needs name=NAME, the name of the stream here".to_owned())
            }
            _ if self.fingerprint.is_some() && !self.url.is_secure => {
                Err("fingerprint= needs rtmps://".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether it is for a stream of this name.
    pub fn is_for(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|only| only == name)
    }

    /// Whether the application there has the name of that here.
    pub fn keeps_application(&self, app: &str) -> bool {
        self.app.is_empty() || self.app.fill(Values { app, name: "", args: "" }) == app
    }

    /// Whether a stream is named there as it is here, as nothing else is written.
    pub fn takes_own_name(&self) -> bool {
        self.stream.is_empty() && self.query.is_empty()
    }

    /// Whether it has what may be a key.
    pub fn has_key(&self) -> bool {
        [&self.stream, &self.query].into_iter().any(Template::has_text)
    }

    /// The other end for a stream, with these arguments behind those of the URL; or why there is none.
    pub fn target(
        &self,
        values: Values<'_>,
        around: &Surroundings,
        more: &str,
    ) -> Result<RelayTarget, String> {
        let place = self.url.place();
        let missing = [&self.app, &self.stream, &self.query]
            .into_iter()
            .find_map(|part| part.missing_argument(values.args));
        if let Some(name) = missing {
            return Err(format!("{place} needs the argument \"{name}\", which the client has not sent"));
        }
        let or_own = |template: &Template, own: &str| {
            if template.is_empty() { own.to_owned() } else { template.fill(values) }
        };
        let app = or_own(&self.app, values.app);
        let name = or_own(&self.stream, values.name);
        let stream = with_query(with_query(name.clone(), &self.query.fill(values)), more);
        let tc_url = if self.tc_url.is_empty() { format!("{place}/{app}") } else { self.tc_url.fill(values) };
        let flash_ver = match self.kind {
            _ if !self.flash_ver.is_empty() => self.flash_ver.fill(values),
            RelayKind::Push => PUSH_VERSION.to_owned(),
            RelayKind::Pull => PULL_VERSION.to_owned(),
        };
        let target = RelayTarget {
            destination: Rc::new(self.destination(around)),
            shown: self.shown(&place, &app, &name, values),
            app,
            stream,
            tc_url,
            page_url: self.page_url.fill(values),
            swf_url: self.swf_url.fill(values),
            flash_ver,
            login: self.url.login.clone(),
            start: self.start,
            duration: self.duration,
            buffer: match self.kind {
                RelayKind::Push => Duration::ZERO,
                RelayKind::Pull => around.buffer,
            },
        };
        check_lengths(&target).map(|()| target)
    }

    fn destination(&self, around: &Surroundings) -> Destination {
        let tls = self.url.is_secure.then(|| match self.fingerprint {
            None => Arc::clone(&around.tls),
            fingerprint => Arc::new(ClientTls { fingerprint, ..ClientTls::clone(&around.tls) }),
        });
        Destination { host: self.url.host.clone(), port: self.url.port, tls, bind: self.bind }
    }

    /// What people see of a target: a name that is not that of the stream here may be a key.
    fn shown(&self, place: &str, app: &str, name: &str, values: Values<'_>) -> String {
        let app = app.split('?').next().unwrap_or_default();
        let is_key = Service::of_host(&self.url.host).is_some_and(|service| service.app != app);
        let app = if self.app.has_arguments() || is_key { "***" } else { app };
        let name = if name == values.name { name } else { "***" };
        format!("{place}/{app}/{name}")
    }
}

/// A word that is no key, if it cannot be a secret that has lost its place.
fn shown(word: &str) -> String {
    let is_short = word.len() <= 12 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_short { format!("\"{word}\"") } else { "one of the words behind the URL".to_owned() }
}

/// A stream with arguments behind those that it has.
fn with_query(stream: String, query: &str) -> String {
    let joiner = if stream.contains('?') { "&" } else { "?" };
    if query.is_empty() { stream } else { [&stream, joiner, query].concat() }
}

/// The texts of a command are short, and with arguments that clients send they must stay so.
fn check_lengths(target: &RelayTarget) -> Result<(), String> {
    let RelayTarget { app, stream, tc_url, page_url, swf_url, flash_ver, .. } = target;
    let texts = [app, stream, tc_url, page_url, swf_url, flash_ver];
    match texts.iter().find(|text| text.len() > MAX_URL) {
        Some(_) => Err(format!("{} would be longer than {MAX_URL} bytes", target.shown)),
        None => Ok(()),
    }
}

/// `live`, `start` and `stop`.
#[derive(Default)]
struct Times {
    is_live: bool,
    start: Option<i64>,
    stop: Option<i64>,
}

impl Times {
    /// The start and the duration that a pull asks for, as nginx-rtmp computes them.
    fn bounds(&self) -> Result<(i64, i64), String> {
        match (self.start, self.stop) {
            _ if self.is_live => Ok((LIVE, ALL)),
            (start, Some(stop)) if stop <= start.unwrap_or_default() => {
                Err("stop= is not behind start=".to_owned())
            }
            (start, Some(stop)) => Ok((start.unwrap_or_default(), stop - start.unwrap_or_default())),
            (start, None) => Ok((start.unwrap_or(LIVE_OR_RECORDED), ALL)),
        }
    }
}

fn is_one(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" | "on" => Ok(true),
        "0" | "off" => Ok(false),
        _ => Err(format!("{key}= takes 0 or 1")),
    }
}

fn milliseconds(key: &str, value: &str) -> Result<i64, String> {
    let number = value.parse::<u32>().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(i64::from).ok_or_else(|| format!("{key}= takes milliseconds"))
}

/// Reads the SHA-256 digest of a certificate, in hexadecimal, with or without colons, as `openssl x509 -fingerprint` has
/// it.
fn fingerprint(value: &str) -> Result<[u8; 32], String> {
    let wrong = || {
        "fingerprint= takes the SHA-256 of the certificate, 64 digits: openssl x509 -fingerprint -sha256"
            .to_owned()
    };
    let digits: Vec<_> = value
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let bytes: Vec<_> = digits
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        })
        .collect();
    if digits.len() == 64 { bytes.try_into().map_err(|_| wrong()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> = Values { app: "live", name: "cam", args: "key=k%201&b=2" };

    fn line(kind: RelayKind, text: &str) -> Result<Line, String> {
        let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        Line::parse(kind, &words)
    }

    fn around() -> Surroundings {
        Surroundings { tls: Arc::default(), buffer: Duration::from_secs(5) }
    }

    fn target(kind: RelayKind, text: &str) -> RelayTarget {
        line(kind, text)
            .and_then(|line| line.target(VALUES, &around(), ""))
            .unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn push(text: &str) -> [String; 4] {
        let RelayTarget { app, stream, tc_url, shown, .. } = target(RelayKind::Push, text);
        [app, stream, tc_url, shown]
    }

    #[test]
    fn a_url_without_application_or_stream_takes_those_of_here() {
        for (text, parts) in [
            ("h", ["live", "cam", "rtmp://h/live", "rtmp://h/live/cam"]),
            ("rtmp://h/app", ["app", "cam", "rtmp://h/app", "rtmp://h/app/cam"]),
            ("rtmp://h:1936/app/x", ["app", "x", "rtmp://h:1936/app", "rtmp://h:1936/app/***"]),
            ("rtmps://h/app/", ["app", "cam", "rtmps://h/app", "rtmps://h/app/cam"]),
            ("rtmp://h?t=1", ["live", "cam?t=1", "rtmp://h/live", "rtmp://h/live/cam"]),
            ("rtmp://h/a/s?t=1", ["a", "s?t=1", "rtmp://h/a", "rtmp://h/a/***"]),
            ("h app=b?c=d playPath=e", ["b?c=d", "e", "rtmp://h/b?c=d", "rtmp://h/b/***"]),
            ("h/a?q playPath=e?f", ["a", "e?f&q", "rtmp://h/a", "rtmp://h/a/***"]),
            ("h/a tcUrl=rtmp://x/y", ["a", "cam", "rtmp://x/y", "rtmp://h/a/cam"]),
            (
                "h/$app/$name-$arg_b?$args",
                ["live", "cam-2?key=k%201&b=2", "rtmp://h/live", "rtmp://h/live/***"],
            ),
            (
                "live.twitch.tv/s3cret",
                ["s3cret", "cam", "rtmp://live.twitch.tv/s3cret", "rtmp://live.twitch.tv/***/cam"],
            ),
            ("h/$arg_b/$name", ["2", "cam", "rtmp://h/2", "rtmp://h/***/cam"]),
        ] {
            assert_eq!(push(text), parts, "{text}");
        }
    }

    #[test]
    fn arguments_that_are_added_stand_behind_those_of_the_url() {
        let stream = |text, more| {
            line(RelayKind::Pull, text)
                .and_then(|line| line.target(VALUES, &around(), more))
                .map(|t| t.stream)
        };
        assert_eq!(stream("h/a", "t=1").as_deref(), Ok("cam?t=1"));
        assert_eq!(stream("h/a?x=y", "t=1").as_deref(), Ok("cam?x=y&t=1"));
        assert_eq!(stream("h/a?x=y", "").as_deref(), Ok("cam?x=y"));
    }

    #[test]
    fn start_and_duration_are_those_of_nginx_rtmp() {
        for (keys, bounds) in [
            ("", (-2000, -1000)),
            ("live=1", (-1000, -1000)),
            ("live=0", (-2000, -1000)),
            ("live=1 start=5 stop=9", (-1000, -1000)),
            ("start=1000", (1000, -1000)),
            ("start=1000 stop=5000", (1000, 4000)),
            ("stop=5000", (0, 5000)),
        ] {
            let target = target(RelayKind::Pull, &format!("h/a {keys}"));
            assert_eq!((target.start, target.duration), bounds, "{keys}");
        }
    }

    #[test]
    fn what_a_line_cannot_have_is_an_error() {
        for (kind, text, fault) in [
            (RelayKind::Push, "h nme=x", "\"nme\" is no key"),
            (RelayKind::Push, "h/app live_123_s3cret", "one of the words behind the URL is no key"),
            (RelayKind::Push, "h static", "a push is never static"),
            (RelayKind::Pull, "h static", "static needs name=NAME"),
            (RelayKind::Pull, "h start=5 stop=5", "stop= is not behind start="),
            (RelayKind::Pull, "h start=-1", "start= takes milliseconds"),
            (RelayKind::Pull, "h live=yes", "live= takes 0 or 1"),
            (RelayKind::Pull, "h app=", "app= has no value"),
            (RelayKind::Pull, "h name=.x", "name=.x"),
            (RelayKind::Pull, "h bind=eth0", "bind=eth0: no IP address"),
            (RelayKind::Pull, "rtmps://h fingerprint=12", "64 digits"),
            (RelayKind::Pull, "http://h/x", "is no URL of rtmp or rtmps"),
        ] {
            let why = line(kind, text).err().unwrap_or_default();
            assert!(why.contains(fault), "{text}: {why}");
        }
        let digits = "0a".repeat(32);
        assert!(
            line(RelayKind::Push, &format!("h fingerprint={digits}"))
                .is_err_and(|why| why == "fingerprint= needs rtmps://")
        );
        for text in [digits.clone(), vec!["0A"; 32].join(":")] {
            let line = line(RelayKind::Push, &format!("rtmps://h fingerprint={text}")).unwrap();
            assert_eq!(line.fingerprint, Some([10; 32]));
        }
        assert!(
            line(RelayKind::Pull, "h static name=cam")
                .is_ok_and(|line| line.is_static && line.is_for("cam") && !line.is_for("x"))
        );
        assert!(line(RelayKind::Push, "").is_err_and(|why| why.is_empty()));
    }

    #[test]
    fn a_client_without_an_argument_that_the_url_needs_is_not_relayed() {
        let line = line(RelayKind::Push, "h/a/$arg_token").unwrap();
        let why = line.target(VALUES, &around(), "").err();
        assert_eq!(
            why.as_deref(),
            Some("rtmp://h needs the argument \"token\", which the client has not sent")
        );
        let long = format!("token={}", "x".repeat(MAX_URL + 1));
        let why = line.target(Values { args: &long, ..VALUES }, &around(), "").err().unwrap();
        assert!(why.contains("longer than 4096 bytes") && !why.contains("xxx"));
    }

    #[test]
    fn a_url_of_a_program_has_no_variables() {
        let line = Line::literal(RelayKind::Push, "rtmp://h/a/$name").unwrap();
        assert_eq!(line.target(VALUES, &around(), "").unwrap().stream, "$name");
    }
}

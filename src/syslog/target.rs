//! The parameters of a syslog target: `syslog:server=...,facility=...,tag=...`, with nginx's names, defaults and limits.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

/// What each target begins with.
const PREFIX: &str = "syslog:";
/// The port of syslog over UDP.
const PORT: u16 = 514;
/// Characters of a tag (RFC 3164, section 5.3).
const MAX_TAG: usize = 32;
/// Bytes of the path of a Unix socket.
const MAX_PATH: usize = 107;

/// Facilities by their codes.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp",
    "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
/// Severities by their codes.
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

/// The severity of a message, from 0 (the system cannot be used) to 7 (only for developers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity(u8);

impl Severity {
    /// The severity of a line of the log.
    pub fn of(level: log::Level) -> Self {
        Self(match level {
            log::Level::Error => 3,
            log::Level::Warn => 4,
            log::Level::Info => 6,
            log::Level::Debug | log::Level::Trace => 7,
        })
    }

    /// Its number.
    pub fn code(self) -> u8 {
        self.0
    }
}

/// A server of syslog, and what its messages have in front of their texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogTarget {
    pub(super) server: SyslogServer,
    pub(super) facility: u8,
    /// The severity of lines that have no level of their own.
    pub(super) severity: Severity,
    pub(super) tag: String,
    /// Whether messages name this machine.
    pub(super) host: HostName,
}

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SyslogServer {
    Unix(PathBuf),
    Udp { host: String, port: u16 },
}

/// Whether messages name this machine. Those to a Unix socket never do, as those of other programs: rsyslogd and the
/// journal would take the name for the tag. nginx needs `nohostname` for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostName {
    Named,
    LeftOut,
}

impl SyslogTarget {
    /// Whether a word is meant for syslog.
    pub fn is_meant(word: &str) -> bool {
        word.starts_with(PREFIX)
    }

    /// What to tell an operator when a server cannot be connected.
    pub fn nobody_receives(error: &io::Error) -> String {
        format!("nobody receives it yet, and lines are lost until then: {error}")
    }

    /// What to tell an operator when the name of a server cannot be looked up again.
    pub fn stays_where_it_was(error: &io::Error) -> String {
        format!("it is not found now, and messages go to its address of before: {error}")
    }

    /// The severity that the target gives to its messages.
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

impl FromStr for SyslogTarget {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let parameters = word.strip_prefix(PREFIX).ok_or("it begins with syslog:")?;
        let (mut server, mut facility, mut severity, mut tag) = (None, None, None, None);
        let mut host = HostName::Named;
        for parameter in parameters.split(',') {
            match parameter.split_once('=') {
                Some(("server", value)) => set(&mut server, "server", parse_server(value)?)?,
                Some(("facility", value)) => {
                    set(&mut facility, "facility", code(&FACILITIES, "facility", value)?)?;
                }
                Some(("severity", value)) => {
                    set(&mut severity, "severity", code(&SEVERITIES, "severity", value)?)?;
                }
                Some(("tag", value)) => set(&mut tag, "tag", parse_tag(value)?)?,
                None if parameter == "nohostname" => host = HostName::LeftOut,
                _ => return Err(format!("syslog has no parameter \"{parameter}\"")),
            }
        }
        let server = server.ok_or("no server=, such as server=unix:/dev/log")?;
        if matches!(server, SyslogServer::Unix(_)) {
            host = HostName::LeftOut;
        }
        Ok(Self {
            server,
            facility: facility.unwrap_or(23),
            severity: Severity(severity.unwrap_or(6)),
            tag: tag.unwrap_or_else(|| "millstream".to_owned()),
            host,
        })
    }
}

/// Names the server; the other parameters tell an operator nothing about where to look.
impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            SyslogServer::Unix(path) => write!(f, "{PREFIX}server=unix:{}", path.display()),
            SyslogServer::Udp { host, port } if host.contains(':') => {
                write!(f, "{PREFIX}server=[{host}]:{port}")
            }
            SyslogServer::Udp { host, port } => write!(f, "{PREFIX}server={host}:{port}"),
        }
    }
}

fn set<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match place.replace(value) {
        Some(_) => Err(format!("{name}= stands twice")),
        None => Ok(()),
    }
}

fn code(names: &[&str], kind: &str, value: &str) -> Result<u8, String> {
    let position =
        names.iter().position(|name| *name == value).and_then(|position| u8::try_from(position).ok());
    position.ok_or_else(|| format!("syslog has no {kind} \"{value}\", but {}", names.join(", ")))
}

fn parse_tag(value: &str) -> Result<String, String> {
    if value.len() > MAX_TAG {
        return Err(format!("a tag has at most {MAX_TAG} characters"));
    }
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("a tag has letters, digits and _, not \"{value}\""));
    }
    Ok(value.to_owned())
}

fn parse_server(value: &str) -> Result<SyslogServer, String> {
    if let Some(path) = value.strip_prefix("unix:") {
        return match path.len() {
            0 => Err("unix: needs a path, such as unix:/dev/log".to_owned()),
            1..=MAX_PATH => Ok(SyslogServer::Unix(path.into())),
            _ => Err(format!("the path of a Unix socket has at most {MAX_PATH} bytes")),
        };
    }
    let (host, port) = match value.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        Some(None) => return Err(format!("\"{value}\" lacks a ]")),
        None => match value.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(format!("an IPv6 address stands in [ ]: [{value}]"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (value, None),
        },
    };
    if host.is_empty() {
        return Err("server= needs an address, such as 127.0.0.1:514 or unix:/dev/log".to_owned());
    }
    let number = |port: &str| {
        port.parse().ok().filter(|&port| port > 0).ok_or_else(|| format!("\"{port}\" is no port"))
    };
    let port = port.map_or(Ok(PORT), number)?;
    Ok(SyslogServer::Udp { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: &str) -> Result<SyslogTarget, String> {
        format!("{PREFIX}{parameters}").parse()
    }

    fn udp(host: &str, port: u16) -> SyslogServer {
        SyslogServer::Udp { host: host.to_owned(), port }
    }

    #[test]
    fn parameters_have_the_defaults_of_nginx_except_for_the_tag() {
        let target = parse("server=unix:/dev/log").unwrap();
        assert_eq!(target.server, SyslogServer::Unix("/dev/log".into()));
        assert_eq!((target.facility, target.severity.code()), (23, 6));
        assert_eq!((target.tag.as_str(), target.host), ("millstream", HostName::LeftOut));
        assert_eq!(parse("server=192.0.2.1").unwrap().host, HostName::Named);
        let target =
            parse("tag=a_B3,server=localhost:5140,nohostname,severity=warn,facility=daemon").unwrap();
        assert_eq!(target.server, udp("localhost", 5140));
        assert_eq!((target.facility, target.severity.code()), (3, 4));
        assert_eq!((target.tag.as_str(), target.host), ("a_B3", HostName::LeftOut));
    }

    #[test]
    fn a_server_is_a_unix_socket_or_a_host_with_perhaps_a_port() {
        for (server, expected, shown) in [
            ("192.0.2.1", udp("192.0.2.1", 514), "192.0.2.1:514"),
            ("192.0.2.1:1514", udp("192.0.2.1", 1514), "192.0.2.1:1514"),
            ("[2001:db8::1]", udp("2001:db8::1", 514), "[2001:db8::1]:514"),
            ("[::1]:12345", udp("::1", 12345), "[::1]:12345"),
            ("log.example", udp("log.example", 514), "log.example:514"),
            ("unix:/run/x", SyslogServer::Unix("/run/x".into()), "unix:/run/x"),
        ] {
            let target = parse(&format!("server={server}")).unwrap();
            assert_eq!(target.server, expected, "{server}");
            assert_eq!(target.to_string(), format!("syslog:server={shown}"));
        }
    }

    #[test]
    fn what_nginx_refuses_is_refused_with_the_reason() {
        let long = format!("server=x,tag={}", "t".repeat(33));
        let path = format!("server=unix:/{}", "p".repeat(107));
        for (parameters, why) in [
            ("", "syslog has no parameter \"\""),
            ("facility=mail", "no server=, such as server=unix:/dev/log"),
            ("server=a,server=b", "server= stands twice"),
            ("server=a,tag=b,tag=c", "tag= stands twice"),
            ("server=a,facility=local8", "syslog has no facility \"local8\", but kern, user, "),
            ("server=a,severity=warning", "syslog has no severity \"warning\", but emerg, alert, "),
            ("server=a,tag=a-b", "a tag has letters, digits and _, not \"a-b\""),
            ("server=a,color=red", "syslog has no parameter \"color=red\""),
            ("server=a,", "syslog has no parameter \"\""),
            ("server=", "server= needs an address"),
            ("server=unix:", "unix: needs a path"),
            ("server=a:0", "\"0\" is no port"),
            ("server=a:65536", "\"65536\" is no port"),
            ("server=::1", "an IPv6 address stands in [ ]: [::1]"),
            ("server=[::1", "\"[::1\" lacks a ]"),
            (&long, "a tag has at most 32 characters"),
            (&path, "the path of a Unix socket has at most 107 bytes"),
        ] {
            let error = parse(parameters).unwrap_err();
            assert!(error.starts_with(why), "{parameters}: {error}");
        }
    }
}

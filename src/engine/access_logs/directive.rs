//! The directive `access_log`.

use std::path::PathBuf;

use crate::conf::{path, value};
use crate::syslog::SyslogTarget;

/// The name of the format that needs no `log_format`.
pub const BUILT_IN: &str = "combined";

/// Where the lines of an access log go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// To a file.
    File(PathBuf),
    /// To a server of syslog.
    Syslog(SyslogTarget),
}

impl AccessLogTarget {
    fn parse(word: &str) -> Result<Self, String> {
        if SyslogTarget::is_meant(word) {
            return Ok(Self::Syslog(word.parse()?));
        }
        path::check(word)?;
        Ok(Self::File(word.into()))
    }
}

/// An `access_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPath {
    /// Where its lines go.
    pub target: AccessLogTarget,
    /// The name of its format.
    pub format: String,
}

impl LogPath {
    /// Reads the arguments of the directive; none for `off`. How nginx buffers is how it is here anyway.
    pub fn parse(args: &[String]) -> Result<Option<Self>, String> {
        let Some((target, rest)) = args.split_first() else {
            return Err("a file, syslog:server=... or off".to_owned());
        };
        let (mut format, mut first) = (BUILT_IN, true);
        for arg in rest {
            let option = |name: &str| arg.strip_prefix(name);
            if let Some(size) = option("buffer=") {
                value::size(size).ok_or_else(|| format!("\"{size}\" is no size"))?;
            } else if let Some(time) = option("flush=") {
                value::time(time).ok_or_else(|| format!("\"{time}\" is no time"))?;
            } else if option("if=").is_some() || option("gzip").is_some() {
                return Err(format!("\"{arg}\", which is not done here"));
            } else if first {
                format = arg;
            } else {
                return Err(format!("\"{arg}\" after the format"));
            }
            first = false;
        }
        match target.as_str() {
            "off" if rest.is_empty() => Ok(None),
            "off" => Err("nothing after off".to_owned()),
            _ => Ok(Some(Self { target: AccessLogTarget::parse(target)?, format: format.to_owned() })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<LogPath>, String> {
        LogPath::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_log_has_a_path_and_perhaps_a_format() {
        let own = |path: &str, format: &str| {
            Ok(Some(LogPath { target: AccessLogTarget::File(path.into()), format: format.to_owned() }))
        };
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(parse("/a"), own("/a", "combined"));
        assert_eq!(parse("/a main buffer=32k flush=1m"), own("/a", "main"));
        assert_eq!(parse("/a buffer=32k"), own("/a", "combined"));
        let syslog = "syslog:server=unix:/dev/log,severity=debug";
        let expected = AccessLogTarget::Syslog(syslog.parse().unwrap());
        let log = parse(&format!("{syslog} main")).unwrap().unwrap();
        assert_eq!((log.target, log.format.as_str()), (expected, "main"));
        for wrong in [
            "/a b c",
            "off main",
            "/a buffer=x",
            "/a flush=x",
            "/a main gzip",
            "/a main if=$x",
            "syslog:x",
            "syslog:tag=a",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

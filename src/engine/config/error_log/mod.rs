//! `error_log`: where the log goes, and from which level on.

use std::fmt;
use std::path::PathBuf;

use crate::conf::path;
use crate::syslog::SyslogTarget;

/// The most error logs; each has a thread.
pub(super) const MAX_ERROR_LOGS: usize = 8;

/// An `error_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where it goes.
    pub target: LogTarget,
    /// The level. nginx's default would be `error`, which hides that anything happens at all.
    pub level: log::LevelFilter,
}

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    Off,
    /// To standard error, whatever it is when the server starts.
    Stderr,
    /// To a file.
    File(PathBuf),
    /// To a server of syslog.
    Syslog(SyslogTarget),
}

impl LogTarget {
    /// Reads the first argument of the directive, or that of `-e`.
    pub fn parse(word: &str) -> Result<Self, String> {
        Ok(match word {
            "off" => Self::Off,
            "stderr" => Self::Stderr,
            word if SyslogTarget::is_meant(word) => Self::Syslog(word.parse()?),
            file => {
                path::check(file)?;
                Self::File(file.into())
            }
        })
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(path) => path.display().fmt(f),
            Self::Syslog(target) => target.fmt(f),
        }
    }
}

impl ErrorLog {
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let (target, level) = match args {
            [target] => (target, log::LevelFilter::Info),
            [target, word] => (target, log_level(word).ok_or_else(|| format!("no level \"{word}\""))?),
            _ => return Err("a file and perhaps a level".into()),
        };
        Ok(Self { target: LogTarget::parse(target)?, level })
    }
}

/// The level of nginx's word.
fn log_level(word: &str) -> Option<log::LevelFilter> {
    Some(match word {
        "trace" => log::LevelFilter::Trace,
        "debug" => log::LevelFilter::Debug,
        "info" | "notice" => log::LevelFilter::Info,
        "warn" => log::LevelFilter::Warn,
        "error" | "crit" | "alert" | "emerg" => log::LevelFilter::Error,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ErrorLog, String> {
        ErrorLog::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_log_goes_to_a_file_or_syslog_or_standard_error_or_nowhere() {
        use log::LevelFilter::{Info, Warn};
        for (text, shown, level) in [
            ("off", "off", Info),
            ("stderr warn", "stderr", Warn),
            ("/var/log/off", "/var/log/off", Info),
            ("syslog:server=unix:/dev/log,tag=a warn", "syslog:server=unix:/dev/log", Warn),
        ] {
            let log = parse(text).unwrap();
            assert_eq!((log.target.to_string().as_str(), log.level), (shown, level), "{text}");
        }
        for (text, why) in [
            ("syslog:tag=a", "no server=, such as server=unix:/dev/log"),
            ("a.log loud", "no level \"loud\""),
            ("a.log info x", "a file and perhaps a level"),
        ] {
            assert_eq!(parse(text).unwrap_err(), why);
        }
    }
}

//! What an access log goes to: a file, or a server of syslog.

use super::directive::AccessLogTarget;
use super::file::{self, AccessLogFile};
use super::syslog::AccessSyslog;
use crate::conf::{self, Place};
use crate::engine::config::probe::Probe;
use crate::engine::files::log_file::{NewLogs, OpenLogs};
use crate::engine::jobs::Jobs;
use crate::engine::now::Now;
use crate::syslog::Sender;

#[derive(Debug)]
pub enum Output {
    File(AccessLogFile),
    Syslog(AccessSyslog),
}

impl Output {
    pub fn new(target: AccessLogTarget, origin: Place) -> Self {
        match target {
            AccessLogTarget::File(path) => Self::File(AccessLogFile::new(&path, origin)),
            AccessLogTarget::Syslog(target) => Self::Syslog(AccessSyslog::new(target, origin)),
        }
    }

    pub fn target(&self) -> AccessLogTarget {
        match self {
            Self::File(log) => AccessLogTarget::File(log.path.to_path_buf()),
            Self::Syslog(log) => AccessLogTarget::Syslog(log.target.clone()),
        }
    }

    /// Adds it to those that are open.
    pub fn list(&self, open: &mut OpenLogs) {
        match self {
            Self::File(log) => open.files.push(log.path.to_path_buf()),
            Self::Syslog(log) => open.syslog.extend(log.known().map(|sender| (log.target.clone(), sender))),
        }
    }

    /// Adds what is wrong with it to a probe.
    pub fn probe(&self, probe: &mut Probe) {
        match self {
            Self::File(log) => {
                probe.log("access log", &log.path, &log.origin);
                probe.reopening("access log", &log.path, &log.origin);
                probe.variables_in_log("access log", &log.path, &log.origin);
            }
            Self::Syslog(log) => probe.syslog("access log", &log.target, &log.origin),
        }
    }

    /// Opens it, unless it is a file that the running server has open. A server of syslog that cannot be looked up now
    /// keeps its address of before. This may wait.
    pub fn open(&self, running: &OpenLogs, opened: &mut NewLogs) -> Result<(), conf::Error> {
        let explain = |log: &dyn std::fmt::Display, origin: &Place, error: std::io::Error| {
            conf::Error::in_place(origin.clone(), format!("access log {log}: {error}"))
        };
        match self {
            Self::File(log) if running.has_file(&log.path) => {}
            Self::File(log) => {
                let opens = file::open(&log.path);
                let file = opens.map_err(|error| explain(&log.path.display(), &log.origin, error))?;
                opened.files.insert(log.path.to_path_buf(), file);
            }
            Self::Syslog(log) => {
                let finds = Sender::new(&log.target);
                let finds = finds.or_else(|error| running.sender(&log.target).ok_or(error));
                let sender = finds.map_err(|error| explain(&log.target, &log.origin, error))?;
                opened.syslog.push((log.target.clone(), sender));
            }
        }
        Ok(())
    }

    /// Takes what has been opened for it.
    pub fn take(&mut self, opened: &mut NewLogs) {
        match self {
            Self::File(log) => {
                if let Some(file) = opened.files.remove(&*log.path) {
                    log.take(file);
                }
            }
            Self::Syslog(log) => {
                let own = opened.syslog.iter().position(|(target, _)| *target == log.target);
                if let Some(own) = own {
                    log.take(opened.syslog.swap_remove(own).1);
                }
            }
        }
    }

    /// Takes the address that a reload has looked up again.
    pub fn renew(&mut self, next: Self) {
        if let (Self::Syslog(log), Self::Syslog(next)) = (self, next) {
            log.renew(next);
        }
    }

    /// Has the writer open a file that nobody has opened.
    pub fn open_if_closed(&self, jobs: &mut Jobs) {
        if let Self::File(log) = self {
            log.open_if_closed(jobs);
        }
    }

    pub fn has_waiting(&self) -> bool {
        match self {
            Self::File(log) => log.has_waiting(),
            Self::Syslog(log) => log.has_waiting(),
        }
    }

    pub fn add(&mut self, line: &str, jobs: &mut Jobs, now: Now) {
        match self {
            Self::File(log) => log.add(line, jobs, now.instant),
            Self::Syslog(log) => log.add(line, now),
        }
    }

    pub fn flush(&mut self, jobs: &mut Jobs, now: Now) {
        match self {
            Self::File(log) => log.flush(jobs, now.instant),
            Self::Syslog(log) => log.flush(now.instant),
        }
    }

    /// Opens a file again under its path.
    pub fn reopen(&mut self, jobs: &mut Jobs, now: Now) {
        match self {
            Self::File(log) => log.reopen(jobs, now.instant),
            Self::Syslog(log) => log.flush(now.instant),
        }
    }

    pub fn close(self, jobs: &mut Jobs, now: Now) {
        match self {
            Self::File(log) => log.close(jobs, now.instant),
            Self::Syslog(log) => log.close(now.instant),
        }
    }
}

//! `access_log`: where lines go. They are gathered and written once a second, so that the loop does not
//! write for each request, and no timer runs while nobody asks for anything.
//!
//! A disk that is full and a reader that does not read cost lines, never time.

mod format;

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::conf::{self, Node, Place, Scope, value};
use crate::engine::files::log_file::{self, StandardStream};

pub use format::LogFormat;

/// The time after which lines are written.
pub const DELAY: Duration = Duration::from_secs(1);

/// Bytes that wait at most; then they are written at once.
const MAX_WAITING: usize = 64 * 1024;

/// An error of a log is reported once in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// All log files, each once, however many locations write to it.
#[derive(Debug, Default)]
pub struct Logs(Slab<AccessLogFile>);

/// A log file: a position in [`Logs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(usize);

/// One `access_log` of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    pub log: LogId,
    pub format: LogFormat,
}

#[derive(Debug)]
struct AccessLogFile {
    path: PathBuf,
    /// The first directive that names it.
    origin: Place,
    /// None until it is opened.
    file: Option<File>,
    waiting: Vec<u8>,
    lost: u64,
    complained_at: Option<Instant>,
}

impl Logs {
    /// Reads the logs of a location. `formats` are the named ones.
    pub fn read(
        &mut self,
        scope: &Scope<'_>,
        formats: &HashMap<String, LogFormat>,
    ) -> Result<Vec<AccessLog>, conf::Error> {
        let mut all = Vec::new();
        for node in scope.all("access_log") {
            let Some(LogPath { path, format }) = node.custom() else { return Ok(Vec::new()) };
            let known = formats.get(&format);
            let unknown = || conf::Error::at(node, format!("no log_format \"{format}\""));
            let known = known.ok_or_else(|| unknown().for_lack_of("log_format", scope))?;
            all.push(AccessLog { log: self.id(&path, node), format: known.clone() });
        }
        Ok(all)
    }

    fn id(&mut self, path: &Path, node: &Node) -> LogId {
        let known = self.find(path);
        known.unwrap_or_else(|| {
            let (path, origin) = (path.to_owned(), Place::of(node));
            LogId(self.0.insert(AccessLogFile {
                path,
                origin,
                file: None,
                waiting: Vec::new(),
                lost: 0,
                complained_at: None,
            }))
        })
    }

    fn find(&self, path: &Path) -> Option<LogId> {
        self.0.iter().find(|(_, log)| log.path == path).map(|(position, _)| LogId(position))
    }

    /// Takes the logs of another configuration, which are open; a file that is there already is kept. `accesses` are
    /// those of the other configuration's locations.
    pub fn adopt<'a>(&mut self, mut next: Self, accesses: impl Iterator<Item = &'a mut AccessLog>) {
        let adopt = |log: AccessLogFile| match self.find(&log.path) {
            Some(known) => known,
            None => LogId(self.0.insert(log)),
        };
        let ids: Vec<_> = next.0.drain().map(adopt).collect();
        for access in accesses {
            access.log = ids.get(access.log.0).copied().unwrap_or(access.log);
        }
    }

    /// Closes the logs that no location uses any more.
    pub fn close_others(&mut self, used: &HashSet<LogId>, now: Instant) {
        self.0.retain(|position, log| {
            let is_used = used.contains(&LogId(position));
            if !is_used {
                log.flush(now);
            }
            is_used
        });
    }

    /// Opens all logs.
    pub fn open(&mut self) -> Result<(), conf::Errors> {
        self.open_beside(&Self::default())
    }

    /// Opens the logs that the running server, which will adopt them, has not open.
    pub fn open_beside(&mut self, running: &Self) -> Result<(), conf::Errors> {
        let mut faults = conf::Faults::default();
        for (_, log) in self.0.iter_mut().filter(|(_, log)| running.find(&log.path).is_none()) {
            let explain = |error: io::Error| {
                let why = format!("access log {}: {error}", log.path.display());
                conf::Error::in_place(log.origin.clone(), why)
            };
            log.file = faults.keep(open(&log.path).map_err(explain));
        }
        faults.into_result(())
    }

    /// The files, and where the configuration names them.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Place)> {
        self.0.iter().map(|(_, log)| (log.path.as_path(), &log.origin))
    }

    /// Adds a line. Returns whether it is the first of all that wait.
    pub fn add(&mut self, id: LogId, line: &str, now: Instant) -> bool {
        let none_waited = self.0.iter().all(|(_, log)| log.waiting.is_empty());
        if let Some(log) = self.0.get_mut(id.0) {
            log.waiting.extend_from_slice(line.as_bytes());
            if log.waiting.len() >= MAX_WAITING {
                log.flush(now);
            }
        }
        none_waited
    }

    /// Writes what waits, and opens each file again under its path.
    pub fn reopen(&mut self, now: Instant) {
        // A standard stream may be open to another user, who may not open it again.
        let is_file = |log: &AccessLogFile| StandardStream::of_log(&log.path).is_none();
        for (_, log) in self.0.iter_mut().filter(|(_, log)| is_file(log)) {
            log.flush(now);
            match open(&log.path) {
                Ok(file) => log.file = Some(file),
                Err(error) => {
                    log::error!("access log {} cannot be opened again: {error}", log.path.display());
                }
            }
        }
    }

    /// Writes what waits.
    pub fn flush(&mut self, now: Instant) {
        for (_, log) in &mut self.0 {
            log.follow_path();
            log.flush(now);
        }
    }
}

impl AccessLogFile {
    /// Begins the file anew if it has been moved or removed, as those who rotate logs do.
    fn follow_path(&mut self) {
        let is_other =
            |there: &Metadata, ours: &Metadata| (there.dev(), there.ino()) != (ours.dev(), ours.ino());
        let Some(Ok(ours)) = self.file.as_ref().map(File::metadata) else { return };
        if self.waiting.is_empty() || !ours.is_file() {
            return;
        }
        let moved = match std::fs::metadata(&self.path) {
            Ok(there) => is_other(&there, &ours),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if moved && let Ok(file) = open(&self.path) {
            self.file = Some(file);
        }
    }

    fn flush(&mut self, now: Instant) {
        if self.waiting.is_empty() {
            return;
        }
        let written = self.file.as_mut().map(|file| write_all(file, &self.waiting));
        if let Some(Err((written, error))) = written {
            let rest = self.waiting.get(written..).unwrap_or_default();
            self.lost += rest.iter().filter(|&&byte| byte == b'\n').count() as u64;
            if self.complained_at.is_none_or(|then| now.saturating_duration_since(then) >= COMPLAIN_EVERY) {
                log::error!("access log {}: {error}; {} lines lost", self.path.display(), self.lost);
                (self.complained_at, self.lost) = (Some(now), 0);
            }
        }
        self.waiting.clear();
        self.waiting.shrink_to(MAX_WAITING);
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        for (_, log) in &mut self.0 {
            // Nobody is left to report an error to.
            let _ = log.file.as_mut().map(|file| file.write_all(&log.waiting));
        }
    }
}

/// Opens a log for appending; warns of a FIFO without a reader.
fn open(path: &Path) -> io::Result<File> {
    let opened = log_file::open(path)?;
    if opened.lacks_reader {
        log::warn!("access log {}: a FIFO that nobody reads yet", path.display());
    }
    Ok(opened.file)
}

/// Writes as much as goes at once; an error says how much that was.
fn write_all(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// An `access_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPath {
    path: PathBuf,
    /// The name of its format.
    format: String,
}

impl LogPath {
    /// Reads the arguments of the directive; none for `off`. How nginx buffers is how it is here anyway.
    pub fn parse(args: &[String]) -> Result<Option<Self>, String> {
        let Some((path, rest)) = args.split_first() else { return Err("a file or off".to_owned()) };
        if path.starts_with("syslog:") {
            return Err("a file; it writes no syslog".to_owned());
        }
        conf::path::check(path)?;
        let (mut format, mut first) = ("combined", true);
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
        match path.as_str() {
            "off" if rest.is_empty() => Ok(None),
            "off" => Err("nothing after off".to_owned()),
            _ => Ok(Some(Self { path: path.into(), format: format.to_owned() })),
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
        let own =
            |path: &str, format: &str| Ok(Some(LogPath { path: path.into(), format: format.to_owned() }));
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(parse("/a"), own("/a", "combined"));
        assert_eq!(parse("/a main buffer=32k flush=1m"), own("/a", "main"));
        assert_eq!(parse("/a buffer=32k"), own("/a", "combined"));
        for wrong in
            ["/a b c", "off main", "/a buffer=x", "/a flush=x", "/a main gzip", "/a main if=$x", "syslog:x"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_loses_lines_and_says_so_once() {
        let now = Instant::now();
        let mut logs = Logs::default();
        let tree = conf::Tree::from_text("f", "").unwrap();
        logs.id(Path::new("/dev/full"), tree.root());
        logs.open().unwrap();
        assert!(logs.add(LogId(0), "a\n", now));
        assert!(!logs.add(LogId(0), "b\n", now));
        logs.flush(now);
        assert_eq!((logs.0[0].complained_at, logs.0[0].lost), (Some(now), 0));
        logs.add(LogId(0), "c\n", now);
        logs.flush(now);
        assert_eq!((logs.0[0].lost, logs.0[0].waiting.len()), (1, 0));
    }
}

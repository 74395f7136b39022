//! Access logs, of HTTP and of RTMP: where lines go (`access_log`), and what of any `log_format` is the same for both.
//! Lines are gathered and given to the writer once a second, and no timer runs while nobody asks for anything.
//!
//! A disk that is full or slow, and a reader that does not read, cost lines, never time. What a line says is decided by
//! the modules: each has its variables, and its own [`Logs`].

pub mod escape;
mod file;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::conf::{self, Node, Place, Scope, value};
use crate::engine::files::log_file::NewLogs;
use crate::engine::jobs::Jobs;

use file::AccessLogFile;

/// The name of the format that needs no `log_format`.
pub const BUILT_IN: &str = "combined";

/// The time after which lines are written.
pub const DELAY: Duration = Duration::from_secs(1);

/// All log files of a module, each once, however many blocks write to it.
#[derive(Debug, Default)]
pub struct Logs(Slab<AccessLogFile>);

/// A log file: a position in [`Logs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(usize);

/// One `access_log` of a block, with the module's own kind of format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog<F> {
    /// The file.
    pub log: LogId,
    /// How its lines are written.
    pub format: F,
}

impl Logs {
    /// Reads the logs of a block. `formats` are the named ones.
    pub fn read<F: Clone>(
        &mut self,
        scope: &Scope<'_>,
        formats: &HashMap<String, F>,
    ) -> Result<Vec<AccessLog<F>>, conf::Error> {
        let mut all = Vec::new();
        for node in scope.all("access_log") {
            let Some(LogPath { path, format }) = node.custom() else { return Ok(Vec::new()) };
            let known = formats.get(&format).or_else(|| {
                // nginx does not mind capital letters here.
                let alike = formats.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&format));
                alike.min_by_key(|(name, _)| *name).map(|(_, known)| known)
            });
            let unknown = || conf::Error::at(node, format!("no log_format \"{format}\""));
            let known = known.ok_or_else(|| unknown().for_lack_of("log_format", scope))?;
            all.push(AccessLog { log: self.id(&path, node), format: known.clone() });
        }
        Ok(all)
    }

    fn id(&mut self, path: &Path, node: &Node) -> LogId {
        self.find(path).unwrap_or_else(|| LogId(self.0.insert(AccessLogFile::new(path, Place::of(node)))))
    }

    fn find(&self, path: &Path) -> Option<LogId> {
        self.0.iter().find(|(_, log)| &*log.path == path).map(|(position, _)| LogId(position))
    }

    /// Takes the logs of another configuration; a file that is there already is kept. `accesses` are those of the other
    /// configuration's blocks.
    pub fn adopt<'a, F: 'a>(
        &mut self,
        mut next: Self,
        accesses: impl Iterator<Item = &'a mut AccessLog<F>>,
        jobs: &mut Jobs,
    ) {
        let adopt = |log: AccessLogFile| match self.find(&log.path) {
            Some(known) => known,
            None => {
                log.open_if_closed(jobs);
                LogId(self.0.insert(log))
            }
        };
        let ids: Vec<_> = next.0.drain().map(adopt).collect();
        for access in accesses {
            access.log = ids.get(access.log.0).copied().unwrap_or(access.log);
        }
    }

    /// Closes the logs that no block uses any more.
    pub fn close_others(&mut self, used: &HashSet<LogId>, jobs: &mut Jobs, now: Instant) {
        let is_unused = |position: &usize| !used.contains(&LogId(*position));
        let unused: Vec<_> = self.0.iter().map(|(position, _)| position).filter(is_unused).collect();
        for log in unused.into_iter().filter_map(|position| self.0.try_remove(position)) {
            log.close(jobs, now);
        }
    }

    /// Opens all logs.
    pub fn open(&mut self) -> Result<(), conf::Errors> {
        let mut opened = self.open_new(&[])?;
        self.take_new(&mut opened);
        Ok(())
    }

    /// Opens the logs that the running server, which will adopt them, has not open.
    pub fn open_new(&self, running: &[PathBuf]) -> Result<NewLogs, conf::Errors> {
        let (mut faults, mut opened) = (conf::Faults::default(), NewLogs::default());
        for (_, log) in self.0.iter().filter(|(_, log)| !running.iter().any(|path| **path == *log.path)) {
            let file = file::open(&log.path).map_err(|error| {
                let why = format!("access log {}: {error}", log.path.display());
                conf::Error::in_place(log.origin.clone(), why)
            });
            opened.extend(faults.keep(file).map(|file| (log.path.to_path_buf(), file)));
        }
        faults.into_result(opened)
    }

    /// Takes the logs that have been opened for the same configuration.
    pub fn take_new(&mut self, opened: &mut NewLogs) {
        for (_, log) in &mut self.0 {
            if let Some(file) = opened.remove(&*log.path) {
                log.take(file);
            }
        }
    }

    /// The files, and where the configuration names them.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Place)> {
        self.0.iter().map(|(_, log)| (&*log.path, &log.origin))
    }

    /// Adds a line. Returns whether it is the first of all that wait.
    pub fn add(&mut self, id: LogId, line: &str, jobs: &mut Jobs, now: Instant) -> bool {
        let waited = self.0.iter().any(|(_, log)| log.has_waiting());
        let Some(log) = self.0.get_mut(id.0) else { return false };
        log.add(line, jobs, now);
        !waited && log.has_waiting()
    }

    /// Has the writer write what waits, and open each file again under its path.
    pub fn reopen(&mut self, jobs: &mut Jobs, now: Instant) {
        self.0.iter_mut().for_each(|(_, log)| log.reopen(jobs, now));
    }

    /// Has the writer write what waits.
    pub fn flush(&mut self, jobs: &mut Jobs, now: Instant) {
        self.0.iter_mut().for_each(|(_, log)| log.flush(jobs, now));
    }
}

/// Reads the directives `log_format`. `combined` is the format that is built in, with the block that asks for it.
pub fn read_formats<F: Any + Clone>(
    nodes: &[&Node],
    (block, combined): (&Node, Result<F, String>),
    faults: &mut conf::Faults,
) -> HashMap<String, F> {
    let mut formats = HashMap::new();
    for node in nodes {
        let Some(name) = node.args.first() else { continue };
        if formats.insert(name.clone(), node.custom::<F>()).is_some() {
            faults.push(conf::Error::at(node, format!("log_format \"{name}\" stands here twice")));
        }
    }
    let combined = combined.map_err(|why| conf::Error::at(block, why));
    formats.extend(faults.keep(combined).map(|combined| (BUILT_IN.to_owned(), combined)));
    formats
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
    use crate::conf::Tree;
    use crate::test_folder::Folder;

    fn parse(text: &str) -> Result<Option<LogPath>, String> {
        LogPath::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_the_running_server_has_open_is_not_opened_again() {
        let (folder, tree) = (Folder::new(), Tree::from_text("f", "").unwrap());
        let [open, new] = ["open/a.log", "new/a.log"].map(|name| folder.join(name));
        let mut next = Logs::default();
        let ids = [&open, &new].map(|path| next.id(path, tree.root()));
        let mut opened = next.open_new(std::slice::from_ref(&open)).unwrap();
        assert_eq!(opened.keys().collect::<Vec<_>>(), [&new]);
        next.take_new(&mut opened);
        let (mut jobs, now) = (Jobs::default(), Instant::now());
        for id in ids {
            next.add(id, "a\n", &mut jobs, now);
        }
        next.flush(&mut jobs, now);
        jobs.run_all();
        assert_eq!((open.exists(), std::fs::read_to_string(&new).unwrap()), (false, "a\n".to_owned()));
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
}

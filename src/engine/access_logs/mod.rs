//! Access logs, of HTTP and of RTMP: where lines go (`access_log`), and what of any `log_format` is the same for both.
//! Lines are gathered and given to the writer once a second, and no timer runs while nobody asks for anything.
//!
//! Those for syslog are sent at once.
//!
//! A disk that is full or slow, and a reader that does not read, cost lines, never time. What a line says is decided by
//! the modules: each has its variables, and its own [`Logs`].

mod directive;
pub mod escape;
mod file;
mod losses;
mod output;
mod syslog;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use slab::Slab;

use crate::conf::{self, Node, Place, Scope};
use crate::engine::config::probe::Probe;
use crate::engine::files::log_file::{NewLogs, OpenLogs};
use crate::engine::jobs::Jobs;
use crate::engine::now::Now;

use directive::AccessLogTarget;
pub use directive::{BUILT_IN, LogPath};
use output::Output;

/// The time after which lines are written.
pub const DELAY: Duration = Duration::from_secs(1);

/// All logs of a module, each once, however many blocks write to it.
#[derive(Debug, Default)]
pub struct Logs {
    all: Slab<Output>,
    /// The module's timer runs, see [`Logs::add`].
    is_timed: bool,
}

/// A log: a position in [`Logs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(usize);

/// One `access_log` of a block, with the module's own kind of format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog<F> {
    /// Where its lines go.
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
            let Some(LogPath { target, format }) = node.custom() else { return Ok(Vec::new()) };
            let known = formats.get(&format).or_else(|| {
                // nginx does not mind capital letters here.
                let alike = formats.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&format));
                alike.min_by_key(|(name, _)| *name).map(|(_, known)| known)
            });
            let unknown = || conf::Error::at(node, format!("no log_format \"{format}\""));
            let known = known.ok_or_else(|| unknown().for_lack_of("log_format", scope))?;
            all.push(AccessLog { log: self.id(target, node), format: known.clone() });
        }
        Ok(all)
    }

    fn id(&mut self, target: AccessLogTarget, node: &Node) -> LogId {
        self.find(&target).unwrap_or_else(|| LogId(self.all.insert(Output::new(target, Place::of(node)))))
    }

    fn find(&self, target: &AccessLogTarget) -> Option<LogId> {
        self.all.iter().find(|(_, log)| log.target() == *target).map(|(position, _)| LogId(position))
    }

    /// Takes the logs of another configuration; one that is there already is kept. `accesses` are those of the other
    /// configuration's blocks.
    pub fn adopt<'a, F: 'a>(
        &mut self,
        mut next: Self,
        accesses: impl Iterator<Item = &'a mut AccessLog<F>>,
        jobs: &mut Jobs,
    ) {
        let adopt = |log: Output| match self.find(&log.target()) {
            Some(known) => {
                if let Some(kept) = self.all.get_mut(known.0) {
                    kept.renew(log);
                }
                known
            }
            None => {
                log.open_if_closed(jobs);
                LogId(self.all.insert(log))
            }
        };
        let ids: Vec<_> = next.all.drain().map(adopt).collect();
        for access in accesses {
            access.log = ids.get(access.log.0).copied().unwrap_or(access.log);
        }
    }

    /// Closes the logs that no block uses any more.
    pub fn close_others(&mut self, used: &HashSet<LogId>, jobs: &mut Jobs, now: Now) {
        let is_unused = |position: &usize| !used.contains(&LogId(*position));
        let unused: Vec<_> = self.all.iter().map(|(position, _)| position).filter(is_unused).collect();
        for log in unused.into_iter().filter_map(|position| self.all.try_remove(position)) {
            log.close(jobs, now);
        }
    }

    /// Opens all logs.
    pub fn open(&mut self) -> Result<(), conf::Errors> {
        let mut opened = self.open_new(&OpenLogs::default())?;
        self.take_new(&mut opened);
        Ok(())
    }

    /// Opens the logs that the running server, which will adopt them, has not open, and looks up the servers of syslog
    /// again.
    pub fn open_new(&self, running: &OpenLogs) -> Result<NewLogs, conf::Errors> {
        let (mut faults, mut opened) = (conf::Faults::default(), NewLogs::default());
        for (_, log) in &self.all {
            faults.keep(log.open(running, &mut opened));
        }
        faults.into_result(opened)
    }

    /// Takes the logs that have been opened for the same configuration.
    pub fn take_new(&mut self, opened: &mut NewLogs) {
        self.all.iter_mut().for_each(|(_, log)| log.take(opened));
    }

    /// Those that are open.
    pub fn open_logs(&self) -> OpenLogs {
        let mut open = OpenLogs::default();
        self.all.iter().for_each(|(_, log)| log.list(&mut open));
        open
    }

    /// Adds what is wrong with the logs to a probe.
    pub fn probe(&self, probe: &mut Probe) {
        self.all.iter().for_each(|(_, log)| log.probe(probe));
    }

    /// Adds a line. If it returns true, [`Logs::expire`] has to be called after [`DELAY`].
    pub fn add(&mut self, id: LogId, line: &str, jobs: &mut Jobs, now: Now) -> bool {
        let Some(log) = self.all.get_mut(id.0) else { return false };
        log.add(line, jobs, now);
        let begins = !self.is_timed && log.has_waiting();
        self.is_timed |= begins;
        begins
    }

    /// Has the writer write what waits, and tries syslog again. If it returns true, it has to be called again after
    /// [`DELAY`].
    pub fn expire(&mut self, jobs: &mut Jobs, now: Now) -> bool {
        self.flush(jobs, now);
        self.is_timed = self.all.iter().any(|(_, log)| log.has_waiting());
        self.is_timed
    }

    /// Has the writer write what waits, and open each file again under its path.
    pub fn reopen(&mut self, jobs: &mut Jobs, now: Now) {
        self.all.iter_mut().for_each(|(_, log)| log.reopen(jobs, now));
    }

    /// Has the writer write what waits.
    pub fn flush(&mut self, jobs: &mut Jobs, now: Now) {
        self.all.iter_mut().for_each(|(_, log)| log.flush(jobs, now));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Instant, UNIX_EPOCH};

    use super::*;
    use crate::conf::Tree;
    use crate::engine::config::probe::Account;
    use crate::syslog::{Sender, SyslogTarget};
    use crate::test_folder::Folder;

    #[test]
    fn a_server_of_syslog_that_cannot_be_looked_up_again_keeps_its_address() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address: SyslogTarget =
            format!("syslog:server={}", socket.local_addr().unwrap()).parse().unwrap();
        let name: SyslogTarget = "syslog:server=does-not-exist.invalid".parse().unwrap();
        let tree = Tree::from_text("f", "").unwrap();
        let mut next = Logs::default();
        let id = next.id(AccessLogTarget::Syslog(name.clone()), tree.root());
        assert!(next.open_new(&OpenLogs::default()).is_err(), "a new one has to be found");
        let syslog = vec![(name, Sender::new(&address).unwrap())];
        let running = Arc::new(OpenLogs { files: Vec::new(), syslog });
        let mut probe = Probe::new(Account::Own).with_open_logs(Arc::clone(&running));
        next.probe(&mut probe);
        assert_eq!((probe.faults.into_result(()).is_ok(), probe.findings.len()), (true, 1));
        next.take_new(&mut next.open_new(&running).unwrap());
        assert_eq!(next.open_logs().syslog.len(), 1);
        let now = Now { instant: Instant::now(), wall: UNIX_EPOCH };
        next.add(id, "a line\n", &mut Jobs::default(), now);
        let mut buffer = [0; 1024];
        let count = socket.recv(&mut buffer).unwrap();
        assert!(buffer[..count].ends_with(b" millstream: a line"));
    }

    #[test]
    fn what_the_running_server_has_open_is_not_opened_again() {
        let (folder, tree) = (Folder::new(), Tree::from_text("f", "").unwrap());
        let [open, new] = ["open/a.log", "new/a.log"].map(|name| folder.join(name));
        let mut next = Logs::default();
        let ids = [&open, &new].map(|path| next.id(AccessLogTarget::File(path.clone()), tree.root()));
        let mut opened =
            next.open_new(&OpenLogs { files: vec![open.clone()], ..OpenLogs::default() }).unwrap();
        assert_eq!(opened.files.keys().collect::<Vec<_>>(), [&new]);
        next.take_new(&mut opened);
        let now = Now { instant: Instant::now(), wall: UNIX_EPOCH };
        let mut jobs = Jobs::default();
        for id in ids {
            next.add(id, "a\n", &mut jobs, now);
        }
        next.flush(&mut jobs, now);
        jobs.run_all();
        assert_eq!((open.exists(), std::fs::read_to_string(&new).unwrap()), (false, "a\n".to_owned()));
    }
}

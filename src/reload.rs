//! A reload: the configuration is read, checked and tried as by `-t`, and then adopted by the running server. If
//! anything is wrong, nothing changes.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use millstream::engine::files::log_file::{NewLogs, OpenLogs};
use millstream::engine::{Account, Probe, time_zone};
use millstream::net::{self, Background, LoadedTls};

use crate::loaded::{Failure, Loaded, source_name};
use crate::logging::{ErrorLogs, OpenedLogs};
use crate::options::CommandLine;
use crate::{machine, probe};

/// What a reload needs to know of the running server besides its engine.
pub struct Reloader<'a> {
    line: &'a CommandLine,
    logs: ErrorLogs,
    /// The path of the control socket, which stays where it was at the start.
    control: Option<PathBuf>,
    /// The configuration that a thread reads.
    reading: Option<Background<Result<Draft, Failure>>>,
    /// Another reload has been asked for since that thread began.
    is_outdated: bool,
    /// The directives that a reload cannot change, with the arguments that they had at the start.
    fixed: Vec<(&'static str, Vec<String>)>,
    applications: Vec<String>,
}

/// A configuration that can be adopted unless an address cannot be opened.
struct Draft {
    loaded: Loaded,
    logs: OpenedLogs,
    access_logs: NewLogs,
    tls: LoadedTls,
    /// What is wrong without keeping it from being adopted, for who asks for the reload.
    warnings: Vec<String>,
    memory: Option<u64>,
}

impl<'a> Reloader<'a> {
    /// Keeps what a later configuration is compared with.
    pub fn new(line: &'a CommandLine, logs: ErrorLogs, loaded: &Loaded, control: Option<PathBuf>) -> Self {
        let (fixed, applications) = (loaded.fixed(), loaded.applications());
        Self { line, logs, control, reading: None, is_outdated: false, fixed, applications }
    }

    /// Opens all log files again.
    pub fn reopen(&self, server: &mut net::Server) {
        log::info!("opening the logs again");
        self.logs.reopen();
        server.reopen();
    }

    /// Has a thread read the configuration again.
    pub fn reload(&mut self, server: &mut net::Server) {
        if self.line.file.is_none() {
            let why = "the built-in configuration is served, so there is no file to reload; nothing changes";
            log::warn!("{why}");
            server.engine().reload_begins();
            return server.engine().reloaded(&Err(why.to_owned()), net::now());
        }
        if self.reading.is_some() {
            log::info!("the configuration is still being read; afterwards it is read again");
            self.is_outdated = true;
            return;
        }
        log::info!("reloading {}", source_name(self.line));
        server.engine().reload_begins();
        let (line, logs) = (self.line.clone(), self.logs.clone());
        let running = Running {
            open_logs: Arc::new(server.engine().open_logs()),
            control: self.control.clone(),
            tls: server.loaded_tls(),
        };
        self.reading = Some(server.run_in_background(move || read(&line, &logs, &running)));
    }

    /// Has the server adopt the configuration that has been read.
    pub fn collect(&mut self, server: &mut net::Server) {
        let Some(reading) = self.reading.take() else { return };
        let name = source_name(self.line);
        let before = server.addresses();
        let draft = reading.take().unwrap_or_else(|| Err(Failure::Other("a fault of the server".to_owned())));
        let result = match draft.and_then(|draft| self.adopt(server, draft)) {
            Ok((changes, warnings)) => {
                let text = format!("reloaded {name}{changes}");
                log::info!("{text}");
                let warnings = warnings.iter().map(|warning| format!("warning: {warning}"));
                Ok(std::iter::once(text.clone()).chain(warnings).collect::<Vec<_>>().join("\n"))
            }
            Err(failure) => {
                let mut lines: Vec<_> = failure.to_string().lines().map(str::to_owned).collect();
                lines.push(format!("{name} is not reloaded; {}", losses(&before, &server.addresses())));
                lines.iter().for_each(|line| log::error!("{line}"));
                Err(lines.join("\n"))
            }
        };
        server.engine().reloaded(&result, net::now());
        // The file may have changed since it was read.
        if mem::take(&mut self.is_outdated) {
            if server.is_serving() {
                self.reload(server);
            } else {
                server.engine().refuse_reloads("the server is about to end");
            }
        }
    }

    /// Returns what has changed, for the log, and warnings, which are there already.
    fn adopt(&mut self, server: &mut net::Server, draft: Draft) -> Result<(String, Vec<String>), Failure> {
        if !server.is_serving() {
            return Err(Failure::Other("the server is about to end".to_owned()));
        }
        let Draft { loaded, logs, access_logs, tls, warnings, memory } = draft;
        let mut next = loaded.next_engine(server.engine())?;
        if let Some(memory) = memory {
            next.set_memory(memory);
        }
        let prepared = server.prepare(&next).map_err(|error| Failure::Other(error.to_string()))?;
        next.take_new_logs(access_logs);
        self.warn_of_fixed(&loaded);
        self.adopt_logs(logs);
        let listeners = server.adopt(next, prepared, tls);
        let before = mem::replace(&mut self.applications, loaded.applications());
        Ok((describe(listeners, &before, &self.applications), warnings))
    }

    /// Warns of changed directives that have no effect before a restart.
    fn warn_of_fixed(&self, loaded: &Loaded) {
        for ((name, before), (_, now)) in self.fixed.iter().zip(loaded.fixed()) {
            if *before != now {
                let place = loaded.root().place(name);
                log::warn!("{place}: \"{name}\" has changed, which has no effect before a restart");
            }
        }
    }

    fn adopt_logs(&self, opened: OpenedLogs) {
        let targets = opened.targets();
        if targets.is_empty() && !self.logs.targets().is_empty() {
            log::info!("nothing is logged from now on");
        } else if self.logs.targets() != targets {
            let shown: Vec<_> = targets.iter().map(ToString::to_string).collect();
            log::info!("the log goes to {} from now on", shown.join(", "));
        }
        self.logs.adopt(opened);
    }
}

/// What a reload needs of the running server, which need not be allowed to open it again.
struct Running {
    open_logs: Arc<OpenLogs>,
    /// The path of the control socket.
    control: Option<PathBuf>,
    tls: LoadedTls,
}

/// Reads and tries the configuration; this may wait for disks and for the resolver.
fn read(line: &CommandLine, logs: &ErrorLogs, running: &Running) -> Result<Draft, Failure> {
    time_zone::read();
    let mut loaded = Loaded::new(line)?;
    if let Some(path) = &running.control {
        loaded.serve_control(path)?;
    }
    let engine = loaded.engine()?;
    // Such as a file that its editor has just emptied to write it anew.
    if engine.listeners().iter().all(|listener| listener.is_control) {
        let why = format!(
            "{}: nothing would be served; to end the server, use -s stop or -s quit",
            source_name(line)
        );
        return Err(Failure::Other(why));
    }
    let mut found = Probe::new(Account::Own).with_open_logs(Arc::clone(&running.open_logs));
    engine.probe(&loaded.root(), &mut found);
    let outputs = loaded.error_logs(line);
    probe::tls(&mut found);
    // The errors are told below: what is in use may stay so.
    let _ = probe::certificates(&engine, &mut found);
    probe::daemon(&loaded.root(), &outputs, &mut found);
    loaded.log_findings(found.findings);
    found.faults.into_result(())?;
    let access_logs = engine.open_new_logs(&running.open_logs)?;
    let (tls, mut warnings) =
        LoadedTls::read(&engine.all_server_tls(), Some(&running.tls)).map_err(Failure::Other)?;
    drop(engine);
    let logs = logs.open(&outputs).map_err(Failure::Other)?;
    warnings.extend(logs.warnings.iter().map(ToString::to_string));
    warnings.iter().for_each(|warning| log::warn!("{warning}"));
    logs.start().map_err(Failure::Other)?;
    Ok(Draft { loaded, logs, access_logs, tls, warnings, memory: machine::memory() })
}

/// What has changed in short; empty if it is nothing of these.
fn describe(listeners: net::ListenerChanges, before: &[String], now: &[String]) -> String {
    let net::ListenerChanges { opened, closed } = listeners;
    let (added, gone) = (missing(now, before), missing(before, now));
    let parts = [
        (opened > 0, format!("addresses opened: {opened}")),
        (closed > 0, format!("addresses closed: {closed}")),
        (!added.is_empty(), format!("new applications: {}", added.join(", "))),
        (!gone.is_empty(), format!("gone applications: {}", gone.join(", "))),
    ];
    parts.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| format!("; {text}")).collect()
}

/// What has changed though a reload has failed, for the log: sockets that were in the way of others, and could not be
/// opened again.
fn losses(before: &[String], now: &[String]) -> String {
    let lost = missing(before, now);
    if lost.is_empty() {
        return "nothing changes".to_owned();
    }
    format!("all else stays as it was, but {} is not listened on any more", lost.join(", "))
}

/// The names that are not among the others.
fn missing(names: &[String], others: &[String]) -> Vec<String> {
    let mut others = others.to_vec();
    let is_missing = |name: &&String| match others.iter().position(|other| other == *name) {
        Some(position) => {
            others.swap_remove(position);
            false
        }
        None => true,
    };
    names.iter().filter(is_missing).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_a_failed_reload_has_lost_is_named() {
        let [a, b] = ["127.0.0.1:1935", "[::1]:1935"].map(str::to_owned);
        assert_eq!(losses(&[a.clone(), b.clone()], &[b.clone(), a.clone()]), "nothing changes");
        let lost = "all else stays as it was, but [::1]:1935 is not listened on any more";
        assert_eq!(losses(&[a.clone(), b], &[a]), lost);
    }
}

//! A configuration as the program reads it: loaded, checked, and what it says about the process.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

use millstream::conf::{self, Acts, Context, FindingKind, Place, Scope, Table, Tree};
use millstream::engine::{self, Engine, Probe};
use millstream::{modules, net};

use crate::logging::LogChoice;
use crate::options::CommandLine;
use crate::{probe, process};

/// The configuration without `-c`.
const BUILT_IN: &str = include_str!("../conf/millstream.conf");

/// Its name in messages.
const NO_FILE: &str = "(built in)";

/// The name of the configuration that a command line means.
pub fn source_name(line: &CommandLine) -> String {
    line.file.as_ref().map_or(NO_FILE.to_owned(), |file| file.display().to_string())
}

/// The reason for which a configuration cannot be served.
#[derive(Debug)]
pub enum Failure {
    /// Errors of its directives.
    Errors(conf::Errors),
    Other(String),
}

impl Failure {
    /// The number of errors, to be appended to the line that says that the test has failed.
    pub fn count(&self) -> String {
        match self {
            Self::Errors(errors) => format!(": {}", errors.count()),
            Self::Other(_) => String::new(),
        }
    }
}

impl From<conf::Errors> for Failure {
    fn from(errors: conf::Errors) -> Self {
        Self::Errors(errors)
    }
}

impl From<conf::Error> for Failure {
    fn from(error: conf::Error) -> Self {
        Self::Errors(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(errors) => errors.fmt(f),
            Self::Other(message) => message.fmt(f),
        }
    }
}

/// A configuration without errors. It may be sent to another thread.
#[derive(Debug)]
pub struct Loaded {
    tree: Tree,
    table: Table,
    findings: Vec<conf::Finding>,
}

impl Loaded {
    /// Reads and checks what the command line means.
    pub fn new(line: &CommandLine) -> Result<Self, Failure> {
        let tree = match &line.file {
            Some(file) => Tree::load(file),
            None => Tree::from_text(NO_FILE, BUILT_IN),
        };
        // Only the first error of syntax is told: behind it, nothing stands where it was meant to.
        let mut tree = tree?;
        if let Some(globals) = &line.globals {
            tree.append_globals(globals)?;
        }
        let table = engine::directive_table(&modules::table());
        match conf::check(&mut tree, &table) {
            Ok(findings) => Ok(Self { tree, table, findings }),
            Err(errors) => Err(Self { tree, table, findings: Vec::new() }.all_errors(errors).into()),
        }
    }

    /// Adds the control socket to what is served.
    pub fn serve_control(&mut self, path: &Path) -> Result<(), Failure> {
        Ok(engine::ControlSocket::serve_at(path, &mut self.tree, &self.table)?)
    }

    /// The errors that the check has found, together with those of all settings that are not affected by them.
    fn all_errors(mut self, errors: conf::Errors) -> conf::Errors {
        self.tree.leave_out(&errors);
        let mut faults = conf::Faults::default();
        faults.keep(self.engine());
        faults.keep(Err::<(), _>(errors.clone()));
        faults.into_result(()).err().unwrap_or(errors)
    }

    /// Tries, before the start, what the settings, the user and the folders allow.
    pub fn probe(&self, engine: &Engine, line: &CommandLine) -> Probe {
        let (root, logs) = (self.root(), self.error_logs(line));
        let mut found = Probe::new(probe::account(&root));
        engine.probe(&root, &mut found);
        probe::user(&root, &mut found);
        probe::tls(&mut found);
        probe::certificates(engine, &mut found).into_iter().for_each(|error| found.faults.push(error));
        probe::daemon(&root, &logs, &mut found);
        let files = self.files().map(|(name, _)| name).filter(|name| Path::new(name).is_absolute());
        probe::rereading(&root, files, &mut found);
        probe::silence(&root, line, &mut found);
        probe::reopening_logs(&logs, &mut found);
        probe::ports(engine, &mut found);
        if let (Some(path), true) = self.pid_path() {
            probe::pid_file(&path, &root.place("pid"), &mut found);
        }
        found
    }

    /// The findings of the check and these, in the order of the file.
    pub fn all_findings(&self, mut findings: Vec<conf::Finding>) -> Vec<conf::Finding> {
        findings.extend(self.findings.iter().cloned());
        conf::Finding::sort(&mut findings);
        findings
    }

    /// Logs the findings of the check and these.
    pub fn log_findings(&self, findings: Vec<conf::Finding>) {
        for finding in self.all_findings(findings) {
            let level = match finding.kind {
                FindingKind::Ignored | FindingKind::Differs => log::Level::Debug,
                FindingKind::Warning => log::Level::Warn,
            };
            log::log!(level, "{finding}");
        }
    }

    /// Whether it is the one that is built in.
    pub fn is_built_in(&self) -> bool {
        self.files().any(|(name, _)| name == NO_FILE)
    }

    /// The files that were read: names and texts.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tree.files().iter().map(|(name, text)| (&**name, text.as_str()))
    }

    /// The top level.
    pub fn root(&self) -> Scope<'_> {
        Scope::root(&self.tree, &self.table)
    }

    /// An engine for the configuration; nothing is opened yet.
    pub fn engine(&self) -> Result<Engine, conf::Errors> {
        let seed = RandomState::new().build_hasher().finish();
        Engine::new(&self.root(), modules::table(), seed, net::now())
    }

    /// An engine that the running one can adopt.
    pub fn next_engine(&self, running: &Engine) -> Result<Engine, conf::Errors> {
        running.read_next(&self.root(), modules::table())
    }

    /// The pid file, and true if the configuration names it.
    pub fn pid_path(&self) -> (Option<PathBuf>, bool) {
        match self.root().text("pid").as_str() {
            "" => (process::default_pid_path(), false),
            "off" => (None, true),
            path => (Some(path.into()), true),
        }
    }

    /// The error logs.
    pub fn error_logs(&self, line: &CommandLine) -> Vec<LogChoice> {
        let root = self.root();
        let choice =
            |log: engine::ErrorLog, origin| LogChoice { target: log.target, level: log.level, origin };
        let nodes = root.all("error_log");
        let mut logs: Vec<_> =
            nodes.iter().map(|node| choice(node.custom(), Some(Place::of(node)))).collect();
        if logs.is_empty() {
            logs.push(choice(root.custom("error_log"), None));
        }
        if let Some(target) = &line.error_log {
            logs.truncate(1);
            logs.iter_mut().for_each(|log| (log.target, log.origin) = (target.clone(), None));
        }
        logs
    }

    /// The directives that act only at a start, with their arguments.
    pub fn fixed(&self) -> Vec<(&'static str, Vec<String>)> {
        let rows = self.table.rows(Context::Main).filter(|row| row.acts == Acts::Never);
        rows.map(|row| (row.name, self.root().words(row.name))).collect()
    }

    /// The names of the applications of all servers.
    pub fn applications(&self) -> Vec<String> {
        let root = self.root();
        let servers = root.blocks("rtmp").flat_map(|rtmp| rtmp.blocks("server").collect::<Vec<_>>());
        let nodes = servers.flat_map(|server| server.own("application").collect::<Vec<_>>());
        nodes.filter_map(|node| node.args.first().cloned()).collect()
    }
}

//! The `millstream` program: options, then configuration, then the loop. The only place that exits.

mod logging;
mod machine;
mod options;
mod probe;
mod process;
#[cfg(test)]
mod test_folder;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::process::ExitCode;

use logging::{ErrorLogs, FlushedAtEnd, LogOutput};
use millstream::conf::{self, FindingKind, Place, Scope, Table, Tree};
use millstream::engine::{self, Engine, Probe};
use millstream::{modules, net};
use nix::sys::signal::Signal;
use options::{CommandLine, Task};

/// The configuration without `-c`.
const BUILT_IN: &str = include_str!("../conf/millstream.conf");

const VERSION: &str = concat!("millstream version: millstream/", env!("CARGO_PKG_VERSION"));

fn main() -> ExitCode {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match options::parse(&args).and_then(|line| run(&line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Prints a message, which may have several lines, to standard error.
fn complain(message: &str) {
    for line in message.lines() {
        eprintln!("millstream: {line}");
    }
}

fn run(line: &CommandLine) -> Result<(), String> {
    match line.task {
        Task::Help => println!("{VERSION}\n{}", options::usage()),
        Task::Version { verbose } => {
            eprintln!("{VERSION}");
            if verbose {
                eprintln!("{}", build_facts());
            }
        }
        Task::Test { dump } => {
            let name = source_name(line);
            test(line, dump).map_err(|failure| {
                complain(&failure.to_string());
                format!("configuration {name} test failed{}", failure.count())
            })?;
            eprintln!("millstream: configuration {name} test successful");
        }
        Task::Signal(signal) => {
            let signal = match signal {
                options::Signal::Stop => Signal::SIGTERM,
                options::Signal::Quit => Signal::SIGQUIT,
            };
            return load(line)?.send_signal(signal);
        }
        Task::Serve => return load(line)?.serve(line),
    }
    Ok(())
}

fn build_facts() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("built for {}-{}, {profile}", std::env::consts::ARCH, std::env::consts::OS)
}

fn source_name(line: &CommandLine) -> &str {
    line.file.as_deref().unwrap_or("(built in)")
}

/// The reason for which a configuration cannot be served.
#[derive(Debug)]
enum Failure {
    /// Errors of its directives.
    Errors(conf::Errors),
    Other(String),
}

impl Failure {
    /// The number of errors, to be appended to the line that says that the test has failed.
    fn count(&self) -> String {
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

fn test(line: &CommandLine, dump: bool) -> Result<(), Failure> {
    let loaded = Loaded::new(line)?;
    let engine = loaded.engine()?;
    let mut found = loaded.probe(&engine, line);
    probe::logs(&loaded.error_logs(line), &mut found);
    probe::listeners(&engine, loaded.pid_path().0.as_deref(), &mut found);
    for finding in loaded.all_findings(found.findings) {
        eprintln!("millstream: {finding}");
    }
    eprintln!("millstream: the configuration {} syntax is ok", source_name(line));
    if dump {
        for (name, text) in loaded.tree.files() {
            println!("# configuration file {name}:\n{text}");
        }
    }
    Ok(found.faults.into_result(())?)
}

fn load(line: &CommandLine) -> Result<Loaded, String> {
    Loaded::new(line).map_err(|failure| failure.to_string())
}

struct Loaded {
    tree: Tree,
    table: Table,
    findings: Vec<conf::Finding>,
}

impl Loaded {
    fn new(line: &CommandLine) -> Result<Self, Failure> {
        let prefix = PathBuf::from(line.prefix.as_deref().unwrap_or_default());
        let tree = match &line.file {
            Some(file) => Tree::load(&prefix.join(file)),
            None => Tree::from_text("(built in)", BUILT_IN),
        };
        // Only the first error of syntax is told: behind it, nothing stands where it was meant to.
        let mut tree = tree?;
        if let Some(globals) = &line.globals {
            tree.append_globals(globals)?;
        }
        let table = engine::directive_table(&modules::table());
        // Relative paths in the configuration begin at the prefix from here on.
        if line.prefix.is_some() {
            let moved = std::env::set_current_dir(&prefix);
            moved.map_err(|error| Failure::Other(format!("{}: {error}", prefix.display())))?;
        }
        match conf::check(&mut tree, &table) {
            Ok(findings) => Ok(Self { tree, table, findings }),
            Err(errors) => Err(Self { tree, table, findings: Vec::new() }.all_errors(errors).into()),
        }
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
    fn probe(&self, engine: &Engine, line: &CommandLine) -> Probe {
        let (root, logs) = (self.root(), self.error_logs(line));
        let mut found = Probe::new(probe::account(&root));
        engine.probe(&root, &mut found);
        probe::user(&root, &mut found);
        probe::daemon(&root, &logs, &mut found);
        if let (Some(path), true) = self.pid_path() {
            probe::pid_file(&path, &root.place("pid"), &mut found);
        }
        found
    }

    /// The findings of the check and these, in the order of the file.
    fn all_findings(&self, mut findings: Vec<conf::Finding>) -> Vec<conf::Finding> {
        findings.extend(self.findings.iter().cloned());
        conf::Finding::sort(&mut findings);
        findings
    }

    fn root(&self) -> Scope<'_> {
        Scope::root(&self.tree, &self.table)
    }

    fn engine(&self) -> Result<Engine, conf::Errors> {
        let seed = RandomState::new().build_hasher().finish();
        Engine::new(&self.root(), modules::table(), seed, net::now())
    }

    /// The pid file, and true if the configuration names it.
    fn pid_path(&self) -> (Option<PathBuf>, bool) {
        match self.root().text("pid").as_str() {
            "" => (process::default_pid_path(), false),
            "off" => (None, true),
            path => (Some(path.into()), true),
        }
    }

    fn send_signal(&self, signal: Signal) -> Result<(), String> {
        let (path, is_named) = self.pid_path();
        let path = path.ok_or("there is no pid file to find a server by: write for example \"pid /home/you/millstream.pid;\" into its configuration, start it again, and give the same -c here")?;
        process::signal(&path, signal).map_err(|why| match is_named {
            true => why,
            false => format!("{why}; a server with another configuration is found with its -c"),
        })
    }

    /// The files of the log.
    fn error_logs(&self, line: &CommandLine) -> Vec<LogOutput> {
        let root = self.root();
        let output =
            |log: engine::ErrorLog, origin| LogOutput { path: log.path.into(), level: log.level, origin };
        let nodes = root.all("error_log");
        let mut logs: Vec<_> =
            nodes.iter().map(|node| output(node.custom(), Some(Place::of(node)))).collect();
        if logs.is_empty() {
            logs.push(output(root.custom("error_log"), None));
        }
        if let Some(file) = &line.error_log {
            logs.truncate(1);
            logs.iter_mut().for_each(|log| (log.path, log.origin) = (file.into(), None));
        }
        logs
    }

    fn serve(&self, line: &CommandLine) -> Result<(), String> {
        let logs = logging::begin(&self.error_logs(line))?;
        let _flushed = FlushedAtEnd(logs.clone());
        // In the background, a failure can be read in the log only.
        let result = self.serve_logged(line, &logs);
        if let (Err(error), true) = (&result, self.root().flag("daemon")) {
            error.lines().for_each(|line| log::error!("{line}"));
        }
        result
    }

    /// All that may fail is done before the process goes into the background.
    fn serve_logged(&self, line: &CommandLine, logs: &ErrorLogs) -> Result<(), String> {
        log::info!("millstream {} serves {}", env!("CARGO_PKG_VERSION"), source_name(line));
        process::raise_file_limit();
        let mut engine = self.engine().map_err(|errors| errors.to_string())?;
        // Only the findings: what cannot be done is reported when the start tries it.
        for finding in self.all_findings(self.probe(&engine, line).findings) {
            log::log!(level_of(finding.kind), "{finding}");
        }
        engine.open().map_err(|errors| errors.to_string())?;
        if let Some(memory) = machine::memory() {
            engine.set_memory(memory);
        }
        let server = net::Server::new(engine).map_err(|error| error.to_string())?;
        let mut pid_file = self.take_pid_file()?;
        let identity = probe::identity(&self.root()).transpose().map_err(|error| error.to_string())?;
        self.announce();
        if self.root().flag("daemon") {
            process::daemonize()?;
        }
        if let Some(file) = &mut pid_file {
            file.write()?;
        }
        if let Some(identity) = identity {
            identity.assume()?;
        }
        logs.start()?;
        server.run().map_err(|error| error.to_string())?;
        log::info!("stopped");
        Ok(())
    }

    /// The start fails only for a pid file that the configuration names.
    fn take_pid_file(&self) -> Result<Option<process::PidFile>, String> {
        let (Some(path), asked) = self.pid_path() else { return Ok(None) };
        match process::PidFile::take(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if asked => Err(format!("{}: {error}", self.root().place("pid"))),
            Err(error) => {
                log::debug!("no pid file: {error}");
                Ok(None)
            }
        }
    }

    /// Logs for a new user of the built-in configuration what to do next.
    fn announce(&self) {
        if self.tree.files().iter().any(|(name, _)| &**name == "(built in)") {
            log::info!("publish to rtmp://localhost/live/NAME, any NAME");
            log::info!("look at http://localhost:8080/");
        }
    }
}

/// The level at which the start logs a finding.
fn level_of(kind: FindingKind) -> log::Level {
    match kind {
        FindingKind::Ignored | FindingKind::Differs => log::Level::Debug,
        FindingKind::NotYet | FindingKind::Warning => log::Level::Warn,
    }
}

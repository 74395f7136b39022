//! The `millstream` program: options, then configuration, then the loop. The only place that exits.

mod logging;
mod machine;
mod options;
mod process;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use log::LevelFilter;
use logging::FlushedAtEnd;
use millstream::conf::{self, Scope, Table, Tree};
use millstream::engine::{self, Engine};
use millstream::net::LogWriter;
use millstream::{modules, net};
use nix::sys::signal::Signal;
use options::{CommandLine, Task};

/// What is served when no file is given.
const BUILT_IN: &str = include_str!("../conf/millstream.conf");

const VERSION: &str = concat!("millstream version: millstream/", env!("CARGO_PKG_VERSION"));

fn main() -> ExitCode {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match options::parse(&args).and_then(|line| run(&line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("millstream: {message}");
            ExitCode::FAILURE
        }
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
            test(line, dump).map_err(|error| {
                eprintln!("millstream: {error}");
                format!("configuration {name} test failed")
            })?;
            eprintln!("millstream: configuration {name} test successful");
        }
        Task::Signal(signal) => {
            let signal = match signal {
                options::Signal::Stop => Signal::SIGTERM,
                options::Signal::Quit => Signal::SIGQUIT,
            };
            return Loaded::new(line)?.send_signal(signal);
        }
        Task::Serve => return Loaded::new(line)?.serve(line),
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

fn test(line: &CommandLine, dump: bool) -> Result<(), String> {
    let loaded = Loaded::new(line)?;
    for notice in &loaded.notices {
        eprintln!("millstream: {notice}");
    }
    loaded.engine()?;
    eprintln!("millstream: the configuration {} syntax is ok", source_name(line));
    if dump {
        for (name, text) in loaded.tree.files() {
            println!("# configuration file {name}:\n{text}");
        }
    }
    Ok(())
}

/// A checked configuration.
struct Loaded {
    tree: Tree,
    table: Table,
    notices: Vec<conf::Notice>,
}

impl Loaded {
    fn new(line: &CommandLine) -> Result<Self, String> {
        let prefix = PathBuf::from(line.prefix.as_deref().unwrap_or_default());
        let tree = match &line.file {
            Some(file) => Tree::load(&prefix.join(file)),
            None => Tree::from_text("(built in)", BUILT_IN),
        };
        let mut tree = tree.map_err(|error| error.to_string())?;
        if let Some(globals) = &line.globals {
            tree.append_globals(globals).map_err(|error| error.to_string())?;
        }
        let table = engine::directive_table(&modules::table());
        let notices = conf::check(&tree, &table).map_err(|error| error.to_string())?;
        // Relative paths in the configuration begin at the prefix from here on.
        if line.prefix.is_some() {
            std::env::set_current_dir(&prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
        }
        Ok(Self { tree, table, notices })
    }

    fn root(&self) -> Scope<'_> {
        Scope::root(&self.tree, &self.table)
    }

    fn engine(&self) -> Result<Engine, String> {
        let seed = RandomState::new().build_hasher().finish();
        Engine::new(&self.root(), modules::table(), seed, net::now()).map_err(|error| error.to_string())
    }

    /// The pid file, and whether the configuration names it.
    fn pid_path(&self) -> (Option<PathBuf>, bool) {
        match self.root().text("pid").as_str() {
            "" => (process::default_pid_path(), false),
            "off" => (None, true),
            path => (Some(path.into()), true),
        }
    }

    fn send_signal(&self, signal: Signal) -> Result<(), String> {
        let (path, _) = self.pid_path();
        let path = path.ok_or("no pid file: the configuration should name one (pid /run/millstream.pid;)")?;
        process::signal(&path, signal)
    }

    fn begin_log(&self, line: &CommandLine) -> Result<LogWriter, String> {
        let words = self.root().words("error_log");
        let (file, level) = (words.first().map_or("stderr", String::as_str), words.get(1));
        let file = line.error_log.as_deref().unwrap_or(file);
        // nginx's own default would be error, which hides that anything happens at all.
        let level = level.and_then(|word| engine::log_level(word)).unwrap_or(LevelFilter::Info);
        logging::begin(Path::new(file), level)
    }

    fn serve(&self, line: &CommandLine) -> Result<(), String> {
        let log = self.begin_log(line)?;
        let _flushed = FlushedAtEnd(log.clone());
        // Once in the background, the log is where a failure can be read.
        let result = self.serve_logged(line, &log);
        if let (Err(error), true) = (&result, self.root().flag("daemon")) {
            log::error!("{error}");
        }
        result
    }

    /// Whatever may fail is done before the process goes into the background, if it does.
    fn serve_logged(&self, line: &CommandLine, log: &LogWriter) -> Result<(), String> {
        for notice in &self.notices {
            log::debug!("{notice}");
        }
        log::info!("millstream {} serves {}", env!("CARGO_PKG_VERSION"), source_name(line));
        process::raise_file_limit();
        let mut engine = self.engine()?;
        if let Some(memory) = machine::memory() {
            engine.set_memory(memory);
        }
        let server = net::Server::new(engine).map_err(|error| error.to_string())?;
        let mut pid_file = self.take_pid_file()?;
        let identity = match self.root().words("user").as_slice() {
            [user, group @ ..] => Some(process::Identity::find(user, group.first().map(String::as_str))?),
            [] => None,
        };
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
        log.start().map_err(|error| format!("no thread for the log: {error}"))?;
        server.run().map_err(|error| error.to_string())?;
        log::info!("stopped");
        Ok(())
    }

    /// Only a pid file that was asked for is worth refusing to start.
    fn take_pid_file(&self) -> Result<Option<process::PidFile>, String> {
        let (Some(path), asked) = self.pid_path() else { return Ok(None) };
        match process::PidFile::take(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if asked => Err(error),
            Err(error) => {
                log::debug!("no pid file: {error}");
                Ok(None)
            }
        }
    }

    /// Tells a new user of the built-in configuration what to do next.
    fn announce(&self) {
        if self.tree.files().iter().any(|(name, _)| &**name == "(built in)") {
            log::info!("publish to rtmp://localhost/live/NAME, any NAME");
            log::info!("look at http://localhost:8080/");
        }
    }
}

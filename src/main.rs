//! The `millstream` program: options, then configuration, then the loop. The only place that exits.

mod control;
mod ctl;
mod launcher;
mod loaded;
mod logging;
mod machine;
mod options;
mod probe;
mod process;
mod reload;
mod serving;
#[cfg(test)]
mod test_folder;

use std::process::ExitCode;

use loaded::{Failure, Loaded, source_name};
use nix::sys::signal::Signal;
use options::{CommandLine, Task};

const VERSION: &str = concat!("millstream version: millstream/", env!("CARGO_PKG_VERSION"));

fn main() -> ExitCode {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let result = match args.split_first() {
        Some((first, rest)) if first == "ctl" => ctl::run(rest),
        Some((first, [])) if first == launcher::MODE => launcher::run(),
        _ => options::parse(&args).and_then(|mut line| run(&mut line)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Prints a message, which may have several lines, to standard error.
fn complain(message: &str) {
    message.lines().for_each(|line| logging::print(log::Level::Error, line));
}

fn run(line: &mut CommandLine) -> Result<(), String> {
    if !matches!(line.task, Task::Help | Task::Version { .. }) {
        line.enter_prefix()?;
    }
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
        Task::Signal(signal) => return send(&load(line)?, signal),
        Task::Serve => return serving::serve(load(line)?, line),
    }
    Ok(())
}

fn build_facts() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("built for {}-{}, {profile}", std::env::consts::ARCH, std::env::consts::OS)
}

fn test(line: &CommandLine, dump: bool) -> Result<(), Failure> {
    let mut loaded = Loaded::new(line)?;
    if let Some((path, true)) = control::path(&loaded) {
        loaded.serve_control(&path)?;
    }
    let engine = loaded.engine()?;
    let mut found = loaded.probe(&engine, line);
    probe::logs(&loaded.error_logs(line), &mut found);
    probe::listeners(&engine, loaded.pid_path().0.as_deref(), &mut found);
    for finding in loaded.all_findings(found.findings) {
        eprintln!("millstream: {finding}");
    }
    eprintln!("millstream: the configuration {} syntax is ok", source_name(line));
    if dump {
        for (name, text) in loaded.files() {
            println!("# configuration file {name}:\n{text}");
        }
    }
    Ok(found.faults.into_result(())?)
}

fn load(line: &CommandLine) -> Result<Loaded, String> {
    Loaded::new(line).map_err(|failure| failure.to_string())
}

/// Sends the server of a configuration a signal. A file that is to be reloaded has no errors.
fn send(loaded: &Loaded, signal: options::Signal) -> Result<(), String> {
    let signal = match signal {
        options::Signal::Stop => Signal::SIGTERM,
        options::Signal::Quit => Signal::SIGQUIT,
        options::Signal::Reload => Signal::SIGHUP,
        options::Signal::Reopen => Signal::SIGUSR1,
    };
    if signal == Signal::SIGHUP {
        loaded.engine().map_err(|errors| errors.to_string())?;
    }
    let (path, is_named) = loaded.pid_path();
    let path = path.ok_or("there is no pid file to find a server by: write for example \"pid /home/you/millstream.pid;\" into its configuration, start it again, and give the same -c here")?;
    process::signal(&path, signal).map_err(|why| match is_named {
        true => why,
        false => format!("{why}; a server with another configuration is found with its -c"),
    })
}

//! Serving a configuration: the start, the wishes that signals bring, and the end.

use millstream::net::{self, Wish};

use crate::loaded::{Loaded, source_name};
use crate::logging::{self, ErrorLogs, FlushedAtEnd};
use crate::options::CommandLine;
use crate::reload::Reloader;
use crate::{control, launcher, machine, probe, process};

/// Serves until a signal ends the server.
pub fn serve(loaded: Loaded, line: &CommandLine) -> Result<(), String> {
    let logs = logging::begin(&loaded.error_logs(line))?;
    let _flushed = FlushedAtEnd(logs.clone());
    let is_daemon = loaded.root().flag("daemon");
    // In the background, a failure can be read in the log only.
    let result = serve_logged(loaded, line, logs);
    if let (Err(error), true) = (&result, is_daemon) {
        error.lines().for_each(|line| log::error!("{line}"));
    }
    result
}

fn serve_logged(mut loaded: Loaded, line: &CommandLine, logs: ErrorLogs) -> Result<(), String> {
    let control = control::path_to_serve(&loaded);
    if let Some(path) = &control {
        loaded.serve_control(path).map_err(|failure| failure.to_string())?;
    }
    let (mut server, _pid_file) = start(&loaded, line, &logs)?;
    let mut reloader = Reloader::new(line, logs, &loaded, control);
    drop(loaded);
    server.start();
    loop {
        match server.run().map_err(|error| error.to_string())? {
            Wish::Stop => break,
            Wish::Reload => reloader.reload(&mut server),
            Wish::Collect => reloader.collect(&mut server),
            Wish::Reopen => reloader.reopen(&mut server),
        }
    }
    log::info!("stopped");
    Ok(())
}

/// All that may fail is done before the process goes into the background, and log files of the modules are made after
/// the addresses are known to be free.
fn start(
    loaded: &Loaded,
    line: &CommandLine,
    logs: &ErrorLogs,
) -> Result<(net::Server, Option<process::PidFile>), String> {
    process::raise_file_limit();
    let mut engine = loaded.engine().map_err(|errors| errors.to_string())?;
    let (tls, _) = net::LoadedTls::read(&engine.all_server_tls(), None)?;
    log::info!("millstream {} serves {}", env!("CARGO_PKG_VERSION"), source_name(line));
    // Only the findings: what cannot be done is reported when the start tries it.
    loaded.log_findings(loaded.probe(&engine, line).findings);
    if let Some(memory) = machine::memory() {
        engine.set_memory(memory);
    }
    let mut server = net::Server::new(engine, tls).map_err(|error| error.to_string())?;
    server.set_launcher(launcher::MODE);
    let mut pid_file = take_pid_file(loaded)?;
    let identity = probe::identity(&loaded.root()).transpose().map_err(|error| error.to_string())?;
    server.engine().open().map_err(|errors| errors.to_string())?;
    if loaded.is_built_in() {
        log::info!("publish to rtmp://localhost/live/NAME, any NAME");
        log::info!("look at http://localhost:8080/");
    }
    if loaded.root().flag("daemon") {
        process::daemonize()?;
    }
    if let Some(file) = &mut pid_file {
        file.write()?;
    }
    if let Some(identity) = identity {
        identity.assume()?;
    }
    logs.start()?;
    Ok((server, pid_file))
}

/// The start fails only for a pid file that the configuration names.
fn take_pid_file(loaded: &Loaded) -> Result<Option<process::PidFile>, String> {
    let (path, is_named) = loaded.pid_path();
    let Some(path) = path else { return Ok(None) };
    match process::PidFile::take(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_named => Err(format!("{}: {error}", loaded.root().place("pid"))),
        Err(error) => {
            log::debug!("no pid file: {error}");
            Ok(None)
        }
    }
}

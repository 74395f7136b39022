//! The part of `-t` that concerns the process: user, logs, pid file and addresses.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use millstream::conf::{Error, Finding, FindingKind, Node, Place, Scope};
use millstream::engine::files::log_file::StandardStream;
use millstream::engine::{Account, Engine, ErrorLog, LogTarget, Probe};
use millstream::net;

use crate::logging::LogChoice;
use crate::options::CommandLine;
use crate::process::{self, Identity};

/// The user of the directive `user`; `None` without one.
pub fn identity(root: &Scope<'_>) -> Option<Result<Identity, Error>> {
    let node = root.find("user")?;
    let (name, group) = (node.args.first()?, node.args.get(1).map(String::as_str));
    Some(Identity::find(name, group).map_err(|why| Error::at(node, why)))
}

/// The account as which the server will run.
pub fn account(root: &Scope<'_>) -> Account {
    let identity = identity(root).and_then(Result::ok).filter(|_| Identity::can_be_assumed());
    identity.filter(|identity| !identity.is_own()).map_or(Account::Own, |identity| identity.account())
}

/// Warns of files for TLS that cannot be used.
pub fn tls(found: &mut Probe) {
    for (place, settings) in std::mem::take(&mut found.tls) {
        if let Err(why) = net::check_tls(&settings) {
            found.findings.push(Finding::in_place(place, FindingKind::Warning, why));
        }
    }
}

/// Warns of what is odd about the files of encrypted servers, and returns what is wrong with them.
pub fn certificates(engine: &Engine, found: &mut Probe) -> Vec<Error> {
    let (mut errors, mut told) = (Vec::new(), HashSet::new());
    for (place, settings) in engine.all_server_tls() {
        let names = engine.tls_names(&settings);
        let net::Examination { error, warnings } = net::examine_tls(&settings, &names, found.account());
        // Several servers may have the same file.
        let warnings = warnings.into_iter().filter(|warning| told.insert(warning.clone()));
        let finding = |why| Finding::in_place(place.clone(), FindingKind::Warning, why);
        found.findings.extend(warnings.map(finding));
        errors.extend(error.map(|why| Error::in_place(place, why)));
    }
    errors
}

/// Checks that the user exists and that this process can run as it.
pub fn user(root: &Scope<'_>, found: &mut Probe) {
    match (identity(root), root.find("user")) {
        (Some(Err(error)), _) => found.faults.push(error),
        (Some(Ok(identity)), Some(node)) if !identity.is_own() && !Identity::can_be_assumed() => {
            found.warn(node, "\"user\" has no effect: only root can become another user");
        }
        _ => {}
    }
}

/// Warns if the log of a process in the background goes nowhere.
pub fn daemon(root: &Scope<'_>, logs: &[LogChoice], found: &mut Probe) {
    let to_stderr = logs.iter().any(|log| log.target == LogTarget::Stderr);
    if let (Some(node), true, true) = (root.find("daemon"), root.flag("daemon"), to_stderr) {
        let message =
            "with \"daemon on\" standard error goes nowhere, and the log with it: name a file with error_log";
        found.warn(node, message);
    }
}

/// Says that nothing is logged if that is so.
pub fn silence(root: &Scope<'_>, line: &CommandLine, found: &mut Probe) {
    if line.error_log.is_some() {
        return;
    }
    let nodes = root.all("error_log");
    let off = |node: &&&Node| node.custom::<ErrorLog>().target == LogTarget::Off;
    let what = match nodes.iter().all(|node| off(&node)) {
        true => "nothing is logged, not even errors",
        false => "without effect, since there are other logs",
    };
    for node in nodes.iter().filter(off) {
        found.tell(
            node,
            FindingKind::Differs,
            format!("error_log off: {what}; nginx writes a file of this name"),
        );
    }
}

/// Checks that the error logs can be opened.
pub fn logs(logs: &[LogChoice], found: &mut Probe) {
    for log in logs {
        let origin = log.origin.clone().unwrap_or_else(Place::command_line);
        match &log.target {
            LogTarget::File(path) => found.log("error log", path, &origin),
            LogTarget::Syslog(target) => found.syslog("error log", target, &origin),
            LogTarget::Off | LogTarget::Stderr => {}
        }
    }
}

/// Warns of files of the configuration that the server cannot read again as the user that it runs as.
pub fn rereading<'a>(root: &Scope<'_>, files: impl Iterator<Item = &'a str>, found: &mut Probe) {
    files.for_each(|file| found.rereading(root.node(), Path::new(file)));
}

/// Warns of error logs that the server cannot open again as the user that it runs as.
pub fn reopening_logs(logs: &[LogChoice], found: &mut Probe) {
    for log in logs {
        let LogTarget::File(path) = &log.target else { continue };
        let origin = log.origin.clone().unwrap_or_else(Place::command_line);
        found.reopening("error log", path, &origin);
    }
}

/// Warns of ports that only root may open, so that a reload cannot.
pub fn ports(engine: &Engine, found: &mut Probe) {
    let Account::Other { name, user: 1.., .. } = found.account().clone() else { return };
    let first = first_open_port();
    for listener in engine
        .listeners()
        .iter()
        .filter(|listener| listener.address.port().is_some_and(|port| (1..first).contains(&port)))
    {
        let message = format!(
            "a reload keeps {} open, but cannot open it again: user \"{name}\" may not open ports below {first}",
            listener.address
        );
        found.findings.push(Finding::in_place(listener.origin.clone(), FindingKind::Warning, message));
    }
}

/// The first port that any user may open.
fn first_open_port() -> u16 {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024)
}

/// Checks that the pid file can be written, unless a running server has it.
pub fn pid_file(path: &Path, place: &Place, found: &mut Probe) {
    let facts = std::fs::symlink_metadata(path).map(|facts| facts.file_type());
    let why = match facts {
        Ok(kind) if StandardStream::named(path).is_none() && kind.is_symlink() => {
            "a link, which is not followed"
        }
        Ok(kind) if StandardStream::named(path).is_none() && !kind.is_file() => "not a regular file",
        _ if process::is_held(path) => return,
        _ => return found.log("pid file", path, place),
    };
    let message = format!("pid file {}: {why}", path.display());
    found.faults.push(Error::in_place(place.clone(), message));
}

/// Checks that the addresses can be listened on. While a server has the pid file, addresses in use are taken for its
/// own.
pub fn listeners(engine: &Engine, pid_file: Option<&Path>, found: &mut Probe) {
    let is_running = pid_file.is_some_and(process::is_held);
    let failed = net::probe(engine).into_iter();
    for (listener, error) in failed.filter(|(_, error)| !(is_running && error.kind() == ErrorKind::AddrInUse))
    {
        found.faults.push(Error::in_place(listener.origin.clone(), error.to_string()));
    }
}

//! The launcher: the hidden mode of this program in which it is the parent of one command.
//!
//! The server starts it with a control channel as its standard input, and a pipe to the log as output and error output.
//! It gives the command a clean start: no descriptors but 0 to 2 and those of redirections, the usual limit of open
//! files, a session of its own. Then it waits, for orders of the server and for the end of all that the command has
//! started. If the server is gone, however it ended, a managed command is ended and an independent one goes on.
//! Nothing here can delay the server: it is another process.

mod control;
mod descriptors;
mod drain;
mod family;
mod waiting;

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use millstream::engine::{CommandEnd, CommandEvent};
use millstream::net::{LaunchRequest, OPEN_SECONDS, Order};
use nix::libc::ENOEXEC;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, alarm, setsid};

use control::Control;
use descriptors::Table;
use drain::Drain;
use family::Family;
use waiting::{Wait, Watch};

/// The first argument of a launcher.
pub const MODE: &str = "launch";
/// Open files of a command, as programs expect it: the server's own limit is so high that some take long to close them
/// all. They may raise it again.
const FILES: u64 = 1024;

/// What runs scripts that do not say what they are for.
const SHELL: &str = "/bin/sh";

/// Runs a command for the server, to the end of all that it has started.
pub fn run() -> Result<(), String> {
    descriptors::close_inherited();
    let places = descriptors::reserve();
    let mut control = Control::begin()?;
    if let Err(why) = serve(&mut control, places) {
        control.tell(&CommandEvent::Ended(CommandEnd::NotStarted(why)));
    }
    Ok(())
}

/// Begins to be a launcher, and runs the command that the server orders.
fn serve(control: &mut Control, places: io::Result<Vec<OwnedFd>>) -> Result<(), String> {
    let places = places.map_err(|error| format!("its descriptors cannot be opened: {error}"))?;
    // Without it, it has another name in lists of processes.
    let _ = prctl::set_name(c"mill-launcher");
    let explain = |what: &str, errno: nix::errno::Errno| format!("{what}: {errno}");
    setsid().map_err(|errno| explain("setsid", errno))?;
    limit_files();
    // Capabilities that a manager of services gives the server for itself, such as for ports below 1024.
    let _ = rustix::thread::clear_ambient_capability_set();
    let wait = Wait::begin().map_err(|error| format!("signals: {error}"))?;
    let Some(Order::Run(request)) = control.first() else { return Ok(()) };
    let is_managed = request.signal.is_some();
    // What a managed command leaves behind becomes a child of the launcher.
    prctl::set_child_subreaper(is_managed).map_err(|errno| explain("prctl", errno))?;
    let drain = if is_managed { None } else { Drain::open() };
    let family = start(&request, places, control)?;
    descriptors::let_output_go();
    control.tell(&CommandEvent::Started { process: family.first().as_raw().cast_unsigned() });
    let mut watch = Watch::new(family, control, wait, drain);
    let end = watch.until_end();
    watch.tell(&CommandEvent::Ended(end));
    watch.until_output_ends();
    Ok(())
}

fn limit_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // A higher one does no harm.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.min(FILES), hard);
    }
}

/// Opens what the command is redirected to, and starts it, in a group of its own.
fn start(request: &LaunchRequest, places: Vec<OwnedFd>, control: &Control) -> Result<Family, String> {
    let signal = match request.signal {
        Some(number) => Some(Signal::try_from(number).map_err(|_| format!("there is no signal {number}"))?),
        None => None,
    };
    if signal.is_some() {
        // While it opens files, no order is heard. This ends that with the server.
        let _ = prctl::set_pdeathsig(Signal::SIGKILL);
        if control.is_closed() {
            return Err("the server has gone".to_owned());
        }
    }
    // A FIFO waits for its other end, perhaps for ever. SIGALRM ends the launcher then, of which the server tells.
    alarm::set(OPEN_SECONDS);
    let opened = Table::open(places, &request.redirections);
    alarm::cancel();
    let _ = prctl::set_pdeathsig(None);
    let mut table = opened?;
    let first = spawn(request, &mut table)?;
    Ok(Family::new(first, signal))
}

fn spawn(request: &LaunchRequest, table: &mut Table) -> Result<Pid, String> {
    let (program, arguments) = request.words.split_first().ok_or("there is no program")?;
    let [input, output, errors] = table.standard();
    let stdio = |opened: &Option<OwnedFd>| match opened {
        Some(opened) => opened.try_clone().map(Stdio::from),
        None => Ok(Stdio::null()),
    };
    let spawn = |mut command: Command| {
        command.args(arguments).env_clear().process_group(0);
        command.envs(request.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(stdio(&input)?).stdout(stdio(&output)?).stderr(stdio(&errors)?);
        command.spawn()
    };
    let child = spawn(Command::new(program)).or_else(|error| match script(&error, program, request) {
        Some(path) => {
            let mut shell = Command::new(SHELL);
            shell.arg(path);
            spawn(shell)
        }
        None => Err(error),
    });
    let child = child.map_err(|error| explain(&error, program, request))?;
    // It is reaped with all other children, not by its handle.
    Ok(Pid::from_raw(child.id().cast_signed()))
}

/// The file of a script without `#!`, which a shell runs, as for execvp(3).
fn script(error: &io::Error, program: &str, request: &LaunchRequest) -> Option<PathBuf> {
    if error.raw_os_error() != Some(ENOEXEC) {
        return None;
    }
    if program.contains('/') {
        return Some(program.into());
    }
    let is_executable = |path: &PathBuf| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let mut folders = path_of(request).split(':').map(|folder| Path::new(folder).join(program));
    folders.find(is_executable)
}

/// Where programs are looked for.
fn path_of(request: &LaunchRequest) -> &str {
    request.environment.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path)
}

/// Why a program cannot be started.
fn explain(error: &io::Error, program: &str, request: &LaunchRequest) -> String {
    let path = path_of(request);
    match error.kind() {
        ErrorKind::NotFound if program.contains('/') => {
            format!("{program} is not there, or the interpreter that its first line names is not")
        }
        ErrorKind::NotFound => format!("there is no program {program} in PATH ({path})"),
        ErrorKind::InvalidInput => "an argument or a variable of its environment has a NUL".to_owned(),
        ErrorKind::ArgumentListTooLong => "its words and its environment are too long".to_owned(),
        _ => format!("{program}: {error}"),
    }
}

//! Starts launchers: a small process for each command, the hidden mode of the server's own binary, which is its parent.

use std::io::{self, ErrorKind, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::Pid;

use super::protocol::{LaunchRequest, MAX_ORDER, Order};

/// This process's own binary, also when another one is at its path by now.
const OWN_BINARY: &str = "/proc/self/exe";
/// The name of a launcher in lists of processes. Who kills all that is called like the server must not kill launchers,
/// which are there to end the commands of a server that was killed.
pub const LAUNCHER_NAME: &str = "mill-launcher";

/// A launcher that has been started.
pub struct Launched {
    pub process: Pid,
    /// The server's end of the control channel.
    pub control: UnixStream,
    /// What the command writes.
    pub output: PipeReader,
}

/// Starts a launcher, which runs a command. `mode` is the argument by which the binary knows that it is one. `register`
/// gets control channel and output before the launcher is started, after which nothing can fail.
pub fn launch(
    mode: &str,
    request: LaunchRequest,
    register: impl FnOnce(&UnixStream, &PipeReader) -> io::Result<()>,
) -> Result<Launched, String> {
    let order = Order::Run(request).line().filter(|line| line.len() <= MAX_ORDER);
    let order = order
        .ok_or_else(|| format!("its words and its environment have more than {} KiB", MAX_ORDER / 1024))?;
    let explain = |error: io::Error| format!("no launcher can be started: {error}");
    let (control, theirs) = UnixStream::pair().map_err(explain)?;
    control.set_nonblocking(true).map_err(explain)?;
    write_at_once(&control, &order).map_err(explain)?;
    let (output, input) = io::pipe().map_err(explain)?;
    fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(io::Error::from).map_err(explain)?;
    let copy = input.try_clone().map_err(explain)?;
    register(&control, &output).map_err(explain)?;
    let launcher = Command::new(OWN_BINARY)
        .arg0(LAUNCHER_NAME)
        .arg(mode)
        .env_clear()
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::from(input))
        .stderr(Stdio::from(copy))
        .spawn()
        .map_err(|error| explain(io::Error::other(format!("{OWN_BINARY}: {error}"))))?;
    // It is reaped with all other children, not by its handle.
    Ok(Launched { process: Pid::from_raw(launcher.id().cast_signed()), control, output })
}

/// Writes to a channel that nobody reads yet, and has room for an order.
fn write_at_once(mut channel: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    let count = channel.write(bytes)?;
    if count < bytes.len() { Err(ErrorKind::OutOfMemory.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_too_many_words_is_not_started() {
        let words = vec!["a".repeat(1024); MAX_ORDER / 1024];
        let request =
            LaunchRequest { words, environment: Vec::new(), redirections: Vec::new(), signal: None };
        let launched = launch("launch", request, |_, _| panic!("nothing is opened"));
        let why = launched.err().unwrap();
        assert_eq!(why, "its words and its environment have more than 128 KiB");
    }
}

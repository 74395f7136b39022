//! The process: its id in a file, its user, its way into the background, and signals to another one.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Group, Pid, Uid, User, geteuid, initgroups, setgid, setuid};

/// A file that holds the process id, locked as long as the process lives and removed when it ends. The
/// lock, not the number, tells whether a server runs: numbers are used again.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Takes the file, unless another server has it.
    pub fn take(path: &Path) -> Result<Self, String> {
        let explain = |why: &dyn std::fmt::Display| format!("pid file {}: {why}", path.display());
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| explain(&error))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { path: path.to_owned(), file }),
            Err((_, Errno::EWOULDBLOCK)) => Err(explain(&"another server is running")),
            Err((_, errno)) => Err(explain(&errno)),
        }
    }

    /// Writes the id of this process; to be done when that has settled.
    pub fn write(&mut self) -> Result<(), String> {
        let text = format!("{}\n", std::process::id());
        let written = self.file.set_len(0).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|error| format!("pid file {}: {error}", self.path.display()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // The right to do so may have been given up with the user: then it is stale, and harmless.
        let _ = fs::remove_file(&self.path);
    }
}

/// Sends a signal to the server that holds a pid file.
pub fn signal(path: &Path, signal: Signal) -> Result<(), String> {
    let explain = |why: &dyn std::fmt::Display| format!("pid file {}: {why}", path.display());
    let file = File::open(path).map_err(|error| explain(&error))?;
    if Flock::lock(file, FlockArg::LockSharedNonblock).is_ok() {
        return Err(explain(&"no server is running"));
    }
    let text = fs::read_to_string(path).map_err(|error| explain(&error))?;
    let pid = text.trim().parse().ok().filter(|&pid| pid > 0).map(Pid::from_raw);
    let pid = pid.ok_or_else(|| explain(&"no process id in it"))?;
    kill(pid, signal).map_err(|error| format!("process {pid}: {error}"))
}

/// The pid file when the configuration names none.
pub fn default_pid_path() -> Option<PathBuf> {
    if geteuid().is_root() {
        return Some("/run/millstream.pid".into());
    }
    std::env::var_os("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("millstream.pid"))
}

/// Raises the limit of open files as far as it goes: each connection is one. The usual limit of 1024
/// is there for programs that still use select().
pub fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST_FILES), hard));
    if let Err(error) = raised {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}

/// More open files than anybody will need; some systems' hard limit is 2^30.
const MOST_FILES: u64 = 1 << 20;

/// Goes into the background; standard input, output and error go to /dev/null.
pub fn daemonize() -> Result<(), String> {
    nix::unistd::daemon(true, false).map_err(|error| format!("daemon: {error}"))
}

/// A user to become.
#[derive(Debug)]
pub struct Identity {
    name: CString,
    user: Uid,
    group: Gid,
}

impl Identity {
    /// Looks a user up, and a group if it is not the user's own.
    pub fn find(name: &str, group: Option<&str>) -> Result<Self, String> {
        let user = User::from_name(name).ok().flatten().ok_or_else(|| format!("no user \"{name}\""))?;
        let group = match group {
            None => user.gid,
            Some(group) => {
                Group::from_name(group).ok().flatten().ok_or_else(|| format!("no group \"{group}\""))?.gid
            }
        };
        let name = CString::new(name).map_err(|_| "a user name with NUL".to_owned())?;
        Ok(Self { name, user: user.uid, group })
    }

    /// Becomes that user, for good. Only root can; for others it is a wish that is not heard, as in nginx.
    pub fn assume(&self) -> Result<(), String> {
        if !geteuid().is_root() {
            log::warn!("\"user\" means something only to root; still running as before");
            return Ok(());
        }
        let change = initgroups(&self.name, self.group)
            .and_then(|()| setgid(self.group))
            .and_then(|()| setuid(self.user));
        change.map_err(|error| format!("becoming {:?}: {error}", self.name))
    }
}

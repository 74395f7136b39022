//! The process: its pid file, its user, going into the background, and signals to another server.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream::engine::Account;
use millstream::engine::files;
use millstream::engine::files::log_file::{self, StandardStream};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Group, Pid, Uid, User, geteuid, getgrouplist, initgroups, setgid, setuid};

/// A file that holds the process id.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: PidOutput,
}

#[derive(Debug)]
enum PidOutput {
    /// Locked while the process lives, and removed when it ends. The lock, not the number, shows that a server runs:
    /// numbers are used again.
    Regular(Flock<File>),
    /// A standard stream or /dev/null, which is only written to.
    Standard(File),
}

impl PidFile {
    /// Locks the file. An error if another server has it.
    pub fn take(path: &Path) -> Result<Self, String> {
        let explain = |why: &dyn std::fmt::Display| format!("pid file {}: {why}", path.display());
        let file = if StandardStream::named(path).is_some() {
            PidOutput::Standard(log_file::open(path).map_err(|error| explain(&error))?.file)
        } else {
            let file = open_pid_file(path, true).map_err(|error| explain(&error))?;
            match lock(file) {
                Ok(file) => PidOutput::Regular(file),
                Err(Errno::EWOULDBLOCK) => return Err(explain(&"another server is running")),
                Err(errno) => return Err(explain(&errno)),
            }
        };
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes the id of this process. To be called after the fork of `daemon`, which changes it.
    pub fn write(&mut self) -> Result<(), String> {
        let text = format!("{}\n", std::process::id());
        let written = match &mut self.file {
            PidOutput::Regular(file) => file.set_len(0).and_then(|()| file.write_all(text.as_bytes())),
            PidOutput::Standard(file) => file.write_all(text.as_bytes()),
        };
        written.map_err(|error| format!("pid file {}: {error}", self.path.display()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let PidOutput::Regular(_) = self.file {
            // Another user may not be allowed to: then the file stays, and does no harm without its lock.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The time for which `-s` and `-t` may hold the lock, since they try it to see whether a server runs.
const SHORT_LOCK: Duration = Duration::from_millis(50);

/// Locks a pid file for as long as the process lives.
fn lock(file: File) -> Result<Flock<File>, Errno> {
    let lock = |file| Flock::lock(file, FlockArg::LockExclusiveNonblock);
    let locked = lock(file).or_else(|(file, errno)| match errno {
        Errno::EWOULDBLOCK => {
            std::thread::sleep(SHORT_LOCK);
            lock(file)
        }
        _ => Err((file, errno)),
    });
    locked.map_err(|(_, errno)| errno)
}

/// Opens the pid file; to be written it is made, with its folder, if it is missing.
fn open_pid_file(path: &Path, write: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(write).create(write).truncate(false);
    let opened = files::open(&mut options, path).or_else(|error| match error.kind() {
        ErrorKind::NotFound if write => {
            log_file::make_folder(path).and_then(|()| files::open(&mut options, path))
        }
        _ => Err(error),
    });
    opened.map(|(file, _)| file)
}

/// Bytes of a pid file that are read.
const MAX_PID_TEXT: u64 = 64;

/// Sends a signal to the server that holds a pid file.
pub fn signal(path: &Path, signal: Signal) -> Result<(), String> {
    let shown = path.display();
    let explain = |why: &dyn std::fmt::Display| format!("pid file {shown}: {why}");
    let file = open_pid_file(path, false).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("no server is running: {shown} is not there"),
        ErrorKind::PermissionDenied => format!("pid file {shown} is not yours: {AS_ITS_USER}"),
        _ => explain(&error),
    })?;
    let Err((file, _)) = Flock::lock(file, FlockArg::LockSharedNonblock) else {
        return Err(format!("no server is running: {shown} was left by one that has ended"));
    };
    let mut text = String::new();
    file.take(MAX_PID_TEXT).read_to_string(&mut text).map_err(|error| explain(&error))?;
    let pid = text.trim().parse().ok().filter(|&pid| pid > 0).map(Pid::from_raw);
    let pid = pid.ok_or_else(|| explain(&"no process id in it"))?;
    kill(pid, signal).map_err(|errno| match errno {
        Errno::EPERM => format!("the server with process id {pid} is not yours: {AS_ITS_USER}"),
        _ => format!("process {pid}: {errno}"),
    })
}

/// The advice for a server of another user.
const AS_ITS_USER: &str = "send signals as root or as the user who has started it";

/// True if a running server holds a pid file; false if the file cannot be read.
pub fn is_held(path: &Path) -> bool {
    let file = open_pid_file(path, false).ok();
    file.is_some_and(|file| Flock::lock(file, FlockArg::LockSharedNonblock).is_err())
}

/// The pid file of root's servers.
pub const ROOTS_PID_FILE: &str = "/run/millstream.pid";

/// The pid file of a configuration that names none.
pub fn default_pid_path() -> Option<PathBuf> {
    if geteuid().is_root() {
        return Some(ROOTS_PID_FILE.into());
    }
    let own = Path::new("/run/user").join(geteuid().to_string());
    runtime_folder(std::env::var_os("XDG_RUNTIME_DIR"), &own).map(|folder| folder.join("millstream.pid"))
}

/// The folder for what a user's programs have while they run: what the environment says, or else the user's `own`, which
/// cron, su and sudo do not tell.
fn runtime_folder(told: Option<OsString>, own: &Path) -> Option<PathBuf> {
    let told = told.filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let is_ours = || fs::metadata(own).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw());
    told.or_else(|| is_ours().then(|| own.to_owned()))
}

/// Raises the limit of open files to the highest that is allowed: each connection is one. The usual limit of 1024
/// is meant for programs that use select().
pub fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST_FILES), hard));
    if let Err(error) = raised {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}

/// The highest limit that is set; some systems would allow 2^30.
const MOST_FILES: u64 = 1 << 20;

/// Goes into the background; standard input, output and error go to /dev/null.
pub fn daemonize() -> Result<(), String> {
    nix::unistd::daemon(true, false).map_err(|error| format!("daemon: {error}"))
}

/// The user as which the server runs.
#[derive(Debug)]
pub struct Identity {
    name: CString,
    user: Uid,
    group: Gid,
}

impl Identity {
    /// Looks a user up, and a group if it is not the user's own.
    pub fn find(name: &str, group: Option<&str>) -> Result<Self, String> {
        let user = User::from_name(name).ok().flatten().ok_or_else(|| {
            format!("no user \"{name}\" here: make one, or take \"user\" out to stay who starts the server")
        })?;
        let group = match group {
            None => user.gid,
            Some(group) => {
                Group::from_name(group).ok().flatten().ok_or_else(|| format!("no group \"{group}\""))?.gid
            }
        };
        let name = CString::new(name).map_err(|_| "a user name with NUL".to_owned())?;
        Ok(Self { name, user: user.uid, group })
    }

    /// True if this process can change its user.
    pub fn can_be_assumed() -> bool {
        geteuid().is_root()
    }

    /// True if this process runs as that user already.
    pub fn is_own(&self) -> bool {
        geteuid() == self.user
    }

    /// The user's id and groups, to judge what the user may read and write.
    pub fn account(&self) -> Account {
        let groups = getgrouplist(&self.name, self.group).unwrap_or_else(|_| vec![self.group]);
        Account::Other {
            name: self.name.to_string_lossy().into_owned(),
            user: self.user.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
        }
    }

    /// Makes the process run as that user from now on. Without effect unless root calls it, as in nginx.
    pub fn assume(&self) -> Result<(), String> {
        if !Self::can_be_assumed() {
            return Ok(());
        }
        let change = initgroups(&self.name, self.group)
            .and_then(|()| setgid(self.group))
            .and_then(|()| setuid(self.user));
        change.map_err(|error| format!("becoming {:?}: {error}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whose_environment_names_no_runtime_folder_has_the_own_one_if_it_is_there() {
        let own = std::env::temp_dir().join(format!("millstream-runtime-{}", std::process::id()));
        let folder = |told: Option<&str>| runtime_folder(told.map(OsString::from), &own);
        assert_eq!(folder(Some("/run/user/7")), Some("/run/user/7".into()));
        assert_eq!((folder(None), folder(Some(""))), (None, None));
        fs::create_dir(&own).unwrap();
        assert_eq!((folder(None), folder(Some(""))), (Some(own.clone()), Some(own.clone())));
        fs::remove_dir(&own).unwrap();
        let of_root = runtime_folder(None, Path::new("/proc/1"));
        assert_eq!(of_root.is_some(), geteuid().is_root());
    }
}

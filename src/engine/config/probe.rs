//! The probe before a start, also of `-t`: whether folders, logs and the like can be used by the account that will
//! run, and which parts of the configuration most likely do not do what is meant.
//!
//! A probe changes nothing and opens nothing for writing. The result may have changed when the server starts.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use crate::conf::{Error, Faults, Finding, FindingKind, Node, Place, Scope};
use crate::engine::calls::destination::ClientTls;
use crate::engine::config::Config;
use crate::engine::config::network::Network;
use crate::engine::config::real_address::SET_REAL_IP_FROM;
use crate::engine::config::server::MAX_MESSAGE;
use crate::engine::files::log_file::{OpenLogs, StandardStream};
use crate::syslog::{Sender, SyslogTarget};

/// The account whose rights count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// This process.
    Own,
    /// Another user, to which this process will change.
    Other {
        /// The user's name.
        name: String,
        /// The user's id.
        user: u32,
        /// The ids of all its groups.
        groups: Vec<u32>,
    },
}

/// A probe: the account, and the findings.
#[derive(Debug)]
pub struct Probe {
    /// The account that will serve.
    account: Account,
    /// Logs that the running server has open.
    open_logs: Arc<OpenLogs>,
    /// Warnings and notes.
    pub findings: Vec<Finding>,
    /// Errors at which the start would fail.
    pub faults: Faults,
    /// Settings of TLS whose files are to be read, each with the node that has them.
    pub tls: Vec<(Place, Arc<ClientTls>)>,
}

impl Probe {
    /// A probe for this account.
    pub fn new(account: Account) -> Self {
        Self {
            account,
            open_logs: Arc::default(),
            findings: Vec::new(),
            faults: Faults::default(),
            tls: Vec::new(),
        }
    }

    /// Warns of a log whose path looks like one with variables, which it does not have.
    pub fn variables_in_log(&mut self, what: &str, path: &Path, place: &Place) {
        if path.to_string_lossy().contains('$') {
            let message =
                format!("{what} {}: the path is taken as it is written, without variables", path.display());
            self.findings.push(Finding::in_place(place.clone(), FindingKind::Warning, message));
        }
    }

    /// The same at a reload, when these logs are open, so that nothing hinders writing to them.
    #[must_use]
    pub fn with_open_logs(self, open_logs: Arc<OpenLogs>) -> Self {
        Self { open_logs, ..self }
    }

    /// Adds a note about a directive.
    pub fn tell(&mut self, node: &Node, kind: FindingKind, message: impl Into<String>) {
        self.findings.push(Finding::at(node, kind, message));
    }

    /// Adds a warning about a directive that most likely does not do what is meant.
    pub fn warn(&mut self, node: &Node, message: impl Into<String>) {
        self.tell(node, FindingKind::Warning, message);
    }

    /// Adds a warning for each directive of a name that shows `what` to everybody.
    pub fn warn_of_readers(&mut self, config: &Config<'_>, name: &str, what: &str) {
        let open = config.locations.iter().filter(|location| location.is_open());
        let shown = open.filter_map(|location| location.scope.find(name));
        for node in shown.filter(|node| node.args != ["off"]) {
            let message =
                format!("everybody may read {what} here: write \"allow local; deny all;\" beside it");
            self.warn(node, message);
        }
    }

    /// Adds a warning if the account cannot create the folder of a directive, or files in it.
    pub fn folder(&mut self, node: &Node, directive: &str, path: &Path) {
        if let Err(why) = self.account.judge_folder(path) {
            let folder = if path.as_os_str().is_empty() {
                "is not set, so it is the current folder"
            } else {
                &path.to_string_lossy()
            };
            self.warn(node, format!("{directive} {folder}: {why}"));
        }
    }

    /// Adds an error if a log cannot be opened. Logs are opened before the process changes its user. `what` begins
    /// the message.
    pub fn log(&mut self, what: &str, path: &Path, place: &Place) {
        if self.open_logs.has_file(path) {
            return;
        }
        if let Err(why) = judge_log(path) {
            let message = format!("{what} {}: {why}", path.display());
            self.faults.push(Error::in_place(place.clone(), message));
        }
    }

    /// Adds an error if a server of syslog has no address, and a warning if it receives nothing now, or if only its
    /// address of before is known.
    pub fn syslog(&mut self, what: &str, target: &SyslogTarget, place: &Place) {
        let message = match Sender::new(target).map(|sender| sender.probe()) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{what} {target}: {}", SyslogTarget::nobody_receives(&error)),
            Err(error) if self.open_logs.sender(target).is_some() => {
                format!("{what} {target}: {}", SyslogTarget::stays_where_it_was(&error))
            }
            Err(error) => {
                let fault = Error::in_place(place.clone(), format!("{what} {target}: {error}"));
                return self.faults.push(fault);
            }
        };
        self.findings.push(Finding::in_place(place.clone(), FindingKind::Warning, message));
    }

    /// Adds a warning if the account that serves cannot open a log again once it has been moved.
    pub fn reopening(&mut self, what: &str, path: &Path, place: &Place) {
        if let Err(why) = self.account.judge_reopening(path) {
            let message =
                format!("{what} {} cannot be opened again once it has been moved: {why}", path.display());
            self.findings.push(Finding::in_place(place.clone(), FindingKind::Warning, message));
        }
    }

    /// Adds a warning if the account that serves cannot read a file of the configuration again.
    pub fn rereading(&mut self, root: &Node, path: &Path) {
        let Account::Other { name, user, groups } = &self.account else { return };
        let may_read = fs::metadata(path).is_ok_and(|facts| rights(&facts, *user, groups) & 4 != 0);
        if !may_read || !may_reach(path, *user, groups) {
            let message = format!(
                "{} cannot be read again by a reload: user \"{name}\" may not read it",
                path.display()
            );
            self.warn(root, message);
        }
    }

    /// The account that will serve.
    pub fn account(&self) -> &Account {
        &self.account
    }
}

impl Account {
    /// Checks that a file can be read.
    pub fn judge_reading(&self, path: &Path) -> Result<(), String> {
        let facts = fs::metadata(path).map_err(|error| error.to_string())?;
        let Self::Other { name, user, groups } = self else {
            return may(AccessFlags::R_OK, path).map_err(|error| error.to_string());
        };
        if rights(&facts, *user, groups) & 4 != 0 && may_reach(path, *user, groups) {
            return Ok(());
        }
        Err(format!("user \"{name}\" may not read it"))
    }

    /// Checks that a file is a program that can be run.
    pub fn judge_running(&self, path: &Path) -> Result<(), String> {
        let facts = fs::metadata(path).map_err(|error| error.to_string())?;
        let may_run = match self {
            Self::Own => may(AccessFlags::X_OK, path).is_ok(),
            Self::Other { user, groups, .. } => {
                // Root, too, runs only what somebody may run.
                facts.mode() & RUNNABLE != 0
                    && rights(&facts, *user, groups) & 1 != 0
                    && may_reach(path, *user, groups)
            }
        };
        match self {
            _ if !facts.is_file() => Err("it is no file".to_owned()),
            _ if may_run => Ok(()),
            Self::Own => Err("this user may not run it".to_owned()),
            Self::Other { name, .. } => Err(format!("user \"{name}\" may not run it")),
        }
    }

    /// Checks that files can be created in a folder, which itself may have to be created.
    fn judge_folder(&self, path: &Path) -> Result<(), String> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let path = std::path::absolute(path).map_err(|error| error.to_string())?;
        let mut existing = path.as_path();
        loop {
            match fs::metadata(existing) {
                Ok(facts) if facts.is_dir() => return self.judge_writing(existing, &facts),
                Ok(_) => return Err(format!("{} is no folder", existing.display())),
                // The folder above it decides.
                Err(_) => existing = existing.parent().ok_or("there is no such folder")?,
            }
        }
    }

    /// Checks that a log can be opened that has been moved away: it is made anew, or another program has made it.
    fn judge_reopening(&self, path: &Path) -> Result<(), String> {
        let Self::Other { user, groups, .. } = self else { return Ok(()) };
        if StandardStream::of_log(path).is_some() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let may_write = fs::metadata(path).is_ok_and(|facts| rights(&facts, *user, groups) & 2 != 0);
        match self.judge_folder(folder) {
            Err(_) if may_write && may_reach(path, *user, groups) => Ok(()),
            result => result,
        }
    }

    fn judge_writing(&self, folder: &Path, facts: &Metadata) -> Result<(), String> {
        let denied = |who: &str| Err(format!("{who} may not write to {}", folder.display()));
        match self {
            Self::Own => match may(AccessFlags::W_OK | AccessFlags::X_OK, folder) {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => denied("this user"),
                Err(error) => Err(format!("{}: {error}", folder.display())),
            },
            Self::Other { name, user, groups } => {
                let may = may_reach(folder, *user, groups) && rights(facts, *user, groups) & 3 == 3;
                if may { Ok(()) } else { denied(&format!("user \"{name}\"")) }
            }
        }
    }
}

/// Whether a user may enter all folders above a path.
fn may_reach(path: &Path, user: u32, groups: &[u32]) -> bool {
    let mut above = path.ancestors().skip(1).filter_map(|above| fs::metadata(above).ok());
    above.all(|above| rights(&above, user, groups) & 1 != 0)
}

/// The rights of a user, as one digit of a mode: 4 read, 2 write, 1 enter.
fn rights(facts: &Metadata, user: u32, groups: &[u32]) -> u32 {
    let mode = facts.mode();
    match facts.uid() {
        _ if user == 0 => 7,
        owner if owner == user => mode >> 6 & 7,
        _ if groups.contains(&facts.gid()) => mode >> 3 & 7,
        _ => mode & 7,
    }
}

/// Checks that this process can open or create a log, as [`log_file::open`](crate::engine::files::log_file::open) does.
fn judge_log(path: &Path) -> Result<(), String> {
    if StandardStream::of_log(path).is_some() {
        return Ok(());
    }
    let facts = match fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Account::Own.judge_folder(path.parent().unwrap_or(Path::new("")));
        }
        Err(error) => return Err(error.to_string()),
    };
    let kind = facts.file_type();
    if kind.is_symlink() {
        return Err("a link, which is followed only to /dev/stdout, /dev/stderr and /dev/null".to_owned());
    }
    if !(kind.is_file() || kind.is_fifo() || kind.is_char_device()) {
        return Err("not a regular file, a FIFO or a character device".to_owned());
    }
    may(AccessFlags::W_OK, path).map_err(|error| error.to_string())
}

/// Whether every user of this machine may read a file.
pub fn is_readable_by_all(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|facts| facts.mode() & READABLE_BY_ALL != 0)
}

/// The right of every user to read a file, in its mode.
const READABLE_BY_ALL: u32 = 0o004;

/// The rights of all users to run a file, in its mode.
const RUNNABLE: u32 = 0o111;

/// Checks that this process has these rights to a file.
fn may(wanted: AccessFlags, path: &Path) -> io::Result<()> {
    Ok(faccessat(AT_FDCWD, path, wanted, AtFlags::AT_EACCESS)?)
}

/// Checks the file as a whole and the engine's own directives.
pub(in crate::engine) fn check_file(root: &Scope<'_>, config: &Config<'_>, probe: &mut Probe) {
    let blocks = root.blocks("rtmp").chain(root.blocks("http"));
    if blocks.count() == 0 {
        probe.warn(root.node(), "there is no \"rtmp\" and no \"http\" block, so nothing is served");
    } else if config.listeners.is_empty() {
        probe.warn(root.node(), "there is no \"server\" block, so nothing is served");
    }
    for listener in config.listeners.iter().filter(|listener| config.disbelieves_proxies(listener)) {
        let message = format!(
            "the addresses of clients that proxies tell at {} are not believed: write set_real_ip_from with the \
             address of the proxy",
            listener.address
        );
        probe.findings.push(Finding::in_place(listener.origin.clone(), FindingKind::Warning, message));
    }
    check_proxies(config, probe);
    if let Some(node) = root.find("worker_processes")
        && let Some(processes @ 2..) = node.custom::<Option<u64>>()
    {
        let message = format!(
            "there is one process; \"worker_processes {processes}\" is accepted and means nothing here"
        );
        probe.tell(node, FindingKind::Ignored, message);
    }
    for node in root.blocks("rtmp").flat_map(|rtmp| max_messages(&rtmp)) {
        let message = "\"max_message\" is taken for 16 MiB less a byte: a message's length has 24 bits";
        probe.tell(node, FindingKind::Ignored, message);
    }
}

/// Warns of proxies that everybody is, and of a field that nobody is believed in.
fn check_proxies(config: &Config<'_>, probe: &mut Probe) {
    let mut seen = Vec::new();
    let rtmp = config.applications.iter().map(|app| &app.scope);
    for scope in config.locations.iter().map(|location| &location.scope).chain(rtmp) {
        let trusted = scope.all(SET_REAL_IP_FROM);
        let everybody = trusted.iter().copied().filter(|node| node.custom::<Network>().is_everybody());
        for node in everybody {
            warn_once(&mut seen, node, "everybody may claim any address: name the proxies only", probe);
        }
        let unused =
            scope.find("real_ip_header").filter(|node| trusted.is_empty() && node.args != ["proxy_protocol"]);
        if let Some(node) = unused {
            let message = "\"real_ip_header\" is read for no client: write set_real_ip_from with the address of the proxy";
            warn_once(&mut seen, node, message, probe);
        }
    }
}

/// Warns at a directive that several blocks may inherit.
fn warn_once(seen: &mut Vec<Place>, node: &Node, message: &str, probe: &mut Probe) {
    let place = Place::of(node);
    if !seen.contains(&place) {
        seen.push(place);
        probe.warn(node, message);
    }
}

/// Drops notes on differences from nginx unless the file was written for nginx, which requires `events`.
pub(in crate::engine) fn drop_irrelevant_findings(root: &Scope<'_>, probe: &mut Probe) {
    if root.own("events").next().is_none() {
        probe.findings.retain(|finding| finding.kind != FindingKind::Differs);
    }
}

/// The `max_message` directives of a block and its servers that exceed the longest message.
fn max_messages<'t>(rtmp: &Scope<'t>) -> Vec<&'t Node> {
    let scopes = std::iter::once(rtmp.clone()).chain(rtmp.blocks("server"));
    let large = scopes.filter(|scope| scope.size("max_message") > MAX_MESSAGE + 1);
    large.filter_map(|scope| scope.own("max_message").next()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{DirBuilderExt, symlink};

    use super::*;
    use crate::test_folder::Folder;

    fn other(user: u32, groups: &[u32]) -> Account {
        Account::Other { name: "somebody".to_owned(), user, groups: groups.to_vec() }
    }

    #[test]
    fn a_folder_is_made_where_its_parent_may_be_written() {
        let folder = Folder::new();
        assert_eq!(Account::Own.judge_folder(&folder.join("a/b/c")), Ok(()));
        fs::write(folder.join("file"), "").unwrap();
        let why = Account::Own.judge_folder(&folder.join("file/a")).unwrap_err();
        assert!(why.ends_with("file is no folder"), "{why}");
        assert!(!folder.join("a").exists());
    }

    #[test]
    fn the_rights_of_another_user_are_those_of_its_id_and_groups() {
        let folder = Folder::new();
        let closed = folder.join("closed");
        fs::DirBuilder::new().mode(0o750).create(&closed).unwrap();
        let facts = fs::metadata(&closed).unwrap();
        let (owner, group) = (facts.uid(), facts.gid());
        assert_eq!(other(owner, &[]).judge_folder(&closed.join("a")), Ok(()));
        assert_eq!(other(0, &[]).judge_folder(&closed), Ok(()));
        for account in [other(owner + 7, &[]), other(owner + 7, &[group])] {
            let why = account.judge_folder(&closed.join("a")).unwrap_err();
            assert_eq!(why, format!("user \"somebody\" may not write to {}", closed.display()));
        }
        assert_eq!(rights(&facts, owner + 7, &[group]), 5);
        assert_eq!(rights(&facts, owner + 7, &[group + 7]), 0);
    }

    #[test]
    fn a_log_is_judged_as_it_would_be_opened_and_not_made() {
        let folder = Folder::new();
        symlink("/dev/stdout", folder.join("stdout")).unwrap();
        symlink("elsewhere", folder.join("link")).unwrap();
        fs::write(folder.join("there"), "").unwrap();
        for (name, why) in [
            ("stdout", ""),
            ("there", ""),
            ("new", ""),
            ("link", "a link, which is followed only to"),
            ("there/a", "Not a directory (os error 20)"),
            ("none/a", ""),
            (".", "not a regular file, a FIFO or a character device"),
        ] {
            let found = judge_log(&folder.join(name)).err().unwrap_or_default();
            assert!(found.starts_with(why) && found.is_empty() == why.is_empty(), "{name}: {found}");
        }
        assert!(!folder.join("new").exists());
    }
}

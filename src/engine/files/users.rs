//! Files of users and passwords: reading one, judging by it, and warnings about it before a start. A file is read for each
//! password, since it may have changed.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::O_NONBLOCK;

use crate::auth::adobe::{Challenger, Response};
use crate::auth::password::{Answer, MAX_BYTES, Users};
use crate::auth::secret::Hasher;
use crate::conf::Node;
use crate::engine::config::probe::{Probe, is_readable_by_all};

/// The most lines of a file that are named.
pub const MOST_NAMED: usize = 10;

/// What a client shows.
#[derive(Clone)]
pub enum Claim {
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// The response to a challenge of Adobe's authentication.
    Response(Challenger, Response),
}

/// Why a claim cannot be judged: a fault of the file, which its text names without any password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unjudged {
    /// There is no file.
    Missing(String),
    /// The file, or the line of the user, cannot be used.
    Unusable(String),
}

/// Reads a file as it is now.
pub fn read(path: &Path) -> Result<Users, Unjudged> {
    let named = |why: &dyn fmt::Display| format!("{}: {why}", path.display());
    let bytes = bytes_of(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unjudged::Missing(named(&error)),
        _ => Unjudged::Unusable(named(&error)),
    })?;
    Users::parse(&bytes).map_err(|error| Unjudged::Unusable(named(&error)))
}

/// Judges what a client shows by the file as it is now: whether it is right, or why that cannot be said. It takes up to a
/// second.
pub fn judge(path: &Path, claim: &Claim, hasher: &Hasher) -> Result<bool, Unjudged> {
    let users = read(path)?;
    let unusable = |why: String| Unjudged::Unusable(format!("{}{why}", path.display()));
    match claim {
        Claim::Password { user, password } => match users.verify(user, password, hasher) {
            Answer::Right => Ok(true),
            Answer::Wrong => Ok(false),
            Answer::Unusable(line, error) => Err(unusable(format!(":{line}: {error}"))),
        },
        Claim::Response(challenger, response) => {
            let password = users.plain(&response.user);
            if password.is_none() && users.has(&response.user) {
                let why = "has no {PLAIN} password, which \"adobe\" needs";
                return Err(unusable(format!(": {:?} {why}", response.user)));
            }
            let is_right = challenger.verify(response, password.unwrap_or_default());
            Ok(is_right && password.is_some())
        }
    }
}

/// Warns of a file that a directive names: whether it can be read, and by whom else, and what is wrong with its lines.
/// Returns its users.
pub fn probe(node: &Node, path: &Path, probe: &mut Probe) -> Option<Users> {
    let (name, shown) = (&node.name, path.display());
    if let Err(why) = probe.account().judge_reading(path) {
        probe.warn(node, format!("{name} {shown}: {why}"));
        return None;
    }
    if is_readable_by_all(path) {
        probe.warn(node, format!("{shown} can be read by every user of this machine: chmod o-r"));
    }
    let users = match read(path) {
        Ok(users) => users,
        Err(why) => {
            probe.warn(node, format!("{name} {why}"));
            return None;
        }
    };
    for (line, error) in users.faults().iter().take(MOST_NAMED) {
        probe.warn(node, format!("{shown}:{line}: {error}"));
    }
    if users.faults().len() > MOST_NAMED {
        let more = users.faults().len() - MOST_NAMED;
        probe.warn(node, format!("{shown}: {more} more lines cannot be used"));
    }
    Some(users)
}

/// The bytes of a regular file, one more than it may have at most.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    // A FIFO would be waited for.
    let file = File::options().read(true).custom_flags(O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) | Self::Unusable(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn a_file_is_read_each_time_and_what_is_wrong_with_it_is_told_without_its_hashes() {
        let folder = Folder::new();
        let (file, hasher) = (folder.join("users"), Hasher::new(&[1; 64]));
        let judge = |user: &str| {
            let claim = Claim::Password { user: user.to_owned(), password: "secret".to_owned() };
            judge(&file, &claim, &hasher)
        };
        let path = file.display();
        let missing = format!("{path}: No such file or directory (os error 2)");
        assert_eq!(judge("ann"), Err(Unjudged::Missing(missing)));
        std::fs::write(&file, "ann:{PLAIN}secret\nbob:secret").unwrap();
        assert_eq!((judge("ann"), judge("eve")), (Ok(true), Ok(false)));
        let why = judge("bob").unwrap_err().to_string();
        assert!(why.starts_with(&format!("{path}:2: ")) && !why.contains("secret"), "{why}");
        std::fs::write(&file, "ann:{PLAIN}other").unwrap();
        assert_eq!(judge("ann"), Ok(false));
        std::fs::write(&file, "\n".repeat(MAX_BYTES + 1)).unwrap();
        let long = format!("{path}: it has more than 1048576 bytes");
        assert_eq!(judge("ann"), Err(Unjudged::Unusable(long)));
        let of_folder = read(&folder).err().map(|why| why.to_string());
        assert_eq!(of_folder, Some(format!("{}: it is no regular file", folder.display())));
    }
}

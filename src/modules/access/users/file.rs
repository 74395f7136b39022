//! A file of users: its directive, and what a job does with it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::O_NONBLOCK;

use crate::auth::adobe::{Challenger, Response};
use crate::auth::password::{Answer, MAX_BYTES, Users};
use crate::auth::secret::Hasher;
use crate::conf::{Scope, path};
use crate::modules::access::action::Action;

/// The arguments of a `publish_user_file` or `play_user_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserLine {
    Off,
    File(UserFile),
}

/// A file of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFile {
    pub path: PathBuf,
    /// Whether encoders are asked for Adobe's authentication.
    pub adobe: bool,
}

/// What a client shows.
#[derive(Clone)]
pub enum Claim {
    Password { user: String, password: String },
    Response(Challenger, Response),
}

impl UserLine {
    /// Reads the arguments; Adobe's authentication is for publishing only.
    pub fn parse(action: Action, args: &[String]) -> Result<Self, String> {
        let file = |file: &String, adobe| {
            path::check(file)?;
            if file.is_empty() {
                return Err("the path is empty".to_owned());
            }
            Ok(Self::File(UserFile { path: file.into(), adobe }))
        };
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [path] => file(path, false),
            [path, word] if word == "adobe" && action == Action::Publish => file(path, true),
            [_, word] if word == "adobe" => Err("adobe is for those who publish".to_owned()),
            [_, word] => Err(format!("\"{word}\" is none of the words behind a file")),
            _ => Err(format!("{} arguments", args.len())),
        }
    }
}

impl UserFile {
    /// The file for an action in an application, if there is one.
    pub fn read(action: Action, scope: &Scope<'_>) -> Option<Self> {
        match scope.find(action.user_directive())?.custom() {
            UserLine::Off => None,
            UserLine::File(file) => Some(file),
        }
    }

    /// Reads the file as it is now.
    pub fn users(&self) -> Result<Users, String> {
        let bytes = read(&self.path).map_err(|error| error.to_string())?;
        Users::parse(&bytes).map_err(|error| error.to_string())
    }

    /// Judges what a client shows by the file as it is now: whether it is right, or why that cannot be said. It takes
    /// up to a second.
    pub fn judge(&self, claim: &Claim, hasher: &Hasher) -> Result<bool, String> {
        let named = |why: &dyn fmt::Display| format!("{}: {why}", self.path.display());
        let users = self.users().map_err(|why| named(&why))?;
        let (user, password) = match claim {
            Claim::Password { user, password } => (user, password),
            Claim::Response(challenger, response) => {
                let password = users.plain(&response.user);
                if password.is_none() && users.has(&response.user) {
                    let why = format!("{:?} has no {{PLAIN}} password, which \"adobe\" needs", response.user);
                    return Err(named(&why));
                }
                let is_right = challenger.verify(response, password.unwrap_or_default());
                return Ok(is_right && password.is_some());
            }
        };
        match users.verify(user, password, hasher) {
            Answer::Right => Ok(true),
            Answer::Wrong => Ok(false),
            Answer::Unusable(line, error) => Err(format!("{}:{line}: {error}", self.path.display())),
        }
    }
}

/// The bytes of a regular file, one more than it may have at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A FIFO would be waited for.
    let file = File::options().read(true).custom_flags(O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn line(action: Action, words: &str) -> Result<UserLine, String> {
        UserLine::parse(action, &words.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_file_may_be_followed_by_adobe_where_it_is_for_publishing() {
        let file = |adobe| Ok(UserLine::File(UserFile { path: "users".into(), adobe }));
        assert_eq!(line(Action::Publish, "off"), Ok(UserLine::Off));
        assert_eq!(line(Action::Publish, "users"), file(false));
        assert_eq!(line(Action::Publish, "users adobe"), file(true));
        for (action, words) in [
            (Action::Play, "users adobe"),
            (Action::Publish, "users basic"),
            (Action::Publish, "users adobe adobe"),
            (Action::Publish, ""),
        ] {
            assert!(line(action, words).is_err(), "{words}");
        }
    }

    #[test]
    fn a_file_is_read_each_time_and_what_is_wrong_with_it_is_told_without_its_hashes() {
        let folder = Folder::new();
        let (file, hasher) = (UserFile { path: folder.join("users"), adobe: false }, Hasher::new(&[1; 64]));
        let judge = |user: &str| {
            let claim = Claim::Password { user: user.to_owned(), password: "secret".to_owned() };
            file.judge(&claim, &hasher)
        };
        let path = file.path.display();
        assert_eq!(judge("ann"), Err(format!("{path}: No such file or directory (os error 2)")));
        std::fs::write(&file.path, "ann:{PLAIN}secret\nbob:secret").unwrap();
        assert_eq!((judge("ann"), judge("eve")), (Ok(true), Ok(false)));
        let why = judge("bob").unwrap_err();
        assert!(why.starts_with(&format!("{path}:2: ")) && !why.contains("secret"), "{why}");
        std::fs::write(&file.path, "ann:{PLAIN}other").unwrap();
        assert_eq!(judge("ann"), Ok(false));
        std::fs::write(&file.path, "\n".repeat(MAX_BYTES + 1)).unwrap();
        assert_eq!(judge("ann"), Err(format!("{path}: it has more than 1048576 bytes")));
        let folder = UserFile { path: folder.to_path_buf(), adobe: false };
        assert_eq!(folder.users().err().as_deref(), Some("it is no regular file"));
    }
}

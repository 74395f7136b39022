//! The directives that name a file of users.

use std::path::PathBuf;

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}

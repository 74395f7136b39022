//! What a location asks for: `auth_basic` and `auth_basic_user_file`.

use std::path::PathBuf;

use crate::conf::{self, Error, Node, Scope, path};
use crate::modules::http::template::{Template, When};

/// The argument of `auth_basic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Realm {
    Off,
    /// A user and a password for this are asked for.
    Text(Template),
}

/// The login of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub realm: Template,
    pub file: PathBuf,
}

impl Realm {
    /// Reads the arguments. A variable may be in the realm, but unlike in nginx none that is "off" opens the location.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [text] => Template::parse(text, When::Request).map(Self::Text),
            _ => Err("one text, in quotes if it has blanks".to_owned()),
        }
    }
}

/// Reads the arguments of `auth_basic_user_file`.
pub fn parse_file(args: &[String]) -> Result<PathBuf, String> {
    match args {
        [file] if file.is_empty() => Err("the path is empty".to_owned()),
        [file] if file.contains('$') => Err("variables are not known here".to_owned()),
        [file] => path::check(file).map(|()| file.into()),
        _ => Err("one path, in quotes if it has blanks".to_owned()),
    }
}

impl Login {
    /// Reads the directives of a location, each from the nearest level that has it. nginx asks nobody if there is no file,
    /// which nobody can mean.
    pub fn read(scope: &Scope<'_>, faults: &mut conf::Faults) -> Option<Self> {
        let node = scope.find("auth_basic")?;
        let Realm::Text(realm) = node.custom() else { return None };
        let file = scope.find("auth_basic_user_file").map(Node::custom);
        if file.is_none() {
            let why = "\"auth_basic\" asks for a password, and there is no \"auth_basic_user_file\" with the right ones";
            faults.push(Error::at(node, why).for_lack_of("auth_basic_user_file", scope));
        }
        file.map(|file| Self { realm, file })
    }
}

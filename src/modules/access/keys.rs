//! `publish_key` and `play_key`: secrets that open an application or stand for one stream.
//!
//! Kept are only digests of them, under a key that is made anew with each configuration, and they are looked up by
//! digest: the time that takes tells nothing about a secret.

use std::collections::{HashMap, HashSet};

use crate::auth::secret::{Digest, Hasher};
use crate::conf::{Error, Faults, Node, Scope};
use crate::engine::StreamName;

use super::action::Action;
use super::outcome::Outcome;

/// The arguments of a `publish_key` or `play_key`.
#[derive(Clone)]
pub enum KeyLine {
    Off,
    Key {
        secret: String,
        /// The stream that it is for.
        name: Option<StreamNameText>,
    },
}

/// A stream's name, in NFC.
type StreamNameText = String;

impl KeyLine {
    /// Reads the arguments; no message quotes one.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [secret, ..] if secret.is_empty() => Err("the key is empty".to_owned()),
            [secret] => Ok(Self::Key { secret: secret.clone(), name: None }),
            [secret, name] => {
                let name = StreamName::new(name)
                    .map_err(|_| "the second word is not a name that streams can have")?;
                if name.as_str() == secret {
                    return Err("the key is the stream's name, which is no secret".to_owned());
                }
                Ok(Self::Key { secret: secret.clone(), name: Some(name.as_str().to_owned()) })
            }
            [] => Err("a key is missing".to_owned()),
            many => Err(format!("{} arguments", many.len())),
        }
    }
}

/// The keys for one action in an application.
#[derive(Clone, Default)]
pub struct Keys {
    /// Each with the stream that it is for, if it is for one alone.
    by_digest: HashMap<Digest, Option<StreamNameText>>,
    /// The digests of keys in the form that they have as stream names.
    as_names: HashMap<Digest, StreamNameText>,
    /// The streams that have keys of their own.
    names: HashSet<StreamNameText>,
}

impl Keys {
    /// Reads the keys of a block, or those of the nearest block around it that has any.
    pub fn read(action: Action, scope: &Scope<'_>, hasher: &Hasher, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        let lines = scope.all(action.key_directive()).into_iter();
        let lines: Vec<(&Node, KeyLine)> = lines.map(|node| (node, node.custom())).collect();
        let is_off = |line: &KeyLine| matches!(line, KeyLine::Off);
        let mut names = HashMap::new();
        for (node, line) in &lines {
            let KeyLine::Key { secret, name } = line else {
                if lines.iter().any(|(_, other)| !is_off(other)) {
                    let why = format!("\"{} off\" stands in a block with keys", node.name);
                    faults.push(Error::at(node, why));
                }
                continue;
            };
            if let Err(why) = keys.add(hasher, secret, name.as_deref()) {
                faults.push(Error::at(node, format!("\"{}\": {why}", node.name)));
            }
            if let Some(name) = name {
                names.insert(hasher.digest(name), *node);
            }
        }
        for (_, node) in names.iter().filter(|(digest, _)| keys.by_digest.contains_key(digest)) {
            let why = format!("\"{}\": the name of this stream is a key, too", node.name);
            faults.push(Error::at(node, why));
        }
        keys
    }

    fn add(&mut self, hasher: &Hasher, secret: &str, name: Option<&str>) -> Result<(), &'static str> {
        const TWICE: &str = "the same key stands in this block for another stream";
        let name = name.map(str::to_owned);
        self.names.extend(name.clone());
        let before = self.by_digest.insert(hasher.digest(secret), name.clone());
        if before.is_some_and(|before| before != name) {
            return Err(TWICE);
        }
        // As in an address, a slash joins two parts of a name.
        if let (Some(name), Ok(sent)) = (name, StreamName::new(&secret.replace('/', "~"))) {
            let before = self.as_names.insert(hasher.digest(sent.as_str()), name.clone());
            if before.is_some_and(|before| before != name) {
                return Err(TWICE);
            }
        }
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// Whether a stream's name may be a key.
    pub fn may_be_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether a stream's name may be meant as a key: some are names, and it is not the name of a stream that has one.
    pub fn is_tried_by(&self, name: &str) -> bool {
        self.may_be_names() && !self.names.contains(name)
    }

    /// The stream that a name stands for, if it is a key.
    pub fn named_by(&self, hasher: &Hasher, name: &str) -> Option<String> {
        let as_names = Some(&self.as_names).filter(|names| !names.is_empty())?;
        as_names.get(&hasher.digest(name)).cloned()
    }

    /// Judges the key that a client shows for a stream, or the stream's name if it shows none.
    pub fn judge(&self, hasher: &Hasher, name: &str, shown: Option<&str>) -> Outcome {
        if self.is_empty() {
            return Outcome::Missing;
        }
        let as_name = || self.as_names.get(&hasher.digest(name));
        let Some(shown) = shown else {
            return match as_name() {
                Some(own) => Outcome::Right { name: Some(own.clone()) },
                None if self.is_tried_by(name) => Outcome::Wrong("wrong stream key"),
                None => Outcome::Missing,
            };
        };
        match self.by_digest.get(&hasher.digest(shown)) {
            None => Outcome::Wrong("wrong key"),
            // A name that is a key is none to show, whatever else opens.
            Some(None) => Outcome::Right { name: as_name().cloned() },
            Some(Some(own)) if own == name || as_name() == Some(own) => {
                Outcome::Right { name: Some(own.clone()) }
            }
            Some(Some(_)) => Outcome::OtherStream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::access::test_scope::in_applications;

    fn hasher() -> Hasher {
        Hasher::new(&[7; 64])
    }

    /// The keys of the first application.
    fn read(text: &str) -> Result<Keys, String> {
        in_applications(text, |scopes| {
            let mut faults = Faults::default();
            let keys = Keys::read(Action::Publish, &scopes[0], &hasher(), &mut faults);
            faults.into_result(keys).map_err(|errors| errors.to_string())
        })
    }

    fn in_app(directives: &str) -> String {
        format!("rtmp {{ publish_key outer; server {{ application a {{ {directives} }} }} }}")
    }

    #[test]
    fn an_applications_own_list_replaces_the_inherited_one_and_off_clears_it() {
        let right = Outcome::Right { name: None };
        for (directives, outer, own) in [
            ("", right.clone(), Outcome::Wrong("wrong key")),
            ("publish_key own;", Outcome::Wrong("wrong key"), right.clone()),
            ("publish_key own; publish_key outer;", right.clone(), right.clone()),
            ("publish_key off;", Outcome::Missing, Outcome::Missing),
            ("play_key own;", right, Outcome::Wrong("wrong key")),
        ] {
            let keys = read(&in_app(directives)).unwrap();
            assert_eq!(keys.is_empty(), directives == "publish_key off;");
            assert_eq!(keys.judge(&hasher(), "x", Some("outer")), outer, "{directives}");
            assert_eq!(keys.judge(&hasher(), "x", Some("own")), own, "{directives}");
        }
    }

    #[test]
    fn a_key_may_have_any_characters_and_is_found_as_the_name_that_an_address_makes_of_it() {
        let keys = read(&in_app("publish_key a/b cam; publish_key 'x y&z' door;")).unwrap();
        let right = |name: &str| Outcome::Right { name: Some(name.to_owned()) };
        assert_eq!(keys.judge(&hasher(), "a~b", None), right("cam"));
        assert_eq!(keys.judge(&hasher(), "cam", Some("a/b")), right("cam"));
        assert_eq!(keys.judge(&hasher(), "door", Some("x y&z")), right("door"));
    }

    #[test]
    fn faults_quote_no_secret() {
        for (directives, line) in [
            ("publish_key s3cret a;\npublish_key s3cret b;", 2),
            ("publish_key s3cret a;\npublish_key s3cret;", 2),
            ("publish_key s3/cret a;\npublish_key s3~cret b;", 2),
            ("publish_key s3cret;\npublish_key off;", 2),
            ("publish_key s3cret a;\npublish_key other s3cret;", 2),
        ] {
            let said = read(&in_app(directives)).map(drop).unwrap_err();
            assert!(said.starts_with(&format!("f:{line}: \"publish_key")), "{said}");
            assert!(!said.contains("s3"), "{said}");
        }
        for twice in ["publish_key k a; publish_key l a;", "publish_key k a; publish_key k a;"] {
            assert!(read(&in_app(twice)).is_ok(), "{twice}");
        }
        let parse =
            |words: &[&str]| KeyLine::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        for words in
            [&[][..], &[""], &["s3cret", "s3/cret"], &["s3cret", "s3cret"], &["s3cret", "a", "s3cret"]]
        {
            let said = parse(words).map(drop).unwrap_err();
            assert!(!said.contains("s3"), "{said}");
        }
    }
}

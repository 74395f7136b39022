//! The module's settings of an application: its rules, and what opens each of the two actions.

use crate::auth::secret::Hasher;
use crate::auth::signature;
use crate::conf::{Error, Faults, Node, Scope};
use crate::engine::{Application, Config, Guards, LinkScope};

use super::action::Action;
use super::keys::Keys;
use super::outcome::Expected;
use super::rules::Rules;
use super::shown::Shown;
use super::signatures::Signatures;
use super::users::UserFile;

/// The settings of an application.
pub struct Settings {
    /// Makes the digests of its keys.
    pub hasher: Hasher,
    pub rules: Rules,
    publish: Credentials,
    play: Credentials,
}

/// What opens an action: any of those that are set. If none is, it is open to all.
#[derive(Default)]
pub struct Credentials {
    pub keys: Keys,
    pub signatures: Signatures,
    pub users: Option<UserFile>,
}

impl Settings {
    /// Reads the settings of an application.
    pub fn read(app: &Application<'_>, hasher: &Hasher, faults: &mut Faults) -> Self {
        let mut credentials = |action| Credentials {
            keys: Keys::read(action, &app.scope, hasher, faults),
            signatures: Signatures::read(action, &app.scope, faults),
            users: UserFile::read(action, &app.scope),
        };
        let (publish, play) = (credentials(Action::Publish), credentials(Action::Play));
        Self { hasher: hasher.clone(), rules: Rules::read(&app.scope), publish, play }
    }

    /// What opens an action.
    pub fn of(&self, action: Action) -> &Credentials {
        match action {
            Action::Publish => &self.publish,
            Action::Play => &self.play,
        }
    }

    /// The name in place of a stream's name that is a key, so that nobody sees the key. A key of the other action gets
    /// no stream: whether it is one is told to nobody.
    pub fn name_for(&self, action: Action, name: &str) -> Option<String> {
        let of = |action| self.of(action).keys.named_by(&self.hasher, name);
        let hidden = || format!("key-{}", name.chars().take(4).collect::<String>());
        of(action).or_else(|| of(action.other()).map(|_| hidden()))
    }

    /// The names of the arguments that are looked at for any action.
    pub fn arguments(&self) -> Vec<&'static str> {
        let mut names = self.publish.arguments();
        names.extend(self.play.arguments());
        names
    }

    /// Whether the path of an address may have a key in it.
    pub fn has_keys_as_names(&self) -> bool {
        self.publish.keys.may_be_names() || self.play.keys.may_be_names()
    }
}

impl Credentials {
    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.signatures.is_empty() && self.users.is_none()
    }

    /// Whether a client shows any of those that are set.
    pub fn is_shown(&self, shown: &Shown) -> bool {
        let is_key = !self.keys.is_empty() && shown.key.is_some();
        let is_signature = !self.signatures.is_empty() && shown.signature.is_some();
        is_key || is_signature || self.users.is_some() && shown.user.is_some()
    }

    /// Whether a client tries any of those that are set: what it shows, or the name of its stream, is looked at.
    pub fn are_tried(&self, shown: &Shown, name: &str) -> bool {
        self.is_shown(shown) || self.keys.is_tried_by(name)
    }

    /// The names of the arguments that are looked at.
    pub fn arguments(&self) -> Vec<&'static str> {
        let keys: &[_] = if self.keys.is_empty() { &[] } else { &["key"] };
        let signatures: &[_] = if self.signatures.is_empty() { &[] } else { &signature::ARGUMENTS };
        let users: &[_] = if self.users.is_none() { &[] } else { &["user", "pass"] };
        [keys, signatures, users].concat()
    }

    /// What a client that shows nothing is told to show.
    pub fn expected(&self) -> Expected {
        if !self.keys.is_empty() {
            Expected { what: "a key is", arguments: "key=KEY" }
        } else if self.users.is_some() {
            Expected { what: "user and password are", arguments: "user=USER&pass=PASSWORD" }
        } else {
            Expected { what: "a signature is", arguments: "expires=TIME&sig=SIGNATURE" }
        }
    }
}

/// The actions for which an application asks for credentials.
pub fn guards(scope: &Scope<'_>) -> Guards {
    let is_set = |action: Action| {
        let names = [action.key_directive(), action.secret_directive(), action.user_directive()];
        let mut nodes = names.into_iter().flat_map(|name| scope.all(name));
        nodes.any(|node| node.args.first().is_some_and(|word| word != "off"))
    };
    Guards { publish: is_set(Action::Publish), play: is_set(Action::Play) }
}

/// Where the links of an application's players may be used: at one address, if one of its secrets says so.
pub fn play_links(scope: &Scope<'_>) -> LinkScope {
    let nodes = scope.all(Action::Play.secret_directive());
    let words = |node: &Node| [0, 1].map(|at| node.args.get(at).map_or("", String::as_str).to_owned());
    let secrets: Vec<_> = nodes.into_iter().map(words).filter(|[secret, _]| secret != "off").collect();
    match secrets.as_slice() {
        [] => LinkScope::Nowhere,
        secrets if secrets.iter().any(|[_, word]| word == "address") => LinkScope::OneAddress,
        _ => LinkScope::Anywhere,
    }
}

/// A hasher under a random key.
pub fn random_hasher(config: &Config<'_>) -> Result<Hasher, Error> {
    Hasher::random().map_err(|why| {
        let place = config.applications.first().map(|app| app.scope.place("publish_key"));
        Error::in_place(place.unwrap_or_else(crate::conf::Place::command_line), why)
    })
}

//! The settings of a location that has the API.

use std::rc::Rc;

use crate::auth::secret::Hasher;
use crate::auth::tokens::{Grant, Token, Tokens};
use crate::conf::{Error, Faults};
use crate::engine::{Config, HttpRequest, Location, Probe};

use super::tokens;

/// The API at a location.
#[derive(Debug)]
pub struct Settings {
    /// The path, ending with a slash.
    pub base: String,
    pub tokens: Tokens,
    /// What is granted to who shows no token, where none is needed.
    pub open_for: Grant,
    /// Whether it is at the server's own control socket.
    is_socket: bool,
}

impl Settings {
    /// Reads the directives of a location; none if it has no API.
    pub fn read(location: &Location<'_>, hasher: &Hasher, faults: &mut Faults) -> Option<Rc<Self>> {
        let open_for = match location.scope.text("millstream_api").as_str() {
            "on" => Grant::Read,
            "act" => Grant::Act,
            _ => return None,
        };
        if let (false, Some(node)) = (location.kind.is_prefix(), location.scope.find("millstream_api")) {
            let why =
                "\"millstream_api\" needs a location with the beginning of a path, as it answers below that";
            faults.push(Error::at(node, why));
        }
        Some(Rc::new(Self {
            base: format!("{}/", location.path.trim_end_matches('/')),
            tokens: tokens::read(&location.scope, hasher, faults),
            open_for,
            is_socket: location.is_control,
        }))
    }

    /// Who makes a request, for the log and for bans.
    pub fn name_of(&self, request: &HttpRequest, token: Option<&Token>) -> String {
        match (token, &request.user) {
            (Some(token), _) => token.name.clone(),
            (None, Some(user)) => user.escape_debug().to_string(),
            (None, None) if self.is_socket => "the control socket".to_owned(),
            (None, None) => request.peer.host(),
        }
    }
}

/// Warns of locations that tell or do more than is meant.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for location in config.locations.iter().filter(|location| !location.is_control && !location.is_restricted)
    {
        let Some(node) = location.scope.find("millstream_api") else { continue };
        if !location.scope.all("api_token").is_empty() {
            continue;
        }
        match location.scope.text("millstream_api").as_str() {
            "act" => probe.warn(
                node,
                "everybody may kick clients and reload here: write \"allow local; deny all;\", or use api_token",
            ),
            "on" => probe.warn(
                node,
                "everybody may read here who publishes and plays, with their addresses: write \"allow local; deny all;\", \
                 or use api_token",
            ),
            _ => {}
        }
    }
}

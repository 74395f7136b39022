//! Callbacks as the log shows them.

use std::fmt;
use std::rc::Rc;

use crate::auth::mask;
use crate::engine::StreamName;

use super::facts::ClientFacts;
use super::settings::Callback;

/// A callback for the log: "#7 on_publish of live/cam: http://localhost/auth". Its text is made only when there is
/// something to log.
pub struct Label {
    pub callback: Rc<Callback>,
    client_id: u32,
    app: String,
    /// The name of the stream; empty for a connect.
    name: String,
    may_be_key: bool,
}

impl Label {
    /// A callback about a client and a stream that is there.
    pub fn new(callback: &Rc<Callback>, client: &ClientFacts, name: &str) -> Self {
        let (callback, client_id) = (Rc::clone(callback), client.client_id);
        Self { callback, client_id, app: client.app.clone(), name: name.to_owned(), may_be_key: false }
    }

    /// A callback about a request of a client, whose name may be a key.
    pub fn of_request(callback: &Rc<Callback>, client: &ClientFacts, name: &str) -> Self {
        Self { may_be_key: true, ..Self::new(callback, client, name) }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { callback, client_id, app, name, may_be_key } = self;
        let name = match may_be_key {
            _ if name.is_empty() => String::new(),
            true => format!("/{}", mask::start_of(name)),
            false => format!("/{}", shown(name)),
        };
        write!(f, "#{client_id} {} of {app}{name}: {}", callback.kind.name(), callback.url)
    }
}

/// A stream's name as the log shows it.
pub fn shown(name: &str) -> String {
    StreamName::new(name).map(|name| name.to_string()).unwrap_or_default()
}

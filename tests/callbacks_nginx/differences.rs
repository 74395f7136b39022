//! Where Millstream's calls differ from those of nginx, and why.

use super::scenarios::LONG;

/// Where Millstream differs.
pub enum Change {
    /// A field has another value.
    Differs(&'static str, &'static str, &'static str),
    /// A field is not there.
    Without(&'static str, &'static str),
    /// Another field comes behind this one.
    With(&'static str, &'static str, &'static str),
    /// Nothing is called.
    Nothing,
}
use Change::{Differs, Nothing, With, Without};

impl Change {
    /// Changes the fields of nginx; false if there is nothing to change.
    pub fn applies(&self, fields: &mut Vec<(String, String)>) -> bool {
        let at = |name: &str| fields.iter().position(|field| field.0 == name);
        let at_value =
            |name: &str, value: &str| fields.iter().position(|field| field.0 == name && field.1 == value);
        match *self {
            Nothing => return true,
            Differs(name, value, ours) => {
                let Some(at) = at_value(name, value) else { return false };
                fields[at].1 = ours.to_owned();
            }
            Without(name, value) => {
                let Some(at) = at_value(name, value) else { return false };
                fields.remove(at);
            }
            With(before, name, value) => {
                let Some(at) = at(before) else { return false };
                fields.insert(at + 1, (name.to_owned(), value.to_owned()));
            }
        }
        true
    }
}

/// The scenario, the path (all of them if it is empty), what differs, and why.
pub const DIFFERENCES: &[(&str, &str, Change, &str)] = &[
    (
        "publish and stop",
        "",
        Differs("flashver", "FMLE/3.0 (compatible; Lavf60.16", LONG),
        "nginx cuts it to 31 bytes",
    ),
    ("both at once", "/publish_done", Differs("name", "b", "a"), "it is the publish that has ended"),
    ("both at once", "/publish_done", Differs("y", "2", "1"), "it is the publish that has ended"),
    ("without a type", "/publish", Differs("type", "", "live"), "that is what the client means"),
    ("play live only", "/play", Differs("duration", "4294967295", "0"), "it is all of the stream"),
    ("an escaped name", "", Differs("name", "a%20b", "a b"), "it is the same stream"),
    ("a slash in a name", "", Differs("name", "room/cam", "room~cam"), "no name has a slash"),
    ("forged fields", "", Without("app", "forged"), "a client never overrides a field"),
    ("forged fields", "/disconnect", Without("clientid", "7"), "a client never overrides a field"),
    ("forged fields", "", Without("name", "forged"), "a client never overrides a field"),
    ("forged fields", "", Without("addr", "10.0.0.1"), "a client never overrides a field"),
    ("forged fields", "", Without("Call", "play"), "some backends ignore the case of names"),
    ("renamed publish", "/publish_done", Differs("name", "old", "new"), "it ended under this name"),
    ("renamed publish", "/record_done", Differs("name", "old", "new"), "the file has this name"),
    ("renamed publish", "/second_done", Differs("name", "old", "new"), "the file has this name"),
    ("publish with updates", "/update", Differs("name", "old", "new"), "the stream has this name"),
    ("publish with updates", "/done", Differs("name", "old", "new"), "it ended under this name"),
    ("renamed play", "/play_done", Differs("name", "old", "new"), "it ended under this name"),
    ("renamed play", "/done", Differs("name", "old", "new"), "it ended under this name"),
    ("unknown application", "/connect", Nothing, "there is nothing to connect to"),
    ("unknown application", "/disconnect", Nothing, "nobody had connected"),
    ("refused connect", "/disconnect", Nothing, "nobody had connected"),
    ("only a handshake", "/disconnect", Nothing, "nobody had connected"),
    ("get", "/publish", With("key", "app", "live"), "a URL has one question mark"),
    ("get", "/publish", Differs("key", "1?app=live", "1"), "a URL has one question mark"),
];

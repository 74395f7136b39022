//! Where Millstream's calls differ from those of nginx, and why.

use super::scenarios::LONG;

/// Where Millstream differs.
pub enum Change {
    /// A field has another value.
    Value(&'static str, &'static str, &'static str),
    /// A field is not there.
    Without(&'static str, &'static str),
    /// Another field comes behind this one.
    With(&'static str, &'static str, &'static str),
    /// Nothing is called.
    Nothing,
}
use Change::{Nothing, Value as Other, With, Without};

impl Change {
    /// Changes the fields of nginx; false if there is nothing to change.
    pub fn applies(&self, fields: &mut Vec<(String, String)>) -> bool {
        let at = |name: &str| fields.iter().position(|field| field.0 == name);
        let at_value =
            |name: &str, value: &str| fields.iter().position(|field| field.0 == name && field.1 == value);
        match *self {
            Nothing => return true,
            Other(name, value, ours) => {
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
        Other("flashver", "FMLE/3.0 (compatible; Lavf60.16", LONG),
        "nginx cuts it to 31 bytes",
    ),
    ("forged fields", "", Without("app", "forged"), "a client never overrides a field"),
    ("forged fields", "/disconnect", Without("clientid", "7"), "a client never overrides a field"),
    ("forged fields", "", Without("name", "forged"), "a client never overrides a field"),
    ("forged fields", "", Without("addr", "10.0.0.1"), "a client never overrides a field"),
    ("forged fields", "", Without("Call", "play"), "some backends ignore the case of names"),
    ("renamed publish", "/publish_done", Other("name", "old", "new"), "it ended under this name"),
    ("renamed publish", "/record_done", Other("name", "old", "new"), "the file has this name"),
    ("renamed publish", "/second_done", Other("name", "old", "new"), "the file has this name"),
    ("renamed play", "/play_done", Other("name", "old", "new"), "it ended under this name"),
    ("renamed play", "/done", Other("name", "old", "new"), "it ended under this name"),
    ("only a handshake", "/disconnect", Nothing, "nobody had connected"),
    ("get", "/publish", With("key", "app", "live"), "a URL has one question mark"),
    ("get", "/publish", Other("key", "1?app=live", "1"), "a URL has one question mark"),
];

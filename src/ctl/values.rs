//! The values of an answer, fit for a terminal.

use serde_json::Value;

use super::table::plain;

/// A text of an object, fit for a terminal; empty if there is none.
pub fn text(object: &Value, name: &str) -> String {
    plain(object.get(name).and_then(Value::as_str).unwrap_or_default())
}

pub fn number(object: &Value, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or_default()
}

pub fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub fn field<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

/// "live/cam".
pub fn label(object: &Value, name: &str) -> String {
    match (text(object, "app"), text(object, name)) {
        (app, name) if name.is_empty() => app,
        (app, name) => format!("{app}/{name}"),
    }
}

/// What stands where there is nothing.
pub fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

//! The format `json`: nginx-rtmp's fields and the client's own arguments as one object.

use std::collections::BTreeSet;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::arguments::{self, Reserved};
use crate::http::json;
use crate::modules::notify::event::{Field, FieldValue, Occasion};

/// The object for an event: our fields in their order, each once; behind them the client's own arguments.
pub fn body(occasion: &Occasion<'_>) -> String {
    let mut names = BTreeSet::new();
    let mut fields = occasion.fields();
    fields.retain(|(name, _)| names.insert(*name));
    let arguments = match occasion.own_args() {
        "" => vec![],
        args => arguments::decoded(args, &Reserved::new(names)),
    };
    json::to_string(&Object { fields, arguments })
}

/// An object with these fields, in this order.
pub fn object(fields: Vec<Field<'_>>) -> String {
    json::to_string(&Object { fields, arguments: vec![] })
}

/// Serialized as one object, in this order.
struct Object<'a> {
    fields: Vec<Field<'a>>,
    arguments: Vec<(String, String)>,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.fields {
            match value {
                FieldValue::Text(text) => map.serialize_entry(name, text)?,
                FieldValue::Number(number) => map.serialize_entry(name, number)?,
            }
        }
        for (name, value) in &self.arguments {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::notify::event::tests::{client, events};

    const CLIENT: &str = r#"{"app":"live","flashver":"FMLE/3.0 (compatible; Lavf59.27","swfurl":"","tcurl":"rtmp://192.0.2.1:1935/live","pageurl":"","addr":"192.0.2.7","#;

    #[test]
    fn an_object_has_the_fields_in_their_order_and_numbers_as_numbers() {
        let client = client();
        let object = |name, args, at: usize| {
            let events = events();
            body(&Occasion { client: &client, name, args, event: &events[at] })
        };
        assert_eq!(
            object("", "", 0),
            format!(r#"{CLIENT}"epoch":4000000000,"call":"connect","token":"t"}}"#)
        );
        assert_eq!(object("", "", 1), format!(r#"{CLIENT}"clientid":7,"call":"disconnect","token":"t"}}"#));
        assert_eq!(
            object("cam", "", 3),
            format!(
                r#"{CLIENT}"clientid":7,"call":"play","name":"cam","start":4294965296,"duration":0,"reset":0}}"#
            )
        );
    }

    #[test]
    fn arguments_are_decoded_and_override_nothing() {
        let client = client();
        let event = &events()[4];
        let args = "key=a+b%22&%6Eame=x&ADDR=1&key=2&call[]=x&\u{9b}=\n";
        let object = body(&Occasion { client: &client, name: "cam", args, event });
        let expected = r#""clientid":7,"call":"publish_done","name":"cam","key":"a b\"","\u009b":"\n"}"#;
        assert_eq!(object, format!("{CLIENT}{expected}"));
        let value: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!(value["key"], "a b\"");
    }
}

//! The languages that backends speak (`notify_format`).

use super::event::{Occasion, ServerFacts};
use super::{form, json, mediamtx, srs};

/// The format of calls and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// nginx-rtmp's fields as a form.
    #[default]
    Form,
    /// nginx-rtmp's fields as an object.
    Json,
    /// SRS's hooks.
    Srs,
    /// MediaMTX's question whether somebody may publish or read.
    Mediamtx,
}

impl Format {
    /// The words for the formats in a configuration.
    pub const WORDS: [(&str, Self); 4] =
        [("form", Self::Form), ("json", Self::Json), ("srs", Self::Srs), ("mediamtx", Self::Mediamtx)];

    /// The type of a body, for the field Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json | Self::Srs | Self::Mediamtx => "application/json",
        }
    }

    /// The body of a POST for an event; none if there is no call for it in this format.
    pub fn body(self, occasion: &Occasion<'_>, server: &ServerFacts) -> Option<String> {
        match self {
            Self::Form => Some(form::body(occasion)),
            Self::Json => Some(json::body(occasion)),
            Self::Srs => srs::body(occasion, server),
            Self::Mediamtx => mediamtx::body(occasion, server),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::notify::event::tests::{client, events, server};

    #[test]
    fn each_format_has_calls_for_its_events() {
        let client = client();
        for (format, expected) in
            [(Format::Form, 10), (Format::Json, 10), (Format::Srs, 7), (Format::Mediamtx, 2)]
        {
            let events = events();
            let bodies: Vec<_> = events
                .iter()
                .filter_map(|event| {
                    format.body(&Occasion { client: &client, name: "cam", args: "", event }, &server())
                })
                .collect();
            assert_eq!(bodies.len(), expected, "{format:?}");
            let is_json = format.content_type() == "application/json";
            assert!(bodies.iter().all(|body| body.starts_with('{') == is_json), "{format:?}");
        }
    }
}

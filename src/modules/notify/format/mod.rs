//! The languages that backends speak (`notify_format`). Nothing here decides what is called.

mod arguments;
mod form;
mod json;
mod mediamtx;
pub mod srs;

use std::borrow::Cow;

use crate::http::Url;
use crate::http::client::{Method, Request};

use crate::modules::notify::event::{CallbackKind, Occasion};
use crate::modules::notify::facts::ServerFacts;

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
    /// The format of a word in a configuration.
    pub fn named(word: &str) -> Self {
        match word {
            "json" => Self::Json,
            "srs" => Self::Srs,
            "mediamtx" => Self::Mediamtx,
            _ => Self::Form,
        }
    }

    /// Whether it has calls for a callback.
    pub fn has(self, kind: CallbackKind) -> bool {
        match self {
            Self::Form | Self::Json => kind != CallbackKind::Forward,
            Self::Srs => !matches!(kind, CallbackKind::Done | CallbackKind::Update),
            Self::Mediamtx => matches!(kind, CallbackKind::Publish | CallbackKind::Play),
        }
    }

    /// The request for an event; none if there is no call for it in this format. Only a form can be sent with GET.
    pub fn request<'a>(
        self,
        occasion: &Occasion<'_>,
        server: &ServerFacts,
        (method, url): (Method, &'a Url),
    ) -> Option<Request<'a>> {
        if let (Self::Form, Method::Get) = (self, method) {
            let url = Cow::Owned(url.with_query(&form::query(occasion, &url.target)));
            return Some(Request { method, url, headers: Vec::new(), body: Vec::new() });
        }
        let body = self.body(occasion, server)?.into_bytes();
        let headers = vec![("Content-Type", self.content_type().to_owned())];
        Some(Request { method: Method::Post, url: Cow::Borrowed(url), headers, body })
    }

    /// The type of a body, for the field Content-Type.
    fn content_type(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json | Self::Srs | Self::Mediamtx => "application/json",
        }
    }

    /// The body of a POST for an event; none if there is no call for it in this format.
    fn body(self, occasion: &Occasion<'_>, server: &ServerFacts) -> Option<String> {
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

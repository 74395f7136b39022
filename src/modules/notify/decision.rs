//! What a backend decides: its answer to on_connect, on_publish, on_play and on_update.
//!
//! nginx-rtmp looks at the first digit of the status, and so do backends that were written for it: 2 is yes, 3 is yes
//! under another name, all else is no. Here a redirect without such a name is no, too.

use super::event::Event;
use super::format::{Format, srs};
use crate::engine::stream_name;
use crate::http::client::Response;
use crate::http::path::unescape;

/// The longest name of an application that an answer may give, bytes; names of streams have their own limit.
const MAX_APP: usize = 256;

/// What a backend decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Yes,
    /// Yes, under this name: for a connect the application's, else the stream's.
    Rename(String),
    /// Yes, and a stream that is published is pushed to these servers, each one; one that is played is pulled from there.
    Relay(Vec<Box<str>>),
    /// No, and why, for people: "the backend answers 403". It shows nothing of a client's arguments or of a URL.
    No(String),
}

impl Decision {
    /// The decision in an answer.
    pub fn of(response: &Response, event: &Event, format: Format) -> Self {
        let status = response.status;
        match (format, status) {
            (Format::Srs, _) => match srs::answer(status, &response.body) {
                Ok(urls) if urls.is_empty() || !matches!(event, Event::Publish { .. } | Event::Forward) => {
                    Self::Yes
                }
                Ok(urls) => Self::Relay(urls.into_iter().map(Into::into).collect()),
                Err(what) => Self::no(&what),
            },
            (_, 200..=299) => Self::Yes,
            (Format::Form | Format::Json, 300..=399) => match response.headers.get("location") {
                Some(location) => Self::of_location(status, location, event),
                None => Self::no(&format!("{status} without a Location")),
            },
            _ => Self::no(&status.to_string()),
        }
    }

    /// The decision in a redirect.
    fn of_location(status: u16, location: &str, event: &Event) -> Self {
        if location.is_empty() {
            return Self::no(&format!("{status} with an empty Location"));
        }
        if srs::is_rtmp(location) {
            return match event {
                Event::Publish { .. } | Event::Play { .. } => Self::Relay(vec![location.into()]),
                _ => Self::no(&format!("{status} with a URL of RTMP, which is no name of an application")),
            };
        }
        let name = location.strip_prefix('/').unwrap_or(location);
        let (what, name) = match event {
            Event::Connect => ("an application", app_name(name)),
            _ => ("a stream", name_of_stream(name)),
        };
        name.map_or_else(
            || Self::no(&format!("{status} with a Location that is no name of {what}")),
            Self::Rename,
        )
    }

    fn no(answer: &str) -> Self {
        Self::No(format!("the backend answers {answer}"))
    }
}

/// The name of a stream in a Location, in which escapes stand for other characters than those of URLs.
fn name_of_stream(location: &str) -> Option<String> {
    let name = Some(location).filter(|location| !location.starts_with('/'))?;
    stream_name(name).ok().map(|name| name.as_str().to_owned())
}

/// The name of an application in a Location. Whether there is one of this name is not known here.
fn app_name(location: &str) -> Option<String> {
    let name = unescape(location)?;
    let is_name = !name.is_empty()
        && name.len() <= MAX_APP
        && !name.starts_with('/')
        && !name.contains("://")
        && !name.contains(|character: char| character.is_control() || "?#".contains(character));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{PublishType, StreamName};
    use crate::http::Headers;

    const PUBLISH: Event = Event::Publish { kind: PublishType::Live };

    fn response(status: u16, headers: Headers, body: &str) -> Response {
        Response { status, headers, body: body.into(), is_persistent: true }
    }

    fn decision(format: Format, status: u16, body: &str) -> Decision {
        Decision::of(&response(status, Headers::default(), body), &PUBLISH, format)
    }

    fn redirect(location: &str, event: &Event) -> Decision {
        let headers = Headers::from([("Location", location)]);
        Decision::of(&response(302, headers, ""), event, Format::Form)
    }

    fn no(answer: &str) -> Decision {
        Decision::No(format!("the backend answers {answer}"))
    }

    #[test]
    fn two_hundreds_are_yes_and_errors_are_no() {
        for format in [Format::Form, Format::Json, Format::Mediamtx] {
            for status in [200, 201, 204, 299] {
                assert_eq!(decision(format, status, "no"), Decision::Yes, "{status}");
            }
            for status in [400, 401, 403, 404, 500, 503] {
                assert_eq!(decision(format, status, "0"), no(&status.to_string()));
            }
        }
    }

    #[test]
    fn srs_decides_by_the_body() {
        assert_eq!(decision(Format::Srs, 200, "0"), Decision::Yes);
        let urls = r#"{"code":0,"data":{"urls":["rtmp://h/a","http://x","rtmps://h/b"]}}"#;
        let relay = Decision::Relay(vec!["rtmp://h/a".into(), "rtmps://h/b".into()]);
        assert_eq!(decision(Format::Srs, 200, urls), relay);
        let of = |event| Decision::of(&response(200, Headers::default(), urls), &event, Format::Srs);
        assert_eq!((of(Event::Forward), of(Event::OF_VIEWER)), (relay, Decision::Yes));
        assert_eq!(decision(Format::Srs, 200, r#"{"code":1}"#), no("code 1"));
        assert_eq!(decision(Format::Srs, 200, "OK"), no("200 without a code"));
        assert_eq!(decision(Format::Srs, 302, "0"), no("302"));
    }

    #[test]
    fn a_redirect_to_a_name_is_a_yes_under_that_name() {
        for (location, name) in [
            ("new", "new"),
            ("/new", "new"),
            ("cam_1080p+b", "cam_1080p+b"),
            ("caf%C3%A9%20x", "café x"),
            ("cafe\u{301}", "café"),
        ] {
            assert_eq!(redirect(location, &PUBLISH), Decision::Rename(name.into()), "{location}");
        }
        for status in [301, 307, 399] {
            let headers = Headers::from([("location", "new")]);
            let response = response(status, headers, "");
            assert_eq!(Decision::of(&response, &PUBLISH, Format::Json), Decision::Rename("new".into()));
            assert_eq!(Decision::of(&response, &PUBLISH, Format::Mediamtx), no(&status.to_string()));
        }
    }

    #[test]
    fn a_redirect_to_anything_else_is_no() {
        assert_eq!(redirect("room/new", &PUBLISH), Decision::Rename("room~new".into()));
        let long = "n".repeat(StreamName::MAX_BYTES + 1);
        let others = [
            "/",
            "//host/x",
            "//new",
            "http://127.0.0.1/new",
            "https://h/",
            "new?key=1",
            "new#x",
            "..",
            ".new",
            "-new",
            "a%00",
            "%zz",
            "%ff",
            &long,
        ];
        for location in others {
            let expected = no("302 with a Location that is no name of a stream");
            assert_eq!(redirect(location, &PUBLISH), expected, "{location}");
        }
        assert_eq!(decision(Format::Form, 302, "new"), no("302 without a Location"));
        assert_eq!(redirect("", &PUBLISH), no("302 with an empty Location"));
        assert_eq!(decision(Format::Json, 304, ""), no("304 without a Location"));
    }

    #[test]
    fn a_redirect_to_rtmp_relays_a_stream_and_no_connection() {
        for location in ["rtmp://127.0.0.1/live/secret", "RTMPS://h/app/secret?key=secret"] {
            assert_eq!(redirect(location, &PUBLISH), Decision::Relay(vec![location.into()]));
            assert_eq!(redirect(location, &Event::OF_VIEWER), Decision::Relay(vec![location.into()]));
            let expected = no("302 with a URL of RTMP, which is no name of an application");
            assert_eq!(redirect(location, &Event::Connect), expected);
        }
    }

    #[test]
    fn a_redirect_of_a_connect_names_an_application() {
        let app = |location| redirect(location, &Event::Connect);
        for (location, name) in [("live", "live"), ("/live", "live"), ("a/b", "a/b"), ("caf%C3%A9", "café")]
        {
            assert_eq!(app(location), Decision::Rename(name.into()), "{location}");
        }
        let long = "n".repeat(MAX_APP + 1);
        for location in ["/", "//h/x", "http://h/live", "live?x", "a%0Ab", "%4", &long] {
            assert_eq!(
                app(location),
                no("302 with a Location that is no name of an application"),
                "{location}"
            );
        }
    }
}

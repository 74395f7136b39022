//! The stream that an RTMP address means. Clients split `rtmp://host/live/room/cam` in several ways between `connect`
//! and
//! `publish` or `play`; the same address means the same stream, however it is split. This file only computes names: whether
//! a stream exists or may be used is decided elsewhere.

use crate::engine::stream::name::{NameError, StreamName};
use crate::http::path::unescape;

/// The part of the address in `connect` beside the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Address {
    /// An instance of the application such as "room" or "house/room", or "" for none. The stream's name follows it.
    Instance(Box<str>),
    /// The application does not exist, and with `stream_from_app` its name is the stream's; with "" the name comes
    /// later.
    Stream(Box<str>),
}

impl Default for Address {
    fn default() -> Self {
        Self::Instance("".into())
    }
}

impl Address {
    /// Bytes of memory for the text, beside the enum.
    pub fn bytes(&self) -> usize {
        let (Self::Instance(text) | Self::Stream(text)) = self;
        text.len()
    }

    /// The name of the stream that `sent`, without its arguments, means in the application `app`.
    pub fn name(&self, app: &str, sent: &str) -> Result<StreamName, NameError> {
        StreamName::new(&joined(&self.path(app, sent)?))
    }

    /// The path behind the application that it means, with slashes and prefixes.
    pub fn path(&self, app: &str, sent: &str) -> Result<String, NameError> {
        let sent = decode(sent)?;
        Ok(match self {
            Self::Stream(stream) => match (decode(stream)?, sent) {
                (stream, sent) if sent.is_empty() => stream,
                (stream, sent) if stream.is_empty() && !sent.contains('/') => sent,
                (stream, _) if stream.is_empty() => return Err(NameError::TwoParts),
                _ => return Err(NameError::SecondName),
            },
            Self::Instance(instance) => match path_of_url(&sent) {
                Some(path) => below(app, path).ok_or(NameError::OtherApplication)?.to_owned(),
                None => [&*decode(instance)?, &*sent].join("/"),
            },
        })
    }
}

/// The name of the stream that a text means which is not a client's, such as the answer of a backend.
pub fn stream_name(text: &str) -> Result<StreamName, NameError> {
    StreamName::new(&joined(&decode(text)?))
}

fn decode(text: &str) -> Result<String, NameError> {
    unescape(text).ok_or(NameError::Escape)
}

/// The path of a URL, without the first slash; none if the text is no URL.
fn path_of_url(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then(|| rest.split_once('/').map_or("", |(_, path)| path))
}

/// The part of a URL's path behind the application.
fn below<'a>(app: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.trim_start_matches('/').strip_prefix(app)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// A path as a stream name: its parts joined by `~`. Left out are empty parts, the default instance, and the prefixes
/// "mp4:" and "flv:", which FFmpeg and Flash Player add by themselves.
pub(in crate::engine) fn joined(path: &str) -> String {
    let without_prefix = |part| {
        let rest = ["mp4:", "flv:"].into_iter().find_map(|prefix| str::strip_prefix(part, prefix));
        rest.unwrap_or(part)
    };
    let parts = path.split('/').map(without_prefix).filter(|part| !part.is_empty());
    let parts: Vec<_> =
        parts.enumerate().filter(|part| *part != (0, DEFAULT_INSTANCE)).map(|(_, part)| part).collect();
    parts.join(INSTANCE_MARK)
}

/// Stands for a slash of the address in a stream name: a slash would make a folder.
const INSTANCE_MARK: &str = "~";

/// Flash Player's name for the instance of an application without instances.
const DEFAULT_INSTANCE: &str = "_definst_";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instance(instance: &str) -> Address {
        Address::Instance(instance.into())
    }

    fn named(address: &Address, sent: &str) -> Result<String, NameError> {
        address.name("live", sent).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn an_address_has_one_name_however_it_is_split() {
        for (parts, name) in [
            (
                &[("", "cam"), ("", "mp4:cam"), ("", "flv:cam"), ("_definst_", "cam"), ("", "_definst_/cam")]
                    [..],
                "cam",
            ),
            (&[("cam", ""), ("", "/cam"), ("", "cam/"), ("", "rtmp://host/live/cam")], "cam"),
            (&[("", "cam.mp4"), ("", "mp4:cam.mp4"), ("cam.mp4", "")], "cam.mp4"),
            (&[("room", "cam"), ("", "room/cam"), ("room", "/cam"), ("", "room//cam")], "room~cam"),
            (
                &[("room", "mp4:cam"), ("", "mp4:room/cam"), ("", "room/mp4:cam"), ("", "room~cam")],
                "room~cam",
            ),
            (&[("", "rtmp://host:1935/live/room/cam"), ("other", "rtmps://host/live/room/cam")], "room~cam"),
            (
                &[("a", "b/cam"), ("a/b", "cam"), ("a/b/cam", ""), ("", "a/b/cam"), ("", "a%2fb%2Fcam")],
                "a~b~cam",
            ),
            (&[("", "мой поток"), ("", "%D0%BC%D0%BE%D0%B9%20%d0%bf%d0%be%d1%82%d0%be%d0%ba")], "мой поток"),
            (&[("%D0%B0", "b"), ("а", "b")], "а~b"),
            (&[("", "a/../b"), ("a", "../b")], "a~..~b"),
        ] {
            for (app, sent) in parts {
                assert_eq!(named(&instance(app), sent).as_deref(), Ok(name), "{app:?} and {sent:?}");
            }
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        for (app, sent, error) in [
            ("", "", NameError::Empty),
            ("", "/", NameError::Empty),
            ("", "mp4:", NameError::Empty),
            ("", "rtmp://host/live", NameError::Empty),
            ("_definst_", "", NameError::Empty),
            ("", "../../tmp/EVIL", NameError::Beginning),
            ("", "%2e%2e%2f", NameError::Beginning),
            ("", "%252e", NameError::Ascii('%')),
            ("", "50%", NameError::Escape),
            ("", "a%zz", NameError::Escape),
            ("", "a%ff", NameError::Escape),
            ("%ff", "a", NameError::Escape),
            ("", "a%00", NameError::Control('\0')),
            ("", "a%3Fb", NameError::Ascii('?')),
            ("", "avi:cam", NameError::Ascii(':')),
            ("", "rtmp://host/other/cam", NameError::OtherApplication),
            ("", "rtmp://host/lively/cam", NameError::OtherApplication),
            ("", "rtmp://host", NameError::OtherApplication),
        ] {
            assert_eq!(named(&instance(app), sent), Err(error), "{app:?} and {sent:?}");
        }
    }

    #[test]
    fn an_application_that_is_the_stream_takes_no_second_name() {
        let stream = |stream: &str| Address::Stream(stream.into());
        assert_eq!(named(&stream("key"), "").as_deref(), Ok("key"));
        assert_eq!(named(&stream("%D0%B0"), "").as_deref(), Ok("а"));
        assert_eq!(named(&stream(""), "key").as_deref(), Ok("key"), "FFmpeg leaves the application empty");
        assert_eq!(named(&stream(""), "mp4:key").as_deref(), Ok("key"));
        assert_eq!(named(&stream("key"), "cam"), Err(NameError::SecondName));
        assert_eq!(named(&stream("key"), "key"), Err(NameError::SecondName));
        assert_eq!(named(&stream(""), "room/cam"), Err(NameError::TwoParts));
        assert_eq!(named(&stream(""), ""), Err(NameError::Empty));
    }

    proptest! {
        #[test]
        fn a_path_has_one_name_wherever_it_is_split(path in "[a-c/é~]{1,24}", at in 0usize..24) {
            let whole = named(&instance(""), &path);
            let slashes: Vec<_> = path.match_indices('/').map(|(at, _)| at).collect();
            if let Some(&at) = slashes.get(at % slashes.len().max(1)) {
                let (app, sent) = (&path[..at], &path[at + 1..]);
                prop_assert_eq!(named(&instance(app), sent), whole.clone());
            }
            prop_assert_eq!(named(&instance(""), &format!("rtmp://h/live/{path}")), whole.clone());
            let escaped = crate::http::path::encode(&path);
            prop_assert_eq!(named(&instance(""), &escaped), whole);
        }

        #[test]
        fn any_text_is_a_safe_name_or_none(instance in any::<String>(), sent in any::<String>()) {
            if let Ok(name) = Address::Instance(instance.into()).name("live", &sent) {
                prop_assert!(!name.as_str().contains(|c: char| c == '/' || c.is_control()));
                let again = named(&Address::default(), name.as_str());
                prop_assert_eq!(again.as_deref(), Ok(name.as_str()));
            }
        }
    }
}

//! What a client says in `connect` that it can do, and what the server answers (Enhanced RTMP v2,
//! "Enhancing NetConnection connect Command").
//!
//! Nothing a client publishes depends on this: FFmpeg and OBS send Enhanced RTMP without a word about
//! it. It tells whom to ask to reconnect, and explains a player's black picture in the log.

use crate::media::amf::{Object, Value};
use crate::media::flv::Codec;

/// `capsEx`: understands `NetConnection.Connect.ReconnectRequest`.
const RECONNECT: u32 = 1;
/// `capsEx` of the server: reconnect, multitrack, ModEx, nanosecond offsets.
const OWN_CAPS_EX: f64 = 15.0;
/// In the maps: can decode, or can forward.
const CAN_TAKE: u32 = 1 | 4;
/// In the maps: can forward.
const CAN_FORWARD: f64 = 4.0;

/// Codecs remembered of one client; there are twelve.
const MAX_CODECS: usize = 16;

/// The capabilities that a client declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// The codecs it takes, if it said so; legacy ones are not listed by anybody.
    codecs: Option<Codecs>,
    flags: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Codecs {
    Any,
    These(Vec<Codec>),
}

impl Capabilities {
    /// Reads the command object of `connect`. What has another type than it should counts as not said.
    pub fn read(object: &Object) -> Self {
        let mut names = Vec::new();
        if let Some(Value::StrictArray(list)) = object.get("fourCcList") {
            names.extend(list.iter().filter_map(Value::as_str));
        }
        let said = object.get("fourCcList").is_some() || object.get("videoFourCcInfoMap").is_some();
        for map in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
            let map = object.get(map).and_then(Value::as_object).into_iter().flat_map(|map| &map.0);
            let takes = |value: &Value| value.as_number().is_some_and(|mask| mask as u32 & CAN_TAKE != 0);
            names.extend(map.filter(|(_, mask)| takes(mask)).map(|(name, _)| name.as_str()));
        }
        let codecs = said.then(|| {
            if names.contains(&"*") {
                return Codecs::Any;
            }
            let four_ccs = names.iter().filter_map(|name| name.as_bytes().first_chunk());
            Codecs::These(four_ccs.take(MAX_CODECS).map(|name| Codec::of_four_cc(*name)).collect())
        });
        let flags = object.number("capsEx").map_or(0, |number| number as u32);
        Self { codecs, flags }
    }

    /// Whether the client has not said that it lacks this codec.
    pub fn may_take(&self, codec: Codec) -> bool {
        let legacy = matches!(codec, Codec::Avc | Codec::Aac | Codec::Mp3 | Codec::Other(_) | Codec::None);
        match &self.codecs {
            Some(Codecs::These(codecs)) => legacy || codecs.contains(&codec),
            Some(Codecs::Any) | None => true,
        }
    }

    /// Whether it goes on elsewhere when it is asked to.
    pub fn can_reconnect(&self) -> bool {
        self.flags & RECONNECT != 0
    }
}

/// Adds what the server can do to an object of its answer.
pub(super) fn announce(object: Object) -> Object {
    let any = || Value::Object(Object::default().with("*", CAN_FORWARD));
    let mut object = object.with("capsEx", OWN_CAPS_EX);
    object.0.push(("fourCcList".into(), Value::StrictArray(vec!["*".into()])));
    object.0.push(("videoFourCcInfoMap".into(), any()));
    object.0.push(("audioFourCcInfoMap".into(), any()));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, f64)]) -> Value {
        Value::Object(entries.iter().fold(Object::default(), |map, (name, mask)| map.with(name, *mask)))
    }

    fn list(names: &[&str]) -> Value {
        Value::StrictArray(names.iter().map(|name| (*name).into()).collect())
    }

    fn read(properties: Vec<(&str, Value)>) -> Capabilities {
        Capabilities::read(&Object(properties.into_iter().map(|(name, v)| (name.to_owned(), v)).collect()))
    }

    #[test]
    fn a_client_that_says_nothing_takes_everything_and_is_not_asked_to_reconnect() {
        let capabilities = read(vec![]);
        assert!(capabilities.may_take(Codec::Av1) && !capabilities.can_reconnect());
    }

    #[test]
    fn lists_and_maps_name_what_a_client_takes() {
        let listed = read(vec![("fourCcList", list(&["hvc1", "Opus"])), ("capsEx", 3.0.into())]);
        assert!(listed.may_take(Codec::Hevc) && listed.may_take(Codec::Opus) && listed.may_take(Codec::Avc));
        assert!(!listed.may_take(Codec::Av1) && listed.can_reconnect());
        let mapped = read(vec![
            ("videoFourCcInfoMap", map(&[("av01", 1.0), ("vp09", 4.0), ("hvc1", 2.0)])),
            ("audioFourCcInfoMap", map(&[("fLaC", 5.0)])),
        ]);
        assert!(mapped.may_take(Codec::Av1) && mapped.may_take(Codec::Vp9) && mapped.may_take(Codec::Flac));
        assert!(!mapped.may_take(Codec::Hevc), "it can only encode that");
        for any in [vec![("fourCcList", list(&["*"]))], vec![("videoFourCcInfoMap", map(&[("*", 4.0)]))]] {
            assert!(read(any).may_take(Codec::Vvc));
        }
    }

    #[test]
    fn properties_of_a_wrong_type_count_as_not_said() {
        for capabilities in [
            read(vec![("capsEx", "3".into()), ("fourCcList", 1.0.into())]),
            read(vec![("videoFourCcInfoMap", list(&["av01"])), ("capsEx", f64::NAN.into())]),
        ] {
            assert!(!capabilities.can_reconnect() && capabilities.may_take(Codec::Avc));
        }
        assert!(read(vec![("capsEx", (-1.0).into())]).flags == 0);
    }
}

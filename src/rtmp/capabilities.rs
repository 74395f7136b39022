//! The capabilities that a client announces in `connect`, and those of the server (Enhanced RTMP v2,
//! "Enhancing NetConnection connect Command").
//!
//! Nothing a client publishes depends on this: FFmpeg and OBS send Enhanced RTMP without a word about
//! it. It tells whom to ask to reconnect, and explains a player's black picture in the log.

use crate::media::Kind;
use crate::media::amf::{Object, Value};
use crate::media::flv::Codec;

/// The properties that Enhanced RTMP adds to `connect` and its answer.
const PROPERTIES: [&str; 4] = ["capsEx", "fourCcList", "videoFourCcInfoMap", "audioFourCcInfoMap"];

/// `capsEx`: understands `NetConnection.Connect.ReconnectRequest`.
const RECONNECT: u32 = 1;
/// `capsEx` of the server, and of its own clients: reconnect, multitrack, ModEx, nanosecond offsets.
const OWN_CAPS_EX: f64 = 15.0;
/// `videoFunction` of a client: high dynamic range, packets of metadata. A stream has no positions to seek to.
const OWN_VIDEO_FUNCTION: f64 = 6.0;
/// In the maps: can decode, or can forward.
const CAN_TAKE: u32 = 1 | 4;
/// In the maps: can forward.
const CAN_FORWARD: f64 = 4.0;

/// Codecs remembered of one client; there are twelve.
const MAX_CODECS: usize = 16;

/// The capabilities that a client declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// It has one of the properties of Enhanced RTMP.
    is_enhanced: bool,
    /// The codecs it takes, if it said so; legacy ones are not listed by anybody.
    video: Option<CodecList>,
    audio: Option<CodecList>,
    flags: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CodecList {
    Any,
    These(Box<[Codec]>),
}

impl CodecList {
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut codecs = Vec::new();
        for name in names {
            match name.as_bytes().first_chunk() {
                _ if name == "*" => return Self::Any,
                Some(four_cc) if codecs.len() < MAX_CODECS => codecs.push(Codec::of_four_cc(*four_cc)),
                _ => {}
            }
        }
        Self::These(codecs.into())
    }
}

impl Capabilities {
    /// Reads the command object of `connect`. What has another type than it should counts as not said.
    pub fn read(object: &Object) -> Self {
        let listed: Option<Vec<_>> = match object.get("fourCcList") {
            Some(Value::StrictArray(list)) => Some(list.iter().filter_map(Value::as_str).collect()),
            _ => None,
        };
        let of = |map: &str| {
            let map = object.get(map).and_then(Value::as_object).map(|map| {
                let takes = |value: &Value| value.as_number().is_some_and(|mask| mask as u32 & CAN_TAKE != 0);
                map.0.iter().filter(move |(_, mask)| takes(mask)).map(|(name, _)| name.as_str())
            });
            let said = listed.is_some() || map.is_some();
            said.then(|| CodecList::of(listed.iter().flatten().copied().chain(map.into_iter().flatten())))
        };
        let flags = object.number("capsEx").map_or(0, |number| number as u32);
        let is_enhanced = PROPERTIES.iter().any(|name| object.get(name).is_some());
        Self { is_enhanced, video: of("videoFourCcInfoMap"), audio: of("audioFourCcInfoMap"), flags }
    }

    /// True if the client has announced anything of Enhanced RTMP, so it can read the server's properties.
    pub fn is_enhanced(&self) -> bool {
        self.is_enhanced
    }

    /// False if the client has listed its codecs without this one.
    pub fn may_take(&self, codec: Codec, kind: Kind) -> bool {
        let legacy = codec == Codec::None || codec.number().is_some();
        match if kind == Kind::Video { &self.video } else { &self.audio } {
            Some(CodecList::These(codecs)) => legacy || codecs.contains(&codec),
            Some(CodecList::Any) | None => true,
        }
    }

    /// True if it connects elsewhere when it is asked to.
    pub fn can_reconnect(&self) -> bool {
        self.flags & RECONNECT != 0
    }
}

/// Adds what the server can do to an object of its answer. Only for a client that has said what it can do: others know
/// no strict arrays, and give up on an answer with one (go-oryx-lib, by which SRS's benchmark and others play).
pub(super) fn announce(object: Object) -> Object {
    let any = || Value::Object(Object::default().with("*", CAN_FORWARD));
    let mut object = object.with("capsEx", OWN_CAPS_EX);
    object.0.push(("fourCcList".into(), Value::StrictArray(vec!["*".into()])));
    object.0.push(("videoFourCcInfoMap".into(), any()));
    object.0.push(("audioFourCcInfoMap".into(), any()));
    object
}

/// Adds what the server can do as a client of another one, to the object of its `connect`. At the end of it, for whoever
/// gives up on a strict array has read the rest.
pub(super) fn announce_client(object: Object) -> Object {
    announce(object.with("videoFunction", OWN_VIDEO_FUNCTION))
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

    fn takes(capabilities: &Capabilities, codecs: &[(Codec, Kind)]) -> Vec<bool> {
        codecs.iter().map(|(codec, kind)| capabilities.may_take(*codec, *kind)).collect()
    }

    const AV1: (Codec, Kind) = (Codec::Av1, Kind::Video);
    const HEVC: (Codec, Kind) = (Codec::Hevc, Kind::Video);
    const AVC: (Codec, Kind) = (Codec::Avc, Kind::Video);
    const OPUS: (Codec, Kind) = (Codec::Opus, Kind::Audio);
    const FLAC: (Codec, Kind) = (Codec::Flac, Kind::Audio);

    #[test]
    fn a_client_that_says_nothing_takes_everything_and_is_not_asked_to_reconnect() {
        let capabilities = read(vec![]);
        assert_eq!(takes(&capabilities, &[AV1, OPUS]), [true, true]);
        assert!(!capabilities.can_reconnect() && !capabilities.is_enhanced());
    }

    #[test]
    fn lists_and_maps_name_what_a_client_takes() {
        let listed = read(vec![("fourCcList", list(&["hvc1", "Opus"])), ("capsEx", 3.0.into())]);
        assert_eq!(takes(&listed, &[HEVC, OPUS, AVC, AV1, FLAC]), [true, true, true, false, false]);
        assert!(listed.can_reconnect());
        // hvc1 it can only encode, and of sound it says nothing.
        let map = map(&[("av01", 1.0), ("vp09", 4.0), ("hvc1", 2.0)]);
        let video = read(vec![("videoFourCcInfoMap", map.clone())]);
        assert_eq!(takes(&video, &[AV1, HEVC, OPUS, FLAC]), [true, false, true, true]);
        let audio = read(vec![("audioFourCcInfoMap", self::map(&[("fLaC", 5.0)]))]);
        assert_eq!(takes(&audio, &[AV1, HEVC, OPUS, FLAC]), [true, true, false, true]);
        for any in [("fourCcList", list(&["*"])), ("videoFourCcInfoMap", self::map(&[("*", 4.0)]))] {
            assert!(read(vec![any]).may_take(Codec::Vvc, Kind::Video));
        }
    }

    #[test]
    fn a_client_is_enhanced_that_sends_one_of_the_properties_whatever_is_in_it() {
        assert!(!read(vec![("app", "live".into()), ("videoCodecs", 252.0.into())]).is_enhanced());
        for name in PROPERTIES {
            assert!(read(vec![(name, Value::Null)]).is_enhanced(), "{name}");
        }
    }

    #[test]
    fn properties_of_a_wrong_type_count_as_not_said() {
        for capabilities in [
            read(vec![("capsEx", "3".into()), ("fourCcList", 1.0.into())]),
            read(vec![("videoFourCcInfoMap", list(&["av01"])), ("capsEx", f64::NAN.into())]),
        ] {
            assert_eq!(takes(&capabilities, &[HEVC, FLAC]), [true, true]);
            assert!(!capabilities.can_reconnect());
        }
        assert!(read(vec![("capsEx", (-1.0).into())]).flags == 0);
    }
}

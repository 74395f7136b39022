//! `onMetaData` as the first tag of a stream of FLV.

use crate::media::amf::{Object, Value, amf0};
use crate::media::frame::Frame;
use crate::media::kind::Kind;

/// The fields that say which tracks there are. Players believe them rather than the flags of the FLV header.
const FLAGS: [&str; 2] = ["hasAudio", "hasVideo"];
/// The index of a recording, which is of no use to a player of what is live: mpegts.js stops at one that it cannot read.
const INDEX: &str = "keyframes";

/// The metadata with the tracks that a player gets, whatever the publisher says of them, and without the index of a
/// recording. It is always in AMF0.
pub fn announce(metadata: &Frame, audio: bool, video: bool) -> Frame {
    let (values, _) = amf0::decode_until_fault(metadata.amf0());
    let object = values.into_iter().find_map(|value| match value {
        Value::Object(object) | Value::EcmaArray(object) => Some(object),
        _ => None,
    });
    let Object(mut properties) = object.unwrap_or_default();
    properties.retain(|(name, _)| name != INDEX && !FLAGS.contains(&name.as_str()));
    let flags = FLAGS.into_iter().zip([audio, video]);
    properties.extend(flags.map(|(name, is_there)| (name.to_owned(), is_there.into())));
    let payload = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(Object(properties))]);
    Frame::from_payload(Kind::Data, metadata.timestamp, &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(kind: Kind, payload: &[u8], audio: bool, video: bool) -> Vec<Value> {
        let frame = announce(&Frame::from_payload(kind, 40, payload), audio, video);
        assert!(frame.is_metadata() && frame.kind == Kind::Data && frame.timestamp == 40);
        amf0::decode(frame.payload()).unwrap()
    }

    #[test]
    fn the_tracks_are_those_that_are_sent_and_all_else_is_the_publishers() {
        let sent = Object::default().with("hasAudio", false).with("width", 640.0).with("hasVideo", 1.0);
        let sent = sent.with("keyframes", Value::Null).with("title", "a");
        let expected = Object::default().with("width", 640.0).with("title", "a");
        let expected = expected.with("hasAudio", true).with("hasVideo", false);
        let expected = ["onMetaData".into(), Value::EcmaArray(expected)];
        for value in [Value::Object(sent.clone()), Value::EcmaArray(sent)] {
            let payload = amf0::encode_all(&["onMetaData".into(), value]);
            assert_eq!(announced(Kind::Data, &payload, true, false), expected);
            let with_format = [&[0], &payload[..]].concat();
            assert_eq!(announced(Kind::DataAmf3, &with_format, true, false), expected);
        }
    }

    #[test]
    fn metadata_that_cannot_be_read_says_the_tracks_at_least() {
        let tracks = Object::default().with("hasAudio", false).with("hasVideo", true);
        let expected = ["onMetaData".into(), Value::EcmaArray(tracks)];
        for rest in [&b""[..], b"\x05", b"\x08\x00", b"\xff"] {
            let payload = [b"\x02\x00\x0aonMetaData", rest].concat();
            assert_eq!(announced(Kind::Data, &payload, false, true), expected);
        }
    }
}

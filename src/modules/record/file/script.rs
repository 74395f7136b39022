//! The script tag at the head of a recording: `onMetaData` with what is known only at the end.
//!
//! The tag has one length whenever it is written: at the beginning, now and then on the way, and at the
//! close, with the duration, the size and the seek index. What these do not use is padding, by which the
//! tag is recognized when a recording is appended to its file.

use super::contents::{Contents, Entry, Index, MAX_ENTRIES};
use crate::engine::StreamFacts;
use crate::media::Kind;
use crate::media::amf::{Object, Value, amf0};
use crate::media::flv::{self, FILE_HEADER, TAG_HEADER};

/// Bytes of publisher's properties that are kept.
const MAX_PROPERTIES: usize = 4096;
/// The longest string; FFmpeg gives up on metadata with a longer one.
const MAX_STRING: usize = 255;
/// Characters of the identities in files that were written before they could be longer.
const SHORT_IDENTITY: usize = MAX_STRING / 4;
/// The longest recording that is believed: three hundred years.
const MAX_SECONDS: f64 = 1e10;
/// Bytes of a number in an array.
const NUMBER: usize = 9;
/// Room for the index and the codec ids.
const ROOM: usize = MAX_ENTRIES * 2 * NUMBER + 64;

/// The properties that are the recording's own, whatever the publisher sends.
const OURS: [&str; 12] = [
    "duration",
    "filesize",
    "hasVideo",
    "hasAudio",
    "hasKeyframes",
    "videocodecid",
    "audiocodecid",
    IDENTITY,
    IDENTITY_REST,
    "keyframes",
    PADDING,
    FILLER,
];
/// The stream and the recorder.
const IDENTITY: &str = "recordingOf";
/// The rest of an identity that is longer than a string may be.
const IDENTITY_REST: &str = "recordingOfRest";
/// Padding in numbers.
const PADDING: &str = "padding";
/// Padding of less than a number.
const FILLER: &str = "filler";

/// The stage of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStage {
    /// Players find out the duration by the last tag.
    Growing,
    /// It has its duration.
    Complete,
}

/// The contents of the script tag.
#[derive(Debug, PartialEq)]
pub struct Script {
    /// The stream and the recorder, as far as there is room.
    identity: String,
    /// The publisher's properties, without those that the recording decides.
    properties: Object,
    length: usize,
}

impl Script {
    /// A script with the properties of the publisher's `onMetaData` payload, if there is one, and what else
    /// is known of the stream.
    pub fn new(identity: &str, metadata: Option<&[u8]>, facts: &StreamFacts) -> Self {
        let values = metadata.and_then(|payload| amf0::decode(payload).ok()).unwrap_or_default();
        let published = values.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut size = 0;
        let keeps = |(name, value): &(String, Value)| {
            let mut encoded = Vec::new();
            amf0::encode(&mut encoded, value);
            size += name.len() + encoded.len();
            !OURS.contains(&name.as_str()) && is_plain(name, value) && size <= MAX_PROPERTIES
        };
        let mut properties = Object(published.0.into_iter().filter(keeps).collect());
        for (name, number) in [
            ("width", f64::from(facts.width)),
            ("height", f64::from(facts.height)),
            ("framerate", facts.frame_rate),
            ("audiosamplerate", f64::from(facts.sample_rate)),
        ] {
            if number > 0.0 && properties.get(name).is_none() {
                properties.0.push((name.to_owned(), number.into()));
            }
        }
        let identity = stored(identity).to_owned();
        let mut script = Self { identity, properties, length: 0 };
        script.length = script.encode(&Contents::none(), 0, FileStage::Growing, (0, 0)).len() + ROOM;
        script
    }

    /// Reads a payload that was written here, with what it says of the file: its contents, and how many bytes
    /// of it were written at the time.
    pub fn read(payload: &[u8]) -> Option<(Self, Contents, u64)> {
        let values = amf0::decode(payload).ok()?;
        let object = values.get(1).and_then(Value::as_object)?;
        let keyframes = object.get("keyframes").and_then(Value::as_object)?;
        let size = object.number("filesize")? as u64;
        let entries = numbers(keyframes, "times")?.into_iter().zip(numbers(keyframes, "filepositions")?);
        let entries = entries.filter_map(|(time, position)| {
            let (time, position) = (milliseconds(time)?, position as u64);
            (position < size).then_some(Entry { time, position })
        });
        let mut contents = Contents::none();
        contents.duration = milliseconds(object.number("duration")?)?;
        contents.audio = object.number("audiocodecid");
        contents.video = object.number("videocodecid");
        contents.index = Index::new(entries.collect());
        let properties = object.0.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
        let script = Self {
            identity: [object.str(IDENTITY)?, object.str(IDENTITY_REST).unwrap_or_default()].concat(),
            properties: Object(properties.cloned().collect()),
            length: payload.len(),
        };
        // Whatever looks like it and has not its length is somebody else's.
        let empty = script.encode(&Contents::none(), 0, FileStage::Growing, (0, 0)).len();
        let is_ours = object.get(PADDING).is_some() && object.get(FILLER).is_some();
        (is_ours && empty + ROOM == payload.len()).then_some((script, contents, size))
    }

    /// True if it has this identity, or may have: heads of earlier versions have less of a long one.
    pub fn may_be_of(&self, identity: &str) -> bool {
        let is_short_one = || self.identity.chars().count() == SHORT_IDENTITY;
        self.is_of(identity)
            || is_short_one() && stored(identity).chars().take(SHORT_IDENTITY).eq(self.identity.chars())
    }

    /// True if it has this identity, as far as a head has room for it.
    pub fn is_of(&self, identity: &str) -> bool {
        stored(identity) == self.identity
    }

    pub fn len(&self) -> usize {
        self.length
    }

    /// The file header and the tag, always of the same length, of a file of so many bytes.
    pub fn head(&self, contents: &Contents, size: u64, stage: FileStage) -> Vec<u8> {
        let mut head = Vec::with_capacity(FILE_HEADER + TAG_HEADER + self.length + 4);
        head.extend(flv::file_header(contents.audio.is_some(), contents.video.is_some()));
        flv::write_tag(&mut head, Kind::Data, 0, &self.payload(contents, size, stage));
        head
    }

    /// The payload, always of the same length, for a file of so many bytes.
    pub fn payload(&self, contents: &Contents, size: u64, stage: FileStage) -> Vec<u8> {
        let bare = self.encode(contents, size, stage, (0, 0)).len();
        let missing = self.length.saturating_sub(bare);
        let payload = self.encode(contents, size, stage, (missing / NUMBER, missing % NUMBER));
        debug_assert_eq!(payload.len(), self.length);
        payload
    }

    /// The payload with so many numbers and bytes of padding.
    fn encode(&self, contents: &Contents, size: u64, stage: FileStage, padding: (usize, usize)) -> Vec<u8> {
        let entries = contents.index.entries();
        let list = |number: fn(&Entry) -> f64| {
            Value::StrictArray(entries.iter().map(|entry| Value::Number(number(entry))).collect())
        };
        let keyframes = Object(vec![
            ("filepositions".into(), list(|entry| entry.position as f64)),
            ("times".into(), list(|entry| entry.time as f64 / 1000.0)),
        ]);
        let duration = if stage == FileStage::Complete { contents.duration } else { 0 };
        let mut object = Object::default()
            .with("duration", duration as f64 / 1000.0)
            .with("filesize", size as f64)
            .with("hasVideo", contents.video.is_some())
            .with("hasAudio", contents.audio.is_some())
            .with("hasKeyframes", !entries.is_empty());
        for (name, codec) in [("videocodecid", contents.video), ("audiocodecid", contents.audio)] {
            object.0.extend(codec.map(|id| (name.to_owned(), id.into())));
        }
        object.0.extend(self.properties.0.iter().cloned());
        let (identity, rest) = split(&self.identity);
        object.0.push((IDENTITY.into(), identity.into()));
        if !rest.is_empty() {
            object.0.push((IDENTITY_REST.into(), rest.into()));
        }
        object.0.push(("keyframes".into(), Value::Object(keyframes)));
        object.0.push((PADDING.into(), Value::StrictArray(vec![Value::Number(0.0); padding.0])));
        object.0.push((FILLER.into(), " ".repeat(padding.1).as_str().into()));
        amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)])
    }
}

/// The identity of a recording: its stream, "live/cam", where the name is one word, and the recorder, if it is not the
/// application's own.
pub fn identity(stream: &str, recorder: &str) -> String {
    if recorder.is_empty() { stream.to_owned() } else { format!("{stream} {recorder}") }
}

/// As much of an identity as a head has: two strings.
fn stored(identity: &str) -> &str {
    let (first, rest) = split(identity);
    identity.get(..first.len() + split(rest).0.len()).unwrap_or(identity)
}

/// As much of an identity as a string may have, and the rest.
fn split(identity: &str) -> (&str, &str) {
    let ends = identity.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| *end <= MAX_STRING).last();
    identity.split_at(end.unwrap_or_default())
}

/// True for a publisher's property that every player can read, or that describes further tracks.
fn is_plain(name: &str, value: &Value) -> bool {
    let plain = match value {
        Value::Number(_) | Value::Boolean(_) => true,
        Value::String(text) => text.len() <= MAX_STRING,
        Value::Object(_) => matches!(name, "videoTrackIdInfoMap" | "audioTrackIdInfoMap"),
        _ => false,
    };
    plain && name.len() <= MAX_STRING && !value.has_non_finite()
}

/// A file's time; none if no recording is as long.
fn milliseconds(seconds: f64) -> Option<u64> {
    (0.0..=MAX_SECONDS).contains(&seconds).then(|| (seconds * 1000.0).round() as u64)
}

fn numbers(object: &Object, name: &str) -> Option<Vec<f64>> {
    let Some(Value::StrictArray(items)) = object.get(name) else { return None };
    items.iter().map(Value::as_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(metadata: Option<&[u8]>) -> Script {
        Script::new("live/cam", metadata, &StreamFacts::default())
    }

    fn full() -> Contents {
        let mut contents = Contents::none();
        (contents.duration, contents.audio, contents.video) = (12_500, Some(10.0), Some(7.0));
        for second in 0..MAX_ENTRIES as u64 {
            contents.index.offer(Entry { time: second * 1000, position: second });
        }
        contents
    }

    #[test]
    fn the_payload_has_one_length_and_keeps_the_publishers_properties() {
        let published = Object::default().with("width", 640.0).with("duration", 7.0).with("encoder", "x");
        let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(published)]);
        let script = script(Some(&metadata));
        let first = script.payload(&Contents::none(), 0, FileStage::Growing);
        let last = script.payload(&full(), 99, FileStage::Complete);
        assert_eq!((first.len(), last.len()), (script.len(), script.len()));
        let values = amf0::decode(&last).unwrap();
        let object = values[1].as_object().unwrap();
        assert_eq!(object.number("duration"), Some(12.5));
        assert_eq!(object.number("filesize"), Some(99.0));
        assert_eq!((object.number("videocodecid"), object.number("audiocodecid")), (Some(7.0), Some(10.0)));
        assert_eq!((object.number("width"), object.str("encoder")), (Some(640.0), Some("x")));
        assert_eq!(object.0.iter().filter(|(name, _)| name == "duration").count(), 1);
        let keyframes = object.get("keyframes").unwrap().as_object().unwrap();
        assert_eq!(numbers(keyframes, "times").unwrap().len(), MAX_ENTRIES);
    }

    #[test]
    fn numbers_that_are_none_are_not_written() {
        let published = Object::default()
            .with("framerate", f64::INFINITY)
            .with("videodatarate", f64::NAN)
            .with("audiodatarate", f64::NEG_INFINITY)
            .with("height", 360.0);
        let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(published)]);
        let facts = StreamFacts { frame_rate: 25.0, ..StreamFacts::default() };
        let Script { properties, .. } = Script::new("live/cam", Some(&metadata), &facts);
        assert_eq!(
            properties.0,
            [("height".to_owned(), 360.0.into()), ("framerate".to_owned(), 25.0.into())]
        );
    }

    #[test]
    fn a_payload_that_was_written_here_is_read_back_and_no_other() {
        let facts = StreamFacts { width: 160, height: 120, ..StreamFacts::default() };
        let script = Script::new("live/cam", None, &facts);
        for contents in [Contents::none(), full()] {
            let payload = script.payload(&contents, 4711, FileStage::Complete);
            let (again, learnt, size) = Script::read(&payload).unwrap();
            assert_eq!((&again, size), (&script, 4711));
            assert!(again.is_of("live/cam") && !again.is_of("live/cam1"));
            assert_eq!(learnt.index.entries(), contents.index.entries());
            assert_eq!(
                (learnt.duration, learnt.audio, learnt.video),
                (contents.duration, contents.audio, contents.video)
            );
            assert_eq!(again.payload(&learnt, 4711, FileStage::Complete), payload);
            assert!(Script::read(&payload[..payload.len() - 1]).is_none());
        }
        let other = Object::default().with("duration", 1.0).with("filesize", 1.0);
        assert!(Script::read(&amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(other)])).is_none());
    }

    #[test]
    fn an_identity_of_two_strings_is_read_back() {
        let long = format!("live/{}", "%20".repeat(100));
        for identity in [&*long, &long[..255], "live/cam"] {
            let payload = Script::new(identity, None, &StreamFacts::default()).payload(
                &full(),
                4711,
                FileStage::Complete,
            );
            let (again, ..) = Script::read(&payload).unwrap();
            assert!(again.is_of(identity) && !again.is_of(&format!("{long}x")), "{}", again.identity);
            let values = amf0::decode(&payload).unwrap();
            let texts = values[1].as_object().unwrap().0.iter().filter_map(|(_, value)| value.as_str());
            assert!(texts.map(str::len).max() <= Some(MAX_STRING), "FFmpeg gives up on a longer one");
        }
    }

    #[test]
    fn an_identity_that_is_longer_than_a_head_has_room_for_is_its_own() {
        let long = format!("live/cam {}", "r".repeat(600));
        let payload =
            Script::new(&long, None, &StreamFacts::default()).payload(&full(), 4711, FileStage::Complete);
        let (again, ..) = Script::read(&payload).unwrap();
        assert!(again.is_of(&long) && !again.is_of("live/cam") && !again.is_of(&long.replace("cam", "dog")));
        assert_eq!(again.identity, stored(&long));
    }

    #[test]
    fn times_out_of_this_world_are_not_believed() {
        let mut contents = full();
        contents.duration = u64::MAX;
        assert!(Script::read(&script(None).payload(&contents, 4711, FileStage::Complete)).is_none());
        contents.duration = 1000;
        contents.index = Index::new(vec![Entry { time: u64::MAX, position: 13 }]);
        let payload = script(None).payload(&contents, 4711, FileStage::Complete);
        assert_eq!(Script::read(&payload).unwrap().1.index.entries(), []);
    }

    #[test]
    fn a_metadata_bomb_is_cut_to_size() {
        let many = (0..2000).fold(Object::default(), |object, n| object.with(&format!("property{n}"), 1.0));
        let many = many.with("long", "x".repeat(300).as_str());
        let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(many)]);
        let length = script(Some(&metadata)).len();
        assert!(length < MAX_PROPERTIES * 2 + ROOM + 500, "{length}");
    }
}

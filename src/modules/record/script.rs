//! The script tag at the head of a recording: `onMetaData` with what is known only at the end.
//!
//! The tag is written twice with the same length: at the beginning, with nothing but the publisher's
//! properties, and at the close, with the duration, the size and the seek index. What the index does
//! not use is padding.

use crate::media::amf::{Object, Value, amf0};

/// Entries in the seek index; when it is full, every other one goes and only every other new one comes.
pub const MAX_ENTRIES: usize = 512;

/// Bytes of publisher's properties that are kept.
const MAX_PROPERTIES: usize = 4096;

/// Where a player may start: seconds would do, but positions must be exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds from the beginning.
    pub time: u64,
    /// Where the tag begins, bytes from the beginning of the file.
    pub position: u64,
}

/// A seek index of bounded size.
#[derive(Debug)]
pub struct Index {
    entries: Vec<Entry>,
    /// One of so many candidates is taken.
    stride: usize,
    candidates: usize,
}

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self { entries: Vec::new(), stride: 1, candidates: 0 }
    }

    /// Offers a place where a player may start.
    pub fn offer(&mut self, entry: Entry) {
        if self.candidates.is_multiple_of(self.stride) {
            if self.entries.len() == MAX_ENTRIES {
                let mut keep = false;
                self.entries.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride *= 2;
            }
            self.entries.push(entry);
        }
        self.candidates += 1;
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// What the script tag says.
#[derive(Debug)]
pub struct Script {
    /// The publisher's properties, without those that the recording decides.
    properties: Object,
    /// Length of the tag's payload, fixed once it has been written.
    length: Option<usize>,
}

impl Script {
    /// A script with the properties of the publisher's `onMetaData` payload, if there is one.
    pub fn new(metadata: Option<&[u8]>) -> Self {
        let values = metadata.and_then(|payload| amf0::decode(payload).ok()).unwrap_or_default();
        let published = values.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut size = 0;
        let keeps = |(name, value): &(String, Value)| {
            let ours =
                ["duration", "filesize", "keyframes", "hasKeyframes", "padding"].contains(&name.as_str());
            let plain = matches!(value, Value::Number(_) | Value::Boolean(_) | Value::String(_));
            let mut encoded = Vec::new();
            amf0::encode(&mut encoded, value);
            size += name.len() + encoded.len();
            !ours && plain && size <= MAX_PROPERTIES
        };
        let properties = Object(published.0.into_iter().filter(keeps).collect());
        Self { properties, length: None }
    }

    /// The tag's payload; of the same length at every call.
    pub fn payload(&mut self, duration: u64, size: u64, index: &Index) -> Vec<u8> {
        let entries = index.entries();
        let list = |number: fn(&Entry) -> f64| {
            Value::StrictArray(entries.iter().map(|entry| Value::Number(number(entry))).collect())
        };
        let keyframes = Object(vec![
            ("filepositions".into(), list(|entry| entry.position as f64)),
            ("times".into(), list(|entry| entry.time as f64 / 1000.0)),
        ]);
        // Numbers, because FFmpeg gives up on metadata with a string of more than 255 bytes.
        let unused = MAX_ENTRIES.saturating_sub(entries.len()) * 2;
        let mut object = Object::default()
            .with("duration", duration as f64 / 1000.0)
            .with("filesize", size as f64)
            .with("hasKeyframes", !entries.is_empty());
        object.0.extend(self.properties.0.iter().cloned());
        object.0.push(("keyframes".into(), Value::Object(keyframes)));
        object.0.push(("padding".into(), Value::StrictArray(vec![Value::Number(0.0); unused])));
        let payload = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)]);
        debug_assert_eq!(*self.length.get_or_insert(payload.len()), payload.len());
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_index_is_thinned_and_still_spans_the_recording() {
        let mut index = Index::new();
        for second in 0..5000 {
            index.offer(Entry { time: second * 1000, position: second });
        }
        let entries = index.entries();
        assert!((MAX_ENTRIES / 2..=MAX_ENTRIES).contains(&entries.len()));
        assert_eq!(entries[0].time, 0);
        let step = entries[1].time - entries[0].time;
        assert!(entries.windows(2).all(|pair| pair[1].time - pair[0].time == step));
        assert!(entries[entries.len() - 1].time >= 4_980_000);
    }

    #[test]
    fn the_payload_has_one_length_and_keeps_the_publishers_properties() {
        let published = Object::default().with("width", 640.0).with("duration", 7.0).with("encoder", "x");
        let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(published)]);
        let mut script = Script::new(Some(&metadata));
        let mut index = Index::new();
        let first = script.payload(0, 0, &index);
        for second in 0..MAX_ENTRIES as u64 {
            index.offer(Entry { time: second * 1000, position: second });
        }
        let last = script.payload(12_500, 99, &index);
        assert_eq!(first.len(), last.len());
        let values = amf0::decode(&last).unwrap();
        let object = values[1].as_object().unwrap();
        assert_eq!(object.number("duration"), Some(12.5));
        assert_eq!(object.number("filesize"), Some(99.0));
        assert_eq!((object.number("width"), object.str("encoder")), (Some(640.0), Some("x")));
        assert_eq!(object.0.iter().filter(|(name, _)| name == "duration").count(), 1);
        let Some(Value::StrictArray(times)) =
            object.get("keyframes").unwrap().as_object().unwrap().get("times")
        else {
            panic!("no times");
        };
        assert_eq!(times.len(), MAX_ENTRIES);
    }

    #[test]
    fn a_metadata_bomb_is_cut_to_size() {
        let many = (0..2000).fold(Object::default(), |object, n| object.with(&format!("property{n}"), 1.0));
        let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(many)]);
        let length = Script::new(Some(&metadata)).payload(0, 0, &Index::new()).len();
        assert!(length < MAX_PROPERTIES * 2 + MAX_ENTRIES * 2 * 9 + 500, "{length}");
    }
}

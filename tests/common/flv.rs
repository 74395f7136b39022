//! Reads FLV files, without any help of the server's own code.

use std::path::Path;

use millstream::media::amf::{Object, Value, amf0};

use super::media::Packet;

/// One tag of an FLV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// 8 audio, 9 video, 18 script.
    pub kind: u8,
    pub timestamp: u32,
    pub payload: Vec<u8>,
    /// Its offset in the file.
    pub position: usize,
}

impl Tag {
    /// A video key frame, not a header.
    pub fn is_key(&self) -> bool {
        self.kind == 9 && self.payload[0] == 0x17 && self.payload[1] == 1
    }
}

/// All whole tags, and how many bytes are left over at the end.
pub fn parse(file: &[u8]) -> (Vec<Tag>, usize) {
    assert_eq!(&file[..4], b"FLV\x01", "signature and version");
    assert_eq!(&file[5..13], [0, 0, 0, 9, 0, 0, 0, 0], "header length, first previous tag size");
    let (mut tags, mut at) = (Vec::new(), 13);
    while let Some(head) = file.get(at..at + 11) {
        let length = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        let end = at + 11 + length;
        let Some(size) = file.get(end..end + 4) else { break };
        assert_eq!(size, u32::try_from(11 + length).unwrap().to_be_bytes(), "previous tag size at {end}");
        assert_eq!(&head[8..], [0, 0, 0], "stream id at {at}");
        let timestamp = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
        tags.push(Tag { kind: head[0], timestamp, payload: file[at + 11..end].to_vec(), position: at });
        at = end + 4;
    }
    (tags, file.len() - at)
}

/// The tags of a whole, finished file.
pub fn read(path: &Path) -> Vec<Tag> {
    let (tags, rest) = parse(&std::fs::read(path).unwrap());
    assert_eq!(rest, 0, "bytes left over at the end of {}", path.display());
    tags
}

/// Writes a file of these packets.
pub fn write(path: &Path, packets: &[Packet]) {
    let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    for packet in packets {
        let length = u32::try_from(packet.payload.len()).unwrap();
        let (length, [high, time @ ..]) = (length.to_be_bytes(), packet.timestamp.to_be_bytes());
        let head = [&[packet.kind], &length[1..], &time, &[high, 0, 0, 0]].concat();
        let size = u32::try_from(head.len() + packet.payload.len()).unwrap();
        file.extend([&head, &packet.payload, &size.to_be_bytes()[..]].concat());
    }
    std::fs::write(path, file).unwrap();
}

/// The audio and video in a file.
pub fn packets(tags: &[Tag]) -> Vec<Packet> {
    let media = tags.iter().filter(|tag| tag.kind != 18);
    media
        .map(|tag| Packet { kind: tag.kind, timestamp: tag.timestamp, payload: tag.payload.clone() })
        .collect()
}

/// The properties of a script tag's `onMetaData`.
pub fn metadata(tag: &Tag) -> Object {
    assert_eq!(tag.kind, 18);
    let values = amf0::decode(&tag.payload).unwrap();
    assert_eq!(values[0].as_str(), Some("onMetaData"));
    values[1].as_object().unwrap().clone()
}

/// An array of numbers in an object of the metadata.
pub fn numbers(metadata: &Object, object: &str, name: &str) -> Vec<f64> {
    match metadata.get(object).unwrap().as_object().unwrap().get(name) {
        Some(Value::StrictArray(items)) => items.iter().map(|item| item.as_number().unwrap()).collect(),
        other => panic!("{object}.{name} is {other:?}"),
    }
}

//! What the beginning of a file tells: its form, and of an FLV file its duration and whose recording it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::media::amf::{Object, Value, amf0};
use crate::media::flv::{FILE_HEADER, TAG_HEADER};

/// Bytes that are read at first: the metadata of most files, and of all that are recorded here.
const FIRST: usize = 16 * 1024;

/// The longest metadata that is read, bytes.
const MAX_METADATA: usize = 256 * 1024;

/// The longest duration that is believed, seconds.
const MAX_SECONDS: f64 = 1e9;

/// The type of a tag with metadata.
const SCRIPT: u8 = 18;

/// The properties in which a recorder names the stream and itself.
const IDENTITY: [&str; 2] = ["recordingOf", "recordingOfRest"];

/// Characters of the identities in files of earlier versions, which have only the beginning of a longer one.
const SHORT_IDENTITY: usize = 63;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    Flv,
    Mp4,
    Other,
}

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub media: Media,
    /// Milliseconds, if they are told.
    pub duration: Option<u64>,
    /// The stream and the recorder, "live/cam hd", of a file that was recorded here.
    pub identity: Option<String>,
}

impl Media {
    /// The media type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Flv => "video/x-flv",
            Self::Mp4 => "video/mp4",
            Self::Other => "application/octet-stream",
        }
    }
}

impl Head {
    /// Nothing but the form.
    pub fn of(media: Media) -> Self {
        Self { media, duration: None, identity: None }
    }

    /// Reads the beginning of a file. It may wait for a disk.
    pub fn read(file: &File) -> io::Result<Self> {
        let bytes = read_up_to(file, FIRST)?;
        if bytes.get(4..8) == Some(b"ftyp") {
            return Ok(Self::of(Media::Mp4));
        }
        if !bytes.starts_with(b"FLV\x01") {
            return Ok(Self::of(Media::Other));
        }
        let mut head = Self::of(Media::Flv);
        let tag = bytes.get(FILE_HEADER..);
        let Some([SCRIPT, a, b, c, ..]) = tag else { return Ok(head) };
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if length > MAX_METADATA {
            return Ok(head);
        }
        let end = FILE_HEADER + TAG_HEADER + length;
        let whole = if end > bytes.len() { read_up_to(file, end)? } else { bytes };
        let payload = whole.get(FILE_HEADER + TAG_HEADER..end).unwrap_or_default();
        let (values, _) = amf0::decode_until_fault(payload);
        if let Some(metadata) = values.get(1).and_then(Value::as_object) {
            let seconds =
                metadata.number("duration").filter(|seconds| (0.001..MAX_SECONDS).contains(seconds));
            head.duration = seconds.map(|seconds| (seconds * 1000.0).round() as u64);
            head.identity = identity(metadata);
        }
        Ok(head)
    }
}

fn identity(metadata: &Object) -> Option<String> {
    let first = metadata.str(IDENTITY[0]).filter(|text| text.chars().count() != SHORT_IDENTITY)?;
    Some([first, metadata.str(IDENTITY[1]).unwrap_or_default()].concat())
}

/// The first bytes of a file, fewer if it is shorter.
fn read_up_to(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut filled) = (vec![0; most], 0);
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

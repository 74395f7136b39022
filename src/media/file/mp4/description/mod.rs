//! Sample descriptions (`stsd`, ISO 14496-12 8.5.2): the codec of samples, and its configuration as FLV carries it.

mod esds;

use crate::media::Codec;
use crate::media::file::FileError;
use crate::media::file::mp4::boxes::{BoxHead, Boxes};
use crate::media::flv::MAX_CONFIGURATION;
use crate::media::kind::Kind;
use crate::media::{Reader, flac, opus};

/// The most descriptions of a track that are looked at. A track has a bit for each.
pub const MAX_DESCRIPTIONS: u32 = 64;
/// Bytes of a VisualSampleEntry in front of its boxes (12.1.3).
const VISUAL: u64 = 78;
/// Bytes of an AudioSampleEntry in front of its boxes (12.2.3).
const SOUND: u64 = 28;

/// A sample description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The codec.
    pub codec: Codec,
    /// The body of the configuration message behind its tag header, empty if the codec has none.
    pub configuration: Vec<u8>,
    /// Pixels; 0 for sound.
    pub width: u32,
    /// Pixels; 0 for sound.
    pub height: u32,
    /// Hertz; 0 for pictures.
    pub sample_rate: u32,
    /// Channels; 0 for pictures.
    pub channels: u8,
}

/// Reads a sample description, by its number from 1. The error says why it cannot be played.
pub fn read(
    boxes: &mut Boxes<'_>,
    stsd: &BoxHead,
    kind: Kind,
    number: u32,
) -> Result<Result<Description, &'static str>, FileError> {
    let fields: [u8; 8] = boxes.fields(stsd)?;
    let mut at = stsd.content.saturating_add(8);
    for _ in 1..number.min(MAX_DESCRIPTIONS) {
        if boxes.next(&mut at, stsd.end)?.is_none() {
            break;
        }
    }
    let Some(entry) = boxes.next(&mut at, stsd.end)? else {
        return Ok(Err("a track of it has no description"));
    };
    match kind {
        Kind::Video => read_picture(boxes, &entry),
        _ => read_sound(boxes, &entry, fields[0]),
    }
}

/// The number of the data reference of a description (8.5.2).
pub fn reference(boxes: &mut Boxes<'_>, stsd: &BoxHead) -> Result<u16, FileError> {
    let mut at = stsd.content.saturating_add(8);
    let Some(entry) = boxes.next(&mut at, stsd.end)? else { return Ok(0) };
    let [.., high, low]: [u8; 8] = boxes.fields(&entry)?;
    Ok(u16::from_be_bytes([high, low]))
}

fn read_picture(
    boxes: &mut Boxes<'_>,
    entry: &BoxHead,
) -> Result<Result<Description, &'static str>, FileError> {
    let (codec, kind, skipped) = match &entry.kind {
        b"avc1" | b"avc3" => (Codec::Avc, b"avcC", 0),
        b"hvc1" | b"hev1" => (Codec::Hevc, b"hvcC", 0),
        b"av01" => (Codec::Av1, b"av1C", 0),
        // The version and the flags are no part of the record.
        b"vp09" => (Codec::Vp9, b"vpcC", 4),
        b"vp08" => (Codec::Vp8, b"vpcC", 4),
        b"encv" => return Ok(Err("its pictures are encrypted")),
        _ => return Ok(Err("its pictures have a codec that cannot be sent")),
    };
    let fields: [u8; 28] = boxes.fields(entry)?;
    let mut reader = Reader::new(fields.get(24..).unwrap_or_default());
    let (width, height) = (reader.u16().unwrap_or_default(), reader.u16().unwrap_or_default());
    let record = boxes.find(kind, entry.content.saturating_add(VISUAL), entry.end)?;
    let configuration = match record {
        Some(record) => content(boxes, &record, skipped)?,
        None => Some(Vec::new()),
    };
    let Some(configuration) = configuration.filter(|it| !it.is_empty() || !codec.needs_configuration())
    else {
        return Ok(Err("the configuration of its pictures is missing"));
    };
    let (width, height) = (width.into(), height.into());
    Ok(Ok(Description { codec, configuration, width, height, sample_rate: 0, channels: 0 }))
}

fn read_sound(
    boxes: &mut Boxes<'_>,
    entry: &BoxHead,
    version: u8,
) -> Result<Result<Description, &'static str>, FileError> {
    let fields: [u8; 64] = boxes.fields(entry)?;
    let mut reader = Reader::new(fields.get(8..).unwrap_or_default());
    // QuickTime's entries have more in front of their boxes; those of ISO, which are also of a version, do not.
    let entry_version = reader.u16().unwrap_or_default();
    let more = match (version, entry_version) {
        (0, 1) => 16,
        (0, 2) => 36,
        _ => 0,
    };
    let channels = reader.take(6).and_then(|_| reader.u16()).unwrap_or_default();
    let rate = reader.take(6).and_then(|_| reader.u32()).unwrap_or_default() >> 16;
    let inside = entry.content.saturating_add(SOUND + more);
    let coding = match &entry.kind {
        b"mp4a" => return read_mpeg(boxes, entry, inside, rate, channels),
        b".mp3" | b"ms\0\x55" => Ok((Codec::Mp3, Vec::new())),
        b"Opus" => found(boxes, b"dOps", inside, entry.end)?
            .as_deref()
            .and_then(opus_head)
            .map(|head| (Codec::Opus, head))
            .ok_or(MISSING),
        b"fLaC" => {
            let blocks = found(boxes, b"dfLa", inside, entry.end)?;
            blocks.as_deref().and_then(stream_info).map(|head| (Codec::Flac, head)).ok_or(MISSING)
        }
        b"ac-3" => Ok((Codec::Ac3, Vec::new())),
        b"ec-3" => Ok((Codec::Eac3, Vec::new())),
        b"enca" => Err("its sound is encrypted"),
        _ => Err("its sound has a codec that cannot be sent"),
    };
    let rate = if entry.kind == *b"Opus" { opus::SAMPLE_RATE } else { rate };
    Ok(coding.map(|(codec, configuration)| sound(codec, configuration, rate, channels)))
}

const MISSING: &str = "the configuration of its sound is missing";

fn sound(codec: Codec, configuration: Vec<u8>, sample_rate: u32, channels: u16) -> Description {
    let channels = u8::try_from(channels).unwrap_or(u8::MAX);
    Description { codec, configuration, width: 0, height: 0, sample_rate, channels }
}

/// `mp4a`: AAC or MP3, as its `esds` says, which QuickTime has in a `wave`.
fn read_mpeg(
    boxes: &mut Boxes<'_>,
    entry: &BoxHead,
    inside: u64,
    rate: u32,
    channels: u16,
) -> Result<Result<Description, &'static str>, FileError> {
    let mut bytes = found(boxes, b"esds", inside, entry.end)?;
    if bytes.is_none()
        && let Some(wave) = boxes.find(b"wave", inside, entry.end)?
    {
        bytes = found(boxes, b"esds", wave.content, wave.end)?;
    }
    let Some(stream) = bytes.as_deref().and_then(|bytes| esds::Stream::parse(bytes).ok()) else {
        return Ok(Err(MISSING));
    };
    Ok(stream.describe().map(|(codec, configuration, told)| {
        let (rate, channels) = told.unwrap_or((rate, channels));
        sound(codec, configuration, rate, channels)
    }))
}

/// The content of a box among others, if it is there.
fn found(boxes: &mut Boxes<'_>, kind: &[u8; 4], at: u64, end: u64) -> Result<Option<Vec<u8>>, FileError> {
    match boxes.find(kind, at, end)? {
        Some(head) => content(boxes, &head, 0),
        None => Ok(None),
    }
}

/// The content of a box behind some bytes; none if it is longer than a configuration, or was cut.
fn content(boxes: &mut Boxes<'_>, head: &BoxHead, skipped: u64) -> Result<Option<Vec<u8>>, FileError> {
    let at = head.content.saturating_add(skipped);
    let length = usize::try_from(head.end.saturating_sub(at)).unwrap_or(usize::MAX);
    if length > MAX_CONFIGURATION - 16 {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    let read = boxes.source.read_at(at, &mut bytes)?;
    Ok((read == length).then_some(bytes))
}

/// The signature and the first metadata block of FLAC, as the last one, of a `dfLa` (FLAC in ISOBMFF 3.3.2).
fn stream_info(record: &[u8]) -> Option<Vec<u8>> {
    let info = record.get(8..8 + flac::STREAM_INFO)?;
    (record.get(4)? & 0x7f == 0)
        .then(|| [flac::SIGNATURE, &[0x80, 0, 0, flac::STREAM_INFO as u8], info].concat())
}

/// The identification header of Opus (RFC 7845 5.1) of a `dOps` (Opus in ISOBMFF 4.3.2), whose numbers have the other
/// byte order.
fn opus_head(record: &[u8]) -> Option<Vec<u8>> {
    let (&[_, channels, skip_high, skip_low, rate @ .., gain_high, gain_low], rest) =
        record.split_first_chunk::<10>()?;
    let [a, b, c, d] = rate;
    let head = [1, channels, skip_low, skip_high, d, c, b, a, gain_low, gain_high];
    Some([b"OpusHead", &head[..], rest].concat())
}

//! Decoder configurations as mpegts.js 1.8 reads them. It stops at one that it cannot read, and then shows nothing of
//! any track.

use std::borrow::Cow;

use crate::media::codec::Codec;
use crate::media::nal::begins_with_start_code;
use crate::media::pictures::Configuration;
use crate::media::{aac, av1, flac, opus};

/// Bytes of an identification header of Opus with a mapping of channels that needs no table (RFC 7845 5.1).
const OPUS_HEAD: usize = 19;
/// Bytes of STREAMINFO (RFC 9639 8.2).
const STREAM_INFO: usize = 34;

/// A configuration as browsers read it; none if they cannot, and for codecs that have none.
pub(super) fn normal(codec: Codec, record: &[u8]) -> Option<Cow<'_, [u8]>> {
    match codec {
        Codec::Avc | Codec::Hevc => pictures(codec, record),
        Codec::Av1 => has_sequence_header(record).then_some(record.into()),
        Codec::Aac => is_plain_aac(record).then_some(record.into()),
        Codec::Opus => is_opus(record).then_some(record.into()),
        Codec::Flac => stream_info(record).map(Into::into),
        _ => None,
    }
}

/// A record of H.264 or H.265 with parameter sets that can be read. Lengths of 1 or 2 bytes and start codes become
/// lengths of 4 bytes, as in the pictures.
fn pictures(codec: Codec, record: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut configuration = Configuration::parse(codec, record).ok()??;
    configuration.picture()?;
    let (profile, lengths) = match &mut configuration {
        Configuration::Avc(config) => (config.profile, &mut config.nal_length_size),
        Configuration::Hevc(config) => (config.profile, &mut config.nal_length_size),
    };
    if profile == 0 {
        return None;
    }
    if !begins_with_start_code(record) && matches!(lengths, 3 | 4) {
        return configuration.record().is_some().then_some(record.into());
    }
    *lengths = 4;
    configuration.record().map(Cow::Owned)
}

/// True if a record of AV1 has what the player reads of it: the sequence header.
fn has_sequence_header(record: &[u8]) -> bool {
    const MARKER_AND_VERSION: u8 = 0x81;
    record.first() == Some(&MARKER_AND_VERSION) && matches!(av1::size_of_record(record), Ok(Some(_)))
}

/// True if a configuration of AAC says all in its first 13 bits (ISO 14496-3 1.6.2.1): a type of the first 30, a tabled
/// rate, and 1 to 7 as channels. The player reads nothing else, and makes a configuration of its own of it.
fn is_plain_aac(config: &[u8]) -> bool {
    let [first, second, ..] = *config else { return false };
    let object_type = first >> 3;
    let rate_index = (first & 7) << 1 | second >> 7;
    let channels = second >> 3 & 0x0f;
    let is_read = (1..=30).contains(&object_type) && rate_index < 13 && (1..=7).contains(&channels);
    is_read && aac::AudioConfig::parse(config).is_ok()
}

fn is_opus(header: &[u8]) -> bool {
    header.len() >= OPUS_HEAD && opus::Head::parse(header).is_ok()
}

/// The signature and STREAMINFO without its block's header.
fn stream_info(header: &[u8]) -> Option<Vec<u8>> {
    let info = flac::stream_info(header).filter(|info| info.len() == STREAM_INFO)?;
    Some([flac::SIGNATURE, info].concat())
}

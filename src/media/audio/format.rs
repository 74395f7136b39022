//! The format of sound that has no configuration: each frame says what it is, or each tag.

use super::{ac3, mp3, opus};
use crate::media::flv;
use crate::media::{Codec, Kind};

/// Sampling frequency, and channels; no channels where only the frequency is known. The flags of a tag of AAC are the same
/// whatever it is.
pub fn of_frame(codec: Codec, payload: &[u8], body: &[u8]) -> Option<(u32, u8)> {
    match codec {
        Codec::Mp3 => {
            let format = mp3::Frames::parse(body).ok()?.format;
            Some((format.sample_rate, format.channels))
        }
        Codec::Ac3 | Codec::Eac3 => {
            let format = ac3::Frames::parse(body).ok()?.format;
            Some((format.sample_rate, format.channels))
        }
        Codec::Opus => Some((opus::SAMPLE_RATE, 0)),
        Codec::Aac => None,
        // FLV E.4.2.1.
        _ => {
            let flags = payload.first().filter(|_| !flv::is_enhanced(Kind::Audio, payload))?;
            Some(([5512, 11_025, 22_050, 44_100][usize::from(flags >> 2 & 3)], 1 + (flags & 1)))
        }
    }
}

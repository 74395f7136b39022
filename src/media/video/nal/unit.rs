//! Kinds of NAL units, and the escaping of their bytes.

use crate::media::{Reader, Truncated};

/// The kind of a NAL unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A delimiter, of which each access unit gets a new one.
    Delimiter,
    /// A parameter set, or another unit that the configuration holds for all key frames: in which of its lists, in the
    /// order in which they are written.
    Parameters(usize),
    /// A slice of a picture that decoding can start at.
    RandomAccess,
    /// A slice of any other picture that needs no other one to be decoded.
    Intra,
    /// A slice of any other picture.
    Slice,
    /// Messages (SEI), of which one says that decoding can start at the next picture.
    RecoveryPoint,
    /// Anything else.
    Other,
}

impl Unit {
    /// It is a slice, a part of a picture.
    pub fn is_slice(self) -> bool {
        matches!(self, Self::RandomAccess | Self::Intra | Self::Slice)
    }
}

/// True if one of the messages of an SEI unit, from behind its header, is a recovery point (ISO 14496-10 7.3.2.3.1 and
/// D.1.8, ISO 23008-2 7.3.5 and D.2.8: both have the same form).
pub(in crate::media) fn has_recovery_point(messages: &[u8]) -> bool {
    const RECOVERY_POINT: usize = 6;
    /// Bytes for the messages before it in the same unit: timing, captions.
    const LOOKED_AT: usize = 512;
    let messages = unescape(messages.get(..LOOKED_AT).unwrap_or(messages));
    let mut reader = Reader::new(&messages);
    // Behind the last message is one byte, of which one bit is 1.
    while reader.rest().len() > 1 {
        let (Ok(kind), Ok(size)) = (read_ff_coded(&mut reader), read_ff_coded(&mut reader)) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return true;
        }
        if reader.take(size).is_err() {
            return false;
        }
    }
    false
}

/// The type or the size of an SEI message: bytes of 255, and the rest.
fn read_ff_coded(reader: &mut Reader<'_>) -> Result<usize, Truncated> {
    let mut number = 0usize;
    loop {
        let byte = reader.u8()?;
        number = number.saturating_add(usize::from(byte));
        if byte != 0xff {
            return Ok(number);
        }
    }
}

/// Removes the emulation prevention bytes: the 3 of each 0, 0, 3 (ISO 14496-10 7.4.1.1, ISO 23008-2
/// 7.4.2.1).
pub fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    raw
}

/// Puts emulation prevention bytes in: the reverse of [`unescape`].
pub fn escape(raw: &[u8]) -> Vec<u8> {
    let mut nal = Vec::with_capacity(raw.len() + raw.len() / 256);
    let mut zeros = 0;
    for &byte in raw {
        if zeros >= 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    nal
}

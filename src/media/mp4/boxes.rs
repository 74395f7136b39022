//! Boxes (ISO 14496-12 4.2): a size of 32 bits, a type, and the content, in which there may be others.

/// Bytes of a box in front of its content.
const HEADER: usize = 8;

/// Writes boxes one behind the other, and one within the other.
#[derive(Debug, Default)]
pub struct BoxWriter {
    bytes: Vec<u8>,
    /// A box is longer than its size can say.
    is_too_long: bool,
}

impl BoxWriter {
    /// A writer with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), is_too_long: false }
    }

    /// Writes a box; `content` writes what is in it.
    pub fn boxed(&mut self, kind: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        self.bytes(kind);
        content(self);
        let length = self.bytes.len() - start;
        self.put_u32(start, u32::try_from(length).ok());
    }

    /// Writes a full box (4.2.2): with a version, and flags of 24 bits.
    pub fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, content: impl FnOnce(&mut Self)) {
        self.boxed(kind, |out| {
            out.u32(u32::from(version) << 24 | flags & 0xff_ffff);
            content(out);
        });
    }

    /// Writes a number of 8 bits.
    pub fn u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    /// Writes a number of 16 bits.
    pub fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    /// Writes a number of 32 bits.
    pub fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    /// Writes a number of 64 bits.
    pub fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes so many zeros.
    pub fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Puts a number of 32 bits over four bytes from `at` on; without one, nothing is written in the end.
    pub fn put_u32(&mut self, at: usize, number: Option<u32>) {
        match (number, self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>)) {
            (Some(number), Some(place)) => *place = number.to_be_bytes(),
            _ => self.is_too_long = true,
        }
    }

    /// The bytes; none if they are more than boxes can hold.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.is_too_long).then_some(self.bytes)
    }
}

/// The offset of the content of a box that begins at `start`.
pub fn content(start: usize) -> usize {
    start.saturating_add(HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_within_each_other() {
        let mut out = BoxWriter::default();
        out.boxed(b"moof", |out| {
            out.full(b"mfhd", 1, 0x0100_0002, |out| out.u32(7));
            out.boxed(b"free", |_| {});
        });
        let bytes = out.into_bytes().unwrap();
        assert_eq!(bytes, b"\0\0\0\x20moof\0\0\0\x10mfhd\x01\0\0\x02\0\0\0\x07\0\0\0\x08free");
    }

    #[test]
    fn a_number_without_room_or_value_spoils_all() {
        for (at, number) in [(0, None), (1, Some(7)), (9, Some(7)), (usize::MAX, Some(7))] {
            let mut out = BoxWriter::default();
            out.u32(1);
            out.put_u32(at, number);
            assert_eq!(out.into_bytes(), None);
        }
    }
}

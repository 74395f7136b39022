//! One bounds-checked, big-endian reader over a byte slice, for every format in this tree.
//!
//! Nothing that parses a peer's bytes indexes a slice by a number from the wire; it asks here and
//! gets [`Truncated`] when the bytes are not there.

use std::error::Error;
use std::fmt;

/// The input ended before the field did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("truncated")
    }
}

impl Error for Truncated {}

/// A cursor over `bytes`; every read advances it or fails without moving.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes the next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes the next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(Truncated)?;
        self.rest = tail;
        Ok(*head)
    }

    /// Reads one byte.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Reads a 16-bit big-endian integer.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads a 24-bit big-endian integer.
    pub fn u24(&mut self) -> Result<u32, Truncated> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Reads a 24-bit big-endian integer in two's complement.
    pub fn i24(&mut self) -> Result<i32, Truncated> {
        let [a, b, c] = self.array()?;
        Ok(i32::from_be_bytes([a, b, c, 0]) >> 8)
    }

    /// Reads a 32-bit big-endian integer.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads a 64-bit big-endian IEEE 754 number.
    pub fn f64(&mut self) -> Result<f64, Truncated> {
        self.array().map(f64::from_be_bytes)
    }

    /// Looks at the next byte without taking it.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The bytes that have not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_read_does_not_move() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(Truncated));
        assert_eq!(reader.u24(), Ok(0x01_02_03));
        assert!(reader.is_empty());
        assert_eq!(reader.u8(), Err(Truncated));
    }

    #[test]
    fn i24_keeps_its_sign() {
        assert_eq!(Reader::new(&[0xff, 0xff, 0xfe]).i24(), Ok(-2));
        assert_eq!(Reader::new(&[0x7f, 0xff, 0xff]).i24(), Ok(0x7f_ffff));
    }
}

//! A bit reader, most significant bit first, for codec headers (ISO 14496-10 7.2 and 9.1, ISO 14496-3).

use std::ops::RangeInclusive;

use crate::media::Truncated;

/// A cursor over the bits of `bytes`. Every read fails once the bytes are used up.
#[derive(Debug, Clone)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit. Invariant: at most eight times the length.
    position: usize,
}

impl<'a> Bits<'a> {
    /// A reader at the first bit of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Reads one bit.
    pub fn flag(&mut self) -> Result<bool, Truncated> {
        let byte = self.bytes.get(self.position / 8).ok_or(Truncated)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Ok(bit == 1)
    }

    /// Reads an unsigned number of `count` bits, at most 32.
    pub fn u(&mut self, count: u32) -> Result<u32, Truncated> {
        debug_assert!(count <= 32, "a number is at most 32 bits");
        let mut value = 0u32;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// Reads an unsigned Exp-Golomb number, `ue(v)` (ISO 14496-10 9.1), of a field that may hold 0 to `max`. A
    /// larger number counts as truncated: nobody calculates with one.
    pub fn ue(&mut self, max: u32) -> Result<u32, Truncated> {
        let code = self.code()?;
        if code <= max { Ok(code) } else { Err(Truncated) }
    }

    /// Reads a signed Exp-Golomb number, `se(v)` (ISO 14496-10 9.1.1), of a field that may hold `range`.
    pub fn se(&mut self, range: RangeInclusive<i32>) -> Result<i32, Truncated> {
        let code = self.code()?;
        // A code is at most 2^32 - 2, so half of it, rounded up, is below 2^31.
        let half = i32::try_from(code.div_ceil(2)).map_err(|_| Truncated)?;
        let value = if code % 2 == 1 { half } else { -half };
        if range.contains(&value) { Ok(value) } else { Err(Truncated) }
    }

    /// Reads an Exp-Golomb code, 0 to 2^32 - 2; a longer one, which no field may have, counts as truncated.
    fn code(&mut self) -> Result<u32, Truncated> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(Truncated);
            }
        }
        let rest = self.u(zeros)?;
        Ok(((1u32 << zeros) - 1) + rest)
    }

    /// Reads eight bits, wherever the last read ended.
    pub fn byte(&mut self) -> Result<u8, Truncated> {
        let (at, used) = (self.position / 8, self.position % 8);
        let first = self.bytes.get(at).ok_or(Truncated)?;
        let byte = match used {
            0 => *first,
            _ => first << used | self.bytes.get(at + 1).ok_or(Truncated)? >> (8 - used),
        };
        self.position += 8;
        Ok(byte)
    }

    /// Bits that have not been read.
    pub fn left(&self) -> usize {
        self.bytes.len() * 8 - self.position
    }
}

/// Writes bits, most significant bit first; what is missing of the last byte is 0.
#[derive(Debug, Clone, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits written.
    count: usize,
}

impl BitWriter {
    /// Appends the lowest `count` bits of a number, at most 32.
    pub fn put(&mut self, count: u32, value: u32) {
        debug_assert!(count <= 32, "a number is at most 32 bits");
        for place in (0..count).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> place & 1) as u8) << (7 - self.count % 8);
            }
            self.count += 1;
        }
    }

    /// Appends a byte, wherever the last one ended.
    pub fn put_byte(&mut self, byte: u8) {
        let used = self.count % 8;
        if used > 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= byte >> used;
            self.bytes.push(byte << (8 - used));
        } else {
            self.bytes.push(byte);
        }
        self.count += 8;
    }

    /// Appends a number as an Exp-Golomb code, `ue(v)`.
    pub fn put_ue(&mut self, value: u16) {
        let code = u32::from(value) + 1;
        let zeros = code.ilog2();
        self.put(zeros, 0);
        self.put(zeros + 1, code);
    }

    /// Bits written.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<i32> = i32::MIN..=i32::MAX;

    #[test]
    fn exp_golomb_codes_follow_table_9_2() {
        // 1, 010, 011, 00100, 00101 and padding.
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        let codes: Vec<u32> = (0..5).map(|_| bits.ue(u32::MAX).unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&bytes);
        let codes: Vec<i32> = (0..5).map(|_| bits.se(ANY).unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_largest_code_fits_and_a_longer_one_is_refused() {
        let mut bytes = [0u8; 8];
        bytes[3] = 1;
        bytes[4..].fill(0xff);
        assert_eq!(Bits::new(&bytes).ue(u32::MAX), Ok(u32::MAX - 1));
        assert_eq!(Bits::new(&bytes).se(ANY), Ok(-i32::MAX));
        assert_eq!(Bits::new(&[0; 9]).ue(u32::MAX), Err(Truncated));
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0xff]).ue(u32::MAX), Err(Truncated));
        assert_eq!(Bits::new(&[]).ue(u32::MAX), Err(Truncated));
    }

    #[test]
    fn codes_are_read_as_they_were_written() {
        let numbers = [0, 1, 2, 3, 6, 7, 255, 65_534, u16::MAX];
        let mut out = BitWriter::default();
        numbers.iter().for_each(|&number| out.put_ue(number));
        let bytes = out.into_bytes();
        let mut bits = Bits::new(&bytes);
        assert!(numbers.iter().all(|&number| bits.ue(u32::MAX) == Ok(number.into())));
    }

    #[test]
    fn bytes_are_read_and_written_wherever_the_last_bits_ended() {
        let bytes = [0x12, 0x34, 0x56, 0x78, 0x9a];
        for used in 0..8 {
            let mut bits = Bits::new(&bytes);
            let mut out = BitWriter::default();
            out.put(used, bits.u(used).unwrap());
            let whole = bits.left() / 8;
            (0..whole).for_each(|_| out.put_byte(bits.byte().unwrap()));
            assert_eq!(bits.byte(), Err(Truncated));
            out.put(bits.left() as u32, bits.clone().u(bits.left() as u32).unwrap());
            assert_eq!((out.count(), out.into_bytes()), (40, bytes.to_vec()), "{used}");
        }
    }

    #[test]
    fn a_number_outside_its_field_is_refused() {
        // ue(v) of 5 is 00110, and se(v) of 3.
        let bits = || Bits::new(&[0b0011_0000]);
        assert_eq!((bits().ue(5), bits().ue(4)), (Ok(5), Err(Truncated)));
        assert_eq!((bits().se(-3..=3), bits().se(-3..=2)), (Ok(3), Err(Truncated)));
    }
}

//! The program_config_element (ISO 14496-3 4.4.1.1): which channels there are, where no channel configuration of the
//! table says so. A configuration holds one, and where there is none, as in ADTS, the frames do.

use std::fmt;

use crate::media::Truncated;
use crate::media::bits::{BitWriter, Bits};

/// `id_syn_ele` of a program configuration (table 4.85), three bits.
const ID: u32 = 5;
/// The most bytes of one without its comment: 3 + 31 bits, mixdowns of 14, 45 elements of 5, 3 of low frequencies and 7
/// of data of 4, 15 coupling ones of 5, which are 388; and the comment's length.
const MAX_LENGTH: usize = 49 + 1;

/// A program configuration as a frame begins with it, without a comment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Program {
    channels: u8,
    bytes: [u8; MAX_LENGTH],
    /// Bytes of it. Invariant: at most [`MAX_LENGTH`].
    length: u8,
}

impl Program {
    /// Reads what follows the identifier. The bits are those of a whole configuration or frame, from the beginning of
    /// which the comment is aligned.
    pub fn parse(bits: &mut Bits<'_>) -> Result<Self, Truncated> {
        let mut copy = Copier { bits, out: BitWriter::default() };
        copy.out.put(3, ID);
        let channels = copy.elements()?;
        copy.comment()?;
        let mut program = Self { channels, bytes: [0; MAX_LENGTH], length: 0 };
        let written = copy.out.into_bytes();
        program.bytes.get_mut(..written.len()).ok_or(Truncated)?.copy_from_slice(&written);
        program.length = u8::try_from(written.len()).map_err(|_| Truncated)?;
        Ok(program)
    }

    /// The one that a frame begins with.
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.u(3) == Ok(ID) { Self::parse(&mut bits).ok() } else { None }
    }

    /// True if a frame begins with one.
    pub fn begins(frame: &[u8]) -> bool {
        frame.first().is_some_and(|first| u32::from(first >> 5) == ID)
    }

    /// Channels in it.
    pub fn channels(&self) -> u32 {
        self.channels.into()
    }

    /// The element, whole bytes, with its identifier.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({} channels, {:02x?})", self.channels, self.bytes())
    }
}

/// Reads fields and writes them again.
struct Copier<'a, 'b> {
    bits: &'a mut Bits<'b>,
    out: BitWriter,
}

impl Copier<'_, '_> {
    fn u(&mut self, count: u32) -> Result<u32, Truncated> {
        let value = self.bits.u(count)?;
        self.out.put(count, value);
        Ok(value)
    }

    /// All up to the comment: how many channels there are, at most 93.
    fn elements(&mut self) -> Result<u8, Truncated> {
        self.u(4 + 2 + 4)?; // tag, object_type, sampling_frequency_index
        let [front, side, back] = [self.u(4)?, self.u(4)?, self.u(4)?];
        let [lfe, data, coupling] = [self.u(2)?, self.u(3)?, self.u(4)?];
        for length in [4, 4, 3] {
            if self.u(1)? == 1 {
                self.u(length)?; // mono, stereo and matrix mixdown
            }
        }
        let mut channels = lfe;
        for _ in 0..front + side + back {
            channels += 1 + self.u(1)?;
            self.u(4)?; // the element's tag
        }
        for _ in 0..lfe + data {
            self.u(4)?;
        }
        for _ in 0..coupling {
            self.u(5)?;
        }
        u8::try_from(channels).map_err(|_| Truncated)
    }

    /// Takes byte_alignment and the comment, and writes that there is none.
    fn comment(&mut self) -> Result<(), Truncated> {
        self.bits.u((self.bits.left() % 8) as u32)?;
        for _ in 0..self.bits.u(8)? {
            self.bits.u(8)?;
        }
        self.out.put((self.out.count().next_multiple_of(8) - self.out.count()) as u32, 0);
        self.out.put(8, 0);
        Ok(())
    }
}

//! Transport packets (ISO 13818-1 2.4.3.2): headers, continuity counters, adaptation fields, stuffing.

/// Length of a transport packet.
pub const PACKET: usize = 188;
/// Bytes behind the header of a packet: adaptation field and payload.
const ROOM: usize = PACKET - 4;
const SYNC: u8 = 0x47;
const UNIT_START: u8 = 0x40;
/// `adaptation_field_control`: a payload, and an adaptation field in front of it.
const HAS_PAYLOAD: u8 = 0x10;
const HAS_FIELD: u8 = 0x20;
/// Flags of the adaptation field (2.4.3.4).
const DISCONTINUITY: u8 = 0x80;
const RANDOM_ACCESS: u8 = 0x40;
const HAS_PCR: u8 = 0x10;

/// The adaptation field of a PES packet's first transport packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Adaptation {
    /// The program clock's base, 33 bits of 90 kHz.
    pub pcr: Option<u64>,
    /// Decoding can start here.
    pub random_access: bool,
    /// The counter does not continue the one before.
    pub is_break: bool,
}

/// The packets of one PID.
#[derive(Debug, Clone)]
pub struct Packets {
    pid: u16,
    /// The next `continuity_counter`, 4 bits.
    counter: u8,
    /// The next packet tells that the counter does not continue.
    is_broken: bool,
}

impl Packets {
    /// The packets of a PID, from counter 0 on.
    pub fn new(pid: u16) -> Self {
        debug_assert!(pid < 0x2000, "a PID is 13 bits");
        Self { pid, counter: 0, is_broken: false }
    }

    /// Lets the next PES packet tell that the counter does not continue the one before.
    pub fn break_counter(&mut self) {
        self.is_broken = true;
    }

    /// Appends one section, which fits one packet, with a pointer in front and 0xff behind (2.4.4).
    pub fn write_section(&mut self, section: &[u8], out: &mut Vec<u8>) {
        debug_assert!(section.len() < ROOM, "a section longer than a packet");
        self.write_header(UNIT_START, HAS_PAYLOAD, out);
        out.push(0);
        out.extend(section);
        out.resize(out.len() + ROOM.saturating_sub(1 + section.len()), 0xff);
    }

    /// Appends one PES packet; its header must fit the first transport packet. The last one, or the
    /// only one, is filled by its adaptation field.
    pub fn write_pes(&mut self, start: Adaptation, header: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        debug_assert!(header.len() + MAX_FIELD <= ROOM, "a PES header longer than a packet");
        let start = Adaptation { is_break: std::mem::take(&mut self.is_broken), ..start };
        out.reserve((header.len() + payload.len() + MAX_FIELD).div_ceil(ROOM) * PACKET);
        let room = ROOM - field_length(start) - header.len();
        let (first, mut rest) = payload.split_at(room.min(payload.len()));
        self.write_packet(UNIT_START, start, [header, first], out);
        while !rest.is_empty() {
            let (next, behind) = rest.split_at(ROOM.min(rest.len()));
            self.write_packet(0, Adaptation::default(), [next, &[]], out);
            rest = behind;
        }
    }

    /// Appends a packet of a clock reference and nothing else, which does not count (2.4.3.3).
    pub fn write_clock(&mut self, base: u64, out: &mut Vec<u8>) {
        let [high, low] = self.pid.to_be_bytes();
        out.extend([SYNC, high, low, HAS_FIELD | self.counter.wrapping_sub(1) & 0x0f]);
        write_field(ROOM, Adaptation { pcr: Some(base), ..Adaptation::default() }, out);
    }

    fn write_packet(&mut self, unit_start: u8, start: Adaptation, parts: [&[u8]; 2], out: &mut Vec<u8>) {
        let before = out.len();
        let field = ROOM - parts[0].len() - parts[1].len();
        let control = if field > 0 { HAS_FIELD | HAS_PAYLOAD } else { HAS_PAYLOAD };
        self.write_header(unit_start, control, out);
        if field > 0 {
            write_field(field, start, out);
        }
        out.extend(parts[0]);
        out.extend(parts[1]);
        debug_assert!(out.len() - before == PACKET, "whole packets");
    }

    fn write_header(&mut self, unit_start: u8, control: u8, out: &mut Vec<u8>) {
        let [high, low] = self.pid.to_be_bytes();
        out.extend([SYNC, unit_start | high, low, control | self.counter]);
        self.counter = (self.counter + 1) & 0x0f;
    }
}

/// The longest adaptation field that is not stuffing: length, flags and a PCR.
const MAX_FIELD: usize = 8;

/// Bytes that `start` needs, the field's length byte included; 0 for no field.
fn field_length(start: Adaptation) -> usize {
    match start {
        Adaptation { pcr: Some(_), .. } => MAX_FIELD,
        Adaptation { random_access: true, .. } | Adaptation { is_break: true, .. } => 2,
        Adaptation { .. } => 0,
    }
}

/// Writes an adaptation field of `length` bytes, its length byte included: one byte of 0 is a whole
/// field, more have flags, a PCR if there is one, and 0xff up to the length.
fn write_field(length: usize, start: Adaptation, out: &mut Vec<u8>) {
    let end = out.len() + length;
    out.push((length - 1).to_le_bytes()[0]);
    if length > 1 {
        let random_access = if start.random_access { RANDOM_ACCESS } else { 0 };
        let discontinuity = if start.is_break { DISCONTINUITY } else { 0 };
        out.push(discontinuity | random_access | if start.pcr.is_some() { HAS_PCR } else { 0 });
        if let Some(base) = start.pcr {
            // 33 bits of base, 6 reserved, 9 of extension, which is 0: the clock counts in 90 kHz.
            let [.., a, b, c, d, e, f] = (base << 15 | 0x7e00).to_be_bytes();
            out.extend([a, b, c, d, e, f]);
        }
    }
    out.resize(end, 0xff);
}

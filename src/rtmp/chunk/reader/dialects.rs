//! Extended timestamps as different programs write them, read back exactly.

use super::*;
use crate::rtmp::chunk::EXTENDED;
use crate::rtmp::chunk::write_message;
use crate::rtmp::message::MessageType;
use proptest::prelude::*;
use proptest::sample::Index;

const LIMITS: Limits = Limits { message: 1 << 20, streams: 8, held: 1 << 21 };

/// A message as it comes out: message stream, time and payload.
type Read = (u32, u32, Vec<u8>);

/// Reads pieces one after another.
fn read_pieces<'a>(chunk_size: u32, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Read> {
    let mut reader = ChunkReader::new(LIMITS);
    reader.set_chunk_size(chunk_size).unwrap();
    let mut messages = Vec::new();
    for mut piece in pieces {
        while let Some(message) = reader.next(&mut piece).unwrap() {
            messages.push((message.msid, message.timestamp, message.payload().to_vec()));
        }
    }
    assert_eq!(reader.held, 0);
    messages
}

/// Reads the input whole and cut at every position; it must come out the same.
fn read(chunk_size: u32, input: &[u8]) -> Vec<Read> {
    let whole = read_pieces(chunk_size, [input]);
    for cut in 0..input.len() {
        let (first, second) = input.split_at(cut);
        assert_eq!(read_pieces(chunk_size, [first, second]), whole, "cut at {cut}");
    }
    whole
}

/// A program's way to write timestamps that do not fit 24 bits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Dialect {
    /// FFmpeg, OBS and the specification.
    Repeats,
    /// librtmp as it was for long.
    Omits,
    /// simplertmp: the time in place of the step, by a clock that is read for each chunk.
    Times,
}

const DIALECTS: [Dialect; 3] = [Dialect::Repeats, Dialect::Omits, Dialect::Times];

/// A message to send.
#[derive(Debug, Clone)]
struct Sent {
    csid: u8,
    type_id: u8,
    msid: u32,
    time: u32,
    payload: Vec<u8>,
}

impl Sent {
    fn video(time: u32, payload: Vec<u8>) -> Self {
        Self { csid: 4, type_id: 9, msid: 1, time, payload }
    }

    fn as_read(&self) -> Read {
        (self.msid, self.time, self.payload.clone())
    }
}

/// Cuts messages into chunks, each message with the shortest header that tells it.
struct Encoder {
    dialect: Dialect,
    chunk_size: u32,
    /// For each chunk stream, the last message, its timestamp field, and whether that was extended.
    last: Vec<(Sent, u32, bool)>,
}

impl Encoder {
    fn new(dialect: Dialect, chunk_size: u32) -> Self {
        Self { dialect, chunk_size, last: Vec::new() }
    }

    fn chunks(&mut self, sent: &Sent) -> Vec<Vec<u8>> {
        let last = self.last.iter().position(|(last, ..)| last.csid == sent.csid);
        let last = last.map(|index| self.last.swap_remove(index));
        let (format, field) = self.header(sent, last);
        let is_extended = self.is_extended(sent, field);
        let number = if self.dialect == Dialect::Times { sent.time } else { field };
        let mut head = vec![format << 6 | sent.csid];
        if format < 3 {
            head.extend(&if is_extended { EXTENDED } else { field }.to_be_bytes()[1..]);
        }
        if format < 2 {
            head.extend(&u32::try_from(sent.payload.len()).unwrap().to_be_bytes()[1..]);
            head.push(sent.type_id);
        }
        if format < 1 {
            head.extend(sent.msid.to_le_bytes());
        }
        if is_extended {
            head.extend(number.to_be_bytes());
        }
        self.last.push((sent.clone(), field, is_extended));
        let (first, rest) = sent.payload.split_at(sent.payload.len().min(self.chunk_size as usize));
        let mut chunks = vec![[&head, first].concat()];
        for (piece, late) in rest.chunks(self.chunk_size as usize).zip(0..) {
            let number = match self.dialect {
                Dialect::Repeats => number,
                Dialect::Omits => 0,
                Dialect::Times => number.saturating_add(late),
            };
            let number = number.to_be_bytes();
            let repeated = if is_extended && self.dialect != Dialect::Omits { &number[..] } else { &[] };
            chunks.push([&[0xc0 | sent.csid], repeated, piece].concat());
        }
        chunks
    }

    fn is_extended(&self, sent: &Sent, field: u32) -> bool {
        if self.dialect == Dialect::Times { sent.time >= EXTENDED } else { field >= EXTENDED }
    }

    /// The type of a message's header and its timestamp field.
    fn header(&self, sent: &Sent, last: Option<(Sent, u32, bool)>) -> (u8, u32) {
        let full = (0, sent.time);
        let Some((last, field, was_extended)) = last.filter(|(last, ..)| last.msid == sent.msid) else {
            return full;
        };
        let step = sent.time.wrapping_sub(last.time);
        let is_extended = self.is_extended(sent, step);
        // Ambiguous: a time that would be a smaller step, and a step that would be a near time.
        let is_odd = is_extended
            && match self.dialect {
                Dialect::Times => step > 3_600_000 || step >= sent.time.wrapping_neg(),
                _ => step.abs_diff(last.time) <= 3_600_000,
            };
        if step > i32::MAX.cast_unsigned() || is_odd {
            return full;
        }
        if (last.payload.len(), last.type_id) != (sent.payload.len(), sent.type_id) {
            return (1, step);
        }
        let is_told = was_extended == is_extended && !(is_extended && self.dialect == Dialect::Omits);
        if step == field && is_told { (3, step) } else { (2, step) }
    }
}

#[test]
fn every_dialect_is_read_below_at_and_above_24_bits_and_over_the_end_of_32() {
    for (dialect, start) in DIALECTS.into_iter().flat_map(|dialect| {
        [0u32, 0xff_fff0, 0xff_fffe, 0xff_ffff, 0x0100_0000, 0x7fff_fff0, 0xffff_ffd0]
            .map(|start| (dialect, start))
    }) {
        // Last chunks of one to four bytes, a whole one and none at all.
        let lengths = (0u32..).zip([20, 20, 20, 9, 10, 11, 12, 8, 0, 0, 30]);
        let messages =
            lengths.map(|(n, length)| Sent::video(start.wrapping_add(n * 7), vec![0x20 + n as u8; length]));
        let messages: Vec<_> = messages.collect();
        let mut encoder = Encoder::new(dialect, 8);
        let input: Vec<u8> = messages.iter().flat_map(|sent| encoder.chunks(sent).concat()).collect();
        let expected: Vec<_> = messages.iter().map(Sent::as_read).collect();
        assert_eq!(read(8, &input), expected, "{dialect:?} from {start:#x}");
    }
}

#[test]
fn chunks_of_one_to_four_bytes_are_read_in_every_dialect() {
    for dialect in DIALECTS {
        for chunk_size in 1..=4 {
            let messages = [1, 2, 3].map(|n| Sent::video(0x0100_0000 + n, (0x20..0x29).collect()));
            let mut encoder = Encoder::new(dialect, chunk_size);
            let input: Vec<u8> = messages.iter().flat_map(|sent| encoder.chunks(sent).concat()).collect();
            assert_eq!(
                read(chunk_size, &input),
                messages.map(|sent| sent.as_read()),
                "{dialect:?} {chunk_size}"
            );
        }
    }
}

/// A message at 0x0100_0000 in chunks of 8 whose second chunk begins with just that, not repeated; then
/// another one.
fn look_alike(second: &[u8]) -> (Vec<u8>, Vec<Read>) {
    let payload = [&[7; 8], &[1, 0, 0, 0][..], second, &[9; 20]].concat();
    let messages = [Sent::video(0x0100_0000, payload), Sent::video(0x0100_0014, vec![6; 20])];
    let mut encoder = Encoder::new(Dialect::Omits, 8);
    let input = messages.iter().flat_map(|sent| encoder.chunks(sent).concat()).collect();
    (input, messages.iter().map(Sent::as_read).collect())
}

#[test]
fn payload_that_looks_like_the_first_repetition_is_given_back() {
    // The next header, as it would be, depends on no other, or is longer than any message may be.
    for second in [[5, 5, 5, 5, 5, 5, 5, 0x85], [5, 5, 5, 5, 5, 5, 5, 0xc5]] {
        let (input, expected) = look_alike(&second);
        assert_eq!(read(8, &input), expected);
    }
    let long = [5, 5, 5, 5, 5, 5, 5, 0x05, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 9, 9, 9, 9, 9];
    let (input, expected) = look_alike(&long);
    assert_eq!(read(8, &input), expected);
}

#[test]
fn payload_that_looks_like_a_later_repetition_is_payload() {
    let mut payload = vec![7; 40];
    payload[16..20].copy_from_slice(&[1, 0, 0, 0]);
    let sent = Sent::video(0x0100_0000, payload);
    let input = Encoder::new(Dialect::Omits, 8).chunks(&sent).concat();
    assert_eq!(read(8, &input), [sent.as_read()]);
}

#[test]
fn a_chunk_without_a_repetition_among_others_is_read_as_such() {
    let sent = Sent::video(0x0100_0000, vec![7; 32]);
    let mut chunks = Encoder::new(Dialect::Repeats, 8).chunks(&sent);
    chunks[2].drain(1..5);
    assert_eq!(read(8, &chunks.concat()), [sent.as_read()]);
}

#[test]
fn a_habit_that_is_set_is_not_looked_for() {
    let (input, expected) = look_alike(&[5; 8]);
    let mut reader = ChunkReader::new(LIMITS);
    reader.set_chunk_size(8).unwrap();
    reader.set_extended_habit(ExtendedHabit::Omits);
    let mut rest = &input[..];
    for (_, time, payload) in expected {
        let message = reader.next(&mut rest).unwrap().unwrap();
        assert_eq!((message.timestamp, message.payload()), (time, &payload[..]));
    }
}

#[test]
fn a_message_does_not_wait_for_bytes_that_could_only_be_a_repetition() {
    let sent = Sent::video(0x0100_0000, vec![7; 9]);
    let input = Encoder::new(Dialect::Omits, 8).chunks(&sent).concat();
    assert_eq!(read_pieces(8, [&input[..]]), [sent.as_read()]);
}

/// The times of messages of one byte on one chunk stream, by their headers.
fn times(headers: &[&[u8]]) -> Vec<u32> {
    let input: Vec<u8> = headers.iter().flat_map(|header| [*header, &[0x27]].concat()).collect();
    read(128, &input).iter().map(|(_, time, _)| *time).collect()
}

#[test]
fn a_type_3_header_that_begins_a_message_says_a_step_or_a_time_or_nothing() {
    let full = [4, 0xff, 0xff, 0xff, 0, 0, 1, 9, 1, 0, 0, 0, 1, 0, 0, 0];
    assert_eq!(times(&[&full, &[0xc4, 1, 0, 0, 0]]), [0x0100_0000, 0x0100_0000], "the time again");
    assert_eq!(times(&[&full, &[0xc4, 1, 0, 0, 40]]), [0x0100_0000, 0x0100_0028], "its own time");
    assert_eq!(times(&[&full, &[0xc4]]), [0x0100_0000, 0x0100_0000], "librtmp, at the same time");
    // A step of five hours, and again.
    let step = [0x84, 0xff, 0xff, 0xff, 1, 0x12, 0xa8, 0x80];
    let small = [4, 0x70, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0];
    assert_eq!(times(&[&small, &step, &[0xc4, 1, 0x12, 0xa8, 0x80]])[1..], [0x0182_a880, 0x0295_5100]);
    assert_eq!(times(&[&small, &step, &[0xc4]])[1..], [0x0182_a880; 2]);
}

#[test]
fn a_type_1_or_2_header_with_an_extended_timestamp_says_a_step_or_a_time() {
    let full = [4, 0xff, 0xff, 0xfe, 0, 0, 1, 9, 1, 0, 0, 0];
    let time = [0x44, 0xff, 0xff, 0xff, 0, 0, 1, 9, 1, 0, 0, 8];
    let later = [0x84, 0xff, 0xff, 0xff, 1, 0, 0, 48];
    assert_eq!(times(&[&full, &time, &later]), [0xff_fffe, 0x0100_0008, 0x0100_0030]);
    let back = [0x84, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xec];
    assert_eq!(times(&[&full, &back]), [0xff_fffe, 0xff_ffea], "twenty milliseconds back");
    let pause = [0x84, 0xff, 0xff, 0xff, 0x10, 0, 0, 0];
    assert_eq!(times(&[&full, &pause]), [0xff_fffe, 0x10ff_fffe]);
}

#[test]
fn a_negative_step_goes_back_by_as_much_with_every_type_of_header() {
    let full = |time: u8| [4, 0, 0, time, 0, 0, 1, 9, 1, 0, 0, 0];
    let step = |head: &[u8], back: u32| [head, &back.wrapping_neg().to_be_bytes()].concat();
    let type_1 = |back| step(&[0x44, 0xff, 0xff, 0xff, 0, 0, 1, 9], back);
    let type_2 = |back| step(&[0x84, 0xff, 0xff, 0xff], back);
    for header in [&type_1 as &dyn Fn(u32) -> Vec<u8>, &type_2] {
        for back in [1, 20, 99, 100] {
            assert_eq!(times(&[&full(100), &header(back)])[1], 100 - back);
        }
        assert_eq!(times(&[&full(0), &header(20)])[1], 20u32.wrapping_neg(), "to before 0");
        assert_eq!(times(&[&full(100), &header(20), &[0x84, 0, 0, 40]])[1..], [80, 120], "and on");
        let again = step(&[0xc4], 20);
        assert_eq!(times(&[&full(100), &header(20), &again])[1..], [80, 60], "a type 3 header says it again");
    }
    // Of a message in several chunks, which repeat the number.
    let payload = [7; 20];
    let number = 20u32.wrapping_neg().to_be_bytes();
    let head = [&[0x44, 0xff, 0xff, 0xff, 0, 0, 20, 9][..], &number].concat();
    let chunks =
        [&head, &payload[..8], &[0xc4], &number, &payload[8..16], &[0xc4], &number, &payload[16..]].concat();
    let input = [&full(100)[..], &[1], &chunks].concat();
    assert_eq!(read(8, &input), [(1, 100, vec![1]), (1, 80, payload.to_vec())]);
}

/// Times that begin near a limit and mostly go on in small steps.
fn sequence() -> impl Strategy<Value = Vec<(u8, u32, usize)>> {
    let start = prop::sample::select(vec![0, 0xff_ff00, 0x0100_0000, 0x7000_0000, 0xffff_ff00u32]);
    let step = prop_oneof![
        8 => 0..100u32,
        4 => Just(20),
        1 => 0xff_fffe..0x0200_0000u32,
        1 => (1..2000u32).prop_map(u32::wrapping_neg),
    ];
    let length = prop_oneof![0..60usize, Just(20usize)];
    (start, prop::collection::vec((0..4u8, step, length), 1..20)).prop_map(|(mut time, messages)| {
        let next = messages.into_iter().map(|(stream, step, length)| {
            time = time.wrapping_add(step);
            (stream, time, length)
        });
        next.collect()
    })
}

proptest! {
    /// Two chunk streams whose chunks mix at random, each with two message streams and two types.
    #[test]
    fn any_messages_in_any_dialect_mixed_and_cut_anyhow_come_out_as_they_went_in(
        dialect in prop::sample::select(DIALECTS.to_vec()),
        chunk_size in 1u32..40,
        sequences in [sequence(), sequence()],
        order in prop::collection::vec(any::<bool>(), 500),
        cuts in prop::collection::vec(any::<Index>(), 0..20),
        // No time comes near these.
        fill in prop::collection::vec(0xe0..0xf0u8, 60),
    ) {
        let mut encoder = Encoder::new(dialect, chunk_size);
        let mut queues = [Vec::new(), Vec::new()];
        let mut expected = [Vec::new(), Vec::new()];
        for (csid, sequence) in sequences.into_iter().enumerate() {
            for (stream, time, length) in sequence {
                let sent = Sent {
                    csid: 4 + csid as u8,
                    type_id: 8 + (stream & 1),
                    // So that it is known in the end where a message came from.
                    msid: 10 * csid as u32 + u32::from(stream >> 1),
                    time,
                    payload: fill[..length].to_vec(),
                };
                expected[csid].push(sent.as_read());
                queues[csid].extend(encoder.chunks(&sent));
            }
        }
        let [mut left, mut right] = queues.map(Vec::into_iter);
        let mut input = Vec::new();
        for is_left in order.into_iter().cycle() {
            let (one, other) = if is_left { (&mut left, &mut right) } else { (&mut right, &mut left) };
            let chunk = one.next().or_else(|| other.next());
            input.extend(chunk.unwrap_or_default());
            if left.len() + right.len() == 0 {
                break;
            }
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]);
        let read = read_pieces(chunk_size, pieces);
        let (of_left, of_right): (Vec<_>, Vec<_>) = read.into_iter().partition(|(msid, ..)| *msid < 10);
        prop_assert_eq!([of_left, of_right], expected);
    }
}

#[test]
fn messages_of_the_server_are_read_with_repetitions_and_without() {
    let mut repeated = Vec::new();
    write_message(&mut repeated, 128, 4, (MessageType::Video, 1, 0x0100_0000), &[9; 300]);
    let mut plain = repeated[..16 + 128].to_vec();
    plain.push(0xc4);
    plain.extend([9; 128]);
    plain.push(0xc4);
    plain.extend([9; 44]);
    assert_eq!(read(128, &repeated), [(1, 0x0100_0000, vec![9; 300])]);
    assert_eq!(read(128, &plain), read(128, &repeated));
}

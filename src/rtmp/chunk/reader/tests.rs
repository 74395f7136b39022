//! Messages as real senders cut them, at every split and every limit.

use super::*;
use crate::rtmp::chunk::write_message;
use crate::rtmp::message::MessageType;
use proptest::prelude::*;

const LIMITS: Limits = Limits { message: 1 << 20, streams: 8, held: 1 << 21 };

fn read_all(reader: &mut ChunkReader, mut input: &[u8]) -> Result<Vec<Message>, ChunkError> {
    let mut messages = Vec::new();
    while let Some(message) = reader.next(&mut input)? {
        if message.type_id == MessageType::SetChunkSize as u8 {
            let size: [u8; 4] = message.payload().try_into().unwrap();
            reader.set_chunk_size(u32::from_be_bytes(size))?;
        }
        messages.push(message);
    }
    Ok(messages)
}

fn read(input: &[u8]) -> Result<Vec<Message>, ChunkError> {
    read_all(&mut ChunkReader::new(LIMITS), input)
}

fn summary(messages: &[Message]) -> Vec<(u8, u32, u32, Vec<u8>)> {
    messages.iter().map(|m| (m.type_id, m.msid, m.timestamp, m.payload().to_vec())).collect()
}

#[test]
fn the_examples_of_the_specification_read_as_it_says() {
    // 5.3.2.1: four audio messages of 32 bytes, 20 ms apart, with headers of types 0, 2, 3 and 3.
    let payload = [7; 32];
    let mut input = vec![0x03, 0, 3, 0xe8, 0, 0, 32, 8, 0x39, 0x30, 0, 0];
    input.extend(payload);
    input.extend([0x83, 0, 0, 20]);
    input.extend(payload);
    input.push(0xc3);
    input.extend(payload);
    input.push(0xc3);
    input.extend(payload);
    let times: Vec<_> = read(&input).unwrap().iter().map(|m| (m.msid, m.timestamp)).collect();
    assert_eq!(times, [(12345, 1000), (12345, 1020), (12345, 1040), (12345, 1060)]);

    // 5.3.2.2: one video message of 307 bytes in chunks of 128.
    let mut input = vec![0x04, 0, 3, 0xe8, 0, 1, 0x33, 9, 0x3a, 0x30, 0, 0];
    input.extend([1; 128]);
    input.push(0xc4);
    input.extend([2; 128]);
    input.push(0xc4);
    input.extend([3; 51]);
    let messages = read(&input).unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].payload(), [[1; 128].as_slice(), &[2; 128], &[3; 51]].concat());
}

/// All forms of basic header, an interleaved pair, a chunk size change, extended timestamps.
fn mixture() -> Vec<u8> {
    let mut input = vec![0x00, 0x06, 0, 0, 5, 0, 0, 3, 8, 1, 0, 0, 0, 1, 2, 3]; // csid 70
    input.extend([0x01, 0x01, 0x01, 0, 0, 6, 0, 0, 0, 9, 1, 0, 0, 0]); // csid 321, empty
    input.extend([0x04, 0, 0, 9, 0, 0, 200, 9, 1, 0, 0, 0]);
    input.extend([4; 128]);
    input.extend([0x05, 0, 0, 9, 0, 0, 130, 8, 1, 0, 0, 0]);
    input.extend([5; 128]);
    input.push(0xc4);
    input.extend([4; 72]);
    input.push(0xc5);
    input.extend([5; 2]);
    input.extend([0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 1, 0]);
    write_message(&mut input, 256, 6, (MessageType::Video, 1, 0xff_ffff), &[6; 700]);
    write_message(&mut input, 256, 7, (MessageType::Video, 1, 0xffff_ffff), &[7; 300]);
    input
}

#[test]
fn every_split_gives_the_same_messages() {
    let input = mixture();
    let expected = read(&input).unwrap();
    let lengths: Vec<_> = expected.iter().map(|m| m.payload().len()).collect();
    assert_eq!(lengths, [3, 0, 200, 130, 4, 700, 300]);
    for cut in 0..input.len() {
        let mut reader = ChunkReader::new(LIMITS);
        let mut messages = read_all(&mut reader, &input[..cut]).unwrap();
        messages.extend(read_all(&mut reader, &input[cut..]).unwrap());
        assert_eq!(summary(&messages), summary(&expected), "cut at {cut}");
    }
}

#[test]
fn librtmp_may_begin_chunk_stream_2_with_a_type_1_header() {
    let messages = read(&[0x42, 0, 0, 0, 0, 0, 2, 4, 0, 0]).unwrap();
    assert_eq!(messages[0].payload(), [0, 0]);
}

#[test]
fn a_header_that_leans_on_nothing_is_an_error() {
    // As DJI's Osmo Action is said to do on chunk stream 33.
    assert_eq!(read(&[0xa1, 0, 0, 0]), Err(ChunkError::NoHeader { csid: 33, format: 2 }));
    assert_eq!(read(&[0xc4]), Err(ChunkError::NoHeader { csid: 4, format: 3 }));
    let text = "chunk stream 33 begins with a header of type 2, which leaves out how long the message is";
    assert_eq!(ChunkError::NoHeader { csid: 33, format: 2 }.to_string(), text);
}

#[test]
fn a_header_repeated_within_a_message_goes_on_with_it_and_another_is_an_error() {
    let mut input = vec![0x04, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0];
    input.extend([0; 128]);
    let mut repeated = input.clone();
    repeated.extend([0x44, 0, 0, 0, 0, 1, 0, 9]);
    repeated.extend([1; 128]);
    assert_eq!(read(&repeated).unwrap()[0].payload(), [[0; 128], [1; 128]].concat());
    input.extend([0x44, 0, 0, 0, 0, 9, 0, 9]);
    assert_eq!(read(&input), Err(ChunkError::Interrupted(4)));
}

#[test]
fn abort_forgets_the_message_and_its_memory() {
    let mut reader = ChunkReader::new(LIMITS);
    let mut input = vec![0x04, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0];
    input.extend([0; 128]);
    assert_eq!(read_all(&mut reader, &input), Ok(vec![]));
    assert!(reader.held > 0);
    reader.abort(4);
    reader.abort(99);
    assert_eq!(reader.held, 0);
    let again = read_all(&mut reader, &[0x04, 0, 0, 1, 0, 0, 1, 9, 1, 0, 0, 0, 8]).unwrap();
    assert_eq!(again[0].payload(), [8]);
}

#[test]
fn a_length_is_held_to_its_limit_before_anything_is_allocated() {
    let header = |length: u32| {
        let [_, a, b, c] = length.to_be_bytes();
        [0x04, 0, 0, 0, a, b, c, 9, 1, 0, 0, 0]
    };
    assert_eq!(read(&header(LIMITS.message)), Ok(vec![]));
    let error = ChunkError::TooLong { length: LIMITS.message + 1, limit: LIMITS.message };
    assert_eq!(read(&header(LIMITS.message + 1)), Err(error));
    let mut reader = ChunkReader::new(LIMITS);
    read_all(&mut reader, &[&header(LIMITS.message)[..], &[0]].concat()).unwrap();
    assert!(reader.held <= FIRST_PIECE);
}

#[test]
fn unfinished_messages_are_held_to_their_limits() {
    let piece = |csid: u8| {
        let mut chunk = vec![csid, 0, 0, 0, 0, 0xff, 0xff, 9, 1, 0, 0, 0];
        chunk.extend([0; 128]);
        chunk
    };
    let many: Vec<u8> = (3..12).flat_map(piece).collect();
    assert_eq!(read(&many), Err(ChunkError::TooManyStreams(8)));
    let limits = Limits { held: 2 * FIRST_PIECE, ..LIMITS };
    let result = read_all(&mut ChunkReader::new(limits), &many);
    assert_eq!(result, Err(ChunkError::TooMuchHeld(2 * FIRST_PIECE)));
}

#[test]
fn every_type_of_header_follows_on_a_chunk_stream_id_of_every_form() {
    for (basic, csid) in [
        (vec![3], 3),
        (vec![63], 63),
        (vec![0, 0], 64),
        (vec![0, 255], 319),
        (vec![1, 0, 1], 320),
        (vec![1, 255, 255], 65_599),
    ] {
        let header = |format: u8, rest: &[u8]| [&[basic[0] | format << 6], &basic[1..], rest].concat();
        let input = [
            header(0, &[0, 0, 10, 0, 0, 2, 8, 1, 0, 0, 0, 1, 1]),
            header(1, &[0, 0, 20, 0, 0, 3, 9, 2, 2, 2]),
            header(2, &[0, 0, 30, 3, 3, 3]),
            header(3, &[4, 4, 4]),
        ]
        .concat();
        let expected =
            [(8, 1, 10, vec![1; 2]), (9, 1, 30, vec![2; 3]), (9, 1, 60, vec![3; 3]), (9, 1, 90, vec![4; 3])];
        assert_eq!(summary(&read(&input).unwrap()), expected, "{csid}");
        assert_eq!(read(&header(2, &[0, 0, 30])), Err(ChunkError::NoHeader { csid, format: 2 }));
    }
}

#[test]
fn one_chunk_stream_may_be_written_with_ids_of_two_forms() {
    let mut input = vec![0, 36, 0, 0, 10, 0, 0, 1, 8, 1, 0, 0, 0, 1];
    input.extend([0xc1, 36, 0, 2]);
    assert_eq!(summary(&read(&input).unwrap()), [(8, 1, 10, vec![1]), (8, 1, 20, vec![2])]);
}

#[test]
fn a_chunk_stream_may_change_its_message_stream_between_messages() {
    let mut input = vec![4, 0, 0, 10, 0, 0, 1, 8, 1, 0, 0, 0, 1];
    input.extend([4, 0, 0, 5, 0, 0, 1, 9, 2, 0, 0, 0, 2]);
    input.extend([0xc4, 3]);
    let messages = read(&input).unwrap();
    assert_eq!(summary(&messages), [(8, 1, 10, vec![1]), (9, 2, 5, vec![2]), (9, 2, 10, vec![3])]);
}

#[test]
fn a_message_stream_or_type_that_changes_within_a_message_is_an_error() {
    let start = [&[4, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0][..], &[0; 128]].concat();
    for header in [
        &[4, 0, 0, 0, 0, 1, 0, 9, 2, 0, 0, 0][..],
        &[4, 0, 0, 0, 0, 1, 0, 8, 1, 0, 0, 0],
        &[0x44, 0, 0, 0, 0, 1, 0, 8],
    ] {
        assert_eq!(read(&[&start, header].concat()), Err(ChunkError::Interrupted(4)));
    }
    let same = [&start[..], &[0x84, 0, 0, 0], &[1; 128]].concat();
    assert_eq!(read(&same).unwrap().len(), 1);
}

#[test]
fn messages_without_payload_are_messages() {
    let input = [4, 0, 0, 10, 0, 0, 0, 8, 1, 0, 0, 0, 0x84, 0, 0, 5, 0xc4];
    let expected = [(8, 1, 10, vec![]), (8, 1, 15, vec![]), (8, 1, 20, vec![])];
    for cut in 0..=input.len() {
        let mut reader = ChunkReader::new(LIMITS);
        let mut messages = read_all(&mut reader, &input[..cut]).unwrap();
        messages.extend(read_all(&mut reader, &input[cut..]).unwrap());
        assert_eq!(summary(&messages), expected);
    }
}

#[test]
fn a_chunk_size_changes_from_the_next_chunk_on_whatever_is_in_progress() {
    let set_chunk_size = |size: u8| [2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, size];
    let mut input = vec![4, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0];
    input.extend([1; 128]);
    input.extend(set_chunk_size(1));
    input.extend([0xc4, 2, 0xc4, 3]);
    input
        .extend([[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0].as_slice(), &[0xc2, 0, 0xc2, 0, 0xc2, 70]].concat());
    input.push(0xc4);
    input.extend([4; 70]);
    let messages = read(&input).unwrap();
    assert_eq!(messages[2].payload(), [&[1; 128][..], &[2, 3], &[4; 70]].concat());
}

#[test]
fn the_largest_message_in_the_largest_chunk_is_one_piece() {
    let limits = Limits { message: 0xff_ffff, streams: 8, held: 1 << 25 };
    let payload = vec![7; 0xff_ffff];
    let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    write_message(&mut bytes, MAX_CHUNK_SIZE, 6, (MessageType::Video, 1, 0), &payload);
    let messages = read_all(&mut ChunkReader::new(limits), &bytes).unwrap();
    assert!(messages[1].payload() == payload);
}

#[test]
fn chunk_sizes_are_those_of_the_specification() {
    let mut reader = ChunkReader::new(LIMITS);
    assert_eq!(reader.set_chunk_size(0), Err(ChunkError::BadChunkSize(0)));
    assert_eq!(reader.set_chunk_size(1 << 31), Err(ChunkError::BadChunkSize(1 << 31)));
    assert_eq!(reader.set_chunk_size(1), Ok(()));
    assert_eq!(reader.set_chunk_size(i32::MAX as u32), Ok(()));
    assert_eq!(reader.chunk_size, MAX_CHUNK_SIZE);
}

proptest! {
    #[test]
    fn written_messages_are_read_back(
        size in 1u32..300, timestamp in any::<u32>(), payload in prop::collection::vec(any::<u8>(), 0..900),
    ) {
        let mut bytes = Vec::new();
        write_message(&mut bytes, size, 6, (MessageType::Audio, 1, timestamp), &payload);
        let mut reader = ChunkReader::new(LIMITS);
        reader.set_chunk_size(size).unwrap();
        let messages = read_all(&mut reader, &bytes).unwrap();
        prop_assert_eq!(messages.len(), 1);
        prop_assert_eq!(messages[0].timestamp, timestamp);
        prop_assert_eq!(messages[0].payload(), &payload[..]);
        prop_assert_eq!(reader.held, 0);
    }

    #[test]
    fn any_bytes_are_messages_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }
}

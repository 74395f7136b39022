use crate::engine::session::out_queue::*;
use crate::media::Kind;
use crate::rtmp::chunk::{ChunkReader, Limits, Mux, stamp};
use crate::rtmp::control::write_control;
use crate::rtmp::message::MessageType;

fn frame(length: usize) -> Rc<Frame> {
    let mut frame = Frame::from_payload(Kind::Audio, 0, &vec![0xaf; length]);
    stamp(&mut frame, Mux::Separate);
    Rc::new(frame)
}

fn gathered(queue: &OutQueue) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 8];
    let count = queue.gather(&mut slices);
    slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
}

const LIMITS: QueueLimits = QueueLimits { messages: 256, cork: 32 };

#[test]
fn bytes_sent_in_pieces_of_any_size_are_the_queued_ones() {
    for step in 1..60 {
        let mut queue = OutQueue::new(16, LIMITS);
        queue.push_bytes(b"reply".as_slice().into());
        queue.push_frame(frame(40));
        queue.push_frame(frame(1));
        let expected = gathered(&queue);
        assert_eq!(expected.len(), queue.bytes());
        let mut sent = Vec::new();
        while !queue.is_empty() {
            let mut piece = gathered(&queue);
            assert!(queue.only_frame().is_none_or(|rest| rest == piece));
            piece.truncate(step);
            queue.advance(piece.len());
            sent.extend(piece);
        }
        assert_eq!(sent, expected, "step {step}");
        assert_eq!(queue.bytes(), 0);
    }
}

#[test]
fn short_bytes_are_joined_also_to_an_item_that_is_partly_sent() {
    let mut queue = OutQueue::new(128, LIMITS);
    queue.join_bytes(b"abc");
    queue.advance(2);
    queue.join_bytes(b"def");
    assert_eq!((queue.len(), queue.bytes(), gathered(&queue)), (1, 4, b"cdef".to_vec()));
    queue.join_bytes(&[b'x'; MAX_JOINED - 6]);
    assert_eq!((queue.len(), queue.bytes()), (1, MAX_JOINED - 2));
    queue.join_bytes(b"y");
    assert_eq!((queue.len(), queue.bytes()), (2, MAX_JOINED - 1));
    queue.advance(MAX_JOINED - 1);
    assert!(queue.is_empty());
}

#[test]
fn a_part_of_a_body_is_cut_to_it_and_sent_from_where_it_lies() {
    let bytes: Rc<[u8]> = b"0123456789".as_slice().into();
    let sent = |body: Body| {
        let mut queue = OutQueue::new(128, LIMITS);
        queue.push_body(body);
        assert_eq!(queue.is_empty(), queue.bytes() == 0);
        let sent = gathered(&queue);
        queue.advance(sent.len());
        assert_eq!(queue.bytes(), 0);
        String::from_utf8(sent).unwrap()
    };
    let whole = || Body::Bytes(Rc::clone(&bytes));
    assert_eq!(sent(whole().part(2, 3)), "234");
    assert_eq!(sent(whole().part(8, 9)), "89");
    assert_eq!(sent(whole().part(2, 5).part(1, 2)), "34");
    assert_eq!(sent(whole().part(99, 1)), "");
    assert!(Body::Empty.part(0, 9).is_empty());
    let file = Body::File { file: Arc::new(OpenFile::open("/dev/null".as_ref())), offset: 5, length: 10 };
    assert!(matches!(file.part(2, 99), Body::File { offset: 7, length: 8, .. }));
    assert_eq!(Rc::strong_count(&bytes), 1);
}

#[test]
fn on_another_message_stream_a_frame_is_shared_but_for_its_header() {
    for length in [1, 40] {
        let (mut usual, mut other) = (OutQueue::new(16, LIMITS), OutQueue::new(16, LIMITS));
        let shared = frame(length);
        usual.push_frame_on(1, &shared);
        other.push_frame_on(3, &shared);
        let (usual, found) = (gathered(&usual), gathered(&other));
        assert_eq!((found[8], other.bytes()), (3, usual.len()));
        assert_eq!([&usual[..8], &usual[9..]], [&found[..8], &found[9..]]);
        assert_eq!(Rc::strong_count(&shared), 3);
        for sent in 0..found.len() {
            assert_eq!(other.len(), 1, "after {sent} bytes");
            other.advance(1);
        }
        assert!(other.is_empty() && other.bytes() == 0 && other.reply_bytes() == 0);
    }
}

#[test]
fn a_frame_at_another_time_is_one_message() {
    let mut queue = OutQueue::new(16, LIMITS);
    for time in 1..4 {
        queue.push_frame_at(3, &frame(40), time);
    }
    assert_eq!((queue.len(), queue.items.len()), (3, 6));
    queue.advance(13);
    assert_eq!((queue.len(), queue.drop_frames(), queue.len()), (3, 2, 1));
}

#[test]
fn a_group_is_sent_in_pieces_of_any_size_like_its_frames() {
    let frames: Rc<[_]> = (1..5).map(|length| frame(length * 9)).collect();
    for (msid, step) in [1, 3].into_iter().flat_map(|msid| (1..70).map(move |step| (msid, step))) {
        let (mut single, mut group) = (OutQueue::new(16, LIMITS), OutQueue::new(16, LIMITS));
        for queue in [&mut single, &mut group] {
            queue.push_bytes(b"reply".as_slice().into());
        }
        frames.iter().for_each(|frame| single.push_frame_on(msid, frame));
        group.push_group_on(msid, &frames);
        for queue in [&mut single, &mut group] {
            queue.push_frame(frame(7));
        }
        while !single.is_empty() {
            let found = [&single, &group].map(|queue| (queue.len(), queue.bytes(), gathered(queue)));
            assert_eq!(found[0], found[1], "message stream {msid}, step {step}");
            let sent = step.min(found[0].2.len());
            single.advance(sent);
            group.advance(sent);
        }
        assert_eq!((group.is_empty(), group.len(), group.bytes()), (true, 0, 0));
        group.push_group_on(msid, &Rc::default());
        assert!(group.is_empty());
    }
    assert!(frames.iter().all(|frame| Rc::strong_count(frame) == 1));
}

#[test]
fn an_allowance_counts_down_with_the_queue() {
    let mut queue = OutQueue::new(4096, LIMITS);
    (0..10).for_each(|_| queue.push_frame(frame(88)));
    let whole = Allowance { messages: 10, bytes: 1000 };
    queue.allow(whole);
    assert_eq!((queue.allowance(), queue.bytes()), (whole, 1000));
    queue.push_frame(frame(88));
    queue.advance(100);
    assert_eq!(queue.allowance(), whole);
    queue.advance(350);
    assert_eq!(queue.allowance(), Allowance { messages: 7, bytes: 650 });
    queue.advance(650);
    assert_eq!(queue.allowance(), Allowance::default());
}

#[test]
fn a_file_waits_its_turn_and_is_counted_down() {
    let mut queue = OutQueue::new(128, LIMITS);
    queue.push_bytes(b"head".as_slice().into());
    queue.push_body(Body::File {
        file: Arc::new(OpenFile::open("/dev/null".as_ref())),
        offset: 10,
        length: 7,
    });
    assert!(queue.file().is_none());
    assert_eq!(gathered(&queue), b"head");
    queue.advance(4);
    queue.advance(5);
    assert_eq!(queue.file().map(|piece| (piece.offset, piece.left)), Some((15, 2)));
    queue.advance(2);
    assert!(queue.is_empty());
}

fn video(payload: &[u8]) -> Rc<Frame> {
    let mut frame = Frame::from_payload(Kind::Video, 0, payload);
    stamp(&mut frame, Mux::Separate);
    Rc::new(frame)
}

/// Three headers and four pictures, in all the ways in which frames may wait, with a reply among them.
fn mixed() -> OutQueue {
    let (header, picture) =
        (|| video(&[0x17, 0, 0, 0, 0, 1, 66, 0, 30, 0xff, 0xe0, 0]), || video(&[0x27; 40]));
    let mut reply = Vec::new();
    write_control(&mut reply, MessageType::Acknowledgement, &[0; 4]);
    let mut queue = OutQueue::new(16, LIMITS);
    queue.push_group_on(1, &[picture(), header(), picture()].into());
    queue.push_bytes(reply.into());
    queue.push_frame_on(3, &picture());
    queue.push_frame_on(3, &header());
    queue.push_frame(picture());
    queue.push_frame(header());
    queue
}

/// Takes so many bytes, or all.
fn take(queue: &mut OutQueue, count: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while taken.len() < count && !queue.is_empty() {
        let mut piece = gathered(queue);
        piece.truncate(count - taken.len());
        queue.advance(piece.len());
        taken.extend(piece);
    }
    taken
}

#[test]
fn waiting_frames_can_be_dropped_but_for_headers_and_a_partly_sent_one() {
    for sent in 0..take(&mut mixed(), usize::MAX).len() {
        let mut queue = mixed();
        let mut received = take(&mut queue, sent);
        let before = queue.len();
        let dropped = queue.drop_frames();
        assert_eq!(queue.len(), before - dropped);
        let (bytes, rest) = (queue.bytes(), take(&mut queue, usize::MAX));
        assert_eq!((rest.len(), queue.bytes(), queue.reply_bytes()), (bytes, 0, 0), "after {sent} bytes");
        received.extend(rest);
        let mut reader = ChunkReader::new(Limits { message: 1000, streams: 8, held: 10_000 });
        reader.set_chunk_size(16).unwrap();
        let mut input = received.as_slice();
        let messages: Vec<_> = std::iter::from_fn(|| reader.next(&mut input).unwrap()).collect();
        let lengths = messages.iter().map(|message| message.payload().len());
        assert_eq!(lengths.clone().filter(|&length| length == 12).count(), 3, "headers after {sent} bytes");
        assert_eq!((lengths.filter(|&length| length == 4).count(), reader.held()), (1, 0));
        assert!(sent > 0 || messages.len() == 4, "no picture is left of a queue that has not begun");
    }
}

#[test]
fn of_a_throttled_answer_no_more_is_sent_than_may_be() {
    for most in 1..=12 {
        let mut queue = OutQueue::new(128, LIMITS);
        ["head", "body", "next"].iter().for_each(|text| queue.push_bytes(text.as_bytes().into()));
        let mut sent = Vec::new();
        while !queue.is_empty() {
            let taken = queue.write_at_most(most, |outgoing| {
                let Outgoing::Slices { slices, file_follows: false } = outgoing else {
                    panic!("{outgoing:?}")
                };
                let piece: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                sent.extend_from_slice(&piece);
                Ok::<_, ()>(piece.len())
            });
            assert!(taken.is_ok_and(|count| (1..=most as usize).contains(&count)));
        }
        assert_eq!(sent, b"headbodynext", "{most}");
    }
}

#[test]
fn a_head_is_told_of_its_file_if_that_may_follow() {
    let file = || Body::File { file: Arc::new(OpenFile::open("/dev/null".as_ref())), offset: 0, length: 10 };
    for (most, follows) in [(3, false), (4, false), (5, true)] {
        let mut queue = OutQueue::new(128, LIMITS);
        queue.push_bytes(b"head".as_slice().into());
        queue.push_body(file());
        let told = |outgoing: Outgoing<'_>| match outgoing {
            Outgoing::Slices { file_follows, .. } => Err(file_follows),
            other => panic!("{other:?}"),
        };
        assert_eq!(queue.write_at_most(most, told), Err(follows), "{most}");
        queue.advance(4);
        let told = |outgoing: Outgoing<'_>| match outgoing {
            Outgoing::File { part, most } => Err((part.left, most)),
            other => panic!("{other:?}"),
        };
        assert_eq!(queue.write_at_most(7, told), Err((10, 7)));
    }
}

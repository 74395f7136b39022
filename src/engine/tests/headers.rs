//! Headers with the edges of each of their fields, through all that a publisher's frames go through.

use super::*;
use crate::media::tests::messages;

#[test]
fn no_field_of_a_header_ends_more_than_its_message() {
    let config = "rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path /hls; hls_memory on; } } }";
    let mut world = World::configured(table(), config);
    let mut publisher = Client::publish(&mut world, "a");
    let frames: [(Kind, &[u8]); 4] = [
        (Kind::Video, KEY),
        (Kind::Video, b"\x91hvc1\0\0\0\0\0\0\x03\x26\x01\xaf"),
        (Kind::Audio, AUDIO),
        (Kind::Audio, b"\x91Opus\0"),
    ];
    for (time, (kind, payload)) in (0..).step_by(40).zip(messages()) {
        publisher.frame(&mut world, kind, time, &payload);
        for (kind, payload) in frames {
            publisher.frame(&mut world, kind, time + 20, payload);
        }
        if time % 1000 == 0 {
            publisher.receive(&mut world);
            world.pass(1);
        }
        assert!(world.is_open(publisher.id));
    }
    let stream = world.engine.cx.streams.iter().next().unwrap();
    assert!(stream.codec.sample_rate > 0 && stream.codec.width > 0);
    assert!(!world.engine.cx.memory.is_empty(), "fragments have been written");
}

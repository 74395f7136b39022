//! The times at which clients get unsolicited messages: acknowledgements and status messages.

use crate::engine::tests::*;

const MILLISECOND: Duration = Duration::from_millis(1);
/// The bytes after which a client without a window is owed an acknowledgement.
const OWED: usize = 2_500_000;

fn world() -> World {
    World::configured(table(), "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }")
}

/// A publisher that announces a window, if there is one.
fn publisher(world: &mut World, window: Option<u32>) -> Client {
    let mut publisher = Client::publish(world, "a");
    if let Some(window) = window {
        let mut bytes = Vec::new();
        write_control(&mut bytes, MessageType::WindowAcknowledgementSize, &window.to_be_bytes());
        publisher.send(world, &bytes);
    }
    publisher.receive(world);
    publisher
}

/// Sends a key frame of so many bytes.
fn send(world: &mut World, publisher: &mut Client, time: u32, length: usize) {
    let mut bytes = Vec::new();
    let payload = [KEY, &vec![7; length]].concat();
    write_message(&mut bytes, 128, 6, (MessageType::Video, 1, time), &payload);
    publisher.send_all(world, &bytes);
}

/// Lets time pass in which nothing can be read. Returns the number of acknowledgements.
fn wait(world: &mut World, client: &mut Client, time: Duration) -> usize {
    let end = world.now.instant + time;
    let mut count = 0;
    while world.now.instant < end {
        world.now.instant += MILLISECOND;
        while world.engine.expire(world.now) {}
        for action in world.end_turn() {
            if let Action::SendUnsolicited(id) = action {
                world.engine.send_unsolicited(id, world.now);
            }
        }
        let messages = client.receive(world);
        count += messages.iter().filter(|m| m.type_id == MessageType::Acknowledgement as u8).count();
    }
    count
}

#[test]
fn a_client_that_has_announced_no_window_is_acknowledged_after_a_second_of_silence() {
    let mut world = world();
    let mut publisher = publisher(&mut world, None);
    for time in 0..3 {
        send(&mut world, &mut publisher, time, OWED / 2);
        assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 900), 0, "it may have more on its way");
    }
    assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 200), 1);
    assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 5000), 0, "once");
}

#[test]
fn a_client_that_stops_within_its_window_is_acknowledged_within_20_milliseconds() {
    for (window, pause) in [(4_000_000, 20), (2_500_000, 20), (500_000, 4), (5000, 1), (1, 1)] {
        let mut world = world();
        let mut publisher = publisher(&mut world, Some(window));
        for time in 0..3 {
            send(&mut world, &mut publisher, time, window as usize / 2 + 1);
        }
        let early = pause - 1;
        assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * early), 0, "{window}");
        assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 2), 1, "{window}");
    }
}

#[test]
fn a_client_is_not_acknowledged_while_more_comes() {
    let mut world = world();
    let mut publisher = publisher(&mut world, Some(1_000_000));
    for time in 0..100 {
        send(&mut world, &mut publisher, time, 100_000);
        assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 5), 0, "after {time}");
    }
    assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 10), 1);
}

#[test]
fn what_is_unread_puts_an_acknowledgement_off() {
    let mut world = world();
    let mut publisher = publisher(&mut world, Some(1_000_000));
    send(&mut world, &mut publisher, 0, 600_000);
    let mut asked = 0;
    for _ in 0..50 {
        // The socket has more to read, so nothing is sent.
        world.now.instant += MILLISECOND * 10;
        while world.engine.expire(world.now) {}
        asked +=
            world.end_turn().iter().filter(|action| matches!(action, Action::SendUnsolicited(_))).count();
    }
    assert!((4..7).contains(&asked), "asked {asked} times in half a second");
    assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 100), 1);
}

#[test]
fn an_encoder_in_real_time_is_acknowledged_between_two_frames_and_a_file_that_is_sent_faster_is_not() {
    for (speed, acknowledged) in [(1, true), (2, false)] {
        let mut world = world();
        let mut publisher = publisher(&mut world, None);
        let mut count = 0;
        // 15 Mbit/s, for as long as the lead of a faster one lasts.
        for number in 0..400 {
            send(&mut world, &mut publisher, number * 33 * speed, 62_500);
            count += wait(&mut world, &mut publisher, MILLISECOND * 33);
        }
        assert_eq!(count >= 3, acknowledged, "{count} of 25 MB at speed {speed}");
    }
}

#[test]
fn a_client_that_has_hung_up_is_not_acknowledged() {
    let mut world = world();
    let mut publisher = publisher(&mut world, Some(1_000_000));
    send(&mut world, &mut publisher, 0, 600_000);
    world.engine.hung_up(publisher.id, world.now);
    assert_eq!(wait(&mut world, &mut publisher, MILLISECOND * 2000), 0);
}

#[test]
fn status_messages_of_a_recording_are_sent_when_the_client_is_silent_or_gets_a_reply() {
    let told = |client: &mut Client, world: &mut World| {
        let codes = client.codes(world);
        codes.into_iter().map(|code| code.trim_start_matches("NetStream.").to_owned()).collect::<Vec<_>>()
    };
    let mut world = world();
    let mut publisher = publisher(&mut world, None);
    let stream = world.engine.cx.streams.iter().next().unwrap().id;
    let start = (Level::Status, "NetStream.Record.Start");
    world.engine.cx.tell_publisher(stream, start, "all");
    for time in 0..30 {
        send(&mut world, &mut publisher, time, 1000);
        world.pass_time(MILLISECOND * 100);
        assert_eq!(told(&mut publisher, &mut world), [""; 0]);
    }
    world.now.instant += MILLISECOND * 1000;
    while world.engine.expire(world.now) {}
    assert_eq!(world.end_turn(), [Action::SendUnsolicited(publisher.id)]);
    world.engine.send_unsolicited(publisher.id, world.now);
    assert_eq!(told(&mut publisher, &mut world), ["Record.Start"]);

    world.engine.cx.tell_publisher(stream, start, "all");
    assert_eq!(told(&mut publisher, &mut world), [""; 0]);
    publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    assert_eq!(told(&mut publisher, &mut world), ["Record.Start", "Unpublish.Success"]);
}

#[test]
fn status_messages_beyond_a_bound_and_those_at_an_end_are_sent_at_once() {
    let mut world = world();
    let mut publisher = publisher(&mut world, None);
    let stream = world.engine.cx.streams.iter().next().unwrap().id;
    for _ in 0..100 {
        world.engine.cx.tell_publisher(stream, (Level::Status, "NetStream.Record.Start"), "all");
    }
    let first = publisher.codes(&mut world).len();
    assert!((80..100).contains(&first), "{first}");
    world.engine.stop(world.now);
    assert_eq!(publisher.codes(&mut world).len(), 100 - first);
}

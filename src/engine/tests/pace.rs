//! Publishers whose media time runs faster than the clock.

use crate::engine::tests::*;

fn world() -> World {
    World::configured(
        table(),
        "rtmp { server { listen 127.0.0.1:0; ping 3s; ping_timeout 1s; application live {
             live on; drop_idle_publisher 3s; publish_conflict replace_idle 2s; } } }",
    )
}

/// A server that pings nobody within a minute, with a long `timeout`.
fn patient_world() -> World {
    World::configured(
        table(),
        "rtmp { server { listen 127.0.0.1:0; application live { live on; publish_grace 90s; drop_idle_publisher 0; } } }",
    )
}

fn publisher(world: &mut World) -> Client {
    let mut publisher = Client::publish(world, "a");
    publisher.frame(world, Kind::Video, 0, HEADER);
    publisher
}

/// Sends bytes and does all steps that need no time.
fn send(world: &mut World, publisher: &mut Client, bytes: &[u8]) {
    publisher.send(world, bytes);
    (0..64).for_each(|_| drop(world.end_turn()));
}

fn frames_in(world: &World) -> u64 {
    world.engine.cx.streams.iter().map(|stream| stream.frames_in).sum()
}

/// Key frames, `step` milliseconds apart.
fn keys(count: u32, step: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        write_message(&mut bytes, 128, 6, (MessageType::Video, 1, number * step), KEY);
    }
    bytes
}

#[test]
fn media_time_may_lead_by_thirty_seconds_and_then_runs_at_twice_the_speed() {
    let mut world = world();
    let mut publisher = publisher(&mut world);
    let before = frames_in(&world);
    send(&mut world, &mut publisher, &keys(200, 5000));
    assert!(world.engine.is_held(publisher.id));
    let at_once = frames_in(&world) - before;
    assert!((7..9).contains(&at_once), "{at_once} frames of 5 s");
    for _ in 0..100 {
        world.pass(1);
        publisher.receive(&mut world);
    }
    let then = frames_in(&world) - before - at_once;
    assert!((39..42).contains(&then), "{then} frames in 100 s");
    assert!(world.is_open(publisher.id), "it is held, and neither idle nor silent");
}

#[test]
fn a_held_publisher_is_not_idle() {
    let mut world = world();
    let mut publisher = publisher(&mut world);
    publisher.receive(&mut world);
    // Half a minute at once, and then the longest step that is accepted: it is held for 5 s.
    send(&mut world, &mut publisher, &keys(8, 5000));
    send(&mut world, &mut publisher, &keys(9, 5000)[keys(8, 5000).len()..]);
    world.pass(4);
    assert!(world.engine.is_held(publisher.id) && world.is_open(publisher.id));
    assert_eq!(publisher.receive(&mut world).len(), 0, "it is not pinged");
    let mut other = Client::publish(&mut world, "a");
    assert!(other.codes(&mut world).contains(&"NetStream.Publish.BadName".to_owned()));
    world.pass(2);
    assert!(!world.engine.is_held(publisher.id) && world.is_open(publisher.id));
    // From then on its silence counts.
    world.pass(4);
    assert!(!world.is_open(publisher.id));
}

#[test]
fn a_clock_that_is_five_per_cent_fast_is_never_held() {
    let mut world = world();
    let mut publisher = publisher(&mut world);
    for second in 0..3600 {
        publisher.frame(&mut world, Kind::Video, second * 1050, KEY);
        world.end_turn();
        assert!(!world.engine.is_held(publisher.id), "after {second} s");
        world.pass(1);
        publisher.receive(&mut world);
    }
}

#[test]
fn a_jump_is_no_lead() {
    let mut world = world();
    let mut publisher = publisher(&mut world);
    for number in 0..100 {
        publisher.frame(&mut world, Kind::Video, number * 3_600_000, KEY);
        world.end_turn();
    }
    assert!(!world.engine.is_held(publisher.id));
}

#[test]
fn a_publisher_that_has_hung_up_does_not_keep_its_name_and_is_closed_in_the_end() {
    let mut world = world();
    let mut publisher = publisher(&mut world);
    send(&mut world, &mut publisher, &keys(2000, 5000));
    world.engine.hung_up(publisher.id, world.now);
    world.pass(3);
    assert!(world.engine.is_held(publisher.id) && world.is_open(publisher.id));
    let _other = Client::publish(&mut world, "a");
    world.end_turn();
    assert!(!world.is_open(publisher.id), "replaced");

    let mut alone = Client::publish(&mut world, "b");
    send(&mut world, &mut alone, &keys(2000, 5000));
    world.engine.hung_up(alone.id, world.now);
    for _ in 0..610 {
        world.pass(1);
        alone.receive(&mut world);
    }
    assert!(!world.is_open(alone.id), "it would take hours");
}

#[test]
fn a_pause_gives_no_lead_to_the_same_or_another_publisher() {
    let mut world = patient_world();
    let mut player = Client::play(&mut world, "a");
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    let mut wait = |world: &mut World, publisher: &mut Client| {
        for _ in 0..60 {
            world.pass(1);
            publisher.receive(world);
            player.receive(world);
        }
    };
    wait(&mut world, &mut publisher);
    publisher.frame(&mut world, Kind::Video, 60_000, KEY);
    world.end_turn();
    assert!(!world.engine.is_held(publisher.id), "its clock went on");
    world.engine.disconnected(publisher.id, "gone", world.now);
    wait(&mut world, &mut publisher);
    let mut other = Client::publish(&mut world, "a");
    other.frame(&mut world, Kind::Video, 0, HEADER);
    send(&mut world, &mut other, &keys(1, 0));
    assert!(!world.engine.is_held(other.id), "the stream has waited for it");
}

#[test]
fn what_one_publisher_has_used_up_is_not_charged_to_the_next() {
    let mut world = world();
    let _player = Client::play(&mut world, "a");
    let mut greedy = publisher(&mut world);
    send(&mut world, &mut greedy, &keys(9, 5000));
    assert!(world.engine.is_held(greedy.id));
    world.engine.disconnected(greedy.id, "gone", world.now);
    world.end_turn();
    let mut next = publisher(&mut world);
    send(&mut world, &mut next, &keys(6, 1000));
    assert!(!world.engine.is_held(next.id));
}

#[test]
fn a_step_ends_where_files_may_end() {
    let mut world = world();
    let mut publisher = publisher(&mut world);
    let sent = frames_in(&world);
    world.engine.input(publisher.id, &keys(3, 100), world.now);
    assert_eq!(frames_in(&world) - sent, 1, "a key frame");
    send(&mut world, &mut publisher, &[]);
    let mut sound = Vec::new();
    for time in [300, 320, 900, 920] {
        write_message(&mut sound, 128, 4, (MessageType::Audio, 1, time), AUDIO);
    }
    let sent = frames_in(&world);
    world.engine.input(publisher.id, &sound, world.now);
    assert_eq!(frames_in(&world) - sent, 3, "half a second");
    publisher.receive(&mut world);
}

#[test]
fn input_that_comes_when_a_hold_has_ended_is_processed_after_held_input() {
    let mut world = patient_world();
    let mut player = Client::play(&mut world, "a");
    let mut publisher = publisher(&mut world);
    let all = keys(12, 5000);
    let whole = keys(11, 5000).len();
    send(&mut world, &mut publisher, &all[..whole - 7]);
    let mut times = Vec::new();
    for second in 0..30 {
        times.extend(player.media(&mut world).iter().map(|(time, _)| *time));
        if times.last() == Some(&55_000) {
            break;
        }
        publisher.receive(&mut world);
        world.now.instant += Duration::from_secs(1);
        while world.engine.expire(world.now) {}
        if second == 1 {
            assert!(world.engine.is_held(publisher.id));
            // The rest of a message, and another one.
            world.engine.input(publisher.id, &all[whole - 7..], world.now);
        }
        world.end_turn();
    }
    assert!(world.is_open(publisher.id));
    assert_eq!(times[1..], (0..12).map(|number| number * 5000).collect::<Vec<_>>());
}

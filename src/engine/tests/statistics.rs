//! The numbers that streams and the whole server keep, in virtual time.

use std::fs;
use std::path::Path;

use crate::engine::tests::*;
use crate::test_folder::Folder;

fn stream(world: &World) -> &Stream {
    world.engine.cx.streams.iter().next().unwrap()
}

/// A second of 25 pictures and 50 sounds from `start` milliseconds on; the time passes.
fn second(world: &mut World, publisher: &mut Client, start: u32) {
    for step in 0..50 {
        let time = start + step * 20;
        if step % 2 == 0 {
            publisher.frame(world, Kind::Video, time, if step == 0 { KEY } else { INTER });
        }
        publisher.frame(world, Kind::Audio, time, AUDIO);
        world.pass_time(Duration::from_millis(20));
    }
}

fn publisher(world: &mut World) -> Client {
    let mut publisher = Client::publish(world, "a");
    publisher.frame(world, Kind::Video, 0, HEADER);
    publisher.frame(world, Kind::Audio, 0, AUDIO_HEADER);
    publisher
}

#[test]
fn a_stream_knows_its_rates_and_what_it_has_sent() {
    let mut world = World::configured(table(), &CONFIG.replace("out_queue 16", "out_queue 512"));
    let mut publisher = publisher(&mut world);
    let mut players = [Client::play(&mut world, "a"), Client::play(&mut world, "a")];
    for start in 0..4 {
        second(&mut world, &mut publisher, start * 1000);
        players.iter_mut().for_each(|player| {
            player.media(&mut world);
        });
    }
    let (now, traffic) = (world.now.instant, stream(&world).traffic);
    let (video, audio) = (25 * INTER.len() as u64, 50 * AUDIO.len() as u64);
    assert_eq!((traffic.video.per_second(now), traffic.audio.per_second(now)), (video, audio));
    assert_eq!(traffic.all_in.per_second(now), video + audio);
    assert!((traffic.pictures.average(now) - 25.0).abs() < f64::EPSILON);
    assert_eq!(traffic.out.per_second(now), 2 * (video + audio));
    assert_eq!(traffic.bytes_out, 2 * 4 * (video + audio), "without the headers, which players get once");
    assert_eq!((traffic.video_frames, traffic.audio_frames), (4 * 25 + 1, 4 * 50 + 1));
    assert_eq!((traffic.dropped, traffic.jumps, traffic.gaps), (0, 0, 0));
    world.pass(3);
    assert_eq!(stream(&world).traffic.all_in.per_second(world.now.instant), 0);
}

#[test]
fn the_sound_is_ahead_of_the_picture_by_the_difference_of_their_newest_times() {
    let mut world = World::standard();
    let mut publisher = publisher(&mut world);
    publisher.frame(&mut world, Kind::Audio, 100, AUDIO);
    assert_eq!(stream(&world).traffic.av_sync(), 0, "there is no picture yet");
    publisher.frame(&mut world, Kind::Video, 40, KEY);
    assert_eq!(stream(&world).traffic.av_sync(), 60);
    publisher.frame(&mut world, Kind::Video, 120, INTER);
    assert_eq!(stream(&world).traffic.av_sync(), -20);
}

#[test]
fn gaps_of_sound_and_jumps_of_time_are_counted() {
    let mut world = World::standard();
    let mut publisher = publisher(&mut world);
    for time in [0, 20, 269, 519, 540] {
        publisher.frame(&mut world, Kind::Audio, time, AUDIO);
    }
    assert_eq!((stream(&world).traffic.gaps, stream(&world).traffic.jumps), (1, 0));
    publisher.frame(&mut world, Kind::Audio, 3_600_000, AUDIO);
    assert_eq!((stream(&world).traffic.gaps, stream(&world).traffic.jumps), (1, 1));
}

#[test]
fn another_publisher_continues_the_numbers_and_makes_no_gap() {
    let mut world = World::configured(table(), &CONFIG.replace("live on;", "live on; publish_grace 30s;"));
    let mut first = publisher(&mut world);
    second(&mut world, &mut first, 0);
    let before = stream(&world).traffic.video_frames;
    world.engine.lost(first.id, world.now);
    world.end_turn();
    world.pass(5);
    let mut other = publisher(&mut world);
    second(&mut world, &mut other, 0);
    let traffic = stream(&world).traffic;
    assert_eq!((traffic.video_frames, traffic.gaps), (2 * before, 0));
    let totals = &world.engine.cx.totals;
    assert_eq!((totals.publishes, totals.lost_publishers), (2, 1));
    assert_eq!(totals.frames_in, traffic.video_frames + traffic.audio_frames);
}

#[test]
fn what_a_player_begins_with_counts_as_frames_and_as_bytes_of_media() {
    let config = CONFIG.replace("gop_cache off;", "").replace("out_queue 16", "out_queue 512");
    let mut world = World::configured(table(), &config);
    let mut publisher = publisher(&mut world);
    second(&mut world, &mut publisher, 0);
    let mut client = Client::connect(&mut world, "live");
    let play: [Value; 4] = ["play".into(), 2.0.into(), Value::Null, "a".into()];
    // Frames for another message stream than the usual one take two entries of the queue.
    for number in [2.0, 3.0] {
        client.command(&mut world, &["createStream".into(), number.into(), Value::Null]);
    }
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 2, 0), &amf0::encode_all(&play));
    client.send(&mut world, &bytes);
    let metadata = stream(&world).headers.metadata().unwrap().payload().len();
    let headers = metadata + HEADER.len() + AUDIO_HEADER.len();
    let media = headers + KEY.len() + 24 * INTER.len() + 50 * AUDIO.len();
    let (traffic, totals) = (stream(&world).traffic, &world.engine.cx.totals);
    assert_eq!((traffic.bytes_out, totals.frames_out), (media as u64, 3 + 25 + 50));
}

#[test]
fn the_end_of_a_stream_begins_its_numbers_anew() {
    let mut world = World::standard();
    let mut publisher = publisher(&mut world);
    let player = Client::play(&mut world, "a");
    second(&mut world, &mut publisher, 0);
    publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    let traffic = stream(&world).traffic;
    assert_eq!((traffic.bytes_out, traffic.video_frames, traffic.dropped), (0, 0, 0));
    assert!(world.is_open(player.id), "the player waits for the next one");
}

#[test]
fn frames_that_a_slow_player_loses_are_counted_for_it_its_stream_and_the_server() {
    let mut world = World::standard();
    let mut publisher = publisher(&mut world);
    let (slow, mut quick) = (Client::play(&mut world, "a"), Client::play(&mut world, "a"));
    for second in 0..3 {
        for step in 0..25 {
            let payload = if step == 0 { KEY } else { INTER };
            publisher.frame(&mut world, Kind::Video, second * 1000 + step * 40, payload);
            quick.media(&mut world);
        }
    }
    let dropped = world.player(slow.id).dropped();
    assert!(dropped > 0 && world.player(quick.id).dropped() == 0);
    let (traffic, totals) = (stream(&world).traffic, &world.engine.cx.totals);
    assert_eq!((traffic.dropped, totals.frames_dropped), (dropped, dropped));
    assert!(totals.frames_out >= 75 && totals.frames_out < 150);
}

#[test]
fn what_comes_and_goes_is_counted_for_the_whole_server() {
    let config = format!("{CONFIG} http {{ server {{ listen 127.0.0.1:0; root /srv; }} }}");
    let mut world = World::configured(table(), &config);
    let publisher = publisher(&mut world);
    let player = Client::play(&mut world, "a");
    let ids = [publisher.id, player.id];
    let http = world.engine.accept(1, ENDS, world.now).unwrap();
    world.engine.input(http, b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", world.now);
    world.end_turn();
    world.take(http, usize::MAX);
    let cx = &world.engine.cx;
    assert_eq!((cx.totals.rtmp_connections, cx.totals.http_connections), (2, 1));
    assert_eq!((cx.totals.publishes, cx.totals.plays, cx.totals.http_requests), (1, 1, 1));
    assert_eq!(cx.totals.answers().collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 0), (4, 1), (5, 0)]);
    let session = |id: SessionId| cx.sessions.get(id).unwrap();
    let sum = |of: fn(&Session) -> u64| [ids[0], ids[1], http].iter().map(|id| of(session(*id))).sum::<u64>();
    assert_eq!(cx.totals.bytes_in.total, sum(|session| session.bytes_in));
    assert_eq!(cx.totals.bytes_out.total, sum(|session| session.bytes_out));
    assert_eq!(cx.started.instant, world.now.instant);
    let sent = cx.totals.bytes_out.total;
    world.pass(1);
    let (totals, now) = (&world.engine.cx.totals, world.now.instant);
    assert_eq!(totals.bytes_out.per_second(now), sent, "all of it in the first second");
}

#[test]
fn clients_of_the_control_socket_are_neither_clients_of_http_nor_backends() {
    let mut tree = Tree::from_text("test", CONFIG).unwrap();
    let table = directive_table(&table());
    conf::check(&mut tree, &table).unwrap();
    ControlSocket::serve_at(Path::new("/none/socket"), &mut tree, &table).unwrap();
    let now = World::standard().now;
    let engine = Engine::new(&Scope::root(&tree, &table), super::table(), 7, now).unwrap();
    let mut world = World { engine, now, has_fast_disk: true, orders: Vec::new(), sockets: Vec::new() };
    let control = world.engine.cx.listeners.iter().position(|listener| listener.is_control).unwrap();
    let _client = world.engine.accept(control, ENDS, world.now).unwrap();
    let cx = &world.engine.cx;
    assert_eq!((cx.sessions.len(), cx.backend_connections(), cx.totals.http_connections), (1, 0, 0));
}

#[test]
fn a_client_that_breaks_the_protocol_is_counted_once() {
    let mut world = World::standard();
    let mut client = Client::connect(&mut world, "live");
    for _ in 0..40 {
        client.command(&mut world, &["play".into(), 2.0.into(), Value::Null, "a".into()]);
        client.receive(&mut world);
    }
    assert!(!world.is_open(client.id));
    assert_eq!(world.engine.cx.totals.protocol_errors, 1);
}

#[test]
fn turns_and_waits_are_noted() {
    let mut world = World::standard();
    let (ms, now) = (Duration::from_millis, world.now.instant);
    [1, 30, 2].into_iter().for_each(|time| world.engine.note_turn(ms(time), now));
    [3, 1].into_iter().for_each(|time| world.engine.note_wait(ms(time), now));
    let totals = &world.engine.cx.totals;
    assert_eq!((totals.turns.count(), totals.turns.sum()), (3, ms(33)));
    assert_eq!((totals.longest_turn.of_late(now), totals.longest_wait.of_late(now)), (ms(30), ms(3)));
}

/// A world whose streams are recorded into a folder.
fn recorded(folder: &Folder) -> World {
    let path = folder.display();
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
            live on; publish_grace 0; record all; record_path {path};
            recorder by_hand {{ record all manual; record_path {path}; record_suffix .hand.flv; }} }} }} }}"
    );
    World::configured(table(), &config)
}

#[test]
fn the_recorders_of_a_stream_tell_their_state() {
    let folder = Folder::new();
    let mut world = recorded(&folder);
    let mut publisher = Client::publish(&mut world, "a");
    let states = |world: &World| -> Vec<_> {
        let recordings = stream(world).recordings.iter();
        recordings.map(|status| (status.recorder.clone(), status.is_manual, status.state.clone())).collect()
    };
    let own = |state| (String::new(), false, state);
    let by_hand = || ("by_hand".to_owned(), true, RecordingState::Stopped);
    assert_eq!(states(&world), [own(RecordingState::Waiting), by_hand()]);
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    second(&mut world, &mut publisher, 0);
    assert_eq!(states(&world), [own(RecordingState::Recording), by_hand()]);
    second(&mut world, &mut publisher, 1000);
    second(&mut world, &mut publisher, 2000);
    let status = &stream(&world).recordings[0];
    assert_eq!(status.path.as_deref(), Some(&*folder.join("a.flv")));
    assert!((50..=75).contains(&status.frames), "{} pictures", status.frames);
    assert!(status.size > 1000 && status.since.is_some());
}

#[test]
fn a_recorder_that_cannot_write_tells_why() {
    let folder = Folder::new();
    let mut world = recorded(&folder);
    let path = folder.to_path_buf();
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "no folder").unwrap();
    let mut publisher = publisher(&mut world);
    second(&mut world, &mut publisher, 0);
    second(&mut world, &mut publisher, 1000);
    let status = &stream(&world).recordings[0];
    assert!(matches!(&status.state, RecordingState::Failing(why) if !why.is_empty()), "{status:?}");
    assert_eq!(world.engine.cx.totals.recordings_failed, 1, "however often it is tried again");
    fs::remove_file(&path).unwrap();
}

#[test]
fn an_hls_output_tells_what_it_has_cut() {
    let config = "rtmp { server { listen 127.0.0.1:0; application live {
        live on; hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s; } } }";
    let mut world = World::configured(table(), config);
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    assert_eq!(stream(&world).hls_status().unwrap().fragments, 0);
    for number in 0..100 {
        let payload = if number % 25 == 0 { KEY } else { INTER };
        publisher.frame(&mut world, Kind::Video, number * 40, payload);
        world.pass_time(Duration::from_millis(40));
    }
    let status = stream(&world).hls_status().unwrap();
    assert_eq!((status.fragments, status.listed, status.failing.clone()), (3, 3, None));
    assert_eq!(status.bytes % 188, 0, "whole packets of MPEG-TS");
    assert!(status.bytes > 0 && status.last.is_some());
}

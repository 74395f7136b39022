//! Players: the messages that they get, their commands, and the frames that they lose.

use crate::engine::tests::*;

fn world(directives: &str) -> World {
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; out_queue 16; out_cork 4; busy on;
            application live {{ live on; {directives} }} }} }}"
    );
    World::configured(table(), &config)
}

fn publisher(world: &mut World) -> Client {
    let mut client = Client::publish(world, "a");
    client.frame(world, Kind::Video, 0, HEADER);
    client.frame(world, Kind::Audio, 0, AUDIO_HEADER);
    client.frame(world, Kind::Video, 0, KEY);
    client
}

/// A player that has read nothing yet.
fn player(world: &mut World, arguments: &[Value]) -> Client {
    let mut client = Client::connect(world, "live");
    client.receive(world);
    let play = ["play".into(), 2.0.into(), Value::Null, "a".into()];
    client.command(world, &[&play, arguments].concat());
    client
}

/// Codes, events and media, a word or two each, in their order.
fn heard(client: &mut Client, world: &mut World) -> Vec<String> {
    let words = client.receive(world).into_iter().filter_map(|message| match message.type_id {
        4 => Some(format!("{:?}", UserControl::read(message.payload()).unwrap())),
        8 | 9 => Some(format!("{} {}", message.type_id, message.timestamp)),
        20 => {
            let values = amf0::decode(message.payload()).unwrap();
            let code = values.last()?.as_object()?.str("code")?.to_owned();
            Some(code.trim_start_matches("NetStream.").to_owned())
        }
        18 => {
            let values = amf0::decode(message.payload()).unwrap();
            let name = values[0].as_str()?.to_owned();
            (name != "onMetaData" && name != "|RtmpSampleAccess").then_some(name)
        }
        _ => None,
    });
    words.collect()
}

#[test]
fn a_play_is_answered_in_order_and_a_reset_is_named() {
    let mut world = world("gop_cache off;");
    let _publisher = publisher(&mut world);
    let mut plain = player(&mut world, &[]);
    assert_eq!(heard(&mut plain, &mut world), ["StreamBegin(1)", "Play.Start"]);
    let mut resetting = player(&mut world, &[(-2000.0).into(), (-1000.0).into(), true.into()]);
    assert_eq!(heard(&mut resetting, &mut world), ["StreamBegin(1)", "Play.Reset", "Play.Start"]);
}

#[test]
fn players_are_told_of_publishers_as_the_configuration_says() {
    let told = |directives: &str| {
        let mut world = world(directives);
        let mut player = player(&mut world, &[]);
        let waiting = heard(&mut player, &mut world).join(" ");
        let first = publisher(&mut world);
        heard(&mut player, &mut world);
        world.engine.disconnected(first.id, "gone", world.now);
        world.end_turn();
        let end = heard(&mut player, &mut world).join(" ");
        let _second = Client::publish(&mut world, "a");
        (waiting, end, heard(&mut player, &mut world).join(" "))
    };
    let expect = |waiting: &str, end: &str, begin: &str| (waiting.into(), end.into(), begin.into());
    assert_eq!(told(""), expect("Play.Start", "StreamEof(1)", "StreamBegin(1)"));
    assert_eq!(
        told("publish_notify on;"),
        expect("Play.Start", "StreamEof(1) Play.UnpublishNotify", "StreamBegin(1) Play.PublishNotify")
    );
    assert_eq!(told("play_restart on;"), expect("", "StreamEof(1) Play.Stop", "StreamBegin(1) Play.Start"));
}

#[test]
fn without_idle_streams_no_player_waits() {
    let mut world = world("idle_streams off;");
    let mut early = player(&mut world, &[]);
    assert_eq!(heard(&mut early, &mut world), ["Play.StreamNotFound"]);
    assert!(!world.is_open(early.id));
    let first = publisher(&mut world);
    let mut player = player(&mut world, &[]);
    heard(&mut player, &mut world);
    world.engine.disconnected(first.id, "gone", world.now);
    world.end_turn();
    assert_eq!(heard(&mut player, &mut world), ["StreamEof(1)", "Play.StreamNotFound"]);
    assert!(!world.is_open(player.id));
}

#[test]
fn without_idle_streams_nobody_plays_what_the_same_message_stream_publishes() {
    let mut world = world("idle_streams off;");
    let mut publisher = publisher(&mut world);
    heard(&mut publisher, &mut world);
    publisher.command(&mut world, &["play".into(), 3.0.into(), Value::Null, "a".into()]);
    assert_eq!(heard(&mut publisher, &mut world), ["Play.StreamNotFound"], "it would end by this play");
    assert!(world.engine.cx.sessions.get(publisher.id).unwrap().roles.publishes());
}

#[test]
fn a_player_begins_with_the_cached_group_and_continues_behind_it() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    // More than may wait for a slow player: the cached group does not count against it.
    for time in 1..40 {
        publisher.frame(&mut world, Kind::Video, time * 2, INTER);
        publisher.frame(&mut world, Kind::Audio, time * 2 + 1, AUDIO);
    }
    let mut player = player(&mut world, &[]);
    for time in 40..44 {
        publisher.frame(&mut world, Kind::Video, time * 2, INTER);
    }
    let media = player.media(&mut world);
    assert_eq!(media[..3], [(0, HEADER.into()), (0, AUDIO_HEADER.into()), (0, KEY.into())]);
    let times: Vec<_> = media[3..].iter().map(|(time, _)| *time).collect();
    let expected: Vec<_> = (2..80).chain([80, 82, 84, 86]).collect();
    assert_eq!(times, expected, "picture and sound in their order, nothing left out");
    for time in 50..100 {
        publisher.frame(&mut world, Kind::Video, time * 2, INTER);
    }
    assert!(player.media(&mut world).len() <= 16, "the usual limit is back");
}

#[test]
fn a_header_without_a_body_is_no_players_beginning() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    for payload in [HEADER, KEY, &[0x17, 0, 0, 0, 0], INTER] {
        publisher.frame(&mut world, Kind::Video, 0, payload);
    }
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, &[0xaf, 0]);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    let mut player = player(&mut world, &[]);
    let payloads: Vec<_> = player.media(&mut world).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [HEADER, KEY, INTER, AUDIO_HEADER, AUDIO]);
    // The publisher pauses its sound; it still is what the header said.
    publisher.frame(&mut world, Kind::Audio, 0, &[0xaf, 0]);
    let stream = world.engine.cx.streams.iter().next().unwrap();
    assert_eq!((stream.facts.sample_rate, stream.facts.channels), (44_100, 2));
}

#[test]
fn a_stream_without_a_picture_has_no_cache_and_begins_at_once() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    (1..9).for_each(|time| publisher.frame(&mut world, Kind::Audio, time * 20, AUDIO));
    let mut player = player(&mut world, &[]);
    assert_eq!(player.media(&mut world), []);
    publisher.frame(&mut world, Kind::Audio, 180, AUDIO);
    assert_eq!(player.media(&mut world), [(180, AUDIO_HEADER.into()), (180, AUDIO.into())]);
}

#[test]
fn pause_seek_and_receive_commands_have_their_effects() {
    let mut world = world("gop_cache off;");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world, &[]);
    publisher.frame(&mut world, Kind::Video, 10, KEY);
    heard(&mut player, &mut world);
    let mut ask = |world: &mut World, name: &str, argument: Value| {
        player.command(world, &[name.into(), 0.0.into(), Value::Null, argument]);
        publisher.frame(world, Kind::Video, 20, INTER);
        publisher.frame(world, Kind::Audio, 21, AUDIO);
        publisher.frame(world, Kind::Video, 30, KEY);
        heard(&mut player, world)
    };
    assert_eq!(ask(&mut world, "pause", true.into()), ["Pause.Notify", "StreamEof(1)"]);
    let back = ask(&mut world, "pause", false.into());
    assert_eq!(back, ["Unpause.Notify", "StreamBegin(1)", "8 21", "8 21", "9 30", "9 30"]);
    let sought = ask(&mut world, "seek", 0.0.into());
    assert_eq!(
        sought,
        ["Seek.Notify", "StreamBegin(1)", "8 30", "8 30", "9 30", "9 30"][..2]
            .iter()
            .copied()
            .chain(["8 21", "8 21", "9 30", "9 30"])
            .collect::<Vec<_>>()
    );
    assert_eq!(ask(&mut world, "receiveVideo", false.into()), ["8 21"]);
    assert_eq!(ask(&mut world, "receiveAudio", false.into()), Vec::<String>::new());
    let picture = ask(&mut world, "receiveVideo", true.into());
    assert_eq!(picture, ["Seek.Notify", "Play.Start", "9 30", "9 30"]);
}

#[test]
fn a_play_of_some_length_ends_by_itself() {
    let mut world = world("gop_cache off;");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world, &[0.0.into(), 100.0.into()]);
    heard(&mut player, &mut world);
    for time in [40, 80, 120, 139, 140, 160] {
        publisher.frame(&mut world, Kind::Video, time, KEY);
    }
    let expected = ["9 40", "9 40", "9 80", "9 120", "9 139", "StreamEof(1)", "onPlayStatus", "Play.Stop"];
    assert_eq!(heard(&mut player, &mut world), expected);
    assert!(world.is_open(player.id));
}

#[test]
fn play2_changes_the_stream_and_says_so() {
    let mut world = world("gop_cache off;");
    let _low = publisher(&mut world);
    let mut high = Client::publish(&mut world, "b");
    let mut player = player(&mut world, &[]);
    heard(&mut player, &mut world);
    let object = Object::default().with("streamName", "b").with("transition", "switch");
    player.command(&mut world, &["play2".into(), 0.0.into(), Value::Null, Value::Object(object)]);
    high.frame(&mut world, Kind::Video, 7, HEADER);
    high.frame(&mut world, Kind::Video, 7, KEY);
    let expected = ["StreamBegin(1)", "Play.Transition", "Play.Start", "9 7", "9 7"];
    assert_eq!(heard(&mut player, &mut world), expected);
}

#[test]
fn interleaved_sound_begins_with_the_picture_on_one_chunk_stream() {
    let mut world = world("interleave on; gop_cache off;");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world, &[]);
    heard(&mut player, &mut world);
    publisher.frame(&mut world, Kind::Audio, 10, AUDIO);
    assert_eq!(heard(&mut player, &mut world), Vec::<String>::new());
    publisher.frame(&mut world, Kind::Video, 20, KEY);
    publisher.frame(&mut world, Kind::Audio, 30, AUDIO);
    let pieces = world.take(player.id, usize::MAX);
    let csids: Vec<_> = pieces[1..].iter().map(|piece| piece[0]).collect();
    assert_eq!(csids, [7, 7, 7, 7], "behind the metadata: two headers and two frames");
}

#[test]
fn sound_waits_for_a_picture_unless_there_is_none() {
    let mut world = world("wait_video on; gop_cache off;");
    let mut publisher = publisher(&mut world);
    let mut one = player(&mut world, &[]);
    heard(&mut one, &mut world);
    publisher.frame(&mut world, Kind::Audio, 10, AUDIO);
    publisher.frame(&mut world, Kind::Video, 20, KEY);
    publisher.frame(&mut world, Kind::Audio, 30, AUDIO);
    assert_eq!(heard(&mut one, &mut world), ["9 20", "9 20", "8 30", "8 30"]);

    let mut radio = Client::publish(&mut world, "radio");
    let mut listener = Client::play(&mut world, "radio");
    radio.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    radio.frame(&mut world, Kind::Audio, 0, AUDIO);
    assert_eq!(listener.media(&mut world), [], "a picture may still come");
    world.pass(1);
    radio.frame(&mut world, Kind::Audio, 1000, AUDIO);
    assert_eq!(listener.media(&mut world).len(), 2);
}

#[test]
fn data_messages_reach_players_in_order_unless_they_are_turned_off() {
    let text = amf0::encode_all(&["onTextData".into(), Value::Object(Object::default().with("text", "hi"))]);
    let clear = amf0::encode_all(&["@clearDataFrame".into(), "onMetaData".into()]);
    for (directives, expected) in [
        ("gop_cache off;", vec!["9 5", "9 5", "onTextData", "9 7", "onTextData"]),
        ("data_messages off; gop_cache off;", vec!["9 5", "9 5", "9 7"]),
    ] {
        let mut world = world(directives);
        let mut publisher = publisher(&mut world);
        let mut player = player(&mut world, &[]);
        heard(&mut player, &mut world);
        publisher.frame(&mut world, Kind::Video, 5, KEY);
        publisher.frame(&mut world, Kind::Data, 6, &text);
        publisher.frame(&mut world, Kind::Video, 7, INTER);
        publisher.frame(&mut world, Kind::Data, 8, &clear);
        publisher.frame(&mut world, Kind::Data, 8, &text);
        assert_eq!(heard(&mut player, &mut world), expected, "{directives}");
    }
}

#[test]
fn amf3_data_and_a_megabyte_arrive_byte_for_byte() {
    let mut world = world("gop_cache off;");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world, &[]);
    player.receive(&mut world);
    let megabyte: Vec<u8> = (0..1 << 20).map(|n: u32| ((n * 7) >> 3) as u8).collect();
    let large = [b"\x02\x00\x01x\x0c\x00\x10\x00\x00", &megabyte[..]].concat();
    let amf3: &[u8] = b"\x00\x02\x00\x01x\x11\x0c\x05ab";
    publisher.frame(&mut world, Kind::DataAmf3, 3, amf3);
    publisher.frame(&mut world, Kind::Data, 4, &large);
    let messages = player.receive(&mut world);
    let got: Vec<_> = messages.iter().map(|m| (m.type_id, m.timestamp)).collect();
    // The metadata comes first.
    assert_eq!(got[got.len() - 2..], [(15, 3), (18, 4)]);
    let [.., first, second] = &messages[..] else { panic!("{got:?}") };
    assert!(first.payload() == amf3 && second.payload() == large);
}

#[test]
fn further_tracks_come_with_their_headers_or_not_at_all() {
    let header: &[u8] = b"\x96\x00hvc1\x01config";
    let key: &[u8] = b"\x96\x03hvc1\x01frame";
    let colors: &[u8] = b"\xd4hvc1\x02\x00\x09colorInfo\x05";
    for (directives, expected) in [("", 6), ("multitrack off;", 4)] {
        let mut world = world(directives);
        let mut publisher = publisher(&mut world);
        for payload in [header, colors, KEY, key] {
            publisher.frame(&mut world, Kind::Video, 40, payload);
        }
        let mut player = player(&mut world, &[]);
        let media = player.media(&mut world);
        // Audio's header too; without the further track, its header and its frame are missing.
        assert_eq!(media.len(), expected, "{directives}: {media:?}");
        let has = |payload: &[u8]| media.iter().any(|(_, got)| got == payload);
        assert!(has(HEADER) && has(colors) && has(KEY) && has(AUDIO_HEADER));
        assert_eq!((has(header), has(key)), (expected == 6, expected == 6));
    }
}

#[test]
fn held_frames_go_together_after_the_time_or_at_the_cork() {
    let mut world = world("gop_cache off; buffer 100ms; merge_write 350ms;");
    let mut publisher = publisher(&mut world);
    let mut player = player(&mut world, &[]);
    player.receive(&mut world);
    world.engine.take_dirty();
    publisher.frame(&mut world, Kind::Video, 40, KEY);
    assert_eq!(world.engine.take_dirty(), [], "three messages may wait");
    world.now.instant += Duration::from_millis(349);
    world.engine.expire(world.now);
    assert_eq!(world.engine.take_dirty(), []);
    world.now.instant += Duration::from_millis(1);
    world.engine.expire(world.now);
    assert_eq!(world.engine.take_dirty(), [player.id]);
    player.receive(&mut world);
    for time in [80, 120, 160] {
        publisher.frame(&mut world, Kind::Video, time, INTER);
        assert_eq!(world.engine.take_dirty(), []);
    }
    publisher.frame(&mut world, Kind::Video, 200, INTER);
    assert_eq!(world.engine.take_dirty(), [player.id], "out_cork is reached");
}

#[test]
fn a_busy_server_does_not_ask_a_silent_client() {
    let mut world = world("");
    let silent = player(&mut world, &[]);
    world.pass(61);
    assert!(!world.is_open(silent.id));
}

#[test]
fn a_drain_asks_those_to_reconnect_that_can() {
    let mut world = world("");
    let [mut able, mut watching] = ["publish", "play"].map(|command| {
        let mut client = Client::open(&mut world);
        client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
        let object = Object::default().with("app", "live").with("capsEx", 1.0);
        client.command(&mut world, &["connect".into(), 1.0.into(), Value::Object(object)]);
        client.command(&mut world, &[command.into(), 2.0.into(), Value::Null, "a".into()]);
        client.receive(&mut world);
        client
    });
    let mut other = player(&mut world, &[]);
    other.receive(&mut world);
    world.engine.drain(world.now);
    world.end_turn();
    let request = ["NetConnection.Connect.ReconnectRequest"];
    assert_eq!(watching.codes(&mut world), request);
    assert_eq!(other.codes(&mut world), Vec::<String>::new());
    assert_eq!(able.codes(&mut world), Vec::<String>::new(), "it may have more under way");
    world.now.instant += Duration::from_secs(1);
    while world.engine.expire(world.now) {}
    assert!(world.end_turn().contains(&Action::SendUnsolicited(able.id)));
    world.engine.send_unsolicited(able.id, world.now);
    assert_eq!(able.codes(&mut world), request);
    able.frame(&mut world, Kind::Video, 0, HEADER);
    able.frame(&mut world, Kind::Video, 0, KEY);
    assert_eq!(other.media(&mut world).len(), 2, "and serves on until they have gone");
}

#[test]
fn sound_waits_for_the_picture_of_another_publisher_too() {
    let mut world = world("wait_video on; publish_conflict replace; gop_cache off;");
    let _first = publisher(&mut world);
    let mut player = player(&mut world, &[]);
    world.pass(5);
    let mut second = Client::publish(&mut world, "a");
    heard(&mut player, &mut world);
    for (kind, payload) in
        [(Kind::Audio, AUDIO_HEADER), (Kind::Audio, AUDIO), (Kind::Video, HEADER), (Kind::Video, KEY)]
    {
        second.frame(&mut world, kind, 0, payload);
    }
    let media = player.media(&mut world);
    assert_eq!(media.iter().map(|(_, payload)| &payload[..]).collect::<Vec<_>>(), [HEADER, KEY]);
}

#[test]
fn a_players_first_metadata_is_whole_and_the_publishers_own_is_not_passed_on() {
    let metadata = |width: f64| {
        let object = Object::default().with("width", width).with("secret", "x");
        amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)])
    };
    let mut world = world("");
    let mut early = player(&mut world, &[]);
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Data, 0, &metadata(640.0));
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    publisher.frame(&mut world, Kind::Data, 20, &metadata(320.0));
    let mut late = player(&mut world, &[]);
    for (client, count) in [(&mut early, 2), (&mut late, 1)] {
        let messages = client.receive(&mut world);
        let data = messages.iter().filter(|message| message.payload().starts_with(b"\x02\x00\x0aonMetaData"));
        let data: Vec<_> = data.map(|message| amf0::decode(message.payload()).unwrap().remove(1)).collect();
        assert_eq!(data.len(), count);
        for object in data.iter().map(|value| value.as_object().unwrap()) {
            assert_eq!(
                (object.number("videocodecid"), object.number("audiocodecid")),
                (Some(7.0), Some(10.0))
            );
            assert_eq!(object.get("secret"), None);
        }
    }
}

#[test]
fn a_cached_group_comes_with_the_headers_that_it_was_made_with() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let changed: &[u8] = &[0xaf, 0, 0x11, 0x90];
    for payload in [AUDIO, changed, AUDIO] {
        publisher.frame(&mut world, Kind::Audio, 10, payload);
    }
    let mut player = player(&mut world, &[]);
    let media = player.media(&mut world);
    let audio: Vec<_> =
        media.iter().map(|(_, payload)| &payload[..]).filter(|payload| payload[0] == 0xaf).collect();
    assert_eq!(audio, [AUDIO_HEADER, AUDIO, changed, AUDIO]);

    // Sound that has no header yet when the group begins is left out up to it.
    let mut publisher = Client::publish(&mut world, "b");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    for payload in [AUDIO, AUDIO_HEADER, AUDIO] {
        publisher.frame(&mut world, Kind::Audio, 10, payload);
    }
    let media = Client::playing(&mut world, "b").media(&mut world);
    let audio: Vec<_> =
        media.iter().map(|(_, payload)| &payload[..]).filter(|payload| payload[0] == 0xaf).collect();
    assert_eq!(audio, [AUDIO_HEADER, AUDIO]);
}

#[test]
fn without_further_tracks_the_default_one_comes_as_if_it_were_alone() {
    let mut world = world("multitrack off; gop_cache off;");
    let mut player = Client::playing(&mut world, "a");
    let mut publisher = Client::publish(&mut world, "a");
    for payload in [
        &b"\x96\x10vp09\x00\x00\x00\x01A\x01\x00\x00\x01B"[..],
        b"\x96\x01vp09\x01another",
        b"\x96\x11vp09\x00\x00\x00\x01C\x01\x00\x00\x01D",
        b"\xa6\x01vp09\x00E",
    ] {
        publisher.frame(&mut world, Kind::Video, 0, payload);
    }
    let media = player.media(&mut world);
    let payloads: Vec<_> = media.iter().map(|(_, payload)| &payload[..]).collect();
    assert_eq!(payloads, [&b"\x90vp09A"[..], b"\x91vp09C", b"\xa1vp09E"]);
}

#[test]
fn a_session_that_also_publishes_outlives_the_stream_that_it_plays() {
    let mut world = world("idle_streams off;");
    let first = publisher(&mut world);
    let mut both = Client::publish(&mut world, "b");
    both.command_on(&mut world, 2, &["play".into(), 2.0.into(), Value::Null, "a".into()]);
    both.command_on(&mut world, 3, &["play".into(), 2.0.into(), Value::Null, "nobody".into()]);
    world.engine.disconnected(first.id, "gone", world.now);
    world.end_turn();
    assert!(world.is_open(both.id));
    assert_eq!(world.engine.cx.sessions.get(both.id).unwrap().roles.len(), 1);
}

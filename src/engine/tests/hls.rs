//! The timers of HLS in virtual time: of streams that have ended, and of the check of the ledgers.

use std::fs;
use std::path::Path;

use crate::auth::segment_token::SegmentSigner;
use crate::engine::tests::*;
use crate::test_folder::Folder;

/// Two applications whose playlists have the same names.
fn world() -> World {
    let app = |name| {
        format!("application {name} {{ live on; hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s; }}")
    };
    let (one, two) = (app("live"), app("other"));
    World::configured(table(), &format!("rtmp {{ server {{ listen 127.0.0.1:0; {one} {two} }} }}"))
}

/// Publishes two seconds and stops.
fn publish(world: &mut World, app: &str, name: &str) {
    let mut publisher = Client::connect(world, app);
    publisher.command(world, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
    publisher.frame(world, Kind::Video, 0, HEADER);
    for number in 0..50 {
        let payload = if number % 25 == 0 { KEY } else { INTER };
        publisher.frame(world, Kind::Video, number * 40, payload);
    }
    publisher.command(world, &["closeStream".into(), 0.0.into(), Value::Null]);
}

fn awaited(world: &World) -> Vec<String> {
    let (awaited, now) = (&world.engine.cx.awaited, world.now.instant);
    let of = |app| awaited.of(AppId(app), now).map(move |(name, _)| format!("{app}/{name}"));
    [0, 1].into_iter().flat_map(of).collect()
}

#[test]
fn a_playlist_that_another_application_continues_is_not_awaited_any_more() {
    let mut world = world();
    publish(&mut world, "live", "cam");
    assert_eq!(awaited(&world), ["0/cam"]);
    world.pass(10);
    publish(&mut world, "other", "cam");
    assert_eq!(awaited(&world), ["1/cam"]);
    world.pass(29);
    assert_eq!(awaited(&world), ["1/cam"]);
    world.pass(2);
    assert_eq!(awaited(&world), [""; 0]);
    world.pass(600);
    assert!(world.engine.cx.memory.is_empty(), "its files are removed, too");
}

/// A server whose application has these directives, and a publisher of live/cam that has sent two seconds.
fn publisher_with(config: &str) -> (World, Client) {
    let mut world = World::configured(table(), config);
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    for number in 0..50 {
        let payload = if number % 25 == 0 { KEY } else { INTER };
        publisher.frame(&mut world, Kind::Video, number * 40, payload);
    }
    (world, publisher)
}

/// The seconds from now on in which a stream is live, or its viewers wait for it.
fn seconds_awaited(world: &mut World) -> usize {
    let mut seconds = 0;
    while world.engine.cx.streams.iter().any(Stream::is_live) || !awaited(world).is_empty() {
        world.pass(1);
        seconds += 1;
    }
    seconds
}

#[test]
fn the_grace_that_a_playlist_has_waited_is_the_one_that_was_waited() {
    let text = |grace: &str| {
        let hls = "hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s; hls_endlist 60s;";
        format!(
            "rtmp {{ server {{ listen 1935; application live {{ live on; publish_grace {grace}; {hls} }} }} }}"
        )
    };
    let gone = "reload_grace 5s; rtmp { server { listen 1935; application other { } } }";
    for (before, reloads) in [("50s", vec![text("1s")]), ("1s", vec![text("50s")]), ("50s", vec![])] {
        let (mut world, publisher) = publisher_with(&text(before));
        reloads.iter().for_each(|next| world.reload(next));
        world.engine.lost(publisher.id, world.now);
        world.end_turn();
        assert_eq!(seconds_awaited(&mut world), 60, "{before} {reloads:?}");
    }
    // The application is gone, and so the grace ends early.
    let (mut world, publisher) = publisher_with(&text("50s"));
    world.engine.lost(publisher.id, world.now);
    world.reload(gone);
    assert_eq!(seconds_awaited(&mut world), 60);
}

#[test]
fn the_limit_of_the_memory_acts_on_streams_that_are_running() {
    let text = |size: &str| {
        let hls = "hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s;";
        format!(
            "rtmp {{ hls_memory_size {size}; server {{ listen 1935; application live {{ live on; {hls} }} }} }}"
        )
    };
    let (mut world, mut publisher) = publisher_with(&text("8m"));
    let mut time = 2000;
    let mut send_to = |world: &mut World, end| {
        while time < end {
            let mut payload = vec![0x17, 1, 0, 0, 0, 0, 1, 0x86, 0xa0, 0x65, 0x88];
            payload.resize(9 + 100_000, 2);
            publisher.frame(world, Kind::Video, time, &payload);
            time += 200;
        }
    };
    send_to(&mut world, 12_000);
    let megabyte = 1 << 20;
    let bytes = |world: &World| world.engine.cx.memory.bytes();
    assert!(bytes(&world) > 4 * megabyte, "{}", bytes(&world));
    world.reload(&text("2m"));
    assert!(bytes(&world) <= 2 * megabyte, "at once: {}", bytes(&world));
    send_to(&mut world, 20_000);
    let list = world.engine.cx.memory.get(Path::new("/x/hls/cam.m3u8")).unwrap().read().unwrap();
    let list = String::from_utf8(list).unwrap();
    assert!(!list.contains("DISCONTINUITY\n") && list.contains("EXTINF"), "nothing is lost: {list}");
    assert!(bytes(&world) > megabyte && bytes(&world) <= 2 * megabyte, "{}", bytes(&world));
    world.reload(&text("8m"));
    send_to(&mut world, 40_000);
    assert!(bytes(&world) > 4 * megabyte, "{}", bytes(&world));
}

#[test]
fn a_ledger_that_is_removed_is_written_again_as_long_as_there_are_files() {
    let folder = Folder::new();
    let hls = format!("hls on; hls_path {}; hls_endlist off; hls_playlist_length 1m;", folder.display());
    let config = format!("rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {hls} }} }} }}");
    let mut world = World::configured(table(), &config);
    let ledger = folder.join(".millstream-hls");
    publish(&mut world, "live", "cam");
    fs::remove_file(&ledger).unwrap();
    world.pass(30);
    assert!(!ledger.exists());
    world.pass(30);
    assert_eq!(fs::read_to_string(&ledger).unwrap(), "+ flat cam\n");
    // The files are removed after twice the length of the playlist.
    world.pass(300);
    assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
}

#[test]
fn a_name_is_refused_on_message_stream_0_as_on_any_other() {
    for (msid, code) in
        [(0, "NetStream.Publish.BadName"), (2, "NetStream.Publish.BadName"), (1, "NetStream.Publish.Start")]
    {
        let hls = "hls on; hls_path /x/hls; hls_memory on; hls_variant _low;";
        let config =
            format!("rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {hls} }} }} }}");
        let mut world = World::configured(table(), &config);
        let mut publisher = Client::publish(&mut world, "cam_low");
        publisher.codes(&mut world);
        publisher.command_on(&mut world, msid, &["publish".into(), 3.0.into(), Value::Null, "cam".into()]);
        assert_eq!(
            publisher.codes(&mut world),
            [code],
            "{msid}: only its own message stream ends cam_low before"
        );
    }
}

#[test]
fn what_an_earlier_run_has_left_in_a_folder_that_comes_with_a_reload_is_removed() {
    let folder = Folder::new();
    let config = |hls: &str| {
        format!("rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {hls} }} }} }}")
    };
    let hls = format!("hls on; hls_path {}; hls_endlist off; hls_playlist_length 1m;", folder.display());
    publish(&mut World::configured(table(), &config(&hls)), "live", "cam");
    assert!(folder.list("").contains(&"cam.m3u8".to_owned()), "{:?}", folder.list(""));
    let mut world = World::configured(table(), &config(""));
    world.pass(600);
    world.reload(&config(&hls));
    world.pass(60);
    assert!(folder.list("").contains(&"cam.m3u8".to_owned()), "not before its time");
    world.pass(300);
    assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
}

/// The token of a fragment of an application, which HLS has given a secret.
fn token(world: &World, app: usize) -> Option<String> {
    world.engine.cx.viewing.signers.get(AppId(app)).map(|signer| signer.token("live/cam", "1.ts"))
}

#[test]
fn guarded_applications_have_secrets_from_the_start_on_and_a_reload_changes_them_at_once() {
    let app = |name: &str, more: &str| {
        format!("application {name} {{ live on; hls on; hls_path /x/hls-{name}; hls_memory on; {more} }}")
    };
    let text = |apps: &[String]| format!("rtmp {{ server {{ listen 1935; {} }} }}", apps.concat());
    let (open, given) = (app("a", ""), app("c", "play_key k; hls_token_secret 0123456789abcdef;"));
    let mut world =
        World::configured(table(), &text(&[open.clone(), app("b", "play_key k;"), given.clone()]));
    world.engine.start(world.now);
    let random = token(&world, 1);
    let expected = SegmentSigner::new(b"0123456789abcdef").token("live/cam", "1.ts");
    assert!(random.is_some() && random.as_deref() != Some(&expected));
    assert_eq!((token(&world, 0), token(&world, 2)), (None, Some(expected.clone())));
    // The first is guarded now, the third has a random secret, and that of the second stays.
    let guarded = app("a", "play_key k; hls_token_secret 0123456789abcdef;");
    world.reload(&text(&[guarded, app("b", "play_key k; "), app("c", "play_key k;")]));
    assert_eq!((token(&world, 0), token(&world, 1)), (Some(expected.clone()), random.clone()));
    assert!(token(&world, 2).is_some_and(|token| token != expected));
    world.reload(&text(&[open, app("b", "hls_token_secret off; play_key k;"), given]));
    assert_eq!((token(&world, 0), token(&world, 1), token(&world, 2)), (None, random, Some(expected)));
    world.reload(&text(&[]));
    world.pass(60);
    assert_eq!((token(&world, 1), token(&world, 2)), (None, None), "they are gone");
}

//! The live answer: its head, its framing, and what follows.

use super::*;

#[test]
fn a_player_gets_the_head_the_flv_header_and_a_chunk_for_each_tag_from_time_0_on() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let mut player = HttpClient::get(&mut world, "/live/a.flv");
    let (status, head) = player.head(&mut world);
    assert_eq!(status, "HTTP/1.1 200 OK");
    for field in [
        "Content-Type: video/x-flv",
        "Transfer-Encoding: chunked",
        "Cache-Control: no-store",
        "Connection: close",
    ] {
        assert!(head.contains(&format!("{field}\r\n")), "{head}");
    }
    let chunks = player.chunks(&mut world);
    assert_eq!(chunks[0], b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
    let tags: Vec<_> = chunks[1..].iter().map(|chunk| tag(chunk)).collect();
    assert_eq!(media(&tags), [(9, 0), (8, 0), (9, 0), (8, 10)], "the group of the GOP cache");
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    assert_eq!(player.tags(&mut world), [(9, 40, INTER.to_vec())]);
}

#[test]
fn the_same_image_is_sent_to_all_players_over_http() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let mut players: Vec<_> = (0..3).map(|_| HttpClient::get(&mut world, "/live/a.flv")).collect();
    players.iter_mut().for_each(|player| _ = player.read(&mut world));
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    let addresses: Vec<_> = players.iter().map(|player| player.send_one_piece(&mut world)).collect();
    assert!(addresses.iter().all(|address| *address == addresses[0]), "{addresses:?}");
}

#[test]
fn without_chunks_the_tags_follow_the_head_until_the_connection_is_closed() {
    let mut world = world("");
    let mut publisher = publisher(&mut world);
    let mut player = HttpClient::ask(&mut world, "GET /live/a.flv HTTP/1.0\r\n\r\n");
    let (_, head) = player.head(&mut world);
    assert!(!head.contains("Transfer-Encoding") && head.contains("Connection: close"), "{head}");
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    let (flags, tags) = file(player.read(&mut world));
    assert_eq!((flags, media(&tags)), (5, vec![(9, 0), (8, 0), (9, 0), (8, 10), (9, 40)]));
    publisher.command(&mut world, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    assert!(!player.is_open(&world));
}

#[test]
fn a_player_that_waits_gets_the_head_at_once_and_the_stream_when_it_begins() {
    let mut world = world("");
    let mut player = HttpClient::get(&mut world, "/live/a.flv");
    assert_eq!(player.head(&mut world).0, "HTTP/1.1 200 OK");
    world.pass(10);
    assert!(player.read(&mut world).is_empty() && player.is_open(&world));
    let _publisher = publisher(&mut world);
    assert!(!player.tags(&mut world).is_empty());
    world.pass(30);
    assert!(player.is_open(&world));
}

#[test]
fn frames_wait_to_be_sent_together_where_the_application_says_so() {
    let mut world = world("merge_write 200ms;");
    let mut publisher = publisher(&mut world);
    let mut player = HttpClient::get(&mut world, "/live/a.flv");
    player.read(&mut world);
    world.engine.take_dirty();
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    assert!(!world.engine.take_dirty().contains(&player.id));
    world.pass_time(Duration::from_millis(200));
    assert!(world.engine.take_dirty().contains(&player.id));
}

#[test]
fn a_player_is_a_client_of_its_application_with_the_texts_of_its_request() {
    let mut world = world("");
    let _publisher = publisher(&mut world);
    let head = "GET /live/a.flv?x=1 HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: VLC\r\n\
                Referer: http://b.example/page?key=secret\r\n\r\n";
    let player = HttpClient::ask(&mut world, head);
    let app = world.engine.cx.app_of(player.id).unwrap();
    assert_eq!(world.engine.cx.apps.get(app).unwrap().clients, 2);
    let session = world.engine.cx.sessions.get(player.id).unwrap();
    let client = session.client().unwrap();
    assert_eq!(client.tc_url(), "http://a.example:8080/live");
    assert_eq!((client.flash_ver(), client.page_url()), ("VLC", "http://b.example/page"));
    assert_eq!(session.client_protocol(), ClientProtocol::HttpFlv);
    world.engine.lost(player.id, world.now);
    world.end_turn();
    assert_eq!(world.engine.cx.apps.get(app).unwrap().clients, 1);
}

#[test]
fn the_times_begin_anew_before_they_need_more_than_31_bits_and_its_players_with_them() {
    let patient = configuration("").replace("timeout 60s;", "timeout 60s; ping 100d;");
    let mut world = World::configured(table(), &patient);
    let mut publisher = publisher(&mut world);
    let mut player = HttpClient::get(&mut world, "/live/a.flv");
    player.head(&mut world);
    player.tags(&mut world);
    let step: u32 = 500_000_000;
    for count in 1..=4 {
        world.pass_time(Duration::from_millis(step.into()));
        publisher.frame(&mut world, Kind::Video, 5000 + count * step, KEY);
        publisher.receive(&mut world);
        assert_eq!(media(&player.tags(&mut world)).last(), Some(&(9, count * step)));
    }
    world.pass_time(Duration::from_millis(step.into()));
    publisher.frame(&mut world, Kind::Video, 5000 + 5 * step, KEY);
    assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()]);
    assert!(!player.is_open(&world));
    let mut next = HttpClient::get(&mut world, "/live/a.flv");
    next.head(&mut world);
    assert_eq!(media(&next.tags(&mut world)).last(), Some(&(9, 0)));
}

//! Viewers of HLS who have asked for a stream that is pulled.

use super::*;

/// A server whose streams "cam" are pulled from a server that never answers.
fn world() -> World {
    world_with("name=cam")
}

fn world_with(keys: &str) -> World {
    let config = "
        rtmp { server { listen 127.0.0.1:0;
         application live { live on; hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s;
             pull rtmp://away.example/live KEYS; } } }
         http { keepalive_timeout 1h; server { listen 127.0.0.1:0; location /hls { alias /x/hls; } } }";
    World::configured(table(), &config.replace("KEYS", keys))
}

/// A viewer asks for a playlist.
fn view(world: &mut World, name: &str) -> SessionId {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    let request = format!("GET /hls/{name}.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n");
    world.engine.input(id, request.as_bytes(), world.now);
    world.end_turn();
    id
}

/// What the viewer has got so far.
fn answer(world: &mut World, id: SessionId) -> String {
    world.end_turn();
    String::from_utf8(world.take(id, usize::MAX).concat()).unwrap()
}

fn pulls(world: &World) -> usize {
    world.engine.cx.relays().count()
}

#[test]
fn a_viewer_of_a_stream_that_does_not_come_is_told_to_try_again() {
    let mut world = world();
    let viewers = [view(&mut world, "cam"), view(&mut world, "cam")];
    assert_eq!(pulls(&world), 1, "one pull for all of them");
    world.pass(9);
    assert_eq!(viewers.map(|id| answer(&mut world, id)), ["", ""]);
    world.pass(2);
    for id in viewers {
        let answer = answer(&mut world, id);
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{answer}");
    }
}

#[test]
fn a_viewer_has_the_playlist_as_soon_as_it_is_there() {
    let mut world = world();
    let viewer = view(&mut world, "cam");
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    for number in 0..75 {
        let payload = if number % 25 == 0 { KEY } else { INTER };
        publisher.frame(&mut world, Kind::Video, number * 40, payload);
    }
    world.pass(1);
    let answer = answer(&mut world, viewer);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("#EXTM3U"), "{answer}");
}

#[test]
fn a_viewer_of_a_stream_without_a_pull_does_not_wait() {
    let mut world = world();
    let viewer = view(&mut world, "other");
    let answer = answer(&mut world, viewer);
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert_eq!(pulls(&world), 0);
}

#[test]
fn viewers_of_one_address_take_no_more_than_their_share_of_those_who_wait() {
    let mut world = world_with("");
    let waiting: Vec<_> = (0..8).map(|number| view(&mut world, &format!("invented{number}"))).collect();
    let more = view(&mut world, "cam");
    let answer = answer(&mut world, more);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{answer}");
    assert_eq!(pulls(&world), 8);
    for id in waiting {
        assert_eq!(self::answer(&mut world, id), "");
        world.engine.lost(id, world.now);
    }
    world.end_turn();
    let next = view(&mut world, "cam");
    assert_eq!(self::answer(&mut world, next), "", "others have left");
}

#[test]
fn a_variant_is_pulled_for_as_long_as_its_viewer_waits() {
    let mut world = world_with("; pull_linger 1s; hls_variant _hi");
    let viewer = view(&mut world, "cam_hi");
    let pulled =
        |world: &World| world.engine.cx.relays().map(|relay| relay.name.to_string()).collect::<Vec<_>>();
    assert_eq!(pulled(&world), ["cam_hi"]);
    world.pass(5);
    assert_eq!(pulled(&world), ["cam_hi"], "it waits");
    world.engine.lost(viewer, world.now);
    world.pass(5);
    assert_eq!(pulled(&world), [""; 0]);
}

#[test]
fn a_request_that_ends_while_it_waits_leaves_nothing() {
    let mut world = world();
    let viewer = view(&mut world, "cam");
    world.engine.lost(viewer, world.now);
    world.pass(1);
    assert_eq!(world.engine.cx.suspended, 0);
    world.pass(30);
    assert_eq!(pulls(&world), 0, "nobody waits for it any more");
}

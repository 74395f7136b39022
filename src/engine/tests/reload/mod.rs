//! Reloads: what runs goes on with the settings that it keeps, and the rest has the new ones at once.

mod gone;
mod locations;
mod recordings;

use crate::engine::tests::*;

/// A server at port 1935 with these applications.
fn at_1935(applications: &str) -> String {
    format!("rtmp {{ server {{ listen 1935; {applications} }} }}")
}

const LIVE: &str = "application live { live on; }";

/// The times of the media that a client has got.
fn times(client: &mut Client, world: &mut World) -> Vec<u32> {
    client.media(world).into_iter().map(|(time, _)| time).collect()
}

/// A publisher of live/cam that has sent its header and a key frame.
fn publisher(world: &mut World) -> Client {
    let mut publisher = Client::publish(world, "cam");
    publisher.frame(world, Kind::Video, 0, HEADER);
    publisher.frame(world, Kind::Video, 0, KEY);
    publisher.receive(world);
    publisher
}

#[test]
fn publisher_and_players_go_on_without_a_lost_frame_and_who_joins_later_sees_the_stream() {
    let mut world = World::configured(table(), &at_1935(LIVE));
    let mut publisher = publisher(&mut world);
    let mut player = Client::play(&mut world, "cam");
    let texts = [
        at_1935(LIVE),
        at_1935(
            "chunk_size 8192; application live { live on; publish_grace 5s; } application new { live on; }",
        ),
        at_1935("application first { live on; } application live { live on; meta off; }"),
        format!(
            "rtmp {{ server {{ listen 1936; {LIVE} }} server {{ listen 1935; listen 1937; application a {{ }} {LIVE} }} }}"
        ),
        at_1935(LIVE),
    ];
    for (number, text) in (1..).zip(&texts) {
        world.reload(text);
        publisher.frame(&mut world, Kind::Video, number * 40, INTER);
        assert_eq!(times(&mut player, &mut world), [number * 40], "{text}");
    }
    let mut late = Client::play(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 240, INTER);
    assert_eq!(times(&mut late, &mut world), [240], "and before, with its answer, the cached frames");
    assert_eq!((world.engine.session_count(), world.engine.cx.streams.iter().count()), (3, 1));
}

#[test]
fn an_application_keeps_its_id_wherever_it_stands_in_the_file_and_whatever_server_is_before() {
    let ids = |world: &World| {
        let apps = world.engine.cx.apps.iter();
        apps.map(|(id, app)| format!("{} {}", id.0, app.name)).collect::<Vec<_>>().join(", ")
    };
    let mut world = World::configured(table(), &at_1935("application a { } application b { }"));
    assert_eq!(ids(&world), "0 a, 1 b");
    world.reload(&at_1935("application b { } application c { } application a { }"));
    assert_eq!(ids(&world), "0 a, 1 b, 2 c");
    world.reload(
        "rtmp { server { listen 1936; application a { } } server { listen 1935; application c { } } }",
    );
    assert_eq!(ids(&world), "2 c, 3 a", "b is gone and unused, and the other a has another address");
    world.reload("rtmp { server { listen 1936; listen 1935; application a { } application d { } } }");
    assert_eq!(ids(&world), "0 d, 3 a");
}

#[test]
fn streams_go_on_when_the_address_of_their_server_becomes_narrower_or_wider() {
    let at = |listen: &str| format!("rtmp {{ server {{ {listen} {LIVE} }} }}");
    let mut world = World::configured(table(), &at("listen 1935;"));
    let publisher = publisher(&mut world);
    for listen in ["listen 192.0.2.2:1935;", "listen 192.0.2.2:1936; listen 1935;"] {
        world.reload(&at(listen));
        world.pass(12);
        assert!(world.is_open(publisher.id), "{listen}");
    }
}

#[test]
fn at_port_zero_the_servers_are_told_apart_by_their_order() {
    let server = |app: &str| format!("server {{ listen 127.0.0.1:0; application {app} {{ live on; }} }}");
    let two = |one: &str, two: &str| {
        format!("rtmp {{ {} {} }} http {{ server {{ listen 127.0.0.1:0; }} }}", server(one), server(two))
    };
    let mut world = World::configured(table(), &two("a", "b"));
    let ids = |world: &World| world.engine.listeners().iter().map(|listener| listener.id).collect::<Vec<_>>();
    let before = ids(&world);
    let mut client = Client::open_at(&mut world, 1);
    client.connect_with(&mut world, &[("app", "b")]);
    world.reload(&two("c", "b"));
    assert_eq!(ids(&world), before);
    world.pass(9);
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "cam".into()]);
    world.pass(9);
    assert!(client.codes(&mut world).contains(&"NetStream.Publish.Start".to_owned()));
}

#[test]
fn a_session_keeps_the_settings_of_its_server_that_it_has_begun_with() {
    let text = |ping: &str| at_1935(&format!("ping {ping}; ping_timeout 5s; {LIVE}"));
    let mut world = World::configured(table(), &text("1h"));
    let settings = |world: &World| {
        let server = world.engine.cx.servers.values().next().unwrap();
        Rc::downgrade(&server.settings)
    };
    let old = settings(&world);
    let mut before = publisher(&mut world);
    world.reload(&text("10s"));
    let silent = Client::play(&mut world, "cam");
    world.pass(30);
    assert!(!world.is_open(silent.id) && world.is_open(before.id), "only the later one is pinged");
    assert!(old.upgrade().is_some());
    before.command(&mut world, &["deleteStream".into(), 0.0.into(), Value::Null, 1.0.into()]);
    world.engine.disconnected(before.id, "gone", world.now);
    world.end_turn();
    assert!(old.upgrade().is_none(), "the last session that had them is gone");
}

#[test]
fn a_cache_that_is_switched_off_is_freed_at_once_and_one_that_is_on_begins_with_a_key_frame() {
    let text = |gop: &str| at_1935(&format!("application live {{ live on; gop_cache {gop}; }}"));
    let mut world = World::configured(table(), &text("on"));
    let cached = |world: &World| world.engine.cx.streams.iter().next().unwrap().gop.frames().len();
    let mut publisher = publisher(&mut world);
    assert_eq!(cached(&world), 1);
    world.reload(&text("off"));
    assert_eq!(cached(&world), 0);
    world.reload(&text("on"));
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    assert_eq!(cached(&world), 0);
    publisher.frame(&mut world, Kind::Video, 80, KEY);
    publisher.frame(&mut world, Kind::Video, 120, INTER);
    assert_eq!(cached(&world), 2);
    world.reload(&at_1935("application live { live on; gop_max_frame_count 2; }"));
    publisher.frame(&mut world, Kind::Video, 160, INTER);
    assert_eq!(cached(&world), 0, "three are too many");
}

#[test]
fn metadata_changes_for_those_who_join_later() {
    let text = |meta: &str| at_1935(&format!("application live {{ live on; meta {meta}; }}"));
    let mut world = World::configured(table(), &text("on"));
    let _publisher = publisher(&mut world);
    let has_metadata = |world: &mut World| {
        let mut player = Client::playing(world, "cam");
        player.receive(world).iter().any(|message| message.type_id == 18 && message.payload().len() > 60)
    };
    assert!(has_metadata(&mut world));
    world.reload(&text("off"));
    assert!(!has_metadata(&mut world));
    world.reload(&text("on"));
    assert!(has_metadata(&mut world));
}

#[test]
fn limits_change_at_once_and_what_they_count_stays() {
    let text = |limits: [&str; 3]| {
        let [all, server, app] = limits;
        format!("{all} rtmp {{ server {{ listen 1935; {server} application live {{ live on; {app} }} }} }}")
    };
    // Two are connected; how far does a third get?
    for (limits, is_accepted, is_connected) in [
        (["max_connections 2;", "", ""], false, false),
        (["", "max_connections 2;", ""], false, false),
        (["", "", "max_connections 2;"], true, false),
        (["max_connections_per_address 2;", "", ""], false, false),
        (["max_connections 3;", "max_connections 3;", "max_connections 3;"], true, true),
    ] {
        let mut world = World::configured(table(), &text(["", "", ""]));
        let _clients = [(); 2].map(|()| Client::connect(&mut world, "live"));
        world.reload(&text(limits));
        let before = world.engine.cx.refusals;
        if is_accepted {
            let third = Client::connect(&mut world, "live");
            assert_eq!(world.is_open(third.id), is_connected, "{limits:?}");
        } else {
            assert!(world.engine.accept(0, ENDS, world.now).is_err(), "{limits:?}");
        }
        assert_eq!(world.engine.cx.refusals == before, is_connected, "{limits:?}");
    }
}

#[test]
fn budgets_change_at_once_and_those_of_the_machine_come_back() {
    let mut world = World::configured(table(), &at_1935(LIVE));
    let limits = |world: &World| {
        let budgets = &world.engine.cx.budgets;
        (budgets.input.limit >> 20, budgets.media.limit >> 20, budgets.media_bound >> 20)
    };
    world.engine.set_memory(1 << 30);
    assert_eq!(limits(&world), (64, 64, 64));
    world.reload(&format!("input_memory_size 2m; media_memory_size 3m; {}", at_1935(LIVE)));
    assert_eq!(limits(&world), (2, 3, 3));
    world.reload(&at_1935(LIVE));
    assert_eq!(limits(&world), (64, 64, 64));
}

#[test]
fn addresses_are_counted_again_when_their_limit_goes_and_comes() {
    let mut world = World::configured(table(), &at_1935(LIVE));
    let limited = format!("max_connections_per_address 1; {}", at_1935(LIVE));
    let client = Client::connect(&mut world, "live");
    world.reload(&limited);
    assert!(world.engine.accept(0, ENDS, world.now).is_err());
    world.reload(&at_1935(LIVE));
    let other = world.engine.accept(0, ENDS, world.now).unwrap();
    for id in [client.id, other] {
        world.engine.disconnected(id, "gone", world.now);
    }
    world.end_turn();
    world.reload(&limited);
    assert!(world.engine.accept(0, ENDS, world.now).is_ok());
}

#[test]
fn a_publisher_is_measured_by_the_limits_that_hold_now() {
    let text = |limit: &str| at_1935(&format!("application live {{ live on; {limit} }}"));
    let mut world = World::configured(table(), &text(""));
    let mut publisher = publisher(&mut world);
    world.pass(20);
    world.reload(&text("publish_max_duration 1h;"));
    world.pass(2);
    assert!(publisher.codes(&mut world).iter().all(|code| code != "NetStream.Publish.Rejected"));
    world.reload(&text("publish_max_duration 10s;"));
    world.pass(2);
    assert!(publisher.codes(&mut world).contains(&"NetStream.Publish.Rejected".to_owned()));
}

#[test]
fn what_a_publisher_has_sent_counts_for_a_lower_bitrate() {
    let text =
        |bitrate: &str| at_1935(&format!("application live {{ live on; publish_max_bitrate {bitrate}; }}"));
    let mut world = World::configured(table(), &text("100k"));
    let mut publisher = publisher(&mut world);
    // 100k lets 125 000 bytes through in 10 s, and 50k half of that.
    publisher.frame(&mut world, Kind::Video, 40, &[INTER, &[0; 100_000]].concat());
    world.reload(&text("50k"));
    let rejected = "NetStream.Publish.Rejected".to_owned();
    assert!(!publisher.codes(&mut world).contains(&rejected));
    publisher.frame(&mut world, Kind::Video, 80, INTER);
    assert!(publisher.codes(&mut world).contains(&rejected));
}

#[test]
fn a_silent_publisher_is_dropped_by_the_time_that_holds_now() {
    let text = |drop: &str| {
        let app = format!("application live {{ live on; drop_idle_publisher {drop}; }}");
        at_1935(&format!("ping 1h; timeout 1h; {app}"))
    };
    let mut world = World::configured(table(), &text("off"));
    let mut publisher = publisher(&mut world);
    world.pass(12);
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    world.pass(3);
    world.reload(&text("10s"));
    world.pass(6);
    assert!(world.is_open(publisher.id));
    world.pass(2);
    assert!(!world.is_open(publisher.id));
}

#[test]
fn the_application_of_stream_from_app_is_found_by_its_new_place() {
    let mut world = World::configured(table(), &at_1935(&format!("stream_from_app live; {LIVE}")));
    world.reload(&at_1935(&format!("stream_from_app live; application other {{ }} {LIVE}")));
    let mut client = Client::connect(&mut world, "cam");
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "".into()]);
    assert_eq!(&*world.engine.cx.streams.iter().next().unwrap().label, "live/cam");
}

#[test]
fn a_grace_that_runs_goes_on_and_the_publisher_may_return() {
    let text = |grace: &str| at_1935(&format!("application live {{ live on; publish_grace {grace}; }}"));
    let mut world = World::configured(table(), &text("30s"));
    let publisher = publisher(&mut world);
    let mut player = Client::play(&mut world, "cam");
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    world.reload(&text("0"));
    world.pass(20);
    let mut back = Client::publish(&mut world, "cam");
    back.frame(&mut world, Kind::Video, 0, HEADER);
    back.frame(&mut world, Kind::Video, 0, KEY);
    assert!(!times(&mut player, &mut world).is_empty());
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let texts = [
        format!("{} http {{ server {{ listen 80; root /a; }} }}", at_1935(LIVE)),
        format!(
            "{} http {{ server {{ listen 80; location /b {{ }} location /c {{ }} }} }}",
            at_1935(&format!("application other {{ live on; }} {LIVE}"))
        ),
        format!("rtmp {{ server {{ listen 1936; application a {{ }} }} server {{ listen 1935; {LIVE} }} }}"),
    ];
    let mut world = World::configured(table(), &texts[0]);
    let mut publisher = publisher(&mut world);
    let mut player = Client::play(&mut world, "cam");
    for number in 1..=1000u32 {
        world.pass_time(Duration::from_millis(40));
        world.reload(&texts[number as usize % 3]);
        publisher.frame(&mut world, Kind::Video, number * 40, INTER);
        assert_eq!(times(&mut player, &mut world), [number * 40]);
    }
    let cx = &world.engine.cx;
    assert!(cx.apps.iter().all(|(id, _)| id.0 < 4) && cx.servers.iter().count() == 1);
    assert!(cx.old_locations.is_empty() && cx.listeners.len() == 2 && cx.gone_check.is_none());
}

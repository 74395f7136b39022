//! The walk over applications, streams and clients.

use crate::engine::tests::*;

const TWO_APPS: &str = "rtmp { server { listen 127.0.0.1:0;
    application z { live on; } application live { live on; publish_grace 10s; } } }";

/// Walks to the end, and tells what was visited: application, stream, the number of a client's session.
fn visited(world: &World, mut walk: Walk) -> String {
    let (cx, mut text) = (&world.engine.cx, String::new());
    while let Some(visit) = walk.next(cx) {
        text += &match visit {
            Visit::Partly => continue,
            Visit::App(app) => format!("{}(", cx.apps.get(app).unwrap().name),
            Visit::Stream(id) => format!("{}[", cx.streams.get(id).unwrap().name),
            Visit::Client(_, client) => format!("{} ", client.session),
            Visit::StreamEnd(_) => "]".to_owned(),
            Visit::AppEnd(_) => ")".to_owned(),
        };
    }
    text
}

#[test]
fn a_walk_visits_applications_as_configured_streams_by_name_and_publishers_first() {
    let mut world = World::configured(table(), TWO_APPS);
    let early = Client::play(&mut world, "b");
    let clients = ["b", "a"].map(|name| Client::publish(&mut world, name));
    let late = Client::play(&mut world, "b");
    let cx = &world.engine.cx;
    let expected = format!("z()live(a[{} ]b[{} {} {} ])", clients[1].id, clients[0].id, early.id, late.id);
    assert_eq!(visited(&world, Walk::new(cx)), expected);
    assert_eq!(visited(&world, Walk::new(cx).without_clients()), "z()live(a[]b[])");
    world.reload(
        "rtmp { server { listen 127.0.0.1:0;
            application new { live on; } application live { live on; } application z { live on; } } }",
    );
    assert_eq!(visited(&world, Walk::new(&world.engine.cx).without_clients()), "new()live(a[]b[])z()");
    assert_eq!(visited(&World::standard(), Walk::new(&World::standard().engine.cx)), "live()closed()");
}

#[test]
fn what_has_gone_meanwhile_is_left_out_and_what_was_entered_is_left() {
    let mut world = World::configured(table(), TWO_APPS);
    let mut publishers = ["a", "b"].map(|name| Client::publish(&mut world, name));
    let mut players = [(); 3].map(|()| Client::play(&mut world, "a"));
    let mut walk = Walk::new(&world.engine.cx);
    let mut visits = Vec::new();
    while let Some(visit) = walk.next(&world.engine.cx) {
        visits.push(visit);
        if matches!(visit, Visit::Client(_, client) if client.session == players[0].id) {
            // Players and publisher of the present stream leave, and so does the next stream.
            for client in players.iter_mut().chain(&mut publishers) {
                client.command(&mut world, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
            }
        }
    }
    let clients = visits.iter().filter(|visit| matches!(visit, Visit::Client(..))).count();
    let streams = visits.iter().filter(|visit| matches!(visit, Visit::Stream(_))).count();
    let ends = visits.iter().filter(|visit| matches!(visit, Visit::StreamEnd(_))).count();
    assert_eq!((clients, streams, ends), (2, 1, 1));
    assert!(matches!(visits.last(), Some(Visit::AppEnd(_))));
}

#[test]
fn by_name_applications_and_streams_of_one_name_are_one() {
    let mut world = World::configured(
        table(),
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } application z { live on; } }
            server { listen 127.0.0.1:0; application live { live on; } application y { live on; } } }",
    );
    let _first = [Client::publish(&mut world, "b"), Client::publish(&mut world, "c")];
    for (name, command) in [("b", "publish"), ("a", "publish"), ("c", "play")] {
        let mut client = Client::open_at(&mut world, 1);
        client.connect_with(&mut world, &[("app", "live")]);
        client.command(&mut world, &[command.into(), 2.0.into(), Value::Null, name.into()]);
    }
    let cx = &world.engine.cx;
    assert_eq!(visited(&world, Walk::new(cx).without_clients()), "live(b[]c[])z()live(a[]b[]c[])y()");
    assert_eq!(visited(&world, Walk::by_name(cx).without_clients()), "live(a[]b[]c[])z()y()");
    let stream = cx.stream_of_label("live/c").unwrap();
    let publisher = stream.publisher.unwrap().session;
    assert_eq!(
        visited(&world, Walk::of_stream(stream.id)),
        format!("c[{publisher} ]"),
        "not the one that only waits"
    );
    assert!(cx.stream_of_label("live/none").is_none() && cx.stream_of_label("livec").is_none());
}

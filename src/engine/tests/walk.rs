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

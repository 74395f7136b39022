//! Applications and servers that the next configuration does not have.

use super::*;
use crate::engine::tests::gates::Setup;
use crate::engine::tests::shared_object::{changed, greeting, set};

const OTHER: &str = "application other { live on; }";

fn gone(app: &str) -> String {
    format!("the application \"{app}\" is gone since the reload")
}

impl Client {
    /// The descriptions of the status messages that the client has got with this code.
    fn reasons(&mut self, world: &mut World, code: &str) -> Vec<String> {
        let messages = self.receive(world);
        let commands = messages.iter().filter(|message| message.type_id == 20);
        let values = commands.filter_map(|message| amf0::decode(message.payload()).ok()?.pop());
        let status =
            values.filter(|value| value.as_object().and_then(|status| status.str("code")) == Some(code));
        status.filter_map(|value| Some(value.as_object()?.str("description")?.to_owned())).collect()
    }
}

#[test]
fn who_is_new_is_refused_at_once_and_the_others_end_after_the_grace_with_the_reason() {
    let mut world = World::configured(table(), &at_1935(&[LIVE, OTHER].concat()));
    let mut publisher = publisher(&mut world);
    let mut player = Client::play(&mut world, "cam");
    let mut idle = Client::connect(&mut world, "live");
    let elsewhere = Client::connect(&mut world, "other");
    world.reload(&at_1935(OTHER));
    let refused = Client::connect(&mut world, "live");
    assert!(!world.is_open(refused.id), "there is no such application");
    idle.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "new".into()]);
    assert_eq!(idle.reasons(&mut world, "NetStream.Publish.BadName"), [gone("live")]);
    world.pass(9);
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    assert_eq!(times(&mut player, &mut world), [40], "within the grace");
    world.pass(2);
    assert_eq!(publisher.reasons(&mut world, "NetStream.Publish.Rejected"), [gone("live")]);
    assert_eq!(player.reasons(&mut world, "NetStream.Play.Stop"), [gone("live")]);
    assert!(![publisher.id, player.id].iter().any(|id| world.is_open(*id)));
    assert!(world.engine.cx.streams.iter().next().is_none());
    let _ = elsewhere;
    world.pass(20);
    assert_eq!(world.engine.cx.apps.iter().map(|(_, app)| app.name.as_str()).collect::<Vec<_>>(), ["other"]);
}

#[test]
fn an_application_that_is_back_within_the_grace_goes_on() {
    let mut world = World::configured(table(), &at_1935(&[LIVE, OTHER].concat()));
    let mut publisher = publisher(&mut world);
    let mut player = Client::play(&mut world, "cam");
    world.reload(&at_1935(OTHER));
    world.pass(9);
    world.reload(&at_1935(&[OTHER, LIVE].concat()));
    world.pass(20);
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    assert_eq!(times(&mut player, &mut world), [40]);
    assert_eq!(world.engine.cx.apps.iter().count(), 2);
}

#[test]
fn the_grace_is_that_of_the_new_configuration_and_a_later_reload_does_not_prolong_it() {
    let mut world = World::configured(table(), &at_1935(&[LIVE, OTHER].concat()));
    let publisher = publisher(&mut world);
    world.reload(&format!("reload_grace 5s; {}", at_1935(OTHER)));
    world.pass(3);
    world.reload(&format!("reload_grace 1h; {}", at_1935(OTHER)));
    world.pass(3);
    assert!(!world.is_open(publisher.id));
}

#[test]
fn where_live_is_off_publishers_and_players_end_after_the_grace() {
    let mut world = World::configured(table(), &at_1935("application live { live on; shared_objects on; }"));
    let mut publisher = publisher(&mut world);
    let player = Client::play(&mut world, "cam");
    world.reload(&at_1935("application live { shared_objects on; }"));
    let refused = Client::play(&mut world, "cam");
    assert!(!world.is_open(refused.id) && world.is_open(player.id));
    world.pass(11);
    let why = "live is off in the application \"live\" since the reload";
    assert_eq!(publisher.reasons(&mut world, "NetStream.Publish.Rejected"), [why]);
    assert!(!world.is_open(publisher.id) && !world.is_open(player.id));
    let later = Client::connect(&mut world, "live");
    assert!(world.is_open(later.id), "it is there");
}

#[test]
fn live_that_is_on_again_within_the_grace_ends_nobody() {
    let mut world = World::configured(table(), &at_1935(LIVE));
    let publisher = publisher(&mut world);
    world.reload(&at_1935("application live { }"));
    world.pass(5);
    world.reload(&at_1935(LIVE));
    world.pass(20);
    assert!(world.is_open(publisher.id));
}

#[test]
fn a_stream_in_grace_ends_with_its_application() {
    let app = "application live { live on; publish_grace 1h; }";
    let mut world = World::configured(table(), &at_1935(&[app, OTHER].concat()));
    let publisher = publisher(&mut world);
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    world.reload(&at_1935(OTHER));
    world.pass(9);
    assert_eq!(world.engine.cx.streams.iter().count(), 1);
    world.pass(3);
    assert_eq!((world.engine.cx.streams.iter().count(), world.engine.cx.apps.iter().count()), (0, 1));
}

#[test]
fn a_gone_server_lets_who_has_not_connected_go_and_keeps_its_count() {
    let two = "rtmp { server { listen 1935; max_connections 1; application live { live on; } }
        server { listen 1936; application live { live on; } } }";
    let mut world = World::configured(table(), two);
    let mut client = Client::connect(&mut world, "live");
    world.reload("rtmp { server { listen 1936; application live { live on; } } }");
    assert_eq!(world.engine.listeners().len(), 1);
    world.reload(two);
    assert!(world.engine.accept(0, ENDS, world.now).is_err(), "its one client is still there");
    world.pass(5);
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "cam".into()]);
    assert!(world.is_open(client.id));
}

#[test]
fn an_id_is_free_only_when_nothing_of_the_old_application_is_left() {
    let mut world = World::configured(table(), &at_1935(&[LIVE, OTHER].concat()));
    let mut client = Client::connect(&mut world, "live");
    world.reload(&at_1935(&["application new { }", OTHER].concat()));
    let id = |world: &World, name: &str| {
        world.engine.cx.apps.iter().find(|(_, app)| app.name == name).map(|(id, _)| id)
    };
    assert_eq!((id(&world, "live"), id(&world, "new")), (Some(AppId(0)), Some(AppId(2))));
    world.pass(11);
    client.receive(&mut world);
    world.pass(15);
    assert_eq!(id(&world, "live"), None);
    world.reload(&at_1935(&["application newer { }", OTHER].concat()));
    assert_eq!(id(&world, "newer"), Some(AppId(0)));
}

#[test]
fn shared_objects_go_on_and_are_dropped_where_they_are_switched_off() {
    let text = |on: &str| at_1935(&format!("application live {{ shared_objects {on}; }}"));
    let mut world = World::configured(table(), &text("on"));
    let mut users = [(); 2].map(|()| Client::user(&mut world, "live", "room"));
    users.iter_mut().for_each(|user| drop(user.events(&mut world)));
    world.reload(&text("on"));
    let [one, other] = &mut users;
    one.share(&mut world, "room", &[set("a", 1.0)]);
    assert_eq!(other.events(&mut world), [changed("a", 1.0)]);
    world.reload(&text("off"));
    one.share(&mut world, "room", &[set("a", 2.0)]);
    assert!(other.events(&mut world).is_empty());
    world.reload(&text("on"));
    let mut user = Client::user(&mut world, "live", "room");
    assert_eq!(user.events(&mut world), greeting(&[]), "a new one");
}

#[test]
fn what_is_there_goes_before_what_is_gone() {
    let server = |listen: &str| format!("server {{ {listen} application live {{ live on; }} }}");
    let text = |servers: &[&str]| {
        format!("rtmp {{ {} }}", servers.iter().map(|listen| server(listen)).collect::<String>())
    };
    let mut world = World::configured(table(), &text(&["listen 1935;", "listen 1936;"]));
    let gone = Client::connect(&mut world, "live");
    let mut publisher = Client::open_at(&mut world, 1);
    publisher.connect_with(&mut world, &[("app", "live")]);
    publisher.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "cam".into()]);
    world.reload(&text(&["listen 1936;"]));
    world.reload(&text(&["listen 1935; listen 1936;"]));
    world.pass(12);
    assert!(!world.is_open(gone.id), "its application is the other one");
    assert!(world.is_open(publisher.id) && world.engine.cx.streams.iter().count() == 1);
}

#[test]
fn without_a_grace_they_end_at_once() {
    let mut world = World::configured(table(), &at_1935(&[LIVE, OTHER].concat()));
    let mut publisher = publisher(&mut world);
    world.reload(&format!("reload_grace 0; {}", at_1935(OTHER)));
    assert!(!world.is_open(publisher.id));
    assert_eq!(publisher.reasons(&mut world, "NetStream.Publish.Rejected"), [gone("live")]);
}

#[test]
fn an_application_is_in_use_while_viewers_of_an_ended_stream_wait() {
    let hls = "application live { live on; hls on; hls_path /hls; hls_memory on; hls_endlist 1m; }";
    let mut world = World::configured(table(), &at_1935(&[hls, OTHER].concat()));
    let mut publisher = publisher(&mut world);
    publisher.command(&mut world, &["deleteStream".into(), 0.0.into(), Value::Null, 1.0.into()]);
    world.engine.disconnected(publisher.id, "gone", world.now);
    world.end_turn();
    assert_eq!(world.engine.cx.awaited.count(world.now.instant), 1);
    world.reload(&at_1935(OTHER));
    let apps = |world: &World| world.engine.cx.apps.iter().map(|(id, _)| id.0).collect::<Vec<_>>();
    world.pass(30);
    assert_eq!(apps(&world), [0, 1]);
    world.pass(60);
    assert_eq!(apps(&world), [1]);
}

#[test]
fn a_request_that_waits_is_refused_when_its_application_goes_meanwhile() {
    let app = |name: &str| {
        let text = format!("application {name} {{ live on; }} application closed {{ live on; }}");
        format!("rtmp {{ server {{ listen 1935; {text} }} }}")
    };
    for (config, why) in [
        (app("other"), "the application \"live\" is gone since the reload"),
        (app("live").replacen("live on;", "", 1), "live is off in the application \"live\" since the reload"),
    ] {
        let mut setup = Setup::configured(&app("live"));
        let mut publisher = setup.publish("a");
        setup.reload(&config);
        assert!(setup.is_suspended(publisher.id));
        setup.world.pass(5);
        setup.answer(setup.ticket(), Reply::Grant);
        let refusals = publisher.receive(&mut setup.world);
        let refusals = refusals.iter().filter(|message| message.type_id == 20);
        let texts = refusals.map(|message| format!("{:?}", amf0::decode(message.payload()).unwrap()));
        assert!(texts.collect::<String>().contains(&format!("{why:?}")), "{why}");
        assert!(!setup.world.is_open(publisher.id) && setup.streams().is_empty());
    }
}

#[test]
fn an_application_is_in_use_while_a_request_to_connect_to_it_waits() {
    let app = |name: &str| format!("rtmp {{ server {{ listen 1935; application {name} {{ live on; }} }} }}");
    let mut setup = Setup::configured(&app("live"));
    let mut client = Client::open(&mut setup.world);
    client.connect_with(&mut setup.world, &[("app", "live?key")]);
    assert!(setup.is_suspended(client.id));
    let reload = |setup: &mut Setup, name: &str| {
        setup.reload(&app(name));
        setup.world.engine.cx.apps.iter().map(|(id, _)| id.0).collect::<Vec<_>>()
    };
    assert_eq!(reload(&mut setup, "b"), [0, 1]);
    setup.answer(setup.ticket(), Reply::Grant);
    assert!(!setup.world.is_open(client.id), "refused");
    assert_eq!(reload(&mut setup, "b"), [1]);
}

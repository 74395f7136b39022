//! The names in requests, and the names of the streams that they mean.

use crate::engine::tests::*;

const STREAM_FROM_APP: &str = "
    rtmp { server { listen 127.0.0.1:0; gop_cache off; stream_from_app live; application live { live on; } } }
";

/// A client that has requested to publish a name in an application.
fn publisher(world: &mut World, app: &str, name: &str) -> Client {
    let mut client = Client::connect(world, app);
    client.command(world, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
    client
}

/// The names of all streams.
fn streams(world: &World) -> Vec<&str> {
    world.engine.cx.streams.iter().map(|stream| stream.name.as_str()).collect()
}

/// The description of a client's last status or error.
fn reason(client: &mut Client, world: &mut World) -> String {
    let messages = client.receive(world);
    let last = messages.iter().rfind(|message| message.type_id == 20).expect("an answer");
    let values = amf0::decode(last.payload()).unwrap();
    values.last().unwrap().as_object().unwrap().str("description").unwrap().to_owned()
}

#[test]
fn a_stream_has_one_name_however_its_address_is_split() {
    for (app, sent, name) in [
        ("live", "мой поток?key=1", "мой поток"),
        ("live", "mp4:cam.mp4", "cam.mp4"),
        ("live", "room/cam", "room~cam"),
        ("live/room", "cam", "room~cam"),
        ("live/a", "b/cam", "a~b~cam"),
        ("live/a3", "", "a3"),
        ("live/a3", "?key=1", "a3"),
        ("live", "rtmp://camera/live/cam?key=1", "cam"),
        ("live/_definst_", "cam", "cam"),
    ] {
        let mut world = World::standard();
        let _publisher = publisher(&mut world, app, sent);
        assert_eq!(streams(&world), [name], "{app} and {sent}");
    }
}

#[test]
fn a_gate_sees_the_name_and_not_what_was_sent() {
    struct Witness;
    impl Module for Witness {
        fn name(&self) -> &'static str {
            "witness"
        }

        fn directives(&self) -> &'static [Directive] {
            &[]
        }

        fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
            Ok(())
        }

        fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

        fn gate(&mut self, _: &mut Ctx, request: &mut Request, _: Gate) -> Verdict {
            match request.kind {
                RequestKind::Connect(_) => Verdict::Continue,
                _ => Verdict::Deny(Refusal::of_request(format!(
                    "it is {} with {}",
                    request.name, request.args
                ))),
            }
        }
    }
    let mut modules = table();
    modules.insert(0, Box::new(Witness));
    let mut world = World::new(modules);
    let mut client = publisher(&mut world, "live/a", "mp4:b%2Fc%20d?key=x/y");
    assert_eq!(reason(&mut client, &mut world), "it is a~b~c d with key=x/y");
}

#[test]
fn a_refusal_says_what_a_name_may_not_have() {
    let mut world = World::standard();
    for (sent, why) in [
        ("", "a stream needs a name"),
        ("-rf", "may not begin with a dot or a dash"),
        ("a%0ab", "no control characters such as U+000A"),
        ("a\u{202e}b", "no invisible characters such as U+202E"),
        ("rtmp://host/other/cam", "of another application"),
    ] {
        let mut client = publisher(&mut world, "live", sent);
        let reason = reason(&mut client, &mut world);
        assert!(reason.contains(why), "{sent:?}: {reason}");
        assert!(!world.is_open(client.id) && streams(&world).is_empty());
    }
}

#[test]
fn an_application_may_be_the_name_of_a_stream() {
    let mut world = World::configured(table(), STREAM_FROM_APP);
    let _one = publisher(&mut world, "key?token=x", "");
    // FFmpeg has no application in such an address.
    let _other = publisher(&mut world, "", "other");
    assert_eq!(streams(&world), ["key", "other"]);
    let mut player = Client::connect(&mut world, "other");
    player.command(&mut world, &["play".into(), 2.0.into(), Value::Null, "".into()]);
    assert_eq!(player.codes(&mut world).last().unwrap(), "NetStream.Play.Start");
    let mut wrong = publisher(&mut world, "key", "cam");
    assert!(reason(&mut wrong, &mut world).contains("must be empty"));
    let mut wrong = publisher(&mut world, "", "room/cam");
    assert!(reason(&mut wrong, &mut world).contains("NAME has no slash"));
    let mut wrong = Client::connect(&mut world, "room/cam");
    assert_eq!(
        wrong.codes(&mut world),
        ["NetConnection.Connect.Rejected", "NetConnection.Connect.InvalidApp"]
    );
    let _usual = publisher(&mut world, "live/room", "cam");
    assert_eq!(streams(&world), ["key", "other", "room~cam"]);
}

#[test]
fn who_names_no_application_hears_what_to_write() {
    let mut world = World::standard();
    for (app, why) in [
        (
            "KEY",
            "no application \"KEY\" here; publish to rtmp://HOST/live/KEY, or write \"stream_from_app live;\"",
        ),
        (
            "",
            "no application \"\" here; publish to rtmp://HOST/live/NAME, or write \"stream_from_app live;\"",
        ),
        ("a/b\n", "no application \"a/b\\n\" here"),
    ] {
        let mut client = Client::connect(&mut world, app);
        assert_eq!(reason(&mut client, &mut world), why);
        assert!(!world.is_open(client.id));
    }
}

#[test]
fn long_arguments_are_taken_and_longer_ones_refused_with_the_limit() {
    let mut world = World::standard();
    let token = "t".repeat(8 * 1024 - 4);
    let mut client = publisher(&mut world, "live", &format!("cam?{token}"));
    assert_eq!(client.codes(&mut world).last().unwrap(), "NetStream.Publish.Start");
    let long = format!("cam?{token}t");
    for command in ["publish", "play"] {
        let mut client = Client::connect(&mut world, "live");
        client.command(&mut world, &[command.into(), 2.0.into(), Value::Null, long.as_str().into()]);
        assert!(reason(&mut client, &mut world).ends_with("has 8193 bytes, and at most 8192 are taken"));
        assert!(!world.is_open(client.id));
    }
    let mut client = Client::connect(&mut world, &format!("live?{}", &token[1..]));
    assert_eq!(client.codes(&mut world), ["NetConnection.Connect.Success"]);
    let mut client = Client::connect(&mut world, &format!("live?{token}"));
    assert_eq!(reason(&mut client, &mut world), "app has 8193 bytes, and at most 8192 are taken");
    assert!(!world.is_open(client.id));
}

#[test]
fn a_client_that_is_refused_for_long_arguments_again_and_again_is_closed() {
    let mut world = World::standard();
    let mut client = publisher(&mut world, "live", "cam");
    let long = "t".repeat(9000);
    for _ in 0..64 {
        client.command_on(&mut world, 2, &["publish".into(), 2.0.into(), Value::Null, long.as_str().into()]);
    }
    assert!(!world.is_open(client.id));
}

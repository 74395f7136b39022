//! Guessing at keys: what it costs the server, and what of the guesses the log shows.

use crate::engine::tests::*;
use crate::rtmp::command::After;

const TRIES: u32 = 10;
const ADDRESSES: u32 = 1000;

fn guarded(directives: &str) -> World {
    let guarded = format!("application live {{ live on; {directives} }}");
    World::configured(table(), &CONFIG.replace("application live { live on; }", &guarded))
}

/// The answer to a client at the address of this number that publishes, and then closes its connection.
fn answer(world: &mut World, number: u32, name: &str) -> String {
    let address = SocketAddr::new(Ipv4Addr::from(0x0a00_0000 + number).into(), 5000);
    let id = world.engine.accept(0, (address.into(), ENDS.1), world.now).unwrap();
    let limits = Limits { message: 1 << 24, streams: 64, held: 1 << 25 };
    let mut client = Client { id, reader: ChunkReader::new(limits), handshake_left: 3073 };
    client.connect_with(world, &[("app", "live")]);
    client.receive(world);
    client.command_on(world, 1, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
    let messages = client.receive(world);
    let mut statuses = messages.iter().filter(|message| message.type_id == 20).filter_map(|message| {
        Some(amf0::decode(message.payload()).unwrap().last()?.as_object()?.str("description")?.to_owned())
    });
    let answer = statuses.next_back().unwrap_or_default();
    world.engine.lost(id, world.now);
    world.end_turn();
    answer
}

#[test]
fn ten_thousand_wrong_keys_of_a_thousand_addresses_leave_nothing_and_hinder_nobody_else() {
    let mut world = guarded("publish_key right-key; publish_key cam-key cam;");
    for round in 0..TRIES {
        for number in 0..ADDRESSES {
            let (name, why) = match number % 2 {
                0 => (format!("x?key=guess-{round}"), "wrong key"),
                _ => (format!("guess-{round}"), "wrong stream key"),
            };
            assert_eq!(answer(&mut world, number, &name), why);
        }
        assert_eq!((world.engine.session_count(), world.engine.cx.streams.iter().count()), (0, 0));
    }
    let most = world.engine.cx.sessions.ids().len();
    assert!(most <= 1, "{most}");
    for number in 0..ADDRESSES {
        let answer = answer(&mut world, number, "x?key=right-key");
        assert!(answer.starts_with("too many wrong keys from your address"), "{answer}");
    }
    let refusals = world.engine.cx.refusals;
    assert_eq!((refusals.wrong_keys, refusals.slowed), (u64::from(TRIES * ADDRESSES), u64::from(ADDRESSES)));
    assert_eq!(world.engine.cx.guesses.slowed(world.now.instant).count(), ADDRESSES as usize);
    assert_eq!(answer(&mut world, ADDRESSES, "x?key=right-key"), "Start publishing");
    assert_eq!(answer(&mut world, ADDRESSES + 1, "cam-key"), "Start publishing");
}

#[test]
fn a_name_that_may_be_a_key_is_not_shown_before_the_request_is_admitted() {
    let world = guarded("publish_key right-key;");
    let app = world.engine.cx.apps.iter().find(|(_, app)| app.name == "live").unwrap().0;
    let described = |kind: RequestKind, is_admitted: bool, name: &str| {
        let session = SessionId::default();
        let request = Request::new(session, app, (name.to_owned(), String::new()), kind);
        world.engine.describe(&Request { is_admitted, ..request })
    };
    let publish = RequestKind::Publish { msid: 1, publish_type: PublishType::Live };
    let play = RequestKind::Play { msid: 1, start: None, duration: None, after: After::Replace };
    for (kind, is_admitted, name, text) in [
        (&publish, false, "secret-key", "publish live/\"secr...\" (10 characters)"),
        (&publish, false, "\u{1}ab", "publish live/\"\\u{1}ab\""),
        (&publish, true, "cam", "publish live/cam"),
        (&play, false, "cam-of-the-door", "play live/cam-of-the-door"),
    ] {
        assert_eq!(described(kind.clone(), is_admitted, name), text);
    }
}

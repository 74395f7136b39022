//! Shared objects between clients: the messages of each, and the ends.

use crate::engine::tests::*;
use crate::rtmp::shared_object::{Change, Encoding, RawValue, SharedObject};

const CONFIG: &str = "
    rtmp {
        server {
            listen 127.0.0.1:0;
            application live { live on; shared_objects on; }
            application other { shared_objects on; }
            application off { }
        }
    }
";

fn world() -> World {
    World::configured(table(), CONFIG)
}

fn raw(value: impl Into<Value>) -> RawValue {
    RawValue::new(&value.into())
}

pub(super) fn set(name: &str, value: impl Into<Value>) -> Change {
    Change::RequestChange(name.into(), raw(value))
}

pub(super) fn changed(name: &str, value: impl Into<Value>) -> Change {
    Change::Change(name.into(), raw(value))
}

fn success(name: &str) -> Change {
    Change::Success(name.into())
}

fn refused(code: &str) -> Change {
    Change::Status(format!("SharedObject.{code}").into(), "error".into())
}

/// Two users of live/room that have received their first messages.
fn two_users(world: &mut World) -> [Client; 2] {
    let mut users = [(); 2].map(|()| Client::user(world, "live", "room"));
    users.iter_mut().for_each(|user| assert_eq!(user.events(world), greeting(&[])));
    users
}

/// The first messages of a newcomer: the greeting, then the state.
pub(super) fn greeting(attributes: &[Change]) -> Vec<Change> {
    [&[Change::UseSuccess, Change::Clear], attributes].concat()
}

impl Client {
    /// Connects to an application and uses one of its objects.
    pub(super) fn user(world: &mut World, app: &str, object: &str) -> Self {
        let mut client = Self::connect(world, app);
        client.share(world, object, &[Change::Use]);
        client
    }

    pub(super) fn share(&mut self, world: &mut World, object: &str, events: &[Change]) {
        self.share_as(world, (Encoding::Amf0, false), object, events);
    }

    fn share_as(&mut self, world: &mut World, kind: (Encoding, bool), object: &str, events: &[Change]) {
        self.send(world, &message(kind, object, events));
    }

    /// Takes the client's shared object messages.
    fn shared(&mut self, world: &mut World) -> Vec<SharedObject> {
        let messages = self.receive(world);
        let found = messages.iter().filter_map(|message| {
            let encoding = match message.type_id {
                19 => Encoding::Amf0,
                16 => Encoding::Amf3,
                _ => return None,
            };
            assert_eq!(message.msid, 0);
            SharedObject::read(encoding, message.payload())
        });
        found.collect()
    }

    /// Their events.
    pub(super) fn events(&mut self, world: &mut World) -> Vec<Change> {
        self.shared(world).into_iter().flat_map(|message| message.events).collect()
    }
}

/// The message type and whether the object is to be persistent, its name and the events.
fn message((encoding, persistent): (Encoding, bool), object: &str, events: &[Change]) -> Vec<u8> {
    let (name, events) = (object.into(), events.to_vec());
    let payload = SharedObject { encoding, name, version: 0, persistent, events }.payload(encoding);
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 3, (encoding.message_type(), 0, 0), &payload);
    bytes
}

#[test]
fn the_other_users_get_what_one_sets_and_a_late_one_gets_all() {
    let mut world = world();
    let [mut alice, mut bob] = two_users(&mut world);
    alice.share(&mut world, "room", &[set("topic", "rust"), set("users", 2.0)]);
    let told = alice.shared(&mut world);
    assert_eq!(told.len(), 1, "one message for all");
    assert_eq!((told[0].version, &told[0].events[..]), (2, &[success("topic"), success("users")][..]));
    let told = bob.shared(&mut world);
    let both = [changed("topic", "rust"), changed("users", 2.0)];
    assert_eq!((told[0].version, told[0].name.as_slice()), (2, b"room".as_slice()));
    assert_eq!(told[0].events, both);
    bob.share(&mut world, "room", &[set("users", 3.0)]);
    assert_eq!(alice.events(&mut world), [changed("users", 3.0)]);
    let mut late = Client::user(&mut world, "live", "room");
    let told = late.shared(&mut world);
    assert_eq!(told[0].version, 3);
    assert_eq!(told[0].events, greeting(&[changed("topic", "rust"), changed("users", 3.0)]));
}

#[test]
fn what_is_deleted_is_gone_for_all() {
    let mut world = world();
    let [mut alice, mut bob] = two_users(&mut world);
    alice.share(&mut world, "room", &[set("a", 1.0), set("b", 2.0), set("c", 3.0)]);
    assert_eq!((alice.events(&mut world).len(), bob.events(&mut world).len()), (3, 3));
    alice.share(&mut world, "room", &[Change::RequestRemove("a".into())]);
    assert_eq!(alice.events(&mut world), [Change::Remove("a".into())]);
    assert_eq!(bob.events(&mut world), [Change::Remove("a".into())]);
    bob.share(&mut world, "room", &[set("b", Value::Null)]);
    assert_eq!(bob.events(&mut world), [success("b")]);
    assert_eq!(alice.events(&mut world), [Change::Remove("b".into())]);
    let mut late = Client::user(&mut world, "live", "room");
    assert_eq!(late.events(&mut world), greeting(&[changed("c", 3.0)]));
    bob.share(&mut world, "room", &[Change::RequestRemove("a".into())]);
    assert_eq!(bob.events(&mut world), [Change::Remove("a".into())]);
    assert_eq!(alice.events(&mut world), [], "it was gone already");
    bob.share(&mut world, "room", &[Change::Clear]);
    assert_eq!(alice.events(&mut world), [Change::Clear]);
    assert_eq!(bob.events(&mut world), [Change::Clear]);
}

#[test]
fn what_is_sent_reaches_every_user_and_the_sender() {
    let mut world = world();
    let mut users = [(); 3].map(|()| Client::user(&mut world, "live", "room"));
    let mut elsewhere = Client::user(&mut world, "other", "room");
    for client in users.iter_mut().chain([&mut elsewhere]) {
        client.events(&mut world);
    }
    let hello = [Change::SendMessage(vec![raw("onHello"), raw(1.0), raw(true)])];
    users[1].share(&mut world, "room", &hello);
    for user in &mut users {
        assert_eq!(user.events(&mut world), hello);
    }
    assert_eq!(elsewhere.events(&mut world), [], "another application, another room");
}

#[test]
fn an_object_goes_with_its_last_user_whether_released_or_cut_off() {
    let mut world = world();
    let [mut alice, mut bob] = two_users(&mut world);
    alice.share(&mut world, "room", &[set("a", 1.0), Change::Release]);
    bob.events(&mut world);
    alice.events(&mut world);
    bob.share(&mut world, "room", &[set("a", 2.0)]);
    assert_eq!(alice.events(&mut world), [], "it has released the object");
    alice.share(&mut world, "room", &[set("a", 3.0), Change::Release]);
    assert_eq!(bob.events(&mut world), [success("a")], "and may not change it");
    alice.share(&mut world, "room", &[Change::Use]);
    assert_eq!(alice.events(&mut world), greeting(&[changed("a", 2.0)]));
    for client in [alice, bob] {
        world.engine.disconnected(client.id, "gone", world.now);
        world.end_turn();
    }
    let mut late = Client::user(&mut world, "live", "room");
    assert_eq!(late.events(&mut world), greeting(&[]));
}

#[test]
fn a_session_that_shares_need_not_publish_or_play_until_it_has_released_all() {
    let mut world = world();
    let [mut alice, _] = two_users(&mut world);
    alice.share(&mut world, "hall", &[Change::Use]);
    alice.receive(&mut world);
    world.pass(59);
    assert!(world.is_open(alice.id));
    alice.share(&mut world, "room", &[Change::Release]);
    world.pass(11);
    assert!(world.is_open(alice.id));
    alice.share(&mut world, "hall", &[Change::Release]);
    world.pass(9);
    assert!(world.is_open(alice.id));
    world.pass(1);
    assert!(!world.is_open(alice.id));
}

#[test]
fn a_silent_user_is_pinged_and_closed_when_it_does_not_answer() {
    let mut world = world();
    let [mut alice, _] = two_users(&mut world);
    world.pass(61);
    assert!(alice.receive(&mut world).iter().any(|message| message.type_id == 4));
    world.pass(30);
    assert!(!world.is_open(alice.id));
}

#[test]
fn with_the_directive_off_shared_objects_are_passed_over() {
    let mut world = world();
    let mut client = Client::user(&mut world, "off", "room");
    assert_eq!(client.events(&mut world), []);
    assert!(world.is_open(client.id));
    world.pass(10);
    assert!(!world.is_open(client.id), "it neither publishes nor plays");
}

#[test]
fn an_object_that_should_outlive_its_users_is_refused() {
    let mut world = world();
    let mut client = Client::connect(&mut world, "live");
    client.share_as(&mut world, (Encoding::Amf3, true), "room", &[Change::Use, set("a", 1.0)]);
    let told = client.shared(&mut world);
    assert!(told[0].persistent, "so that the client knows which one is meant");
    assert_eq!((told[0].encoding, &told[0].events[..]), (Encoding::Amf3, &[refused("BadPersistence")][..]));
    client.share(&mut world, "room", &[Change::Use]);
    assert_eq!(client.events(&mut world), greeting(&[]));
}

#[test]
fn each_user_is_answered_in_the_message_type_it_uses_the_object_with() {
    let mut world = world();
    let mut old = Client::user(&mut world, "live", "room");
    let mut new = Client::connect(&mut world, "live");
    new.share_as(&mut world, (Encoding::Amf3, false), "room", &[Change::Use]);
    assert_eq!(old.events(&mut world), new.events(&mut world));
    // {a: "x"} in AMF3, as ActionScript 3 sends it.
    let object = b"\x11\x0a\x0b\x01\x03a\x06\x03x\x01".as_slice();
    let event = [b"\x03\0\0\0\x0d\0\x01o".as_slice(), object].concat();
    let payload = [b"\0\0\x04room\0\0\0\x01\0\0\0\0\0\0\0\0".as_slice(), &event].concat();
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 3, (MessageType::SharedObjectAmf3, 0, 0), &payload);
    new.send(&mut world, &bytes);
    let told = new.shared(&mut world);
    assert_eq!((told[0].encoding, &told[0].events[..]), (Encoding::Amf3, &[success("o")][..]));
    let told = old.shared(&mut world);
    let value = Value::Object(Object::default().with("a", "x"));
    assert_eq!((told[0].encoding, &told[0].events[..]), (Encoding::Amf0, &[changed("o", value)][..]));
    let mut late = Client::connect(&mut world, "live");
    late.share_as(&mut world, (Encoding::Amf3, false), "room", &[Change::Use]);
    let Some(Change::Change(_, value)) = late.events(&mut world).pop() else { panic!("no change") };
    assert_eq!(value.bytes(), object, "byte for byte");
}

#[test]
fn a_shared_object_is_bounded_and_a_change_beyond_is_answered_with_its_state() {
    let mut world = world();
    let [mut alice, mut bob] = two_users(&mut world);
    let half = "x".repeat(32 * 1024 - 4);
    alice.share(&mut world, "room", &[set("a", half.as_str())]);
    alice.share(&mut world, "room", &[set("b", half.as_str())]);
    assert_eq!((alice.events(&mut world).len(), bob.events(&mut world).len()), (2, 2));
    alice.share(&mut world, "room", &[set("c", true), set("a", "short"), set("d", half.as_str())]);
    let expected = [
        refused("NoWriteAccess"),
        Change::Clear,
        changed("a", "short"),
        changed("b", half.as_str()),
        success("a"),
    ];
    assert_eq!(alice.events(&mut world), expected);
    assert_eq!(bob.events(&mut world), [changed("a", "short")]);
    alice.share(&mut world, "room", &[Change::Clear]);
    let many: Vec<_> = (0..256).map(|index| set(&index.to_string(), true)).collect();
    alice.share(&mut world, "room", &many);
    assert_eq!(bob.events(&mut world).len(), 1 + 256);
    alice.share(&mut world, "room", &[set("256", true), set("255", false)]);
    assert_eq!(bob.events(&mut world), [changed("255", false)]);
}

#[test]
fn objects_of_a_session_and_of_an_application_and_users_of_an_object_are_counted() {
    let mut world = world();
    let mut clients: Vec<_> = (0..8).map(|_| Client::connect(&mut world, "live")).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        for object in 0..16 {
            client.share(&mut world, &format!("{index}/{object}"), &[Change::Use]);
        }
        assert_eq!(client.events(&mut world), vec![greeting(&[]); 16].concat());
        client.share(&mut world, "0/0", &[Change::Use]);
        let beyond = client.events(&mut world);
        assert_eq!(beyond, if index == 0 { vec![] } else { vec![refused("NoReadAccess")] });
    }
    let mut late = Client::user(&mut world, "live", "new");
    assert_eq!(late.events(&mut world), [refused("ObjectCreationFailed")]);
    late.share(&mut world, "7/15", &[Change::Use]);
    assert_eq!(late.events(&mut world), greeting(&[]));
    world.engine.disconnected(clients[0].id, "gone", world.now);
    world.end_turn();
    late.share(&mut world, "new", &[Change::Use]);
    assert_eq!(late.events(&mut world), greeting(&[]));
    late.share(&mut world, &"n".repeat(256), &[Change::Use]);
    assert_eq!(late.events(&mut world), [refused("ObjectCreationFailed")]);
    (0..255).for_each(|_| drop(Client::user(&mut world, "live", "new")));
    let mut beyond = Client::user(&mut world, "live", "new");
    assert_eq!(beyond.events(&mut world), [refused("NoReadAccess")]);
}

#[test]
fn a_burst_of_short_messages_does_not_close_a_user_that_reads() {
    let mut world = world();
    let [mut alice, mut bob] = two_users(&mut world);
    let note = Change::SendMessage(vec![raw("n")]);
    let burst = message((Encoding::Amf0, false), "room", &[note]).repeat(400);
    for _ in 0..20 {
        alice.send_all(&mut world, &burst);
        assert!(world.is_open(alice.id) && world.is_open(bob.id));
        assert_eq!(alice.events(&mut world).len(), 400);
        assert_eq!(bob.events(&mut world).len(), 400);
    }
    for _ in 0..20 {
        alice.send_all(&mut world, &burst);
        alice.receive(&mut world);
    }
    assert!(world.is_open(alice.id) && world.is_open(bob.id));
    for _ in 0..20 {
        alice.send_all(&mut world, &burst);
        alice.receive(&mut world);
    }
    assert!(world.is_open(alice.id), "the sender reads");
    assert!(!world.is_open(bob.id), "one that does not is given up");
}

#[test]
fn using_an_object_again_and_again_in_one_message_is_answered_once() {
    let mut world = world();
    let mut alice = Client::user(&mut world, "live", "room");
    alice.share(&mut world, "room", &[set("a", "x".repeat(60_000).as_str())]);
    let mut bob = Client::connect(&mut world, "live");
    bob.share(&mut world, "room", &vec![[Change::Use, Change::Release]; 500].concat());
    assert!(world.is_open(bob.id));
    assert_eq!(
        bob.events(&mut world),
        [Change::UseSuccess, Change::Clear, changed("a", "x".repeat(60_000).as_str())]
    );
    alice.events(&mut world);
    bob.share(&mut world, "room", &[set("a", 1.0)]);
    assert_eq!(alice.events(&mut world), [], "it has released the object");
}

#[test]
fn a_shared_object_before_connect_ends_the_session() {
    let mut world = world();
    let mut client = Client::open(&mut world);
    client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
    client.share(&mut world, "room", &[Change::Use]);
    assert!(!world.is_open(client.id));
}

/// Counts the calls of the close hook.
struct Ends(Rc<Cell<usize>>);

impl Module for Ends {
    fn name(&self) -> &'static str {
        "ends"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn on_close(&mut self, _cx: &mut Ctx, _session: SessionId) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn the_close_hook_is_called_once_for_each_session() {
    let ends = Rc::new(Cell::new(0));
    let mut modules = table();
    modules.push(Box::new(Ends(Rc::clone(&ends))));
    let mut world = World::configured(modules, CONFIG);
    let cut_off = Client::connect(&mut world, "live");
    let mut refused = Client::connect(&mut world, "nowhere");
    assert_eq!(ends.get(), 1);
    refused.receive(&mut world);
    world.engine.disconnected(refused.id, "gone", world.now);
    world.pass(5);
    assert_eq!((ends.get(), world.engine.session_count()), (1, 1));
    world.engine.disconnected(cut_off.id, "gone", world.now);
    world.end_turn();
    assert_eq!((ends.get(), world.engine.session_count()), (2, 0));
}

//! Who may publish and play: what a request with keys, signatures and rules becomes, and what other modules see of it.

use crate::engine::tests::*;

/// Writes down what a module behind the access rules sees of each request.
#[derive(Default)]
struct Witness(Rc<RefCell<Vec<String>>>);

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

    fn gate(&mut self, _: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        if gate == Gate::Access {
            let (verb, name, args) = (request.verb(), &request.name, &request.args);
            let connect = match &request.kind {
                RequestKind::Connect(connect) => format!(" {}", connect.tc_url),
                _ => String::new(),
            };
            self.0.borrow_mut().push(format!("{verb} {name}?{args}{connect}"));
        }
        Verdict::Continue
    }
}

/// A server with these directives in its application.
struct Setup {
    world: World,
    seen: Rc<RefCell<Vec<String>>>,
}

fn config(directives: &str) -> String {
    CONFIG.replace("application live { live on; }", &format!("application live {{ live on; {directives} }}"))
}

/// The place behind the module that looks at keys.
fn behind_access(modules: &[Box<dyn Module>]) -> usize {
    modules.iter().position(|module| module.name() == "access").unwrap() + 1
}

impl Setup {
    fn new(directives: &str) -> Self {
        let witness = Witness::default();
        let seen = Rc::clone(&witness.0);
        let mut modules = table();
        modules.insert(behind_access(&modules), Box::new(witness));
        Self { world: World::configured(modules, &config(directives)), seen }
    }

    fn reload(&mut self, directives: &str) {
        let mut modules = table();
        modules.insert(behind_access(&modules), Box::new(Witness::default()));
        self.world.reload_with(modules, &config(directives));
    }

    /// A client that connects to an application and publishes or plays. Returns it with the last status: its code and
    /// its text.
    fn ask(&mut self, app: &str, verb: &str, name: &str) -> (Client, String) {
        let mut client = Client::connect(&mut self.world, app);
        client.receive(&mut self.world);
        let answer = self.ask_on(&mut client, 1, verb, name);
        (client, answer)
    }

    fn ask_on(&mut self, client: &mut Client, msid: u32, verb: &str, name: &str) -> String {
        client.command_on(&mut self.world, msid, &[verb.into(), 2.0.into(), Value::Null, name.into()]);
        let messages = client.receive(&mut self.world);
        let commands = messages.iter().filter(|message| message.type_id == 20);
        let values = commands.map(|message| amf0::decode(message.payload()).unwrap());
        let mut texts = values.filter_map(|values| {
            let status = values.last()?.as_object()?;
            let code = status.str("code")?.trim_start_matches("NetStream.").to_owned();
            Some(format!("{code}: {}", status.str("description")?))
        });
        texts.next().unwrap_or_default()
    }

    fn answer(&mut self, app: &str, verb: &str, name: &str) -> String {
        self.ask(app, verb, name).1
    }

    fn streams(&self) -> Vec<String> {
        self.world.engine.cx.streams.iter().map(|stream| stream.name.to_string()).collect()
    }

    fn seen(&self) -> Vec<String> {
        self.seen.take()
    }
}

const STARTED: &str = "Publish.Start: Start publishing";
const MISSING: &str = "Publish.Unauthorized: a key is missing: publish to rtmp://HOST/live/NAME?key=KEY";
const WRONG_KEY: &str = "Publish.Unauthorized: wrong key";

#[test]
fn a_key_opens_every_stream_and_a_key_with_a_name_that_one_alone() {
    let keys = "publish_key any-key; publish_key cam-key cam; publish_key a/b&c door;";
    for (app, name, answer, stream) in [
        ("live", "x?key=any-key", STARTED, "x"),
        ("live", "x?a=1&key=any%2dkey&b=2", STARTED, "x"),
        ("live?key=any-key", "x", STARTED, "x"),
        ("live?key=wrong", "x?key=any-key", STARTED, "x"),
        ("live?key=any-key", "x?key=wrong", WRONG_KEY, ""),
        ("live", "cam-key", STARTED, "cam"),
        ("live/cam-key", "", STARTED, "cam"),
        ("live", "cam?key=cam-key", STARTED, "cam"),
        ("live", "cam-key?key=cam-key", STARTED, "cam"),
        ("live?key=cam-key", "cam", STARTED, "cam"),
        ("live", "cam?key=any-key", STARTED, "cam"),
        ("live", "cam-key?key=any-key", STARTED, "cam"),
        ("live", "x?key=cam-key", "Publish.Unauthorized: the key is for another stream", ""),
        ("live", "door?key=a/b%26c", STARTED, "door"),
        ("live", "cam", MISSING, ""),
        ("live", "cam?b=2", MISSING, ""),
        ("live", "x", "Publish.Unauthorized: wrong stream key", ""),
        ("live", "cam?key=", WRONG_KEY, ""),
        ("live", "cam?key=CAM-KEY", WRONG_KEY, ""),
        ("live", "cam-key2", "Publish.Unauthorized: wrong stream key", ""),
    ] {
        let mut setup = Setup::new(keys);
        assert_eq!(setup.answer(app, "publish", name), answer, "{app} and {name}");
        let expected: &[_] = if stream.is_empty() { &[] } else { &[stream] };
        assert_eq!(setup.streams(), expected, "{app} and {name}");
    }
    let mut setup = Setup::new("publish_key any-key;");
    assert_eq!(setup.answer("live", "publish", "x"), MISSING, "it is no guess at a key");
}

#[test]
fn a_player_with_the_key_of_a_stream_plays_that_one() {
    let mut setup = Setup::new("play_key cam-key cam;");
    let _publisher = setup.ask("live", "publish", "cam");
    let (player, _) = setup.ask("live", "play", "cam-key");
    assert_eq!(setup.streams(), ["cam"]);
    assert!(setup.world.is_open(player.id));
    let refused = "Play.Failed: a key is missing: play rtmp://HOST/live/NAME?key=KEY";
    assert_eq!(setup.answer("live", "play", "cam"), refused);
    assert_eq!(setup.answer("live", "play", "door"), "Play.Failed: wrong stream key");
}

#[test]
fn what_is_looked_at_reaches_no_other_module_and_the_rest_does() {
    let connect = |setup: &mut Setup| {
        let mut client = Client::open(&mut setup.world);
        let texts = [("app", "live?key=k&a=1&sig=s"), ("tcUrl", "rtmp://h/live?key=k&a=1&sig=s")];
        client.connect_with(&mut setup.world, &texts);
        client.receive(&mut setup.world);
        setup.ask_on(&mut client, 1, "publish", "x?b=2&key=k&expires=1");
        setup.ask_on(&mut client, 2, "play", "x?b=2&key=k&expires=1");
        setup.seen()
    };
    for (directives, seen) in [
        (
            "publish_key k;",
            [
                "connect ?a=1&sig=s rtmp://h/live?a=1&sig=s",
                "publish x?b=2&expires=1",
                "play x?b=2&key=k&expires=1",
            ],
        ),
        (
            "publish_key k; play_key k; play_secret s;",
            ["connect ?a=1 rtmp://h/live?a=1", "publish x?b=2&expires=1", "play x?b=2"],
        ),
        (
            "allow publish all;",
            [
                "connect ?key=k&a=1&sig=s rtmp://h/live?key=k&a=1&sig=s",
                "publish x?b=2&key=k&expires=1",
                "play x?b=2&key=k&expires=1",
            ],
        ),
    ] {
        assert_eq!(connect(&mut Setup::new(directives)), seen, "{directives}");
    }
}

#[test]
fn the_url_of_a_connect_shows_no_key_in_its_path() {
    for (app, url, seen) in [
        ("live/cam-key", "rtmp://h:1935/live/cam-key", "connect ? rtmp://h:1935/live"),
        ("live", "rtmp://h/live", "connect ? rtmp://h/live"),
        ("live/cam-key?a=1", "rtmp://h/live/cam-key?a=1&key=x", "connect ?a=1 rtmp://h/live?a=1"),
    ] {
        let mut setup = Setup::new("publish_key cam-key cam;");
        let mut client = Client::open(&mut setup.world);
        client.connect_with(&mut setup.world, &[("app", app), ("tcUrl", url)]);
        client.receive(&mut setup.world);
        assert_eq!(setup.seen(), [seen]);
    }
}

#[test]
fn rules_and_keys_must_both_agree() {
    for (directives, verb, answer) in [
        (
            "deny publish 192.0.2.1;",
            "publish",
            "Publish.Unauthorized: clients at 192.0.2.1 may not publish here",
        ),
        (
            "deny publish 192.0.2.1; publish_key k;",
            "publish",
            "Publish.Unauthorized: clients at 192.0.2.1 may not publish here",
        ),
        ("allow 192.0.2.0/24; deny all; publish_key k;", "publish", STARTED),
        ("allow publish 192.0.2.1; deny all;", "play", "Play.Failed: clients at 192.0.2.1 may not play here"),
    ] {
        let mut setup = Setup::new(directives);
        assert_eq!(setup.answer("live", verb, "x?key=k"), answer, "{directives}");
    }
}

/// The signature for publishing `live/cam` until 100 s after 1970 began, made by openssl under "secret".
const SIGNED: &str = "119ccd750523800ca7f4b89e0fa34d890c924f67baa0615c2e122271147dafde";

#[test]
fn a_signature_opens_until_it_expires_and_either_of_two_secrets_may_have_made_it() {
    let link = |name: &str, expires: u64, sig: &str| format!("{name}?expires={expires}&sig={sig}");
    let right = link("cam", 100, SIGNED);
    let expired = "Publish.Unauthorized: the link expired 31 s ago";
    let wrong = "Publish.Unauthorized: wrong signature";
    let missing = "Publish.Unauthorized: a signature is missing: publish to rtmp://HOST/live/NAME?expires=TIME&sig=SIGNATURE";
    for (directives, second, name, answer) in [
        ("publish_secret secret;", 0, right.clone(), STARTED),
        ("publish_secret secret;", 130, right.clone(), STARTED),
        ("publish_secret secret;", 131, right.clone(), expired),
        ("publish_secret new; publish_secret secret;", 0, right.clone(), STARTED),
        ("publish_secret new;", 0, right.clone(), wrong),
        ("publish_secret secret address;", 0, right.clone(), wrong),
        ("publish_secret secret;", 0, link("door", 100, SIGNED), wrong),
        ("publish_secret secret;", 0, link("cam", 101, SIGNED), wrong),
        ("publish_secret secret;", 0, "cam?expires=100".to_owned(), wrong),
        ("publish_secret secret;", 0, "cam".to_owned(), missing),
        ("publish_secret secret; publish_key k;", 0, right.clone(), STARTED),
        ("publish_secret secret; publish_key k;", 0, "x?key=k".to_owned(), STARTED),
        ("publish_secret secret; publish_key k;", 131, format!("{right}&key=k"), STARTED),
        ("publish_secret secret; publish_key k;", 131, format!("{right}&key=x"), WRONG_KEY),
        ("publish_secret secret; publish_key k door;", 131, right.clone(), expired),
        ("publish_secret secret; publish_key k door;", 0, right.clone(), STARTED),
    ] {
        let mut setup = Setup::new(directives);
        setup.world.pass_time(Duration::from_secs(second));
        assert_eq!(setup.answer("live", "publish", &name), answer, "{directives} at {second}: {name}");
    }
}

#[test]
fn who_has_begun_goes_on_when_the_link_expires_or_the_keys_change() {
    let mut setup = Setup::new("publish_secret secret;");
    let (publisher, _) = setup.ask("live", "publish", &format!("cam?expires=100&sig={SIGNED}"));
    setup.world.now.wall += Duration::from_secs(200);
    setup.reload("publish_key new;");
    setup.world.pass(2);
    assert!(setup.world.is_open(publisher.id));
    assert_eq!(setup.answer("live", "publish", "x?key=new"), STARTED);
    assert_eq!(setup.answer("live", "publish", "y?key=old"), WRONG_KEY);
    setup.reload("");
    assert_eq!(setup.answer("live", "publish", "z"), STARTED);
    assert_eq!(setup.streams().len(), 3);
}

#[test]
fn a_session_that_has_connected_before_there_were_keys_has_shown_its_own() {
    let mut setup = Setup::new("");
    let mut client = Client::connect(&mut setup.world, "live?key=k");
    client.receive(&mut setup.world);
    setup.reload("publish_key k;");
    assert_eq!(setup.ask_on(&mut client, 1, "publish", "x"), STARTED);
}

#[test]
fn an_unpublish_ends_the_stream_that_was_published_under_the_key() {
    let mut setup = Setup::new("publish_key one a; publish_key two b; publish_key three c;");
    let (mut client, _) = setup.ask("live", "publish", "one");
    setup.ask_on(&mut client, 2, "publish", "two");
    setup.ask_on(&mut client, 3, "publish", "three");
    for (sent, left) in [("two", &["a", "c"][..]), ("a", &["c"]), ("unknown", &[])] {
        client.command(&mut setup.world, &["FCUnpublish".into(), 0.0.into(), Value::Null, sent.into()]);
        assert_eq!(setup.streams(), left, "{sent}");
    }
}

const TOO_MANY: &str = "Publish.Unauthorized: too many wrong keys from your address; try again in 5 s";

#[test]
fn after_ten_wrong_keys_an_address_has_one_try_in_five_seconds() {
    let mut setup = Setup::new("publish_key k; publish_key k-cam cam; publish_secret s;");
    for name in ["x?key=a", "guess", "x?expires=1&sig=2"].iter().cycle().take(10) {
        let answer = setup.answer("live", "publish", name);
        assert!(answer.starts_with("Publish.Unauthorized: wrong "), "{answer}");
    }
    for name in ["x?key=k", "k-cam", "x?expires=1&sig=2"] {
        assert_eq!(setup.answer("live", "publish", name), TOO_MANY, "{name}: it is not looked at");
    }
    assert_eq!(setup.answer("live", "publish", "cam"), MISSING, "which is no try");
    let refusals = &setup.world.engine.cx.refusals;
    assert_eq!((refusals.wrong_keys, refusals.slowed), (10, 3));
    setup.world.pass(5);
    assert_eq!(setup.answer("live", "publish", "x?key=a"), WRONG_KEY);
    assert_eq!(setup.answer("live", "publish", "x?key=a"), TOO_MANY);
    setup.world.pass(5);
    assert_eq!(setup.answer("live", "publish", "x?key=k"), STARTED);
    for _ in 0..20 {
        assert_eq!(setup.answer("live", "publish", "x?key=a"), WRONG_KEY, "it has shown a right one");
    }
}

#[test]
fn what_is_missing_expired_or_refused_for_another_reason_is_no_guess() {
    let mut setup = Setup::new("publish_key k; publish_key k-cam cam; publish_secret secret; deny play all;");
    setup.world.now.wall += Duration::from_secs(200);
    let expired = format!("cam?expires=100&sig={SIGNED}");
    for name in ["cam", "x?key=k-cam", "..", &expired] {
        for _ in 0..20 {
            setup.answer("live", "publish", name);
            setup.answer("live", "play", "x?key=a");
        }
    }
    assert_eq!(setup.answer("live", "publish", "x?key=a"), WRONG_KEY);
    assert_eq!(setup.answer("live", "publish", "x?key=k"), STARTED);
}

#[test]
fn playing_the_key_of_a_publisher_is_as_playing_a_stream_that_is_not_there_and_shows_no_key() {
    let mut setup = Setup::new("publish_key 4f1c0a7be2 door;");
    assert_eq!(setup.answer("live", "publish", "door?key=4f1c0a7be2"), STARTED);
    setup.answer("live", "play", "4f1c0a7be2");
    setup.answer("live", "play", "ffffffffff");
    assert_eq!(setup.streams(), ["door", "key-4f1c", "ffffffffff"]);
}

//! The access log of RTMP: which clients have lines, when, and what the lines say.

use crate::engine::tests::*;
use crate::test_folder::Folder;

const SHORT: &str = "log_format short \"$command $app/$name?$args $tcurl $pageurl\";";

/// A server with these directives around its applications, and in the application `live`. `LOG` is a file in the folder.
fn text(folder: &Folder, outer: &str, inner: &str) -> String {
    let text = format!(
        "rtmp {{ {SHORT} {outer} server {{ listen 1935;
            application live {{ live on; {inner} }}
            application other {{ live on; access_log LOG/other.log short; }}
            application silent {{ live on; access_log off; }} }} }}"
    );
    text.replace("LOG", &folder.display().to_string())
}

fn world(folder: &Folder, outer: &str, inner: &str) -> World {
    let mut world = World::configured(table(), &text(folder, outer, inner));
    world.engine.open().unwrap();
    world
}

fn ask(world: &mut World, client: &mut Client, verb: &str, name: &str) {
    client.command(world, &[verb.into(), 2.0.into(), Value::Null, name.into()]);
    client.receive(world);
}

fn leave(world: &mut World, client: &Client) {
    world.engine.lost(client.id, world.now);
    world.end_turn();
}

/// What is in a log after all lines that wait have been written.
fn lines(world: &mut World, folder: &Folder, name: &str) -> Vec<String> {
    world.pass(2);
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_client_of_an_application_has_one_line_at_its_end() {
    let folder = Folder::new();
    let mut world = world(&folder, "access_log LOG/a.log short;", "");
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(&mut world, "live")).collect();
    ask(&mut world, &mut clients[1], "publish", "cam?a=b&c");
    ask(&mut world, &mut clients[2], "play", "cam");
    ask(&mut world, &mut clients[3], "play", "first");
    ask(&mut world, &mut clients[3], "publish", "second?x=1");
    assert_eq!(lines(&mut world, &folder, "a.log"), [""; 0], "nobody has left");
    for client in &clients {
        leave(&mut world, client);
    }
    let expected = [
        "NONE live/?  ",
        "PUBLISH live/cam?a=***&***  ",
        "PLAY live/cam?  ",
        "PLAY+PUBLISH live/second?x=***  ",
    ];
    assert_eq!(lines(&mut world, &folder, "a.log"), expected);
}

#[test]
fn a_client_that_is_connected_to_no_application_has_no_line() {
    let folder = Folder::new();
    let mut world = world(&folder, "access_log LOG/a.log short;", "");
    let (opened, unknown) = (Client::open(&mut world), Client::connect(&mut world, "none"));
    leave(&mut world, &opened);
    leave(&mut world, &unknown);
    let silent = Client::connect(&mut world, "silent");
    leave(&mut world, &silent);
    assert_eq!(lines(&mut world, &folder, "a.log"), [""; 0]);
}

#[test]
fn the_logs_of_the_nearest_block_count_and_formats_are_those_of_all_blocks() {
    let folder = Folder::new();
    let own = "log_format own \"own $name\"; access_log LOG/a.log SHORT; access_log LOG/b.log own; access_log LOG/c.log;";
    let mut world = world(&folder, "access_log LOG/outer.log;", own);
    let mut client = Client::connect(&mut world, "live");
    ask(&mut world, &mut client, "publish", "cam");
    leave(&mut world, &client);
    let other = Client::connect(&mut world, "other");
    leave(&mut world, &other);
    assert_eq!(lines(&mut world, &folder, "a.log"), ["PUBLISH live/cam?  "]);
    assert_eq!(lines(&mut world, &folder, "b.log"), ["own cam"]);
    let combined = lines(&mut world, &folder, "c.log");
    let [line] = combined.as_slice() else { panic!("{combined:?}") };
    assert!(
        line.starts_with("192.0.2.1 [01/Jan/1970:") && line.contains("] PUBLISH \"live\" \"cam\" \"\" - ")
    );
    assert_eq!(lines(&mut world, &folder, "outer.log"), [""; 0]);
    assert_eq!(lines(&mut world, &folder, "other.log"), ["NONE other/?  "]);
}

#[test]
fn a_refused_request_is_logged_and_a_name_that_may_be_a_key_is_not() {
    let folder = Folder::new();
    let mut world =
        world(&folder, "access_log LOG/a.log short;", "publish_key SECRETKEY; publish_key cam=OTHERKEY;");
    for name in ["WRONGSECRET", "cam?key=WRONG", "cam?key=OTHERKEY", "SECRETKEY", ".hidden"] {
        let mut client = Client::open(&mut world);
        let connect = [
            ("app", "live?token=T"),
            ("tcUrl", "rtmp://user:SECRET@host/live?token=SECRET"),
            ("pageUrl", "http://page/a?token=SECRET"),
        ];
        client.connect_with(&mut world, &connect);
        ask(&mut world, &mut client, "publish", name);
        leave(&mut world, &client);
    }
    let urls = "rtmp://host/live http://page/a";
    let expected =
        ["PUBLISH live/WRON...?", "PUBLISH live/cam?", "PUBLISH live/cam?", "", "PUBLISH live/.hid...?"];
    let logged = lines(&mut world, &folder, "a.log");
    for (line, expected) in logged.iter().zip(expected).filter(|(_, expected)| !expected.is_empty()) {
        assert_eq!(*line, format!("{expected} {urls}"));
    }
    assert_eq!(logged.len(), 5);
    assert!(!logged.concat().contains("SECRET") && !logged.concat().contains("OTHERKEY"), "{logged:?}");
}

#[test]
fn a_name_that_a_backend_has_not_judged_may_be_a_key() {
    let folder = Folder::new();
    let mut world = world(&folder, "access_log LOG/a.log short;", "on_publish http://192.0.2.3/;");
    let mut client = Client::connect(&mut world, "live");
    ask(&mut world, &mut client, "publish", "SECRETKEY?key=SECRET");
    leave(&mut world, &client);
    world.pass(60);
    assert_eq!(lines(&mut world, &folder, "a.log"), ["PUBLISH live/SECR...?key=***  "]);
}

#[test]
fn a_name_in_another_script_stays_and_forges_nothing() {
    let folder = Folder::new();
    let mut world = world(&folder, "access_log LOG/a.log;", "");
    for name in ["Straße/東京", "\u{642}\u{646} 7", "a\" b\nforged 127.0.0.1", "\u{202e}mac"] {
        let mut client = Client::connect(&mut world, "live");
        ask(&mut world, &mut client, "publish", name);
        leave(&mut world, &client);
    }
    let logged = lines(&mut world, &folder, "a.log");
    let names =
        ["Straße~東京", "\u{642}\u{646}\u{200e} 7", "a\\x22 b\\x0Aforged 127.0.0.1", "\\xE2\\x80\\xAEmac"];
    for (line, name) in logged.iter().zip(names) {
        assert!(line.contains(&format!(" PUBLISH \"live\" \"{name}\" \"\" - ")), "{line}");
    }
    assert_eq!(logged.len(), 4);
}

#[test]
fn with_an_interval_each_line_has_the_bytes_since_the_one_before() {
    let folder = Folder::new();
    let format = "log_format f \"$command $bytes_received $session_time\"; access_log LOG/a.log f; access_log LOG/b.log f;";
    let mut world = world(&folder, format, "log_interval 10s;");
    let mut client = Client::connect(&mut world, "live");
    world.pass(1);
    ask(&mut world, &mut client, "publish", "cam");
    let before = world.engine.cx.sessions.get(client.id).unwrap().bytes_in - 3073;
    for second in 0..25 {
        client.frame(&mut world, Kind::Video, second * 1000, &[0x17; 100]);
        world.pass(1);
    }
    let total = world.engine.cx.sessions.get(client.id).unwrap().bytes_in - 3073;
    leave(&mut world, &client);
    let logged = lines(&mut world, &folder, "a.log");
    let each = (total - before) / 25;
    assert_eq!(logged.len(), 3, "{logged:?}");
    let numbers =
        |line: &String| -> Vec<u64> { line.split(' ').skip(1).map(|n| n.parse().unwrap()).collect() };
    assert_eq!(logged.iter().map(numbers).map(|numbers| numbers[0]).sum::<u64>(), total);
    assert_eq!(numbers(&logged[1])[0], each * 10);
    assert_eq!(logged.iter().map(|line| numbers(line)[1]).collect::<Vec<_>>(), [11, 21, 26]);
    assert_eq!(lines(&mut world, &folder, "b.log"), logged, "all logs tell the same");
    world.pass(30);
    assert_eq!(lines(&mut world, &folder, "a.log").len(), 3, "there is no timer any more");
}

#[test]
fn a_reload_turns_logs_on_and_off_for_those_who_are_connected() {
    let folder = Folder::new();
    let mut world = world(&folder, "", "");
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(&mut world, "live")).collect();
    ask(&mut world, &mut clients[0], "publish", "cam?a=b");
    ask(&mut world, &mut clients[1], "play", "cam");
    ask(&mut world, &mut clients[2], "play", "cam");
    world.reload(&text(&folder, "access_log LOG/a.log short;", "log_interval 5s;"));
    leave(&mut world, &clients[1]);
    world.pass(6);
    let mut begun = lines(&mut world, &folder, "a.log");
    assert_eq!(begun.remove(0), "PLAY live/cam?  ");
    begun.sort();
    assert_eq!(begun, ["PLAY live/cam?  ", "PUBLISH live/cam?  "], "the arguments are not known");
    world.reload(&text(&folder, "access_log LOG/b.log short;", ""));
    leave(&mut world, &clients[0]);
    assert_eq!(lines(&mut world, &folder, "a.log").len(), 3);
    assert_eq!(lines(&mut world, &folder, "b.log"), ["PUBLISH live/cam?  "]);
    world.reload(&text(&folder, "", ""));
    leave(&mut world, &clients[2]);
    assert_eq!(lines(&mut world, &folder, "b.log").len(), 1);
}

#[test]
fn a_reload_changes_the_interval_of_those_who_are_connected() {
    let folder = Folder::new();
    let logged = |interval: &str| text(&folder, "access_log LOG/a.log short;", interval);
    let mut world = World::configured(table(), &logged("log_interval 1h;"));
    world.engine.open().unwrap();
    let mut client = Client::connect(&mut world, "live");
    ask(&mut world, &mut client, "play", "cam");
    world.pass(20);
    world.reload(&logged("log_interval 15s;"));
    assert_eq!(
        lines(&mut world, &folder, "a.log").len(),
        1,
        "the first hour of the old interval is not over"
    );
    world.pass(15);
    assert_eq!(lines(&mut world, &folder, "a.log").len(), 2);
    world.reload(&logged("log_interval 30s;"));
    world.pass(20);
    assert_eq!(lines(&mut world, &folder, "a.log").len(), 2);
    world.pass(15);
    assert_eq!(lines(&mut world, &folder, "a.log").len(), 3);
    leave(&mut world, &client);
    assert_eq!(lines(&mut world, &folder, "a.log").len(), 4);
}

#[test]
fn what_a_client_has_done_before_there_was_a_log_is_known() {
    let folder = Folder::new();
    let mut world = world(&folder, "", "");
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(&mut world, "live")).collect();
    ask(&mut world, &mut clients[0], "publish", "cam");
    ask(&mut world, &mut clients[1], "play", "cam");
    for client in &mut clients[..2] {
        client.command(&mut world, &["deleteStream".into(), 0.0.into(), Value::Null, 1.0.into()]);
    }
    world.reload(&text(&folder, "access_log LOG/a.log short;", ""));
    clients.iter().for_each(|client| leave(&mut world, client));
    let mut next = Client::connect(&mut world, "live");
    leave(&mut world, &next);
    next = Client::connect(&mut world, "live");
    ask(&mut world, &mut next, "play", "cam");
    leave(&mut world, &next);
    let expected =
        ["PUBLISH live/?  ", "PLAY live/?  ", "NONE live/?  ", "NONE live/?  ", "PLAY live/cam?  "];
    assert_eq!(lines(&mut world, &folder, "a.log"), expected);
}

#[test]
fn clients_of_an_application_that_a_reload_has_taken_away_have_their_lines() {
    let folder = Folder::new();
    let mut world = world(&folder, "", "");
    let mut client = Client::connect(&mut world, "other");
    ask(&mut world, &mut client, "publish", "cam");
    world.reload("rtmp { server { listen 1935; application live { live on; access_log off; } } }");
    world.pass(120);
    assert!(!world.is_open(client.id));
    assert_eq!(lines(&mut world, &folder, "other.log"), ["PUBLISH other/cam?  "]);
    assert!(world.engine.open_logs().files.is_empty());
}

#[test]
fn a_server_that_stops_writes_the_lines_of_all_who_are_connected() {
    let folder = Folder::new();
    let mut world = world(&folder, "access_log LOG/a.log short;", "");
    let mut clients: Vec<_> = (0..3).map(|_| Client::connect(&mut world, "live")).collect();
    ask(&mut world, &mut clients[0], "publish", "cam");
    world.engine.stop(world.now);
    world.end_turn();
    let text = std::fs::read_to_string(folder.join("a.log")).unwrap();
    assert_eq!(text, "PUBLISH live/cam?  \nNONE live/?  \nNONE live/?  \n");
}

#[test]
fn a_line_is_no_longer_than_asked_for() {
    let folder = Folder::new();
    let mut world = world(&folder, "access_log LOG/a.log short;", "log_size 10;");
    let mut client = Client::connect(&mut world, "live");
    ask(&mut world, &mut client, "publish", "cam");
    leave(&mut world, &client);
    assert_eq!(lines(&mut world, &folder, "a.log"), ["PUBLISH li"]);
}

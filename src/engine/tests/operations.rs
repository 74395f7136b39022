//! Operations in virtual time: clients that are ended, moved to another stream, and requests that wait for recorders and
//! reloads.

use std::cell::RefCell;
use std::path::PathBuf;

use crate::engine::tests::gates::Setup;
use crate::engine::tests::*;

/// A server whose streams are kept for a minute after their publishers are lost.
fn world(directives: &str) -> World {
    World::configured(table(), &config(directives))
}

fn config(directives: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; gop_cache off; wait_key off;
            application live {{ live on; publish_grace 60s; {directives} }} }} }}"
    )
}

fn endpoint(client: &Client) -> Endpoint {
    Endpoint { session: client.id, msid: 1 }
}

fn redirect(world: &mut World, client: &Client, to: &str) {
    world.engine.cx.redirect(endpoint(client), to);
    world.end_turn();
}

/// The name of the stream of a client's role.
fn stream_of(world: &World, client: &Client) -> Option<String> {
    let role = world.engine.cx.sessions.get(client.id)?.roles.on(1)?;
    Some(world.engine.cx.streams.get(role.stream())?.name.as_str().to_owned())
}

fn streams(world: &World) -> Vec<String> {
    let live = world.engine.cx.streams.iter().filter(|stream| stream.is_live());
    live.map(|stream| stream.name.to_string()).collect()
}

#[test]
fn a_kicked_publisher_is_told_why_and_its_stream_ends_without_a_grace() {
    let mut world = world("idle_streams off;");
    let (mut publisher, mut other) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    publisher.receive(&mut world);
    other.receive(&mut world);
    let mut player = Client::play(&mut world, "a");
    world.engine.cx.kick(publisher.id, "no more");
    assert_eq!(streams(&world), ["a", "b"], "not before a later step");
    world.end_turn();
    assert_eq!(streams(&world), ["b"]);
    assert_eq!(publisher.codes(&mut world), ["NetStream.Publish.Rejected"]);
    assert!(!world.is_open(publisher.id) && world.is_open(other.id));
    assert!(player.codes(&mut world).contains(&"NetStream.Play.StreamNotFound".to_owned()));
    // What is gone already is not kicked.
    world.engine.cx.kick(publisher.id, "again");
    world.end_turn();
}

#[test]
fn a_kicked_player_gets_no_more_frames_and_its_stream_goes_on() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    let (mut kicked, mut other) = (Client::playing(&mut world, "a"), Client::playing(&mut world, "a"));
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    world.engine.cx.kick(kicked.id, "no more");
    world.end_turn();
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    let messages = kicked.receive(&mut world);
    assert!(messages.iter().all(|message| message.payload() != KEY), "what it has not read is dropped");
    assert!(!world.is_open(kicked.id));
    assert_eq!(other.media(&mut world).len(), 3);
    assert_eq!(streams(&world), ["a"]);
}

#[test]
fn a_client_with_several_streams_leaves_one_in_a_step() {
    let mut world = world("");
    let mut client = Client::publish(&mut world, "a");
    client.command_on(&mut world, 2, &["publish".into(), 3.0.into(), Value::Null, "b".into()]);
    client.command_on(&mut world, 3, &["play".into(), 3.0.into(), Value::Null, "c".into()]);
    client.receive(&mut world);
    world.engine.cx.kick(client.id, "no more");
    let mut seen = vec![streams(&world)];
    while world.is_open(client.id) {
        assert!(world.engine.step(world.now));
        seen.push(streams(&world));
    }
    seen.dedup();
    assert_eq!(seen, [vec!["a", "b"], vec!["b"], vec![]]);
    world.end_turn();
    assert!(!world.is_open(client.id));
    let codes = client.codes(&mut world);
    assert_eq!(codes, ["NetStream.Publish.Rejected", "NetStream.Play.Stop", "NetStream.Publish.Rejected"]);
}

#[test]
fn a_client_without_a_role_and_one_whose_request_waits_are_kicked_too() {
    let mut setup = Setup::configured(&config(""));
    let mut idle = Client::connect(&mut setup.world, "live");
    idle.receive(&mut setup.world);
    let mut waiting = setup.publish("a");
    let ticket = setup.ticket();
    for client in [&idle, &waiting] {
        setup.world.engine.cx.kick(client.id, "no more");
    }
    setup.world.end_turn();
    setup.answer(ticket, Reply::Grant);
    assert!(streams(&setup.world).is_empty());
    for client in [&mut idle, &mut waiting] {
        assert!(!setup.world.is_open(client.id));
        assert_eq!(client.codes(&mut setup.world), ["NetConnection.Connect.Closed"]);
    }
    assert_eq!(setup.world.engine.cx.suspended, 0);
}

#[test]
fn clients_are_kicked_while_the_server_drains() {
    let mut world = world("");
    let publisher = Client::publish(&mut world, "a");
    world.engine.drain(world.now);
    world.end_turn();
    assert!(world.is_open(publisher.id));
    world.engine.cx.kick(publisher.id, "no more");
    world.end_turn();
    assert!(!world.is_open(publisher.id) && streams(&world).is_empty());
}

#[test]
fn a_redirected_player_plays_the_other_stream() {
    let mut world = world("");
    let (mut a, mut b) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    for (publisher, payload) in [(&mut a, KEY), (&mut b, INTER)] {
        publisher.frame(&mut world, Kind::Video, 0, HEADER);
        publisher.frame(&mut world, Kind::Video, 0, payload);
    }
    let mut player = Client::play(&mut world, "a");
    redirect(&mut world, &player, "b?token=2");
    assert_eq!(stream_of(&world, &player).as_deref(), Some("b"));
    a.frame(&mut world, Kind::Video, 40, DISPOSABLE);
    b.frame(&mut world, Kind::Video, 40, KEY);
    let payloads: Vec<_> = player.media(&mut world).into_iter().map(|(_, payload)| payload).collect();
    assert!(payloads.contains(&KEY.to_vec()) && !payloads.contains(&DISPOSABLE.to_vec()));
    assert!(
        world.engine.cx.streams.iter().find(|stream| stream.name.as_str() == "a").unwrap().players.is_empty()
    );
}

#[test]
fn a_redirected_publisher_goes_on_under_the_other_name_with_its_headers() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.receive(&mut world);
    for (kind, payload) in
        [(Kind::Video, HEADER), (Kind::Audio, AUDIO_HEADER), (Kind::Video, KEY), (Kind::Audio, AUDIO)]
    {
        publisher.frame(&mut world, kind, 5000, payload);
    }
    let mut player = Client::play(&mut world, "b");
    redirect(&mut world, &publisher, "b");
    assert_eq!(streams(&world), ["b"], "the old stream has no grace");
    assert_eq!(publisher.codes(&mut world), ["NetStream.Publish.Start"]);
    publisher.frame(&mut world, Kind::Video, 5040, KEY);
    publisher.frame(&mut world, Kind::Audio, 5041, AUDIO);
    let media = player.media(&mut world);
    let payloads: Vec<_> = media.iter().map(|(_, payload)| payload.as_slice()).collect();
    assert_eq!(payloads, [HEADER, KEY, AUDIO_HEADER, AUDIO]);
    assert!(media.iter().all(|(time, _)| (5000..=5041).contains(time)), "{media:?}");
    // The client stops it by the name that it knows.
    publisher.command_on(&mut world, 0, &["FCUnpublish".into(), 3.0.into(), Value::Null, "a".into()]);
    assert!(streams(&world).is_empty());
}

#[test]
fn a_refused_redirect_changes_nothing_and_the_client_is_told_nothing() {
    for (settings, to) in
        [("", "b"), ("", "../etc"), ("", ""), ("", "?token=1"), ("", "a%zz"), ("idle_streams off;", "c")]
    {
        let mut world = world(settings);
        let mut publisher = Client::publish(&mut world, "a");
        Client::publish(&mut world, "b");
        let mut player = Client::play(&mut world, "a");
        publisher.receive(&mut world);
        let client = if to == "c" { &mut player } else { &mut publisher };
        redirect(&mut world, client, to);
        assert_eq!(stream_of(&world, client).as_deref(), Some("a"), "{to}");
        assert!(client.codes(&mut world).is_empty(), "{to}");
    }
}

#[test]
fn a_redirect_to_the_same_name_begins_the_stream_anew_and_a_replaced_publisher_is_told() {
    let mut world = world("publish_conflict replace;");
    let (mut a, mut b) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    a.receive(&mut world);
    b.receive(&mut world);
    redirect(&mut world, &a, "a");
    assert_eq!(a.codes(&mut world), ["NetStream.Publish.Start"]);
    redirect(&mut world, &a, "b");
    assert_eq!(a.codes(&mut world), ["NetStream.Publish.Start"]);
    assert_eq!(b.codes(&mut world), ["NetStream.Publish.BadName"]);
    assert_eq!(streams(&world), ["b"]);
    assert!(!world.is_open(b.id));
}

#[test]
fn names_of_redirects_are_read_like_those_of_clients() {
    let mut world = world("");
    let publisher = Client::publish(&mut world, "a");
    for (to, name) in [("b%20c?x=y", "b c"), ("mp4:d", "d"), ("room/cam", "room~cam")] {
        redirect(&mut world, &publisher, to);
        assert_eq!(stream_of(&world, &publisher).as_deref(), Some(name));
    }
}

#[test]
fn an_operator_needs_no_key_but_rules_by_address_hold() {
    let mut world = world("publish_key secret-of-all; deny play 192.0.2.0/24;");
    let mut publisher = Client::connect(&mut world, "live");
    publisher.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a?key=secret-of-all".into()]);
    redirect(&mut world, &publisher, "b");
    assert_eq!(stream_of(&world, &publisher).as_deref(), Some("b"));
}

#[test]
fn a_redirect_waits_for_its_callback_and_the_old_role_stays_until_then() {
    let mut setup = Setup::configured(&config(""));
    let mut publisher = setup.publish("a");
    setup.answer(setup.ticket(), Reply::Grant);
    publisher.receive(&mut setup.world);
    redirect(&mut setup.world, &publisher, "b");
    assert_eq!(streams(&setup.world), ["a"]);
    // A second one finds the first under way.
    redirect(&mut setup.world, &publisher, "c");
    setup.answer(setup.ticket(), Reply::Refuse(Refusal::of_client("not you")));
    assert_eq!(streams(&setup.world), ["a"]);
    assert!(publisher.codes(&mut setup.world).is_empty());
    redirect(&mut setup.world, &publisher, "b");
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(streams(&setup.world), ["b"]);
    redirect(&mut setup.world, &publisher, "c");
    setup.answer(setup.ticket(), Reply::Rename("d".into()));
    assert_eq!(streams(&setup.world), ["d"]);
}

#[test]
fn who_leaves_before_a_redirect_is_granted_is_not_brought_back() {
    let mut setup = Setup::configured(&config("idle_streams off;"));
    let publisher = setup.publish("a");
    setup.answer(setup.ticket(), Reply::Grant);
    let player = Client::play(&mut setup.world, "a");
    redirect(&mut setup.world, &player, "paid");
    let ticket = setup.ticket();
    setup.world.engine.cx.kick(publisher.id, "no more");
    setup.world.end_turn();
    assert_eq!(stream_of(&setup.world, &player), None);
    setup.answer(ticket, Reply::Grant);
    assert_eq!(stream_of(&setup.world, &player), None);
}

#[test]
fn a_kicked_viewer_is_refused_for_the_time_and_then_comes_again() {
    for settings in ["", "play_key secret-of-all;"] {
        let mut world = viewing::world(settings);
        let path = "/hls/cam.m3u8?key=secret-of-all";
        assert_eq!(viewing::status(&mut world, path), "200");
        assert_eq!(viewing::viewers(&world, "cam"), 1);
        let id = world.engine.cx.viewing.viewers.ids().next().unwrap();
        world.engine.cx.kick_viewer(id, "no more", Duration::from_secs(60));
        world.end_turn();
        assert_eq!(viewing::viewers(&world, "cam"), 0);
        assert_eq!(viewing::status(&mut world, path), "403", "{settings}");
        assert_eq!(viewing::status(&mut world, "/hls/dog.m3u8?key=secret-of-all"), "200", "another stream");
        world.pass(61);
        assert_eq!(viewing::status(&mut world, path), "200", "{settings}");
    }
}

/// Answers each request by an operation, and tells what has come of it.
#[derive(Default)]
struct Operator {
    record: Option<RecordResult>,
    asked: Rc<RefCell<Vec<String>>>,
}

impl Module for Operator {
    fn name(&self) -> &'static str {
        "operator"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        if let Some(result) = request.findings.find(|_: &OperationResult| true) {
            let (head, _) = crate::http::response::error_page(200);
            let body = Body::Bytes(format!("{result:?}").into_bytes().into());
            return Some(Answer::Reply(HttpReply { head, body }));
        }
        let streams = cx.streams.iter().map(|stream| stream.id).collect();
        let start = request.head.path == "/start";
        Some(Answer::Operate(match &*request.head.path {
            "/reload" => Operation::Reload,
            _ => Operation::Record { streams, recorder: "all".into(), start },
        }))
    }

    fn on_record(
        &mut self,
        cx: &mut Ctx,
        stream: StreamId,
        recorder: &str,
        start: bool,
    ) -> Option<RecordResult> {
        let name = &cx.streams.get(stream).unwrap().name;
        self.asked.borrow_mut().push(format!("{name} {recorder} {start}"));
        self.record.clone()
    }
}

fn operated(record: Option<RecordResult>) -> (World, Rc<RefCell<Vec<String>>>) {
    let operator = Operator { record, ..Operator::default() };
    let asked = Rc::clone(&operator.asked);
    let config = format!("{} http {{ server {{ listen 127.0.0.1:0; }} }}", config(""));
    let mut modules = table();
    modules.insert(0, Box::new(operator));
    (World::configured(modules, &config), asked)
}

fn ask(world: &mut World, path: &str) -> SessionId {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    world.engine.input(id, head.as_bytes(), world.now);
    world.end_turn();
    id
}

/// The body of the answer that a client has got; empty if there is none yet.
fn body(world: &mut World, id: SessionId) -> String {
    let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
}

#[test]
fn recorders_of_many_streams_are_asked_in_steps_and_the_request_waits_for_all() {
    let path = PathBuf::from("/rec/a.flv");
    let (mut world, asked) = operated(Some(RecordResult::Done(path)));
    let clients: Vec<_> = (0..40).map(|n| Client::publish(&mut world, &format!("s{n}"))).collect();
    let id = ask(&mut world, "/start");
    assert_eq!(asked.borrow().len(), clients.len());
    assert_eq!(asked.borrow()[0], "s0 all true");
    assert_eq!(body(&mut world, id).matches("Done(\"/rec/a.flv\")").count(), clients.len());
    let id = ask(&mut world, "/stop");
    assert!(body(&mut world, id).contains("Done") && asked.borrow()[79] == "s39 all false");
}

#[test]
fn a_file_that_begins_is_waited_for_but_not_for_ever() {
    for (outcome, expected) in [
        (Some(RecordResult::Done("/rec/a.1.flv".into())), "Done(\"/rec/a.1.flv\")"),
        (Some(RecordResult::Failed("the disk is full".into())), "Failed(\"the disk is full\")"),
        (None, "Done(\"/rec/a.flv\")"),
    ] {
        let (mut world, _) = operated(Some(RecordResult::Begins("/rec/a.flv".into())));
        let _publisher = Client::publish(&mut world, "a");
        let stream = world.engine.cx.streams.iter().next().unwrap().id;
        let id = ask(&mut world, "/start");
        world.pass(4);
        assert_eq!(body(&mut world, id), "");
        world.engine.cx.recording_began(stream, "other", RecordResult::Unchanged);
        match outcome {
            Some(outcome) => world.engine.cx.recording_began(stream, "all", outcome),
            None => world.pass(2),
        }
        world.end_turn();
        assert!(body(&mut world, id).contains(expected), "{expected}");
        assert!(world.engine.pending.is_empty());
    }
}

#[test]
fn without_a_module_that_records_there_is_no_recorder() {
    let (mut world, _) = operated(None);
    let _publisher = Client::publish(&mut world, "a");
    let id = ask(&mut world, "/start");
    assert!(body(&mut world, id).contains("NoRecorder"));
    let id = ask(&mut world, "/stop");
    assert!(body(&mut world, id).contains("NoRecorder"));
}

#[test]
fn a_request_for_a_reload_waits_for_the_one_that_begins_after_it() {
    let (mut world, _) = operated(None);
    let first = ask(&mut world, "/reload");
    world.engine.reload_begins();
    let second = ask(&mut world, "/reload");
    world.engine.reloaded(&Ok("reloaded x".into()), world.now);
    world.end_turn();
    assert!(body(&mut world, first).contains("Ok(\"reloaded x\")"));
    assert_eq!(body(&mut world, second), "");
    world.engine.reload_begins();
    world.engine.reloaded(&Err("x:3: no".into()), world.now);
    world.end_turn();
    assert!(body(&mut world, second).contains("Err(\"x:3: no\")"));
}

#[test]
fn a_reload_that_nobody_ends_is_not_waited_for_and_clients_may_leave() {
    let (mut world, _) = operated(None);
    let (stays, leaves) = (ask(&mut world, "/reload"), ask(&mut world, "/reload"));
    world.engine.lost(leaves, world.now);
    world.pass(29);
    assert_eq!(body(&mut world, stays), "");
    world.pass(2);
    assert!(body(&mut world, stays).contains("the reload is not over after 30 s"));
    assert!(world.engine.pending.is_empty() && world.engine.running.is_empty());
    let refused = ask(&mut world, "/reload");
    world.engine.refuse_reloads("the server is about to end");
    world.end_turn();
    assert!(body(&mut world, refused).contains("about to end"));
}

#[test]
fn operations_are_bounded() {
    let (mut world, _) = operated(None);
    let waiting: Vec<_> = (0..64).map(|_| ask(&mut world, "/reload")).collect();
    let more = ask(&mut world, "/reload");
    assert!(body(&mut world, more).contains("Busy"));
    world.engine.reload_begins();
    world.engine.reloaded(&Ok("reloaded".into()), world.now);
    world.end_turn();
    assert!(waiting.into_iter().all(|id| body(&mut world, id).contains("reloaded")));
}

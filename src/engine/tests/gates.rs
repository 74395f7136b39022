//! Requests that a module suspends, renames or denies: an answer resumes its own request or has no effect.

use std::cell::RefCell;

use crate::engine::limits::relief::RELIEF_INTERVAL;
use crate::engine::rtmp::gates::MAX_SUSPENDED;
use crate::engine::tests::*;
use crate::test_folder::Folder;

const WAIT: Duration = Duration::from_secs(30);

/// The calls of a module, in order.
type Calls = Rc<RefCell<Vec<String>>>;

/// Suspends every publish, every play of "paid" and every connect with arguments, at the gate of callbacks, until the
/// test answers.
#[derive(Default)]
struct Suspender {
    tickets: Rc<RefCell<Vec<Ticket>>>,
    calls: Calls,
}

impl Module for Suspender {
    fn name(&self) -> &'static str {
        "suspender"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn gate(&mut self, cx: &mut Ctx, request: &mut Request, gate: Gate) -> Verdict {
        if gate == Gate::Access && request.name == "key" {
            request.name = "from-key".into();
        }
        let suspends = match request.kind {
            RequestKind::Connect(_) => !request.args.is_empty(),
            RequestKind::Publish { .. } => true,
            RequestKind::Play { .. } | RequestKind::View(_) => request.name == "paid",
        };
        if gate != Gate::Callback || !suspends {
            return Verdict::Continue;
        }
        self.calls.borrow_mut().push(format!("ask {}", request.name));
        self.tickets.borrow_mut().push(request.ticket);
        Verdict::Suspend { until: cx.now.instant + WAIT }
    }

    fn on_stream_start(&mut self, _: &mut Ctx, _: StreamId) {
        self.calls.borrow_mut().push("stream".into());
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, _: Endpoint) {
        self.calls.borrow_mut().push(format!("publish {}", cx.streams.get(stream).unwrap().name));
    }

    fn on_publish_end(&mut self, cx: &mut Ctx, stream: StreamId, _: Endpoint) {
        self.calls.borrow_mut().push(format!("unpublish {}", cx.streams.get(stream).unwrap().name));
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, _: Endpoint) {
        self.calls.borrow_mut().push(format!("play {}", cx.streams.get(stream).unwrap().name));
    }

    fn on_play_end(&mut self, cx: &mut Ctx, stream: StreamId, _: Endpoint) {
        self.calls.borrow_mut().push(format!("stop {}", cx.streams.get(stream).unwrap().name));
    }

    fn on_play_control(&mut self, _: &mut Ctx, _: StreamId, _: Endpoint, control: Control) {
        self.calls.borrow_mut().push(format!("{control:?}"));
    }
}

/// An engine with such a module, and the calls of that.
pub(super) struct Setup {
    pub(super) world: World,
    tickets: Rc<RefCell<Vec<Ticket>>>,
    calls: Calls,
}

impl Setup {
    fn new() -> Self {
        Self::configured(CONFIG)
    }

    pub(super) fn configured(config: &str) -> Self {
        let suspender = Suspender::default();
        let (tickets, calls) = (Rc::clone(&suspender.tickets), Rc::clone(&suspender.calls));
        let mut modules = table();
        modules.insert(0, Box::new(suspender));
        Self { world: World::configured(modules, config), tickets, calls }
    }

    /// Adopts a text as configuration.
    pub(super) fn reload(&mut self, config: &str) {
        let mut modules = table();
        modules.insert(0, Box::new(Suspender::default()));
        self.world.reload_with(modules, config);
    }

    /// The ticket of the latest suspension.
    pub(super) fn ticket(&self) -> Ticket {
        *self.tickets.borrow().last().unwrap()
    }

    pub(super) fn answer(&mut self, ticket: Ticket, reply: Reply) -> Vec<Action> {
        self.world.engine.cx.answer(ticket, reply);
        assert!(self.world.engine.has_work());
        self.world.end_turn()
    }

    pub(super) fn publish(&mut self, name: &str) -> Client {
        let mut client = Client::publish(&mut self.world, name);
        client.receive(&mut self.world);
        client
    }

    /// A publisher whose request has been granted.
    fn publisher(&mut self, name: &str) -> Client {
        let mut client = self.publish(name);
        self.answer(self.ticket(), Reply::Grant);
        assert_eq!(client.codes(&mut self.world), ["NetStream.Publish.Start"]);
        client
    }

    fn codes(&mut self, client: &mut Client) -> Vec<String> {
        client.codes(&mut self.world)
    }

    fn take_calls(&self) -> Vec<String> {
        self.calls.take()
    }

    /// Whether a session is suspended; checks the count in the context.
    pub(super) fn is_suspended(&self, id: SessionId) -> bool {
        let cx = &self.world.engine.cx;
        assert_eq!(cx.suspended, cx.sessions.iter().filter(|session| session.suspended.is_some()).count());
        cx.sessions.get(id).is_some_and(|session| session.suspended.is_some())
    }

    /// Bytes of input that the budget has counted for a client.
    fn counted(&self, client: &Client) -> usize {
        self.world.engine.cx.sessions.get(client.id).map_or(0, |session| session.counted_input)
    }

    pub(super) fn streams(&self) -> Vec<String> {
        self.world.engine.cx.streams.iter().map(|stream| stream.name.to_string()).collect()
    }
}

fn ask(client: &mut Client, setup: &mut Setup, verb: &str, name: &str) {
    client.command(&mut setup.world, &[verb.into(), 2.0.into(), Value::Null, name.into()]);
}

#[test]
fn a_suspended_request_loses_nothing_that_came_meanwhile() {
    let mut setup = Setup::new();
    let mut player = Client::play(&mut setup.world, "a-renamed");
    let mut publisher = setup.publish("a");
    assert!(setup.world.engine.is_held(publisher.id) && setup.is_suspended(publisher.id));
    publisher.frame(&mut setup.world, Kind::Video, 0, HEADER);
    publisher.frame(&mut setup.world, Kind::Video, 1, KEY);
    assert_eq!(player.media(&mut setup.world), []);
    let actions = setup.answer(setup.ticket(), Reply::Rename("a-renamed".into()));
    assert!(actions.contains(&Action::Read(publisher.id)));
    publisher.frame(&mut setup.world, Kind::Video, 2, INTER);
    assert_eq!(player.media(&mut setup.world).len(), 3);
    assert_eq!(setup.streams(), ["a-renamed"]);
}

#[test]
fn a_refused_request_ends_the_session_with_the_reason() {
    let mut setup = Setup::new();
    let mut publisher = setup.publish("a");
    setup.answer(setup.ticket(), Reply::Refuse(Refusal::of_request("not you")));
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.BadName"]);
    assert!(!setup.world.is_open(publisher.id));
}

#[test]
fn a_second_answer_has_no_effect_on_a_later_request_of_the_session() {
    let mut setup = Setup::new();
    let mut publisher = setup.publisher("a");
    let first = setup.ticket();
    setup.answer(first, Reply::Refuse(Refusal::of_request("late")));
    assert_eq!(setup.codes(&mut publisher), [""; 0]);
    ask(&mut publisher, &mut setup, "publish", "b");
    assert!(setup.is_suspended(publisher.id));
    setup.answer(first, Reply::Grant);
    assert!(setup.is_suspended(publisher.id), "the answer was for another request");
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.Start"]);
    assert_eq!(setup.streams(), ["b"]);
}

#[test]
fn two_answers_in_one_turn_decide_once() {
    let mut setup = Setup::new();
    let mut publisher = setup.publish("a");
    let ticket = setup.ticket();
    setup.world.engine.cx.answer(ticket, Reply::Grant);
    setup.world.engine.cx.answer(ticket, Reply::Refuse(Refusal::of_request("changed my mind")));
    setup.world.end_turn();
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.Start"], "and is not refused behind that");
    assert!(setup.world.is_open(publisher.id));
    assert_eq!(setup.streams(), ["a"]);
}

#[test]
fn an_answer_to_a_session_that_has_gone_grants_nothing() {
    let mut setup = Setup::new();
    let mut publisher = setup.publish("a");
    setup.world.engine.cx.finish(publisher.id, "over");
    assert!(!setup.is_suspended(publisher.id));
    setup.world.end_turn();
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.streams(), [""; 0]);
    publisher.receive(&mut setup.world);
    setup.world.pass(3);
    assert_eq!(setup.world.engine.session_count(), 0);
    let next = setup.publish("b");
    assert_eq!(next.id.index, publisher.id.index, "it has the slot");
    let first = setup.tickets.borrow()[0];
    setup.answer(first, Reply::Grant);
    assert!(setup.is_suspended(next.id));
}

#[test]
fn without_an_answer_in_time_a_request_is_refused_and_a_late_answer_changes_nothing() {
    let mut setup = Setup::new();
    let mut publisher = setup.publish("a");
    setup.world.pass(29);
    assert!(setup.is_suspended(publisher.id), "neither the first step's deadline nor a ping has ended it");
    assert!(publisher.receive(&mut setup.world).is_empty(), "and it is not pinged");
    setup.world.pass(1);
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.BadName"]);
    assert!(!setup.world.is_open(publisher.id) && !setup.is_suspended(publisher.id));
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.streams(), [""; 0]);
}

#[test]
fn a_wait_that_is_longer_than_ping_is_neither_silence_nor_a_step_that_is_owed() {
    let mut setup =
        Setup::configured(&CONFIG.replace("out_queue 16;", "out_queue 16; ping 10s; ping_timeout 5s;"));
    let mut publisher = setup.publish("a");
    setup.world.pass(29);
    setup.answer(setup.ticket(), Reply::Grant);
    setup.world.pass(9);
    assert_eq!(publisher.receive(&mut setup.world).iter().filter(|message| message.type_id == 4).count(), 0);
    setup.world.pass(1);
    let messages = publisher.receive(&mut setup.world);
    assert_eq!(messages.iter().map(|message| message.type_id).collect::<Vec<_>>(), [4], "it is pinged now");
    setup.world.pass(4);
    assert!(setup.world.is_open(publisher.id));
}

#[test]
fn a_client_that_goes_away_while_it_waits_is_noticed() {
    let mut setup = Setup::new();
    let publisher = setup.publish("a");
    setup.world.engine.hung_up(publisher.id, setup.world.now);
    setup.world.end_turn();
    assert!(!setup.world.is_open(publisher.id) && !setup.is_suspended(publisher.id));
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.streams(), [""; 0]);
}

#[test]
fn a_client_that_had_closed_its_side_before_its_request_is_suspended_is_noticed() {
    let mut setup = Setup::new();
    let mut client = Client::connect(&mut setup.world, "live");
    client.receive(&mut setup.world);
    setup.world.engine.hung_up(client.id, setup.world.now);
    assert!(setup.world.is_open(client.id), "what it has sent before is still read");
    ask(&mut client, &mut setup, "publish", "a");
    assert!(!setup.world.is_open(client.id) && !setup.is_suspended(client.id));
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.streams(), [""; 0]);
}

#[test]
fn a_message_stream_keeps_its_role_until_another_request_is_granted() {
    let mut setup = Setup::new();
    let mut player = Client::play(&mut setup.world, "a");
    let mut publisher = setup.publisher("a");
    player.receive(&mut setup.world);
    ask(&mut publisher, &mut setup, "publish", "b");
    assert_eq!(setup.streams(), ["a"], "it is published still");
    setup.answer(setup.ticket(), Reply::Refuse(Refusal::of_request("not there")));
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.BadName"]);
    assert!(setup.world.is_open(publisher.id));
    publisher.frame(&mut setup.world, Kind::Video, 0, HEADER);
    publisher.frame(&mut setup.world, Kind::Video, 1, KEY);
    assert_eq!(player.media(&mut setup.world).len(), 2);
    ask(&mut publisher, &mut setup, "publish", "b");
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.streams().len(), 2, "the player waits for a");
    assert_eq!(
        setup.take_calls(),
        ["play a", "ask a", "stream", "publish a", "ask b", "ask b", "unpublish a", "stream", "publish b"]
    );
}

#[test]
fn a_publisher_may_publish_its_own_name_again() {
    let mut setup = Setup::new();
    let mut publisher = setup.publisher("a");
    ask(&mut publisher, &mut setup, "publish", "a");
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.Start"]);
    assert_eq!(setup.streams(), ["a"]);
}

#[test]
fn a_taken_name_is_refused_before_callbacks_and_again_after_a_rename() {
    let mut setup = Setup::new();
    let mut first = setup.publisher("a");
    let second = setup.publish("a");
    assert!(!setup.world.is_open(second.id));
    assert_eq!(setup.tickets.borrow().len(), 1, "nobody was asked about the second");

    let mut third = setup.publish("b");
    setup.answer(setup.ticket(), Reply::Rename("a".into()));
    assert_eq!(setup.codes(&mut third), ["NetStream.Publish.BadName"]);
    assert!(setup.world.is_open(first.id));
    first.frame(&mut setup.world, Kind::Video, 0, HEADER);
    assert_eq!(setup.world.engine.cx.streams.iter().map(|stream| stream.frames_in).collect::<Vec<_>>(), [1]);
}

#[test]
fn two_that_wait_for_the_same_name_do_not_both_get_it() {
    let mut setup = Setup::new();
    let (first, mut second) = (setup.publish("a"), setup.publish("a"));
    let tickets = setup.tickets.borrow().clone();
    setup.answer(tickets[0], Reply::Grant);
    setup.answer(tickets[1], Reply::Grant);
    assert_eq!(setup.codes(&mut second), ["NetStream.Publish.BadName"]);
    assert!(setup.world.is_open(first.id) && !setup.world.is_open(second.id));
}

#[test]
fn a_name_that_is_none_is_refused_behind_a_rename() {
    let mut setup = Setup::new();
    let mut publisher = setup.publish("a");
    setup.answer(setup.ticket(), Reply::Rename("../a".into()));
    assert_eq!(setup.codes(&mut publisher), ["NetStream.Publish.BadName"]);
    assert_eq!(setup.streams(), [""; 0]);
}

#[test]
fn the_gates_are_passed_in_their_order() {
    let mut setup = Setup::new();
    let mut client = Client::connect(&mut setup.world, "closed");
    client.receive(&mut setup.world);
    ask(&mut client, &mut setup, "publish", "a");
    assert_eq!(setup.take_calls(), [""; 0], "live is off, so nobody is asked");
    setup.publish("key");
    assert_eq!(setup.take_calls(), ["ask from-key"], "a key has become a name before");
}

#[test]
fn players_are_suspended_like_publishers_and_modules_get_their_controls() {
    let mut setup = Setup::new();
    setup.publisher("paid");
    let mut player = Client::play(&mut setup.world, "paid");
    assert!(setup.is_suspended(player.id));
    setup.answer(setup.ticket(), Reply::Grant);
    player.receive(&mut setup.world);
    let pause = ["pause".into(), 0.0.into(), Value::Null, true.into(), 0.0.into()];
    player.command(&mut setup.world, &pause);
    setup.world.engine.disconnected(player.id, "gone", setup.world.now);
    setup.world.end_turn();
    assert_eq!(setup.take_calls()[3..], ["ask paid", "play paid", "Pause", "stop paid"]);
}

#[test]
fn publishers_that_take_a_stream_over_begin_and_end_within_it() {
    let mut setup = Setup::new();
    let mut first = setup.publisher("a");
    first.frame(&mut setup.world, Kind::Video, 0, HEADER);
    setup.take_calls();
    setup.world.pass(6);
    setup.publisher("a");
    assert_eq!(setup.take_calls(), ["ask a", "unpublish a", "publish a"], "the stream has not ended");
}

#[test]
fn no_more_than_a_bounded_number_of_requests_waits() {
    let mut setup = Setup::new();
    for count in 0..MAX_SUSPENDED {
        setup.publish(&format!("s{count}"));
    }
    let last = setup.publish("last");
    assert!(!setup.world.is_open(last.id));
    let first = setup.tickets.borrow()[0];
    setup.answer(first, Reply::Refuse(Refusal::of_request("no")));
    let next = setup.publish("next");
    assert!(setup.is_suspended(next.id));
}

#[test]
fn a_suspended_request_counts_as_input_until_it_is_answered_or_its_session_ends() {
    let mut setup = Setup::new();
    let name = format!("a?key={}", "k".repeat(7000));
    let mut publisher = setup.publish(&name);
    assert!(setup.counted(&publisher) > 7000);
    setup.answer(setup.ticket(), Reply::Grant);
    assert!(setup.counted(&publisher) < 100);
    ask(&mut publisher, &mut setup, "publish", &name);
    assert!(setup.is_suspended(publisher.id) && setup.counted(&publisher) > 7000);
    setup.world.engine.disconnected(publisher.id, "gone", setup.world.now);
    assert!(setup.counted(&publisher) < 100);
    setup.world.end_turn();
    assert_eq!(setup.world.engine.cx.budgets.input.used, 0);
}

#[test]
fn the_texts_of_a_suspended_connect_count_as_input() {
    let mut setup = Setup::new();
    let mut client = Client::open(&mut setup.world);
    let url = "u".repeat(7000);
    client.connect_with(&mut setup.world, &[("app", "live?wait"), ("tcUrl", &url), ("swfUrl", &url)]);
    assert!(setup.is_suspended(client.id) && setup.counted(&client) > 14_000);
    setup.answer(setup.ticket(), Reply::Refuse(Refusal::of_request("no")));
    assert_eq!(
        client.codes(&mut setup.world),
        ["NetConnection.Connect.Rejected", "NetConnection.Connect.InvalidApp"]
    );
    assert_eq!(setup.counted(&client), 0);
}

#[test]
fn beyond_input_memory_clients_with_suspended_requests_are_closed_before_publishers() {
    let mut setup = Setup::configured(&format!("input_memory_size 1m;{CONFIG}"));
    let mut publisher = setup.publisher("a");
    for count in 0..300 {
        setup.publish(&format!("s{count}?{}", "k".repeat(8000)));
        setup.world.pass_time(RELIEF_INTERVAL);
    }
    assert!(setup.world.engine.cx.budgets.input.used <= 1 << 20);
    let waiting = setup.world.engine.cx.suspended;
    assert!((64..131).contains(&waiting), "{waiting} are left");
    publisher.frame(&mut setup.world, Kind::Video, 0, HEADER);
    assert!(setup.world.is_open(publisher.id));
}

#[test]
fn a_server_that_drains_waits_for_the_answers_to_suspended_requests() {
    let mut setup = Setup::new();
    let [mut granted, refused, late] = ["a", "b", "c"].map(|name| setup.publish(name));
    let idle = Client::connect(&mut setup.world, "live");
    let tickets = setup.tickets.borrow().clone();
    setup.world.engine.drain(setup.world.now);
    setup.world.end_turn();
    let open = [&granted, &refused, &late].map(|client| setup.world.is_open(client.id));
    assert_eq!((open, setup.is_suspended(granted.id)), ([true; 3], true));
    setup.answer(tickets[0], Reply::Grant);
    setup.answer(tickets[1], Reply::Refuse(Refusal::of_request("no")));
    assert_eq!(setup.codes(&mut granted), ["NetStream.Publish.Start"]);
    granted.frame(&mut setup.world, Kind::Video, 0, HEADER);
    setup.world.pass(30);
    let open = [&granted, &refused, &late, &idle].map(|client| setup.world.is_open(client.id));
    assert_eq!(open, [true, false, false, false]);
}

#[test]
fn a_connect_that_is_granted_while_the_server_drains_is_answered_before_the_end() {
    let mut setup = Setup::new();
    let mut client = Client::open(&mut setup.world);
    client.connect_with(&mut setup.world, &[("app", "live?wait")]);
    client.receive(&mut setup.world);
    setup.world.engine.drain(setup.world.now);
    setup.world.end_turn();
    assert!(setup.is_suspended(client.id));
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(client.codes(&mut setup.world), ["NetConnection.Connect.Success"]);
    setup.world.end_turn();
    assert!(!setup.world.is_open(client.id), "it has nothing to do here any more");
}

#[test]
fn a_session_whose_stream_ends_stays_while_another_request_of_it_waits() {
    let mut setup = Setup::configured(&CONFIG.replace("live on;", "live on; idle_streams off;"));
    let (mut publisher, _other) = (setup.publisher("a"), setup.publisher("paid"));
    let [mut granted, mut refused] = [(); 2].map(|()| Client::play(&mut setup.world, "a"));
    let mut tickets = Vec::new();
    for player in [&mut granted, &mut refused] {
        player.command_on(&mut setup.world, 2, &["play".into(), 2.0.into(), Value::Null, "paid".into()]);
        tickets.push(setup.ticket());
    }
    publisher.command(&mut setup.world, &["closeStream".into(), 0.0.into(), Value::Null]);
    assert!(setup.is_suspended(granted.id) && setup.is_suspended(refused.id));
    setup.answer(tickets[0], Reply::Grant);
    setup.answer(tickets[1], Reply::Refuse(Refusal::of_request("no")));
    assert_eq!(setup.codes(&mut granted).last().unwrap(), "NetStream.Play.Start");
    assert!(setup.world.is_open(granted.id) && !setup.world.is_open(refused.id));
}

#[test]
fn a_session_that_loses_its_last_role_ends_if_its_client_has_gone_and_cannot_hear_the_answer() {
    let mut setup = Setup::new();
    let mut first = setup.publisher("a");
    ask(&mut first, &mut setup, "publish", "b");
    setup.world.engine.hung_up(first.id, setup.world.now);
    assert!(setup.is_suspended(first.id), "media that it had sent before may be unread");
    setup.publisher("a");
    assert!(!setup.world.is_open(first.id) && !setup.is_suspended(first.id));
}

/// Fails after some frames.
struct Failing {
    frames: Rc<Cell<usize>>,
}

impl Sink for Failing {
    fn frame(&mut self, _: &Rc<Frame>, _: &mut Outlet<'_>) -> io::Result<()> {
        self.frames.set(self.frames.get() + 1);
        if self.frames.get() < 3 { Ok(()) } else { Err(io::Error::other("disk full")) }
    }
}

#[test]
fn a_sink_that_fails_is_dropped_and_the_publisher_lives_on() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    let frames = Rc::new(Cell::new(0));
    let id = world.engine.cx.streams.iter().next().unwrap().id;
    let sink = Failing { frames: Rc::clone(&frames) };
    world.engine.cx.streams.get_mut(id).unwrap().add_sink("failing", Box::new(sink));
    for time in 0..5 {
        publisher.frame(&mut world, Kind::Video, time, if time == 0 { HEADER } else { KEY });
    }
    assert_eq!(frames.get(), 3);
    assert!(world.is_open(publisher.id));
}

#[test]
fn an_encoder_may_go_on_under_a_name_whose_hls_files_are_its_own() {
    let folder = Folder::new();
    let config = format!(
        "rtmp {{ server {{ application live {{ live on; hls on; hls_path {}; hls_variant _low; }} }} }}",
        folder.display()
    );
    let mut world = World::configured(table(), &config);
    let mut publisher = Client::publish(&mut world, "cam_low");
    publisher.receive(&mut world);
    publisher.command(&mut world, &["publish".into(), 3.0.into(), Value::Null, "cam".into()]);
    assert_eq!(publisher.codes(&mut world), ["NetStream.Publish.Start"]);
}

#[test]
fn a_publisher_is_not_silent_while_another_request_of_it_waits() {
    let mut setup = Setup::new();
    let mut publisher = setup.publisher("a");
    publisher.frame(&mut setup.world, Kind::Video, 0, HEADER);
    ask(&mut publisher, &mut setup, "publish", "b");
    setup.world.pass(20);
    let second = setup.publish("a");
    assert!(!setup.world.is_open(second.id), "the name is taken still");
}

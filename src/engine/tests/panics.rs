//! Panics: each ends what it came from and nothing else.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::ControlFlow;

use crate::engine::tests::*;

/// The call in which the module or its sink panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Nowhere,
    Gate,
    Frame,
    StreamStart,
    StreamEnd,
    PublishStart,
    PublishEnd,
    PlayStart,
    PlayEnd,
    Close,
    SinkFrame,
    SinkFinish,
    SinkDiscontinuity,
    /// Not allowed to any sink. It stands for a fault of the engine between two hooks.
    SinkDrop,
    Player,
    Timer,
    HttpRequest,
    Adopt,
}

/// The state that the modules and sinks share with the test.
#[derive(Clone)]
struct Shared {
    at: Rc<Cell<Point>>,
    timers: Rc<Cell<u64>>,
    finished: Rc<Cell<usize>>,
    /// The calls of begin and end hooks, by module and subject: so many of each.
    pairs: Rc<RefCell<BTreeMap<String, [usize; 2]>>>,
}

/// Panics at a point, and for streams named "bad" only.
struct Faulty {
    shared: Shared,
}

/// A module that does not panic, behind all others, and gets the same hooks.
struct Witness {
    shared: Shared,
}

struct FaultySink {
    shared: Shared,
}

impl Sink for FaultySink {
    fn frame(&mut self, _: &Rc<Frame>, _: &mut Outlet<'_>) -> io::Result<()> {
        assert_ne!(self.shared.at.get(), Point::SinkFrame);
        Ok(())
    }

    fn discontinuity(&mut self, _: &mut Outlet<'_>) {
        assert_ne!(self.shared.at.get(), Point::SinkDiscontinuity);
    }

    fn finish(&mut self, _: Finish, _: &mut Outlet<'_>) {
        assert_ne!(self.shared.at.get(), Point::SinkFinish);
        self.shared.finished.set(self.shared.finished.get() + 1);
    }
}

impl Drop for FaultySink {
    fn drop(&mut self) {
        assert_ne!(self.shared.at.get(), Point::SinkDrop);
    }
}

impl Shared {
    fn begin(&self, module: &str, subject: &str, id: impl Debug) {
        self.pairs.borrow_mut().entry(format!("{module} {subject} {id:?}")).or_default()[0] += 1;
    }

    fn end(&self, module: &str, subject: &str, id: impl Debug) {
        self.pairs.borrow_mut().entry(format!("{module} {subject} {id:?}")).or_default()[1] += 1;
    }

    /// The hooks without exactly one end for each begin.
    fn unpaired(&self) -> Vec<String> {
        let pairs = self.pairs.borrow();
        let unpaired = pairs.iter().filter(|(_, count)| **count != [1, 1]);
        unpaired.map(|(call, [begins, ends])| format!("{call}: {begins} begins, {ends} ends")).collect()
    }

    fn fail_for(&self, cx: &Ctx, stream: StreamId, point: Point) {
        let is_bad = cx.streams.get(stream).is_some_and(|stream| stream.name.as_str() == "bad");
        assert!(!is_bad || self.at.get() != point);
    }
}

impl Shared {
    /// All modules, and those of the test before and behind them.
    fn modules(&self) -> Vec<Box<dyn Module>> {
        let mut modules = table();
        modules.insert(0, Box::new(Faulty { shared: self.clone() }));
        modules.push(Box::new(Witness { shared: self.clone() }));
        modules
    }
}

impl Module for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {
        assert_ne!(self.shared.at.get(), Point::Adopt);
    }

    fn gate(&mut self, _: &mut Ctx, request: &mut Request, _: Gate) -> Verdict {
        assert!(request.name != "bad" || self.shared.at.get() != Point::Gate, "Gate");
        Verdict::Continue
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, id: StreamId) {
        self.shared.begin("faulty", "stream", id);
        self.shared.fail_for(cx, id, Point::StreamStart);
        let stream = cx.streams.get_mut(id).unwrap();
        if stream.name.as_str() == "bad" {
            stream.add_sink("faulty", Box::new(FaultySink { shared: self.shared.clone() }));
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        self.shared.end("faulty", "stream", stream);
        self.shared.fail_for(cx, stream, Point::StreamEnd);
    }

    fn on_publish_start(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.shared.begin("faulty", "publish", publisher);
        self.shared.fail_for(cx, stream, Point::PublishStart);
    }

    fn on_publish_end(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.shared.end("faulty", "publish", publisher);
        self.shared.fail_for(cx, stream, Point::PublishEnd);
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        self.shared.begin("faulty", "play", player);
        self.shared.fail_for(cx, stream, Point::PlayStart);
    }

    fn on_play_end(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        self.shared.end("faulty", "play", player);
        self.shared.fail_for(cx, stream, Point::PlayEnd);
    }

    fn on_close(&mut self, _: &mut Ctx, id: SessionId) {
        self.shared.begin("faulty", "close", id);
        self.shared.end("faulty", "close", id);
        assert_ne!(self.shared.at.get(), Point::Close);
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, _: &Rc<Frame>) {
        self.shared.fail_for(cx, stream, Point::Frame);
        if self.shared.at.get() == Point::Player {
            let mut count = 0;
            cx.for_each_player(stream, 0, |_, _| {
                count += 1;
                assert_ne!(count, 2, "the second player");
                ControlFlow::Continue(())
            });
        }
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        self.shared.timers.set(self.shared.timers.get() + 1);
        cx.set_module_timer("faulty", cx.now.instant + Duration::from_secs(1), token);
        assert_ne!(self.shared.at.get(), Point::Timer);
    }

    fn on_http(&mut self, _: &mut Ctx, _: &HttpRequest) -> Option<Answer> {
        assert_ne!(self.shared.at.get(), Point::HttpRequest);
        None
    }
}

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

    fn on_stream_start(&mut self, _: &mut Ctx, stream: StreamId) {
        self.shared.begin("witness", "stream", stream);
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        assert!(cx.streams.get(stream).is_some());
        self.shared.end("witness", "stream", stream);
    }

    fn on_publish_start(&mut self, _: &mut Ctx, _: StreamId, publisher: Endpoint) {
        self.shared.begin("witness", "publish", publisher);
    }

    fn on_publish_end(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        assert!(cx.streams.get(stream).is_some());
        self.shared.end("witness", "publish", publisher);
    }

    fn on_play_start(&mut self, _: &mut Ctx, _: StreamId, player: Endpoint) {
        self.shared.begin("witness", "play", player);
    }

    fn on_play_end(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        assert!(cx.streams.get(stream).is_some());
        self.shared.end("witness", "play", player);
    }

    fn on_close(&mut self, _: &mut Ctx, id: SessionId) {
        self.shared.begin("witness", "close", id);
        self.shared.end("witness", "close", id);
    }
}

/// A server with the modules, which contains panics, and the state shared with the test.
struct Setup {
    world: World,
    shared: Shared,
}

impl Setup {
    fn new() -> Self {
        Self::configured("")
    }

    fn configured(directives: &str) -> Self {
        let shared = Shared {
            at: Rc::new(Cell::new(Point::Nowhere)),
            timers: Rc::default(),
            finished: Rc::default(),
            pairs: Rc::default(),
        };
        let modules = shared.modules();
        let rtmp = CONFIG.replace("live on;", &format!("live on; {directives}"));
        let mut world =
            World::configured(modules, &format!("{rtmp} http {{ server {{ listen 127.0.0.1:0; }} }}"));
        world.engine.cx.panics = Panics::contained();
        Self { world, shared }
    }

    /// A publisher and a player of a stream, and the player's messages of a key frame.
    fn stream(&mut self, name: &str) -> (Client, Client) {
        let player = Client::play(&mut self.world, name);
        let mut publisher = Client::publish(&mut self.world, name);
        publisher.frame(&mut self.world, Kind::Video, 0, HEADER);
        publisher.frame(&mut self.world, Kind::Video, 0, KEY);
        (publisher, player)
    }

    fn lose(&mut self, client: &Client) {
        self.world.engine.disconnected(client.id, "gone", self.world.now);
        self.world.end_turn();
    }

    fn panics(&self) -> u64 {
        self.world.engine.cx.panics.count()
    }
}

/// Checks after a panic: the other stream continues, and the name can be used again.
fn expect_service(setup: &mut Setup, other: &mut (Client, Client)) {
    setup.shared.at.set(Point::Nowhere);
    other.0.frame(&mut setup.world, Kind::Video, 40, INTER);
    assert!(!other.1.media(&mut setup.world).is_empty(), "the other stream's player");
    setup.world.pass(3);
    let (publisher, mut player) = setup.stream("bad");
    assert!(setup.world.is_open(publisher.id));
    assert_eq!(player.media(&mut setup.world).len(), 2);
}

#[test]
fn a_panic_for_a_session_ends_that_session_only() {
    for point in [Point::Gate, Point::Frame, Point::PlayStart, Point::StreamEnd, Point::Close] {
        let mut setup = Setup::new();
        let mut other = setup.stream("good");
        let mut bad = Client::connect(&mut setup.world, "live");
        if point != Point::Gate {
            bad.command(&mut setup.world, &["publish".into(), 2.0.into(), Value::Null, "bad".into()]);
        }
        setup.shared.at.set(point);
        let victim = match point {
            Point::PlayStart => Client::playing(&mut setup.world, "bad").id,
            Point::Gate => {
                bad.command(&mut setup.world, &["publish".into(), 2.0.into(), Value::Null, "bad".into()]);
                bad.id
            }
            Point::Frame => {
                bad.frame(&mut setup.world, Kind::Video, 0, HEADER);
                bad.id
            }
            _ => {
                setup.world.engine.disconnected(bad.id, "gone", setup.world.now);
                bad.id
            }
        };
        setup.world.end_turn();
        assert!(setup.world.engine.cx.sessions.get(victim).is_none(), "{point:?}");
        assert!(setup.panics() > 0, "{point:?}");
        if point == Point::PlayStart {
            assert!(setup.world.is_open(bad.id));
            setup.world.engine.disconnected(bad.id, "gone", setup.world.now);
            setup.world.end_turn();
        }
        expect_service(&mut setup, &mut other);
    }
}

/// The ways in which a publisher ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Stop,
    Lost,
    Replaced,
    Dismissed,
    ServerStops,
    ServerStopsInGrace,
}

const ENDS_OF_PUBLISHERS: [End; 6] =
    [End::Stop, End::Lost, End::Replaced, End::Dismissed, End::ServerStops, End::ServerStopsInGrace];

const POINTS_OF_A_STREAM: [Point; 14] = [
    Point::Gate,
    Point::Frame,
    Point::StreamStart,
    Point::StreamEnd,
    Point::PublishStart,
    Point::PublishEnd,
    Point::PlayStart,
    Point::PlayEnd,
    Point::Close,
    Point::SinkFrame,
    Point::SinkFinish,
    Point::SinkDiscontinuity,
    Point::SinkDrop,
    Point::Player,
];

impl Setup {
    /// Ends the publisher of "bad".
    fn end(&mut self, publisher: &mut Client, end: End) {
        match end {
            End::Stop => publisher.command(&mut self.world, &["closeStream".into(), 0.0.into(), Value::Null]),
            End::Lost => self.lose(publisher),
            End::Replaced => drop(Client::publish(&mut self.world, "bad")),
            End::Dismissed => {
                let bad = self.world.engine.cx.streams.iter().find(|stream| stream.name.as_str() == "bad");
                if let Some(id) = bad.map(|stream| stream.id) {
                    self.world.engine.cx.dismiss(id, "no more");
                }
            }
            End::ServerStops => self.world.engine.stop(self.world.now),
            End::ServerStopsInGrace => {
                self.lose(publisher);
                self.world.engine.stop(self.world.now);
            }
        }
        self.world.end_turn();
    }

    /// Ends all sessions, and the grace of their streams.
    fn end_all(&mut self) {
        for id in self.world.engine.cx.sessions.ids() {
            self.world.engine.disconnected(id, "gone", self.world.now);
        }
        self.world.end_turn();
        self.world.pass(3);
    }
}

#[test]
fn each_module_gets_one_end_for_each_begin_whatever_panics() {
    let all = POINTS_OF_A_STREAM.map(|point| ENDS_OF_PUBLISHERS.map(|end| (point, end)));
    for (point, end) in all.into_iter().flatten() {
        let mut setup = Setup::configured("publish_conflict replace; publish_grace 2s;");
        let _good = setup.stream("good");
        setup.shared.at.set(point);
        let (mut publisher, _player) = setup.stream("bad");
        let second = Client::play(&mut setup.world, "bad");
        publisher.frame(&mut setup.world, Kind::Video, 40, INTER);
        setup.lose(&second);
        setup.end(&mut publisher, end);
        setup.end_all();
        assert_eq!(setup.shared.unpaired(), [""; 0], "{point:?}, {end:?}");
        assert_eq!(setup.world.engine.session_count(), 0, "{point:?}, {end:?}");
        assert_eq!(setup.world.engine.cx.streams.iter().count(), 0, "{point:?}, {end:?}");
        assert!(setup.panics() > 0 || point == Point::SinkDiscontinuity, "{point:?}, {end:?}");
    }
}

#[test]
fn a_stream_whose_timer_panics_ends_for_modules_and_players() {
    let mut setup = Setup::configured("publish_grace 2s;");
    let (publisher, mut player) = setup.stream("bad");
    player.receive(&mut setup.world);
    setup.lose(&publisher);
    setup.shared.at.set(Point::SinkDrop);
    setup.world.pass(2);
    assert_eq!(setup.panics(), 1);
    setup.shared.at.set(Point::Nowhere);
    assert!(setup.world.is_open(player.id));
    let mut next = Client::publish(&mut setup.world, "bad");
    next.frame(&mut setup.world, Kind::Video, 0, HEADER);
    next.frame(&mut setup.world, Kind::Video, 0, KEY);
    assert_eq!(player.media(&mut setup.world).len(), 2);
    setup.lose(&next);
    setup.lose(&player);
    setup.world.pass(3);
    assert_eq!(setup.world.engine.cx.streams.iter().count(), 0);
    let streams: Vec<_> = setup
        .shared
        .pairs
        .borrow()
        .iter()
        .filter(|(call, _)| call.contains("stream"))
        .map(|(_, count)| *count)
        .collect();
    assert_eq!(streams, [[2, 2]; 2], "one stream, twice live, of two modules");
}

#[test]
fn a_sink_that_panics_is_dropped_and_its_stream_continues() {
    for point in [Point::SinkFrame, Point::SinkDiscontinuity, Point::SinkFinish] {
        let mut setup = Setup::new();
        let mut other = setup.stream("good");
        let (mut publisher, mut player) = setup.stream("bad");
        player.receive(&mut setup.world);
        setup.shared.at.set(point);
        if point == Point::SinkFrame {
            publisher.frame(&mut setup.world, Kind::Video, 40, INTER);
            publisher.frame(&mut setup.world, Kind::Video, 80, INTER);
            assert_eq!(player.media(&mut setup.world).len(), 2);
            assert_eq!(setup.panics(), 1);
        }
        setup.world.engine.disconnected(publisher.id, "gone", setup.world.now);
        setup.world.engine.disconnected(player.id, "gone", setup.world.now);
        setup.world.end_turn();
        assert_eq!(setup.shared.finished.get(), usize::from(point == Point::SinkDiscontinuity), "{point:?}");
        expect_service(&mut setup, &mut other);
    }
}

#[test]
fn a_sink_that_panics_when_another_publisher_takes_over_is_dropped() {
    let mut setup = Setup::new();
    let (first, mut player) = setup.stream("bad");
    setup.shared.at.set(Point::SinkDiscontinuity);
    setup.world.now.instant += Duration::from_secs(6);
    let mut second = Client::publish(&mut setup.world, "bad");
    assert!(setup.world.is_open(second.id) && !setup.world.is_open(first.id));
    second.frame(&mut setup.world, Kind::Video, 0, HEADER);
    second.frame(&mut setup.world, Kind::Video, 0, KEY);
    assert!(player.media(&mut setup.world).len() >= 4);
    assert_eq!(setup.panics(), 1);
}

#[test]
fn a_panic_while_a_player_is_served_ends_that_player_only() {
    let mut setup = Setup::new();
    let (mut publisher, first) = setup.stream("bad");
    let [second, mut third] = [(); 2].map(|()| Client::play(&mut setup.world, "bad"));
    setup.shared.at.set(Point::Player);
    publisher.frame(&mut setup.world, Kind::Video, 40, KEY);
    let open = [&publisher, &first, &second, &third].map(|client| setup.world.is_open(client.id));
    assert_eq!(open, [true, true, false, true]);
    assert!(!third.media(&mut setup.world).is_empty());
}

#[test]
fn a_panic_in_a_timer_or_a_request_ends_no_more_than_that() {
    let mut setup = Setup::new();
    let mut other = setup.stream("good");
    let at = setup.world.now.instant;
    setup.world.engine.cx.set_module_timer("faulty", at, 1);
    setup.shared.at.set(Point::Timer);
    setup.world.pass(3);
    assert_eq!(setup.shared.timers.get(), 3, "the timer that was set before is there");

    setup.shared.at.set(Point::HttpRequest);
    let [bad, good] = [(); 2].map(|()| setup.world.engine.accept(1, ENDS, setup.world.now).unwrap());
    setup.world.engine.input(bad, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", setup.world.now);
    setup.world.end_turn();
    assert!(!setup.world.is_open(bad) && setup.world.is_open(good));
    expect_service(&mut setup, &mut other);
}

#[test]
#[should_panic(expected = "Gate")]
fn in_a_debug_build_a_panic_ends_the_process() {
    let mut setup = Setup::new();
    setup.world.engine.cx.panics = Panics::default();
    setup.shared.at.set(Point::Gate);
    let mut bad = Client::connect(&mut setup.world, "live");
    bad.command(&mut setup.world, &["publish".into(), 2.0.into(), Value::Null, "bad".into()]);
}

#[test]
fn a_module_that_panics_at_a_reload_keeps_no_other_from_its_settings() {
    let mut setup = Setup::new();
    let (publisher, player) = setup.stream("good");
    let has_metadata = |setup: &Setup| {
        setup.world.engine.cx.streams.iter().all(|stream| stream.headers.metadata().is_some())
    };
    assert!(has_metadata(&setup));
    setup.shared.at.set(Point::Adopt);
    setup.world.reload_with(setup.shared.modules(), &CONFIG.replace("live on;", "live on; meta off;"));
    assert!(!has_metadata(&setup));
    assert!([publisher, player].iter().all(|client| setup.world.is_open(client.id)));
}

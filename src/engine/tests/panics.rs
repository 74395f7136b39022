//! Panics: each ends what it came from and nothing else.

use std::ops::ControlFlow;

use crate::engine::tests::*;

/// The call in which the module or its sink panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Nowhere,
    Gate,
    Frame,
    Join,
    StreamEnd,
    Close,
    SinkFrame,
    SinkFinish,
    SinkDiscontinuity,
    Player,
    Timer,
    HttpRequest,
}

/// Panics only for streams named "bad".
struct Faulty {
    at: Rc<Cell<Point>>,
    timers: Rc<Cell<u64>>,
    finished: Rc<Cell<usize>>,
}

struct FaultySink {
    at: Rc<Cell<Point>>,
    finished: Rc<Cell<usize>>,
}

impl Sink for FaultySink {
    fn frame(&mut self, _: &Rc<Frame>, _: &mut Outlet<'_>) -> io::Result<()> {
        assert_ne!(self.at.get(), Point::SinkFrame);
        Ok(())
    }

    fn discontinuity(&mut self, _: &mut Outlet<'_>) {
        assert_ne!(self.at.get(), Point::SinkDiscontinuity);
    }

    fn finish(&mut self, _: Finish, _: &mut Outlet<'_>) {
        assert_ne!(self.at.get(), Point::SinkFinish);
        self.finished.set(self.finished.get() + 1);
    }
}

impl Faulty {
    fn fail_for(&self, cx: &Ctx, stream: StreamId, point: Point) {
        let is_bad = cx.streams.get(stream).is_some_and(|stream| stream.name.as_str() == "bad");
        assert!(!is_bad || self.at.get() != point);
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

    fn gate(&mut self, _: &mut Ctx, request: &mut Request, _: Gate) -> Verdict {
        assert!(request.name != "bad" || self.at.get() != Point::Gate, "Gate");
        Verdict::Continue
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, stream: StreamId) {
        let sink = FaultySink { at: Rc::clone(&self.at), finished: Rc::clone(&self.finished) };
        let stream = cx.streams.get_mut(stream).unwrap();
        if stream.name.as_str() == "bad" {
            stream.add_sink("faulty", Box::new(sink));
        }
    }

    fn on_stream_end(&mut self, cx: &mut Ctx, stream: StreamId) {
        self.fail_for(cx, stream, Point::StreamEnd);
    }

    fn on_play_start(&mut self, cx: &mut Ctx, stream: StreamId, _: Endpoint) {
        self.fail_for(cx, stream, Point::Join);
    }

    fn on_close(&mut self, _: &mut Ctx, _: SessionId) {
        assert_ne!(self.at.get(), Point::Close);
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, _: &Rc<Frame>) {
        self.fail_for(cx, stream, Point::Frame);
        if self.at.get() == Point::Player {
            let mut count = 0;
            cx.for_each_player(stream, |_, _| {
                count += 1;
                assert_ne!(count, 2, "the second player");
                ControlFlow::Continue(())
            });
        }
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        self.timers.set(self.timers.get() + 1);
        cx.set_module_timer("faulty", cx.now.instant + Duration::from_secs(1), token);
        assert_ne!(self.at.get(), Point::Timer);
    }

    fn on_http(&mut self, _: &mut Ctx, _: &HttpRequest) -> Option<Answer> {
        assert_ne!(self.at.get(), Point::HttpRequest);
        None
    }
}

/// A server with the module, which contains panics, and the state shared with the test.
struct Site {
    world: World,
    at: Rc<Cell<Point>>,
    timers: Rc<Cell<u64>>,
    finished: Rc<Cell<usize>>,
}

impl Site {
    fn new() -> Self {
        let (at, timers, finished) = (Rc::new(Cell::new(Point::Nowhere)), Rc::default(), Rc::default());
        let faulty =
            Faulty { at: Rc::clone(&at), timers: Rc::clone(&timers), finished: Rc::clone(&finished) };
        let mut modules = table();
        modules.insert(0, Box::new(faulty));
        let http = "http { server { listen 127.0.0.1:0; } }";
        let mut world = World::configured(modules, &format!("{CONFIG}{http}"));
        world.engine.cx.panics = Panics::contained();
        Self { world, at, timers, finished }
    }

    /// A publisher and a player of a stream, and the player's messages of a key frame.
    fn stream(&mut self, name: &str) -> (Client, Client) {
        let player = Client::play(&mut self.world, name);
        let mut publisher = Client::publish(&mut self.world, name);
        publisher.frame(&mut self.world, Kind::Video, 0, HEADER);
        publisher.frame(&mut self.world, Kind::Video, 0, KEY);
        (publisher, player)
    }
}

/// Checks after a panic: the other stream continues, and the name can be used again.
fn expect_service(site: &mut Site, other: &mut (Client, Client)) {
    site.at.set(Point::Nowhere);
    other.0.frame(&mut site.world, Kind::Video, 40, INTER);
    assert!(!other.1.media(&mut site.world).is_empty(), "the other stream's player");
    site.world.pass(3);
    let (publisher, mut player) = site.stream("bad");
    assert!(site.world.is_open(publisher.id));
    assert_eq!(player.media(&mut site.world).len(), 2);
}

#[test]
fn a_panic_for_a_session_ends_that_session_only() {
    for point in [Point::Gate, Point::Frame, Point::Join, Point::StreamEnd, Point::Close] {
        let mut site = Site::new();
        let mut other = site.stream("good");
        let mut bad = Client::connect(&mut site.world, "live");
        if point != Point::Gate {
            bad.command(&mut site.world, &["publish".into(), 2.0.into(), Value::Null, "bad".into()]);
        }
        site.at.set(point);
        let victim = match point {
            Point::Join => Client::playing(&mut site.world, "bad").id,
            Point::Gate => {
                bad.command(&mut site.world, &["publish".into(), 2.0.into(), Value::Null, "bad".into()]);
                bad.id
            }
            Point::Frame => {
                bad.frame(&mut site.world, Kind::Video, 0, HEADER);
                bad.id
            }
            _ => {
                site.world.engine.disconnected(bad.id, "gone", site.world.now);
                bad.id
            }
        };
        site.world.end_turn();
        assert!(site.world.engine.cx.sessions.get(victim).is_none(), "{point:?}");
        assert!(site.world.engine.cx.panics.count() > 0, "{point:?}");
        if point == Point::Join {
            assert!(site.world.is_open(bad.id));
            site.world.engine.disconnected(bad.id, "gone", site.world.now);
            site.world.end_turn();
        }
        expect_service(&mut site, &mut other);
    }
}

#[test]
fn a_sink_that_panics_is_dropped_and_its_stream_continues() {
    for point in [Point::SinkFrame, Point::SinkDiscontinuity, Point::SinkFinish] {
        let mut site = Site::new();
        let mut other = site.stream("good");
        let (mut publisher, mut player) = site.stream("bad");
        player.receive(&mut site.world);
        site.at.set(point);
        if point == Point::SinkFrame {
            publisher.frame(&mut site.world, Kind::Video, 40, INTER);
            publisher.frame(&mut site.world, Kind::Video, 80, INTER);
            assert_eq!(player.media(&mut site.world).len(), 2);
            assert_eq!(site.world.engine.cx.panics.count(), 1);
        }
        site.world.engine.disconnected(publisher.id, "gone", site.world.now);
        site.world.engine.disconnected(player.id, "gone", site.world.now);
        site.world.end_turn();
        assert_eq!(site.finished.get(), usize::from(point == Point::SinkDiscontinuity), "{point:?}");
        expect_service(&mut site, &mut other);
    }
}

#[test]
fn a_sink_that_panics_when_another_publisher_takes_over_is_dropped() {
    let mut site = Site::new();
    let (first, mut player) = site.stream("bad");
    site.at.set(Point::SinkDiscontinuity);
    site.world.now.instant += Duration::from_secs(6);
    let mut second = Client::publish(&mut site.world, "bad");
    assert!(site.world.is_open(second.id) && !site.world.is_open(first.id));
    second.frame(&mut site.world, Kind::Video, 0, HEADER);
    second.frame(&mut site.world, Kind::Video, 0, KEY);
    assert!(player.media(&mut site.world).len() >= 4);
    assert_eq!(site.world.engine.cx.panics.count(), 1);
}

#[test]
fn a_panic_while_a_player_is_served_ends_that_player_only() {
    let mut site = Site::new();
    let (mut publisher, first) = site.stream("bad");
    let [second, mut third] = [(); 2].map(|()| Client::play(&mut site.world, "bad"));
    site.at.set(Point::Player);
    publisher.frame(&mut site.world, Kind::Video, 40, KEY);
    let open = [&publisher, &first, &second, &third].map(|client| site.world.is_open(client.id));
    assert_eq!(open, [true, true, false, true]);
    assert!(!third.media(&mut site.world).is_empty());
}

#[test]
fn a_panic_in_a_timer_or_a_request_ends_no_more_than_that() {
    let mut site = Site::new();
    let mut other = site.stream("good");
    let at = site.world.now.instant;
    site.world.engine.cx.set_module_timer("faulty", at, 1);
    site.at.set(Point::Timer);
    site.world.pass(3);
    assert_eq!(site.timers.get(), 3, "the timer that was set before is there");

    site.at.set(Point::HttpRequest);
    let [bad, good] = [(); 2].map(|()| site.world.engine.accept(1, ENDS, site.world.now).unwrap());
    site.world.engine.input(bad, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", site.world.now);
    site.world.end_turn();
    assert!(!site.world.is_open(bad) && site.world.is_open(good));
    expect_service(&mut site, &mut other);
}

#[test]
#[should_panic(expected = "Gate")]
fn in_a_debug_build_a_panic_ends_the_process() {
    let mut site = Site::new();
    site.world.engine.cx.panics = Panics::default();
    site.at.set(Point::Gate);
    let mut bad = Client::connect(&mut site.world, "live");
    bad.command(&mut site.world, &["publish".into(), 2.0.into(), Value::Null, "bad".into()]);
}

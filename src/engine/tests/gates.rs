//! Requests that a gate suspends or denies, and sinks that fail.

use crate::engine::tests::*;

/// Suspends every publish until the test answers, and gives each stream a sink that fails.
struct Hesitant {
    frames: Rc<Cell<usize>>,
}

struct Failing {
    frames: Rc<Cell<usize>>,
}

impl Sink for Failing {
    fn frame(&mut self, _: &Rc<Frame>) -> io::Result<()> {
        self.frames.set(self.frames.get() + 1);
        if self.frames.get() < 3 { Ok(()) } else { Err(io::Error::other("disk full")) }
    }
}

impl Module for Hesitant {
    fn name(&self) -> &'static str {
        "hesitant"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn gate(&mut self, _: &mut Ctx, request: &mut Request) -> Verdict {
        match request.ask {
            Ask::Publish(_) => {
                request.name = format!("{}-renamed", request.name);
                Verdict::Suspend
            }
            _ => Verdict::Continue,
        }
    }

    fn on_stream_start(&mut self, cx: &mut Ctx, stream: StreamId) {
        let sink = Failing { frames: Rc::clone(&self.frames) };
        cx.streams.get_mut(stream).unwrap().add_sink("failing", Box::new(sink));
    }
}

#[test]
fn a_suspended_request_loses_nothing_that_came_meanwhile() {
    let frames = Rc::new(Cell::new(0));
    let mut modules = table();
    modules.insert(0, Box::new(Hesitant { frames: Rc::clone(&frames) }));
    let mut world = World::new(modules);
    let mut player = Client::play(&mut world, "a-renamed");
    let mut publisher = Client::publish(&mut world, "a");
    assert!(world.engine.is_held(publisher.id));
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 1, KEY);
    assert_eq!(player.media(&mut world), []);
    world.engine.cx.answer(publisher.id, Verdict::Continue);
    assert!(world.engine.has_work());
    assert!(world.end_turn().contains(&Action::Read(publisher.id)));
    publisher.frame(&mut world, Kind::Video, 2, INTER);
    assert_eq!(player.media(&mut world).len(), 3);

    // A sink that fails is dropped after its error; the publisher lives on.
    publisher.frame(&mut world, Kind::Video, 3, INTER);
    assert_eq!(frames.get(), 3);
    assert!(world.is_open(publisher.id));
}

#[test]
fn a_denied_request_ends_the_session_with_the_reason() {
    let mut modules = table();
    modules.insert(0, Box::new(Hesitant { frames: Rc::new(Cell::new(0)) }));
    let mut world = World::new(modules);
    let mut publisher = Client::publish(&mut world, "a");
    world.engine.cx.answer(publisher.id, Verdict::Deny("not you".into()));
    world.end_turn();
    assert_eq!(publisher.codes(&mut world)[1..], ["NetStream.Publish.BadName"]);
    assert!(!world.is_open(publisher.id));
}

#[test]
fn an_answer_to_a_session_that_ends_grants_nothing() {
    let mut modules = table();
    modules.insert(0, Box::new(Hesitant { frames: Rc::new(Cell::new(0)) }));
    let mut world = World::new(modules);
    let mut publisher = Client::publish(&mut world, "a");
    world.engine.cx.finish(publisher.id, "over");
    world.end_turn();
    world.engine.cx.answer(publisher.id, Verdict::Continue);
    world.end_turn();
    assert_eq!(world.engine.cx.streams.iter().count(), 0);
    publisher.receive(&mut world);
    world.pass(3);
    assert_eq!(world.engine.session_count(), 0);
}

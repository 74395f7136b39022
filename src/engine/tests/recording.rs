//! Recordings of streams that are gone.

use crate::engine::tests::*;
use crate::test_folder::Folder;

/// The record module, whose hook at the end of a stream does nothing, as if it had panicked. It counts its timers.
struct WithoutEnd(Box<dyn Module>, Rc<Cell<u32>>);

impl Module for WithoutEnd {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn directives(&self) -> &'static [Directive] {
        self.0.directives()
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.0.configure(config)
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn on_stream_start(&mut self, cx: &mut Ctx, stream: StreamId) {
        self.0.on_stream_start(cx, stream);
    }

    fn on_frame(&mut self, cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
        self.0.on_frame(cx, stream, frame);
    }

    fn on_timer(&mut self, cx: &mut Ctx, token: u64) {
        self.1.set(self.1.get() + 1);
        assert!(self.1.get() < 10, "the timer expires without end");
        self.0.on_timer(cx, token);
    }
}

#[test]
fn the_timer_of_a_recording_ends_with_the_stream_even_if_the_end_was_not_seen() {
    let (folder, timers) = (Folder::new(), Rc::default());
    let record = |module: Box<dyn Module>| -> Box<dyn Module> {
        match module.name() {
            "record" => Box::new(WithoutEnd(module, Rc::clone(&timers))),
            _ => module,
        }
    };
    let path = folder.display();
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
            live on; publish_grace 0; record all; record_path {path}; }} }} }}"
    );
    let mut world = World::configured(table().into_iter().map(record).collect(), &config);
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    for time in 0..3 {
        publisher.frame(&mut world, Kind::Video, time * 40, KEY);
    }
    publisher.command(&mut world, &["FCUnpublish".into(), 3.0.into(), Value::Null, "cam".into()]);
    assert!(world.engine.cx.streams.iter().next().is_none());
    world.pass(5);
    assert_eq!(timers.get(), 1);
    assert_eq!(folder.list(""), ["cam.flv"]);
}

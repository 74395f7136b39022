//! Notices: a finished recording is announced to every module, in a step of its own.

use std::cell::RefCell;

use crate::engine::notice::MAX_NOTICES;
use crate::engine::tests::*;
use crate::test_folder::Folder;

/// Keeps what it is told, and whether its stream had ended by then. Panics at a notice if it is to.
#[derive(Default)]
struct Listener {
    heard: Rc<RefCell<Vec<Recording>>>,
    panics: bool,
    ended: bool,
}

impl Module for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn on_stream_end(&mut self, _: &mut Ctx, _: StreamId) {
        self.ended = true;
    }

    fn on_notice(&mut self, _: &mut Ctx, notice: &Notice) {
        assert!(!self.panics, "at a notice");
        assert!(self.ended, "the hook of the stream's end is over");
        let Notice::Recorded(recording) = notice;
        self.heard.borrow_mut().push(recording.clone());
    }
}

#[test]
fn finished_recordings_are_announced_to_every_module_after_the_hook() {
    let folder = Folder::new();
    let path = folder.display();
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
            live on; record all; record_path {path};
            recorder sound {{ record audio; record_suffix -sound.flv; }}
        }} }} }}"
    );
    let listener = Listener::default();
    let heard = Rc::clone(&listener.heard);
    let mut modules = table();
    modules.insert(0, Box::new(listener));
    modules.insert(0, Box::new(Listener { panics: true, ..Listener::default() }));
    let mut world = World::configured(modules, &config);
    world.engine.cx.panics = Panics::contained();
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    for time in [0, 400, 800] {
        publisher.frame(&mut world, Kind::Video, time, KEY);
        publisher.frame(&mut world, Kind::Audio, time, AUDIO);
    }
    assert!(heard.borrow().is_empty());
    world.has_fast_disk = false;
    publisher.command(&mut world, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    assert!(heard.borrow().is_empty(), "the files are not closed yet");
    world.do_jobs();
    world.end_turn();

    let heard = heard.borrow();
    let told: Vec<_> =
        heard.iter().map(|told| (told.app, told.stream.as_str(), told.recorder.as_str())).collect();
    assert_eq!(told, [(AppId(0), "cam", ""), (AppId(0), "cam", "sound")]);
    for (told, name) in heard.iter().zip(["cam.flv", "cam-sound.flv"]) {
        assert_eq!(told.path, folder.join(name));
        assert_eq!(told.size, std::fs::metadata(&told.path).unwrap().len());
        assert_eq!(told.length.as_millis() / 100, 8);
    }
    assert_eq!(world.engine.cx.panics.count(), 2, "of the module that panics at each");
}

#[test]
fn so_many_notices_wait_and_no_more() {
    let listener = Listener { ended: true, ..Listener::default() };
    let heard = Rc::clone(&listener.heard);
    let mut modules = table();
    modules.push(Box::new(listener));
    let mut world = World::new(modules);
    let recording = Recording {
        app: AppId(0),
        stream: StreamName::new("cam").unwrap(),
        recorder: String::new(),
        path: "cam.flv".into(),
        length: Duration::ZERO,
        size: 0,
    };
    for size in 0..=MAX_NOTICES as u64 {
        world.engine.cx.announce(Notice::Recorded(Recording { size, ..recording.clone() }));
    }
    assert!(!world.engine.has_ended(), "the server does not stop before all are delivered");
    world.end_turn();
    assert!(world.engine.has_ended());
    let sizes = heard.borrow().iter().map(|told| told.size).collect::<Vec<_>>();
    assert_eq!(sizes, (0..MAX_NOTICES as u64).collect::<Vec<_>>(), "in order, without the last");
}

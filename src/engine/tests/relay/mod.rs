//! Relays between two servers in one virtual time: a test carries the bytes from one to the other.

mod asks;
mod back_off;
mod circles;
mod configured;
mod console;
mod ends;
mod pull;
mod push;
mod standby;
mod trials;
mod views;

use super::*;

/// A server on which silence ends nothing.
const PATIENT: &str = "
    rtmp {
        server {
            listen 127.0.0.1:0;
            out_queue 16;
            gop_cache off;
            ping 1h;
            timeout 1h;
            drop_idle_publisher 1h;
            application live { live on; }
        }
    }
";

/// A server `here` that relays, and one `there` that it connects to.
struct Pair {
    here: World,
    there: World,
    links: Vec<Link>,
    /// Whether connections are accepted; none is answered while it is not known.
    is_up: Option<bool>,
    connects: usize,
    events: Events,
    trials: Trials,
}

type Events = Rc<RefCell<Vec<RelayEvent>>>;
type Trials = Rc<RefCell<Vec<(u64, TrialResult)>>>;

/// A connection between them; the ends that are closed are none.
struct Link {
    here: Option<SessionId>,
    there: Option<SessionId>,
}

/// Keeps what it is told of relays and trials.
struct Listener(Events, Trials);

impl Module for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_relay(&mut self, _cx: &mut Ctx, _relay: RelayId, event: &RelayEvent) {
        self.0.borrow_mut().push(event.clone());
    }

    fn on_trial(&mut self, _cx: &mut Ctx, token: u64, result: &TrialResult) {
        self.1.borrow_mut().push((token, result.clone()));
    }
}

impl Pair {
    fn new() -> Self {
        Self::configured(PATIENT, PATIENT)
    }

    /// With a server there that sends what it has as soon as somebody plays.
    fn with_origin(there: &str) -> Self {
        Self::configured(PATIENT, &there.replace("gop_cache off;", ""))
    }

    fn configured(here: &str, there: &str) -> Self {
        let (events, trials) = (Events::default(), Trials::default());
        let mut modules = table();
        modules.push(Box::new(Listener(Rc::clone(&events), Rc::clone(&trials))));
        let here = World::seeded(modules, here, 1);
        let mut there = World::seeded(table(), there, 2);
        there.now = here.now;
        Self { here, there, links: Vec::new(), is_up: Some(true), connects: 0, events, trials }
    }

    fn events(&self) -> Vec<RelayEvent> {
        self.events.borrow_mut().drain(..).collect()
    }

    fn trials(&self) -> Vec<(u64, TrialResult)> {
        self.trials.borrow_mut().drain(..).collect()
    }

    /// The words for what has happened to relays.
    fn news(&self) -> Vec<String> {
        let word = |event| match event {
            RelayEvent::Began => "began".to_owned(),
            RelayEvent::Failed { why, is_refusal: true, .. } => format!("refused: {why}"),
            RelayEvent::Failed { why, is_refusal: false, .. } => format!("failed: {why}"),
            RelayEvent::Ended => "ended".to_owned(),
        };
        self.events().into_iter().map(word).collect()
    }

    fn app(&self) -> AppId {
        self.here.engine.cx.apps_in_order()[0]
    }

    /// Pushes the stream of this name.
    fn push(&mut self, name: &str, spec: RelaySpec) -> RelayId {
        let (app, name) = (self.app(), StreamName::new(name).unwrap());
        let stream = self.here.engine.cx.streams.find(app, &name).unwrap().id;
        let id = self.here.engine.cx.start_push(stream, spec).unwrap();
        self.run();
        id
    }

    fn pull(&mut self, name: &str, spec: RelaySpec) -> RelayId {
        let (app, name) = (self.app(), StreamName::new(name).unwrap());
        let id = self.here.engine.cx.start_pull(app, &name, spec).unwrap();
        // The answer to its play is sent alone.
        self.run();
        self.pass(100);
        id
    }

    fn relay(&self, id: RelayId) -> &Relay {
        self.here.engine.cx.relay(id).unwrap()
    }

    /// Carries bytes and the ends of connections until nothing moves.
    fn run(&mut self) {
        loop {
            self.here.end_turn();
            self.there.end_turn();
            let mut has_moved = false;
            for action in std::mem::take(&mut self.here.sockets) {
                has_moved = true;
                match action {
                    Action::Connect(id) => self.connect(id),
                    Action::CloseSocket(id) => self.close_here(id),
                    _ => {}
                }
            }
            for action in std::mem::take(&mut self.there.sockets) {
                has_moved = true;
                if let Action::CloseSocket(id) | Action::ShutDownWrite(id) = action {
                    self.close_there(id);
                }
            }
            for Link { here, there } in &self.links {
                if let (Some(here), Some(there)) = (here, there) {
                    let sent = self.here.take(*here, usize::MAX).concat();
                    let answered = self.there.take(*there, usize::MAX).concat();
                    has_moved |= !(sent.is_empty() && answered.is_empty());
                    let waits = |world: &World, id| {
                        world.engine.cx.sessions.get(id).is_some_and(|session| session.has_more_input)
                    };
                    has_moved |= waits(&self.here, *here) || waits(&self.there, *there);
                    if !sent.is_empty() {
                        self.there.engine.input(*there, &sent, self.there.now);
                    }
                    if !answered.is_empty() {
                        self.here.engine.input(*here, &answered, self.here.now);
                    }
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    fn connect(&mut self, id: SessionId) {
        self.connects += 1;
        match self.is_up {
            Some(true) => {
                assert!(self.here.engine.destination(id).is_some());
                let there = self.there.engine.accept(0, ENDS, self.there.now).unwrap();
                self.links.push(Link { here: Some(id), there: Some(there) });
                self.here.engine.connected(id, ENDS.1, self.here.now);
            }
            Some(false) => self.here.engine.connect_failed(id, "connection refused", self.here.now),
            None => {}
        }
    }

    fn close_here(&mut self, id: SessionId) {
        let link = self.links.iter_mut().find(|link| link.here == Some(id));
        if let Some(link) = link {
            link.here = None;
            if let Some(there) = link.there {
                self.there.engine.end_of_input(there, self.there.now);
            }
        }
    }

    fn close_there(&mut self, id: SessionId) {
        let link = self.links.iter_mut().find(|link| link.there == Some(id));
        if let Some(link) = link {
            link.there = None;
            if let Some(here) = link.here {
                self.here.engine.end_of_input(here, self.here.now);
            }
        }
    }

    /// Cuts the last connection.
    fn cut(&mut self) {
        let link = self.links.pop().unwrap();
        self.here.engine.lost(link.here.unwrap(), self.here.now);
        self.there.engine.lost(link.there.unwrap(), self.there.now);
        self.run();
    }

    /// Lets time pass in both.
    fn pass(&mut self, milliseconds: u64) {
        for step in (0..milliseconds).step_by(100) {
            let time = Duration::from_millis(100.min(milliseconds - step));
            self.here.pass_time(time);
            self.there.pass_time(time);
            self.run();
        }
    }
}

/// The application "live" there, and a stream of it.
fn target(stream: &str) -> RelayTarget {
    let destination = Destination { host: "there".into(), port: 1935, tls: None, bind: None };
    RelayTarget {
        destination: Rc::new(destination),
        app: "live".into(),
        stream: stream.into(),
        tc_url: "rtmp://there/live".into(),
        page_url: String::new(),
        swf_url: String::new(),
        flash_ver: "Millstream".into(),
        login: None,
        start: -1000,
        duration: -1000,
        buffer: Duration::from_secs(5),
        shown: "rtmp://there/live/***".into(),
    }
}

fn to(targets: &[RelayTarget]) -> RelaySpec {
    RelaySpec {
        targets: targets.into(),
        source: RelaySource::Operator,
        reconnect: Duration::from_secs(1),
        linger: Duration::from_secs(10),
        is_static: false,
        keeps_session: false,
    }
}

/// A publisher here of "cam", with a key frame.
fn publisher(pair: &mut Pair) -> Client {
    let mut publisher = Client::publish(&mut pair.here, "cam");
    publisher.frame(&mut pair.here, Kind::Video, 5000, HEADER);
    publisher.frame(&mut pair.here, Kind::Video, 5000, KEY);
    publisher
}

/// A publisher there of "origin", with a key frame.
fn source(pair: &mut Pair) -> Client {
    let mut publisher = Client::publish(&mut pair.there, "origin");
    publisher.frame(&mut pair.there, Kind::Video, 100, HEADER);
    publisher.frame(&mut pair.there, Kind::Video, 100, KEY);
    publisher
}

/// The state of a stream of this name there, or here.
fn is_live(world: &World, name: &str) -> bool {
    let name = StreamName::new(name).unwrap();
    let mut streams = world.engine.cx.streams.iter();
    streams.any(|stream| stream.name == name && stream.is_live())
}

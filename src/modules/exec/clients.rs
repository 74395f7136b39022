//! What publishers, players and recordings have commands do.

use std::rc::Rc;

use crate::engine::{
    AppId, Client, Ctx, Endpoint, Recording, Request, RequestKind, SessionId, Stream, StreamId, StreamName,
};

use super::executor::Executor;
use super::line::{Kind, Line};
use super::state::{Owner, Subject};
use super::variables::{ClientFacts, Recorded, Values};

/// A stream for which commands run.
struct NamedStream {
    app: AppId,
    name: StreamName,
    label: Rc<str>,
}

impl NamedStream {
    fn of(cx: &Ctx, stream: StreamId) -> Option<Self> {
        let stream = cx.streams.get(stream)?;
        Some(Self { app: stream.app, name: stream.name.clone(), label: Rc::clone(&stream.label) })
    }

    fn about(&self, values: Rc<Values>) -> Subject {
        Subject { values: Some(values), stream: Some(Rc::clone(&self.label)) }
    }

    /// What the commands of its players are about, whoever they are.
    fn about_players(&self, cx: &Ctx) -> Subject {
        let app = cx.apps.get(self.app).map(|app| app.name.clone()).unwrap_or_default();
        let client = Rc::new(ClientFacts { app, ..ClientFacts::default() });
        let values = Values { client, name: self.name.as_str().to_owned(), ..Values::default() };
        self.about(Rc::new(values))
    }

    fn publisher(&self) -> Owner {
        Owner::Publisher(self.app, self.name.clone())
    }

    fn players(&self) -> Owner {
        Owner::Players(self.app, self.name.clone())
    }
}

impl Executor {
    /// Keeps the arguments of a request that is about to be granted. Those of what its message stream does so far are
    /// kept, too, as they are needed at its end, and the request may still be refused.
    pub fn note(&mut self, request: &Request) {
        let Some(endpoint) = request.endpoint() else { return };
        self.requested.remove(&endpoint.session);
        let is_needed = match request.kind {
            RequestKind::Publish { .. } => true,
            RequestKind::Play { .. } => self.follows_plays(request.app),
            RequestKind::Connect(_) | RequestKind::View(_) => false,
        };
        if is_needed && !request.args.is_empty() {
            self.requested.insert(endpoint.session, (endpoint.msid, request.args.as_str().into()));
        }
    }

    /// A request is refused.
    pub fn request_refused(&mut self, request: &Request) {
        if request.endpoint().is_some() {
            self.requested.remove(&request.session);
        }
    }

    /// A request is granted: its arguments are those of what begins.
    fn keep_args(&mut self, Endpoint { session, msid }: Endpoint) {
        self.drop_args(session, msid);
        if let Some((_, args)) = self.requested.remove(&session).filter(|(other, _)| *other == msid) {
            self.args.entry(session).or_default().push((msid, args));
        }
    }

    /// A session has ended.
    pub fn session_ends(&mut self, session: SessionId) {
        self.requested.remove(&session);
        self.args.remove(&session);
    }

    /// Forgets the arguments of what has ended.
    fn drop_args(&mut self, session: SessionId, msid: u32) {
        if let Some(args) = self.args.get_mut(&session) {
            args.retain(|(other, _)| *other != msid);
            if args.is_empty() {
                self.args.remove(&session);
            }
        }
    }

    /// A publish begins.
    pub fn publish_begins(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        self.keep_args(publisher);
        let Some(named) = NamedStream::of(cx, stream) else { return };
        let values = Rc::new(self.values(cx, &named, publisher));
        self.publishers.begin(named.app, named.name.clone(), Rc::clone(&values));
        let subject = named.about(values);
        self.run_all(cx, self.lines(&named, Kind::Publish), &subject);
        self.manage(cx, &named.publisher(), self.lines(&named, Kind::Push), &subject);
    }

    /// A publish has ended.
    pub fn publish_ends(&mut self, cx: &mut Ctx, stream: StreamId, publisher: Endpoint) {
        let Some(named) = NamedStream::of(cx, stream) else { return };
        let known = self.publishers.of(named.app, &named.name).cloned();
        let values = known.unwrap_or_else(|| Rc::new(self.values(cx, &named, publisher)));
        self.publishers.end(named.app, &named.name);
        self.drop_args(publisher.session, publisher.msid);
        self.run_all(cx, self.lines(&named, Kind::PublishDone), &named.about(values));
        self.end_all(cx, &named.publisher());
    }

    /// A play begins, perhaps before its stream.
    pub fn play_begins(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        if cx.is_relay(player.session) {
            return;
        }
        self.keep_args(player);
        let Some(named) = NamedStream::of(cx, stream) else { return };
        let lines = self.lines(&named, Kind::Play);
        if !lines.is_empty() {
            let subject = named.about(Rc::new(self.values(cx, &named, player)));
            self.run_all(cx, lines, &subject);
        }
        // Who plays a file waits for nobody.
        if cx.streams.get(stream).is_some_and(|stream| !stream.is_live() && !stream.is_file) {
            self.pull(cx, &named);
        }
    }

    /// A play has ended.
    pub fn play_ends(&mut self, cx: &mut Ctx, stream: StreamId, player: Endpoint) {
        if cx.is_relay(player.session) {
            return;
        }
        let Some(named) = NamedStream::of(cx, stream) else { return };
        let lines = self.lines(&named, Kind::PlayDone);
        if !lines.is_empty() {
            let subject = named.about(Rc::new(self.values(cx, &named, player)));
            self.run_all(cx, lines, &subject);
        }
        self.drop_args(player.session, player.msid);
        if cx.streams.get(stream).is_some_and(|stream| !is_played(cx, stream) && !stream.is_file) {
            self.end_all(cx, &named.players());
        }
    }

    /// Nobody publishes a stream any more; players may be left.
    pub fn stream_ends(&mut self, cx: &mut Ctx, stream: StreamId) {
        let has_players = cx.streams.get(stream).is_some_and(|stream| is_played(cx, stream));
        if let Some(named) = NamedStream::of(cx, stream).filter(|_| has_players) {
            self.pull(cx, &named);
        }
    }

    /// A recording is finished.
    pub fn recorded(&mut self, cx: &mut Ctx, recording: &Recording) {
        let Recording { app, stream, recorder, path, .. } = recording;
        let Some(settings) = self.apps.get(*app) else { return };
        let lines = settings.of_recorder(recorder, stream.as_str());
        let app_name = cx.apps.get(*app).map(|app| app.name.clone()).unwrap_or_default();
        let label = format!("{app_name}/{stream}").into();
        let values = match self.publishers.of(*app, stream) {
            Some(values) => Values::clone(values),
            None => {
                let client = Rc::new(ClientFacts { app: app_name, ..ClientFacts::default() });
                Values { client, name: stream.as_str().to_owned(), ..Values::default() }
            }
        };
        let recorded = Recorded { path: path.to_string_lossy().into_owned(), recorder: recorder.clone() };
        let values = Rc::new(Values { recorded: Some(recorded), ..values });
        self.run_all(cx, lines, &Subject { values: Some(values), stream: Some(label) });
    }

    /// Has the commands of the lines run, and no others, after the lines have changed.
    pub fn manage_anew(&mut self, cx: &mut Ctx) {
        self.manage_statics(cx);
        let streams: Vec<_> = cx.streams.iter().map(|stream| stream.id).collect();
        for id in streams {
            let (Some(named), Some(stream)) = (NamedStream::of(cx, id), cx.streams.get(id)) else { continue };
            let (publisher, is_live, is_played) = (stream.publisher, stream.is_live(), is_played(cx, stream));
            if publisher.is_some()
                && let Some(values) = self.publishers.of(named.app, &named.name)
            {
                let subject = named.about(Rc::clone(values));
                self.manage(cx, &named.publisher(), self.lines(&named, Kind::Push), &subject);
            }
            if is_played && (!is_live || self.owners.contains_key(&named.players())) {
                self.pull(cx, &named);
            }
        }
    }

    /// Has the commands of the server run.
    pub fn manage_statics(&mut self, cx: &mut Ctx) {
        let lines = if cx.is_draining() { Vec::new() } else { self.shared.statics.clone() };
        self.manage(cx, &Owner::Server, lines, &Subject { values: None, stream: None });
    }

    fn pull(&mut self, cx: &mut Ctx, named: &NamedStream) {
        if !cx.is_draining() {
            let subject = named.about_players(cx);
            self.manage(cx, &named.players(), self.lines(named, Kind::Pull), &subject);
        }
    }

    fn run_all(&mut self, cx: &mut Ctx, lines: Vec<Rc<Line>>, subject: &Subject) {
        lines.into_iter().for_each(|line| self.run_independent(cx, line, subject.clone()));
    }

    fn lines(&self, named: &NamedStream, kind: Kind) -> Vec<Rc<Line>> {
        self.apps.get(named.app).map(|settings| settings.lines(kind, named.name.as_str())).unwrap_or_default()
    }

    fn follows_plays(&self, app: AppId) -> bool {
        self.apps.get(app).is_some_and(|settings| settings.has(Kind::Play) || settings.has(Kind::PlayDone))
    }

    /// The values for what a client does with a stream.
    fn values(&self, cx: &Ctx, named: &NamedStream, endpoint: Endpoint) -> Values {
        let args = self.args.get(&endpoint.session).into_iter().flatten();
        let mut args = args.filter(|(msid, _)| *msid == endpoint.msid).map(|(_, args)| args.to_string());
        Values {
            client: Rc::new(client_facts(cx, endpoint.session, named.app)),
            name: named.name.as_str().to_owned(),
            args: args.next().unwrap_or_default(),
            recorded: None,
        }
    }
}

/// Whether a stream has players. A push is none.
fn is_played(cx: &Ctx, stream: &Stream) -> bool {
    cx.players_of(stream) > 0
}

fn client_facts(cx: &Ctx, id: SessionId, app: AppId) -> ClientFacts {
    let session = cx.sessions.get(id);
    let client = session.and_then(|session| session.client());
    let text = |text: fn(&Client) -> &str| client.map(text).unwrap_or_default().to_owned();
    ClientFacts {
        session: Some(id.serial()),
        app: cx.apps.get(app).map(|app| app.name.clone()).unwrap_or_default(),
        flash_ver: text(Client::flash_ver),
        swf_url: text(Client::swf_url),
        tc_url: text(Client::tc_url),
        page_url: text(Client::page_url),
        addr: session.map(|session| session.peer.host()).unwrap_or_default(),
    }
}

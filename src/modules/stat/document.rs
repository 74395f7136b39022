//! A document that is being made: the walk over applications, streams and clients, written in steps.

use std::mem;
use std::rc::Rc;

use crate::engine::{
    AppId, ByApp, Compose, Composed, Ctx, Endpoint, HttpReply, Stream, StreamId, Visit, Walk,
};

use super::facts::{ClientFacts, ServerFacts, StreamEnd, StreamFacts};
use super::settings::{App, Format, Section, Sections, Settings};
use super::{json, xml};

/// A document on its way.
#[derive(Debug)]
pub struct Document {
    settings: Rc<Settings>,
    apps: Rc<ByApp<App>>,
    walk: Option<Walk>,
    text: String,
    /// The application that is being written.
    app: AppId,
    /// The section of it that is being written, if any.
    section: Option<Section>,
    /// The clients in that section so far.
    section_clients: usize,
    /// The stream that is being written, unless it is left out.
    stream: Option<Current>,
    /// The number of servers that have begun, and the last of them.
    servers: (usize, Option<usize>),
}

/// A stream that is being written.
#[derive(Debug)]
struct Current {
    id: StreamId,
    /// Where it begins in the text.
    start: usize,
    clients: usize,
}

impl Document {
    pub fn new(settings: Rc<Settings>, apps: Rc<ByApp<App>>) -> Self {
        let (walk, stream, servers) = (None, None, (0, None));
        Self {
            settings,
            apps,
            walk,
            text: String::new(),
            app: AppId::default(),
            section: None,
            section_clients: 0,
            stream,
            servers,
        }
    }

    fn begin(&mut self, cx: &Ctx) -> Walk {
        let server = ServerFacts::new(cx);
        match self.settings.format {
            Format::Xml => xml::begin(&mut self.text, &self.settings.stylesheet, &server),
            Format::Json => json::begin(&mut self.text, &server),
        }
        let Sections { live, clients, play, .. } = self.settings.sections;
        let walk = match self.settings.format {
            Format::Xml => Walk::by_name(cx),
            // It has servers with their ports.
            Format::Json => Walk::new(cx),
        };
        let walk = if play { walk.with_files() } else { walk };
        if clients && (live || play) { walk } else { walk.without_clients() }
    }

    fn write(&mut self, cx: &Ctx, visit: Visit) {
        match visit {
            Visit::Partly => {}
            Visit::App(app) => self.begin_app(cx, app),
            Visit::Stream(id) => self.begin_stream(cx, id),
            Visit::Client(id, client) => self.write_client(cx, id, client),
            Visit::StreamEnd(id) => self.end_stream(cx, id),
            Visit::AppEnd(app) => self.end_app(cx, app),
        }
    }

    fn begin_app(&mut self, cx: &Ctx, app: AppId) {
        self.app = app;
        let name = cx.apps.get(app).map_or("", |app| app.name.as_str());
        if self.settings.format == Format::Xml {
            xml::begin_app(&mut self.text, name);
            return self.begin_live();
        }
        let (server, port) = self.apps.get(app).map_or((None, 0), |app| (Some(app.server), app.port));
        if self.servers.0 == 0 || self.servers.1 != server {
            if self.servers.0 > 0 {
                json::end_server(&mut self.text);
            }
            json::begin_server(&mut self.text, self.servers.0, port);
            self.servers = (self.servers.0 + 1, server);
        }
        json::begin_app(&mut self.text, name);
        self.begin_live();
    }

    fn end_app(&mut self, cx: &Ctx, app: AppId) {
        if self.settings.sections.play && self.section != Some(Section::Play) && self.plays_files(cx, app) {
            self.begin_section(cx, Section::Play);
        }
        self.end_section(cx);
        match self.settings.format {
            Format::Xml => xml::end_app(&mut self.text),
            Format::Json => {
                let app = self.apps.get(app).filter(|_| self.settings.sections.record);
                json::end_app(&mut self.text, app.map(|app| app.recorders.as_str()));
            }
        }
    }

    fn begin_live(&mut self) {
        if self.settings.sections.live {
            self.open(Section::Live);
        }
    }

    /// Begins a section behind the one before.
    fn begin_section(&mut self, cx: &Ctx, section: Section) {
        self.end_section(cx);
        self.open(section);
    }

    fn open(&mut self, section: Section) {
        (self.section, self.section_clients) = (Some(section), 0);
        match self.settings.format {
            Format::Xml => xml::begin_section(&mut self.text, section.name()),
            Format::Json => json::begin_section(&mut self.text, section.name()),
        }
    }

    fn end_section(&mut self, cx: &Ctx) {
        let Some(section) = self.section.take() else { return };
        let viewers = match (section, self.settings.format) {
            (Section::Play, _) => None,
            (Section::Live, Format::Xml) => self.viewers_by_name(cx, self.app),
            (Section::Live, Format::Json) => {
                self.has_hls(self.app).then(|| cx.viewing.viewers.of_app(self.app))
            }
        };
        let clients = self.section_clients;
        match self.settings.format {
            Format::Xml => xml::end_section(&mut self.text, section.name(), (clients, viewers)),
            Format::Json => json::end_section(&mut self.text, (clients, viewers)),
        }
    }

    /// Whether files are played in an application, or in another one of its name if these are one in the document.
    fn plays_files(&self, cx: &Ctx, app: AppId) -> bool {
        let plays = |app| self.apps.get(app).is_some_and(|app| app.plays_files);
        let Some(facts) = cx.apps.get(app).filter(|_| self.settings.format == Format::Xml) else {
            return plays(app);
        };
        cx.apps.iter().any(|(id, other)| other.name == facts.name && plays(id))
    }

    fn begin_stream(&mut self, cx: &Ctx, id: StreamId) {
        let Sections { live, play, .. } = self.settings.sections;
        let is_shown = |stream: &&Stream| if stream.is_file { play } else { live };
        let Some(stream) = cx.streams.get(id).filter(is_shown) else { return };
        let clients = usize::from(stream.publisher.is_some()) + stream.players.len();
        // An exporter insists on a client for each stream; one in grace may have none.
        if clients == 0 {
            return;
        }
        if stream.is_file && self.section != Some(Section::Play) {
            self.begin_section(cx, Section::Play);
        }
        let has_clients = self.settings.sections.clients;
        let clients = if has_clients { 0 } else { clients };
        self.stream = Some(Current { id, start: self.text.len(), clients });
        let facts = StreamFacts::new(cx, stream);
        match self.settings.format {
            Format::Xml => xml::begin_stream(&mut self.text, &facts),
            Format::Json => json::begin_stream(&mut self.text, &facts, has_clients),
        }
    }

    fn write_client(&mut self, cx: &Ctx, id: StreamId, client: Endpoint) {
        let Some(current) = self.stream.as_mut().filter(|current| current.id == id) else { return };
        let (stream, session) = (cx.streams.get(id), cx.sessions.get(client.session));
        let Some((stream, session)) = stream.zip(session) else { return };
        let Some(role) = session.roles().on(client.msid) else { return };
        let Some(facts) = ClientFacts::new(cx, stream, session, role) else { return };
        current.clients += 1;
        match self.settings.format {
            Format::Xml => xml::client(&mut self.text, &facts),
            Format::Json => json::client(&mut self.text, &facts),
        }
    }

    fn end_stream(&mut self, cx: &Ctx, id: StreamId) {
        let Some(current) = self.stream.take().filter(|current| current.id == id) else { return };
        // All its clients have left since it was begun.
        if current.clients == 0 {
            return self.text.truncate(current.start);
        }
        self.section_clients += current.clients;
        let stream = cx.streams.get(id);
        let viewers = stream.filter(|stream| !stream.is_file && self.has_hls(stream.app));
        let viewers = viewers.map(|stream| cx.viewing.viewers.of_stream(stream.app, stream.name.as_str()));
        let end = stream.map_or_else(
            || StreamEnd::gone(current.clients),
            |stream| StreamEnd::new(cx, stream, current.clients, viewers),
        );
        match self.settings.format {
            Format::Xml => xml::end_stream(&mut self.text, &end),
            Format::Json => {
                if self.settings.sections.clients {
                    json::end_clients(&mut self.text);
                }
                if let Some(stream) = stream.filter(|_| self.settings.sections.record) {
                    json::records(&mut self.text, &stream.recordings);
                }
                json::end_stream(&mut self.text, &end);
            }
        }
    }

    /// The viewers of HLS of all applications of this one's name, if any of them has HLS.
    fn viewers_by_name(&self, cx: &Ctx, app: AppId) -> Option<usize> {
        let name = &cx.apps.get(app)?.name;
        let same = cx.apps.iter().filter(|(id, other)| other.name == *name && self.has_hls(*id));
        same.map(|(id, _)| cx.viewing.viewers.of_app(id)).reduce(|sum, more| sum + more)
    }

    fn has_hls(&self, app: AppId) -> bool {
        self.apps.get(app).is_some_and(|app| app.has_hls)
    }

    fn finish(&mut self) -> HttpReply {
        let mut text = mem::take(&mut self.text);
        let mime = match self.settings.format {
            Format::Xml => {
                xml::end(&mut text);
                "text/xml"
            }
            Format::Json => {
                if self.servers.0 > 0 {
                    json::end_server(&mut text);
                }
                json::end(&mut text);
                "application/json"
            }
        };
        HttpReply::made(200, mime, "no-cache", text)
    }
}

impl Compose for Document {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let cx = &*cx;
        let mut walk = self.walk.take().unwrap_or_else(|| self.begin(cx));
        if !walk.step(cx, |visit| self.write(cx, visit)) {
            return Composed::Reply(self.finish());
        }
        self.walk = Some(walk);
        Composed::Partly
    }
}

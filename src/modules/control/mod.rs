//! nginx's `/control`: scripts end clients, move them to other streams, and start and stop recorders, by URLs alone.
//!
//! The URLs and the answers are those of nginx-rtmp (ngx_rtmp_control_module.c): the last two parts of the path say what is
//! to be done, and the arguments to whom. Any method acts, as in nginx; so what a browser sends for a page of another site is
//! refused. Everything that is done is logged with who has asked for it. The work itself is the engine's.

mod answers;
mod arguments;
mod command;
mod filter;
mod relaying;
mod selection;

use std::any::Any;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use crate::conf::{self, Acts, Context, Directive, Repeat, Takes};
use crate::engine::{
    Answer, ByLocation, Config, Ctx, HttpReply, HttpRequest, LocationId, Module, Operation, OperationResult,
    Probe, RecordResult, StreamId,
};
use answers::{nothing, reply};
use command::{Command, Section};
use filter::{Apps, Filter};
use selection::{Act, Selection};

/// The name of the directive.
const CONTROL: &str = "rtmp_control";

const DIRECTIVES: &[Directive] = &[Directive {
    name: CONTROL,
    contexts: Context::LOCATIONS,
    takes: Takes::AnyOf(&["off", "all", "record", "drop", "redirect"]),
    default: "off",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "What scripts may do by the URLs of nginx's control module below the location's path: record starts and \
          stops recorders, drop ends clients, redirect moves them to another stream, or relays theirs. Whoever may reach the \
          location may do it, so protect it with allow and deny or with a password. Requests that a browser \
          sends for a page of another site are refused. It acts in the block in which it stands, and not in \
          blocks inside it.",
}];

#[derive(Debug, Default)]
pub struct Control {
    /// The applications of each RTMP server, in the order of the file.
    servers: Rc<Vec<Apps>>,
    /// What is on in each location.
    sections: ByLocation<Sections>,
}

/// The sections that are on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sections {
    record: bool,
    drop: bool,
    redirect: bool,
}

impl Sections {
    /// Reads the directive of a block itself, as nginx does: a block inside it has its own.
    fn read(scope: &conf::Scope<'_>) -> Self {
        let words: Vec<_> = scope.own(CONTROL).flat_map(|node| &node.args).map(String::as_str).collect();
        let has = |word: &str| !words.contains(&"off") && (words.contains(&word) || words.contains(&"all"));
        Self { record: has("record"), drop: has("drop"), redirect: has("redirect") }
    }

    fn have(self, section: Section) -> bool {
        match section {
            Section::Record => self.record,
            Section::Drop => self.drop,
            Section::Redirect => self.redirect,
        }
    }
}

impl Module for Control {
    fn name(&self) -> &'static str {
        "control"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn declare(&self, config: &mut Config<'_>) {
        for location in &mut config.locations {
            // Bodies are ignored, as scripts post empty forms.
            location.takes_bodies |= Sections::read(&location.scope) != Sections::default();
        }
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.servers = Rc::new(config.applications_by_server());
        let read = |location: &crate::engine::Location<'_>| (location.id, Sections::read(&location.scope));
        self.sections = config.locations.iter().map(read).collect();
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, next: Box<dyn Any>) {
        let Ok(next) = next.downcast::<Self>() else { return };
        self.servers = next.servers;
        self.sections.adopt(next.sections);
    }

    fn release_locations(&mut self, _cx: &mut Ctx, first: LocationId) {
        self.sections.release(first);
    }

    fn probe(&self, config: &Config<'_>, probe: &mut Probe) {
        let own: Vec<_> = config.locations.iter().flat_map(|location| location.scope.own(CONTROL)).collect();
        let found = config.locations.iter().filter_map(|location| location.scope.find(CONTROL));
        let is_idle = |node: &&conf::Node| !own.iter().any(|own| std::ptr::eq(*own, *node));
        if let Some(node) = found.filter(|node| node.args != ["off"]).find(is_idle) {
            probe.warn(node, "here it does nothing: write it into a location");
        }
        for location in &config.locations {
            let is_open = Sections::read(&location.scope) != Sections::default() && !location.is_restricted;
            if let Some(node) = location.scope.own(CONTROL).next().filter(|_| is_open) {
                probe.warn(
                    node,
                    "whoever reaches this location may end streams: write \"allow local; deny all;\" beside \
                     it, or ask for a password with auth_basic",
                );
            }
        }
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let sections = *self.sections.get(request.location)?;
        let (section, method) = command::parts(&request.head.path)?;
        if !sections.have(section) {
            return None;
        }
        let (id, who) = (request.session, caller(request));
        if let Some(why) = refusal(request) {
            log::warn!("{id} {who} may not {section} here: {why}");
            return Some(Answer::Reply(HttpReply::error(403)));
        }
        let query = &request.head.query;
        let what = format!("{id} {who}: {section} {method}{}", arguments::describe(query));
        if let Some(result) = request.findings.find(|_: &OperationResult| true) {
            return Some(Answer::Reply(match result {
                OperationResult::Relay(result) => relaying::relayed(result, &what),
                result => recorded(result, &what),
            }));
        }
        let (act, wanted) = match (Command::read(section, method, query), Filter::read(query, &self.servers))
        {
            (Command::Unknown, _) | (_, None) => return Some(Answer::Reply(HttpReply::error(500))),
            (Command::Record { start, recorder }, Some(filter)) => {
                return Some(record(cx, &filter, (start, recorder), &what));
            }
            (Command::Relay(who, url), Some(filter)) => {
                return Some(relaying::relay(cx, (&filter, who), url, &what));
            }
            (Command::Drop(who), Some(filter)) => (Act::Drop, (filter, who)),
            (Command::Redirect(who, to), Some(filter)) => (Act::Redirect(to), (filter, who)),
        };
        Some(Answer::Later(Box::new(Selection::new(wanted, act, what))))
    }
}

/// Why a request may have been caused by a page that does not belong here, if so. A password is one that a browser shows
/// only to the name for which it was typed.
fn refusal(request: &HttpRequest) -> Option<&'static str> {
    if request.is_cross_site() {
        return Some("a page of another site has caused this");
    }
    if request.hides_its_page() {
        return Some("a browser asks and does not say for which page, so it may be one of another site");
    }
    (request.user.is_none() && request.is_rebound())
        .then_some("a browser of this machine asks by a name, which may be that of another site")
}

/// Who asks, for the log.
fn caller(request: &HttpRequest) -> String {
    match &request.user {
        Some(user) => format!("{} ({})", user.escape_debug(), request.peer.host()),
        None => request.peer.host(),
    }
}

/// Has recorders started or stopped.
fn record(cx: &Ctx, filter: &Filter, (start, recorder): (Option<bool>, String), what: &str) -> Answer {
    let publisher = |id: &StreamId| cx.streams.get(*id)?.publisher;
    let is_meant =
        |id: &StreamId| publisher(id).is_some_and(|publisher| filter.is_client(cx, publisher.session));
    let streams: Vec<_> = filter.streams(cx).into_iter().filter(is_meant).collect();
    let Some(start) = start.filter(|_| !streams.is_empty()) else {
        // nginx looks at the method only when there is somebody for it.
        return Answer::Reply(if streams.is_empty() { nothing() } else { HttpReply::error(500) });
    };
    log::info!("{what} (streams: {})", streams.len());
    Answer::Operate(Operation::Record { streams, recorder, start })
}

/// The answer when recorders have been started or stopped: the path of the last file.
fn recorded(result: &OperationResult, what: &str) -> HttpReply {
    let OperationResult::Record(results) = result else { return HttpReply::error(503) };
    let failed = |(_, result): &(StreamId, RecordResult)| {
        matches!(result, RecordResult::NoRecorder | RecordResult::Failed(_))
    };
    if let Some((_, result)) = results.iter().find(|result| failed(result)) {
        match result {
            RecordResult::Failed(why) => log::warn!("{what}: {why}"),
            _ => log::warn!("{what}: there is no such recorder"),
        }
        return HttpReply::error(500);
    }
    let path = results.iter().rev().find_map(|(_, result)| match result {
        RecordResult::Done(path) | RecordResult::Begins(path) => Some(path),
        RecordResult::NoRecorder | RecordResult::Unchanged | RecordResult::Failed(_) => None,
    });
    path.map_or_else(nothing, |path| reply(path.as_os_str().as_bytes()))
}

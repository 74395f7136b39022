//! Relays that operators begin and end. The engine asks the module that relays, and then asks here again with the outcome.

use serde::Serialize;

use crate::engine::{
    Answer, Ctx, HttpRequest, Operation, OperationResult, Relay, RelayId, RelayOrder, Stream, stream_name,
};

use crate::modules::api::actor::Actor;
use crate::modules::api::body::NewRelay;
use crate::modules::api::read::RelayFacts;
use crate::modules::api::reply::{Fault, json_reply};
use crate::modules::api::route::StreamPath;

/// The answer when a relay has been ended.
#[derive(Debug, Serialize)]
struct Ended {
    ended: u64,
}

/// Publishes a live stream to another server, too.
pub fn push(
    cx: &Ctx,
    request: &HttpRequest,
    path: &StreamPath,
    body: &NewRelay,
    actor: &Actor,
) -> Result<Answer, Fault> {
    begin(cx, request, actor, || {
        let streams = path.find(cx)?;
        let is_live = |id: &&_| cx.streams.get(**id).is_some_and(Stream::is_live);
        let live = streams.iter().find(is_live);
        let stream = *live.ok_or_else(|| Fault::new(409, "nobody publishes this stream now"))?;
        Ok(RelayOrder::Push { stream, url: body.url()? })
    })
}

/// Publishes a stream of another server here.
pub fn pull(
    cx: &Ctx,
    request: &HttpRequest,
    path: &StreamPath,
    body: &NewRelay,
    actor: &Actor,
) -> Result<Answer, Fault> {
    begin(cx, request, actor, || {
        let name = stream_name(&path.name);
        let name = name.map_err(|why| Fault::not_found(format!("there can be no such stream: {why}")))?;
        let app = cx.apps.iter().find(|(_, app)| app.name == path.app);
        let no_app = || Fault::not_found(format!("there is no application {}", path.app.escape_debug()));
        let (app, _) = app.ok_or_else(no_app)?;
        Ok(RelayOrder::Pull { app, name, url: body.url()?, is_static: true })
    })
}

/// Ends a relay.
pub fn end(cx: &Ctx, request: &HttpRequest, id: u64, actor: &Actor) -> Result<Answer, Fault> {
    match outcome(request)? {
        None => {
            let relay = cx.relay(RelayId(id)).ok_or_else(|| no_relay(id))?;
            actor.log(&format!("ends relay {id}: {}", described(relay)));
            Ok(Answer::Operate(Operation::Relay(RelayOrder::End(RelayId(id)))))
        }
        Some(_) => Ok(Answer::Verbatim(json_reply(200, &Ended { ended: id }))),
    }
}

/// The error if there is no such relay.
pub fn no_relay(id: u64) -> Fault {
    Fault::not_found(format!("there is no relay {id}"))
}

/// Gives an order, or tells what has come of it.
fn begin(
    cx: &Ctx,
    request: &HttpRequest,
    actor: &Actor,
    order: impl FnOnce() -> Result<RelayOrder, Fault>,
) -> Result<Answer, Fault> {
    match outcome(request)? {
        None => Ok(Answer::Operate(Operation::Relay(order()?))),
        Some(id) => {
            let relay = cx.relay(id).ok_or_else(|| Fault::new(409, "the relay is over already"))?;
            actor.log(&format!("begins relay {}: {}", id.0, described(relay)));
            Ok(Answer::Verbatim(json_reply(201, &RelayFacts::new(cx, relay))))
        }
    }
}

/// What has come of an order; none before it was given.
fn outcome(request: &HttpRequest) -> Result<Option<RelayId>, Fault> {
    match request.findings.find(|_: &OperationResult| true) {
        None => Ok(None),
        Some(OperationResult::Relay(Ok(id))) => Ok(Some(*id)),
        Some(OperationResult::Relay(Err(why))) => Err(Fault::new(422, why.clone())),
        Some(OperationResult::Record(_) | OperationResult::Reload(_) | OperationResult::Busy) => {
            Err(Fault::new(503, "too many operations are under way; try again in a moment"))
        }
    }
}

/// "live/cam -> rtmp://a.example/live/***".
fn described(relay: &Relay) -> String {
    let arrow = relay.kind.arrow();
    let target = relay.target().map_or("", |target| &target.shown);
    format!("{} {arrow} {target}", relay.label.escape_debug())
}

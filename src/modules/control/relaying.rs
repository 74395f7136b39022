//! Redirects to a URL: the stream of a publisher is published there, too, and that of players is pulled from there.

use super::answers::reply;
use super::command::Who;
use super::filter::Filter;
use crate::engine::{
    Answer, Ctx, Endpoint, HttpReply, Operation, RelayId, RelayOrder, Session, Stream, StreamId,
};

/// Has a stream relayed: one, as no two streams can be published under the same name there.
pub fn relay(cx: &Ctx, (filter, who): (&Filter, Who), url: String, what: &str) -> Answer {
    let streams = filter.streams(cx);
    let meant = streams.into_iter().filter_map(|id| cx.streams.get(id));
    let mut meant = meant.filter_map(|stream| Some((stream, direction(cx, filter, who, stream)?)));
    let Some((stream, direction)) = meant.next() else { return Answer::Reply(reply(b"0")) };
    if meant.next().is_some() {
        log::warn!("{what}: several streams are meant, and a URL is for one: say which by app and name");
        return Answer::Reply(HttpReply::error(500));
    }
    let has_own_publisher = stream
        .publisher
        .is_some_and(|publisher| !cx.sessions.get(publisher.session).is_some_and(Session::is_relay));
    if matches!(direction, Direction::Pull) && has_own_publisher {
        log::warn!("{what}: the stream is published here, and is not pulled");
        return Answer::Reply(HttpReply::error(500));
    }
    Answer::Operate(Operation::Relay(match direction {
        Direction::Push(stream) => RelayOrder::Push { stream, url },
        Direction::Pull => {
            // Whoever plays it is redirected: the pull is for them.
            RelayOrder::Pull { app: stream.app, name: stream.name.clone(), url, is_static: false }
        }
    }))
}

/// The answer when a stream is relayed, or is not.
pub fn relayed(result: &Result<RelayId, String>, what: &str) -> HttpReply {
    match result {
        Ok(id) => {
            log::info!("{what} (relay {})", id.0);
            reply(b"1")
        }
        Err(why) => {
            log::warn!("{what}: {why}");
            HttpReply::error(500)
        }
    }
}

enum Direction {
    Push(StreamId),
    Pull,
}

/// What is meant for a stream, if it has such clients: publishers push, players pull.
fn direction(cx: &Ctx, filter: &Filter, who: Who, stream: &Stream) -> Option<Direction> {
    let is_meant = |client: &Endpoint| filter.is_client(cx, client.session);
    if who.has_publishers() && stream.publisher.is_some_and(|publisher| is_meant(&publisher)) {
        return Some(Direction::Push(stream.id));
    }
    (who.has_subscribers() && stream.players.iter().any(is_meant)).then_some(Direction::Pull)
}

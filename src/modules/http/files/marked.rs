//! Playlists of guarded applications: sent with tokens behind the URIs of segments and keys, so that they are for one
//! viewer, and no cache may keep them.

use std::path::Path;

use crate::engine::{Answer, Body, Compose, Composed, Ctx, HttpReply, Marker, Marks};
use crate::http::ResponseHead;

use super::sources::{Content, Miss, Sources, failure};

/// Lines to which tokens are added in one step.
const LINES: usize = 256;

/// A playlist that is being marked.
#[derive(Debug)]
struct MarkedList {
    marker: Option<Marker>,
    head: ResponseHead,
}

/// Sends a playlist with its tokens, behind this head.
pub fn send(
    marks: Marks,
    content: Content,
    (base, path): (&Path, &str),
    (head, sources): (ResponseHead, &Sources<'_>),
) -> Answer {
    let text = match sources.text(content, (base, path)) {
        Ok(text) => text,
        Err(Miss::Unknown(lookup)) => return Answer::Wait(lookup),
        Err(Miss::Failed(errno)) => return Answer::Reply(failure(path, errno)),
    };
    let mut list = MarkedList { marker: Some(Marker::new(marks, text)), head };
    match list.mark() {
        Some(reply) => Answer::Reply(reply),
        None => Answer::Later(Box::new(list)),
    }
}

impl MarkedList {
    /// Does one step; the reply if it was the last one.
    fn mark(&mut self) -> Option<HttpReply> {
        let is_done = self.marker.as_mut().is_none_or(|marker| marker.step(LINES));
        let text = is_done.then(|| self.marker.take().map(Marker::into_text).unwrap_or_default())?;
        Some(HttpReply { head: self.head.clone(), body: Body::Bytes(text.into()) })
    }
}

impl Compose for MarkedList {
    fn step(&mut self, _cx: &Ctx) -> Composed {
        self.mark().map_or(Composed::Partly, Composed::Reply)
    }
}

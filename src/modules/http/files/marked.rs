//! Playlists of guarded applications: sent with tokens behind the URIs of segments and keys. They are for one viewer, and
//! no cache may keep them; but what is added to a media playlist is the same for all, so the server keeps its text.
//!
//! A text is read when its turn to be marked has come, since many viewers ask for a new version at the same time: the
//! first one has it marked, and the others find the result.

use std::rc::Rc;

use nix::errno::Errno;

use crate::engine::{
    Answer, Body, Compose, Composed, Ctx, HlsFile, HttpReply, JobResult, MarkedVersion, Marker, Marks,
};
use crate::http::ResponseHead;

use super::finding::PlaylistText;
use super::sources::{Content, Miss, Sources, failure};

/// Lines to which tokens are added in one step.
const LINES: usize = 256;

/// A playlist that is being marked.
#[derive(Debug)]
struct MarkedList {
    version: MarkedVersion,
    path: String,
    head: ResponseHead,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Unread(Marks, Content),
    /// A reader reads the text.
    Awaited(Marks),
    Marking(Marker),
    Failed(Errno),
    /// The reply has been made.
    Over,
}

/// Sends a playlist with its tokens, behind this head.
pub fn send(
    (file, marks): (&HlsFile, Marks),
    content: Content,
    path: &str,
    (head, sources): (ResponseHead, &Sources<'_>),
) -> Answer {
    let version = MarkedVersion::new(file, &marks, (content.modified, content.body.len()));
    if let Some(text) = sources.marked(&version) {
        return Answer::Reply(HttpReply { head, body: Body::Bytes(text) });
    }
    if !sources.may_send(&content.body) {
        return Answer::Reply(failure(path, Errno::EMFILE));
    }
    let stage = Stage::Unread(marks, content);
    Answer::Later(Box::new(MarkedList { version, path: path.to_owned(), head, stage }))
}

impl MarkedList {
    fn reply(&mut self, text: Rc<[u8]>) -> Composed {
        let head = std::mem::replace(&mut self.head, ResponseHead::new(200));
        Composed::Reply(HttpReply { head, body: Body::Bytes(text) })
    }

    /// Marks some lines.
    fn mark(&mut self, cx: &mut Ctx, mut marker: Marker) -> Composed {
        if !marker.step(LINES) {
            self.stage = Stage::Marking(marker);
            return Composed::Partly;
        }
        let is_for_all = marker.is_for_all();
        let text: Rc<[u8]> = marker.into_text().into();
        if is_for_all {
            cx.viewing.marked.keep(self.version.clone(), Rc::clone(&text));
        }
        self.reply(text)
    }
}

impl Compose for MarkedList {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        if let Some(text) = cx.viewing.marked.find(&self.version) {
            return self.reply(text);
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Unread(marks, content) => match content.text() {
                Ok(text) => self.mark(cx, Marker::new(marks, text)),
                Err(Miss::Unknown(lookup)) => {
                    self.stage = Stage::Awaited(marks);
                    Composed::Wait(lookup)
                }
                Err(Miss::Failed(errno)) => Composed::Reply(failure(&self.path, errno)),
            },
            Stage::Marking(marker) => self.mark(cx, marker),
            Stage::Failed(errno) => Composed::Reply(failure(&self.path, errno)),
            // The engine gives the text before it asks for another step.
            Stage::Awaited(_) | Stage::Over => Composed::Reply(HttpReply::error(500)),
        }
    }

    fn take(&mut self, finding: JobResult) {
        let Stage::Awaited(marks) = std::mem::replace(&mut self.stage, Stage::Over) else { return };
        self.stage = match finding.take::<PlaylistText>() {
            Ok(PlaylistText(Ok(text))) => Stage::Marking(Marker::new(marks, text)),
            Ok(PlaylistText(Err(errno))) => Stage::Failed(errno),
            Err(_) => Stage::Failed(Errno::EIO),
        };
    }
}

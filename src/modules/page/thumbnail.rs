//! Thumbnails: the last key frame of a live stream as MP4.
//!
//! The key frame is kept in its stream while there is a page, as the cached group may be off or over its limits. The file is
//! made when somebody asks for it, once for each key frame.

use std::rc::Rc;

use crate::engine::{Body, Ctx, HttpReply, Stream, StreamId};
use crate::http::ResponseHead;
use crate::media::{Frame, Kind, mp4};

use super::document;

/// Keeps a frame if a thumbnail can be made of it.
pub fn keep(cx: &mut Ctx, stream: StreamId, frame: &Rc<Frame>) {
    if frame.kind != Kind::Video || !mp4::has_still(frame.codec) {
        return;
    }
    if let Some(stream) = cx.streams.get_mut(stream) {
        stream.key_frames.keep(frame, &stream.headers);
    }
}

/// The answer with the thumbnail of a stream, if there is one.
pub fn reply(stream: Option<&Stream>) -> HttpReply {
    let Some(file) = stream.and_then(file) else {
        return document::own(HttpReply::error(404).with("Cache-Control", "no-store"));
    };
    let head = ResponseHead::new(200)
        .with("Content-Type", "video/mp4")
        .with("Content-Security-Policy", document::NOTHING)
        .with("Cache-Control", "no-store")
        .with("X-Content-Type-Options", "nosniff");
    document::own(HttpReply { head, body: Body::Bytes(file) })
}

fn file(stream: &Stream) -> Option<Rc<[u8]>> {
    let picture = stream.key_frames.last()?;
    picture.file(|picture| mp4::still(picture.configuration.as_deref(), picture.messages()))
}

//! A recording as it is: a whole file, or a part of it.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::engine::{Body, Descriptors, HttpReply};
use crate::http::conditional::{self, Outcome};
use crate::http::range::{self, Selection};
use crate::http::response::RETRY_AFTER;
use crate::http::{Method, Request, ResponseHead};

use super::found::Found;

/// A file, a part of it, or that there is no need to send it.
pub fn file(found: &Found, request: &Request, descriptors: Descriptors) -> HttpReply {
    let (etag, modified) = (format!("\"{}\"", found.version()), found.modified());
    let head = |status| {
        ResponseHead::new(status)
            .with("ETag", etag.as_str())
            .with("Last-Modified", conditional::format_date(modified))
            .with("X-Content-Type-Options", "nosniff")
            .with("Cache-Control", "private, no-cache")
    };
    match conditional::evaluate(&request.headers, &etag, modified) {
        Outcome::Proceed => {}
        Outcome::NotModified => return HttpReply { head: head(304), body: Body::Empty },
        Outcome::Failed => return HttpReply::error(412),
    }
    let length = found.file.length;
    if request.method == Method::Get && !descriptors.may_download(found.file.file.file.as_raw_fd()) {
        return failure(Errno::EMFILE);
    }
    let body = match &found.file.bytes {
        Some(bytes) => Body::Bytes((**bytes).into()),
        None => Body::File { file: found.file.file.clone(), offset: 0, length },
    };
    let range = request.headers.get("range").filter(|_| request.method == Method::Get);
    let holds = |_: &&str| conditional::range_holds(&request.headers, &etag, modified);
    let selection = range.filter(holds).map_or(Selection::Whole, |range| range::select(range, length));
    let head = |status| head(status).with("Content-Type", found.media.mime()).with("Accept-Ranges", "bytes");
    match selection {
        Selection::Whole => HttpReply { head: head(200), body },
        Selection::Part { first, last } => {
            let head = head(206).with("Content-Range", format!("bytes {first}-{last}/{length}"));
            HttpReply { head, body: body.part(first, last - first + 1) }
        }
        Selection::Unsatisfiable => HttpReply::error(416).with("Content-Range", format!("bytes */{length}")),
    }
}

/// The answer where a file cannot be found or opened. What is no recording is not told from what is not there.
pub fn failure(errno: Errno) -> HttpReply {
    match errno {
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => {
            log::warn!("a recording is not sent: {errno}");
            HttpReply::error(503).with("Retry-After", RETRY_AFTER)
        }
        Errno::EIO => HttpReply::error(500),
        _ => HttpReply::error(404),
    }
}

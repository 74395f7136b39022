//! The answer to a request for a file.

pub(super) mod autoindex;
mod finding;
pub(super) mod folder;
pub(super) mod hls_probe;
pub(super) mod link_probe;
mod marked;
pub(super) mod sources;
pub(super) mod volumes;

use std::os::fd::RawFd;
use std::path::Path;
use std::time::UNIX_EPOCH;

use nix::errno::Errno;

use crate::engine::files::lookup::{DiskFile, Found};
use crate::engine::{Answer, Body, HttpReply, Redirect, Route};
use crate::http::conditional::{self, Outcome};
use crate::http::range::{self, Selection};
use crate::http::{Method, Request, ResponseHead, mime, path};

use crate::modules::http::rewrite::internal_target;
use crate::modules::http::settings::Settings;
use crate::modules::http::template::TemplateValues;
use crate::modules::http::try_files::{Last, TryFiles};
use sources::{Content, Miss, SHORTAGE, Sources};

const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// Cache-Control of a fragment: kept for all players of the same moment, behind any proxy, without asking
/// again. Not for longer, because after a cleanup a stream's numbers may begin anew.
const FRAGMENT_CACHE: &str = "max-age=60, immutable";

/// Seconds for which a browser may keep the answer to a preflight; none keeps it for longer than a day.
const PREFLIGHT_SECONDS: &str = "86400";

/// Extensions of what is streamed, which players on any site may fetch.
const STREAMED: [&str; 9] = ["m3u8", "ts", "m4s", "mp4", "m4a", "aac", "vtt", "key", "mpd"];
const PLAYLISTS: [&str; 2] = ["m3u8", "mpd"];
const FRAGMENTS: [&str; 2] = ["ts", "m4s"];

/// Answers a request for what is at `path` in a location that serves files.
pub fn serve(settings: &Settings, view: &TemplateValues<'_>, sources: &Sources<'_>, path: &str) -> Answer {
    let request = &view.request.head;
    let mut reply = match request.method {
        Method::Get | Method::Head => match get(settings, view, sources, path) {
            Answer::Reply(reply) => reply,
            later => return later,
        },
        Method::Options => options(settings, request, path),
        Method::Other(_) => HttpReply::error(405).with("Allow", ALLOWED),
    };
    if reply.head.status == SHORTAGE {
        sources.shortages.update(|count| count + 1);
    }
    reply.head = with_defaults(settings, request, path, reply.head);
    Answer::Reply(reply)
}

/// Answers with the first candidate of `try_files` that is there, else as its last argument says.
pub fn serve_first(
    try_files: &TryFiles,
    settings: &Settings,
    view: &TemplateValues<'_>,
    sources: &Sources<'_>,
) -> Route {
    for candidate in &try_files.candidates {
        let filled = candidate.path.fill(view);
        let Some(path) = path::tidy(&filled) else { continue };
        if path.ends_with('/') != candidate.is_folder {
            continue;
        }
        match exists(settings, view, sources, &path) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(unknown) => return unknown,
        }
        // As in nginx, the slash only says what is looked for: a request for a folder without one is
        // redirected to it, so that links in its page are those of the folder.
        let requested = if candidate.is_folder { filled.strip_suffix('/') } else { None };
        let path = requested.and_then(path::tidy).unwrap_or(path);
        return serve(settings, view, sources, &path).into();
    }
    match &try_files.last {
        Last::Status(code) => Route::Reply(HttpReply::error(*code)),
        Last::Target(template) => {
            Route::Redirect(Redirect { target: internal_target(&template.fill(view)), status: None })
        }
    }
}

/// True if there is a file at `path`, or a folder if it ends with a slash. An error if a reader has to look, or if it is
/// a file of HLS and it is not known yet whether the client may know.
fn exists(
    settings: &Settings,
    view: &TemplateValues<'_>,
    sources: &Sources<'_>,
    path: &str,
) -> Result<bool, Route> {
    let located = settings.folder.as_ref().and_then(|folder| folder.locate(view, path));
    let Some((base, rest)) = located else { return Ok(false) };
    let is_folder = path.ends_with('/');
    if let Some(file) = sources.undecided(base, &rest).filter(|_| !is_folder) {
        return Err(Route::View(file));
    }
    if !is_folder && sources.find_in_memory(base, &rest).is_some() {
        return Ok(true);
    }
    match sources.find(base, &rest) {
        Ok(Found::File(_)) => Ok(!is_folder),
        Ok(Found::Folder(_)) => Ok(is_folder),
        Err(Miss::Failed(_)) => Ok(false),
        Err(Miss::Unknown(lookup)) => Err(Route::Wait(lookup)),
    }
}

fn has_extension(path: &str, among: &[&str]) -> bool {
    mime::extension(path).is_some_and(|own| among.iter().any(|known| own.eq_ignore_ascii_case(known)))
}

fn get(settings: &Settings, view: &TemplateValues<'_>, sources: &Sources<'_>, path: &str) -> Answer {
    let request = &view.request.head;
    let located = settings.folder.as_ref().and_then(|folder| folder.locate(view, path));
    let Some((base, rest)) = located else { return Answer::Reply(HttpReply::error(404)) };
    if path.ends_with('/') {
        let names = settings.index.iter();
        let mut found = names.map(|name| (name, sources.find_in_memory(base, &[&*rest, name].concat())));
        if let Some((name, Some(file))) = found.find(|(_, file)| file.is_some()) {
            let at = (base, &*[&*rest, name].concat());
            return send_or_ask(Source::Memory(file), at, name, (settings, request, sources));
        }
    } else {
        // Before it is looked for: whether it is there is told to nobody who may not have it.
        if let Some(file) = sources.undecided(base, &rest) {
            return Answer::View(file);
        }
        if let Some(file) = sources.find_in_memory(base, &rest) {
            return send_or_ask(Source::Memory(file), (base, &rest), path, (settings, request, sources));
        }
    }
    Answer::Reply(match sources.find(base, &rest) {
        Ok(Found::File(_)) if path.ends_with('/') && !rest.is_empty() => HttpReply::error(404),
        Ok(Found::File(file)) => {
            return send_or_ask(Source::Disk(file), (base, &rest), path, (settings, request, sources));
        }
        Ok(Found::Folder(_)) if !path.ends_with('/') => redirect(request, path),
        Ok(Found::Folder(descriptor)) => {
            return index(settings, (base, &rest, descriptor), (request, sources), path);
        }
        Err(Miss::Failed(errno)) => sources::failure(path, errno),
        Err(Miss::Unknown(lookup)) => return Answer::Wait(lookup),
    })
}

/// Answers with the index of a folder, which is `rest` below `base`, or with its list.
fn index(
    settings: &Settings,
    (base, rest, descriptor): (&Path, &str, RawFd),
    (request, sources): (&Request, &Sources<'_>),
    path: &str,
) -> Answer {
    for name in settings.index.iter().filter(|name| !name.contains('/')) {
        let below = [rest.trim_end_matches('/'), "/", name].concat();
        match sources.find(base, &below) {
            Ok(Found::File(file)) => {
                return send_or_ask(Source::Disk(file), (base, &below), name, (settings, request, sources));
            }
            Ok(Found::Folder(_)) | Err(Miss::Failed(Errno::ENOENT)) => {}
            Err(Miss::Failed(errno)) => return Answer::Reply(sources::failure(path, errno)),
            Err(Miss::Unknown(lookup)) => return Answer::Wait(lookup),
        }
    }
    let Some(listing) = settings.listing else { return Answer::Reply(HttpReply::error(403)) };
    if !sources.descriptors.may_download(descriptor) {
        return Answer::Reply(sources::failure(path, Errno::EMFILE));
    }
    let head = with_defaults(settings, request, path, autoindex::head(listing.format));
    let plan = autoindex::Plan::new(listing, (base, rest), path, sources.descriptors);
    Answer::Later(Box::new(autoindex::FolderList::new(plan, path, head)))
}

/// To the same path with a slash. It has no empty segments, so it cannot name another host.
fn redirect(request: &Request, path: &str) -> HttpReply {
    let mut location = path::encode(path) + "/";
    if !request.query.is_empty() && request.query.is_ascii() {
        location.extend(["?", &request.query]);
    }
    HttpReply::error(301).with("Location", location)
}

fn options(settings: &Settings, request: &Request, path: &str) -> HttpReply {
    let mut head = ResponseHead::new(204).with("Allow", ALLOWED);
    if has_extension(path, &STREAMED) && !settings.adds("Access-Control-Allow-Origin", request) {
        head = head
            .with("Access-Control-Allow-Methods", ALLOWED)
            .with("Access-Control-Allow-Headers", "Range")
            .with("Access-Control-Max-Age", PREFLIGHT_SECONDS);
    }
    HttpReply { head, body: Body::Empty }
}

/// A file that has been found.
enum Source {
    Memory(Content),
    Disk(DiskFile),
}

/// Sends a file, unless it is one of HLS and it is not known yet whether it may be sent.
fn send_or_ask(
    found: Source,
    (base, path): (&Path, &str),
    name: &str,
    (settings, request, sources): (&Settings, &Request, &Sources<'_>),
) -> Answer {
    let behind_links = match &found {
        Source::Memory(_) => Ok(None),
        Source::Disk(file) => sources.hls_file_behind_links(file),
    };
    let behind_links = match behind_links {
        Ok(file) => file,
        Err(errno) => {
            log::error!(
                "{name}: whether it is a guarded file of HLS is not known, since /proc cannot be read: {errno}"
            );
            return Answer::Reply(HttpReply::error(403));
        }
    };
    let hls_files = [sources.hls_file(base, path), behind_links];
    if let Some(file) = hls_files.iter().flatten().find(|file| sources.is_undecided(file)) {
        return Answer::View(file.clone());
    }
    let content = match found {
        Source::Memory(content) => content,
        Source::Disk(file) => file.content(),
    };
    let marks = |file| Some((file, sources.marks(file, &request.query)?));
    match hls_files.iter().flatten().find_map(marks) {
        Some(marks) => marked::send(marks, content, path, (marked_head(settings, request, name), sources)),
        None => Answer::Reply(send(content, name, settings, (request, sources))),
    }
}

/// The head of a playlist that is sent with tokens; it may be sent later than the default headers are added to others.
fn marked_head(settings: &Settings, request: &Request, name: &str) -> ResponseHead {
    let head = ResponseHead::new(200).with("Content-Type", settings.mime(name)).with("Accept-Ranges", "none");
    with_defaults(settings, request, &request.path, head)
}

/// A file, a part of it, or that there is no need to send it.
fn send(
    content: Content,
    name: &str,
    settings: &Settings,
    (request, sources): (&Request, &Sources<'_>),
) -> HttpReply {
    let size = content.body.len();
    let age = content.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = age.as_secs();
    // Two playlists of one second may have the same size, so the tag has all of the time.
    let etag = format!("\"{modified:x}.{:x}-{size:x}\"", age.subsec_nanos());
    let head = |status| {
        ResponseHead::new(status)
            .with("ETag", etag.as_str())
            .with("Last-Modified", conditional::format_date(modified))
    };
    match conditional::evaluate(&request.headers, &etag, modified) {
        Outcome::Proceed => {}
        Outcome::NotModified => return HttpReply { head: head(304), body: Body::Empty },
        Outcome::Failed => return HttpReply::error(412),
    }
    // A player that gets a playlist in parts, as Chromium's own does, would join those of two versions.
    let units = if has_extension(name, &PLAYLISTS) { "none" } else { "bytes" };
    let has_parts = units == "bytes" && request.method == Method::Get;
    let range = request.headers.get("range").filter(|_| has_parts);
    let selection = match range {
        Some(range) if conditional::range_holds(&request.headers, &etag, modified) => {
            range::select(range, size)
        }
        _ => Selection::Whole,
    };
    let head = |status| head(status).with("Content-Type", settings.mime(name)).with("Accept-Ranges", units);
    let body = |body: Body| if request.method == Method::Get { sources::load(body) } else { body };
    let reply = match selection {
        Selection::Whole => HttpReply { head: head(200), body: body(content.body) },
        Selection::Part { first, last } => {
            let head = head(206).with("Content-Range", format!("bytes {first}-{last}/{size}"));
            HttpReply { head, body: body(content.body.part(first, last - first + 1)) }
        }
        Selection::Unsatisfiable => HttpReply::error(416).with("Content-Range", format!("bytes */{size}")),
    };
    let may_send = request.method != Method::Get || sources.may_send(&reply.body);
    if may_send { reply } else { sources::failure(name, Errno::EMFILE) }
}

fn with_defaults(settings: &Settings, request: &Request, path: &str, mut head: ResponseHead) -> ResponseHead {
    set_defaults(settings, request, path, &mut head);
    head
}

/// Sets the headers of our own that neither the configuration sets nor the answer has.
pub fn set_defaults(settings: &Settings, request: &Request, path: &str, head: &mut ResponseHead) {
    let streamed = has_extension(path, &STREAMED);
    let good = matches!(head.status, 200 | 206 | 304);
    let mut default = |name: &'static str, value: &str| {
        if !settings.adds(name, request) && head.get(name).is_none() {
            head.headers.push((name.into(), value.to_owned()));
        }
    };
    default("X-Content-Type-Options", "nosniff");
    if streamed && !settings.adds("Access-Control-Allow-Origin", request) {
        default("Access-Control-Allow-Origin", "*");
        default("Access-Control-Expose-Headers", "Content-Length, Content-Range");
    }
    if good && has_extension(path, &FRAGMENTS) {
        default("Cache-Control", FRAGMENT_CACHE);
    } else if has_extension(path, &PLAYLISTS) || streamed && !good {
        // A file that is missing now may be there in a moment.
        default("Cache-Control", "no-cache");
    }
}

/// Has no shared cache keep a fragment that was sent to who has shown a password. The standard says so anyway, but the
/// cache of nginx does not look at Authorization. What the configuration sets stays as it is, as in nginx.
pub fn make_private(head: &mut ResponseHead) {
    let own =
        head.headers.iter_mut().filter(|(name, value)| name == "Cache-Control" && value == FRAGMENT_CACHE);
    own.for_each(|(_, value)| *value = format!("private, {FRAGMENT_CACHE}"));
}

#[cfg(test)]
mod tests;

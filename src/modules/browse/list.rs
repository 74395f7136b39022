//! `recordings.json`: the finished recordings of an application, the newest first. Readers read the folders of its
//! recorders, some entries at a time, and then the heads of the newest files.

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use nix::dir::{Dir, OwningIter, Type};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{SFlag, fstatat};
use serde::Serialize;

use crate::engine::files::lookup::{self, Found as FoundPath};
use crate::engine::{
    AppId, COMPOSED_AT_ONCE, Compose, Composed, Ctx, Descriptors, HttpReply, JobResult, Lookup, Sight,
};
use crate::http::json;

use super::head::{Head, Media};
use super::place::Place;
use super::recorders::{Recorder, Recorders};
use super::send;

/// Recordings that are listed.
const MAX_LISTED: usize = 500;

/// Files of all folders that are looked at.
const MAX_FILES: usize = 65_536;

/// Files whose heads are read in one step, and for one list.
const HEADS_AT_ONCE: usize = 32;
const MAX_HEADS: usize = 4096;

/// What is to be listed.
#[derive(Debug)]
pub struct Wanted {
    pub recorders: Arc<Recorders>,
    /// Of this stream alone.
    pub stream: Option<String>,
    /// The files that are being written.
    pub written: HashSet<PathBuf>,
    pub descriptors: Descriptors,
}

/// A list that is being made.
#[derive(Debug)]
pub struct List {
    app: AppId,
    sight: Sight,
    place: Place,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Begun(Box<Reading>),
    Ended(Result<Listed, Errno>),
    /// A reader is at work.
    Away,
}

/// The work of readers.
#[derive(Debug)]
struct Reading {
    wanted: Wanted,
    /// The recorder whose folder is read, or is to be read next.
    recorder: usize,
    folder: Option<(OwnedFd, OwningIter)>,
    /// Until all folders are read in the order of their names, then those that are wanted first last.
    files: Vec<File>,
    is_sorted: bool,
    /// Files whose heads have been read.
    heads: usize,
    listed: Vec<Recording>,
}

/// A file that may be a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    recorder: usize,
    name: String,
    bytes: u64,
    /// Seconds since 1970.
    modified: i64,
}

/// What readers have found.
#[derive(Debug)]
struct Listed {
    recorders: Arc<Recorders>,
    stream: Option<String>,
    /// Those that have no row yet.
    recordings: VecDeque<Recording>,
    rows: Vec<Row>,
    /// Older files whose heads were not read.
    unread: usize,
}

#[derive(Debug)]
struct Recording {
    recorder: usize,
    name: String,
    stream: String,
    /// Milliseconds since 1970.
    began: i64,
    bytes: u64,
    duration: Option<u64>,
    media: Media,
}

impl List {
    /// The list for who sees this, with URLs of a location.
    pub fn new(wanted: Wanted, app: AppId, sight: Sight, place: Place) -> Self {
        let reading = Reading {
            wanted,
            recorder: 0,
            folder: None,
            files: Vec::new(),
            is_sorted: false,
            heads: 0,
            listed: Vec::new(),
        };
        Self { app, sight, place, stage: Stage::Begun(Box::new(reading)) }
    }

    /// Makes the rows of some recordings, but for those from whose streams the client is banned.
    fn compose(&self, cx: &Ctx, listed: &mut Listed) {
        let Listed { recorders, recordings, rows, .. } = listed;
        let part = recordings.drain(..recordings.len().min(COMPOSED_AT_ONCE));
        let shown = part.filter(|recording| !self.sight.is_banned_from(cx, (self.app, &recording.stream)));
        rows.extend(shown.filter_map(|recording| {
            let recorder = recorders.all.get(recording.recorder)?;
            let file = recorder.path_of(&recording.name);
            let urls = self.place.urls((self.app, &recorders.app), &file, cx.now.wall);
            Some(Row {
                stream: recording.stream,
                recorder: recorder.name.clone(),
                began: time(recording.began).to_string(),
                duration_ms: recording.duration,
                bytes: recording.bytes,
                media: if recording.media == Media::Mp4 { "mp4" } else { "flv" },
                url: urls.file,
                hls: urls.playlist,
                file,
            })
        }));
    }
}

impl Compose for List {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        match std::mem::replace(&mut self.stage, Stage::Away) {
            Stage::Begun(reading) => {
                let is_in_turn = reading.folder.is_none();
                let lookup = Lookup::new(|| reading.advance());
                Composed::Wait(if is_in_turn { lookup.in_turn() } else { lookup })
            }
            Stage::Ended(Ok(mut listed)) if !listed.recordings.is_empty() => {
                self.compose(cx, &mut listed);
                self.stage = Stage::Ended(Ok(listed));
                Composed::Partly
            }
            Stage::Ended(Ok(listed)) => Composed::Reply(reply(listed.into_text())),
            Stage::Ended(Err(errno)) => Composed::Reply(send::failure(errno)),
            // The engine gives the finding before it asks for another step.
            Stage::Away => Composed::Reply(HttpReply::error(500)),
        }
    }

    fn take(&mut self, finding: JobResult) {
        if let Ok(stage) = finding.take() {
            self.stage = stage;
        }
    }
}

/// The list of an application of which nothing is seen.
pub fn empty(app: &str, stream: Option<&str>) -> HttpReply {
    reply(json::to_string(&Document { app, stream, total: 0, recordings: Vec::new() }) + "\n")
}

fn reply(text: String) -> HttpReply {
    HttpReply::made(200, "application/json", "no-store", text)
}

impl Listed {
    fn into_text(self) -> String {
        let Self { recorders, stream, rows, unread, .. } = self;
        let (app, total) = (&recorders.app[..], rows.len() + unread);
        json::to_string(&Document { app, stream: stream.as_deref(), total, recordings: rows }) + "\n"
    }
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    app: &'a str,
    stream: Option<&'a str>,
    /// Recordings, listed or not; of those that are not listed, as many as may be by their names.
    total: usize,
    recordings: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// The file below the folder of the application: its recorder, if that has a name, and its name.
    file: String,
    stream: String,
    recorder: String,
    began: String,
    duration_ms: Option<u64>,
    bytes: u64,
    media: &'static str,
    url: String,
    hls: String,
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

impl Reading {
    fn advance(mut self: Box<Self>) -> Stage {
        let is_over = match self.wanted.recorders.all.get(self.recorder) {
            Some(_) => self.read_folder().map(|()| false),
            None => Ok(self.read_heads()),
        };
        match is_over {
            Ok(false) => Stage::Begun(self),
            Ok(true) => Stage::Ended(Ok(self.finish())),
            Err(errno) => Stage::Ended(Err(errno)),
        }
    }

    fn finish(self) -> Listed {
        let mut recordings = self.listed;
        recordings.sort_by(|a, b| (b.began, &b.name).cmp(&(a.began, &a.name)));
        let Wanted { recorders, stream, .. } = self.wanted;
        let of_stream = |file: &&File| stream.as_deref().is_none_or(|stream| file.name.starts_with(stream));
        let unread = self.files.iter().filter(of_stream).count();
        Listed { recorders, stream, recordings: recordings.into(), rows: Vec::new(), unread }
    }

    /// Reads some entries of a folder.
    fn read_folder(&mut self) -> Result<(), Errno> {
        let recorders = Arc::clone(&self.wanted.recorders);
        let Some(recorder) = recorders.all.get(self.recorder) else { return Ok(()) };
        let (folder, mut names) = match self.folder.take() {
            Some(open) => open,
            None => match lookup::open_folder(&recorder.folder, "") {
                // It is made with the first recording.
                Err(Errno::ENOENT) => {
                    self.recorder += 1;
                    return Ok(());
                }
                opened => self.opened(opened?)?,
            },
        };
        for _ in 0..COMPOSED_AT_ONCE {
            let entry = if self.files.len() < MAX_FILES { names.next() } else { None };
            let Some(entry) = entry else {
                self.recorder += 1;
                return Ok(());
            };
            let entry = entry?;
            if matches!(entry.file_type(), Some(kind) if kind != Type::File) {
                continue;
            }
            let Ok(name) = entry.file_name().to_str() else { continue };
            self.files.extend(self.candidate(recorder, &folder, name));
        }
        self.folder = Some((folder, names));
        Ok(())
    }

    fn opened(&self, (folder, own): (OwnedFd, OwnedFd)) -> Result<(OwnedFd, OwningIter), Errno> {
        let descriptors = self.wanted.descriptors;
        if ![folder.as_raw_fd(), own.as_raw_fd()].iter().all(|fd| descriptors.may_download(*fd)) {
            return Err(Errno::EMFILE);
        }
        Ok((folder, Dir::from_fd(own)?.into_iter()))
    }

    /// A file of a recorder's folder that may be listed.
    fn candidate(&self, recorder: &Recorder, folder: &OwnedFd, name: &str) -> Option<File> {
        if !lookup::is_plain(name) || !recorder.may_have_named(name) {
            return None;
        }
        // It may be gone by now.
        let facts = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        let is_file = SFlag::from_bits_truncate(facts.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG;
        let is_written = || self.wanted.written.contains(&recorder.folder.join(name));
        (is_file && facts.st_size > 0 && !is_written()).then(|| File {
            recorder: self.recorder,
            name: name.to_owned(),
            bytes: u64::try_from(facts.st_size).unwrap_or_default(),
            modified: facts.st_mtime,
        })
    }

    /// Reads the heads of some files, the newest of the wanted names first; true if there is nothing more to list.
    fn read_heads(&mut self) -> bool {
        if !self.is_sorted {
            self.sort();
            self.is_sorted = true;
        }
        for _ in 0..HEADS_AT_ONCE {
            if self.listed.len() >= MAX_LISTED || self.heads >= MAX_HEADS {
                return true;
            }
            self.heads += 1;
            let Some(file) = self.files.pop() else { return true };
            let recording = self.recording(file);
            self.listed.extend(recording);
        }
        false
    }

    /// Puts the newest last, and of one stream those that have its name behind all others, whose heads may name it.
    fn sort(&mut self) {
        let (recorders, stream) = (&self.wanted.recorders, self.wanted.stream.as_deref());
        self.files.sort_by_cached_key(|file| {
            let is_named = |stream| {
                let recorder = recorders.all.get(file.recorder);
                recorder.is_some_and(|recorder| recorder.is_named_after(stream, &file.name))
            };
            let begins = stream.is_some_and(|stream| file.name.starts_with(stream));
            (stream.is_some_and(is_named), begins, file.modified, file.name.clone())
        });
    }

    fn recording(&self, file: File) -> Option<Recording> {
        let recorder = self.wanted.recorders.all.get(file.recorder)?;
        let Ok(FoundPath::File(found)) = lookup::find(&recorder.folder, &file.name) else { return None };
        let head = Head::read(&found.file.file).ok()?;
        let stream = recorder.stream_of(&self.wanted.recorders.app, &file.name, &head)?;
        if self.wanted.stream.as_deref().is_some_and(|wanted| wanted != stream.as_str()) {
            return None;
        }
        let named = recorder.time_of(&file.name).and_then(|seconds| i64::try_from(seconds).ok());
        let lasted = head.duration.and_then(|duration| i64::try_from(duration).ok()).unwrap_or_default();
        let began = match named {
            Some(seconds) => seconds.saturating_mul(1000),
            None => file.modified.saturating_mul(1000).saturating_sub(lasted),
        };
        Some(Recording {
            recorder: file.recorder,
            name: file.name,
            stream: stream.as_str().to_owned(),
            began,
            bytes: file.bytes,
            duration: head.duration,
            media: head.media,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::browse::recorders::tests::recorder;

    #[test]
    fn of_one_stream_the_files_with_its_name_come_first_and_not_all_heads_are_read() {
        let all = vec![recorder("", ".flv", false)];
        let recorders = Arc::new(Recorders { app: "live".to_owned(), all });
        let stream = Some("cam".to_owned());
        let wanted =
            Wanted { recorders, stream, written: HashSet::new(), descriptors: Descriptors::default() };
        let names = (0..5000).map(|number| format!("camera{number}.flv"));
        let names = names.chain(["other.flv".to_owned(), "cam.flv".to_owned()]);
        let files = names.enumerate().map(|(number, name)| {
            let modified = if name == "cam.flv" { 0 } else { number as i64 };
            File { recorder: 0, name, bytes: 1, modified }
        });
        let files = files.collect();
        let (is_sorted, heads, listed) = (false, 0, Vec::new());
        let mut reading = Reading { wanted, recorder: 1, folder: None, files, is_sorted, heads, listed };
        reading.sort();
        let names: Vec<_> = reading.files.iter().rev().map(|file| file.name.as_str()).collect();
        assert_eq!(names[..3], ["cam.flv", "camera4999.flv", "camera4998.flv"]);
        assert_eq!(names[5001], "other.flv");
        let steps = (1..).find(|_| reading.read_heads());
        assert_eq!((steps, reading.files.len()), (Some(MAX_HEADS / HEADS_AT_ONCE + 1), 5002 - MAX_HEADS));
    }
}

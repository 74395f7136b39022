//! `autoindex`: what is in a folder.

use std::fmt::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use jiff::{Timestamp, tz::TimeZone};
use nix::dir::{Dir, OwningIter, Type};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{SFlag, fstatat};
use serde::Serialize;

use crate::engine::time_zone;
use crate::engine::{
    Body, COMPOSED_AT_ONCE, Compose, Composed, Ctx, Descriptors, HttpReply, JobResult, Lookup,
};
use crate::http::{ResponseHead, json, look, path};

use super::sources;
use crate::engine::files::lookup;

/// Entries that are listed; a page of more is of no use.
const MAX_ENTRIES: usize = 4096;
/// Letters of a name that are shown, as in nginx.
const MAX_SHOWN: usize = 50;

/// The settings of a folder's listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    pub format: ListFormat,
    pub sizes: Sizes,
    pub times: Times,
}

/// `autoindex_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// A page with links.
    Html,
    /// An array of objects.
    Json,
}

/// `autoindex_exact_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// In bytes.
    Exact,
    /// In K, M or G.
    Rounded,
}

/// `autoindex_localtime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Of the machine's time zone.
    Local,
    /// Of Greenwich.
    Utc,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    is_folder: bool,
    size: u64,
    modified: i64,
}

/// What is to be listed, and how.
#[derive(Debug)]
pub struct Plan {
    listing: Listing,
    /// The folder: a trusted one, and a path below it.
    folder: (PathBuf, String),
    /// The folder's path in URLs.
    path: String,
    descriptors: Descriptors,
}

/// A list that is being made by readers, some entries at a time. It has two descriptors, for a folder and for its names.
#[derive(Debug)]
struct Reading {
    plan: Plan,
    folder: OwnedFd,
    names: OwningIter,
    entries: Vec<Entry>,
}

/// The composer of a list.
#[derive(Debug)]
pub struct FolderList {
    path: String,
    head: ResponseHead,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Planned(Plan),
    Begun(Reading),
    Ended(Result<String, Errno>),
    /// A reader is at work.
    Away,
}

pub fn head(format: ListFormat) -> ResponseHead {
    let mime = match format {
        ListFormat::Html => "text/html; charset=utf-8",
        ListFormat::Json => "application/json",
    };
    let source = look::STYLE_SOURCE;
    let policy = format!("default-src 'none'; style-src {source}; frame-ancestors 'self'");
    ResponseHead::new(200)
        .with("Content-Type", mime)
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", policy)
}

impl FolderList {
    /// A list to be sent with this head; `path` is that of the folder in URLs.
    pub fn new(plan: Plan, path: &str, head: ResponseHead) -> Self {
        Self { path: path.to_owned(), head, stage: Stage::Planned(plan) }
    }
}

impl Compose for FolderList {
    fn step(&mut self, _cx: &mut Ctx) -> Composed {
        match std::mem::replace(&mut self.stage, Stage::Away) {
            Stage::Planned(plan) => Composed::Wait(Lookup::new(|| plan.begin())),
            Stage::Begun(reading) => Composed::Wait(Lookup::new(|| reading.advance())),
            Stage::Ended(Ok(text)) => {
                let head = std::mem::replace(&mut self.head, ResponseHead::new(200));
                Composed::Reply(HttpReply { head, body: Body::Bytes(text.into_bytes().into()) })
            }
            Stage::Ended(Err(errno)) => Composed::Reply(sources::failure(&self.path, errno)),
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

/// The end of reading a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    /// There is more than is listed.
    Full,
}

impl Plan {
    /// The list of a folder that is `rest` below a trusted one; `path` is its path in URLs.
    pub fn new(listing: Listing, (base, rest): (&Path, &str), path: &str, descriptors: Descriptors) -> Self {
        Self { listing, folder: (base.to_owned(), rest.to_owned()), path: path.to_owned(), descriptors }
    }

    fn begin(self) -> Stage {
        match self.open() {
            Ok((folder, names)) => Reading { plan: self, folder, names, entries: Vec::new() }.advance(),
            Err(errno) => Stage::Ended(Err(errno)),
        }
    }

    /// Opens the folder, which may have changed since it was found.
    fn open(&self) -> Result<(OwnedFd, OwningIter), Errno> {
        let (base, rest) = &self.folder;
        let (folder, own) = lookup::open_folder(base, rest)?;
        if ![folder.as_raw_fd(), own.as_raw_fd()].iter().all(|fd| self.descriptors.may_download(*fd)) {
            return Err(Errno::EMFILE);
        }
        Ok((folder, Dir::from_fd(own)?.into_iter()))
    }

    fn text(&self, entries: &[Entry], end: End) -> String {
        let zone = if self.listing.times == Times::Local { time_zone::local() } else { TimeZone::UTC };
        let mut text = match self.listing.format {
            ListFormat::Html => page_begin(&self.path),
            ListFormat::Json => "[\n".to_owned(),
        };
        for (index, entry) in entries.iter().enumerate() {
            match self.listing.format {
                ListFormat::Html => push_line(&mut text, entry, self.listing.sizes, &zone),
                ListFormat::Json => push_object(&mut text, entry, index > 0),
            }
        }
        match self.listing.format {
            ListFormat::Html => push_page_end(&mut text, end == End::Complete),
            ListFormat::Json => text.push_str("\n]\n"),
        }
        text
    }
}

impl Reading {
    /// Reads some entries; after the last ones the list is written.
    fn advance(mut self) -> Stage {
        match self.read() {
            Ok(None) => Stage::Begun(self),
            Ok(Some(end)) => {
                let mut entries = self.entries;
                entries.sort_by(|a, b| (!a.is_folder, &a.name).cmp(&(!b.is_folder, &b.name)));
                Stage::Ended(Ok(self.plan.text(&entries, end)))
            }
            Err(errno) => Stage::Ended(Err(errno)),
        }
    }

    /// Reads some of what may be served of a folder; `None` if there may be more. What is kept back when it is asked
    /// for (hidden names, links, special files) is not listed.
    fn read(&mut self) -> Result<Option<End>, Errno> {
        for _ in 0..COMPOSED_AT_ONCE {
            let Some(entry) = self.names.next() else { return Ok(Some(End::Complete)) };
            let entry = entry?;
            if matches!(entry.file_type(), Some(kind) if !matches!(kind, Type::File | Type::Directory)) {
                continue;
            }
            let Ok(name) = entry.file_name().to_str() else { continue };
            if !lookup::is_plain(name) {
                continue;
            }
            if self.entries.len() == MAX_ENTRIES {
                return Ok(Some(End::Full));
            }
            // It may be gone by now.
            let Ok(facts) = fstatat(&self.folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            let kind = SFlag::from_bits_truncate(facts.st_mode & SFlag::S_IFMT.bits());
            if kind == SFlag::S_IFREG || kind == SFlag::S_IFDIR {
                self.entries.push(Entry {
                    name: name.to_owned(),
                    is_folder: kind == SFlag::S_IFDIR,
                    size: u64::try_from(facts.st_size).unwrap_or_default(),
                    modified: facts.st_mtime,
                });
            }
        }
        Ok(None)
    }
}

fn page_begin(path: &str) -> String {
    let mut page = look::begin(&format!("Index of {}", escape(path)), "");
    page.push_str(if path == "/" { "<pre>" } else { "<pre><a href=\"../\">../</a>\n" });
    page
}

fn push_page_end(page: &mut String, is_complete: bool) {
    if !is_complete {
        let _ = writeln!(page, "... and more than these {MAX_ENTRIES}");
    }
    page.extend(["</pre>\n", look::END]);
}

fn push_line(page: &mut String, entry: &Entry, sizes: Sizes, zone: &TimeZone) {
    let slash = if entry.is_folder { "/" } else { "" };
    let href = path::encode(&entry.name).replace('&', "&amp;").replace('\'', "&#39;");
    let mut shown: String = entry.name.chars().take(MAX_SHOWN).collect();
    if shown.len() < entry.name.len() {
        shown = entry.name.chars().take(MAX_SHOWN - 3).chain("..>".chars()).collect();
    } else {
        shown.push_str(slash);
    }
    let pad = " ".repeat((MAX_SHOWN + 1).saturating_sub(shown.chars().count()));
    let (time, size) = (time(entry.modified, zone), size(entry, sizes));
    // "./" in front, or a name with a colon would be taken for a scheme. Writing to a string cannot fail.
    let _ = writeln!(page, "<a href=\"./{href}{slash}\">{}</a>{pad}{time} {size:>19}", escape(&shown));
}

/// An entry as nginx has it in JSON.
#[derive(Debug, Serialize)]
struct JsonEntry<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    mtime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

fn push_object(list: &mut String, entry: &Entry, follows: bool) {
    let (kind, size) = if entry.is_folder { ("directory", None) } else { ("file", Some(entry.size)) };
    let object = JsonEntry { name: &entry.name, kind, mtime: timestamp(entry.modified).to_string(), size };
    list.push_str(if follows { ",\n" } else { "" });
    list.push_str(&json::to_string(&object));
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

fn time(seconds: i64, zone: &TimeZone) -> String {
    timestamp(seconds).to_zoned(zone.clone()).strftime("%d-%b-%Y %H:%M").to_string()
}

fn size(entry: &Entry, sizes: Sizes) -> String {
    const K: u64 = 1 << 10;
    let rounded = |unit: u64| entry.size.saturating_add(unit / 2) / unit;
    match (entry.is_folder, sizes, entry.size) {
        (true, _, _) => "-".to_owned(),
        (_, Sizes::Rounded, K..0x10_0000) => format!("{}K", rounded(K)),
        (_, Sizes::Rounded, 0x10_0000..0x4000_0000) => format!("{}M", rounded(K * K)),
        (_, Sizes::Rounded, 0x4000_0000..) => format!("{}G", rounded(K * K * K)),
        (_, _, size) => size.to_string(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, is_folder: bool, size: u64) -> Entry {
        Entry { name: name.into(), is_folder, size, modified: 784_111_777 }
    }

    #[test]
    fn a_name_cannot_be_more_than_a_name() {
        let mut page = page_begin("/a<b>/");
        for entry in [entry("javascript:alert(1)", false, 7), entry("<b>\"&amp;'", true, 0)] {
            push_line(&mut page, &entry, Sizes::Exact, &TimeZone::UTC);
        }
        push_page_end(&mut page, false);
        assert!(page.contains("<a href=\"./javascript:alert(1)\">javascript:alert(1)</a>"), "{page}");
        assert!(page.contains("06-Nov-1994 08:49                   7\n"), "{page}");
        assert!(
            page.contains("href=\"./%3Cb%3E%22&amp;amp;&#39;/\">&lt;b&gt;&quot;&amp;amp;'/</a>"),
            "{page}"
        );
        assert!(page.contains("Index of /a&lt;b&gt;/") && page.contains("and more"), "{page}");
        let mut list = String::new();
        push_object(&mut list, &entry("a\"\n", false, 7), false);
        push_object(&mut list, &entry("d", true, 0), true);
        assert_eq!(
            list,
            "{\"name\":\"a\\\"\\n\",\"type\":\"file\",\"mtime\":\"1994-11-06T08:49:37Z\",\"size\":7},\n\
             {\"name\":\"d\",\"type\":\"directory\",\"mtime\":\"1994-11-06T08:49:37Z\"}"
        );
    }

    #[test]
    fn sizes_are_rounded_if_so_wanted() {
        for (bytes, exact, rounded) in [
            (1000, "1000", "1000"),
            (1024, "1024", "1K"),
            (1 << 20, "1048576", "1M"),
            (1_600_000, "1600000", "2M"),
            (5 << 30, "5368709120", "5G"),
        ] {
            let entry = entry("a", false, bytes);
            assert_eq!(
                (size(&entry, Sizes::Exact), size(&entry, Sizes::Rounded)),
                (exact.into(), rounded.into())
            );
        }
    }
}

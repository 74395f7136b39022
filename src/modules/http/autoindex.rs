//! `autoindex`: what is in a folder.

use std::fmt::Write;
use std::fs::File;
use std::os::fd::OwnedFd;

use jiff::{Timestamp, tz::TimeZone};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat};

use crate::engine::{Body, HttpReply};
use crate::http::{ResponseHead, path};

use super::lookup;

/// Entries that are listed; reading more of them would keep others waiting.
const MAX_ENTRIES: usize = 4096;
/// Letters of a name that are shown, as in nginx.
const MAX_SHOWN: usize = 50;

/// How a folder is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// The format.
    pub format: Format,
    /// How sizes are written.
    pub sizes: Sizes,
    /// How times are written.
    pub times: Times,
}

/// `autoindex_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
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

/// The list of a folder that has this path.
pub fn list(listing: Listing, folder: &File, path: &str) -> Result<HttpReply, Errno> {
    let (mut entries, complete) = read(folder)?;
    entries.sort_by(|a, b| (!a.is_folder, &a.name).cmp(&(!b.is_folder, &b.name)));
    let (mime, text) = match listing.format {
        Format::Html => ("text/html; charset=utf-8", page(listing, path, &entries, complete)),
        Format::Json => ("application/json", json(&entries)),
    };
    let head = ResponseHead::new(200)
        .with("Content-Type", mime)
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'");
    Ok(HttpReply { head, body: Body::Bytes(text.into_bytes().into()) })
}

/// What may be served of a folder, and whether that is all of it. What is kept back when it is asked for
/// (hidden names, links, special files) is not listed.
fn read(folder: &File) -> Result<(Vec<Entry>, bool), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let own: OwnedFd = openat(folder, ".", flags, Mode::empty())?;
    let mut dir = Dir::from_fd(own)?;
    let mut entries = Vec::new();
    for entry in dir.iter() {
        let entry = entry?;
        if matches!(entry.file_type(), Some(kind) if !matches!(kind, Type::File | Type::Directory)) {
            continue;
        }
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !lookup::is_plain(name) {
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            return Ok((entries, false));
        }
        // It may be gone by now.
        let Ok(facts) = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
        let kind = SFlag::from_bits_truncate(facts.st_mode & SFlag::S_IFMT.bits());
        if kind == SFlag::S_IFREG || kind == SFlag::S_IFDIR {
            entries.push(Entry {
                name: name.to_owned(),
                is_folder: kind == SFlag::S_IFDIR,
                size: u64::try_from(facts.st_size).unwrap_or_default(),
                modified: facts.st_mtime,
            });
        }
    }
    Ok((entries, true))
}

fn page(listing: Listing, path: &str, entries: &[Entry], complete: bool) -> String {
    let title = escape(path);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Index of {title}</title></head>\n\
         <body><h1>Index of {title}</h1><hr><pre>"
    );
    if path != "/" {
        page.push_str("<a href=\"../\">../</a>\n");
    }
    for entry in entries {
        let slash = if entry.is_folder { "/" } else { "" };
        let href = path::encode(&entry.name).replace('&', "&amp;").replace('\'', "&#39;");
        let mut shown: String = entry.name.chars().take(MAX_SHOWN).collect();
        if shown.len() < entry.name.len() {
            shown = entry.name.chars().take(MAX_SHOWN - 3).chain("..>".chars()).collect();
        } else {
            shown.push_str(slash);
        }
        let pad = " ".repeat((MAX_SHOWN + 1).saturating_sub(shown.chars().count()));
        let (time, size) = (time(entry.modified, listing.times), size(entry, listing.sizes));
        // "./" in front, or a name with a colon would be taken for a scheme. Writing to a string cannot fail.
        let _ = writeln!(page, "<a href=\"./{href}{slash}\">{}</a>{pad}{time} {size:>19}", escape(&shown));
    }
    if !complete {
        let _ = writeln!(page, "... and more than these {MAX_ENTRIES}");
    }
    page.push_str("</pre><hr></body></html>\n");
    page
}

fn json(entries: &[Entry]) -> String {
    let object = |entry: &Entry| {
        let (kind, time) =
            (if entry.is_folder { "directory" } else { "file" }, timestamp(entry.modified).to_string());
        let size = if entry.is_folder { String::new() } else { format!(", \"size\":{}", entry.size) };
        let name = escape_json(&entry.name);
        format!("{{ \"name\":\"{name}\", \"type\":\"{kind}\", \"mtime\":\"{time}\"{size} }}")
    };
    let objects: Vec<_> = entries.iter().map(object).collect();
    format!("[\n{}\n]\n", objects.join(",\n"))
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

fn time(seconds: i64, times: Times) -> String {
    let zone = if times == Times::Local { TimeZone::system() } else { TimeZone::UTC };
    timestamp(seconds).to_zoned(zone).strftime("%d-%b-%Y %H:%M").to_string()
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

/// Escapes a text for a JSON string (RFC 8259, section 7).
pub fn escape_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, is_folder: bool, size: u64) -> Entry {
        Entry { name: name.into(), is_folder, size, modified: 784_111_777 }
    }

    #[test]
    fn a_name_cannot_be_more_than_a_name() {
        let listing = Listing { format: Format::Html, sizes: Sizes::Exact, times: Times::Utc };
        let entries = [entry("javascript:alert(1)", false, 7), entry("<b>\"&amp;'", true, 0)];
        let page = page(listing, "/a<b>/", &entries, false);
        assert!(page.contains("<a href=\"./javascript:alert(1)\">javascript:alert(1)</a>"), "{page}");
        assert!(page.contains("06-Nov-1994 08:49                   7\n"), "{page}");
        assert!(
            page.contains("href=\"./%3Cb%3E%22&amp;amp;&#39;/\">&lt;b&gt;&quot;&amp;amp;'/</a>"),
            "{page}"
        );
        assert!(page.contains("Index of /a&lt;b&gt;/") && page.contains("and more"), "{page}");
        assert_eq!(
            json(&[entry("a\"\n", false, 7), entry("d", true, 0)]),
            "[\n{ \"name\":\"a\\\"\\u000a\", \"type\":\"file\", \"mtime\":\"1994-11-06T08:49:37Z\", \"size\":7 },\n\
             { \"name\":\"d\", \"type\":\"directory\", \"mtime\":\"1994-11-06T08:49:37Z\" }\n]\n"
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

//! The rules of the layers, and what breaks them.

use super::house::{House, LIBRARY, Source};
use super::imports::Path;

/// A row of the table "Who may import whom" in docs/architecture.md.
#[derive(Debug, PartialEq, Eq)]
pub struct Layer {
    pub name: &'static str,
    /// Layers that it may import.
    pub imports: &'static [&'static str],
    /// Kinds of things that it must not name, of [`KINDS`].
    pub never: &'static [&'static str],
}

const PURE: &[&str] = &["files", "sockets", "clocks", "randomness", "threads"];

pub const LAYERS: &[Layer] = &[
    Layer { name: "media", imports: &[], never: PURE },
    Layer { name: "rtmp", imports: &["media"], never: PURE },
    Layer { name: "http", imports: &["media"], never: PURE },
    Layer { name: "auth", imports: &["http"], never: PURE },
    Layer { name: "conf", imports: &[], never: &["sockets", "clocks", "randomness", "threads"] },
    Layer { name: "syslog", imports: &[], never: &["files", "clocks", "randomness", "threads"] },
    Layer {
        name: "engine",
        imports: &["media", "rtmp", "http", "auth", "conf", "syslog"],
        never: &["sockets", "clocks", "randomness", "threads"],
    },
    Layer {
        name: "modules",
        imports: &["engine", "media", "http", "auth", "conf"],
        never: &["sockets", "clocks", "randomness", "threads", "each other"],
    },
    Layer { name: "net", imports: &["engine", "auth", "syslog"], never: &["threads", "HTTP heads"] },
    Layer {
        name: "main",
        imports: &["net", "modules", "engine", "http", "conf", "syslog"],
        never: &["sockets", "threads"],
    },
];

/// The kinds, by the beginnings of their paths.
const KINDS: &[(&str, &[&str])] = &[
    ("files", &["std::fs", "std::os::unix::fs"]),
    // TLS counts as sockets.
    (
        "sockets",
        &[
            "mio",
            "std::net",
            "std::os::unix::net",
            "nix::sys::socket",
            "nix::sys::sendfile",
            "rustls",
            "rustls_native_certs",
        ],
    ),
    (
        "clocks",
        &[
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "jiff::Zoned::now",
            "jiff::Timestamp::now",
        ],
    ),
    ("randomness", &["getrandom", "std::collections::hash_map::RandomState", "std::hash::RandomState"]),
    ("threads", &["std::thread", "std::sync::mpsc"]),
    ("HTTP heads", &["httparse"]),
    ("each other", &[]),
];

/// Addresses are no sockets.
const ADDRESSES: &[&str] = &[
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::SocketAddrV4",
    "std::net::SocketAddrV6",
    "std::net::AddrParseError",
];

/// A file that may name what its layer must not: its end, and the beginning of the path. One that is not needed any
/// more is a breach.
pub const EXCEPTIONS: &[(&str, &str)] = &[
    // Keys must not be guessed. All else that differs from run to run follows from a seed that is passed in.
    ("modules/hls/files/keys.rs", "getrandom"),
    ("auth/secret.rs", "getrandom"),
    ("modules/notify/mod.rs", "getrandom"),
    // Threads carry only calls that block; nothing of the server's state may be touched outside the loop.
    ("net/log_writer/mod.rs", "std::thread"),
    ("net/workers/pool.rs", "std::thread"),
    // The only thread rests: in the loop, and before it.
    ("net/server.rs", "std::thread::sleep"),
    ("process.rs", "std::thread::sleep"),
    // What speaks to the server is another process, which waits for the answer.
    ("ctl/client.rs", "std::os::unix::net"),
    // The names in `listen` are looked up once, before the loop begins.
    ("engine/config/listen/mod.rs", "std::net::ToSocketAddrs"),
];

/// Names that no layer may use: only `main` ends the process, by returning.
const NOWHERE: &str = "std::process::exit";

/// Source files of a folder, beside mod.rs and tests.
const MAX_FILES: usize = 12;

/// All breaches of the import table, one a line.
pub fn layer_breaches(house: &House, layers: &[Layer], exceptions: &[(&str, &str)]) -> Vec<String> {
    let (mut breaches, mut used) = (Vec::new(), vec![false; exceptions.len()]);
    for source in house.code() {
        let Some(layer) = layers.iter().find(|layer| layer.name == name_of(source)) else {
            let is_map = source.module == [LIBRARY];
            breaches.extend((!is_map).then(|| format!("{} is of no layer", source.file)));
            continue;
        };
        if source.misleads {
            breaches
                .push(format!("{}: a module without a file of its own must have no imports", source.file));
        }
        for path in house.names(source) {
            let Some(breach) = breach(layer, source, &path) else { continue };
            let excuse = exceptions
                .iter()
                .position(|(file, begin)| source.file.ends_with(file) && begins(&path, begin));
            match excuse {
                Some(excuse) => used[excuse] = true,
                None => breaches.push(format!("{}: {breach}", source.file)),
            }
        }
    }
    let idle = exceptions.iter().zip(used).filter(|(_, used)| !used);
    breaches.extend(idle.map(|((file, begin), _)| format!("{file} needs no exception for {begin} any more")));
    breaches
}

/// The layer of a file: its folder, or the program around the library.
fn name_of(source: &Source) -> &str {
    match source.module.as_slice() {
        [program] => program,
        [program, _, ..] if program != LIBRARY => program,
        [_, layer, ..] => layer,
        [] => "",
    }
}

fn breach(layer: &Layer, source: &Source, path: &Path) -> Option<String> {
    let shown = path.join("::");
    if begins(path, NOWHERE) {
        return Some(format!("names {shown}"));
    }
    if let [program, other, rest @ ..] = path.as_slice()
        && program == LIBRARY
    {
        if other != layer.name && !layer.imports.contains(&other.as_str()) {
            return Some(format!("{} imports {shown}", layer.name));
        }
        let is_sibling = layer.never.contains(&"each other") && other == layer.name;
        let (own, its) = (source.module.get(2), rest.first());
        return (is_sibling && own.is_some() && own != its && rest.len() > 1)
            .then(|| format!("imports {shown}"));
    }
    let (kind, _) = KINDS.iter().find(|(kind, begin)| layer.never.contains(kind) && names(path, begin))?;
    Some(format!("{} must not name {kind}: {shown}", layer.name))
}

/// True if a path is one of these, or imports all names of something around them.
fn names(path: &Path, kinds: &[&str]) -> bool {
    let around = path.split_last().filter(|(last, _)| *last == "*").map(|(_, around)| around.join("::"));
    let hides = |kind: &&str| around.as_ref().is_some_and(|around| kind.starts_with(&format!("{around}::")));
    let is_address = ADDRESSES.iter().any(|address| begins(path, address));
    !is_address && kinds.iter().any(|kind| begins(path, kind) || hides(kind))
}

fn begins(path: &Path, begin: &str) -> bool {
    let begin: Vec<_> = begin.split("::").collect();
    path.len() >= begin.len() && path.iter().zip(begin).all(|(segment, expected)| segment == expected)
}

/// Folders with too many files, and files beside a folder of their name.
pub fn folder_breaches(files: &[String]) -> Vec<String> {
    let folder = |file: &str| file.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let mut folders: Vec<_> = files.iter().map(|file| folder(file)).collect();
    folders.sort();
    folders.dedup();
    let mut breaches = Vec::new();
    for name in folders.iter().filter(|name| !name.split('/').any(|part| part == "tests")) {
        let is_counted = |file: &&String| {
            folder(file) == *name && !file.ends_with("/mod.rs") && !file.ends_with("/tests.rs")
        };
        let count = files.iter().filter(is_counted).count();
        if count > MAX_FILES {
            breaches.push(format!("{name}/ has {count} files"));
        }
        let beside = format!("{name}.rs");
        if files.contains(&beside) {
            breaches.push(format!("{beside} beside {name}/: move it to {name}/mod.rs"));
        }
    }
    breaches
}

fn breaches(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    layer_breaches(&House::new(files), LAYERS, &[])
}

#[test]
fn a_layer_that_imports_one_above_it_is_found_however_it_is_written() {
    for text in [
        "use crate::engine::Engine;",
        "use crate::{engine, http};",
        "fn f() { crate::engine::f() }",
        "use super::super::engine::Engine;",
        "use super::super::{self as house}; fn f() { house::engine::f() }",
        "use crate as house; use house::engine::Engine;",
        "use crate::*;",
        "mod inner { fn f() { super::super::super::engine::f() } }",
    ] {
        assert!(!breaches(&[("media/a.rs", text)]).is_empty(), "{text}");
    }
    for text in ["use crate::media::Frame;", "use super::super::c::D;", "// crate::engine\nuse self::e::F;"] {
        assert!(breaches(&[("media/a/b.rs", text)]).is_empty(), "{text}");
    }
    assert!(!breaches(&[("options.rs", "use millstream::media::Frame;")]).is_empty());
    assert!(breaches(&[("options.rs", "use millstream::engine::Engine; use crate::process;")]).is_empty());
}

#[test]
fn a_module_that_imports_another_is_found() {
    for text in
        ["use crate::modules::b::B;", "use super::b::B;", "use super::{b::B};", "fn f() { super::b::g() }"]
    {
        assert_eq!(
            breaches(&[("modules/a.rs", text)]),
            ["modules/a.rs: imports millstream::modules::b::B"
                .replace("::B", if text.contains("g()") { "::g" } else { "::B" })],
            "{text}"
        );
    }
    let own = [("modules/mod.rs", "mod a; use a::A;"), ("modules/a/mod.rs", "use super::a::c::D;")];
    assert!(breaches(&own).is_empty());
}

#[test]
fn a_forbidden_item_is_found_under_any_name() {
    for text in [
        "use std::net::TcpStream;",
        "use std::{net, io};",
        "use std::net::{IpAddr, ToSocketAddrs};",
        "use std::net as n; fn f(_: n::UdpSocket) {}",
        "use std::net::*;",
        "use std::*;",
        "fn f() { std::thread::spawn(g) }",
        "use std::thread as t; fn f() { t::Builder::new() }",
        "use std::time; fn f() { time::Instant::now() }",
        "use std::time::Instant as Clock; fn f() { Clock::now() }",
        "use std::process; fn f() { process::exit(1) }",
        "use mio::Poll;",
        "use rustls::ClientConfig;",
    ] {
        assert!(!breaches(&[("engine/a.rs", text)]).is_empty(), "{text}");
    }
    for text in [
        "use std::net::{IpAddr, SocketAddr}; fn f() { IpAddr::V4(g) }",
        "use std::time::Instant;",
        "use std::fs;",
        "#[cfg(test)] mod tests { use std::thread; }",
        "const A: &str = \"std::thread\";",
    ] {
        assert_eq!(breaches(&[("engine/a.rs", text)]), [""; 0], "{text}");
    }
}

#[test]
fn an_exception_that_is_not_needed_is_a_breach() {
    let files = vec![("net/a.rs".to_owned(), "use std::thread;".to_owned())];
    let house = House::new(files);
    assert_eq!(layer_breaches(&house, LAYERS, &[("net/a.rs", "std::thread")]), [""; 0]);
    assert_eq!(layer_breaches(&house, LAYERS, &[("net/b.rs", "std::thread")]).len(), 2);
}

#[test]
fn a_full_folder_and_a_file_beside_its_folder_are_found() {
    let mut files: Vec<_> = (0..MAX_FILES).map(|number| format!("net/{number}.rs")).collect();
    files.extend(["net/mod.rs", "net/tests.rs", "net/log/mod.rs"].map(str::to_owned));
    files.extend((0..20).map(|number| format!("net/tests/{number}.rs")));
    assert_eq!(folder_breaches(&files), [""; 0]);
    files.extend(["net/more.rs", "net/log.rs"].map(str::to_owned));
    assert_eq!(
        folder_breaches(&files),
        ["net/ has 14 files", "net/log.rs beside net/log/: move it to net/log/mod.rs"]
    );
}

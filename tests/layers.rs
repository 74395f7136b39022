//! Who may import whom: the table of docs/architecture.md, held against the sources.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// A layer, the layers of ours it may import, and what it must not name at all.
struct Layer {
    name: &'static str,
    imports: &'static [&'static str],
    never: &'static [&'static str],
}

const PURE: &[&str] = &[
    "mio::",
    "std::net",
    "std::fs",
    "Instant::now",
    "SystemTime::now",
    "RandomState",
    "getrandom",
    "std::thread",
];

const LAYERS: &[Layer] = &[
    Layer { name: "media", imports: &[], never: PURE },
    Layer { name: "rtmp", imports: &["media"], never: PURE },
    Layer { name: "http", imports: &["media"], never: PURE },
    Layer {
        name: "conf",
        imports: &[],
        never: &["mio::", "std::net", "Instant::now", "SystemTime::now", "std::thread"],
    },
    Layer {
        name: "engine",
        imports: &["media", "rtmp", "http", "conf"],
        never: &[
            "mio::",
            "TcpStream",
            "TcpListener",
            "Instant::now",
            "SystemTime::now",
            "getrandom",
            "std::thread",
        ],
    },
    Layer {
        name: "modules",
        imports: &["engine", "media", "http", "conf"],
        never: &["mio::", "std::net", "Instant::now", "SystemTime::now", "std::thread"],
    },
    Layer { name: "net", imports: &["engine"], never: &["httparse"] },
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Whether a file holds unit tests only: tests.rs, or one in a folder of that name.
fn is_test(path: &Path) -> bool {
    let inside = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    path.ends_with("tests.rs") || inside.iter().any(|part| part == "tests")
}

/// The code of a file: without comments and without its unit tests, which may use what they like.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let begins = ["mod tests {", "pub mod tests {", "pub(super) mod tests {"];
    let end = begins.iter().find_map(|module| text.find(&format!("#[cfg(test)]\n{module}")));
    let end = end.unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every layer of ours that the code names after `crate::`.
fn imported(code: &str) -> Vec<String> {
    let names = code.match_indices("crate::").map(|(at, found)| {
        let rest = &code[at + found.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest[..end].to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn check(layer: &Layer, path: &Path) -> Vec<String> {
    let text = code(path);
    let mut breaches = Vec::new();
    for name in imported(&text) {
        if name != layer.name && !layer.imports.contains(&name.as_str()) {
            breaches.push(format!("{} imports {name}", path.display()));
        }
    }
    assert!(!text.contains("crate::{"), "{}: import from crate:: one layer at a time", path.display());
    for word in layer.never {
        if text.contains(word) {
            breaches.push(format!("{} names {word}", path.display()));
        }
    }
    breaches
}

#[test]
fn every_layer_imports_only_those_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut breaches = Vec::new();
    for layer in LAYERS {
        let files = sources(&src.join(layer.name));
        assert!(!files.is_empty(), "layer {} has no files", layer.name);
        let code = files.iter().filter(|path| !is_test(path));
        breaches.extend(code.flat_map(|path| check(layer, path)));
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn modules_do_not_import_each_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/modules");
    for path in sources(&folder) {
        if path == folder.join("mod.rs") {
            continue;
        }
        let own = path.strip_prefix(&folder).unwrap().iter().next().unwrap();
        let own = Path::new(own).file_stem().unwrap().to_str().unwrap();
        for (at, _) in code(&path).match_indices("crate::modules::") {
            let text = code(&path);
            let rest = &text[at + "crate::modules::".len()..];
            assert!(rest.starts_with(own), "{} imports another module: {}", path.display(), &rest[..20]);
        }
    }
}

/// Seeds are passed in; keys must come from the system itself.
#[test]
fn only_the_keys_of_hls_read_randomness() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = |path: &PathBuf| code(path).contains("getrandom");
    let found: Vec<_> = sources(&src).into_iter().filter(names).collect();
    assert_eq!(found, [src.join("modules/hls/keys.rs")]);
}

/// Nothing of the server's state may be touched outside the loop: threads carry only calls that block.
#[test]
fn only_the_log_has_a_thread() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let words = ["thread::spawn", "thread::scope", "thread::Builder"];
    let names = |path: &PathBuf| words.iter().any(|word| code(path).contains(word));
    let found: Vec<_> = sources(&src).into_iter().filter(|path| !is_test(path) && names(path)).collect();
    assert_eq!(found, [src.join("net/log_writer/mod.rs")]);
}

#[test]
fn only_main_exits_and_only_net_names_mio() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&src) {
        let text = code(&path);
        assert!(!text.contains("process::exit"), "{}", path.display());
        assert!(!text.contains("mio::") || path.starts_with(src.join("net")), "{} names mio", path.display());
    }
}

//! No module reads another module's directives: a module names those of its own table and the engine's. What several
//! have to know is declared by its owner (`src/engine/config/features.rs`).

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use millstream::{engine, modules};

/// The sections of the engine's own directives; all others have the name of their module.
const ENGINE: [&str; 4] = ["core", "memory", "connections", "streams"];

/// Words that are directives of another module, but mean something else where they stand.
const OTHER_WORDS: [(&str, &str); 22] = [
    // Fields of callbacks, and nginx's words for kinds of publishing.
    ("notify/event.rs", "recorder"),
    ("notify/event.rs", "live"),
    ("notify/event.rs", "record"),
    // The command of a player.
    ("access/action.rs", "play"),
    ("notify/event.rs", "play"),
    ("relay/lookup/mod.rs", "play"),
    // MediaMTX's word for a protocol.
    ("notify/format/mediamtx.rs", "hls"),
    // Its blocks may have a callback of their own.
    ("notify/settings.rs", "recorder"),
    ("exec/settings.rs", "recorder"),
    ("exec/probe/mod.rs", "recorder"),
    // nginx's name of a variable.
    ("exec/variables.rs", "recorder"),
    // A part of nginx's URLs.
    ("control/mod.rs", "record"),
    ("control/command.rs", "record"),
    // A part of a path of the API.
    ("api/route.rs", "record"),
    // A word of health, and values of labels.
    ("metrics/mod.rs", "live"),
    ("metrics/server.rs", "live"),
    ("metrics/server.rs", "hls"),
    // A key of nginx-rtmp.
    ("relay/line/mod.rs", "live"),
    ("live/flv.rs", "play"),
    // nginx's words for the parts of its statistics.
    ("stat/settings.rs", "play"),
    ("stat/settings.rs", "live"),
    ("stat/settings.rs", "record"),
];

/// Directives whose names are also the engine's words for the two kinds of relays.
const KINDS_OF_RELAYS: [&str; 2] = ["push", "pull"];

#[test]
fn a_module_names_no_directive_of_another() {
    let modules = modules::table();
    let sections = engine::sections(&modules);
    let names = |wanted: &dyn Fn(&str) -> bool| -> BTreeSet<&str> {
        let wanted = sections.iter().filter(|(section, _)| wanted(section));
        wanted.flat_map(|(_, rows)| rows.iter().map(|row| row.name)).collect()
    };
    let engines = names(&|section| ENGINE.contains(&section));
    let mut breaches = Vec::new();
    for module in &modules {
        let own = names(&|section| section == module.name());
        let foreign = names(&|section| section != module.name() && !ENGINE.contains(&section));
        for (file, text) in sources(module.name()) {
            let named = texts(&text).filter(|name| foreign.contains(name));
            let named = named.filter(|name| !own.contains(name) && !engines.contains(name));
            let has_other_sense =
                |name: &&str| OTHER_WORDS.iter().any(|(place, word)| file.ends_with(place) && word == name);
            let named = named.filter(|name| !has_other_sense(name) && !KINDS_OF_RELAYS.contains(name));
            breaches.extend(named.map(|name| format!("{file}: \"{name}\"")));
        }
    }
    assert!(breaches.is_empty(), "directives of other modules:\n{}", breaches.join("\n"));
}

/// The files of a module, without its tests and its table.
fn sources(module: &str) -> Vec<(String, String)> {
    const OTHERS: [&str; 3] = ["tests", "tests.rs", "directives.rs"];
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/modules");
    let mut found = Vec::new();
    let mut left = vec![modules.join(format!("{module}.rs")), modules.join(module)];
    while let Some(path) = left.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if name.ends_with(".rs") && path.exists() {
            found.push((path.display().to_string(), without_tests(&fs::read_to_string(&path).unwrap())));
        }
    }
    assert!(!found.is_empty(), "no source of {module}");
    found
}

/// A file up to what is compiled for tests alone.
fn without_tests(text: &str) -> String {
    let parts = text.split("#[cfg(test)]\n");
    let code = parts.enumerate().take_while(|(index, part)| *index == 0 || part.starts_with("mod tests;"));
    code.map(|(_, part)| part).collect()
}

/// The whole texts between quotes, of lines that are no comments.
fn texts(code: &str) -> impl Iterator<Item = &str> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2))
}

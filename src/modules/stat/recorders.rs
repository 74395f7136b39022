//! The recorders of an application, as nginx-http-flv-module tells them in JSON: their settings, which change with the
//! configuration only.

use serde::Serialize;

use crate::conf::{Scope, value};
use crate::http::json;

#[derive(Debug, Serialize)]
struct Recorders {
    count: usize,
    lists: Vec<Recorder>,
}

#[derive(Debug, Serialize)]
struct Recorder {
    /// Empty for that of the application itself.
    id: String,
    flags: Vec<String>,
    unique: bool,
    append: bool,
    lock_file: bool,
    notify: bool,
    path: String,
    max_size: u64,
    max_frames: u64,
    /// Milliseconds; 0 for none.
    interval: u64,
    suffix: String,
}

/// The recorders of an application, in JSON.
pub fn describe(application: &Scope<'_>) -> String {
    let blocks = application.blocks("recorder");
    let named = blocks.filter_map(|block| {
        let id = block.node().args.first().cloned().unwrap_or_default();
        Recorder::read(&block, id)
    });
    let lists: Vec<_> = Recorder::read(application, String::new()).into_iter().chain(named).collect();
    json::to_string(&Recorders { count: lists.len(), lists })
}

impl Recorder {
    /// None if it is off.
    fn read(scope: &Scope<'_>, id: String) -> Option<Self> {
        let words = scope.words("record");
        let has = |flag: &&str| {
            words.iter().any(|word| word == flag || word == "all" && matches!(*flag, "video" | "audio"))
        };
        let flags = ["video", "audio", "keyframes", "manual"].iter().filter(|flag| has(flag));
        if words.iter().any(|word| word == "off") {
            return None;
        }
        let interval = scope.find("record_interval").and_then(|node| value::time(node.args.first()?));
        Some(Self {
            id,
            flags: flags.map(|flag| (*flag).to_owned()).collect(),
            unique: scope.flag("record_unique"),
            append: scope.flag("record_append"),
            lock_file: scope.flag("record_lock"),
            notify: scope.flag("record_notify"),
            path: scope.text("record_path"),
            max_size: scope.size("record_max_size"),
            max_frames: scope.number("record_max_frames"),
            interval: interval.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            suffix: scope.text("record_suffix"),
        })
    }
}

//! The recorders of an application, as nginx-http-flv-module tells them in JSON: their settings, which change with the
//! configuration only.

use std::borrow::Cow;

use serde::Serialize;

use crate::engine::RecorderFeature;
use crate::http::json;

#[derive(Debug, Serialize)]
struct Recorders<'a> {
    count: usize,
    lists: Vec<Recorder<'a>>,
}

#[derive(Debug, Serialize)]
struct Recorder<'a> {
    /// Empty for that of the application itself.
    id: &'a str,
    flags: &'a [&'static str],
    unique: bool,
    append: bool,
    lock_file: bool,
    notify: bool,
    path: Cow<'a, str>,
    max_size: u64,
    max_frames: u64,
    /// Milliseconds; 0 for none.
    interval: u64,
    suffix: &'a str,
}

/// The recorders of an application, in JSON.
pub fn describe(recorders: &[RecorderFeature]) -> String {
    let lists: Vec<_> = recorders.iter().map(Recorder::new).collect();
    json::to_string(&Recorders { count: lists.len(), lists })
}

impl<'a> Recorder<'a> {
    fn new(recorder: &'a RecorderFeature) -> Self {
        let interval = recorder.interval.unwrap_or_default().as_millis();
        Self {
            id: &recorder.name,
            flags: &recorder.flags,
            unique: recorder.unique,
            append: recorder.append,
            lock_file: recorder.lock,
            notify: recorder.notify,
            path: recorder.path.to_string_lossy(),
            max_size: recorder.most_bytes,
            max_frames: recorder.most_frames,
            interval: u64::try_from(interval).unwrap_or(u64::MAX),
            suffix: &recorder.suffix,
        }
    }
}

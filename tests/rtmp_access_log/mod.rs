//! The access log of RTMP: that of nginx-rtmp, line by line, and what becomes of its files.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;
mod files;
mod nginx;

use std::fs;
use std::path::Path;

use crate::common::wait;

/// Waits until a log has so many lines.
fn lines(folder: &Path, name: &str, count: usize) -> Vec<String> {
    let path = folder.join(name);
    let read = || fs::read_to_string(&path).unwrap_or_default();
    wait(&format!("{count} lines in {name}"), || read().lines().count() >= count);
    read().lines().map(str::to_owned).collect()
}

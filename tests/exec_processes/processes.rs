//! What `/proc` tells of processes.

use std::fs;

use crate::common::wait;

/// The value of a line of `/proc/PID/status`.
pub fn field<'s>(status: &'s str, name: &str) -> &'s str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim()
}

/// Whether a process runs; a zombie does not.
pub fn is_alive(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    status.is_ok_and(|status| !field(&status, "State:").starts_with(['Z', 'X']))
}

/// Waits until a process has ended.
pub fn wait_gone(process: u32) {
    wait(&format!("process {process} has ended"), || !is_alive(process));
}

/// The children of a process, zombies included.
pub fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// All descendants of a process.
pub fn descendants(process: u32) -> Vec<u32> {
    let below = |child: u32| [child].into_iter().chain(descendants(child)).collect::<Vec<_>>();
    children(process).into_iter().flat_map(below).collect()
}

/// The process whose command line has this text, among the descendants of another.
pub fn find_below(process: u32, text: &str) -> Option<u32> {
    descendants(process).into_iter().find(|found| command_line(*found).contains(text))
}

/// The words of a process, each behind a blank.
pub fn command_line(process: u32) -> String {
    let words = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    words.replace('\0', " ")
}

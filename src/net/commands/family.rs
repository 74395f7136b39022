//! The descendants of a process, as `/proc` tells them.

use std::fs;

use nix::unistd::{Pid, getpgid, getsid};

/// The most descendants that are looked at.
const MAX_FOUND: usize = 4096;

/// The children of a process, of all its threads.
pub fn children(process: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let parse = |list: String| -> Vec<Pid> {
        list.split_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw).collect()
    };
    lists.flat_map(parse).collect()
}

/// The descendants of a process, without itself, parents first.
pub fn descendants(process: Pid) -> Vec<Pid> {
    let mut found = children(process);
    let mut next = 0;
    while let Some(&parent) = found.get(next)
        && found.len() < MAX_FOUND
    {
        found.extend(children(parent));
        next += 1;
    }
    found
}

/// The group of a process.
pub fn group_of(process: Pid) -> Option<Pid> {
    getpgid(Some(process)).ok()
}

/// Whether a process belongs to this session.
pub fn is_of_session(process: Pid, session: Pid) -> bool {
    getsid(Some(process)).is_ok_and(|its| its == session)
}

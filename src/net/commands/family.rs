//! The descendants of a process, as `/proc` tells them.

use std::fs;

use nix::unistd::{Pid, getpgid, getsid};

/// The most descendants that are looked at.
const MAX_FOUND: usize = 4096;

/// The descendants of a process, without itself, parents first.
pub fn descendants(process: Pid) -> Vec<Pid> {
    // Not every kernel lists children by their parents.
    match listed_children(process) {
        Some(children) => below(children, |parent| listed_children(parent).unwrap_or_default()),
        None => {
            let all = with_parents();
            let children_of = |parent: Pid| -> Vec<Pid> {
                all.iter().filter(|(_, its)| *its == parent).map(|(child, _)| *child).collect()
            };
            below(children_of(process), children_of)
        }
    }
}

/// The children of a process.
pub fn children(process: Pid) -> Vec<Pid> {
    listed_children(process).unwrap_or_else(|| {
        let its = with_parents().into_iter().filter(|(_, parent)| *parent == process);
        its.map(|(child, _)| child).collect()
    })
}

/// These processes and all below them.
fn below(mut found: Vec<Pid>, children_of: impl Fn(Pid) -> Vec<Pid>) -> Vec<Pid> {
    let mut next = 0;
    while let Some(&parent) = found.get(next)
        && found.len() < MAX_FOUND
    {
        found.extend(children_of(parent));
        next += 1;
    }
    found
}

/// The children of a process, of all its threads; none if the kernel has no such list.
fn listed_children(process: Pid) -> Option<Vec<Pid>> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).ok()?;
        found.extend(list.split_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw));
    }
    Some(found)
}

/// All processes, each with its parent.
fn with_parents() -> Vec<(Pid, Pid)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let with_parent = |process: i32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before, in brackets, may have anything inside.
        let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        Some((Pid::from_raw(process), Pid::from_raw(parent)))
    };
    processes.filter_map(with_parent).collect()
}

/// The group of a process.
pub fn group_of(process: Pid) -> Option<Pid> {
    getpgid(Some(process)).ok()
}

/// Whether a process belongs to this session.
pub fn is_of_session(process: Pid, session: Pid) -> bool {
    getsid(Some(process)).is_ok_and(|its| its == session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_find_children_find_the_same() {
        let (own, parent) = (Pid::this(), Pid::parent());
        assert!(with_parents().contains(&(own, parent)));
        assert!(descendants(parent).contains(&own));
        assert!(below(vec![own], |_| Vec::new()).contains(&own));
    }
}

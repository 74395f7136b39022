//! The memory of the machine that the server may use.

use std::fs;
use std::path::Path;

/// Bytes of memory of the machine, or of the control group that the server runs in, if that has less.
pub fn memory() -> Option<u64> {
    let whole = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group_limit(&groups, Path::new("/sys/fs/cgroup"));
    whole.into_iter().chain(group).min()
}

/// MemTotal of /proc/meminfo, which is in KiB.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The least memory limit of a control group and those around it. `groups` is /proc/self/cgroup: "0::/path" of
/// version 2, "4:memory:/path" of version 1. In a container the path may be one of the host's, which is not there.
fn group_limit(groups: &str, mount: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (mount, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            other if other.split(',').any(|name| name == "memory") => {
                (mount.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let path = Path::new(path.trim_start_matches('/'));
        let limits = path.ancestors().filter_map(|group| {
            let text = fs::read_to_string(mount.join(group).join(file)).ok()?;
            text.trim().parse::<u64>().ok()
        });
        limits.min()
    });
    limits.min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn the_machines_memory_is_read_in_bytes() {
        assert_eq!(total("MemTotal:        2048 kB\nMemFree:  1 kB\n"), Some(2 << 20));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn the_least_limit_of_a_group_and_those_around_it_counts() {
        let mount = Folder::new();
        mount.write("a/memory.max", "1000\n");
        mount.write("a/b/memory.max", "max\n");
        mount.write("memory/c/memory.limit_in_bytes", "500\n");
        let limits = ["0::/a/b\n", "4:cpu,memory:/c\n", "0::/a\n4:memory:/c\n", "0::/\n", "2:cpu:/c\n", ""];
        let limits = limits.map(|groups| group_limit(groups, &mount));
        assert_eq!(limits, [Some(1000), Some(500), Some(500), None, None, None]);
    }
}

//! What a process costs, from the kernel: time on a processor, memory in proportion.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Processes that are one server together, or this program.
pub struct Processes(Vec<PathBuf>);

impl Processes {
    /// By their ids.
    pub fn new(ids: &[String]) -> Self {
        Self(ids.iter().map(|id| PathBuf::from("/proc").join(id)).collect())
    }

    /// This one.
    pub fn own() -> Self {
        Self::new(&["self".into()])
    }

    /// Time that all their threads have run; a thread that runs now may be some milliseconds ahead of it.
    pub fn time(&self) -> io::Result<Duration> {
        let mut total = 0;
        for process in &self.0 {
            for thread in fs::read_dir(process.join("task"))? {
                let text = fs::read_to_string(thread?.path().join("schedstat"))?;
                total += number(text.split_whitespace().next())?;
            }
        }
        Ok(Duration::from_nanos(total))
    }

    /// Proportional set size, bytes: pages that are shared count by their share.
    pub fn memory(&self) -> io::Result<u64> {
        let mut total = 0;
        for process in &self.0 {
            let text = fs::read_to_string(process.join("smaps_rollup"))?;
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            total += 1024 * number(line.and_then(|line| line.split_whitespace().next()))?;
        }
        Ok(total)
    }
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other("the kernel's figures have another form than expected"))
}

//! Reading files before they are sent: sendfile would wait for a disk, and the loop with it. Readers fetch what the
//! kernel does not have in memory yet; the sockets wait meanwhile.

use std::collections::VecDeque;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};

use super::workers::Workers;
use crate::engine::SessionId;
use crate::engine::files::open_file::OpenFile;

/// Parts that are read at once: one reader is left for other files.
const MAX_RUNNING: usize = 3;
/// Parts that wait. Beyond this number those of closed sessions are removed, so that there are no more than this and one
/// for each open session.
const MANY: usize = 1024;
/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// A part of a file that is to be in memory.
#[derive(Debug)]
pub struct Part {
    /// Nobody else keeps the file open when its session has been closed.
    file: Weak<OpenFile>,
    offset: u64,
    length: u64,
}

impl Part {
    pub fn new(file: &Arc<OpenFile>, offset: u64, length: u64) -> Self {
        Self { file: Arc::downgrade(file), offset, length }
    }

    /// Reads it, in a thread. An error comes again when the part is sent.
    fn read(&self) {
        let Some(file) = self.file.upgrade() else { return };
        let mut buffer = vec![0; BUFFER];
        let mut left = self.length;
        while left > 0 {
            let offset = self.offset + (self.length - left);
            let wanted = left.min(BUFFER as u64) as usize;
            match buffer.get_mut(..wanted).map(|buffer| file.file.read_at(buffer, offset)) {
                Some(Ok(count)) if count > 0 => left -= count as u64,
                _ => return,
            }
        }
    }

    fn is_wanted(&self) -> bool {
        self.file.strong_count() > 0
    }
}

/// The parts that sockets wait for, one for each.
#[derive(Debug, Default)]
pub struct ReadAhead {
    waiting: VecDeque<(SessionId, Part)>,
    running: usize,
}

impl ReadAhead {
    /// Has a part read for the socket of a session.
    pub fn add(&mut self, id: SessionId, part: Part, workers: &Workers) {
        if self.waiting.len() >= MANY {
            self.waiting.retain(|(_, part)| part.is_wanted());
        }
        self.waiting.push_back((id, part));
        self.begin(workers);
    }

    /// Goes on with the next ones when so many have been read.
    pub fn finish(&mut self, count: usize, workers: &Workers) {
        self.running = self.running.saturating_sub(count);
        self.begin(workers);
    }

    fn begin(&mut self, workers: &Workers) {
        while self.running < MAX_RUNNING
            && let Some((id, part)) = self.waiting.pop_front()
        {
            if part.is_wanted() {
                self.running += 1;
                workers.read_for(id, move || part.read());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;
    use std::time::{Duration, Instant};

    use mio::{Poll, Token};

    use super::*;
    use crate::engine::files::page_cache;
    use crate::test_folder::Folder;

    fn workers() -> (Poll, Workers) {
        let poll = Poll::new().unwrap();
        let workers = Workers::new(poll.registry(), Token(0)).unwrap();
        (poll, workers)
    }

    fn session(index: u32) -> SessionId {
        let mut id = SessionId::default();
        id.index = index;
        id
    }

    fn read_for(workers: &Workers, count: usize) -> Vec<SessionId> {
        let (mut ids, begun) = (Vec::new(), Instant::now());
        while ids.len() < count && begun.elapsed() < Duration::from_secs(30) {
            ids.extend(workers.take().read_for);
            thread::sleep(Duration::from_millis(1));
        }
        ids
    }

    #[test]
    fn what_a_reader_has_read_is_in_memory() {
        let folder = Folder::new();
        let path = folder.join("file");
        fs::write(&path, vec![7; 300_000]).unwrap();
        let file = Arc::new(OpenFile::open(&path));
        let (_poll, workers) = workers();
        let mut ahead = ReadAhead::default();
        // Also beyond the end, as if the file had become shorter.
        for (offset, length) in [(0, 300_000), (200_000, 200_000), (400_000, 1)] {
            ahead.add(session(3), Part::new(&file, offset, length), &workers);
        }
        assert_eq!(read_for(&workers, 3), [session(3); 3]);
        assert!([0, 300_000].contains(&page_cache::cached(&file, 0, 300_000)), "or it cannot be known");
    }

    #[test]
    fn files_of_closed_sessions_are_neither_kept_open_nor_read() {
        let file = Arc::new(OpenFile::open("/dev/null".as_ref()));
        let (_poll, workers) = workers();
        let mut ahead = ReadAhead { running: MAX_RUNNING, ..ReadAhead::default() };
        let left: Vec<_> = (0..MANY).map(|_| Arc::new(OpenFile::open("/dev/null".as_ref()))).collect();
        for (index, file) in left.iter().enumerate() {
            ahead.add(session(index as u32), Part::new(file, 0, 1), &workers);
        }
        drop(left);
        ahead.add(session(7000), Part::new(&file, 0, 1), &workers);
        assert_eq!((ahead.waiting.len(), Arc::strong_count(&file)), (1, 1));
        ahead.finish(1, &workers);
        assert_eq!(read_for(&workers, 1), [session(7000)]);
        assert_eq!((ahead.waiting.len(), ahead.running), (0, MAX_RUNNING));
    }
}

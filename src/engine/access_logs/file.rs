//! One file of access logs. Lines wait on the loop; the writer's jobs write them, and begin the file anew if it has been
//! moved.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::losses::Losses;
use crate::conf::Place;
use crate::engine::files::log_file::{self, StandardStream};
use crate::engine::jobs::handle::Handle;
use crate::engine::jobs::{JobOwner, Jobs, QueueFull};

/// Bytes that wait at most; then they are written at once.
const MAX_WAITING: usize = 64 * 1024;

/// No module has this name: nobody is told anything, since the jobs log their errors.
const OWNER: JobOwner = JobOwner::Module { name: "access_log", token: 0 };

#[derive(Debug)]
pub struct AccessLogFile {
    pub path: Arc<Path>,
    /// The first directive that names it.
    pub origin: Place,
    /// Empty until it is opened.
    open: Handle<OpenLog>,
    waiting: Vec<u8>,
    /// Lines that the queue of the writer had no room for.
    refused: Losses,
}

/// Opens a log for appending; warns of a FIFO without a reader. This may wait.
pub fn open(path: &Path) -> io::Result<File> {
    let opened = log_file::open(path)?;
    if opened.lacks_reader {
        log::warn!("access log {}: a FIFO that nobody reads yet", path.display());
    }
    Ok(opened.file)
}

/// What the jobs have of a log.
#[derive(Debug)]
struct OpenLog {
    file: File,
    losses: Losses,
}

impl AccessLogFile {
    pub fn new(path: &Path, origin: Place) -> Self {
        let (open, waiting, refused) = (Handle::default(), Vec::new(), Losses::default());
        Self { path: path.into(), origin, open, waiting, refused }
    }

    /// Takes the open file.
    pub fn take(&mut self, file: File) {
        self.open = Handle::new(OpenLog { file, losses: Losses::default() });
    }

    /// Has the writer open the file if nobody has: the server may have closed it while its next configuration, which
    /// names it, was read.
    pub fn open_if_closed(&self, jobs: &mut Jobs) {
        let (open, path) = (self.open.clone(), Arc::clone(&self.path));
        jobs.write_always(OWNER, 0, move || {
            if open.with(|_| Ok(())).is_err() {
                match self::open(&path) {
                    Ok(file) => open.put(OpenLog { file, losses: Losses::default() }),
                    Err(error) => log::error!("access log {}: {error}", path.display()),
                }
            }
            None::<()>
        });
    }

    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Adds a line. Many are written at once.
    pub fn add(&mut self, line: &str, jobs: &mut Jobs, now: Instant) {
        self.waiting.extend_from_slice(line.as_bytes());
        if self.waiting.len() >= MAX_WAITING {
            self.flush(jobs, now);
        }
    }

    /// Has the writer write what waits.
    pub fn flush(&mut self, jobs: &mut Jobs, now: Instant) {
        let lines = mem::take(&mut self.waiting);
        if lines.is_empty() {
            return;
        }
        if !jobs.has_room(lines.len()) {
            return self.refused.add(self.path.display(), count(&lines), &QueueFull, now);
        }
        let path = Arc::clone(&self.path);
        self.add_job(jobs, lines.len(), move |log| {
            log.follow_path(&path);
            log.write(&path, &lines, now);
        });
    }

    /// Has the writer write what waits and open the file again under its path.
    pub fn reopen(&mut self, jobs: &mut Jobs, now: Instant) {
        self.flush(jobs, now);
        let path = Arc::clone(&self.path);
        self.add_job(jobs, 0, move |log| log.reopen(&path));
    }

    /// Has the writer write what waits and close the file.
    pub fn close(mut self, jobs: &mut Jobs, now: Instant) {
        self.flush(jobs, now);
        let open = self.open;
        jobs.write_always(OWNER, 0, move || {
            drop(open.take());
            None::<()>
        });
    }

    fn add_job(&self, jobs: &mut Jobs, bytes: usize, work: impl FnOnce(&mut OpenLog) + Send + 'static) {
        let open = self.open.clone();
        jobs.write_always(OWNER, bytes, move || {
            // A log that is not open has been reported when it could not be opened.
            let _ = open.with(|log| {
                work(log);
                Ok(())
            });
            None::<()>
        });
    }
}

impl OpenLog {
    fn reopen(&mut self, path: &Path) {
        // A standard stream may be open to another user, who may not open it again.
        if StandardStream::of_log(path).is_some() {
            return;
        }
        match open(path) {
            Ok(file) => self.file = file,
            Err(error) => log::error!("access log {} cannot be opened again: {error}", path.display()),
        }
    }

    /// Begins the file anew if it has been moved or removed, as those who rotate logs do.
    fn follow_path(&mut self, path: &Path) {
        let is_other =
            |there: &Metadata, ours: &Metadata| (there.dev(), there.ino()) != (ours.dev(), ours.ino());
        let Some(ours) = self.file.metadata().ok().filter(Metadata::is_file) else { return };
        let moved = match fs::metadata(path) {
            Ok(there) => is_other(&there, &ours),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if moved && let Ok(file) = open(path) {
            self.file = file;
        }
    }

    fn write(&mut self, path: &Path, lines: &[u8], now: Instant) {
        if let Err((written, error)) = write_all(&mut self.file, lines) {
            let lost = count(lines.get(written..).unwrap_or_default());
            self.losses.add(path.display(), lost, &error, now);
        }
    }
}

/// The lines that end in these bytes.
fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Writes as much as goes at once; an error says how much that was.
fn write_all(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::Tree;
    use crate::engine::access_logs::losses::COMPLAIN_EVERY;
    use crate::test_folder::Folder;

    fn log(path: &Path) -> AccessLogFile {
        let tree = Tree::from_text("f", "").unwrap();
        let mut log = AccessLogFile::new(path, Place::of(tree.root()));
        log.take(open(path).unwrap());
        log
    }

    /// The lines that are lost and not reported, and whether some have been reported.
    fn losses(log: &AccessLogFile) -> (u64, bool) {
        log.open.with(|log| Ok((log.losses.lines, log.losses.complained_at.is_some()))).unwrap()
    }

    #[test]
    fn lines_are_written_by_jobs_and_a_file_that_was_moved_is_begun_anew() {
        let folder = Folder::new();
        let (path, now, mut jobs) = (folder.join("a.log"), Instant::now(), Jobs::default());
        let mut log = log(&path);
        log.add("a\n", &mut jobs, now);
        log.add("b\n", &mut jobs, now);
        assert!(log.has_waiting() && jobs.writes() == 0);
        log.flush(&mut jobs, now);
        assert!(!log.has_waiting() && fs::read_to_string(&path).unwrap().is_empty());
        jobs.run_all();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        fs::rename(&path, folder.join("b.log")).unwrap();
        log.add("c\n", &mut jobs, now);
        log.flush(&mut jobs, now);
        jobs.run_all();
        assert_eq!(fs::read_to_string(&path).unwrap(), "c\n");
        fs::rename(&path, folder.join("c.log")).unwrap();
        log.add("d\n", &mut jobs, now);
        log.reopen(&mut jobs, now);
        log.close(&mut jobs, now);
        jobs.run_all();
        assert_eq!(fs::read_to_string(&path).unwrap(), "d\n");
    }

    #[test]
    fn a_log_that_nobody_has_opened_is_opened_by_the_writer() {
        let folder = Folder::new();
        let (path, now, mut jobs) = (folder.join("a.log"), Instant::now(), Jobs::default());
        let mut log = AccessLogFile { open: Handle::default(), ..log(&path) };
        log.open_if_closed(&mut jobs);
        log.add("a\n", &mut jobs, now);
        log.flush(&mut jobs, now);
        jobs.run_all();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n");
    }

    #[test]
    fn a_log_that_cannot_be_written_loses_lines_and_says_so_once() {
        let (now, mut jobs) = (Instant::now(), Jobs::default());
        let mut log = log(Path::new("/dev/full"));
        for (line, expected) in [("a\nb\n", (0, true)), ("c\n", (1, true))] {
            log.add(line, &mut jobs, now);
            log.flush(&mut jobs, now);
            jobs.run_all();
            assert_eq!(losses(&log), expected);
        }
        log.add("d\n", &mut jobs, now);
        log.flush(&mut jobs, now + COMPLAIN_EVERY);
        jobs.run_all();
        assert_eq!(losses(&log), (0, true));
    }

    #[test]
    fn lines_are_lost_and_counted_when_too_much_waits_for_the_writer() {
        let folder = Folder::new();
        let (path, now, mut jobs) = (folder.join("a.log"), Instant::now(), Jobs::default());
        let mut log = log(&path);
        let line = "x".repeat(MAX_WAITING - 1) + "\n";
        let mut added = 0;
        while log.refused.complained_at.is_none() {
            log.add(&line, &mut jobs, now);
            assert!(!log.has_waiting(), "many bytes do not wait for the timer");
            added += 1;
        }
        log.add(&line, &mut jobs, now);
        assert_eq!(log.refused.lines, 1);
        jobs.run_all();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), added - 1);
    }
}

//! The log: lines in the form of nginx, to standard error or files.

use std::fmt;
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use millstream::conf::Place;
use millstream::engine::files::log_file::{self, StandardStream};
use millstream::engine::time_zone;
use millstream::net::{LogFile, LogWriter};

/// The longest time that the end of the server waits for a log that nobody reads.
const END: Duration = Duration::from_secs(1);
/// The same after a panic, which may be followed by the end.
const PANIC: Duration = Duration::from_millis(100);

/// The word for standard error in place of a path.
pub const STDERR: &str = "stderr";

/// A file that the log goes to, or standard error for "stderr".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOutput {
    pub path: PathBuf,
    /// The lowest level that is written, unless RUST_LOG has another.
    pub level: LevelFilter,
    /// The place of its directive; `None` for `-e`.
    pub origin: Option<Place>,
}

/// Opens the logs and begins to log.
pub fn begin(outputs: &[LogOutput]) -> Result<ErrorLogs, String> {
    time_zone::read();
    let logs = ErrorLogs::default();
    let opened = logs.open(outputs)?;
    logs.adopt(opened);
    log::set_boxed_logger(Box::new(logs.clone())).map_err(|error| error.to_string())?;
    // The engine logs which session a panic has ended; this logs where in the source it came from.
    let of_panics = logs.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let line = panic.to_string().replace(char::is_control, " ");
        log::error!("a fault of the server, please report it: {line}");
        of_panics.all().iter().for_each(|log| log.writer.flush(PANIC));
    }));
    Ok(logs)
}

/// Each file once: of a file that is named several times, with the level that writes most.
fn each_once(outputs: &[LogOutput]) -> Vec<LogOutput> {
    let mut all: Vec<LogOutput> = Vec::new();
    for output in outputs {
        match all.iter_mut().find(|known| known.path == output.path) {
            Some(known) => known.level = known.level.max(output.level),
            None => all.push(output.clone()),
        }
    }
    all
}

/// The error logs of the process, which a reload may replace. Clones are the same logs.
#[derive(Clone, Default)]
pub struct ErrorLogs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    all: Mutex<Arc<[FilteredLog]>>,
    /// Logs of earlier configurations that may have lines to write.
    closed: Mutex<Vec<LogWriter>>,
}

/// Logs that are to take the place of the present ones, all open.
pub struct OpenedLogs {
    all: Vec<FilteredLog>,
    /// Those that are not among the present ones. They are closed again if nobody adopts them.
    new: Vec<LogWriter>,
}

#[derive(Clone)]
struct FilteredLog {
    path: PathBuf,
    /// Decides, with RUST_LOG, which lines are written; writes nothing itself.
    filter: Arc<env_logger::Logger>,
    writer: LogWriter,
}

impl FilteredLog {
    fn open(output: &LogOutput) -> Result<Self, String> {
        let opened = open(&output.path).map_err(|error| {
            let origin = output.origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default();
            format!("{origin}error log {}: {error}", output.path.display())
        })?;
        Ok(Self::new(output, |filter| LogWriter::new(opened, filter.filter(), line)))
    }

    fn new(output: &LogOutput, writer: impl FnOnce(&env_logger::Logger) -> LogWriter) -> Self {
        let mut filter = env_logger::Builder::new();
        filter.filter_level(output.level);
        if let Ok(filters) = std::env::var("RUST_LOG") {
            filter.parse_filters(&filters);
        }
        let filter = filter.build();
        Self { path: output.path.clone(), writer: writer(&filter), filter: Arc::new(filter) }
    }

    /// Has its thread open the file again, unless it is a standard stream.
    fn reopen(&self) {
        let path = self.path.clone();
        if path == Path::new(STDERR) {
            return;
        }
        self.writer.reopen(move || {
            let explain = |error| log::error!("error log {} cannot be opened again: {error}", path.display());
            open(&path).map_err(explain).ok()
        });
    }
}

impl ErrorLogs {
    /// Starts a thread for each log. To be called when the process is in the background, if it goes there.
    pub fn start(&self) -> Result<(), String> {
        start(&self.all())
    }

    /// Opens logs, except those that are open already. Nothing has changed so far.
    pub fn open(&self, outputs: &[LogOutput]) -> Result<OpenedLogs, String> {
        let present = self.all();
        let mut opened = OpenedLogs { all: Vec::new(), new: Vec::new() };
        for output in each_once(outputs) {
            let log = match present.iter().find(|log| log.path == output.path) {
                Some(log) => FilteredLog::new(&output, |_| log.writer.clone()),
                None => {
                    let log = FilteredLog::open(&output)?;
                    opened.new.push(log.writer.clone());
                    log
                }
            };
            opened.all.push(log);
        }
        Ok(opened)
    }

    /// Takes opened logs in place of the present ones; those that are not among them are closed.
    pub fn adopt(&self, mut opened: OpenedLogs) {
        opened.new.clear();
        let next: Arc<[FilteredLog]> = mem::take(&mut opened.all).into();
        let levels = next.iter().map(|log| log.filter.filter());
        log::set_max_level(levels.max().unwrap_or(LevelFilter::Off));
        next.iter().for_each(|log| log.writer.set_level(log.filter.filter()));
        let before = mem::replace(&mut *lock(&self.0.all), Arc::clone(&next));
        let is_gone = |log: &&FilteredLog| next.iter().all(|other| other.path != log.path);
        let mut closed = lock(&self.0.closed);
        closed.retain(|writer| !writer.is_idle());
        for log in before.iter().filter(is_gone) {
            log.writer.close();
            closed.push(log.writer.clone());
        }
    }

    /// Opens all files again, since they may have been moved. What cannot be opened keeps its open file.
    pub fn reopen(&self) {
        self.all().iter().for_each(FilteredLog::reopen);
    }

    /// The paths of the logs.
    pub fn paths(&self) -> Vec<PathBuf> {
        paths(&self.all())
    }

    /// The present logs. No lock is held while a line is written.
    fn all(&self) -> Arc<[FilteredLog]> {
        Arc::clone(&lock(&self.0.all))
    }
}

impl OpenedLogs {
    /// The paths of the logs.
    pub fn paths(&self) -> Vec<PathBuf> {
        paths(&self.all)
    }

    /// Starts a thread for each log that has none.
    pub fn start(&self) -> Result<(), String> {
        start(&self.all)
    }
}

impl Drop for OpenedLogs {
    fn drop(&mut self) {
        self.new.iter().for_each(LogWriter::close);
    }
}

fn start(logs: &[FilteredLog]) -> Result<(), String> {
    let explain = |error| format!("no thread for the log: {error}");
    logs.iter().try_for_each(|log| log.writer.start().map_err(explain))
}

fn paths(logs: &[FilteredLog]) -> Vec<PathBuf> {
    logs.iter().map(|log| log.path.clone()).collect()
}

/// Writes what waits in the logs when it is dropped, at a normal end and after an error.
pub struct FlushedAtEnd(pub ErrorLogs);

impl Drop for FlushedAtEnd {
    fn drop(&mut self) {
        self.0.all().iter().for_each(|log| log.writer.finish(END));
        lock(&self.0.0.closed).iter().for_each(|writer| writer.flush(END));
    }
}

impl Log for ErrorLogs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.all().iter().any(|log| log.filter.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        for log in self.all().iter().filter(|log| log.filter.matches(record)) {
            log.writer.add(record, Instant::now());
        }
    }

    fn flush(&self) {
        self.all().iter().for_each(|log| log.writer.flush(END));
    }
}

/// A poisoned lock is used on: nothing panics while it is held.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(level: Level, text: &fmt::Arguments<'_>) -> String {
    let time = jiff::Timestamp::now().to_zoned(time_zone::local()).strftime("%Y/%m/%d %H:%M:%S");
    let level = level.as_str().to_ascii_lowercase();
    format!("{time} [{level}] {text}\n")
}

/// Standard streams are not opened by their paths, since they may be sockets, which cannot be opened. Only "stderr"
/// turns into /dev/null when the process goes into the background.
fn open(file: &Path) -> io::Result<LogFile> {
    if file == Path::new(STDERR) {
        return Ok(Box::new(io::stderr()));
    }
    match StandardStream::of_log(file) {
        Some(StandardStream::Output) => return Ok(Box::new(io::stdout().as_fd().try_clone_to_owned()?)),
        Some(StandardStream::Error) => return Ok(Box::new(io::stderr().as_fd().try_clone_to_owned()?)),
        Some(StandardStream::Null) | None => {}
    }
    let opened = log_file::open(file)?;
    if opened.lacks_reader {
        eprintln!("millstream: error log {}: a FIFO that nobody reads yet; lines wait in it", file.display());
    }
    Ok(Box::new(opened.file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn output(path: impl Into<PathBuf>, level: LevelFilter) -> LogOutput {
        LogOutput { path: path.into(), level, origin: None }
    }

    #[test]
    fn a_file_that_is_named_twice_is_written_once_with_all_that_goes_there() {
        let outputs = [
            output("a", LevelFilter::Warn),
            output("b", LevelFilter::Error),
            output("a", LevelFilter::Debug),
        ];
        assert_eq!(each_once(&outputs), [output("a", LevelFilter::Debug), output("b", LevelFilter::Error)]);
    }

    #[test]
    fn the_place_of_a_panic_is_in_the_log() {
        let folder = Folder::new();
        let path = folder.join("error.log");
        let ours = std::panic::take_hook();
        let logs = begin(&[output(&path, LevelFilter::Info)]).unwrap();
        logs.start().unwrap();
        let panic = std::panic::catch_unwind(|| panic!("of\na test"));
        std::panic::set_hook(ours);
        assert!(panic.is_err());
        logs.all()[0].writer.flush(Duration::from_secs(15));
        let text = std::fs::read_to_string(&path).unwrap();
        let begins = " [error] a fault of the server, please report it: panicked at src/logging.rs";
        assert!(text.contains(begins) && text.ends_with("of a test\n"), "{text:?}");
    }
}

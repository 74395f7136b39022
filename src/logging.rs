//! The log: lines in the form of nginx, to standard error or files.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use millstream::conf::Place;
use millstream::engine::files::log_file::{self, StandardStream};
use millstream::net::LogWriter;

/// The longest time that the end of the server waits for a log that nobody reads.
const END: Duration = Duration::from_secs(1);
/// The same after a panic, which may be followed by the end.
const PANIC: Duration = Duration::from_millis(100);

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
    let logs = each_once(outputs).iter().map(FilteredLog::open).collect::<Result<_, _>>();
    let logs = ErrorLogs(logs?);
    let levels = logs.0.iter().map(|log| log.filter.filter());
    log::set_max_level(levels.max().unwrap_or(LevelFilter::Off));
    log::set_boxed_logger(Box::new(logs.clone())).map_err(|error| error.to_string())?;
    // The engine logs which session a panic has ended; this logs where in the source it came from.
    let of_panics = logs.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let line = panic.to_string().replace(char::is_control, " ");
        log::error!("a fault of the server, please report it: {line}");
        of_panics.0.iter().for_each(|log| log.writer.flush(PANIC));
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

/// All error logs. Clones are the same logs.
#[derive(Clone)]
pub struct ErrorLogs(Vec<FilteredLog>);

#[derive(Clone)]
struct FilteredLog {
    /// Decides, with RUST_LOG, which lines are written; writes nothing itself.
    filter: Arc<env_logger::Logger>,
    writer: LogWriter,
}

impl FilteredLog {
    fn open(output: &LogOutput) -> Result<Self, String> {
        let mut filter = env_logger::Builder::new();
        filter.filter_level(output.level);
        if let Ok(filters) = std::env::var("RUST_LOG") {
            filter.parse_filters(&filters);
        }
        let filter = Arc::new(filter.build());
        let opened = open(&output.path).map_err(|error| {
            let origin = output.origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default();
            format!("{origin}error log {}: {error}", output.path.display())
        })?;
        Ok(Self { writer: LogWriter::new(opened, filter.filter(), line), filter })
    }
}

impl ErrorLogs {
    /// Starts a thread for each log. To be called when the process is in the background, if it goes there.
    pub fn start(&self) -> Result<(), String> {
        let mut started = self.0.iter().map(|log| log.writer.start());
        started.try_for_each(|result| result.map_err(|error| format!("no thread for the log: {error}")))
    }
}

/// Writes what waits in the logs when it is dropped, at a normal end and after an error.
pub struct FlushedAtEnd(pub ErrorLogs);

impl Drop for FlushedAtEnd {
    fn drop(&mut self) {
        self.0.0.iter().for_each(|log| log.writer.finish(END));
    }
}

impl Log for ErrorLogs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.iter().any(|log| log.filter.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        for log in self.0.iter().filter(|log| log.filter.matches(record)) {
            log.writer.add(record, Instant::now());
        }
    }

    fn flush(&self) {
        self.0.iter().for_each(|log| log.writer.flush(END));
    }
}

fn line(level: Level, text: &fmt::Arguments<'_>) -> String {
    let time = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S");
    let level = level.as_str().to_ascii_lowercase();
    format!("{time} [{level}] {text}\n")
}

/// Standard streams are not opened by their paths, since they may be sockets, which cannot be opened. Only "stderr"
/// turns into /dev/null when the process goes into the background.
fn open(file: &Path) -> io::Result<Box<dyn AsFd + Send>> {
    if file == Path::new("stderr") {
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
        logs.0[0].writer.flush(Duration::from_secs(15));
        let text = std::fs::read_to_string(&path).unwrap();
        let begins = " [error] a fault of the server, please report it: panicked at src/logging.rs";
        assert!(text.contains(begins) && text.ends_with("of a test\n"), "{text:?}");
    }
}

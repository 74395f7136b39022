//! The log: lines as nginx writes them, to standard error or a file.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use millstream::engine::log_file::{self, Standard};
use millstream::net::LogWriter;

/// How long the end waits for a log that nobody reads.
const END: Duration = Duration::from_secs(1);
/// How long whatever follows a panic waits, which may be the end.
const PANIC: Duration = Duration::from_millis(100);

/// Begins to log at `level` (or what RUST_LOG says) to `file`, or to standard error for "stderr".
pub fn begin(file: &Path, level: LevelFilter) -> Result<LogWriter, String> {
    let mut filter = env_logger::Builder::new();
    filter.filter_level(level);
    if let Ok(filters) = std::env::var("RUST_LOG") {
        filter.parse_filters(&filters);
    }
    let filter = filter.build();
    let file = open(file).map_err(|error| format!("error log {}: {error}", file.display()))?;
    let writer = LogWriter::new(file, line);
    log::set_max_level(filter.filter());
    let logger = Logger { filter, writer: writer.clone() };
    log::set_boxed_logger(Box::new(logger)).map_err(|error| error.to_string())?;
    // What a panic ends is the engine's to say; where it came from is here.
    let of_panics = writer.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let line = panic.to_string().replace(char::is_control, " ");
        log::error!("a fault of the server, please report it: {line}");
        of_panics.flush(PANIC);
    }));
    Ok(writer)
}

/// A log that is written to its end when this goes, whatever it is that ends.
pub struct FlushedAtEnd(pub LogWriter);

impl Drop for FlushedAtEnd {
    fn drop(&mut self) {
        self.0.finish(END);
    }
}

struct Logger {
    /// Used for what RUST_LOG says, not to write.
    filter: env_logger::Logger,
    writer: LogWriter,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.filter.matches(record) {
            self.writer.add(record, Instant::now());
        }
    }

    fn flush(&self) {
        self.writer.flush(END);
    }
}

fn line(level: Level, text: &fmt::Arguments<'_>) -> String {
    let time = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S");
    let level = level.as_str().to_ascii_lowercase();
    format!("{time} [{level}] {text}\n")
}

/// Standard streams are used as they are, since they may be sockets, which cannot be opened. Only "stderr" goes to
/// /dev/null with the process that goes to the background.
fn open(file: &Path) -> io::Result<Box<dyn AsFd + Send>> {
    if file == Path::new("stderr") {
        return Ok(Box::new(io::stderr()));
    }
    match Standard::of_log(file) {
        Some(Standard::Output) => return Ok(Box::new(io::stdout().as_fd().try_clone_to_owned()?)),
        Some(Standard::Error) => return Ok(Box::new(io::stderr().as_fd().try_clone_to_owned()?)),
        Some(Standard::Null) | None => {}
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

    #[test]
    fn where_a_panic_came_from_is_in_the_log() {
        let path = std::env::temp_dir().join(format!("millstream-panic-{}", std::process::id()));
        let ours = std::panic::take_hook();
        let writer = begin(&path, LevelFilter::Info).unwrap();
        writer.start().unwrap();
        let panic = std::panic::catch_unwind(|| panic!("of\na test"));
        std::panic::set_hook(ours);
        assert!(panic.is_err());
        writer.flush(Duration::from_secs(15));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let begins = " [error] a fault of the server, please report it: panicked at src/logging.rs";
        assert!(text.contains(begins) && text.ends_with("of a test\n"), "{text:?}");
    }
}

//! The log: lines in the form of nginx, to standard error, files, the journal of systemd, or syslog.

mod lines;
mod opening;

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use millstream::conf::Place;
use millstream::engine::{LogTarget, time_zone};
use millstream::net::{LogOutput, LogWriter};
use millstream::syslog::{Severity, SyslogTarget};

use opening::{Opened, open};

/// The longest time that the end of the server waits for a log that nobody reads.
const END: Duration = Duration::from_secs(1);
/// The same after a panic, which may be followed by the end.
const PANIC: Duration = Duration::from_millis(100);

/// An error log of the configuration, or that of `-e`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChoice {
    pub target: LogTarget,
    /// The lowest level that is written, unless RUST_LOG has another.
    pub level: LevelFilter,
    /// The place of its directive; `None` for `-e`.
    pub origin: Option<Place>,
}

/// Opens the logs and begins to log.
pub fn begin(choices: &[LogChoice]) -> Result<ErrorLogs, String> {
    time_zone::read();
    let logs = ErrorLogs::default();
    let opened = logs.open(choices)?;
    opened.warnings.iter().for_each(|warning| print(Level::Warn, warning));
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

/// Prints a line to standard error, where there is no log yet, or not any more. The journal of systemd gets its level.
pub fn print(level: Level, text: &str) {
    if opening::goes_to_journal(&std::io::stderr()) {
        eprintln!("<{}>millstream: {text}", Severity::of(level).code());
    } else {
        eprintln!("millstream: {text}");
    }
}

/// Each target once: of one that is named several times, with the level that writes most.
fn each_once(choices: &[LogChoice]) -> Vec<LogChoice> {
    let mut all: Vec<LogChoice> = Vec::new();
    for choice in choices.iter().filter(|choice| choice.target != LogTarget::Off) {
        match all.iter_mut().find(|known| known.target == choice.target) {
            Some(known) => known.level = known.level.max(choice.level),
            None => all.push(choice.clone()),
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
#[derive(Default)]
pub struct OpenedLogs {
    all: Vec<FilteredLog>,
    /// Those that are not among the present ones. They are closed again if nobody adopts them.
    new: Vec<LogWriter>,
    /// Servers of syslog of the present logs, looked up again.
    renewed: Vec<(LogWriter, LogOutput)>,
    /// What the operator should know of them.
    pub warnings: Vec<String>,
}

#[derive(Clone)]
struct FilteredLog {
    target: LogTarget,
    /// Decides, with RUST_LOG, which lines are written; writes nothing itself.
    filter: Arc<env_logger::Logger>,
    writer: LogWriter,
}

impl LogChoice {
    /// A message about this log, with its place in the configuration.
    fn explain(&self, why: &dyn fmt::Display) -> String {
        let origin = self.origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default();
        format!("{origin}error log {}: {why}", self.target)
    }
}

impl FilteredLog {
    fn new(choice: &LogChoice, writer: impl FnOnce(&env_logger::Logger) -> LogWriter) -> Self {
        let mut filter = env_logger::Builder::new();
        filter.filter_level(choice.level);
        if let Ok(filters) = std::env::var("RUST_LOG") {
            filter.parse_filters(&filters);
        }
        let filter = filter.build();
        Self { target: choice.target.clone(), writer: writer(&filter), filter: Arc::new(filter) }
    }

    /// Has its thread open the file again. A standard stream and a server of syslog have not been moved.
    fn reopen(&self) {
        let target = self.target.clone();
        if !matches!(target, LogTarget::File(_)) {
            return;
        }
        self.writer.reopen(move || {
            let explain = |error| log::error!("error log {target} cannot be opened again: {error}");
            let opened = open(&target).map_err(explain).ok()?;
            opened.warning.iter().for_each(|warning| log::warn!("error log {target}: {warning}"));
            Some(opened.output)
        });
    }
}

impl ErrorLogs {
    /// Starts a thread for each log. To be called when the process is in the background, if it goes there.
    pub fn start(&self) -> Result<(), String> {
        start(&self.all())
    }

    /// Opens logs, except those that are open already. Nothing has changed so far.
    pub fn open(&self, choices: &[LogChoice]) -> Result<OpenedLogs, String> {
        let present = self.all();
        let mut opened = OpenedLogs::default();
        for choice in each_once(choices) {
            match present.iter().find(|log| log.target == choice.target) {
                Some(log) => opened.keep(&choice, log),
                None => opened.add(&choice)?,
            }
        }
        Ok(opened)
    }

    /// Takes opened logs in place of the present ones; those that are not among them are closed.
    pub fn adopt(&self, mut opened: OpenedLogs) {
        opened.new.clear();
        for (writer, output) in opened.renewed.drain(..) {
            writer.reopen(|| Some(output));
        }
        let next: Arc<[FilteredLog]> = mem::take(&mut opened.all).into();
        let levels = next.iter().map(|log| log.filter.filter());
        log::set_max_level(levels.max().unwrap_or(LevelFilter::Off));
        next.iter().for_each(|log| log.writer.set_level(log.filter.filter()));
        let before = mem::replace(&mut *lock(&self.0.all), Arc::clone(&next));
        let is_gone = |log: &&FilteredLog| next.iter().all(|other| other.target != log.target);
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

    /// Where the logs go.
    pub fn targets(&self) -> Vec<LogTarget> {
        targets(&self.all())
    }

    /// The present logs. No lock is held while a line is written.
    fn all(&self) -> Arc<[FilteredLog]> {
        Arc::clone(&lock(&self.0.all))
    }
}

impl OpenedLogs {
    /// Opens a log.
    fn add(&mut self, choice: &LogChoice) -> Result<(), String> {
        let Opened { output, format, warning } =
            open(&choice.target).map_err(|error| choice.explain(&error))?;
        let log = FilteredLog::new(choice, |filter| LogWriter::new(output, filter.filter(), format));
        self.warnings.extend(warning.map(|warning| choice.explain(&warning)));
        self.new.push(log.writer.clone());
        self.all.push(log);
        Ok(())
    }

    /// Takes a log that is open already. The name of a server of syslog may have another address by now.
    fn keep(&mut self, choice: &LogChoice, log: &FilteredLog) {
        if let LogTarget::Syslog(_) = choice.target {
            let warning = match open(&choice.target) {
                Ok(Opened { output, warning, .. }) => {
                    self.renewed.push((log.writer.clone(), output));
                    warning
                }
                Err(error) => Some(SyslogTarget::stays_where_it_was(&error)),
            };
            self.warnings.extend(warning.map(|warning| choice.explain(&warning)));
        }
        self.all.push(FilteredLog::new(choice, |_| log.writer.clone()));
    }

    /// Where the logs go.
    pub fn targets(&self) -> Vec<LogTarget> {
        targets(&self.all)
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

fn targets(logs: &[FilteredLog]) -> Vec<LogTarget> {
    logs.iter().map(|log| log.target.clone()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn choice(target: &str, level: LevelFilter) -> LogChoice {
        LogChoice { target: LogTarget::parse(target).unwrap(), level, origin: None }
    }

    #[test]
    fn a_target_that_is_named_twice_is_written_once_with_all_that_goes_there() {
        let syslog = "syslog:server=unix:/dev/log,tag=x";
        let choices = [
            choice("a", LevelFilter::Warn),
            choice(syslog, LevelFilter::Error),
            choice("off", LevelFilter::Debug),
            choice("a", LevelFilter::Debug),
            choice(syslog, LevelFilter::Info),
        ];
        let expected = [choice("a", LevelFilter::Debug), choice(syslog, LevelFilter::Info)];
        assert_eq!(each_once(&choices), expected);
    }

    #[test]
    fn a_server_of_syslog_that_cannot_be_looked_up_again_keeps_its_address() {
        use millstream::net::Format;
        use millstream::syslog::Sender;

        let choice = choice("syslog:server=does-not-exist.invalid", LevelFilter::Info);
        let logs = ErrorLogs::default();
        assert!(logs.open(std::slice::from_ref(&choice)).is_err(), "a new one has to be found");
        let sender = Sender::new(&"syslog:server=127.0.0.1".parse().unwrap()).unwrap();
        let format = Format::new(|_, text| text.to_string());
        let output = LogOutput::Syslog(sender);
        let log = FilteredLog::new(&choice, |filter| LogWriter::new(output, filter.filter(), format));
        *lock(&logs.0.all) = vec![log].into();
        let opened = logs.open(&[choice]).unwrap();
        assert_eq!((opened.all.len(), opened.renewed.len()), (1, 0));
        let warning = "error log syslog:server=does-not-exist.invalid:514: it is not found now, and messages go to its address of before: ";
        assert!(opened.warnings.iter().all(|text| text.starts_with(warning)) && opened.warnings.len() == 1);
    }

    #[test]
    fn the_place_of_a_panic_is_in_the_log() {
        let folder = Folder::new();
        let path = folder.join("error.log");
        let ours = std::panic::take_hook();
        let logs = begin(&[choice(path.to_str().unwrap(), LevelFilter::Info)]).unwrap();
        logs.start().unwrap();
        let panic = std::panic::catch_unwind(|| panic!("of\na test"));
        std::panic::set_hook(ours);
        assert!(panic.is_err());
        logs.all()[0].writer.flush(Duration::from_secs(15));
        let text = std::fs::read_to_string(&path).unwrap();
        let begins = " [error] a fault of the server, please report it: panicked at src/logging/mod.rs";
        assert!(text.contains(begins) && text.ends_with("of a test\n"), "{text:?}");
    }
}

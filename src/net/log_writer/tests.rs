//! The log's thread, with pipes for logs. What is measured in time of the clock is in `limits`.

use std::io::{PipeReader, PipeWriter, Read, pipe};
use std::os::unix::net::UnixDatagram;

use super::*;
use crate::syslog::Sender;
use crate::test_folder::Folder;

const SOON: Duration = Duration::from_secs(15);

fn format() -> Format {
    Format::new(|_, text| format!("{text}\n"))
}

fn file(writer: PipeWriter) -> LogOutput {
    LogOutput::File(Box::new(writer))
}

fn log() -> (LogWriter, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    (LogWriter::new(file(writer), LevelFilter::Info, format()), reader)
}

fn add(log: &LogWriter, level: Level, text: &str, line: u32) {
    let mut record = Record::builder();
    let record = record.level(level).file_static(Some("a.rs")).line(Some(line));
    log.add(&record.args(format_args!("{text}")).build(), Instant::now());
}

/// Reads until a text comes; returns all of it.
fn read_to(reader: &mut PipeReader, end: &str) -> String {
    read_until(reader, |text| text.contains(end))
}

/// Reads until the text is complete.
fn read_until(reader: &mut PipeReader, is_complete: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut buffer = [0; 64 * 1024];
    while !is_complete(&text) {
        let count = reader.read(&mut buffer).unwrap();
        assert!(count > 0, "the log has ended: {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

#[test]
fn without_a_thread_each_line_is_written_at_once_and_none_is_left_out() {
    let (log, mut reader) = log();
    for number in 0..30 {
        add(&log, Level::Info, &number.to_string(), 1);
    }
    log.flush(Duration::ZERO);
    let expected: String = (0..30).map(|number| format!("{number}\n")).collect();
    let mut read = vec![0; expected.len()];
    reader.read_exact(&mut read).unwrap();
    assert_eq!(read, expected.as_bytes());
}

#[test]
fn lines_of_before_and_after_the_start_come_in_order() {
    let (log, mut reader) = log();
    add(&log, Level::Info, "before", 1);
    log.start().unwrap();
    for number in 0..100 {
        add(&log, Level::Debug, &format!("<{number}>"), 2);
    }
    let expected: String = (0..100).map(|number| format!("<{number}>\n")).collect();
    assert_eq!(read_to(&mut reader, "<99>\n"), format!("before\n{expected}"));
}

#[test]
fn a_log_that_nobody_reads_delays_nobody_and_says_what_is_missing() {
    let (log, mut reader) = log();
    log.start().unwrap();
    let line = "x".repeat(1000);
    for _ in 0..1000 {
        add(&log, Level::Debug, &line, 1);
    }
    let begun = Instant::now();
    log.flush(Duration::from_millis(50));
    assert!(begun.elapsed() >= Duration::from_millis(50), "not all has been written");
    // While the pipe has room the thread may come between the lines, so there may be several counts.
    let count =
        |line: &str| line.strip_suffix(" lines dropped: the log cannot keep up")?.parse::<usize>().ok();
    let dropped = |text: &str| text.lines().filter_map(count).sum::<usize>();
    let whole = |text: &str| text.lines().filter(|found| **found == line).count();
    let text = read_until(&mut reader, |text| whole(text) + dropped(text) >= 1000 && text.ends_with('\n'));
    assert_eq!(whole(&text) + dropped(&text), 1000);
    assert!(dropped(&text) > 500, "{}", dropped(&text));
    log.flush(SOON);
    add(&log, Level::Debug, "after", 1);
    assert_eq!(read_to(&mut reader, "after\n"), "after\n");
}

#[test]
fn the_count_of_what_is_left_out_comes_without_another_line() {
    let (log, mut reader) = log();
    log.start().unwrap();
    for _ in 0..20_000 {
        add(&log, Level::Info, "like this", 1);
    }
    let text = read_to(&mut reader, "more lines within a second like: like this\n");
    assert!(text.starts_with(&"like this\n".repeat(20)), "{text}");
}

#[test]
fn the_end_tells_what_is_left_out_so_far() {
    let (log, mut reader) = log();
    log.start().unwrap();
    while log.0.state().limits.due().is_none() {
        add(&log, Level::Info, "ended", 1);
    }
    log.finish(SOON);
    assert!(log.0.state().queue.is_idle());
    let text = read_to(&mut reader, "like: ended\n");
    assert!(text.ends_with("1 more lines within a second like: ended\n"), "{text}");
}

#[test]
fn a_log_is_opened_again_once_its_lines_have_been_written() {
    let (log, mut first) = log();
    log.start().unwrap();
    add(&log, Level::Debug, "before", 1);
    let (mut second, writer) = pipe().unwrap();
    log.reopen(move || Some(file(writer)));
    assert_eq!(read_to(&mut first, "before\n"), "before\n");
    assert_eq!(first.read(&mut [0]).unwrap(), 0, "the first file is closed");
    log.reopen(|| None);
    add(&log, Level::Debug, "after", 1);
    assert_eq!(read_to(&mut second, "after\n"), "after\n");
}

#[test]
fn a_closed_log_writes_what_waits_and_closes_its_file() {
    let (log, mut reader) = log();
    log.start().unwrap();
    add(&log, Level::Debug, "last", 1);
    log.close();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last\n");
    log.flush(SOON);
    assert!(log.is_idle());
}

#[test]
fn a_closed_log_that_nobody_reads_ends_too() {
    let (log, reader) = log();
    log.start().unwrap();
    let line = "x".repeat(1000);
    (0..200).for_each(|_| add(&log, Level::Debug, &line, 1));
    log.close();
    let weak = Arc::downgrade(&log.0);
    drop(log);
    let deadline = Instant::now() + SOON;
    while weak.strong_count() > 0 {
        assert!(Instant::now() < deadline, "its thread has not ended");
        thread::sleep(Duration::from_millis(10));
    }
    drop(reader);
}

/// A log to a syslog server in a folder.
fn syslog(folder: &Folder) -> LogWriter {
    let target = format!("syslog:server=unix:{}", folder.join("log").display()).parse().unwrap();
    LogWriter::new(LogOutput::Syslog(Sender::new(&target).unwrap()), LevelFilter::Debug, format())
}

fn receive(server: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let count = server.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[test]
fn a_syslog_server_gets_each_line_as_a_datagram_without_its_end() {
    let folder = Folder::new();
    let server = UnixDatagram::bind(folder.join("log")).unwrap();
    let log = syslog(&folder);
    add(&log, Level::Info, "before the start", 1);
    log.start().unwrap();
    // Many more than a socket has room for: they wait.
    for number in 0..1000 {
        add(&log, Level::Info, &number.to_string(), 1);
    }
    assert_eq!(receive(&server), "before the start");
    for number in 0..1000 {
        assert_eq!(receive(&server), number.to_string());
    }
    log.flush(SOON);
    assert!(log.is_idle());
}

#[test]
fn lines_are_counted_that_a_syslog_server_has_missed() {
    let folder = Folder::new();
    let log = syslog(&folder);
    for text in ["a", "b"] {
        add(&log, Level::Info, text, 1);
    }
    log.start().unwrap();
    let server = UnixDatagram::bind(folder.join("log")).unwrap();
    // It is connected at most once a second.
    thread::sleep(Duration::from_millis(1010));
    add(&log, Level::Info, "c", 1);
    assert_eq!(receive(&server), "2 lines lost: No such file or directory");
    assert_eq!(receive(&server), "c");
}

#[test]
fn a_syslog_server_that_receives_nothing_delays_nobody() {
    let folder = Folder::new();
    let server = UnixDatagram::bind(folder.join("log")).unwrap();
    let log = syslog(&folder);
    log.start().unwrap();
    let line = "x".repeat(1000);
    for _ in 0..2000 {
        add(&log, Level::Info, &line, 1);
    }
    log.flush(Duration::from_millis(50));
    assert!(!log.is_idle());
    let count =
        |line: &str| line.strip_suffix(" lines dropped: the log cannot keep up")?.parse::<usize>().ok();
    let (mut whole, mut dropped) = (0, 0);
    while whole + dropped < 2000 {
        let text = receive(&server);
        match count(&text) {
            Some(count) => dropped += count,
            None => whole += usize::from(text == line),
        }
    }
    assert!(whole + dropped == 2000 && dropped > 1000, "{whole} {dropped}");
}

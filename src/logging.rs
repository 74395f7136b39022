//! The log: lines as nginx writes them, to standard error or a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use env_logger::{Builder, Target};
use log::LevelFilter;

/// Begins to log at `level` (or what RUST_LOG says) to `file`, or to standard error for "stderr".
pub fn begin(file: &Path, level: LevelFilter) -> Result<(), String> {
    let mut builder = Builder::new();
    builder.filter_level(level);
    if let Ok(filters) = std::env::var("RUST_LOG") {
        builder.parse_filters(&filters);
    }
    builder.format(|out, record| {
        let time = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S");
        let level = record.level().as_str().to_ascii_lowercase();
        writeln!(out, "{time} [{level}] {}", record.args())
    });
    if file != Path::new("stderr") {
        let opened = OpenOptions::new().append(true).create(true).open(file);
        let opened = opened.map_err(|error| format!("error log {}: {error}", file.display()))?;
        builder.target(Target::Pipe(Box::new(opened)));
    }
    builder.try_init().map_err(|error| error.to_string())?;
    // What a panic ends is the engine's to say; where it came from is here.
    std::panic::set_hook(Box::new(|panic| {
        let line = panic.to_string().replace(char::is_control, " ");
        log::error!("a fault of the server, please report it: {line}");
    }));
    Ok(())
}

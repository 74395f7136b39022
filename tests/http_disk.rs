//! Files for HTTP clients on a slow disk: who waits for it, and who does not.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::common::http::Connection;
use super::common::{Folder, Server, not_tested};

/// The time that a read of a reader takes. The loop has other calls for files (preadv2, sendfile).
const DELAY: Duration = Duration::from_secs(5);
const CONFIGURATION: &str = "pid off; http { server { listen 127.0.0.1:0; root FOLDER; } }";

/// A command for a program whose reads of these files are slow.
fn slow_reads(files: &[&Path]) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pread64"]);
    strace.arg("-e").arg(format!("inject=pread64:delay_enter={}", DELAY.as_micros()));
    files.iter().for_each(|file| {
        strace.arg("-P").arg(file);
    });
    strace.env_remove("RUST_LOG").stdin(Stdio::null());
    strace
}

/// Has the kernel drop a file from its cache; false if it does not, as in a file system in memory.
fn drop_cached(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    file.sync_all()?;
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    let cached = Command::new("fincore").args(["-bno", "PAGES"]).arg(path).output()?;
    Ok(String::from_utf8_lossy(&cached.stdout).trim() == "0")
}

#[test]
fn a_file_that_has_to_be_read_from_a_slow_disk_holds_up_its_own_client_only() {
    let folder = Folder::new();
    folder.write("cached.ts", [1; 30_000]);
    let cold = folder.write("cold.ts", [2; 30_000]);
    let small = folder.write("small.m3u8", [3; 3000]);
    let is_cold = [&cold, &small].iter().all(|path| drop_cached(path).is_ok_and(|dropped| dropped));
    let files = [&*cold, &*small];
    let may_trace = slow_reads(&files).arg("true").stderr(Stdio::null()).status();
    if !is_cold || !may_trace.is_ok_and(|status| status.success()) {
        return not_tested("needs a disk, fincore, strace, and the right to trace");
    }
    let mut command = slow_reads(&files);
    command.arg(env!("CARGO_BIN_EXE_millstream"));
    let server = Server::start_with(command, folder, CONFIGURATION);
    let mut waiting = [Connection::open(server.http()), Connection::open(server.http())];
    for (client, target) in waiting.iter_mut().zip(["/cold.ts", "/small.m3u8"]) {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    let begun = Instant::now();
    let mut other = Connection::open(server.http());
    for _ in 0..20 {
        assert_eq!(other.get("/cached.ts").body, [1; 30_000]);
        assert_eq!(other.get("/not-looked-for-yet").status, 404);
    }
    assert!(begun.elapsed() < DELAY, "{:?}", begun.elapsed());
    let [large, small] = waiting.each_mut().map(|client| client.reply("GET"));
    assert!(begun.elapsed() >= DELAY, "it was not read by a reader");
    assert_eq!((large.status, large.body), (200, vec![2; 30_000]));
    assert_eq!((small.status, small.body), (200, vec![3; 3000]));
}

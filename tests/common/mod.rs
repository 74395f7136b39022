//! The parts that tests share: the real server in a folder of its own, and clients to talk to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

pub mod backend;
pub mod captures;
pub mod ffmpeg;
pub mod flv;
#[path = "../../src/test_folder.rs"]
mod folder;
pub mod hls;
pub mod http;
pub mod media;
pub mod mp4;
pub mod nginx;
pub mod player;
pub mod raw;
pub mod record;
pub mod tls;
pub mod ts;

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use folder::Folder;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::sockopt::{Linger, ReuseAddr};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockopt, setsockopt, socket};
use nix::unistd::Pid;

/// The limit, on a busy machine, of what should happen at once.
pub const SOON: Duration = Duration::from_secs(15);

/// The text between a count of lines that the log leaves out and the first of them.
pub const LEFT_OUT: &str = " more lines within a second like: ";

/// Polls until there is something; fails after `limit`, saying what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Measures until it takes less than `limit`, five times at most: a busy machine is late now and then, a server that
/// waits is late each time.
pub fn is_done_within(limit: Duration, mut measure: impl FnMut() -> Duration) {
    let mut times = Vec::new();
    while times.len() < 5 {
        let took = measure();
        if took < limit {
            return;
        }
        times.push(took);
    }
    panic!("not once within {limit:?}: {times:?}");
}

/// All files below a folder, and its folders: their paths and contents. None if there is no such folder.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push((path.display().to_string(), Vec::new()));
            found.extend(files_below(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

/// Says, past the harness's capture, that the calling test could not be tried here; `scripts/test` does not count it.
pub fn not_tested(why: &str) {
    let thread = std::thread::current();
    let _ = writeln!(io::stderr(), "NOT TESTED: {}: {why}", thread.name().unwrap_or("a test"));
}

/// Polls until it holds.
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, SOON, || holds().then_some(()));
}

/// A port that nobody listens on, and that the kernel gives to nobody who connects meanwhile. Test programs that have
/// been started one after the other begin 64 ports apart.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 250 * 64) as u16;
    let ports = (0..16_000).map(|_| 16_384 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 16_000);
    let mut free = ports.filter(|&port| is_free(port));
    free.next().unwrap()
}

/// Whether nobody listens on a port. It does not listen itself: a program that another test is just starting has a copy of
/// the socket for a moment, which would hold the port.
fn is_free(port: u16) -> bool {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&socket, ReuseAddr, &true).unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port)).is_ok()
}

/// Ends a connection. Just closing it would not: a program that another test is starting has a copy of the socket for a
/// moment. One that is to end with a reset does not end before.
pub fn hang_up(stream: &TcpStream) {
    if getsockopt(stream, Linger).is_ok_and(|linger| linger.l_onoff == 0) {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Reads once, whatever signals come.
pub fn read_once(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The text that a program has written to standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The binary, ready to get arguments.
pub fn millstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.env_remove("RUST_LOG").env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
    command
}

/// The user and group that owns nothing.
const NOBODY: u32 = 65_534;

/// The binary, ready to be run as nobody; none if that cannot be, since only root runs programs as somebody else.
pub fn millstream_as_nobody() -> Option<Command> {
    let command = || {
        let mut command = millstream();
        command.uid(NOBODY).gid(NOBODY);
        command
    };
    let runs = command().arg("-v").output().is_ok_and(|output| output.status.success());
    runs.then(command)
}

/// Runs the binary to its end, which must come soon.
pub fn run(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + SOON;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() >= deadline {
            child.kill().unwrap();
            panic!("still runs: {command:?}: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// A running server.
pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    /// The folder that it runs in; in configurations, FOLDER stands for its path.
    pub folder: Folder,
    /// Its addresses for RTMP, in the order of the configuration.
    pub rtmp: Vec<SocketAddr>,
    /// Its addresses for HTTP.
    pub http: Vec<SocketAddr>,
}

impl Server {
    /// Starts the server in a fresh folder, without a pid file, and waits until it listens.
    pub fn start(configuration: &str) -> Self {
        Self::start_in(Folder::new(), &format!("pid off;\n{configuration}"))
    }

    /// An application `live` with these directives, and the folder's files by HTTP.
    pub fn live(directives: &str) -> Self {
        Self::start(&format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}
             http {{ server {{ listen 127.0.0.1:0; location / {{ root FOLDER; }} }} }}"
        ))
    }

    /// Starts the server in a folder that is there already.
    pub fn start_in(folder: Folder, configuration: &str) -> Self {
        Self::start_with(millstream(), folder, configuration)
    }

    /// The same by a command to which the arguments of the server are added.
    pub fn start_with(mut command: Command, folder: Folder, configuration: &str) -> Self {
        let text = configuration.replace("FOLDER", folder.to_str().unwrap());
        let file = folder.write("millstream.conf", &text);
        command.current_dir(&*folder).arg("-c").arg(file);
        let code = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let listens = code.flat_map(|line| line.split("listen ").skip(1));
        let mut addresses: Vec<_> = listens.filter_map(|rest| rest.split([';', ' ']).next()).collect();
        // Servers of HTTP may share an address; each port 0 is one of its own.
        let chosen_later = addresses.iter().filter(|address| address.ends_with(":0")).count();
        addresses.retain(|address| !address.ends_with(":0"));
        addresses.sort_unstable();
        addresses.dedup();
        Self::spawn(folder, command, addresses.len() + chosen_later)
    }

    /// Starts a server that may have so many files open, sockets included.
    pub fn with_descriptors(limit: u32, configuration: &str) -> Self {
        Self::with_descriptors_in(Folder::new(), limit, &format!("pid off;\n{configuration}"))
    }

    /// The same in a folder that is there already.
    pub fn with_descriptors_in(folder: Folder, limit: u32, configuration: &str) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_millstream")]);
        shell.env_remove("RUST_LOG").env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
        Self::start_with(shell, folder, configuration)
    }

    /// Runs a command that starts a server with so many listeners.
    pub fn spawn(folder: Folder, mut command: Command, listeners: usize) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, sink) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut server =
            Self { child, log, reader: Some(reader), folder, rtmp: Vec::new(), http: Vec::new() };
        server.find_ports(listeners);
        server
    }

    fn find_ports(&mut self, count: usize) {
        until("the server listens", SOON, || {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                self.join_reader();
                panic!("the server did not start: {}", self.log());
            }
            (self.lines("listening for ").len() >= count).then_some(())
        });
        self.rtmp = self.addresses("RTMP");
        self.http = self.addresses("HTTP");
        // Signals are its own from here on.
        wait("the server handles signals", || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
            // This is the last one that it takes.
            u64::from_str_radix(mask, 16).unwrap() & 1 << (Signal::SIGXFSZ as u32 - 1) != 0
        });
    }

    /// The first RTMP address.
    pub fn rtmp(&self) -> SocketAddr {
        self.rtmp[0]
    }

    /// The first HTTP address.
    pub fn http(&self) -> SocketAddr {
        self.http[0]
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The log lines that contain `text`.
    pub fn lines(&self, text: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Waits for a log line that contains `text`.
    pub fn wait_log(&self, text: &str) -> String {
        until(&format!("a log line with {text:?}"), SOON, || self.lines(text).into_iter().next())
    }

    /// The number of logged lines that contain `text`, those included that were only counted.
    pub fn count_lines(&self, text: &str) -> usize {
        let left_out = |line: &str| line.split_once(LEFT_OUT)?.0.rsplit(' ').next()?.parse().ok();
        self.lines(text).iter().map(|line| left_out(line).unwrap_or(1)).sum()
    }

    /// Waits until `count` lines that contain `text` have been logged.
    pub fn wait_lines(&self, text: &str, count: usize) {
        wait(&format!("{count} log lines with {text:?}"), || self.count_lines(text) >= count);
    }

    /// Waits until `count` lines that contain `text` have been logged, and there are no more of them.
    pub fn expect_lines(&self, text: &str, count: usize) {
        self.wait_lines(text, count);
        assert_eq!(self.count_lines(text), count, "{text:?} in {}", self.log());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    /// Writes its configuration again. FOLDER stands for its folder.
    pub fn configure(&self, configuration: &str) {
        let text = configuration.replace("FOLDER", self.folder.to_str().unwrap());
        self.folder.write("millstream.conf", text);
    }

    /// Writes its configuration again, and has it reloaded: waits for the `count`th reload since the start.
    pub fn reload(&self, configuration: &str, count: usize) {
        self.configure(configuration);
        self.signal(Signal::SIGHUP);
        self.wait_lines("[info] reloaded ", count);
    }

    /// The addresses that it has begun to listen on for a protocol, over TLS or not, those of reloads included.
    pub fn addresses(&self, protocol: &str) -> Vec<SocketAddr> {
        let lines = self.lines(&format!("listening for {protocol}"));
        lines.iter().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
    }

    /// True if it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and for the end of its log.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let status = until("the server exits", limit, || self.child.try_wait().unwrap());
        self.join_reader();
        status
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }

    /// Stops it as an operator would, and waits for its end.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        assert!(self.wait_exit(SOON).success(), "{}", self.log());
    }

    /// Its resident memory in kilobytes.
    pub fn resident(&self) -> u64 {
        self.kilobytes("VmRSS:")
    }

    /// The most that it has had of that.
    pub fn peak(&self) -> u64 {
        self.kilobytes("VmHWM:")
    }

    fn kilobytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Kilobytes of its files in memory, which are not resident: nothing maps them.
    pub fn in_memory(&self) -> u64 {
        let open =
            fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().map(|entry| entry.unwrap().path());
        let is_memory = |path: &PathBuf| {
            fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("/memfd:"))
        };
        open.filter(is_memory).map(|path| fs::metadata(path).unwrap().blocks() / 2).sum()
    }

    /// Bytes that the kernel has taken from it for a client and that have not arrived (`tx_queue` in proc(5)).
    pub fn in_the_kernel(&self, client: SocketAddr) -> u64 {
        let ends = [self.rtmp().port(), client.port()].map(|port| format!(":{port:04X}"));
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut found = rows.filter(|row| row[1].ends_with(&ends[0]) && row[2].ends_with(&ends[1]));
        let queues = found.next().expect("the server's end of the connection")[4];
        u64::from_str_radix(queues.split(':').next().unwrap(), 16).unwrap()
    }

    /// Hundredths of a second that it has had of the processor.
    pub fn ticks(&self) -> u64 {
        let line = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<_> = line.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The number of its open file descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_reader();
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{log}");
        } else {
            assert!(!log.contains("panicked"), "the server panicked:\n{log}");
        }
    }
}

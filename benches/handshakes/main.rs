//! Clients of HTTPS for scripts/bench tls: each connects, asks for a small file, reads the answer and leaves, again and
//! again. What they cost themselves is told apart from what the server's processes cost.

#[path = "../load/process.rs"]
#[expect(dead_code, reason = "nobody here asks for memory, or for this program's own time")]
mod process;
#[path = "../load/tls.rs"]
mod tls;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use getopts::Options;
use nix::sys::resource::{UsageWho, getrusage};
use rustls::client::Resumption;
use rustls::{HandshakeKind, StreamOwned};

use process::Processes;
use tls::Tls;

/// How long a server may take for one connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be done.
struct Plan {
    address: SocketAddr,
    tls: Tls,
    request: Vec<u8>,
    /// Clients at a time.
    clients: usize,
    measure: Duration,
    server: Vec<String>,
}

/// What the clients count.
#[derive(Default)]
struct Tally {
    handshakes: AtomicUsize,
    /// Those that an earlier one has shortened.
    resumed: AtomicUsize,
}

fn main() -> ExitCode {
    let result = parse().and_then(|plan| run(&plan).map_err(|error| error.to_string()));
    match result {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("handshakes: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> io::Result<String> {
    let (server, tally) = (Processes::new(&plan.server), Tally::default());
    // The first is not measured: it brings what shortens the others.
    visit(plan, &Tally::default())?;
    let (server_time, own_before, begun) = (server.time()?, own_time()?, Instant::now());
    let end = begun + plan.measure;
    let client = || -> io::Result<()> {
        while Instant::now() < end {
            visit(plan, &tally)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap_or(Ok(())))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(format!(
        "{{\"seconds\":{seconds},\"handshakes\":{},\"resumed\":{},\"server_time\":{},\"own_time\":{}}}",
        tally.handshakes.load(Ordering::Relaxed),
        tally.resumed.load(Ordering::Relaxed),
        server.time()?.saturating_sub(server_time).as_secs_f64(),
        own_time()? - own_before,
    ))
}

/// The seconds that all threads of this program have run, those included that have ended.
fn own_time() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times.iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum())
}

/// One connection, from its beginning to its end.
fn visit(plan: &Plan, tally: &Tally) -> io::Result<()> {
    let tcp = TcpStream::connect(plan.address)?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let mut client = StreamOwned::new(plan.tls.connection(plan.address.ip())?, tcp);
    client.write_all(&plan.request)?;
    client.flush()?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(format!("the answer is {}", String::from_utf8_lossy(&answer))));
    }
    tally.handshakes.fetch_add(1, Ordering::Relaxed);
    if client.conn.handshake_kind() == Some(HandshakeKind::Resumed) {
        tally.resumed.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn parse() -> Result<Plan, String> {
    let mut options = Options::new();
    options
        .reqopt("", "authority", "the certificate that has signed the server's", "FILE")
        .optopt("", "suite", "the only suite that is offered", "TLS13_...")
        .optopt("", "path", "what is asked for (/)", "PATH")
        .optopt("", "clients", "clients at a time (8)", "N")
        .optopt("", "measure", "milliseconds to measure (5000)", "N")
        .optmulti("", "server", "a process whose time is measured; may be repeated", "PID")
        .optflag("", "resume", "handshakes are shortened by earlier ones")
        // Cargo hands this to every benchmark.
        .optflag("", "bench", "");
    let usage = || options.usage("usage: handshakes [options] ADDRESS\n\nConnects again and again.");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let matches = options.parse(&arguments).map_err(|error| format!("{error}\n{}", usage()))?;
    let [address] = matches.free.as_slice() else { return Err(usage()) };
    let number = |name: &str, default: usize| {
        matches.opt_get_default(name, default).map_err(|error| format!("--{name}: {error}"))
    };
    let resumption = if matches.opt_present("resume") {
        Resumption::in_memory_sessions(64)
    } else {
        Resumption::disabled()
    };
    let authority = matches.opt_str("authority").unwrap_or_default();
    let path = matches.opt_str("path").unwrap_or_else(|| "/".into());
    Ok(Plan {
        address: address.parse().map_err(|error| format!("{address}: {error}"))?,
        tls: Tls::new(Path::new(&authority), matches.opt_str("suite").as_deref(), resumption)
            .map_err(|error| format!("--authority {authority}: {error}"))?,
        request: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes(),
        clients: number("clients", 8)?.max(1),
        measure: Duration::from_millis(number("measure", 5000)? as u64),
        server: matches.opt_strs("server"),
    })
}

//! The command line.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use getopts::{Matches, Options};
use rustls::client::Resumption;

use super::flv::Carrier;
use super::publisher::Rates;
use super::tls::Tls;
use super::{clip, pace};

/// The longest time that everything may take to connect.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be done.
pub struct Plan {
    pub address: SocketAddr,
    /// Players take FLV over this, from this address.
    pub flv: Option<(Carrier, SocketAddr)>,
    /// The connections are encrypted.
    pub tls: Option<Tls>,
    pub application: String,
    /// Streams published.
    pub streams: usize,
    /// Players of each stream, probes among them.
    pub players: usize,
    /// Probes in all, spread over the players.
    pub probes: usize,
    /// Players of each stream beside them that take no more than so many bytes a second.
    pub slow: usize,
    pub slow_rate: usize,
    /// Players that come and go, a second.
    pub churn: usize,
    /// Players of a stream that nobody publishes.
    pub idle: usize,
    pub rates: Rates,
    /// The server is the floor: players say nothing, probes look at nothing, and behind them comes one who sends a
    /// byte for each frame.
    pub raw: bool,
    /// Nobody publishes: each player gets a file.
    pub files: bool,
    /// From the last publisher to the server's memory with publishers alone.
    pub settle: Duration,
    pub warm_up: Duration,
    pub measure: Duration,
    /// Measures on, after a line of output, until the standard input ends: what comes before is the base.
    pub until_told: bool,
    /// The server's processes.
    pub server: Vec<String>,
}

/// Reads the command line; the error is what to print.
pub fn parse(arguments: &[String]) -> Result<Plan, String> {
    let options = table();
    let matches = options.parse(arguments).map_err(|error| error.to_string())?;
    if matches.opt_present("h") {
        return Err(options.usage("usage: load [options] ADDRESS\n\nPublishes to and plays from a server; prints what was received."));
    }
    let [address] = matches.free.as_slice() else {
        return Err("one address is needed; -h tells more".into());
    };
    let (rates, streams) = (rates(&matches)?, number(&matches, "streams", 1)?);
    let raw = matches.opt_present("raw");
    let files = matches.opt_present("files");
    if files && number(&matches, "probes", 0)? > 0 {
        return Err("--files: probes know what is published, and no files".into());
    }
    if raw && !files && (rates.audio > 0 || streams != 1) {
        return Err("--raw is for one stream of video".into());
    }
    Ok(Plan {
        flv: flv(&matches)?,
        tls: tls(&matches)?,
        address: address.parse().map_err(|error| format!("{address}: {error}"))?,
        application: matches.opt_str("application").unwrap_or_else(|| "live".into()),
        streams,
        players: number(&matches, "players", 0)?,
        probes: number(&matches, "probes", 0)?,
        slow: number(&matches, "slow", 0)?,
        slow_rate: number(&matches, "slow-rate", 20_000)?,
        churn: number(&matches, "churn", 0)?,
        idle: number(&matches, "idle", 0)?,
        rates,
        raw,
        files,
        settle: Duration::from_millis(number(&matches, "settle", 2500)? as u64),
        warm_up: Duration::from_millis(number(&matches, "warm-up", 2500)? as u64),
        measure: Duration::from_millis(number(&matches, "measure", 5000)? as u64),
        until_told: matches.opt_present("until-told"),
        server: matches.opt_strs("server"),
    })
}

fn flv(matches: &Matches) -> Result<Option<(Carrier, SocketAddr)>, String> {
    let found = [("http-flv", Carrier::Http), ("websocket-flv", Carrier::WebSocket)].into_iter();
    let Some((name, carrier, address)) =
        found.filter_map(|(name, carrier)| Some((name, carrier, matches.opt_str(name)?))).next()
    else {
        return Ok(None);
    };
    let address = address.parse().map_err(|error| format!("--{name} {address}: {error}"))?;
    Ok(Some((carrier, address)))
}

fn tls(matches: &Matches) -> Result<Option<Tls>, String> {
    let Some(authority) = matches.opt_str("authority") else { return Ok(None) };
    let suite = matches.opt_str("suite");
    Tls::new(Path::new(&authority), suite.as_deref(), Resumption::disabled())
        .map(Some)
        .map_err(|error| format!("--authority {authority}: {error}"))
}

fn rates(matches: &Matches) -> Result<Rates, String> {
    let rates = Rates {
        video: number(matches, "video", 2_000_000)? as u64,
        audio: number(matches, "audio", 0)? as u64,
        group: (number(matches, "group", pace::GROUP as usize)? as u64).max(1),
    };
    let largest = pace::frame_size(rates.video, rates.group, 0);
    if largest > clip::LARGEST {
        return Err(format!("--video: a key frame has {largest} bytes, over {}", clip::LARGEST));
    }
    Ok(rates)
}

fn table() -> Options {
    let mut options = Options::new();
    options
        .optopt("", "application", "application to publish to and play from (live)", "NAME")
        .optopt("", "streams", "streams to publish (1)", "N")
        .optopt("", "players", "players of each stream (0)", "N")
        .optopt("", "probes", "how many of all players check every byte and measure latency (0)", "N")
        .optopt("", "slow", "players of each stream beside them that read slowly (0)", "N")
        .optopt("", "slow-rate", "bytes a second that those read (20000)", "N")
        .optopt("", "churn", "players that come, and leave after a second, a second (0)", "N")
        .optopt("", "idle", "players of a stream that nobody publishes (0)", "N")
        .optopt("", "video", "bits a second of each stream's video (2000000)", "N")
        .optopt("", "audio", "bits a second of each stream's audio; 0 for none (0)", "N")
        .optopt("", "group", "frames from a key frame to the next (60)", "N")
        .optopt("", "settle", "milliseconds from the last publisher to the first player (2500)", "N")
        .optopt("", "warm-up", "milliseconds from the last connection to the measurement (2500)", "N")
        .optopt("", "measure", "milliseconds to measure (5000)", "N")
        .optopt("", "http-flv", "players take FLV over HTTP from here", "ADDRESS")
        .optopt("", "websocket-flv", "players take FLV over WebSocket from here", "ADDRESS")
        .optopt("", "authority", "over TLS, with a server whose certificate this one has signed", "FILE")
        .optopt("", "suite", "of TLS, this alone (AES_256_GCM_SHA384 is preferred)", "TLS13_...")
        .optmulti("", "server", "a process whose time and memory is measured; may be repeated", "PID")
        .optflag("", "until-told", "then says so by a line, and measures anew until the standard input ends")
        .optflag(
            "",
            "files",
            "nobody publishes: players get files of the names of streams, of the bit rate of the video",
        )
        .optflag("", "raw", "the server is the floor: players only receive")
        .optflag("h", "help", "prints this");
    // Cargo hands this to every benchmark.
    options.optflag("", "bench", "");
    options
}

fn number(matches: &Matches, name: &str, default: usize) -> Result<usize, String> {
    matches.opt_get_default(name, default).map_err(|error| format!("--{name}: {error}"))
}

//! The command line.

use std::path::Path;
use std::time::Duration;

use getopts::{Matches, Options};
use rustls::client::Resumption;

use super::tls::Tls;
use super::transport::Target;

/// What is to be done.
pub struct Plan {
    pub attack: String,
    pub rtmp: Target,
    pub http: Target,
    /// Connections that attack at once.
    pub peers: usize,
    /// What each of them does so many times.
    pub count: usize,
    /// Bytes of a message.
    pub size: usize,
    /// What there must be before: streams, fragments.
    pub before: usize,
    /// When the attack is broken off.
    pub limit: Duration,
}

/// Reads the command line; the error is what to print.
pub fn parse(arguments: &[String]) -> Result<Plan, String> {
    let options = table();
    let matches = options.parse(arguments).map_err(|error| error.to_string())?;
    let [attack, rtmp, http] = matches.free.as_slice() else {
        return Err(
            options.usage("usage: attack [options] NAME RTMP HTTP\n\nAttacks a server at two addresses.")
        );
    };
    let tls = tls(&matches)?;
    let target = |text: &str| {
        let address = text.parse().map_err(|error| format!("{text}: {error}"))?;
        Ok::<_, String>(Target { address, tls: tls.clone() })
    };
    Ok(Plan {
        attack: attack.clone(),
        rtmp: target(rtmp)?,
        http: target(http)?,
        peers: number(&matches, "peers", 1)?,
        count: number(&matches, "count", 1)?,
        size: number(&matches, "size", 0)?,
        before: number(&matches, "before", 0)?,
        limit: Duration::from_secs(number(&matches, "limit", 30)? as u64),
    })
}

fn tls(matches: &Matches) -> Result<Option<Tls>, String> {
    let Some(authority) = matches.opt_str("authority") else { return Ok(None) };
    Tls::new(Path::new(&authority), None, Resumption::disabled())
        .map(Some)
        .map_err(|error| format!("--authority {authority}: {error}"))
}

fn table() -> Options {
    let mut options = Options::new();
    options
        .optopt("", "peers", "connections that attack at once (1)", "N")
        .optopt("", "count", "what each of them does so many times (1)", "N")
        .optopt("", "size", "bytes of a message", "N")
        .optopt("", "before", "streams or fragments that there must be before (0)", "N")
        .optopt("", "authority", "over TLS, with a server whose certificate this one has signed", "FILE")
        .optopt("", "limit", "seconds after which the attack is broken off (30)", "N");
    // Cargo hands this to every benchmark.
    options.optflag("", "bench", "");
    options
}

fn number(matches: &Matches, name: &str, default: usize) -> Result<usize, String> {
    matches.opt_get_default(name, default).map_err(|error| format!("--{name}: {error}"))
}

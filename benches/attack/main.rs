//! Hostile peers, one kind a run, for scripts/bench worst: while they do their worst, players of another stream are
//! measured by the load.
//!
//! Everything is prepared first: bytes, connections, what must have been published before. Then the program says
//! "ready" and waits for a line; at the end it says how long the attack took. A server may hang up on a hostile peer:
//! that is counted, and no failure.

mod crowd;
mod http;
mod media;
mod options;
mod peer;
mod publish;
mod start;
#[path = "../load/tls.rs"]
mod tls;
mod transport;
#[path = "../load/wire.rs"]
#[expect(dead_code, reason = "nobody here reads media")]
mod wire;

use std::io;
use std::process::ExitCode;

use options::Plan;
use start::Start;

/// A kind of attack: prepares, starts, attacks.
type Attack = fn(&Plan, &Start) -> io::Result<()>;

/// All of them, by name.
const ATTACKS: [(&str, Attack); 25] = [
    ("nal-units", publish::nal_units),
    ("start-codes", publish::start_codes),
    ("syncframes", publish::syncframes),
    ("aggregates", publish::aggregates),
    ("media-time", publish::media_time),
    ("event", publish::event),
    ("ended", publish::ended),
    ("churn", publish::churn),
    ("steady", publish::steady),
    ("listing", http::listing),
    ("long-paths", http::long_paths),
    ("downloads", http::downloads),
    ("cold-files", http::cold_files),
    ("statistics", http::statistics),
    ("pipelines", http::pipelines),
    ("crowd-silent", crowd::silent),
    ("crowd-handshaken", crowd::handshaken),
    ("crowd-connected", crowd::connected),
    ("crowd-unfinished", crowd::unfinished),
    ("crowd-replies", crowd::replies),
    ("crowd-players", crowd::players),
    ("crowd-slow-players", crowd::slow_players),
    ("crowd-publishers", crowd::publishers),
    ("crowd-idle", crowd::idle),
    ("crowd-downloads", crowd::downloads),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = match options::parse(&arguments) {
        Ok(plan) => plan,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let Some((_, attack)) = ATTACKS.iter().find(|(name, _)| *name == plan.attack) else {
        eprintln!("there is no attack {}", plan.attack);
        return ExitCode::from(2);
    };
    let start = Start::new(plan.limit);
    match attack(&plan, &start) {
        Ok(()) => {
            println!("{}", start.report());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("attack: {}: {error}", plan.attack);
            ExitCode::FAILURE
        }
    }
}

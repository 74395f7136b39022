//! The load of scripts/bench: publishers and players in one thread, and what they have seen.
//!
//! Most players throw away what they receive within the kernel, so that thousands fit beside the server;
//! a few compare every byte and measure how long each message took. Nothing here shares code with the
//! server's RTMP, FLV and WebSocket.

#![expect(clippy::cast_possible_truncation, reason = "numbers of this program's own making")]

mod client;
mod clip;
mod crowd;
mod flv;
mod latency;
mod options;
mod pace;
mod probe;
mod process;
mod publisher;
mod report;
mod tls;
mod wire;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use client::{Client, Role};
use crowd::Crowd;
use latency::Latency;
use options::Plan;
use process::Processes;
use report::{PARTS, Report};

/// What a player must receive at least of what is published while it is measured: the rest may be on its
/// way, the more so if the server merges what it writes. (That nothing is lost, probes see.)
const LEAST_PER_CENT: u64 = 50;
/// How long the last of it may be on its way, on a machine that others keep busy.
const GRACE: Duration = Duration::from_secs(3);
/// How often it is looked for in that time.
const GRACE_STEP: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = match options::parse(&arguments) {
        Ok(plan) => plan,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    match run(&plan) {
        Ok(report) => {
            println!("{}", report.json());
            if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> io::Result<Report> {
    let server = Processes::new(&plan.server);
    let mut crowd = Crowd::new(plan)?;
    let mut memory = [server.memory()?; 3];
    if plan.files {
        crowd.bring_players()?;
    } else if plan.raw {
        crowd.bring_players()?;
        crowd.bring_publishers()?;
    } else {
        crowd.bring_publishers()?;
        crowd.pass(plan.settle)?;
        memory[1] = server.memory()?;
        crowd.bring_players()?;
    }
    crowd.pass(plan.warm_up)?;
    let mut report = measure(&mut crowd, &server, None)?;
    if plan.until_told {
        report.base = Some(crowd.take_latency().within(PARTS));
        println!("base");
        report = Report { base: report.base, ..measure(&mut crowd, &server, Some(&end_of_input()))? };
    }
    memory[2] = server.memory()?;
    report.memory = memory;
    let expected = least_expected(plan, &report);
    crowd.publishes = false;
    let all_received = |crowd: &Crowd| crowd.clients.iter().all(|(_, client)| has_received(client, expected));
    let deadline = Instant::now() + GRACE;
    while !all_received(&crowd) && Instant::now() < deadline {
        crowd.pass(GRACE_STEP)?;
    }
    judge(crowd, expected, &mut report);
    Ok(report)
}

/// Is told when the standard input ends.
fn end_of_input() -> Arc<AtomicBool> {
    let told = Arc::new(AtomicBool::new(false));
    let teller = Arc::clone(&told);
    std::thread::spawn(move || {
        // Input that fails has ended, too.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        teller.store(true, Ordering::Relaxed);
    });
    told
}

/// Everything between two moments: for as long as is planned, or until somebody says so.
fn measure(crowd: &mut Crowd, server: &Processes, until: Option<&AtomicBool>) -> io::Result<Report> {
    let own = Processes::own();
    for (_, client) in &mut crowd.clients {
        client.before = client.received;
    }
    (crowd.measures, crowd.latest) = (true, Duration::ZERO);
    let (totals, begun) = (crowd.totals(), Instant::now());
    let (own_time, server_time) = (own.time()?, server.time()?);
    match until {
        Some(told) => crowd.pass_until(told)?,
        None => crowd.pass(crowd.plan.measure)?,
    }
    let after = crowd.totals();
    Ok(Report {
        server_time: server.time()?.saturating_sub(server_time),
        own_time: own.time()?.saturating_sub(own_time),
        seconds: begun.elapsed().as_secs_f64(),
        published_messages: after.published - totals.published,
        published_bytes: after.published_bytes - totals.published_bytes,
        received_bytes: after.received - totals.received,
        latest: crowd.latest,
        visits: crowd.visits,
        ..Report::default()
    })
}

/// The bytes that a player must have received.
fn least_expected(plan: &Plan, report: &Report) -> u64 {
    let sent = if plan.raw || plan.files {
        (plan.rates.video as f64 / 8.0 * report.seconds) as u64
    } else {
        report.published_bytes / plan.streams.max(1) as u64
    };
    sent * LEAST_PER_CENT / 100
}

/// Whether a player has received so much since it is measured, and a probe anything.
fn has_received(client: &Client, expected: u64) -> bool {
    match &client.role {
        Role::Player => client.received - client.before >= expected,
        Role::Probe(probe) => probe.latency.count() > 0,
        _ => true,
    }
}

/// What the players say.
fn judge(crowd: Crowd, expected: u64, report: &mut Report) {
    let mut latency = Latency::default();
    let mut least = None;
    for (key, client) in crowd.clients {
        let received = client.received - client.before;
        match client.role {
            Role::Player => least = Some(least.unwrap_or(received).min(received)),
            Role::Probe(probe) => {
                report.faults.extend(probe.fault.map(|fault| format!("probe {key}: {fault}")));
                if probe.latency.count() == 0 {
                    report.faults.push(format!("probe {key}: nothing arrived while it measured"));
                }
                latency.merge(probe.latency);
            }
            _ => {}
        }
    }
    report.least_received = least.unwrap_or(0);
    if report.least_received < expected && least.is_some() {
        let fault = format!("a player received {} bytes of at least {expected}", report.least_received);
        report.faults.push(fault);
    }
    report.probe_messages = latency.count();
    report.latency = latency.within(PARTS);
}

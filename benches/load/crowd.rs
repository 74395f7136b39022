//! All connections of a run, and the loop that serves them.
//!
//! Players that throw everything away are looked after every few milliseconds: were the generator woken
//! for each message, the server would pay for the wake-up (some microseconds on a virtual machine), and
//! the more of them, the faster the generator is. No player on a network costs a server that.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::client::{Client, Greeting, Role, Stage};
use super::clip::Clip;
use super::latency::Latency;
use super::options::{PATIENCE, Plan};
use super::probe::Probe;
use super::publisher::Publisher;

/// Connections in their handshake at a time: no server's queue of new connections overflows.
const HANDSHAKES: usize = 32;
/// Events taken from the kernel at once; few, so that a probe among them does not wait for long.
const EVENTS: usize = 256;
/// Bytes that a probe reads at once.
const SCRATCH: usize = 256 * 1024;
/// Bytes that a player throws away at once. Nothing is ever written there.
const SPACE: usize = 8 << 20;
/// How often players read that throw everything away; soon enough for what a socket holds, and for the
/// delayed acknowledgement (40 ms), which would otherwise be sent on the server's processor.
const PLAYER_TICK: Duration = Duration::from_millis(4);
/// How often slow players read.
const SLOW_TICK: Duration = Duration::from_millis(100);
/// How often the end of a measurement is looked for whose length nobody knows.
const LOOK: Duration = Duration::from_millis(20);
/// How long a player stays that comes and goes.
const VISIT: Duration = Duration::from_secs(1);
/// The stream that nobody publishes.
const SILENT: &str = "silent";

/// What a run has seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Messages published, and the bytes of their payloads.
    pub published: u64,
    pub published_bytes: u64,
    /// Bytes that arrived at any player.
    pub received: u64,
}

/// Everyone who is connected.
pub struct Crowd<'a> {
    pub plan: &'a Plan,
    pub clients: Slab<Client>,
    /// Whether probes keep what they measure.
    pub measures: bool,
    /// Whether frames are sent when they are due.
    pub publishes: bool,
    /// The longest time that a message was sent after it was due, since this was set to zero.
    pub latest: Duration,
    /// Players that came and went.
    pub visits: u64,
    clip: Clip,
    /// Tells at once: of publishers, probes, handshakes.
    alert: Poll,
    /// Is asked every [`PLAYER_TICK`]: who else has received something.
    patient: Poll,
    next_tick: Instant,
    events: Events,
    begun: Instant,
    handshakes: usize,
    schedule: BinaryHeap<Reverse<(Instant, usize)>>,
    visitors: VecDeque<(Instant, usize)>,
    next_visit: Option<Instant>,
    next_slow: Option<Instant>,
    departed: u64,
    scratch: Vec<u8>,
    space: Vec<u8>,
    body: Vec<u8>,
    out: Vec<u8>,
}

impl<'a> Crowd<'a> {
    /// Nobody yet.
    pub fn new(plan: &'a Plan) -> io::Result<Self> {
        Ok(Self {
            plan,
            clients: Slab::new(),
            measures: false,
            publishes: true,
            latest: Duration::ZERO,
            visits: 0,
            clip: Clip::new(plan.rates.group),
            alert: Poll::new()?,
            patient: Poll::new()?,
            next_tick: Instant::now(),
            events: Events::with_capacity(EVENTS),
            begun: Instant::now(),
            handshakes: 0,
            schedule: BinaryHeap::new(),
            visitors: VecDeque::new(),
            next_visit: None,
            next_slow: None,
            departed: 0,
            scratch: vec![0; SCRATCH],
            space: vec![0; SPACE],
            body: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Connects the publishers; returns when all may publish.
    pub fn bring_publishers(&mut self) -> io::Result<()> {
        let count = self.plan.streams;
        for stream in 0..count {
            // Their frames are due one after the other, as those of strangers are.
            let offset = Duration::from_secs(1) * stream as u32 / count as u32;
            let publisher = Publisher::new(stream, self.plan.rates, Instant::now() + offset);
            let due = publisher.due();
            let key = self.bring(Role::Publisher(publisher), &name(stream))?;
            if self.plan.raw {
                self.schedule.push(Reverse((due, key)));
            }
        }
        self.wait_for_handshakes(0)
    }

    /// Connects the players; returns when all have asked to play.
    pub fn bring_players(&mut self) -> io::Result<()> {
        let Plan { streams, players, probes, slow, idle, .. } = *self.plan;
        let all = streams * players;
        for index in 0..all {
            // Probes stand evenly among the others, in whose order a server may send; each round of players
            // begins one stream later, so that they do not meet one stream only.
            let stream = (index + index / streams) % streams;
            let is_probe = (index + 1) * probes / all > index * probes / all;
            let role = match is_probe {
                true if self.plan.raw => Role::Woken,
                true => Role::Probe(Box::new(Probe::new(stream))),
                false => Role::Player,
            };
            self.bring(role, &name(stream))?;
        }
        for index in 0..streams * slow {
            let bytes = self.plan.slow_rate * SLOW_TICK.as_millis() as usize / 1000;
            self.bring(Role::Slow(bytes), &name(index % streams))?;
            self.next_slow = Some(Instant::now());
        }
        for _ in 0..idle {
            self.bring(Role::Idle, SILENT)?;
        }
        self.wait_for_handshakes(0)?;
        self.next_visit = (self.plan.churn > 0).then(Instant::now);
        Ok(())
    }

    /// Goes on for so long.
    pub fn pass(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(end)?;
        }
        Ok(())
    }

    /// Goes on until somebody says so, but looks up only now and then.
    pub fn pass_until(&mut self, told: &AtomicBool) -> io::Result<()> {
        while !told.load(Ordering::Relaxed) {
            self.pass(LOOK)?;
        }
        Ok(())
    }

    /// Takes what all probes have measured so far.
    pub fn take_latency(&mut self) -> Latency {
        let mut all = Latency::default();
        for (_, client) in &mut self.clients {
            if let Role::Probe(probe) = &mut client.role {
                all.merge(std::mem::take(&mut probe.latency));
            }
        }
        all
    }

    /// What has happened so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { received: self.departed, ..Totals::default() };
        for (_, client) in &self.clients {
            match &client.role {
                Role::Publisher(publisher) => {
                    totals.published += publisher.messages();
                    totals.published_bytes += publisher.bytes;
                }
                _ => totals.received += client.received,
            }
        }
        totals
    }

    fn bring(&mut self, role: Role, stream: &str) -> io::Result<usize> {
        self.wait_for_handshakes(HANDSHAKES - 1)?;
        let application = self.plan.application.as_str();
        let (address, greeting) = match self.plan.flv {
            _ if self.plan.raw => (self.plan.address, Greeting::None),
            Some((carrier, address)) if !matches!(role, Role::Publisher(_)) => {
                (address, Greeting::Flv(carrier, self.plan.address.port(), application, stream))
            }
            _ => (self.plan.address, Greeting::Rtmp(application, stream)),
        };
        let mut client = Client::connect(address, self.plan.tls.as_ref(), role, greeting)?;
        let entry = self.clients.vacant_entry();
        let key = entry.key();
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = if matches!(client.role, Role::Publisher(_)) { both } else { Interest::READABLE };
        let is_patient = client.is_live() && !matches!(client.role, Role::Woken);
        let poll = if is_patient { &self.patient } else { &self.alert };
        poll.registry().register(&mut client.stream, Token(key), interest)?;
        self.handshakes += usize::from(!client.is_live());
        entry.insert(client);
        Ok(key)
    }

    fn wait_for_handshakes(&mut self, most: usize) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.handshakes > most {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{} clients were not answered", self.handshakes)));
            }
            self.turn(deadline)?;
        }
        Ok(())
    }

    /// Waits until something is to be done, `end` at the latest, and does it.
    fn turn(&mut self, end: Instant) -> io::Result<()> {
        let message = self.schedule.peek().filter(|_| self.publishes).map(|Reverse((due, _))| *due);
        let leaving = self.visitors.front().map(|(until, _)| *until);
        let due = [message, leaving, self.next_visit, self.next_slow].into_iter().flatten().min();
        let wake = due.unwrap_or(end).min(end).min(self.next_tick);
        let ready =
            take_ready(&mut self.alert, &mut self.events, wake.saturating_duration_since(Instant::now()))?;
        // Probes first: the others' system calls are no part of the latency.
        let is_probe =
            |key: &usize| matches!(self.clients.get(*key), Some(Client { role: Role::Probe(_), .. }));
        let (probes, others): (Vec<_>, Vec<_>) = ready.into_iter().partition(is_probe);
        self.serve_all(probes.into_iter().chain(others))?;
        self.publish_due()?;
        self.serve_patient()?;
        self.serve_slow();
        self.change_visitors()
    }

    fn serve_all(&mut self, keys: impl Iterator<Item = usize>) -> io::Result<()> {
        for key in keys {
            self.serve(key).map_err(|error| io::Error::other(format!("client {key}: {error}")))?;
        }
        Ok(())
    }

    /// Serves some of the players that are looked after now and then, if it is time to.
    fn serve_patient(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if now < self.next_tick {
            return Ok(());
        }
        let ready = take_ready(&mut self.patient, &mut self.events, Duration::ZERO)?;
        if ready.len() < EVENTS {
            self.next_tick = now + PLAYER_TICK;
        }
        self.serve_all(ready.into_iter())
    }

    /// Reads what there is for a client, and writes what is left.
    fn serve(&mut self, key: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        if !client.is_live() {
            if !client.begin(&mut self.scratch)? {
                return Ok(());
            }
            self.handshakes -= 1;
            return self.go_live(key);
        }
        match &mut client.role {
            Role::Slow(_) => Ok(()),
            Role::Player | Role::Woken | Role::Idle | Role::Visitor => client.discard(&mut self.space, SPACE),
            Role::Publisher(_) => {
                client.flush()?;
                client.discard(&mut self.space, SPACE)
            }
            Role::Probe(_) => {
                while let Some(count) = client.read(&mut self.scratch)? {
                    let now = self.begun.elapsed().as_nanos() as u64;
                    let Role::Probe(probe) = &mut client.role else { break };
                    probe.receive(&self.scratch[..count], &self.clip, now, self.measures);
                    if count < SCRATCH && client.reads_all() {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// The handshake is over.
    fn go_live(&mut self, key: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(key) else { return Ok(()) };
        match &client.role {
            Role::Publisher(publisher) => {
                self.out.clear();
                publisher.write_headers(&mut self.out);
                self.schedule.push(Reverse((publisher.due(), key)));
                client.send(&self.out)
            }
            Role::Probe(_) => {
                let (early, now) =
                    (std::mem::take(&mut client.early), self.begun.elapsed().as_nanos() as u64);
                if let Role::Probe(probe) = &mut client.role {
                    probe.receive(&early, &self.clip, now, self.measures);
                }
                self.serve(key)
            }
            _ => {
                client.only_listen()?;
                self.alert.registry().deregister(&mut client.stream)?;
                self.patient.registry().register(&mut client.stream, Token(key), Interest::READABLE)
            }
        }
    }

    fn publish_due(&mut self) -> io::Result<()> {
        while self.publishes
            && let Some(Reverse((due, key))) = self.schedule.peek().copied()
        {
            let now = Instant::now();
            if due > now {
                break;
            }
            self.schedule.pop();
            self.latest = self.latest.max(now - due);
            let Some(client) = self.clients.get_mut(key) else { continue };
            let Role::Publisher(publisher) = &mut client.role else { continue };
            self.out.clear();
            if self.plan.raw {
                publisher.skip_next();
                self.out.push(0);
            } else {
                let sent = now.duration_since(self.begun).as_nanos() as u64;
                publisher.write_next(&self.clip, sent, &mut self.body, &mut self.out);
            }
            self.schedule.push(Reverse((publisher.due(), key)));
            if self.plan.streams == 1 {
                // When the kernel frees what has been read, and for whom, depends on how the two meet.
                self.next_tick = now + PLAYER_TICK;
            }
            client.send(&self.out).map_err(|error| io::Error::other(format!("publisher {key}: {error}")))?;
        }
        Ok(())
    }

    fn serve_slow(&mut self) {
        let now = Instant::now();
        if self.next_slow.is_none_or(|due| due > now) {
            return;
        }
        self.next_slow = Some(now + SLOW_TICK);
        for (_, client) in &mut self.clients {
            if let (Role::Slow(bytes), Stage::Live) = (&client.role, &client.stage) {
                let limit = *bytes;
                // A server may well hang up on it.
                let _ = client.discard(&mut self.space, limit);
            }
        }
    }

    /// Lets players come and go.
    fn change_visitors(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while let Some((until, key)) = self.visitors.front().copied() {
            if until > now {
                break;
            }
            self.visitors.pop_front();
            let client = self.clients.remove(key);
            self.handshakes -= usize::from(!client.is_live());
            self.departed += client.received;
            self.visits += 1;
        }
        while let Some(due) = self.next_visit.filter(|due| *due <= now) {
            self.next_visit = Some(due + Duration::from_secs(1) / self.plan.churn as u32);
            let stream = name(self.visits as usize % self.plan.streams);
            let client = self.bring(Role::Visitor, &stream)?;
            self.visitors.push_back((now + VISIT, client));
        }
        Ok(())
    }
}

/// Waits until a poll has something, at most so long; returns who.
fn take_ready(poll: &mut Poll, events: &mut Events, timeout: Duration) -> io::Result<Vec<usize>> {
    match poll.poll(events, Some(timeout)) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
        _ => {}
    }
    Ok(events.iter().map(|event| event.token().0).collect())
}

/// What the streams are called.
fn name(stream: usize) -> String {
    format!("s{stream}")
}

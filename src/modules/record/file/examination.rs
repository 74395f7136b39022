//! The examination of a file that may be appended to: its identity, its contents, the end of its last whole tag.
//!
//! A file that was written here says in its head which stream it is of, and how far it had come at some
//! time, within the last minute and 16 MiB of what it holds; only what is behind that is gone through, tag by tag, in
//! steps. Where a power cut has taken more than that, the head's index says where to begin.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::contents::{Contents, Entry};
use super::scan::{LINK, Pieces, end_of};
use super::script::Script;
use crate::media::flv::{self, FILE_HEADER, TAG_HEADER, TagHeader};
use crate::media::{Frame, Kind, time};

/// Bytes read and tags gone through in a step, which takes up to 2 ms.
const STEP: (u64, usize) = (1 << 20, 8192);
/// Places in the head's index that are looked at in a step.
const CLAIMS_A_STEP: usize = 16;
/// The longest end that is cut off, bytes. What a crash leaves is shorter; more behind a gap may be dear to
/// somebody, and giving it back to the disk takes longer than a step should.
const MAX_TORN: u64 = 32 << 20;
/// The longest file without one whole tag that is written anew: its first piece was torn.
const MAX_BLANK: u64 = 64 * 1024;
/// The longest script tag that is read; those that are written here have up to 15 KiB.
const MAX_SCRIPT: u32 = 16 * 1024;
/// So many tags from the end, the latest time is among them.
const LAST_TAGS: usize = 16;

/// A file that may be written to.
#[derive(Debug)]
pub enum Found {
    /// An FLV file with some whole tags.
    Recording(Box<Tail>),
    /// Nothing yet: it may be written anew.
    Nothing,
}

/// The reason for which a file is not appended to.
#[derive(Debug)]
pub enum Refusal {
    /// It is a recording of another stream, or another recorder's.
    AnotherRecording,
    /// It is nothing that can be appended to.
    Foreign(&'static str),
}

/// The recording in a file that is appended to.
#[derive(Debug)]
pub struct Tail {
    /// The end of the last whole tag, bytes.
    pub size: u64,
    /// Bytes behind that.
    pub torn: u64,
    /// The latest time in it, milliseconds.
    pub time: u64,
    /// Its contents; known only if it was written here.
    pub contents: Contents,
    /// The size of the file when its head was written, bytes.
    pub head_size: u64,
    /// Its script tag, if it was written here.
    pub script: Option<Script>,
}

#[derive(Debug)]
pub struct Examination {
    length: u64,
    tail: Tail,
    stage: Stage,
    scanned: u64,
}

#[derive(Debug)]
enum Stage {
    /// Places where a tag ends if the head is right, the last one to be looked at first, and what the head
    /// says of the contents.
    Claims(Vec<Entry>, Contents),
    /// From the tail's end on, tag by tag.
    Scan,
}

impl Examination {
    /// Reads the identity in a regular file's head.
    pub fn begin(file: &File, identity: &str) -> io::Result<Result<Self, Refusal>> {
        let length = file.metadata()?.len();
        if !is_flv(file, length)? {
            return Ok(Err(Refusal::Foreign("not an FLV file")));
        }
        let first = FILE_HEADER as u64;
        let contents = Contents::none();
        let mut tail = Tail { size: first, torn: 0, time: 0, contents, head_size: first, script: None };
        let mut stage = Stage::Scan;
        match read_script(file, length)? {
            Some((script, ..)) if !script.may_be_of(identity) => return Ok(Err(Refusal::AnotherRecording)),
            Some((script, contents, size)) => {
                stage = Stage::Claims(claims(&contents, size), contents);
                tail.script = Some(script);
            }
            None => {
                if let Some(time) = last_time(file, length)? {
                    (tail.size, tail.time) = (length, time.into());
                }
            }
        }
        Ok(Ok(Self { length, tail, stage, scanned: 0 }))
    }

    /// Bytes read to find the last whole tag.
    pub fn scanned(&self) -> u64 {
        self.scanned
    }

    /// Goes one step further. Returns what the file is, or why it is left alone, once that is known.
    pub fn step(&mut self, file: &File) -> io::Result<Option<Result<Found, &'static str>>> {
        if matches!(self.stage, Stage::Claims(..)) {
            self.check_claims(file)?;
            if self.tail.size < self.length {
                return Ok(None);
            }
        }
        let mut pieces = Pieces::new(file, self.length);
        let is_done = scan(&mut pieces, &mut self.tail)?;
        self.scanned += pieces.read;
        if is_done { self.conclude(file).map(Some) } else { Ok(None) }
    }

    /// Looks for the last place up to which the head is right.
    fn check_claims(&mut self, file: &File) -> io::Result<()> {
        let Stage::Claims(claims, contents) = &mut self.stage else { return Ok(()) };
        for _ in 0..CLAIMS_A_STEP {
            let Some(claim) = claims.pop() else {
                self.stage = Stage::Scan;
                return Ok(());
            };
            if let Some(time) = believe(file, self.length, claim, &self.tail)? {
                contents.cut(claim.position, time);
                self.tail.contents = std::mem::replace(contents, Contents::none());
                (self.tail.size, self.tail.head_size) = (claim.position, claim.position);
                self.tail.time = time;
                self.stage = Stage::Scan;
                return Ok(());
            }
        }
        Ok(())
    }

    /// The result, once the end of the last whole tag is known.
    fn conclude(&mut self, file: &File) -> io::Result<Result<Found, &'static str>> {
        let (length, tail) = (self.length, &mut self.tail);
        if file.metadata()?.len() != length {
            return Ok(Err("somebody else writes to it"));
        }
        tail.torn = length.saturating_sub(tail.size);
        let head = tail.script.as_ref().map_or(0, |script| TAG_HEADER + script.len() + LINK as usize);
        let is_blank = tail.size <= FILE_HEADER as u64 + head as u64;
        let is_ours = tail.script.is_some();
        Ok(match is_blank {
            true if is_ours && tail.torn <= MAX_TORN || length <= MAX_BLANK => Ok(Found::Nothing),
            false if tail.torn <= MAX_TORN => {
                let nothing = Tail { contents: Contents::none(), script: None, ..*tail };
                Ok(Found::Recording(Box::new(std::mem::replace(tail, nothing))))
            }
            _ => Err("too much of it is no FLV"),
        })
    }
}

fn is_flv(file: &File, length: u64) -> io::Result<bool> {
    let mut head = [0; FILE_HEADER];
    let part = &mut head[..length.min(FILE_HEADER as u64) as usize];
    file.read_exact_at(part, 0)?;
    let is_flag = |at: usize| at == 4;
    let expected = flv::file_header(false, false);
    Ok(part.iter().zip(expected).enumerate().all(|(at, (found, byte))| is_flag(at) || *found == byte))
}

/// The ends of tags according to a head: its size, and before that its index.
fn claims(contents: &Contents, size: u64) -> Vec<Entry> {
    let mut claims = contents.index.entries().to_vec();
    let indexed = claims.last().map_or(0, |entry| entry.time);
    claims.push(Entry { time: contents.duration.max(indexed), position: size });
    claims
}

/// The time up to a place where a tag ends, if one does: what the head says of it has reached the disk.
fn believe(file: &File, length: u64, claim: Entry, tail: &Tail) -> io::Result<Option<u64>> {
    if !(tail.size + 1..=length).contains(&claim.position) {
        return Ok(None);
    }
    let last = last_time(file, claim.position)?;
    Ok(last.map(|last| time::nearest(claim.time, last).unwrap_or_default()))
}

/// The script tag of a file that was written here; `None` of any other.
pub fn script_of(file: &File) -> io::Result<Option<Script>> {
    let length = file.metadata()?.len();
    if !is_flv(file, length)? {
        return Ok(None);
    }
    Ok(read_script(file, length)?.map(|(script, ..)| script))
}

/// The script tag, if it was written here.
fn read_script(file: &File, length: u64) -> io::Result<Option<(Script, Contents, u64)>> {
    let at = FILE_HEADER as u64;
    let Some(header) = read_header(file, at, length)? else { return Ok(None) };
    if header.kind != Kind::Data || header.length > MAX_SCRIPT || end_of(at, &header) > length {
        return Ok(None);
    }
    let mut payload = vec![0; header.length as usize];
    file.read_exact_at(&mut payload, at + TAG_HEADER as u64)?;
    Ok(Script::read(&payload))
}

/// Goes on from the tail's end, from tag to tag, for one step. Returns whether no whole tag follows.
fn scan(pieces: &mut Pieces<'_>, tail: &mut Tail) -> io::Result<bool> {
    let (bytes, tags) = STEP;
    for _ in 0..tags {
        if pieces.read >= bytes {
            return Ok(false);
        }
        let Some(tag) = pieces.tag(tail.size)? else { return Ok(true) };
        tail.time = tail.time.max(time::nearest(tail.time, tag.header.timestamp).unwrap_or_default());
        // The head tells nothing of itself.
        if tail.size != FILE_HEADER as u64 {
            let frame = Frame::from_payload(tag.header.kind, tail.time, tag.prefix());
            tail.contents.note(&frame, tail.time, tail.size);
        }
        tail.size = tag.end;
    }
    Ok(false)
}

/// The latest timestamp of the last tags before `end`; `None` if no tag ends there.
fn last_time(file: &File, end: u64) -> io::Result<Option<u32>> {
    let (mut at, mut latest) = (end, None);
    for _ in 0..LAST_TAGS {
        if at < FILE_HEADER as u64 + LINK {
            break;
        }
        let link = read_link(file, at)?;
        let Some(start) = at.checked_sub(LINK + u64::from(link)).filter(|at| *at >= FILE_HEADER as u64)
        else {
            break;
        };
        let header = read_header(file, start, end)?.filter(|header| end_of(start, header) == at);
        let Some(header) = header else { break };
        latest = latest.max(Some(header.timestamp));
        at = start;
    }
    Ok(latest)
}

fn read_header(file: &File, at: u64, length: u64) -> io::Result<Option<TagHeader>> {
    let mut bytes = [0; TAG_HEADER];
    if at + TAG_HEADER as u64 > length {
        return Ok(None);
    }
    file.read_exact_at(&mut bytes, at)?;
    Ok(TagHeader::read(bytes))
}

/// The PreviousTagSize that ends at `end`.
fn read_link(file: &File, end: u64) -> io::Result<u32> {
    let mut bytes = [0; LINK as usize];
    file.read_exact_at(&mut bytes, end.saturating_sub(LINK))?;
    Ok(u32::from_be_bytes(bytes))
}

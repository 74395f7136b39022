//! Going on in a file that is there: where its last whole tag ends, and what it holds up to there.
//!
//! Nothing is read as a whole. A file that was written here says in its head how far it had come at some
//! time, within the last minute of what it holds; only what is behind that is gone through, tag by tag. Where a
//! power cut has taken more than that, the head's index says where to begin.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::contents::{Contents, Entry};
use super::script::Script;
use crate::media::flv::{self, FILE_HEADER, TAG_HEADER, TagHeader};
use crate::media::{Frame, Kind};

/// The most that is gone through, bytes: this holds up the whole server. What has a longer torn end is left
/// alone.
const MAX_SCAN: u64 = 256 << 20;
/// The longest script tag that is read.
const MAX_SCRIPT: u32 = 64 * 1024;
/// So much of a payload tells what a tag is.
const PREFIX: usize = 32;
/// Bytes of PreviousTagSize.
const LINK: u64 = 4;
/// So many tags from the end, the latest time is among them.
const LAST_TAGS: usize = 16;

/// What a file is.
#[derive(Debug)]
pub enum Found {
    /// An FLV file with some whole tags.
    Recording(Box<Tail>),
    /// Nothing yet: it may be written anew.
    Nothing,
    /// Something else.
    Foreign(&'static str),
}

/// Where and how to go on.
#[derive(Debug)]
pub struct Tail {
    /// Where the last whole tag ends.
    pub size: u64,
    /// Bytes behind that.
    pub torn: u64,
    /// The latest time in it, milliseconds.
    pub time: u64,
    /// What it holds; known only if it was written here.
    pub contents: Contents,
    /// Its script tag, if it was written here.
    pub script: Option<Script>,
}

/// Looks at a regular file.
pub fn examine(file: &File) -> io::Result<Found> {
    let length = file.metadata()?.len();
    let mut head = [0; FILE_HEADER];
    let part = &mut head[..length.min(FILE_HEADER as u64) as usize];
    file.read_exact_at(part, 0)?;
    let expected = flv::file_header(false, false);
    let is_flag = |at: usize| at == 4;
    if !part.iter().zip(expected).enumerate().all(|(at, (found, byte))| is_flag(at) || *found == byte) {
        return Ok(Found::Foreign("not an FLV file"));
    }
    let first = FILE_HEADER as u64;
    let mut tail = Tail { size: first, torn: 0, time: 0, contents: Contents::none(), script: None };
    match read_script(file, length)? {
        Some((script, contents, size)) => {
            believe(file, length, contents, size, &mut tail)?;
            tail.script = Some(script);
        }
        None => {
            if let Some(time) = last_time(file, length)? {
                (tail.size, tail.time) = (length, time.into());
            }
        }
    }
    if length.saturating_sub(tail.size) > MAX_SCAN {
        return Ok(Found::Foreign("its torn end is too long to be gone through"));
    }
    scan(file, length, &mut tail)?;
    let head = tail.script.as_ref().map_or(0, |script| TAG_HEADER + script.len() + LINK as usize);
    if tail.size <= first + head as u64 {
        return Ok(Found::Nothing);
    }
    tail.torn = length - tail.size;
    Ok(Found::Recording(Box::new(tail)))
}

/// Takes what a head says of its file up to the size it tells, if that has reached the disk before the head;
/// or else up to the last place in the index that has.
fn believe(file: &File, length: u64, mut contents: Contents, size: u64, tail: &mut Tail) -> io::Result<()> {
    let entries: Vec<Entry> = contents.index.entries().to_vec();
    let indexed = entries.last().map_or(0, |entry| entry.time);
    let end = Entry { time: contents.duration.max(indexed), position: size };
    for Entry { time, position } in std::iter::once(end).chain(entries.into_iter().rev()) {
        if (tail.size + 1..=length).contains(&position)
            && let Some(last) = last_time(file, position)?
        {
            let time = unwrap_near(time, Some(last));
            contents.cut(position, time);
            (tail.time, tail.size, tail.contents) = (time, position, contents);
            return Ok(());
        }
    }
    Ok(())
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

/// Goes on from the tail's end, from tag to tag, as far as they are whole.
fn scan(file: &File, length: u64, tail: &mut Tail) -> io::Result<()> {
    while let Some(header) = read_header(file, tail.size, length)? {
        let end = end_of(tail.size, &header);
        if end > length || read_link(file, end)? != TAG_HEADER as u32 + header.length {
            return Ok(());
        }
        tail.time = tail.time.max(unwrap_near(tail.time, Some(header.timestamp)));
        // The head tells nothing of itself.
        if tail.size != FILE_HEADER as u64 {
            let mut prefix = [0; PREFIX];
            let prefix = &mut prefix[..PREFIX.min(header.length as usize)];
            file.read_exact_at(prefix, tail.size + TAG_HEADER as u64)?;
            let frame = Frame::from_payload(header.kind, tail.time, prefix);
            tail.contents.note(&frame, tail.time, tail.size);
        }
        tail.size = end;
    }
    Ok(())
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

fn end_of(at: u64, header: &TagHeader) -> u64 {
    at + TAG_HEADER as u64 + u64::from(header.length) + LINK
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

/// The time that has these lower 32 bits and is nearest to another one.
fn unwrap_near(near: u64, timestamp: Option<u32>) -> u64 {
    let Some(timestamp) = timestamp else { return near };
    let step = timestamp.wrapping_sub(near as u32).cast_signed();
    near.saturating_add_signed(step.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_unwrapped_near_the_last_one() {
        assert_eq!(unwrap_near(0, Some(1000)), 1000);
        assert_eq!(unwrap_near(1 << 32, Some(5)), (1 << 32) + 5);
        assert_eq!(unwrap_near((1 << 32) + 5, Some(u32::MAX)), (1 << 32) - 1);
        assert_eq!(unwrap_near(7, None), 7);
    }
}

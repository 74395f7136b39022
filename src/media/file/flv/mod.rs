//! FLV files (annex E, and Enhanced RTMP), whatever wrote them.
//!
//! Messages are given in the order of the file and byte for byte, but for the metadata: it gets a duration where it has
//! none, and no index where that is long. Nothing of the file is kept but places in it: of the script tag, and of
//! the decoder configurations that have been come across, which are read again after a seek.
//!
//! Times are those of the file without their rollover. Where the file's go back, so do they, and a search ends at a key
//! frame of that time which it comes across. A search without an index tells times up to 49 days apart. A configuration
//! that changes in a part of the file that nobody has gone over yet is known if it stands just before the key frame.

mod clock;
mod configurations;
mod header;
mod index;
mod learning;
mod list;
mod script;
mod search;
mod tags;
mod walk;

use clock::{Clock, Mark};
use configurations::Configurations;
use header::{LINK, TagPlace};
use list::Collection;
use script::Script;
use search::Search;
use tags::{Found, Reach, Tags};
use walk::Contents;

use super::{Ending, FileError, FileFacts, FileMessage, Head, MessageRole, Next, Source, Window};
use crate::media::flv::{self, Tag};
use crate::media::{Codec, Kind, Role};

/// The file header without PreviousTagSize0.
const FILE_HEADER: usize = 9;
/// The longest file header that is believed.
const MAX_FILE_HEADER: u32 = 64 * 1024;
/// What is looked at for codecs: bytes read, tags, and milliseconds of the file.
const OPENING: (u64, usize, u64) = (1 << 20, 512, 3000);
/// The last tag that may be the metadata, if there are sound and pictures before.
const LATE_SCRIPT: usize = 32;
/// The longest message of sound that is looked into.
const MAX_SOUND: u32 = 64 * 1024;
/// So many tags from the end, the latest time is among them.
const LAST_TAGS: usize = 16;

/// Reads an FLV file.
#[derive(Debug)]
pub struct FlvDemuxer {
    facts: FileFacts,
    contents: Contents,
    /// The duration for the metadata, which has none, seconds.
    duration: Option<f64>,
    /// The next tag, and the time of the last one.
    present: Mark,
    /// Configurations that are given again before that, the next one last; the metadata before them, if it has not been
    /// given yet.
    again: Vec<TagPlace>,
    has_told: bool,
    search: Option<Box<Search>>,
    collection: Option<Box<Collection>>,
    /// Why nothing more can be read.
    broken: Option<&'static str>,
}

/// Whether a file begins as FLV does.
pub fn is_flv(source: &mut dyn Source, window: &mut Window) -> Result<bool, FileError> {
    Ok(window.get(source, 0, 4)?.is_some_and(|bytes| bytes == b"FLV\x01"))
}

impl FlvDemuxer {
    /// See [`Demuxer::open`](super::Demuxer::open).
    pub fn open(source: &mut dyn Source, window: &mut Window) -> Result<Self, FileError> {
        let is_coming = source.is_coming();
        let mut tags = Tags::new(source, window);
        let first = Mark { at: first_tag(&mut tags)?, clock: Clock::default() };
        let configurations = Configurations::default();
        let mut contents = Contents { first, has_video: false, script: None, configurations };
        let mut facts = read_opening(&mut tags, &mut contents)?;
        let mut duration = None;
        if facts.duration.is_none() && !is_coming {
            facts.duration = last_time(&mut tags, contents.first)?;
            duration = facts.duration.map(|duration| duration as f64 / 1000.0);
        }
        let present = Mark { at: contents.first.at, clock: Clock::default() };
        let (again, search, collection, broken) = (Vec::new(), None, None, None);
        let has_told = false;
        Ok(Self { facts, contents, duration, present, again, has_told, search, collection, broken })
    }

    /// See [`Demuxer::facts`](super::Demuxer::facts).
    pub fn facts(&self) -> &FileFacts {
        &self.facts
    }

    /// See [`Demuxer::next`](super::Demuxer::next).
    pub fn next<'w>(
        &mut self,
        source: &mut dyn Source,
        window: &'w mut Window,
    ) -> Result<Next<'w>, FileError> {
        if let Some(why) = self.broken {
            return Err(FileError::Broken(why));
        }
        if let Some(tag) = self.next_again(source, window)? {
            return self.give_again(source, window, tag);
        }
        let Some(tag) = self.find_next(source, window)? else { return Ok(Next::End) };
        let mut clock = self.present.clock;
        let timestamp = clock.next(&tag);
        let present = Mark { at: tag.end(), clock };
        self.contents.first.clock.0 = self.contents.first.clock.0.or(clock.0);
        let script = self.contents.script.as_ref().filter(|script| script.tag == tag);
        let is_script = script.is_some();
        if let Some(message) =
            script.map(|script| script.message(source, self.duration)).transpose()?.flatten()
        {
            (self.present, self.has_told) = (present, true);
            let (kind, role, head) = (tag.kind, MessageRole::Data, Head::default());
            return Ok(Next::Message(FileMessage { kind, timestamp, role, head, body: window.put(message) }));
        }
        let Some(body) = window.get(source, tag.body(), tag.length as usize)? else { return Ok(Next::End) };
        let parsed = flv::inspect(tag.kind, body);
        self.contents.note(tag, &parsed, body);
        self.present = present;
        self.has_told |= is_script;
        let role = self.role(&tag, &parsed);
        Ok(Next::Message(FileMessage { kind: tag.kind, timestamp, role, head: Head::default(), body }))
    }

    /// See [`Demuxer::ending`](super::Demuxer::ending). Recorders write the duration when a file is finished.
    pub fn ending(&self) -> Ending {
        if self.facts.duration.is_some() && self.duration.is_none() { Ending::Whole } else { Ending::Open }
    }

    /// See [`Demuxer::seek`](super::Demuxer::seek).
    pub fn seek(
        &mut self,
        source: &mut dyn Source,
        window: &mut Window,
        to: u64,
    ) -> Result<Option<u64>, FileError> {
        let search = self.search.take().filter(|search| search.is_for(to));
        let search = self.search.insert(search.unwrap_or_else(|| Box::new(Search::new(to, &self.contents))));
        let mut tags = Tags::new(source, window);
        let Some(mark) = search.step(&mut tags, &mut self.contents, self.present)? else { return Ok(None) };
        self.search = None;
        self.present = mark;
        self.again = self.contents.configurations.holding(mark.at);
        self.again.reverse();
        let script = self.contents.script.as_ref().map(|script| script.tag);
        self.again.extend(script.filter(|tag| !self.has_told && tag.at < mark.at));
        self.broken = None;
        Ok(Some(mark.clock.0.unwrap_or_default()))
    }

    /// See [`Demuxer::key_frames`](super::Demuxer::key_frames).
    pub fn key_frames(
        &mut self,
        source: &mut dyn Source,
        window: &mut Window,
        times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        let contents = &mut self.contents;
        let collection = self.collection.get_or_insert_with(|| Box::new(Collection::new(contents)));
        let is_complete = collection.step(&mut Tags::new(source, window), contents, times)?;
        if is_complete {
            self.collection = None;
        }
        Ok(is_complete)
    }

    /// The next tag in the file.
    fn find_next(
        &mut self,
        source: &mut dyn Source,
        window: &mut Window,
    ) -> Result<Option<TagPlace>, FileError> {
        // All of a script tag may not be wanted.
        let is_script = self.contents.script.as_ref().is_some_and(|script| script.tag.at == self.present.at);
        let reach = if is_script { Reach::Header } else { Reach::Whole };
        match Tags::new(source, window).find(self.present.at, reach)? {
            Found::Tag(tag) => Ok(Some(tag)),
            Found::End => Ok(None),
            Found::Broken(why) => {
                self.broken = Some(why);
                Err(FileError::Broken(why))
            }
        }
    }

    /// The next configuration that is to be given again, if the file still has it.
    fn next_again(
        &mut self,
        source: &mut dyn Source,
        window: &mut Window,
    ) -> Result<Option<TagPlace>, FileError> {
        while let Some(tag) = self.again.last().copied() {
            let mut tags = Tags::new(source, window);
            let is_there = tags.is_still_there(&tag)?;
            if is_there {
                return Ok(Some(tag));
            }
            self.again.pop();
        }
        Ok(None)
    }

    /// Gives a configuration that has been given before, or the metadata, with the time of what follows.
    fn give_again<'w>(
        &mut self,
        source: &mut dyn Source,
        window: &'w mut Window,
        tag: TagPlace,
    ) -> Result<Next<'w>, FileError> {
        let timestamp = self.present.clock.0.unwrap_or_default();
        let script = self.contents.script.as_ref().filter(|script| script.tag == tag);
        let changed = script.map(|script| script.message(source, self.duration)).transpose()?.flatten();
        if let Some(message) = changed {
            self.again.pop();
            self.has_told = true;
            let (kind, role, head) = (tag.kind, MessageRole::Data, Head::default());
            return Ok(Next::Message(FileMessage { kind, timestamp, role, head, body: window.put(message) }));
        }
        let role = if script.is_some() { MessageRole::Data } else { MessageRole::Configuration };
        let body = window.glance(source, tag.body(), tag.length as usize)?.unwrap_or_default();
        self.again.pop();
        self.has_told |= script.is_some();
        let (kind, head) = (tag.kind, Head::default());
        Ok(Next::Message(FileMessage { kind, timestamp, role, head, body }))
    }

    fn role(&self, tag: &TagPlace, parsed: &Tag) -> MessageRole {
        match parsed.role {
            _ if tag.kind.is_data() => MessageRole::Data,
            Role::Header => MessageRole::Configuration,
            _ if self.contents.is_key(tag, parsed) => MessageRole::Key,
            _ => MessageRole::Other,
        }
    }
}

/// The place of the first tag. What the header says of tracks is not believed: encoders and recorders get it wrong.
fn first_tag(tags: &mut Tags<'_>) -> Result<u64, FileError> {
    let header = tags.bytes(0, FILE_HEADER, Reach::Header)?;
    let offset = header.and_then(|header| header.last_chunk().copied()).map(u32::from_be_bytes);
    let usual = FILE_HEADER as u32;
    let offset = offset.filter(|offset| (usual..=MAX_FILE_HEADER).contains(offset)).unwrap_or(usual);
    let promised = u64::from(offset) + LINK;
    // Some lack PreviousTagSize0, others have a wrong offset.
    for place in [promised, promised - LINK, u64::from(usual) + LINK] {
        if tags.exactly(place)?.is_some() {
            return Ok(place);
        }
    }
    Ok(promised)
}

/// Reads the first tags.
fn read_opening(tags: &mut Tags<'_>, contents: &mut Contents) -> Result<FileFacts, FileError> {
    let (mut facts, mut mark) = (FileFacts::default(), contents.first);
    let (bytes, count, span) = OPENING;
    for number in 0..count {
        let tag = match tags.find(mark.at, Reach::Header)? {
            Found::Tag(tag) => tag,
            Found::End => break,
            Found::Broken(why) if mark == contents.first => return Err(FileError::Broken(why)),
            Found::Broken(_) => break,
        };
        mark.at = tag.end();
        if tag.kind.is_data() {
            if contents.script.is_none() {
                contents.script = Script::read(tags, tag)?.map(Box::new);
            }
            continue;
        }
        let time = mark.clock.next(&tag);
        let first = *contents.first.clock.0.get_or_insert(time);
        let is_frame = learn_tag(tags, contents, &mut facts, tag)?;
        let has_both = facts.video_codec != Codec::None && facts.audio_codec != Codec::None;
        let is_enough = has_both && (contents.script.is_some() || number >= LATE_SCRIPT);
        if is_enough && is_frame || time > first.saturating_add(span) || tags.read() >= bytes {
            break;
        }
    }
    if let Some(script) = &contents.script {
        learning::learn_script(&mut facts, script);
    }
    Ok(facts)
}

/// Takes what a tag tells. False if it is a configuration.
fn learn_tag(
    tags: &mut Tags<'_>,
    contents: &mut Contents,
    facts: &mut FileFacts,
    tag: TagPlace,
) -> Result<bool, FileError> {
    let parsed = tags.inspect(&tag)?;
    let is_read = parsed.role == Role::Header || tag.kind == Kind::Audio && tag.length <= MAX_SOUND;
    let length = if is_read { tag.length as usize } else { 0 };
    let body = tags.bytes(tag.body(), length, Reach::Header)?.unwrap_or_default();
    let parsed = if is_read { flv::inspect(tag.kind, body) } else { parsed };
    contents.note(tag, &parsed, body);
    learning::learn(facts, tag.kind, &parsed, body);
    Ok(parsed.role != Role::Header)
}

/// The latest time of the last tags; none if the file does not end with a whole one.
fn last_time(tags: &mut Tags<'_>, first: Mark) -> Result<Option<u64>, FileError> {
    let (mut end, mut latest) = (tags.length()?, None);
    for _ in 0..LAST_TAGS {
        let Some(tag) = tags.before(end)?.filter(|tag| tag.at >= first.at) else { break };
        if !tag.kind.is_data() {
            latest = latest.max(Some(first.clock.far(&tag)));
        }
        end = tag.at;
    }
    Ok(latest)
}

#[cfg(test)]
mod tests;

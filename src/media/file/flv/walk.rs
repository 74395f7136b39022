//! Going through a file from tag to tag, reading what each is and not what it holds.

use super::clock::Mark;
use super::configurations::Configurations;
use super::header::TagPlace;
use super::index::Index;
use super::script::Script;
use super::tags::{Found, Reach, Tags};
use crate::media::file::FileError;
use crate::media::flv::Tag;
use crate::media::{Kind, Role};

/// Tags before a key frame that are looked at.
const LOOK_BACK: usize = 16;

/// What is known of a file.
#[derive(Debug)]
pub struct Contents {
    /// The first tag, and the time of the first media.
    pub first: Mark,
    /// It has pictures: key frames are theirs.
    pub has_video: bool,
    pub script: Option<Box<Script>>,
    pub configurations: Configurations,
}

/// A tag that has been come across.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub tag: TagPlace,
    pub time: u64,
    /// A player can begin there.
    pub is_key: bool,
    /// It has a frame of the kind of which key frames are.
    pub is_frame: bool,
}

/// The next tag on a walk.
#[derive(Debug, Clone, Copy)]
pub enum Walked {
    Seen(Seen),
    /// Nothing more that can be read.
    End,
}

impl Contents {
    /// The kind of key frames.
    pub fn key_kind(&self) -> Kind {
        if self.has_video { Kind::Video } else { Kind::Audio }
    }

    pub fn index(&self) -> Option<Index> {
        self.script.as_ref().and_then(|script| Index::of(script))
    }

    /// Reads a script tag again that has no duration: a recording that is still written has it written anew now and
    /// then, with more in its index.
    pub fn refresh(&mut self, tags: &mut Tags<'_>) -> Result<(), FileError> {
        let script = self.script.as_ref().filter(|script| script.may_change()).map(|script| script.tag);
        if let Some(tag) = script
            && tags.exactly(tag.at)? == Some(tag)
            && let Some(script) = Script::read(tags, tag)?
        {
            self.script = Some(Box::new(script));
        }
        Ok(())
    }

    /// Takes what a tag tells of the file.
    pub fn note(&mut self, tag: TagPlace, parsed: &Tag, body: &[u8]) {
        if parsed.role == Role::Header {
            self.configurations.note(tag, parsed, body);
        }
        self.has_video |= tag.kind == Kind::Video && is_frame(parsed);
    }

    /// Whether a player can begin at a tag.
    pub fn is_key(&self, tag: &TagPlace, parsed: &Tag) -> bool {
        tag.kind == self.key_kind() && parsed.role == Role::Key && parsed.tracks.contains(0)
    }

    /// Goes over the next tag.
    pub fn walk(&mut self, tags: &mut Tags<'_>, mark: &mut Mark) -> Result<Walked, FileError> {
        let tag = match tags.find(mark.at, Reach::Header)? {
            Found::Tag(tag) => tag,
            Found::End | Found::Broken(_) => return Ok(Walked::End),
        };
        let parsed = self.look_at(tags, tag)?;
        let time = mark.clock.next(&tag);
        mark.at = tag.end();
        let is_key = self.is_key(&tag, &parsed);
        let is_frame = tag.kind == self.key_kind() && is_frame(&parsed);
        Ok(Walked::Seen(Seen { tag, time, is_key, is_frame }))
    }

    /// Takes what the tags just before a place tell: a configuration stands there more often than anywhere else.
    pub fn look_back(&mut self, tags: &mut Tags<'_>, mut at: u64) -> Result<(), FileError> {
        for _ in 0..LOOK_BACK {
            let Some(tag) = tags.before(at)?.filter(|tag| tag.at >= self.first.at) else { break };
            let parsed = self.look_at(tags, tag)?;
            if tag.kind == Kind::Video && is_frame(&parsed) {
                break;
            }
            at = tag.at;
        }
        Ok(())
    }

    fn look_at(&mut self, tags: &mut Tags<'_>, tag: TagPlace) -> Result<Tag, FileError> {
        let parsed = tags.inspect(&tag)?;
        let body: &[u8] = if parsed.role == Role::Header {
            tags.bytes(tag.body(), tag.length as usize, Reach::Header)?.unwrap_or_default()
        } else {
            &[]
        };
        self.note(tag, &parsed, body);
        Ok(parsed)
    }
}

fn is_frame(tag: &Tag) -> bool {
    matches!(tag.role, Role::Key | Role::Inter | Role::Disposable) && tag.tracks.contains(0)
}

//! Reads what a player gets next, by the loop or by a reader.

use std::io;
use std::time::SystemTime;

use crate::engine::{Piece, PieceForm};
use crate::media::Kind;
use crate::media::file::{Demuxer, FileError, FileMessage, MessageRole, Next, Source, Window};

/// Bytes at which a piece is sent. A message that is longer is a piece of its own.
const PIECE: usize = 56 * 1024;
/// What a piece usually has beyond that: its last message, and what is around chunks.
const ROOM: usize = 4 * 1024;
/// Messages that are gone through for one piece, and their bytes, also if none of them is sent.
const MAX_MESSAGES: usize = 4096;
const MAX_BYTES: usize = 4 * PIECE;
/// What is sent beyond what is due, milliseconds of media, if it has been read.
const WITH_THE_REST: u64 = 500;
/// Steps of a seek that a reader goes at once.
const STEPS: usize = 32;

/// The end of what is sent, in milliseconds of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// That of the file.
    OfFile,
    /// So long after the first message.
    After(u64),
    /// This time.
    At(u64),
}

/// What a player wants of a file, and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub audio: bool,
    pub video: bool,
    /// Pictures are left out until a key frame, as they have been switched off.
    pub awaits_key: bool,
    pub end: End,
    /// What is taken off the times of the file, milliseconds: clients that ask for a start count from there.
    pub shift: u64,
    /// The largest time of a message of sound or picture so far.
    pub last: Option<u64>,
}

impl Progress {
    /// At the beginning.
    pub fn new(end: End) -> Self {
        Self { audio: true, video: true, awaits_key: false, end, shift: 0, last: None }
    }

    /// Whether a message is sent.
    fn wants(&mut self, message: &FileMessage<'_>) -> bool {
        match message.kind {
            _ if message.role == MessageRole::Configuration => true,
            Kind::Audio => self.audio,
            Kind::Video if !self.video => false,
            Kind::Video => {
                self.awaits_key &= message.role != MessageRole::Key;
                !self.awaits_key
            }
            Kind::Data | Kind::DataAmf3 => true,
        }
    }

    /// Notes the time of a message. False if the end has been reached, so that it is not sent.
    fn note(&mut self, message: &FileMessage<'_>) -> bool {
        let is_media = !message.kind.is_data() && message.role != MessageRole::Configuration;
        if let End::At(end) = self.end
            && message.timestamp >= end
            && is_media
        {
            return false;
        }
        if is_media {
            if let End::After(length) = self.end {
                self.end = End::At(message.timestamp.saturating_add(length));
            }
            self.last = self.last.max(Some(message.timestamp));
        }
        true
    }
}

/// What is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub form: PieceForm,
    /// The media time up to which messages are due, milliseconds.
    pub until: u64,
    /// Only what shows one picture.
    pub one_picture: bool,
    pub progress: Progress,
}

impl Order {
    /// Whether more is due. What is in the window already is sent with the rest, so that it need not be read again.
    fn is_due(&self, progress: &Progress, piece: &Piece) -> bool {
        let ahead = if piece.is_empty() || self.until == 0 { 0 } else { WITH_THE_REST };
        progress.last.is_none_or(|last| last < self.until.saturating_add(ahead))
    }
}

/// Why nothing more was read.
#[derive(Debug)]
pub enum Stop {
    /// It is enough for now.
    Enough,
    /// The file ends here, and was written last at this time.
    EndOfFile(SystemTime),
    /// The end of what is wanted.
    EndOfWanted,
    /// What comes next is not in memory.
    NotInMemory,
    /// The file cannot be read on.
    Broken(String),
}

/// What has been read.
#[derive(Debug)]
pub struct Read {
    pub piece: Piece,
    pub progress: Progress,
    pub stop: Stop,
}

/// Reads the next piece; `modified` tells when the file was written last. The messages of a piece have been taken from the demuxer, whatever stops it.
pub fn read(
    demuxer: &mut Demuxer,
    (source, modified): (&mut dyn Source, &dyn Fn() -> io::Result<SystemTime>),
    window: &mut Window,
    order: Order,
) -> Read {
    let mut progress = order.progress;
    let mut piece = Piece::new(order.form, PIECE + ROOM);
    let mut stop = Stop::Enough;
    let mut gone_through = 0;
    for _ in 0..MAX_MESSAGES {
        if !order.is_due(&progress, &piece) || piece.len() >= PIECE || gone_through >= MAX_BYTES {
            break;
        }
        window.keep(!piece.is_empty());
        let message = match next(demuxer, (source, modified), window, &mut gone_through) {
            Ok(Some(message)) => message,
            Ok(None) => continue,
            Err(why) => {
                stop = why;
                break;
            }
        };
        if !progress.note(&message) {
            stop = Stop::EndOfWanted;
            break;
        }
        if progress.wants(&message) {
            let time = message.timestamp.saturating_sub(progress.shift);
            piece.push(message.kind, time, [message.head.as_slice(), message.body]);
        }
        if order.one_picture && message.role == MessageRole::Key {
            break;
        }
    }
    window.keep(false);
    Read { piece, progress, stop }
}

/// The next message, none if the demuxer has to go on; its bytes are added to what was gone through.
fn next<'w>(
    demuxer: &mut Demuxer,
    (source, modified): (&mut dyn Source, &dyn Fn() -> io::Result<SystemTime>),
    window: &'w mut Window,
    gone_through: &mut usize,
) -> Result<Option<FileMessage<'w>>, Stop> {
    match demuxer.next(source, window) {
        Ok(Next::Message(message)) => {
            *gone_through += message.head.as_slice().len() + message.body.len();
            Ok(Some(message))
        }
        Ok(Next::More) => {
            *gone_through += MAX_BYTES / 4;
            Ok(None)
        }
        Ok(Next::End) => Err(modified().map_or_else(|error| stop_of(error.into()), Stop::EndOfFile)),
        Err(error) => Err(stop_of(error)),
    }
}

fn stop_of(error: FileError) -> Stop {
    match error {
        FileError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Stop::NotInMemory,
        error => Stop::Broken(error.to_string()),
    }
}

/// Goes some steps towards a place. Its time once it is found.
pub fn seek(
    demuxer: &mut Demuxer,
    source: &mut dyn Source,
    window: &mut Window,
    to: u64,
) -> Result<Option<u64>, FileError> {
    for _ in 0..STEPS {
        let found = demuxer.seek(source, window, to)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Places a demuxer at the first key frame behind a time, or else at the last one. Returns its time.
pub fn seek_behind(
    demuxer: &mut Demuxer,
    source: &mut dyn Source,
    window: &mut Window,
    after: u64,
) -> Result<u64, FileError> {
    let mut found = seek_to(demuxer, source, window, after)?;
    for _ in 0..MAX_MESSAGES {
        match demuxer.next(source, window)? {
            Next::End => break,
            Next::Message(message) if message.role == MessageRole::Key && message.timestamp > after => {
                found = message.timestamp;
                break;
            }
            Next::Message(_) | Next::More => {}
        }
    }
    // Anew, so that what it has given here is given to the player, too.
    *demuxer = Demuxer::open(source, window)?;
    seek_to(demuxer, source, window, found)
}

/// The most steps of a seek that has to be done at once.
const MAX_STEPS: usize = 4096;

fn seek_to(
    demuxer: &mut Demuxer,
    source: &mut dyn Source,
    window: &mut Window,
    to: u64,
) -> Result<u64, FileError> {
    for _ in 0..MAX_STEPS {
        if let Some(found) = demuxer.seek(source, window, to)? {
            return Ok(found);
        }
    }
    Err(FileError::Broken("the place is not found"))
}

//! A segment of a recording: its first key frame is found in bounded steps, and then it is read at once.

use crate::media::Kind;
use crate::media::codec::Codec;
use crate::media::file::{Demuxer, FileMessage, MessageRole, Next, Window};
use crate::media::segment::excerpt::{Excerpt, TooLong};

use super::made::{Made, Refusal, UNCARRIED};
use super::whole_file::WholeFile;
use crate::modules::browse::found::Found;

/// The most bytes of a segment.
const MAX_SEGMENT: usize = 32 << 20;

/// Bytes that are read for a segment, with sound and data that it does not have: what each message counts for beside its
/// body, and a call that comes to none.
const MAX_READ: usize = 2 * MAX_SEGMENT;
const MESSAGE: usize = 16;
const CALL: usize = 1 << 20;

/// Steps of the search that a reader does at once.
const STEPS_AT_ONCE: usize = 16;

/// Steps in which its first key frame is found: more than a file of 16 GB takes.
const MAX_STEPS: usize = 16 * 1024;

impl From<TooLong> for Refusal {
    fn from(_: TooLong) -> Self {
        Self { status: 413, why: "more than 32 MiB lie between two key frames" }
    }
}

/// The entity tag of a segment.
pub fn etag(found: &Found, (start, end): (u64, u64)) -> String {
    format!("\"{}-{start}-{end}\"", found.version())
}

/// A segment between two key frames, by their times in milliseconds: all that stands in the file from one up to the other,
/// so that each message is in one segment alone.
#[derive(Debug)]
pub struct Segment {
    found: Found,
    times: (u64, u64),
    source: WholeFile,
    window: Window,
    demuxer: Option<Demuxer>,
    steps: usize,
}

impl Segment {
    pub fn new(found: Found, times: (u64, u64)) -> Self {
        let source = WholeFile::of(&found);
        Self { found, times, source, window: Window::default(), demuxer: None, steps: 0 }
    }

    /// Does a part of the work; the segment comes back if there is more to do.
    pub fn advance(mut self: Box<Self>) -> Result<Made, Box<Self>> {
        match self.go_on() {
            Ok(None) => Err(self),
            Ok(Some(bytes)) => Ok(Made::Segment { bytes, etag: etag(&self.found, self.times) }),
            Err(refusal) => Ok(Made::Refused(refusal)),
        }
    }

    fn go_on(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let demuxer = match &mut self.demuxer {
            Some(demuxer) => demuxer,
            none => none.insert(Demuxer::open(&mut self.source, &mut self.window)?),
        };
        if !Excerpt::carries(demuxer.facts()) {
            return Err(UNCARRIED);
        }
        let mut is_there = self.times.0 == 0;
        for _ in 0..STEPS_AT_ONCE {
            if is_there {
                return read(demuxer, &mut self.source, &mut self.window, self.times.1).map(Some);
            }
            is_there = demuxer.seek(&mut self.source, &mut self.window, self.times.0)?.is_some();
        }
        self.steps += STEPS_AT_ONCE;
        if self.steps > MAX_STEPS {
            return Err(Refusal { status: 413, why: "the recording is too long to be looked through" });
        }
        Ok(None)
    }
}

/// Reads from where a demuxer is up to the key frame of a time.
fn read(
    demuxer: &mut Demuxer,
    source: &mut WholeFile,
    window: &mut Window,
    end: u64,
) -> Result<Vec<u8>, Refusal> {
    let leads = if demuxer.facts().video_codec == Codec::None { Kind::Audio } else { Kind::Video };
    let is_next = |message: &FileMessage<'_>| {
        message.kind == leads && message.role == MessageRole::Key && message.timestamp >= end
    };
    let (mut excerpt, mut bytes) = (Excerpt::new(demuxer.facts(), MAX_SEGMENT), 0);
    while bytes <= MAX_READ {
        match demuxer.next(source, window)? {
            Next::Message(message) if is_next(&message) => return Ok(excerpt.finish()?),
            // Of other tracks and of data, nothing is written.
            Next::Message(message) => {
                bytes += message.body.len() + MESSAGE;
                excerpt.take(&message)?;
            }
            Next::More => bytes += CALL,
            Next::End => return Ok(excerpt.finish()?),
        }
    }
    Err(TooLong.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::files::lookup::{self, Found as FoundPath};
    use crate::media::flv;
    use crate::modules::browse::head::Media;
    use crate::test_folder::Folder;

    #[test]
    fn a_key_frame_that_is_far_away_is_found_in_several_jobs() {
        let mut file = flv::file_header(false, true).to_vec();
        let configuration = [0x17, 0, 0, 0, 0, 1, 66, 0, 30, 0xff, 0xe0, 0];
        let frame = [&[0x27, 1, 0, 0, 0, 0, 0, 0, 196, 0x41][..], &[0x55; 195]].concat();
        let key = [&[0x17, 1, 0, 0, 0, 0, 0, 0, 196, 0x65][..], &[0x55; 195]].concat();
        flv::write_tag(&mut file, Kind::Video, 0, &configuration);
        flv::write_tag(&mut file, Kind::Video, 0, &key);
        (1..80_000).for_each(|time| flv::write_tag(&mut file, Kind::Video, time, &frame));
        flv::write_tag(&mut file, Kind::Video, 80_000, &key);
        let folder = Folder::new();
        folder.write("cam.flv", &file);
        let Ok(FoundPath::File(file)) = lookup::find(&folder, "cam.flv") else { panic!("it is there") };
        let found = Found { stream: "cam".to_owned(), media: Media::Flv, file };
        let (mut segment, mut jobs) = (Box::new(Segment::new(found, (79_000, 80_000))), 1);
        let made = loop {
            match segment.advance() {
                Ok(made) => break made,
                Err(rest) => (segment, jobs) = (rest, jobs + 1),
            }
        };
        assert!((2..10).contains(&jobs), "{jobs}");
        assert!(matches!(made, Made::Segment { bytes, .. } if bytes.len() > 10 << 20));
    }
}

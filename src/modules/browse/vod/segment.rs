//! A segment of a recording.

use crate::media::Kind;
use crate::media::codec::Codec;
use crate::media::file::{Demuxer, FileMessage, MessageRole, Next, Window};
use crate::media::segment::excerpt::{Excerpt, TooLong};

use super::made::{Made, Refusal, UNCARRIED};
use super::whole_file::WholeFile;
use crate::modules::browse::found::Found;

/// The most bytes of a segment.
const MAX_SEGMENT: usize = 32 << 20;

/// Steps in which its first key frame is found: more than a file of 16 GB takes.
const MAX_STEPS: usize = 16 * 1024;

impl From<TooLong> for Refusal {
    fn from(_: TooLong) -> Self {
        Self { status: 413, why: "more than 32 MiB lie between two key frames" }
    }
}

/// Makes the segment between two key frames, by their times in milliseconds: all that stands in the file from one up to the
/// other, so that each message is in one segment alone.
pub fn make(found: &Found, times: (u64, u64)) -> Made {
    match read(found, times) {
        Ok(bytes) => Made::Segment { bytes, etag: etag(found, times) },
        Err(refusal) => Made::Refused(refusal),
    }
}

/// The entity tag of a segment.
pub fn etag(found: &Found, (start, end): (u64, u64)) -> String {
    format!("\"{}-{start}-{end}\"", found.version())
}

fn read(found: &Found, (start, end): (u64, u64)) -> Result<Vec<u8>, Refusal> {
    let (mut source, mut window) = (WholeFile::of(found), Window::default());
    let mut demuxer = Demuxer::open(&mut source, &mut window)?;
    let facts = demuxer.facts().clone();
    if !Excerpt::carries(&facts) {
        return Err(UNCARRIED);
    }
    if start > 0 {
        let mut is_found = false;
        for _ in 0..MAX_STEPS {
            is_found = demuxer.seek(&mut source, &mut window, start)?.is_some();
            if is_found {
                break;
            }
        }
        if !is_found {
            return Err(Refusal { status: 413, why: "the recording is too long to be looked through" });
        }
    }
    let leads = if facts.video_codec == Codec::None { Kind::Audio } else { Kind::Video };
    let is_next = |message: &FileMessage<'_>| {
        message.kind == leads && message.role == MessageRole::Key && message.timestamp >= end
    };
    let (mut excerpt, mut bytes) = (Excerpt::new(&facts, MAX_SEGMENT), 0);
    loop {
        let message = match demuxer.next(&mut source, &mut window)? {
            Next::Message(message) => message,
            Next::More => continue,
            Next::End => break,
        };
        if is_next(&message) {
            break;
        }
        // Of other tracks and of data, nothing is written.
        bytes += message.body.len();
        if bytes > 2 * MAX_SEGMENT {
            return Err(TooLong.into());
        }
        excerpt.take(&message)?;
    }
    Ok(excerpt.finish()?)
}

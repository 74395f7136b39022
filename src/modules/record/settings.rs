//! What one recorder is told by the configuration: an application's own, or a `recorder` block.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::statvfs::{Statvfs, statvfs};

use super::interval::Interval;
use super::names::Names;
use crate::conf::{Error, Scope};
use crate::media::{Frame, Kind, Role};

/// Bytes that must be free before a file is begun on a disk that was full: or there would be a file for each
/// little that something else gives free.
const ROOM: f64 = 256.0 * 1024.0;

/// What is recorded of a stream. Data messages are, with anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Audio.
    pub audio: bool,
    /// Video.
    pub video: bool,
    /// Of the video, key frames at least.
    pub keyframes: bool,
}

impl Selection {
    /// Whether a frame is recorded.
    pub fn wants(self, frame: &Frame) -> bool {
        match frame.kind {
            Kind::Audio => self.audio,
            Kind::Video if self.video => true,
            Kind::Video => self.keyframes && matches!(frame.role, Role::Key | Role::Header),
            Kind::Data | Kind::DataAmf3 => frame.role != Role::Empty,
        }
    }

    /// Whether there is to be a picture.
    pub fn has_picture(self) -> bool {
        self.video || self.keyframes
    }
}

/// Who starts a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Every stream.
    Always,
    /// A publisher that asks for it.
    Asked,
}

/// When a file ends and the next one begins; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub size: u64,
    /// Frames of video, or of audio without video.
    pub frames: u64,
    /// Its length.
    pub interval: Option<Interval>,
}

/// What a recorder does.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name; empty for the application's own.
    pub recorder: String,
    /// What is recorded.
    pub selection: Selection,
    /// What starts it.
    pub start: Start,
    /// When its files end.
    pub limits: Limits,
    /// Whether it goes on in a file that is there.
    pub append: bool,
    /// Whether its files are locked.
    pub lock: bool,
    /// Whether the publisher is told.
    pub notify: bool,
    folder: PathBuf,
    suffix: String,
    unique: bool,
}

impl Settings {
    /// Reads a recorder's directives; `None` if it is off.
    pub fn read(scope: &Scope<'_>, recorder: &str) -> Result<Option<Self>, Error> {
        let words = scope.words("record");
        let has = |word: &str| words.iter().any(|given| given == word);
        let wrong = |name: &str, why: String| Err(Error::at(scope.find(name).unwrap_or(scope.node()), why));
        if has("off") {
            return match words.len() {
                1 => Ok(None),
                _ => wrong("record", "\"record\" is off or something, not both".into()),
            };
        }
        let selection = Selection {
            audio: has("all") || has("audio"),
            video: has("all") || has("video"),
            keyframes: has("keyframes"),
        };
        if !selection.audio && !selection.has_picture() {
            return wrong("record", "\"record manual\" takes what is to be recorded too, such as all".into());
        }
        let settings = Self {
            recorder: recorder.to_owned(),
            selection,
            start: if has("manual") { Start::Asked } else { Start::Always },
            limits: Limits {
                size: scope.size("record_max_size"),
                frames: scope.number("record_max_frames"),
                interval: Interval::of(&scope.words("record_interval")),
            },
            append: scope.flag("record_append"),
            lock: scope.flag("record_lock"),
            notify: scope.flag("record_notify"),
            folder: scope.text("record_path").into(),
            suffix: scope.text("record_suffix"),
            unique: scope.flag("record_unique"),
        };
        if settings.suffix.contains('/') {
            let why = "\"record_suffix\" is part of a file's name, without \"/\"";
            return wrong("record_suffix", why.into());
        }
        if let Err(why) = local_time(&settings.suffix, UNIX_EPOCH) {
            let suffix = settings.suffix.escape_debug();
            return wrong(
                "record_suffix",
                format!("\"record_suffix\" takes a strftime pattern, not \"{suffix}\": {why}"),
            );
        }
        Ok(Some(settings))
    }

    /// What the head of a file says that it is a recording of: the stream, "live/cam", and the recorder.
    pub fn identity(&self, stream: &str) -> String {
        match self.recorder.as_str() {
            "" => stream.to_owned(),
            recorder => format!("{stream} {recorder}"),
        }
    }

    /// Whether the disk has room for more than the beginning of a file. One that can not tell has.
    pub fn has_room(&self) -> bool {
        let free = |disk: Statvfs| disk.blocks_available() as f64 * disk.fragment_size() as f64;
        statvfs(&self.folder).map_or(true, |disk| free(disk) >= ROOM)
    }

    /// The names for a file of a stream that begins now.
    pub fn names(&self, stream: &str, wall: SystemTime) -> Names {
        Names {
            folder: self.folder.clone(),
            stem: stream.to_owned(),
            time: wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            suffix: local_time(&self.suffix, wall).unwrap_or_else(|_| self.suffix.clone()),
            unique: self.unique,
        }
    }
}

/// The suffix, with the local time in it if it asks for that.
fn local_time(suffix: &str, wall: SystemTime) -> Result<String, jiff::Error> {
    if !suffix.contains('%') {
        return Ok(suffix.to_owned());
    }
    let timestamp = jiff::Timestamp::try_from(wall)?;
    let local = timestamp.to_zoned(jiff::tz::TimeZone::system());
    let text = jiff::fmt::strtime::format(suffix, &local)?;
    // Some patterns, such as %D, have slashes, and %n is a new line.
    Ok(text.replace(|c: char| c == '/' || c.is_control(), "-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_suffix_carries_the_local_time_where_it_is_asked_to() {
        let wall = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(local_time(".flv", wall).unwrap(), ".flv");
        let dated = local_time("-%Y-%m-%d.flv", wall).unwrap();
        assert!(dated.starts_with("-2023-11-1") && dated.ends_with(".flv"), "{dated}");
        assert!(!local_time("%D.flv", wall).unwrap().contains('/'));
        assert!(local_time("-100%!.flv", wall).is_err());
    }
}

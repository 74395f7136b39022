//! The settings of a recorder: an application's own, or a `recorder` block.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil;

use super::file::names::{MAX_SUFFIX, Names};
use super::file::script::identity;
use super::interval::Interval;
use super::retention::{Rule, Signature};
use crate::conf::{Error, Scope, value};
use crate::engine::{RecorderFeature, time_zone};
use crate::media::{Frame, Kind, Role, Slices};

/// The shortest time that recordings are kept: for less they would be gone as soon as they are finished.
const SHORTEST_KEPT: Duration = Duration::from_secs(1);
/// The ends of the names of HLS files, which replace any that is there.
const OF_HLS: [&str; 4] = [".m3u8", ".ts", ".key", ".part"];

/// The frames of a stream that are recorded. Data messages always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    pub audio: bool,
    pub video: bool,
    /// Of the video, key frames at least.
    pub keyframes: bool,
}

impl Selection {
    pub fn wants(self, frame: &Frame) -> bool {
        match frame.kind {
            Kind::Audio => self.audio,
            Kind::Video if self.video => true,
            Kind::Video => {
                let is_key = matches!(frame.role, Role::Key | Role::Header);
                self.keyframes && (is_key || frame.slices == Slices::Continue { of_key: true })
            }
            Kind::Data | Kind::DataAmf3 => frame.role != Role::Empty,
        }
    }

    /// True if pictures are recorded.
    pub fn has_picture(self) -> bool {
        self.video || self.keyframes
    }
}

/// The start of a recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// With every stream.
    Always,
    /// By a publisher that asks for it.
    Requested,
}

/// When a file ends and the next one begins; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Bytes of the file.
    pub size: u64,
    /// Frames of video, or of audio without video.
    pub frames: u64,
    /// Its length.
    pub interval: Option<Interval>,
}

#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name; empty for the application's own.
    pub recorder: String,
    pub selection: Selection,
    pub trigger: Trigger,
    /// When its files end.
    pub limits: FileLimits,
    /// It appends to a file that is there.
    pub append: bool,
    pub lock: bool,
    /// The publisher is told of events.
    pub notify: bool,
    /// The time for which its files are kept; none is for ever.
    keep: Option<Duration>,
    /// The bytes that are to be free on the disk; 0 is off.
    min_free: u64,
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
            trigger: if has("manual") { Trigger::Requested } else { Trigger::Always },
            limits: FileLimits {
                size: scope.size("record_max_size"),
                frames: scope.number("record_max_frames"),
                interval: scope.custom("record_interval"),
            },
            append: scope.flag("record_append"),
            lock: scope.flag("record_lock"),
            notify: scope.flag("record_notify"),
            keep: scope.custom("record_keep"),
            min_free: scope.size("record_min_free"),
            folder: scope.text("record_path").into(),
            suffix: scope.text("record_suffix"),
            unique: scope.flag("record_unique"),
        };
        if let Err(why) = check_suffix(&settings.suffix) {
            return wrong("record_suffix", format!("\"record_suffix\" {why}"));
        }
        Ok(Some(settings))
    }

    /// What others have to know of it.
    pub fn feature(&self) -> RecorderFeature {
        let Selection { audio, video, keyframes } = self.selection;
        let is_manual = self.trigger == Trigger::Requested;
        let flags = [(video, "video"), (audio, "audio"), (keyframes, "keyframes"), (is_manual, "manual")];
        RecorderFeature {
            name: self.recorder.clone(),
            flags: flags.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag)).collect(),
            unique: self.unique,
            append: self.append,
            lock: self.lock,
            notify: self.notify,
            path: self.folder.clone(),
            most_bytes: self.limits.size,
            most_frames: self.limits.frames,
            interval: self.limits.interval.map(Interval::length),
            suffix: self.suffix.clone(),
        }
    }

    /// The identity of its recordings of a stream, "live/cam".
    pub fn identity(&self, stream: &str) -> String {
        identity(stream, &self.recorder)
    }

    /// The folder of its files, and how long they are kept there; `None` if for ever.
    pub fn retention(&self, app: &str) -> Option<(&Path, Rule)> {
        let signature = Signature::new(app, &self.recorder, &self.suffix, self.unique);
        let ends = self.limits.size != 0 || self.limits.frames != 0 || self.limits.interval.is_some();
        let rule = Rule { signature, keep: self.keep, min_free: self.min_free, ends };
        (self.keep.is_some() || self.min_free > 0).then_some((&self.folder, rule))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// True if each file of a stream has the name of the one before, which nginx overwrites.
    pub fn reuses_names(&self) -> bool {
        !self.unique && !self.append && !self.suffix.contains('%')
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

/// Reads the arguments of `record_keep`; none for `off`.
pub(super) fn parse_keep(args: &[String]) -> Result<Option<Duration>, String> {
    match args {
        [word] if word == "off" => Ok(None),
        [time] => match value::time(time) {
            Some(keep) if keep >= SHORTEST_KEPT => Ok(Some(keep)),
            Some(_) => Err(format!("\"{time}\" is less than 1s; off keeps all")),
            None => Err(format!("\"{time}\" is no time such as 7d, or off")),
        },
        _ => Err("one time such as 7d, or off".into()),
    }
}

/// Judges a suffix. An error completes "record_suffix ...".
fn check_suffix(suffix: &str) -> Result<(), String> {
    if suffix.contains('/') {
        return Err("is part of a file's name, without \"/\"".to_owned());
    }
    if let Some(end) = OF_HLS.iter().find(|end| suffix.ends_with(**end)) {
        return Err(format!("is of FLV files, and HLS would write over what ends in \"{end}\""));
    }
    let made = longest_times().map(|time| with_time(suffix, &time.to_zoned(time_zone::local())?));
    let made = made.into_iter().collect::<Result<Vec<_>, _>>();
    let made =
        made.map_err(|why| format!("takes a strftime pattern, not \"{}\": {why}", suffix.escape_debug()))?;
    match made.iter().map(String::len).max() {
        Some(length) if length > MAX_SUFFIX => {
            let why = "behind a stream's name, with a time and a number, there is room for";
            Err(format!("makes suffixes of {length} bytes: {why} {MAX_SUFFIX} in a file's name"))
        }
        _ => Ok(()),
    }
}

/// The suffix, with the local time in it if it asks for that.
fn local_time(suffix: &str, wall: SystemTime) -> Result<String, jiff::Error> {
    with_time(suffix, &jiff::Timestamp::try_from(wall)?.to_zoned(time_zone::local()))
}

fn with_time(suffix: &str, time: &jiff::Zoned) -> Result<String, jiff::Error> {
    if !suffix.contains('%') {
        return Ok(suffix.to_owned());
    }
    let text = jiff::fmt::strtime::format(suffix, time)?;
    // Some patterns, such as %D, have slashes, and %n is a new line.
    Ok(text.replace(|c: char| c == '/' || c.is_control(), "-"))
}

/// Times that are long when they are written out: Wednesdays, the longest month, summer and winter.
fn longest_times() -> [civil::DateTime; 2] {
    [
        civil::datetime(2026, 9, 30, 22, 59, 59, 999_999_999),
        civil::datetime(2026, 12, 30, 22, 59, 59, 999_999_999),
    ]
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

    #[test]
    fn a_suffix_that_no_name_has_room_for_is_refused() {
        for suffix in ["", ".flv", "-%A-%B-%Y.flv", &"s".repeat(MAX_SUFFIX)] {
            assert_eq!(check_suffix(suffix), Ok(()), "{suffix}");
        }
        for suffix in ["s".repeat(300), "s".repeat(MAX_SUFFIX + 1), "%A".repeat(13), "%c".repeat(8)] {
            let why = check_suffix(&suffix).unwrap_err();
            assert!(why.contains("makes suffixes of"), "{suffix}: {why}");
        }
        assert!(check_suffix("a/b").unwrap_err().contains("without"));
        assert!(check_suffix("-100%!.flv").unwrap_err().contains("strftime"));
    }
}

//! The names of a recording's file.

use std::path::PathBuf;

use crate::conf::path::NAME_MAX;
use crate::engine::StreamName;

/// The numbers that are tried with one name.
pub const MAX_NUMBER: u32 = 99;
/// Bytes that a suffix may have: with the longest name of a stream, a time of eleven digits and a number in front.
pub const MAX_SUFFIX: usize = NAME_MAX - StreamName::MAX_BYTES - "-12345678901".len() - ".99".len();

/// The parts of a file's name.
#[derive(Debug, Clone)]
pub struct Names {
    /// The folder; made when missing.
    pub folder: PathBuf,
    /// The stream's name.
    pub stem: String,
    /// The time of the beginning, seconds since 1970.
    pub time: u64,
    pub suffix: String,
    /// The time is always in the name.
    pub unique: bool,
}

impl Names {
    /// The names to try, in order: the name, the name with a number, and when those are used up, as with
    /// `record_unique`, the name with the time. So a camera that comes back every minute is recorded for ever.
    pub fn candidates(&self) -> impl Iterator<Item = PathBuf> {
        let timed = format!("{}-{}", self.stem, self.time);
        let plain = (!self.unique).then(|| self.stem.clone());
        let numbered = |stem: String| {
            (0..=MAX_NUMBER).map(move |number| match number {
                0 => stem.clone(),
                _ => format!("{stem}.{number}"),
            })
        };
        let names = plain.into_iter().chain([timed]).flat_map(numbered);
        names.map(|name| self.folder.join(name + &self.suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_after_the_name_and_the_time_after_the_numbers() {
        let names = Names {
            folder: "rec".into(),
            stem: "cam".into(),
            time: 17,
            suffix: ".flv".into(),
            unique: false,
        };
        let all: Vec<_> = names.candidates().map(|path| path.display().to_string()).collect();
        assert_eq!(all[..3], ["rec/cam.flv", "rec/cam.1.flv", "rec/cam.2.flv"]);
        assert_eq!(all[99..102], ["rec/cam.99.flv", "rec/cam-17.flv", "rec/cam-17.1.flv"]);
        assert_eq!(all.len(), 200);
        let unique = Names { unique: true, ..names };
        assert_eq!(unique.candidates().next(), Some("rec/cam-17.flv".into()));
    }

    #[test]
    fn the_longest_names_are_those_of_files() {
        let stem = "n".repeat(StreamName::MAX_BYTES);
        let suffix = "s".repeat(MAX_SUFFIX);
        let names = Names { folder: "rec".into(), stem, time: 99_999_999_999, suffix, unique: false };
        let lengths = names.candidates().map(|path| path.file_name().unwrap().len());
        assert_eq!(lengths.max(), Some(NAME_MAX));
    }
}

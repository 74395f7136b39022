//! The recorders of an application, and which stream a file of theirs is a recording of: by the identity in its head, if
//! it was recorded here, else by its name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::engine::{Application, Config, StreamName, SuffixPattern};
use crate::http::path;

use super::head::{Head, Media};

/// The extension of recordings, which that of a copy in another form takes the place of.
const FLV: &str = ".flv";
const MP4: &str = ".mp4";

/// An application with its recorders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorders {
    /// The name of the application.
    pub app: String,
    pub all: Vec<Recorder>,
}

/// A recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorder {
    /// Its name; empty for the application's own.
    pub name: String,
    pub folder: PathBuf,
    /// `record_suffix`, and that of copies in MP4.
    suffixes: [SuffixPattern; 2],
    /// Each name has a time.
    unique: bool,
    /// Another application records into the folder: a name alone does not tell whose file it is.
    is_shared: bool,
}

/// The folders into which several applications record.
pub fn shared_folders<'a>(config: &'a Config<'_>) -> HashSet<&'a Path> {
    let (mut seen, mut shared) = (HashSet::new(), HashSet::new());
    for app in &config.applications {
        let own: HashSet<_> = app.features.recorders.iter().map(|recorder| recorder.path.as_path()).collect();
        shared.extend(own.into_iter().filter(|folder| !seen.insert(*folder)));
    }
    shared
}

impl Recorders {
    pub fn read(app: &Application<'_>, shared: &HashSet<&Path>) -> Self {
        let recorders = app.features.recorders.iter();
        let all = recorders.map(|recorder| {
            let copy = recorder.suffix.strip_suffix(FLV).unwrap_or(&recorder.suffix);
            let suffixes =
                [&recorder.suffix, &format!("{copy}{MP4}")].map(|suffix| SuffixPattern::of(suffix));
            Recorder {
                name: recorder.name.clone(),
                folder: recorder.path.clone(),
                suffixes,
                unique: recorder.unique,
                is_shared: shared.contains(recorder.path.as_path()),
            }
        });
        Self { app: app.name.clone(), all: all.collect() }
    }

    /// The recorder and the file's name of a path like "cam.flv", or "hd/cam.flv" of the recorder "hd".
    pub fn find<'a>(&self, file: &'a str) -> Option<(&Recorder, &'a str)> {
        let (recorder, name) = file.split_once('/').unwrap_or(("", file));
        let found = self.all.iter().find(|found| found.name == recorder)?;
        Some((found, name)).filter(|_| !name.contains('/'))
    }
}

impl Recorder {
    /// Whether a file may be one of its recordings by its name.
    pub fn may_have_named(&self, file: &str) -> bool {
        self.suffixes.iter().any(|suffix| suffix.ends(file))
    }

    /// The path of a file, as URLs have it behind the application.
    pub fn path_of(&self, file: &str) -> String {
        if self.name.is_empty() { file.to_owned() } else { format!("{}/{file}", self.name) }
    }

    /// The stream of which a file with this name and head is a recording; none if it is none of the recorder's.
    pub fn stream_of(&self, app: &str, file: &str, head: &Head) -> Option<StreamName> {
        match (&head.identity, head.media) {
            (_, Media::Other) => None,
            (Some(identity), _) => {
                let (label, recorder) = identity.split_once(' ').unwrap_or((identity, ""));
                let name = label.strip_prefix(app)?.strip_prefix('/').filter(|_| recorder == self.name)?;
                StreamName::new(&path::unescape(name)?).ok()
            }
            (None, _) if self.is_shared => None,
            (None, _) => StreamName::new(self.by_name(file)?.0).ok(),
        }
    }

    /// Whether a file is a recording of a stream if its head says nothing else.
    pub fn is_named_after(&self, stream: &str, file: &str) -> bool {
        self.by_name(file).is_some_and(|(name, _)| name == stream)
    }

    /// When a file began, seconds since 1970, if its name tells.
    pub fn time_of(&self, file: &str) -> Option<u64> {
        self.by_name(file)?.1
    }

    /// The name of a stream, and the time in the name of its file.
    fn by_name<'a>(&self, file: &'a str) -> Option<(&'a str, Option<u64>)> {
        let splits = (1..file.len()).rev().filter_map(|end| file.split_at_checked(end));
        let mut stems = splits.filter(|(_, rest)| self.suffixes.iter().any(|suffix| suffix.is(rest)));
        let (stem, _) = stems.next()?;
        if !self.unique {
            return Some((stem, None));
        }
        let (name, time) = stem.rsplit_once('-')?;
        // A recorder adds a number if the name is taken.
        let time = time.split_once('.').map_or(time, |(time, _)| time);
        Some((name, Some(time.parse().ok()?)))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn recorder(name: &str, suffix: &str, unique: bool) -> Recorder {
        let copy = format!("{}{MP4}", suffix.strip_suffix(FLV).unwrap_or(suffix));
        Recorder {
            name: name.to_owned(),
            folder: "/rec".into(),
            suffixes: [SuffixPattern::of(suffix), SuffixPattern::of(&copy)],
            unique,
            is_shared: false,
        }
    }

    fn stream(recorder: &Recorder, file: &str, identity: Option<&str>) -> Option<String> {
        let head = Head { identity: identity.map(str::to_owned), ..Head::of(Media::Flv) };
        Some(recorder.stream_of("live", file, &head)?.as_str().to_owned())
    }

    #[test]
    fn a_file_that_was_recorded_here_belongs_to_the_stream_in_its_head() {
        let (own, hd) = (recorder("", ".flv", false), recorder("hd", ".flv", false));
        for (recorder, file, identity, expected) in [
            (&own, "cam.flv", "live/cam", Some("cam")),
            (&own, "renamed.flv", "live/cam", Some("cam")),
            (&own, "мой поток.flv", "live/мой%20поток", Some("мой поток")),
            (&own, "cam.flv", "other/cam", None),
            (&own, "cam.flv", "live/cam hd", None),
            (&own, "cam.flv", "live/..", None),
            (&hd, "cam.flv", "live/cam hd", Some("cam")),
            (&hd, "cam.flv", "live/cam", None),
        ] {
            assert_eq!(stream(recorder, file, Some(identity)).as_deref(), expected, "{file} of {identity}");
        }
    }

    #[test]
    fn any_other_file_belongs_to_the_stream_in_its_name() {
        for (suffix, unique, file, expected) in [
            (".flv", false, "cam.flv", Some("cam")),
            (".flv", false, "cam.mp4", Some("cam")),
            (".flv", false, "cam-1700000000.flv", Some("cam-1700000000")),
            (".flv", true, "cam-1700000000.flv", Some("cam")),
            (".flv", true, "cam-1700000000.2.mp4", Some("cam")),
            (".flv", true, "cam.flv", None),
            (".flv", false, ".flv", None),
            (".flv", false, "cam.txt", None),
            ("-%Y-%m-%d.flv", false, "my-cam-2026-01-31.flv", Some("my-cam")),
            ("-%Y-%m-%d.flv", false, "my-cam-2026-01-31.mp4", Some("my-cam")),
        ] {
            assert_eq!(stream(&recorder("", suffix, unique), file, None).as_deref(), expected, "{file}");
        }
        let shared = Recorder { is_shared: true, ..recorder("", ".flv", false) };
        assert_eq!((stream(&shared, "cam.flv", None), shared.time_of("cam.flv")), (None, None));
        assert_eq!(stream(&shared, "cam.flv", Some("live/cam")).as_deref(), Some("cam"));
    }

    #[test]
    fn a_path_names_the_recorder_unless_it_is_the_applications_own() {
        let recorders = Recorders {
            app: "live".to_owned(),
            all: vec![recorder("", ".flv", false), recorder("hd", ".flv", false)],
        };
        let found = |path| recorders.find(path).map(|(recorder, file)| (recorder.name.as_str(), file));
        assert_eq!(found("cam.flv"), Some(("", "cam.flv")));
        assert_eq!(found("hd/cam.flv"), Some(("hd", "cam.flv")));
        assert_eq!((found("sd/cam.flv"), found("hd/x/cam.flv")), (None, None));
        let paths: Vec<_> = recorders.all.iter().map(|recorder| recorder.path_of("cam.flv")).collect();
        assert_eq!(paths, ["cam.flv", "hd/cam.flv"]);
    }
}

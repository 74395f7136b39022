//! Files of HLS: which stream a path on the disk belongs to.
//!
//! Computed from the configuration alone; no file is looked at. Files in memory have the paths that they would have on
//! the disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf, absolute};

use crate::engine::config::Application;
use crate::engine::config::features::HlsLayout;
use crate::engine::ids::AppId;

/// A file of HLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HlsFile {
    /// The application.
    pub app: AppId,
    /// The name of the stream; of a master playlist, that of its variants without their suffixes.
    pub name: String,
    /// The length of the name without the suffix of a variant, in bytes.
    base: usize,
    /// What the file is.
    pub kind: HlsFileKind,
}

/// The kinds of HLS files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HlsFileKind {
    /// A media or master playlist.
    Playlist,
    /// The fragment with this number.
    Segment(u64),
    /// The key with this number.
    Key(u64),
    /// It has the extension of one of them, and a name that none has.
    Other,
}

impl HlsFile {
    /// The name without the suffix of a variant: that of the master playlist, and of the viewer's stream.
    pub fn base(&self) -> &str {
        self.name.get(..self.base).unwrap_or(&self.name)
    }
}

/// All files of HLS, by their folders.
#[derive(Debug, Default)]
pub struct HlsFiles {
    folders: HashMap<PathBuf, Vec<Folder>>,
    /// Other paths of folders, each behind the one in the configuration.
    links: Vec<(PathBuf, PathBuf)>,
    has_guarded: bool,
}

/// What a folder has of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    app: AppId,
    layout: HlsLayout,
    holds: Holds,
    /// The suffixes of variants (`hls_variant`).
    suffixes: Vec<String>,
    is_guarded: bool,
}

/// The kinds of files in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// All of them (`hls_path`).
    All,
    /// Only keys (`hls_key_path`).
    Keys,
}

impl HlsFiles {
    /// The files of these applications.
    pub(in crate::engine) fn new(applications: &[Application<'_>]) -> Self {
        let mut files = Self::default();
        for app in applications {
            let Some(hls) = &app.features.hls else { continue };
            for (path, holds) in [(&hls.path, Holds::All), (&hls.key_path, Holds::Keys)] {
                let (app_id, layout, suffixes) = (app.id, hls.layout, hls.suffixes.clone());
                let is_guarded = app.features.guards_viewers();
                let folder = Folder { app: app_id, layout, holds, suffixes, is_guarded };
                files.has_guarded |= is_guarded;
                if !path.is_empty() {
                    files.folders.entry(whole(Path::new(path))).or_default().push(folder);
                }
            }
        }
        files
    }

    /// Takes those of another configuration, and keeps those of applications that are gone. What is known of links stays
    /// so.
    pub(in crate::engine) fn adopt(&mut self, next: Self, is_gone: impl Fn(AppId) -> bool) {
        self.has_guarded |= next.has_guarded;
        let before = std::mem::replace(&mut self.folders, next.folders);
        for (path, folders) in before {
            let gone: Vec<_> = folders.into_iter().filter(|folder| is_gone(folder.app)).collect();
            if !gone.is_empty() {
                self.folders.entry(path).or_default().extend(gone);
            }
        }
        for (known, other) in std::mem::take(&mut self.links) {
            self.add_path(&known, &other);
        }
    }

    /// Removes those of an application that is gone, and that nothing uses any more.
    pub(in crate::engine) fn release(&mut self, app: AppId) {
        self.folders.retain(|_, folders| {
            folders.retain(|folder| folder.app != app);
            !folders.is_empty()
        });
    }

    /// A folder of an application has another path, too: links lead from one to the other.
    pub fn add_path(&mut self, known: &Path, other: &Path) {
        let (known, other) = (whole(known), whole(other));
        if known == other {
            return;
        }
        let Some(folders) = self.folders.get(&known).cloned() else { return };
        let link = (known, other.clone());
        if !self.links.contains(&link) {
            self.links.push(link);
        }
        let all = self.folders.entry(other).or_default();
        for folder in folders {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// Whether any application is guarded.
    pub fn has_guarded(&self) -> bool {
        self.has_guarded
    }

    /// The file of HLS that is at a path. If several applications have the folder, `is_preferred` chooses one of them by
    /// application and name; without a choice a guarded one goes before the others.
    pub fn find(&self, path: &Path, is_preferred: impl Fn(AppId, &str) -> bool) -> Option<HlsFile> {
        let path = whole(path);
        let parent = path.parent()?;
        let name = path.file_name()?.to_str()?;
        let of = |path: &Path| self.folders.get(path).into_iter().flatten();
        let own = of(parent).filter_map(|folder| Some((folder, folder.own_file(name)?)));
        let outer = parent.file_name().and_then(|inner| Some((parent.parent()?, inner.to_str()?)));
        let nested = outer.into_iter().flat_map(|(outer, inner)| {
            of(outer).filter_map(move |folder| Some((folder, folder.nested_file(inner, name)?)))
        });
        let found: Vec<(&Folder, HlsFile)> = own.chain(nested).collect();
        let preferred = found.iter().position(|(_, file)| is_preferred(file.app, &file.name));
        let guarded = || found.iter().position(|(folder, _)| folder.is_guarded);
        let chosen = preferred.or_else(guarded).unwrap_or_default();
        found.into_iter().nth(chosen).map(|(_, file)| file)
    }
}

impl Folder {
    /// The file of this name in the folder itself.
    fn own_file(&self, name: &str) -> Option<HlsFile> {
        let (stem, extension) = Extension::split(name)?;
        match (self.layout, extension) {
            // The master playlist.
            (HlsLayout::Nested, Extension::Playlist) => self.file(stem, HlsFileKind::Playlist, extension),
            (HlsLayout::Nested, _) => None,
            (HlsLayout::Flat, Extension::Playlist) => self.file(stem, HlsFileKind::Playlist, extension),
            (HlsLayout::Flat, _) => {
                let (stream, id) = stem.rsplit_once('-').unwrap_or((stem, ""));
                match number(id) {
                    Some(id) => self.file(stream, extension.of(id), extension),
                    None => self.file(stem, HlsFileKind::Other, extension),
                }
            }
        }
    }

    /// The file of this name in the folder of a stream.
    fn nested_file(&self, stream: &str, name: &str) -> Option<HlsFile> {
        let (stem, extension) = Extension::split(name).filter(|_| self.layout == HlsLayout::Nested)?;
        let kind = match (extension, number(stem)) {
            (Extension::Playlist, _) if stem == "index" => HlsFileKind::Playlist,
            (Extension::Playlist, _) | (_, None) => HlsFileKind::Other,
            (_, Some(id)) => extension.of(id),
        };
        self.file(stream, kind, extension)
    }

    fn file(&self, name: &str, kind: HlsFileKind, extension: Extension) -> Option<HlsFile> {
        if self.holds == Holds::Keys && !matches!(extension, Extension::Key | Extension::Unknown) {
            return None;
        }
        let bases = self.suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix.as_str()));
        // As HLS has it: the longest suffix counts.
        let base = bases.map(str::len).filter(|length| *length > 0).min().unwrap_or(name.len());
        Some(HlsFile { app: self.app, name: name.to_owned(), base, kind })
    }
}

/// The extensions of HLS files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    Playlist,
    Segment,
    Key,
    /// One that a file system may take for one of the others, as it folds the case of letters beyond ASCII.
    Unknown,
}

impl Extension {
    /// Splits a file's name; none if it has another extension.
    fn split(name: &str) -> Option<(&str, Self)> {
        let (stem, extension) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
        let known = [("m3u8", Self::Playlist), ("ts", Self::Segment), ("key", Self::Key)];
        let found = known.into_iter().find(|(text, _)| extension.eq_ignore_ascii_case(text));
        match found {
            Some((_, found)) => Some((stem, found)),
            None => (!extension.is_ascii()).then_some((stem, Self::Unknown)),
        }
    }

    /// The file with a number.
    fn of(self, id: u64) -> HlsFileKind {
        match self {
            Self::Segment => HlsFileKind::Segment(id),
            Self::Key => HlsFileKind::Key(id),
            Self::Playlist | Self::Unknown => HlsFileKind::Other,
        }
    }
}

/// A number as HLS writes it: without a sign or leading zeros.
fn number(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// The absolute path, without dots and doubled slashes.
fn whole(path: &Path) -> PathBuf {
    absolute(path).unwrap_or_else(|_| path.to_owned()).components().collect()
}

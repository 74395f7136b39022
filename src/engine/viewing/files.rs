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
    /// A file with the extension of HLS and a name that HLS does not give, such as one that another layout has left. In a
    /// guarded application it needs credentials.
    Other,
    /// No file of HLS, but a recording of the stream: whoever may play the stream may have it. Its client is no viewer.
    Recording,
}

impl HlsFile {
    /// The recordings of a stream, which the gates decide about as they do about who plays it.
    pub fn recording(app: AppId, name: &str) -> Self {
        Self { app, name: name.to_owned(), base: name.len(), kind: HlsFileKind::Recording }
    }

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

/// The most applications and earlier settings that are kept of a folder; a reload adds some if it changes them.
const MOST_IN_FOLDER: usize = 64;

/// What a folder has of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    app: AppId,
    layout: HlsLayout,
    holds: Holds,
    /// The suffixes of variants (`hls_variant`).
    suffixes: Vec<String>,
    is_guarded: bool,
    /// Whether it is of an earlier configuration.
    is_former: bool,
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
                let is_former = false;
                let folder = Folder { app: app_id, layout, holds, suffixes, is_guarded, is_former };
                files.has_guarded |= is_guarded;
                if !path.is_empty() {
                    files.folders.entry(whole(Path::new(path))).or_default().push(folder);
                }
            }
        }
        files
    }

    /// Takes those of another configuration, and keeps the others: streams write to them until they are published again,
    /// and files may be left there. What is known of links stays so.
    pub(in crate::engine) fn adopt(&mut self, next: Self) {
        self.has_guarded |= next.has_guarded;
        let before = std::mem::replace(&mut self.folders, next.folders);
        for (path, folders) in before {
            let all = self.folders.entry(path).or_default();
            for before in folders.into_iter().filter(|folder| folder.is_guarded) {
                let former = Folder { is_former: true, ..before.clone() };
                let stays = all.contains(&Folder { is_former: false, ..before }) || all.contains(&former);
                if !stays && all.len() < MOST_IN_FOLDER {
                    all.push(former);
                }
            }
        }
        self.folders.retain(|_, folders| !folders.is_empty());
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

    /// The file of HLS that is at a path. If several applications have the folder, a guarded one goes before the others,
    /// and then the one that `is_preferred` chooses by application and name.
    pub fn find(&self, path: &Path, is_preferred: impl Fn(AppId, &str) -> bool) -> Option<HlsFile> {
        Extension::split(path.file_name()?.to_str()?)?;
        let path = whole(path);
        let parent = path.parent()?;
        let name = path.file_name()?.to_str()?;
        let of = |path: &Path| self.folders.get(path).into_iter().flatten();
        let own = of(parent).filter_map(|folder| Some((folder, folder.own_file(name)?)));
        let outer = parent.file_name().and_then(|inner| Some((parent.parent()?, inner.to_str()?)));
        let nested = outer.into_iter().flat_map(|(outer, inner)| {
            of(outer).filter_map(move |folder| Some((folder, folder.nested_file(inner, name)?)))
        });
        let mut found: Vec<(&Folder, HlsFile)> = own.chain(nested).collect();
        // A file that one application may have made is no leftover of another one, or of earlier settings.
        let rank = |(folder, file): &(&Folder, HlsFile)| (file.kind == HlsFileKind::Other, folder.is_former);
        let first = found.iter().map(rank).min()?;
        found.retain(|one| rank(one) == first);
        let is_known = |(_, file): &&(&Folder, HlsFile)| is_preferred(file.app, &file.name);
        let is_guarded = |(folder, _): &&(&Folder, HlsFile)| folder.is_guarded;
        let guarded = || found.iter().filter(is_guarded);
        // Where a guarded application has a part, the file is guarded, whoever publishes.
        let chosen = guarded().find(is_known).or_else(|| guarded().next());
        let chosen = chosen.or_else(|| found.iter().find(is_known)).or_else(|| found.first());
        chosen.map(|(_, file)| file.clone())
    }
}

impl Folder {
    /// The file of this name in the folder itself.
    fn own_file(&self, name: &str) -> Option<HlsFile> {
        let (stem, extension) = Extension::split(name)?;
        match (self.layout, extension) {
            // The master playlist.
            (HlsLayout::Nested, Extension::Playlist) => self.file(stem, HlsFileKind::Playlist, extension),
            // Left from the other layout.
            (HlsLayout::Nested, _) => self.file(stem, HlsFileKind::Other, extension),
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
pub(super) fn number(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// The absolute path, without dots and doubled slashes.
fn whole(path: &Path) -> PathBuf {
    absolute(path).unwrap_or_else(|_| path.to_owned()).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(app: usize, layout: HlsLayout) -> Folder {
        let suffixes = vec!["_low".to_owned(), "_very_low".to_owned()];
        Folder { app: AppId(app), layout, holds: Holds::All, suffixes, is_guarded: false, is_former: false }
    }

    fn files(folders: Vec<(&str, Folder)>) -> HlsFiles {
        let mut files = HlsFiles::default();
        for (path, folder) in folders {
            files.has_guarded |= folder.is_guarded;
            files.folders.entry(path.into()).or_default().push(folder);
        }
        files
    }

    /// Application, name, base and kind of the file at a path.
    fn at(files: &HlsFiles, path: &str) -> Option<(usize, String, String, HlsFileKind)> {
        let file = files.find(Path::new(path), |_, _| false)?;
        Some((file.app.0, file.name.clone(), file.base().to_owned(), file.kind))
    }

    fn found(name: &str, base: &str, kind: HlsFileKind) -> Option<(usize, String, String, HlsFileKind)> {
        Some((0, name.to_owned(), base.to_owned(), kind))
    }

    #[test]
    fn files_of_both_layouts_are_found_by_their_names() {
        use HlsFileKind::{Key, Other, Playlist, Segment};
        let flat = files(vec![("/hls", folder(0, HlsLayout::Flat))]);
        for (path, expected) in [
            ("/hls/cam.m3u8", found("cam", "cam", Playlist)),
            ("/hls/cam_low.m3u8", found("cam_low", "cam", Playlist)),
            ("/hls/a_very_low.m3u8", found("a_very_low", "a", Playlist)),
            ("/hls/_low.m3u8", found("_low", "_low", Playlist)),
            ("/hls/cam-12.ts", found("cam", "cam", Segment(12))),
            ("/hls/cam_low-3.key", found("cam_low", "cam", Key(3))),
            ("/hls/a-b-0.ts", found("a-b", "a-b", Segment(0))),
            ("/hls//./cam-12.ts", found("cam", "cam", Segment(12))),
            ("/hls/cam-012.ts", found("cam-012", "cam-012", Other)),
            ("/hls/cam.ts", found("cam", "cam", Other)),
            ("/hls/cam-1.TS", found("cam", "cam", Segment(1))),
            ("/hls/cam-1.t\u{17f}", found("cam", "cam", Other)),
            ("/hls/cam.html", None),
            ("/hls/.ts", None),
            ("/hls/cam/1.ts", None),
            ("/other/cam.m3u8", None),
        ] {
            assert_eq!(at(&flat, path), expected, "{path}");
        }
        let nested = files(vec![("/hls", folder(0, HlsLayout::Nested))]);
        for (path, expected) in [
            ("/hls/cam.m3u8", found("cam", "cam", Playlist)),
            ("/hls/cam_low/index.m3u8", found("cam_low", "cam", Playlist)),
            ("/hls/cam/12.ts", found("cam", "cam", Segment(12))),
            ("/hls/cam/0.key", found("cam", "cam", Key(0))),
            ("/hls/cam/other.m3u8", found("cam", "cam", Other)),
            ("/hls/cam-12.ts", found("cam-12", "cam-12", Other)),
            ("/hls/cam/sub/12.ts", None),
        ] {
            assert_eq!(at(&nested, path), expected, "{path}");
        }
    }

    #[test]
    fn a_folder_of_keys_has_keys_only() {
        let keys = Folder { holds: Holds::Keys, ..folder(0, HlsLayout::Flat) };
        let files = files(vec![("/keys", keys)]);
        assert_eq!(at(&files, "/keys/cam-1.key"), found("cam", "cam", HlsFileKind::Key(1)));
        assert_eq!(at(&files, "/keys/cam-1.ts"), None);
        assert_eq!(at(&files, "/keys/cam.m3u8"), None);
    }

    #[test]
    fn in_a_shared_folder_a_file_is_the_guarded_applications() {
        let open = || folder(0, HlsLayout::Flat);
        let guarded = |app| Folder { is_guarded: true, ..folder(app, HlsLayout::Flat) };
        let app = |files: &HlsFiles, known: usize| {
            files.find(Path::new("/hls/cam.m3u8"), |app, _| app.0 == known).map(|file| file.app.0)
        };
        let shared = files(vec![("/hls", open()), ("/hls", guarded(1)), ("/hls", guarded(2))]);
        assert_eq!((app(&shared, 0), app(&shared, 1), app(&shared, 2)), (Some(1), Some(1), Some(2)));
        // A stream of the outer application has the name of the inner folder.
        let nested = folder(0, HlsLayout::Nested);
        let enclosing = files(vec![("/hls", nested), ("/hls/live", guarded(1))]);
        let file = enclosing.find(Path::new("/hls/live/cam-1.ts"), |app, _| app.0 == 0).unwrap();
        assert_eq!((file.app.0, file.kind), (1, HlsFileKind::Segment(1)));
        let guarding = Folder { is_guarded: true, ..folder(1, HlsLayout::Nested) };
        let enclosed = files(vec![("/hls", guarding), ("/hls/free", open())]);
        assert_eq!(at(&enclosed, "/hls/free/x-1.ts"), found("x", "x", HlsFileKind::Segment(1)));
    }

    #[test]
    fn a_folder_that_a_reload_changes_is_guarded_on_and_another_application_may_have_it() {
        let guarded = |app, layout| Folder { is_guarded: true, ..folder(app, layout) };
        let mut all =
            files(vec![("/hls", guarded(0, HlsLayout::Nested)), ("/old", guarded(0, HlsLayout::Flat))]);
        all.add_path(Path::new("/old"), Path::new("/link"));
        all.adopt(files(vec![("/hls", guarded(0, HlsLayout::Flat)), ("/new", folder(1, HlsLayout::Flat))]));
        for path in ["/hls/cam-1.ts", "/hls/cam/1.ts", "/old/cam-1.ts", "/link/cam-1.ts"] {
            assert_eq!(at(&all, path), found("cam", "cam", HlsFileKind::Segment(1)), "{path}");
        }
        all.adopt(files(vec![("/old", folder(1, HlsLayout::Flat))]));
        assert_eq!(at(&all, "/old/cam-1.ts").map(|file| file.0), Some(1));
        assert_eq!(at(&all, "/hls/cam/1.ts").map(|file| file.0), Some(0));
        all.release(AppId(0));
        assert_eq!(at(&all, "/hls/cam/1.ts"), None);
        assert!(all.has_guarded());
    }
}

//! Where a stream's files are, and what a playlist calls them. All names are made here.
//!
//! Flat: `PATH/NAME.m3u8` and `PATH/NAME-ID.ts`; nested: `PATH/NAME/index.m3u8` and `PATH/NAME/ID.ts`.
//! No two names share a file: an id is all digits, and `a` with its id is no playlist of `a-1`.

use std::path::{Path, PathBuf};

/// The largest id that is read back, 16 digits: one a millisecond would take 300,000 years.
const MAX_ID: u64 = 9_999_999_999_999_999;

/// `hls_nested`: how a stream's files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// All streams in one directory.
    Flat,
    /// A directory for each stream.
    Nested,
}

/// The names of one stream's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// `hls_path`.
    root: PathBuf,
    /// The stream's name: no separator, no leading dot.
    name: String,
    layout: Layout,
}

impl Naming {
    /// The names of the files of the stream `name`, which is safe as a file name, below `root`.
    pub fn new(root: &Path, name: &str, layout: Layout) -> Self {
        debug_assert!(!name.is_empty() && !name.starts_with('.') && !name.contains('/'), "an unsafe name");
        Self { root: root.to_path_buf(), name: name.to_owned(), layout }
    }

    /// The stream's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `hls_path`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The stream's own directory, if it has one.
    pub fn own_directory(&self) -> Option<PathBuf> {
        (self.layout == Layout::Nested).then(|| self.root.join(&self.name))
    }

    /// The playlist's file.
    pub fn playlist(&self) -> PathBuf {
        match self.layout {
            Layout::Flat => self.root.join(format!("{}.m3u8", self.name)),
            Layout::Nested => self.root.join(&self.name).join("index.m3u8"),
        }
    }

    /// A fragment's file.
    pub fn fragment(&self, id: u64) -> PathBuf {
        let directory = self.own_directory().unwrap_or_else(|| self.root.clone());
        directory.join(self.uri(id))
    }

    /// A fragment as the playlist calls it, relative to the playlist. The bytes allowed in names need
    /// no escape in a path (RFC 3986 3.3).
    pub fn uri(&self, id: u64) -> String {
        match self.layout {
            Layout::Flat => format!("{}-{id}.ts", self.name),
            Layout::Nested => format!("{id}.ts"),
        }
    }

    /// The id in a URI that [`uri`](Self::uri) made; `None` for any other.
    pub fn parse_uri(&self, uri: &str) -> Option<u64> {
        let rest = match self.layout {
            Layout::Flat => uri.strip_prefix(self.name.as_str())?.strip_prefix('-')?,
            Layout::Nested => uri,
        };
        let digits = rest.strip_suffix(".ts")?;
        let id = digits.parse().ok().filter(|&id| id <= MAX_ID)?;
        // Only as it was written: no sign, no leading zero.
        (self.uri(id) == uri).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_nginx_rtmp() {
        let flat = Naming::new(Path::new("/hls"), "a", Layout::Flat);
        assert_eq!(flat.playlist(), Path::new("/hls/a.m3u8"));
        assert_eq!((flat.fragment(7), flat.uri(7)), (PathBuf::from("/hls/a-7.ts"), "a-7.ts".to_owned()));
        let nested = Naming::new(Path::new("/hls"), "a", Layout::Nested);
        assert_eq!(nested.playlist(), Path::new("/hls/a/index.m3u8"));
        assert_eq!((nested.fragment(7), nested.uri(7)), (PathBuf::from("/hls/a/7.ts"), "7.ts".to_owned()));
    }

    #[test]
    fn only_our_own_uris_are_read_back() {
        let flat = Naming::new(Path::new("/hls"), "a", Layout::Flat);
        assert_eq!(flat.parse_uri("a-12.ts"), Some(12));
        let others =
            ["b-1.ts", "a-1-1.ts", "a-+1.ts", "a-01.ts", "a-.ts", "a-1.ts/", "../a-1.ts", "/hls/a-1.ts"];
        for uri in others.into_iter().chain(["a-99999999999999999.ts", "a-1.TS", "1.ts", "a1.ts", ""]) {
            assert_eq!(flat.parse_uri(uri), None, "{uri}");
        }
        let nested = Naming::new(Path::new("/hls"), "a", Layout::Nested);
        assert_eq!((nested.parse_uri("12.ts"), nested.parse_uri("../12.ts")), (Some(12), None));
    }
}

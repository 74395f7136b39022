//! The ledger: a hidden file in each `hls_path` with the names of the streams that have files there. A line is added
//! when a stream begins, and when its files are removed. A server that starts finds in it which streams of an earlier
//! run have left files; no folder is searched, and no file is removed by its age. Names are percent-encoded: each is
//! one word.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::engine::files::open;

use crate::http::path;
use crate::modules::hls::files::disk;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::settings::Layout;

const NAME: &str = ".millstream-hls";
/// The longest file that is read, in bytes.
const MAX_TEXT: u64 = 4 << 20;
/// Lines beyond those that are needed at which the file is written anew.
const MAX_STALE: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub layout: Layout,
    pub name: String,
}

impl Entry {
    /// The entry of a stream.
    pub fn of(naming: &Naming) -> Self {
        Self { layout: naming.settings().layout, name: naming.name().to_owned() }
    }

    fn line(&self, sign: char) -> String {
        let layout = match self.layout {
            Layout::Flat => "flat",
            Layout::Nested => "nested",
        };
        format!("{sign} {layout} {}\n", path::encode(&self.name))
    }

    /// Reads a sign and an entry; `None` for anything else, such as half a line that a power cut has left.
    fn parse(line: &str) -> Option<(char, Self)> {
        let mut words = line.split(' ');
        let sign = words.next()?.parse().ok()?;
        let layout = match words.next()? {
            "flat" => Layout::Flat,
            "nested" => Layout::Nested,
            _ => return None,
        };
        let name = path::unescape(words.next()?)?;
        let is_safe = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        (is_safe && words.next().is_none()).then_some((sign, Self { layout, name }))
    }
}

/// The ledger of one folder. A failure to write it is only logged.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    entries: BTreeSet<Entry>,
    /// Lines in the file that need not be there.
    stale: usize,
}

impl Ledger {
    pub fn open(root: &Path) -> Self {
        let path = root.join(NAME);
        let bytes = disk::read(&path, MAX_TEXT).unwrap_or_else(|error| {
            log::warn!("hls: files of an earlier run are not removed: {error}");
            None
        });
        let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
        let mut ledger = Self { path, entries: BTreeSet::new(), stale: 0 };
        for (sign, entry) in text.lines().filter_map(Entry::parse) {
            if sign == '+' {
                ledger.entries.insert(entry);
            } else {
                ledger.entries.remove(&entry);
            }
        }
        // Nothing can be added behind an incomplete line.
        let is_whole = text.is_empty() || text.ends_with('\n');
        ledger.stale = if is_whole { text.lines().count() - ledger.entries.len() } else { MAX_TEXT as usize };
        ledger
    }

    pub fn entries(&self) -> &BTreeSet<Entry> {
        &self.entries
    }

    pub fn add(&mut self, entry: Entry) {
        let line = entry.line('+');
        if self.entries.insert(entry) || self.is_lost() {
            self.write(&line);
        }
    }

    pub fn remove(&mut self, entry: &Entry) {
        if self.entries.remove(entry) {
            self.stale += 2;
            self.write(&entry.line('-'));
        }
    }

    /// Writes the file again if somebody has removed it, unless its folder is gone, too.
    pub fn restore(&mut self) {
        let has_folder = self.path.parent().is_some_and(Path::is_dir);
        if !self.entries.is_empty() && has_folder && self.is_lost() {
            self.write("");
        }
    }

    /// Somebody has removed the file, perhaps with its folder.
    fn is_lost(&self) -> bool {
        disk::size(&self.path).is_none()
    }

    fn write(&mut self, line: &str) {
        let result = if self.entries.is_empty() {
            disk::remove(&self.path);
            self.stale = 0;
            Ok(())
        } else if self.stale > MAX_STALE.max(self.entries.len()) || self.is_lost() {
            self.stale = 0;
            let text: String = self.entries.iter().map(|entry| entry.line('+')).collect();
            disk::write(&self.path, text.as_bytes())
        } else {
            append(&self.path, line)
        };
        if let Err(error) = result {
            log::warn!("hls: {}: {error}; some files may not be removed", self.path.display());
        }
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let (mut file, _) = open(File::options().append(true).create(true).mode(0o644), path)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_folder::Folder;

    fn entry(name: &str) -> Entry {
        Entry { layout: Layout::Flat, name: name.to_owned() }
    }

    #[test]
    fn entries_that_were_added_and_not_removed_are_found_again() {
        let folder = Folder::new();
        let mut ledger = Ledger::open(&folder);
        ledger.add(entry("a"));
        ledger.add(Entry { layout: Layout::Nested, name: "b".to_owned() });
        ledger.add(entry("a"));
        ledger.remove(&entry("c"));
        let text = fs::read_to_string(folder.join(NAME)).unwrap();
        assert_eq!(text, "+ flat a\n+ nested b\n");
        let mut ledger = Ledger::open(&folder);
        assert_eq!(ledger.entries().len(), 2);
        ledger.remove(&entry("a"));
        assert_eq!(Ledger::open(&folder).entries().first().unwrap().name, "b");
        ledger.remove(&Entry { layout: Layout::Nested, name: "b".to_owned() });
        assert!(folder.list("").is_empty());
    }

    #[test]
    fn a_name_is_one_word_of_its_line() {
        let folder = Folder::new();
        let mut ledger = Ledger::open(&folder);
        ledger.add(entry("мой [x] \u{2603}"));
        ledger.add(entry("a.b_c~d+e=f@g,h-1"));
        let text = fs::read_to_string(folder.join(NAME)).unwrap();
        assert_eq!(text, "+ flat %D0%BC%D0%BE%D0%B9%20%5Bx%5D%20%E2%98%83\n+ flat a.b_c~d+e=f@g,h-1\n");
        assert_eq!(Ledger::open(&folder).entries(), ledger.entries());
    }

    #[test]
    fn a_file_that_was_removed_is_written_again() {
        let folder = Folder::new();
        let mut ledger = Ledger::open(&folder);
        ledger.add(entry("a"));
        ledger.add(entry("b"));
        for change in [Ledger::add, |ledger: &mut Ledger, _| ledger.remove(&entry("b"))] {
            fs::remove_file(folder.join(NAME)).unwrap();
            change(&mut ledger, entry("a"));
            assert_eq!(Ledger::open(&folder).entries(), ledger.entries());
        }
    }

    #[test]
    fn the_file_stays_short() {
        let folder = Folder::new();
        let mut ledger = Ledger::open(&folder);
        ledger.add(entry("always"));
        for round in 0..2000 {
            ledger.add(entry(&format!("s{round}")));
            ledger.remove(&entry(&format!("s{round}")));
        }
        let text = fs::read_to_string(folder.join(NAME)).unwrap();
        assert!(text.lines().count() < 300, "{} lines", text.lines().count());
        assert_eq!(Ledger::open(&folder).entries(), &[entry("always")].into());
    }

    #[test]
    fn lines_that_are_no_entries_are_ignored() {
        let folder = Folder::new();
        let text = "+ flat a\n+ flat ../x\n+ flat .b\n+ round c\n\n+ flat\n++ flat d\n+ flat e f\n+ flat %2e%2e%2fx\n+ flat %g\n+ fl";
        fs::write(folder.join(NAME), text).unwrap();
        assert_eq!(Ledger::open(&folder).entries(), &[entry("a")].into());
    }
}

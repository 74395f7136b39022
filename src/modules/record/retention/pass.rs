//! One pass over a folder of recordings, in short steps: the oldest files are found, and one after the other looked at
//! and deleted. What is deleted is what was looked at: files are opened in the open folder, never through a link.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::ffi::CString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::dir::{Dir, OwningIter, Type};
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::engine::files::open_in;

/// Entries of the folder that are looked at in a step.
const ENTRIES_A_STEP: usize = 64;
/// The oldest files that are remembered of a folder at a time, with a tenth of a kilobyte for each. When they are used
/// up and more have to go, the folder is gone through again.
const MAX_CANDIDATES: usize = 1024;

/// A file that may be old enough: the oldest comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// When it was written last.
    pub modified: SystemTime,
    name: CString,
}

#[derive(Debug)]
pub struct Pass {
    folder: File,
    stage: Stage,
    /// The last file that was looked at; what comes next is younger.
    after: Option<Candidate>,
}

#[derive(Debug)]
enum Stage {
    Listing(Listing),
    /// The oldest first, and whether there are younger ones that could not be remembered.
    Looking(VecDeque<Candidate>, Younger),
}

struct Listing {
    names: OwningIter,
    /// The youngest on top.
    oldest: BinaryHeap<Candidate>,
    younger: Younger,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Younger {
    None,
    Some,
}

#[derive(Debug)]
pub enum Next {
    /// There is more to go through.
    More,
    /// This file is the oldest of those that have not been looked at.
    Candidate(Candidate),
    /// Nothing is left.
    End,
}

impl Pass {
    /// Begins with a folder; an error of the kind `NotFound` is one that is not there.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let flags = (OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).bits();
        // The current folder, where there is no `record_path`.
        let path = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let folder = File::options().read(true).custom_flags(flags).open(path)?;
        let stage = Stage::Listing(Listing::of(&folder)?);
        Ok(Self { folder, stage, after: None })
    }

    /// Goes one step further. `wants` tells by its name, and its time once that is known, whether a file is worth
    /// looking at.
    pub fn step(&mut self, wants: impl Fn(&str, Option<SystemTime>) -> bool) -> io::Result<Next> {
        match &mut self.stage {
            Stage::Listing(listing) => {
                if listing.step(&self.folder, self.after.as_ref(), wants)? {
                    let oldest = std::mem::take(&mut listing.oldest).into_sorted_vec();
                    self.stage = Stage::Looking(oldest.into(), listing.younger);
                }
                Ok(Next::More)
            }
            Stage::Looking(candidates, younger) => {
                if let Some(candidate) = candidates.pop_front() {
                    self.after = Some(candidate.clone());
                    return Ok(Next::Candidate(candidate));
                }
                if *younger == Younger::None {
                    return Ok(Next::End);
                }
                self.stage = Stage::Listing(Listing::of(&self.folder)?);
                Ok(Next::More)
            }
        }
    }

    /// Opens a candidate, if it is still a regular file; to be shortened, where that is permitted. A FIFO does not hold
    /// it up.
    pub fn open(&self, candidate: &Candidate) -> io::Result<(File, Metadata)> {
        let open = |access| open_in(&self.folder, &candidate.name, access);
        open(OFlag::O_RDWR).or_else(|_| open(OFlag::O_RDONLY))
    }

    /// Removes the name of a candidate, if it is still that of the file that was opened.
    pub fn remove(&self, candidate: &Candidate, opened: &File) -> io::Result<()> {
        let there = fstatat(&self.folder, &*candidate.name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let ours = nix::sys::stat::fstat(opened)?;
        if (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino) {
            return Err(io::Error::other("another file has taken its place"));
        }
        Ok(unlinkat(&self.folder, &*candidate.name, UnlinkatFlags::NoRemoveDir)?)
    }
}

impl Candidate {
    pub fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }
}

impl Listing {
    fn of(folder: &File) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let names = Dir::openat(folder, ".", flags, Mode::empty())?.into_iter();
        Ok(Self { names, oldest: BinaryHeap::new(), younger: Younger::None })
    }

    /// Goes through some entries, and remembers the oldest files behind `after`. Returns whether that was all.
    fn step(
        &mut self,
        folder: &File,
        after: Option<&Candidate>,
        wants: impl Fn(&str, Option<SystemTime>) -> bool,
    ) -> io::Result<bool> {
        for _ in 0..ENTRIES_A_STEP {
            let Some(entry) = self.names.next() else { return Ok(true) };
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type());
            let Ok(text) = name.to_str() else { continue };
            if kind.is_some_and(|kind| kind != Type::File) || !wants(text, None) {
                continue;
            }
            // It may be gone by now.
            let Ok(facts) = fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            let candidate = Candidate { modified: modified(&facts), name: name.to_owned() };
            let is_next = after.is_none_or(|after| candidate.cmp(after) == Ordering::Greater);
            if is_regular(&facts) && is_next && wants(text, Some(candidate.modified)) {
                self.add(candidate);
            }
        }
        Ok(false)
    }

    fn add(&mut self, candidate: Candidate) {
        self.oldest.push(candidate);
        if self.oldest.len() > MAX_CANDIDATES {
            self.oldest.pop();
            self.younger = Younger::Some;
        }
    }
}

fn is_regular(facts: &FileStat) -> bool {
    SFlag::from_bits_truncate(facts.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG
}

fn modified(facts: &FileStat) -> SystemTime {
    let nanoseconds = u32::try_from(facts.st_mtime_nsec).unwrap_or_default();
    let seconds = u64::try_from(facts.st_mtime).unwrap_or_default();
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds)).unwrap_or(UNIX_EPOCH)
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").field("oldest", &self.oldest.len()).finish_non_exhaustive()
    }
}

//! The descriptors that a command has: none of the server's, and those that its redirections name.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use millstream::engine::{Redirection, RedirectionTarget};
use nix::libc::O_NOCTTY;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{close, dup2, dup2_stderr, dup2_stdout};

/// Descriptors that a redirection may name.
const NAMED: usize = 10;
/// The standard ones.
const STANDARD: usize = 3;
/// The file that is read as empty and takes everything.
const NULL: &str = "/dev/null";

/// Closes all descriptors above 2 that this process has been given. To be called before anything is opened.
pub fn close_inherited() {
    let listed = fs::read_dir("/proc/self/fd").ok().map(|entries| {
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.collect::<Vec<i32>>()
    });
    let all = || {
        let most = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        (0..i32::try_from(most).unwrap_or(i32::MAX)).collect()
    };
    for number in listed.unwrap_or_else(all) {
        if number >= STANDARD as i32 {
            // The one that the list was read by is closed already.
            let _ = close(number);
        }
    }
}

/// Has output and error output lead nowhere, so that the server sees when the command has closed its own.
pub fn let_output_go() {
    if let Ok(null) = open_null() {
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    }
}

fn open_null() -> io::Result<File> {
    File::options().read(true).write(true).open(NULL)
}

/// The descriptors of a command, by their numbers.
pub struct Table {
    descriptors: [Option<OwnedFd>; NAMED],
    /// Those from 3 on are opened here under their own numbers, which the command inherits.
    places: Vec<OwnedFd>,
}

impl Table {
    /// Opens what the redirections name, in their order. May wait for as long as a file makes it.
    pub fn open(places: Vec<OwnedFd>, redirections: &[Redirection]) -> Result<Self, String> {
        let explain = |error: io::Error| format!("its descriptors cannot be opened: {error}");
        let mut table = Self { descriptors: [const { None }; NAMED], places };
        let own = [
            open_null().map(OwnedFd::from),
            io::stdout().as_fd().try_clone_to_owned(),
            io::stdout().as_fd().try_clone_to_owned(),
        ];
        for (place, descriptor) in table.descriptors.iter_mut().zip(own) {
            *place = Some(descriptor.map_err(explain)?);
        }
        for redirection in redirections {
            table.redirect(redirection)?;
        }
        table.put_in_places().map_err(explain)?;
        Ok(table)
    }

    /// Takes the standard descriptors.
    pub fn standard(&mut self) -> [Option<OwnedFd>; STANDARD] {
        let [input, output, errors, ..] = &mut self.descriptors;
        [input.take(), output.take(), errors.take()]
    }

    fn redirect(&mut self, Redirection { descriptor, to }: &Redirection) -> Result<(), String> {
        let opened = match to {
            RedirectionTarget::Read(path) => open(path, File::options().read(true))?,
            RedirectionTarget::Write(path) => {
                open(path, File::options().write(true).create(true).truncate(true))?
            }
            RedirectionTarget::Append(path) => open(path, File::options().append(true).create(true))?,
            RedirectionTarget::Copy(other) => self.copy(*other)?,
        };
        let place = usize::try_from(*descriptor).ok().and_then(|index| self.descriptors.get_mut(index));
        *place.ok_or_else(|| format!("there is no descriptor {descriptor}"))? = Some(opened);
        Ok(())
    }

    fn copy(&self, other: i32) -> Result<OwnedFd, String> {
        let found = usize::try_from(other).ok().and_then(|index| self.descriptors.get(index)?.as_ref());
        let found = found.ok_or_else(|| format!("descriptor {other} is not open"))?;
        found.try_clone().map_err(|error| format!("descriptor {other}: {error}"))
    }

    /// Gives the descriptors from 3 on their numbers, under which a command inherits them.
    fn put_in_places(&mut self) -> io::Result<()> {
        for place in &mut self.places {
            let index = usize::try_from(place.as_raw_fd()).unwrap_or_default();
            if let Some(opened) = self.descriptors.get_mut(index).and_then(Option::take) {
                dup2(&opened, place)?;
            }
        }
        Ok(())
    }
}

/// Occupies the descriptors from 3 on, so that whatever else is opened stands behind them.
pub fn reserve() -> io::Result<Vec<OwnedFd>> {
    let mut places = Vec::new();
    loop {
        let null = OwnedFd::from(open_null()?);
        if null.as_raw_fd() >= NAMED as i32 {
            return Ok(places);
        }
        places.push(null);
    }
}

/// Opens a file; one that is a terminal does not become that of this process's session.
fn open(path: &Path, options: &mut fs::OpenOptions) -> Result<OwnedFd, String> {
    let opened = options.custom_flags(O_NOCTTY).open(path);
    opened.map(OwnedFd::from).map_err(|error| format!("{}: {error}", path.display()))
}

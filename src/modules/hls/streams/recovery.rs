//! What an earlier run of the server, or an earlier publication, has left of a stream: found again in its
//! playlist, to go on from it or to delete it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::modules::hls::files::Files;
use crate::modules::hls::files::disk;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::playlist::master;
use crate::modules::hls::playlist::{End, Fragment, MAX_TEXT, Playlist, Retired, stream_inf_line};

/// Deletes what a stream that has ended left: all that its playlist names, and a playlist that was about to
/// appear; then the playlist, and the stream's own directories if nothing else is in them. The master
/// playlist lists it no more.
pub fn remove_all(naming: &Naming, files: &mut Files<'_>, wall: SystemTime) {
    let Some(left) = left(naming, files) else { return };
    left.iter().for_each(|path| files.remove(path));
    remove_last(naming, files, wall);
}

/// Deletes the rest of what a stream that has ended left, when its fragments and keys are gone.
pub fn remove_last(naming: &Naming, files: &mut Files<'_>, wall: SystemTime) {
    files.remove(&naming.playlist());
    // What a crash left half written.
    files.remove(&disk::part_of(&naming.playlist()));
    files.remove(&naming.open_fragment());
    if matches!(files, Files::Disk) {
        for directory in naming.own_directories() {
            // Refused by the system while anything is in it.
            let _ = std::fs::remove_dir(directory);
        }
    }
    master::update(files, naming, wall);
}

/// Says in the playlist of a stream that it has ended. False if nothing is listed, or it says so already.
pub fn end(naming: &Naming, files: &mut Files<'_>, wall: SystemTime) -> io::Result<bool> {
    let Some(text) = with_end(naming, files)? else { return Ok(false) };
    files.replace(&naming.playlist(), text.as_bytes(), wall)?;
    Ok(true)
}

/// Whether the playlist of a stream lists something and does not say that the stream has ended.
pub fn is_open(naming: &Naming, files: &Files<'_>) -> bool {
    with_end(naming, files).is_ok_and(|text| text.is_some())
}

/// The playlist of a stream with its end, if that is to be added.
fn with_end(naming: &Naming, files: &Files<'_>) -> io::Result<Option<String>> {
    let bytes = files.read(&naming.playlist(), MAX_TEXT)?;
    let Some(before) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else { return Ok(None) };
    let Ok(Some((mut playlist, retired))) = read_back(naming, files) else { return Ok(None) };
    let text = playlist.render(naming, &retired, stream_inf_line(&before), End::Ended);
    Ok(Some(text).filter(|text| !playlist.is_empty() && *text != before))
}

/// The fragments and keys that a stream's playlist names, the oldest first; `None` if it is not ours.
pub fn left(naming: &Naming, files: &Files<'_>) -> Option<Vec<PathBuf>> {
    let found = read(naming, files).ok()?;
    Some(found.map_or(Vec::new(), |found| named(naming, &found.playlist, &found.retired)))
}

fn named(naming: &Naming, playlist: &Playlist, retired: &[Retired]) -> Vec<PathBuf> {
    let listed = playlist.fragments().map(|fragment| fragment.retired());
    let all: Vec<Retired> = retired.iter().copied().chain(listed).collect();
    let keys: HashSet<u64> = all.iter().filter_map(|retired| retired.key).collect();
    let fragments = all.iter().map(|retired| naming.fragment(retired.id));
    fragments.chain(keys.into_iter().map(|key| naming.key(key))).collect()
}

/// The playlist that is in place, and what waits for its deletion. Of a playlist that was about to appear
/// when the server was killed, the fragments wait, too. An error is a file that is not ours.
pub fn read_back(naming: &Naming, files: &Files<'_>) -> Result<Option<(Playlist, Vec<Retired>)>, String> {
    let Some(Found { mut playlist, mut retired, is_seen }) = read(naming, files)? else { return Ok(None) };
    // On the disk, a publication looks for what is listed before its first fragment.
    if !is_seen || matches!(files, Files::Memory(_)) {
        let size = |id| files.size(&naming.fragment(id)).filter(|_| is_seen);
        retired.extend(playlist.keep_existing(size).iter().map(Fragment::retired));
    }
    Ok(Some((playlist, retired)))
}

/// What a playlist names, whether it is there or not.
struct Found {
    playlist: Playlist,
    retired: Vec<Retired>,
    /// Whether it was in place, and not about to appear.
    is_seen: bool,
}

fn read(naming: &Naming, files: &Files<'_>) -> Result<Option<Found>, String> {
    let path = naming.playlist();
    let parse = |path: &Path| {
        let Some(bytes) = files.read(path, MAX_TEXT).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(|text| Playlist::parse(text, naming));
        parsed.map(Some).ok_or_else(|| format!("{}: not a playlist of this server", path.display()))
    };
    let found = parse(&path)?;
    let prepared = parse(&disk::part_of(&path)).ok().flatten();
    let is_seen = found.is_some();
    let Some((mut playlist, mut retired)) = found.or_else(|| prepared.clone()) else { return Ok(None) };
    let listed: HashSet<u64> = playlist.fragments().map(|fragment| fragment.id).collect();
    for fragment in prepared.iter().flat_map(|(prepared, _)| prepared.fragments()) {
        if !listed.contains(&fragment.id) {
            playlist.skip(fragment.id);
            retired.push(fragment.retired());
        }
    }
    Ok(Some(Found { playlist, retired, is_seen }))
}

/// How much the playlist in place lists.
pub fn listed(naming: &Naming, files: &Files<'_>) -> Duration {
    let found = read(naming, files).ok().flatten().filter(|found| found.is_seen);
    Duration::from_millis(found.map_or(0, |found| found.playlist.total()))
}

//! What a path below the location's means.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// The list of the recordings of an application.
    List,
    /// A recording, by the rest of the path: application, recorder, file.
    File(&'a str),
    /// Its playlist.
    Playlist(&'a str),
    /// A segment of it, from a time up to another, in milliseconds.
    Segment(&'a str, (u64, u64)),
}

/// The folder of recordings.
pub const FOLDER: &str = "recordings/";

/// The name of a recording's playlist. No recording has it: a recorder's suffix may not end so.
pub const PLAYLIST: &str = "index.m3u8";

impl<'a> Address<'a> {
    /// What is meant by `path`, where the location's own is `base`, ending with '/'.
    pub fn of(base: &str, path: &'a str) -> Option<Self> {
        let below = path.strip_prefix(base)?;
        if below == "recordings.json" {
            return Some(Self::List);
        }
        let file = below.strip_prefix(FOLDER)?;
        let Some((folder, last)) = file.rsplit_once('/') else { return Some(Self::File(file)) };
        if last == PLAYLIST {
            return Some(Self::Playlist(folder));
        }
        Some(match last.strip_suffix(".ts").and_then(times) {
            Some(times) => Self::Segment(folder, times),
            None => Self::File(file),
        })
    }
}

fn times(text: &str) -> Option<(u64, u64)> {
    let (start, end) = text.split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let times = (start.parse().ok()?, end.parse().ok()?);
    (is_number(start) && is_number(end) && times.0 < times.1).then_some(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_list_a_file_a_playlist_or_a_segment() {
        for (base, path, address) in [
            ("/", "/recordings.json", Some(Address::List)),
            ("/tv/", "/tv/recordings.json", Some(Address::List)),
            ("/tv/", "/recordings.json", None),
            ("/", "/recordings", None),
            ("/", "/recordings/live/cam.flv", Some(Address::File("live/cam.flv"))),
            ("/", "/recordings/a/b/hd/cam.flv", Some(Address::File("a/b/hd/cam.flv"))),
            ("/", "/recordings/live/cam.flv/index.m3u8", Some(Address::Playlist("live/cam.flv"))),
            ("/", "/recordings/live/cam.flv/0-6000.ts", Some(Address::Segment("live/cam.flv", (0, 6000)))),
            ("/", "/recordings/live/cam.flv/6-6.ts", Some(Address::File("live/cam.flv/6-6.ts"))),
            ("/", "/recordings/live/cam.flv/+0-6.ts", Some(Address::File("live/cam.flv/+0-6.ts"))),
            ("/", "/page.js", None),
        ] {
            assert_eq!(Address::of(base, path), address, "{path} below {base}");
        }
    }
}

//! Reads back playlists of an earlier run of the server, or of nginx-rtmp.

use jiff::Timestamp;

use super::outline::{MAX_LISTED, rounded};
use super::{Begins, Encryption, Fragment, Playlist, RETIRED, Retired, STREAM_INF, TIME};
use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::files::keys;
use crate::modules::hls::files::naming::{MAX_NUMBER, Naming};
use crate::modules::hls::settings::attributes::Attributes;

/// The longest EXTINF that is read back, in milliseconds.
const MAX_DURATION: u64 = 24 * 3600 * 1000;

/// The tags of the next fragment so far.
#[derive(Debug, Default)]
struct Tags {
    duration: Option<u64>,
    discontinuity: bool,
    date: Option<u64>,
    /// Holds until the next EXT-X-KEY.
    encryption: Option<Encryption>,
}

impl Playlist {
    /// Reads a playlist of [`render`](Self::render), with the fragments that wait for their removal, or of nginx-rtmp.
    /// `None` for anything else, above all a URI that is not of this stream.
    pub fn parse(text: &str, naming: &Naming) -> Option<(Self, Vec<Retired>)> {
        let mut lines = text.lines().map(str::trim_end);
        if lines.next() != Some("#EXTM3U") {
            return None;
        }
        let settings = naming.settings();
        let mut playlist = Self::new(settings.kind, settings.fragment);
        let (mut retired, mut tags, mut target) = (Vec::new(), Tags::default(), None);
        let mut begins = Begins::Within;
        for line in lines.filter(|line| !line.is_empty()) {
            match line.split_once(':').unwrap_or((line, "")) {
                ("#EXT-X-MEDIA-SEQUENCE", value) => playlist.numbers.sequence = parse_sequence(value)?,
                ("#EXT-X-DISCONTINUITY-SEQUENCE", value) => {
                    playlist.numbers.discontinuity_sequence = parse_sequence(value)?;
                }
                ("#EXT-X-TARGETDURATION", value) => target = Some(parse_target(value)?),
                ("#EXT-X-INDEPENDENT-SEGMENTS", _) => begins = Begins::Independent,
                ("#EXT-X-DISCONTINUITY", _) => tags.discontinuity = true,
                ("#EXT-X-PROGRAM-DATE-TIME", value) => tags.date = parse_date(value),
                ("#EXTINF", value) => tags.duration = Some(parse_duration(value)?),
                ("#EXT-X-KEY", value) => tags.encryption = parse_encryption(value, naming)?,
                _ if line.starts_with(RETIRED) => retired = parse_retired(line)?,
                _ if line.starts_with(TIME) => playlist.numbers.ends = parse_ends(line),
                (tag, _) if tag.starts_with('#') => {}
                _ => playlist.read_back(naming.parse_uri(line)?, &mut tags, begins)?,
            }
        }
        let after =
            playlist.numbers.sequence.saturating_add(u64::try_from(playlist.len()).unwrap_or(u64::MAX));
        let listed = playlist.fragments.back().map(|last| last.id);
        let highest = listed.max(retired.iter().map(|retired| retired.id).max());
        playlist.numbers.next_id = highest.map_or(after, |id| after.max(id.saturating_add(1)));
        // Players keep the target that they have read, unless it is too short.
        let longest = playlist.fragments().map(|fragment| rounded(fragment.duration)).max();
        let least = playlist.numbers.target.least;
        playlist.numbers.target.seconds = longest.max(target).map(|target| target.max(least));
        Some((playlist, retired))
    }

    fn read_back(&mut self, id: u64, tags: &mut Tags, begins: Begins) -> Option<()> {
        let rising = self.fragments.back().is_none_or(|last| last.id < id);
        if !rising || self.fragments.len() >= MAX_LISTED {
            return None;
        }
        let duration = tags.duration.take()?;
        let (date, encryption) = (tags.date.take(), tags.encryption);
        let discontinuity = std::mem::take(&mut tags.discontinuity);
        self.list(Fragment { id, duration, discontinuity, begins, date, encryption, bytes: 0 });
        Some(())
    }
}

/// The attributes for the master playlist in the text of a media playlist; `None` if it lists nothing.
pub fn stream_inf(text: &str) -> Option<Attributes> {
    text.lines().find(|line| line.starts_with("#EXTINF"))?;
    Attributes::parse(stream_inf_line(text).unwrap_or_default())
}

/// The same as text.
pub fn stream_inf_line(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(STREAM_INF))
}

fn parse_sequence(value: &str) -> Option<u64> {
    value.parse().ok().filter(|&number| number <= MAX_NUMBER)
}

/// Whole seconds.
fn parse_target(value: &str) -> Option<u64> {
    value.parse().ok().filter(|&target: &u64| target <= MAX_DURATION / 1000)
}

/// Seconds with at most three decimals and a comma behind, in milliseconds.
fn parse_duration(value: &str) -> Option<u64> {
    let (seconds, decimals) = value.split_once(',')?.0.split_once('.')?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() != 3 || !all_digits(seconds) || !all_digits(decimals) {
        return None;
    }
    let (seconds, millis): (u64, u64) = (seconds.parse().ok()?, decimals.parse().ok()?);
    seconds.checked_mul(1000)?.checked_add(millis).filter(|&duration| duration <= MAX_DURATION)
}

/// Milliseconds since 1970. A date that cannot be read is none.
fn parse_date(value: &str) -> Option<u64> {
    let date: Timestamp = value.parse().ok()?;
    u64::try_from(date.as_millisecond()).ok()
}

/// The encryption of the fragments that follow, if any; `None` for a value that this server does not write.
fn parse_encryption(value: &str, naming: &Naming) -> Option<Option<Encryption>> {
    let attributes = Attributes::parse(value)?;
    if attributes.get("METHOD")? == "NONE" {
        return Some(None);
    }
    if attributes.get("METHOD")? != "AES-128" {
        return None;
    }
    let key = naming.parse_key_uri(attributes.get("URI")?)?;
    let iv = attributes.get("IV")?;
    let digits = iv.strip_prefix("0x").or(iv.strip_prefix("0X"))?;
    let iv: keys::Bytes = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some(Some(Encryption { key, iv }))
}

/// The times of [`Ends`], as far as they are there.
fn parse_ends(line: &str) -> Option<Ends> {
    let mut times = line.strip_prefix(TIME)?.split(' ').map_while(|time| time.parse().ok());
    Some(Ends { next: times.next()?, audio: times.next() })
}

/// ` ID` or ` ID:KEY` each.
fn parse_retired(line: &str) -> Option<Vec<Retired>> {
    let parse = |word: &str| match word.split_once(':') {
        Some((id, key)) => {
            Some(Retired { id: parse_sequence(id)?, key: Some(parse_sequence(key)?), until: 0 })
        }
        None => Some(Retired { id: parse_sequence(word)?, key: None, until: 0 }),
    };
    line.strip_prefix(RETIRED)?.split_whitespace().map(parse).collect()
}

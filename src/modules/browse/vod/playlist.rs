//! The playlist of a recording: all its segments, each from a key frame up to another.

use std::fmt::Write;

use super::key_lists::KeyList;

/// The shortest segment, in milliseconds, but for the last one.
const SHORTEST: u64 = 6000;

/// How much further than its duration tells the last segment goes, in milliseconds: what metadata say of a file need not be
/// true, and of sound each frame could be the next segment's.
const LAST_MARGIN: u64 = 10_000;

/// A playlist of one recording.
#[derive(Debug)]
pub struct Playlist<'a> {
    segments: Vec<Segment>,
    query: &'a str,
}

/// A segment: the times of its URI, and its duration, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    start: u64,
    end: u64,
    duration: u64,
}

impl<'a> Playlist<'a> {
    /// The playlist of these key frames; its URIs have this query.
    pub fn new(list: &KeyList, query: &'a str) -> Self {
        let first = list.times.first().copied().unwrap_or_default();
        let mut starts: Vec<u64> = vec![first];
        for time in &list.times {
            if starts.last().is_some_and(|start| time.saturating_sub(*start) >= SHORTEST) {
                starts.push(*time);
            }
        }
        let last = starts.last().copied().unwrap_or(first);
        let ends = starts.iter().skip(1).copied().chain([list.end.max(last.saturating_add(1))]);
        let mut segments: Vec<_> = starts
            .iter()
            .zip(ends)
            .map(|(&start, end)| Segment { start, end, duration: end.saturating_sub(start) })
            .collect();
        // What stands before the first key frame belongs to it.
        segments.iter_mut().take(1).for_each(|segment| segment.start = 0);
        segments
            .iter_mut()
            .rev()
            .take(1)
            .for_each(|segment| segment.end = segment.end.saturating_add(LAST_MARGIN));
        Self { segments, query }
    }

    pub fn into_text(self) -> String {
        let longest = self.segments.iter().map(|segment| segment.duration).max().unwrap_or_default();
        let target = longest.div_ceil(1000).max(1);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        );
        for Segment { start, end, duration } in self.segments {
            let (seconds, rest, query) = (duration / 1000, duration % 1000, self.query);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "#EXTINF:{seconds}.{rest:03},\n{start}-{end}.ts{query}");
        }
        text + "#EXT-X-ENDLIST\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(times: &[u64], end: u64) -> Vec<(u64, u64, u64)> {
        let list = KeyList { times: times.to_vec(), end };
        let segments = Playlist::new(&list, "").segments;
        segments.into_iter().map(|segment| (segment.start, segment.end, segment.duration)).collect()
    }

    #[test]
    fn segments_begin_at_key_frames_and_last_six_seconds_at_least() {
        assert_eq!(segments(&[0, 2000, 4000, 6000, 8000], 9000), [(0, 6000, 6000), (6000, 19_000, 3000)]);
        assert_eq!(segments(&[100, 5000, 15_000], 16_000), [(0, 15_000, 14_900), (15_000, 26_000, 1000)]);
        assert_eq!(segments(&[40], 40), [(0, 10_041, 1)]);
        assert_eq!(segments(&[0], 60_000), [(0, 70_000, 60_000)]);
        assert_eq!(segments(&[0, 98_000, 48_000], 50_000), [(0, 98_000, 98_000), (98_000, 108_001, 1)]);
    }

    #[test]
    fn a_playlist_is_that_of_a_film() {
        let list = KeyList { times: vec![0, 6040], end: 7000 };
        assert_eq!(
            Playlist::new(&list, "?v=1").into_text(),
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:7\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXTINF:6.040,\n0-6040.ts?v=1\n#EXTINF:0.960,\n6040-17000.ts?v=1\n#EXT-X-ENDLIST\n"
        );
    }
}

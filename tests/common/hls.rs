//! HLS as players see it: playlists held against the rules of RFC 8216, alone and one after the other.

use std::collections::HashMap;
use std::net::SocketAddr;

use m3u8_rs::MediaPlaylist;

use super::Server;
use super::http::{Connection, get};
use super::media::Packet;
use super::player::Client;
use super::ts::{self, Counters, Fragment};

/// Reads a playlist and holds it against the rules that each one must keep.
pub fn playlist(bytes: &[u8]) -> MediaPlaylist {
    let list = m3u8_rs::parse_media_playlist_res(bytes).expect("a media playlist");
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.starts_with("#EXTM3U\n") && text.ends_with('\n'), "{text}");
    assert!(list.version.is_some_and(|version| version >= 3), "durations have decimals: {text}");
    for segment in &list.segments {
        assert!(segment.duration.round() as u64 <= list.target_duration, "{text}");
        assert!(segment.duration > 0.0, "{text}");
        assert!(segment.unknown_tags.is_empty(), "{text}");
    }
    assert!(list.unknown_tags.is_empty(), "{text}");
    if list.media_sequence == 0 {
        assert!(!list.segments.iter().take(1).any(|segment| segment.discontinuity), "{text}");
    }
    list
}

/// Publishes packets faster than real time and waits until the playlist has its end.
pub fn publish(server: &Server, name: &str, packets: &[Packet]) -> MediaPlaylist {
    let mut publisher = Client::publish(server.rtmp(), name);
    publisher.send_all(packets);
    publisher.finish();
    let list = playlist(&get(server.http(), &format!("/hls/{name}.m3u8")).body);
    assert!(list.end_list, "the end is written before anything else is done");
    list
}

/// Fetches and reads all fragments of a list, in order.
pub fn fragments(address: SocketAddr, folder: &str, list: &MediaPlaylist) -> Vec<Fragment> {
    let (mut connection, mut counters) = (Connection::open(address), Counters::default());
    let fetch = |segment: &m3u8_rs::MediaSegment| {
        let reply = connection.get(&format!("{folder}/{}", segment.uri));
        assert_eq!((reply.status, reply.header("content-type")), (200, "video/mp2t"), "{}", segment.uri);
        ts::parse(&reply.body, &mut counters)
    };
    list.segments.iter().map(fetch).collect()
}

/// Checks the clocks and times of pictures, within fragments and across them.
pub fn check_times(fragments: &[Fragment]) {
    let clocks: Vec<_> = fragments.iter().flat_map(|fragment| &fragment.clocks).copied().collect();
    for pair in clocks.windows(2) {
        let step = (pair[1] - pair[0]) / 27_000;
        assert!(pair[0] < pair[1] && step <= 100, "{step} ms from one PCR to the next");
    }
    let mut last = 0;
    for fragment in fragments {
        assert!(!fragment.clocks.is_empty(), "no PCR in a fragment");
        let first = fragment.units.iter().find(|unit| unit.is_video()).expect("video in every fragment");
        assert!(first.can_begin(), "it begins with a key frame: {:?}", first.nal_types());
        for unit in fragment.units.iter().filter(|unit| unit.is_video()) {
            assert!(unit.pts >= unit.dts && unit.dts > last, "PTS {} DTS {}", unit.pts, unit.dts);
            assert!(unit.dts * 300 > fragment.clocks[0], "decoded before it has come");
            last = unit.dts;
        }
    }
}

/// A player that reads one playlist again and again: what it has been told must stay true (6.2.1).
#[derive(Default)]
pub struct Watch {
    last: Option<MediaPlaylist>,
    /// By media sequence number: the URI and the discontinuities up to it.
    seen: HashMap<u64, (String, u64)>,
    /// The versions of the playlist that differed.
    pub versions: usize,
}

impl Watch {
    /// Reads the playlist once more, and tells what it says.
    pub fn see(&mut self, bytes: &[u8]) -> MediaPlaylist {
        let list = playlist(bytes);
        let text = String::from_utf8_lossy(bytes);
        if let Some(last) = &self.last {
            assert!(list.media_sequence >= last.media_sequence, "it went back: {text}");
            assert!(list.discontinuity_sequence >= last.discontinuity_sequence, "it went back: {text}");
            assert_eq!(list.target_duration, last.target_duration, "it changed: {text}");
            let end = |list: &MediaPlaylist| list.media_sequence + list.segments.len() as u64;
            assert!(end(&list) >= end(last), "fragments went away at the end: {text}");
            self.versions += usize::from(end(&list) > end(last));
        }
        let mut discontinuities = list.discontinuity_sequence;
        for (segment, number) in list.segments.iter().zip(list.media_sequence..) {
            discontinuities += u64::from(segment.discontinuity);
            let now = (segment.uri.clone(), discontinuities);
            assert_eq!(*self.seen.entry(number).or_insert(now.clone()), now, "number {number}: {text}");
        }
        self.last = Some(list.clone());
        list
    }
}

//! Playlists against a parser that nobody here wrote, and against hostile texts.

use std::path::Path;

use proptest::prelude::*;

use super::super::naming::Layout;
use super::*;

fn naming() -> Naming {
    Naming::new(Path::new("/hls"), "a", Layout::Flat)
}

fn fragment(id: u64, duration: u64) -> Fragment {
    Fragment { id, duration, discontinuity: false }
}

/// Adds `count` fragments and returns the ids that slid out.
fn fill(playlist: &mut Playlist, count: usize, duration: u64, length: u64) -> Vec<u64> {
    let mut out = Vec::new();
    for _ in 0..count {
        let next = fragment(playlist.next_id(), duration);
        out.extend(playlist.push(next, length).iter().map(|fragment| fragment.id));
    }
    out
}

fn listed(playlist: &Playlist) -> Vec<u64> {
    playlist.fragments().map(|fragment| fragment.id).collect()
}

#[test]
fn the_text_is_that_of_rfc_8216() {
    let mut playlist = Playlist::new(2000);
    playlist.push(fragment(0, 2000), 4000);
    playlist.push(Fragment { discontinuity: true, ..fragment(1, 2502) }, 4000);
    let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:3\n\
                #EXTINF:2.000,\na-0.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.502,\na-1.ts\n";
    assert_eq!(playlist.render(&naming(), End::Open), text);
    assert_eq!(playlist.render(&naming(), End::Ended), format!("{text}#EXT-X-ENDLIST\n"));
}

#[test]
fn the_window_is_as_many_as_cover_the_length() {
    let mut playlist = Playlist::new(5000);
    assert_eq!(fill(&mut playlist, 9, 5000, 30_000), [0, 1, 2]);
    assert_eq!((listed(&playlist), playlist.sequence()), ((3..9).collect(), 3));
    // Seven of 4.8 s cover 30 s, six do not.
    let mut playlist = Playlist::new(5000);
    fill(&mut playlist, 20, 4800, 30_000);
    assert_eq!(listed(&playlist), (13..20).collect::<Vec<_>>());
}

#[test]
fn three_are_listed_however_short_the_length() {
    let mut playlist = Playlist::new(2000);
    assert_eq!(fill(&mut playlist, 10, 2000, 0).len(), 7);
    assert_eq!(listed(&playlist), [7, 8, 9]);
    // And never fewer than three target durations.
    playlist.push(fragment(10, 10_000), 0);
    fill(&mut playlist, 9, 2000, 0);
    assert_eq!((playlist.total(), listed(&playlist).len()), (30_000, 11));
}

#[test]
fn the_list_is_bounded_when_time_stands_still() {
    let mut playlist = Playlist::new(2000);
    assert_eq!(fill(&mut playlist, MAX_LISTED + 10, 1, 30_000).len(), 10);
}

#[test]
fn numbers_count_what_slid_out() {
    let mut playlist = Playlist::new(2000);
    for id in 0..6 {
        playlist.push(Fragment { discontinuity: id == 1 || id == 2, ..fragment(id, 2000) }, 6000);
    }
    // 0 to 2 are gone, and both discontinuities with them.
    let text = playlist.render(&naming(), End::Open);
    let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert_eq!((parsed.media_sequence, parsed.discontinuity_sequence), (3, 2));
    assert!(parsed.segments.iter().all(|segment| !segment.discontinuity));
}

#[test]
fn an_independent_parser_reads_what_was_meant() {
    let mut playlist = Playlist::new(1000);
    fill(&mut playlist, 5, 1501, 7000);
    let (_, parsed) =
        m3u8_rs::parse_media_playlist(playlist.render(&naming(), End::Ended).as_bytes()).unwrap();
    assert_eq!((parsed.version, parsed.target_duration, parsed.end_list), (Some(3), 2, true));
    let segments: Vec<_> =
        parsed.segments.iter().map(|segment| (segment.uri.as_str(), segment.duration)).collect();
    assert_eq!(segments.len(), 5);
    assert_eq!(segments[0], ("a-0.ts", 1.501));
    assert!(parsed.unknown_tags.is_empty());
}

#[test]
fn a_restart_lists_nothing_and_goes_on_counting() {
    let mut playlist = Playlist::new(9000);
    fill(&mut playlist, 9, 9000, 30_000);
    let next = playlist.next_id();
    assert_eq!(playlist.restart(2000).len(), 4);
    assert_eq!((playlist.is_empty(), playlist.sequence(), playlist.next_id()), (true, next, next));
    let text = playlist.render(&naming(), End::Open);
    assert!(text.contains("DISCONTINUITY-SEQUENCE:1\n") && text.contains("TARGETDURATION:2\n"), "{text}");
}

#[test]
fn what_is_missing_slides_out_with_all_before_it() {
    let mut playlist = Playlist::new(5000);
    fill(&mut playlist, 6, 5000, 30_000);
    playlist.keep_existing(|id| id != 2);
    assert_eq!((listed(&playlist), playlist.sequence()), (vec![3, 4, 5], 3));
    playlist.keep_existing(|_| false);
    assert_eq!((playlist.is_empty(), playlist.next_id()), (true, 6));
}

#[test]
fn nginx_rtmps_playlists_are_read_too() {
    let text = "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-MEDIA-SEQUENCE:40\r\n#EXT-X-TARGETDURATION:5\r\n\
                #EXT-X-PLAYLIST-TYPE: EVENT\r\n#EXT-X-DISCONTINUITY\r\n#EXTINF:5.005,\r\na-1700000000000.ts\r\n";
    let playlist = Playlist::parse(text, &naming(), 2000).unwrap();
    assert_eq!((playlist.sequence(), playlist.next_id()), (40, 1_700_000_000_001));
}

#[test]
fn what_this_server_would_not_write_is_refused() {
    let list = |middle: &str| format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n{middle}");
    assert!(Playlist::parse(&list("#EXTINF:1.000,\na-1.ts\n"), &naming(), 2000).is_some());
    for middle in [
        "a-1.ts\n",
        "#EXTINF:1.000,\n../a-1.ts\n",
        "#EXTINF:1.000,\n/etc/passwd\n",
        "#EXTINF:1.000,\nb-1.ts\n",
        "#EXTINF:1.000,\na-2.ts\n#EXTINF:1.000,\na-1.ts\n",
        "#EXTINF:1.000,\na-2.ts\n#EXTINF:1.000,\na-2.ts\n",
        "#EXTINF:-1.000,\na-1.ts\n",
        "#EXTINF:+1.000,\na-1.ts\n",
        "#EXTINF:1,\na-1.ts\n",
        "#EXTINF:1e9.000,\na-1.ts\n",
        "#EXTINF:99999999999999999999.000,\na-1.ts\n",
        "#EXTINF:18446744073709551.999,\na-1.ts\n",
        "#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1.000,\na-1.ts\n",
    ] {
        assert_eq!(Playlist::parse(&list(middle), &naming(), 2000), None, "{middle}");
    }
    assert_eq!(Playlist::parse("", &naming(), 2000), None);
    let many: String = (0..=MAX_LISTED).map(|id| format!("#EXTINF:1.000,\na-{id}.ts\n")).collect();
    assert_eq!(Playlist::parse(&list(&many), &naming(), 2000), None);
}

proptest! {
    #[test]
    fn a_playlist_reads_back_as_it_was(
        durations in proptest::collection::vec((0u64..12_000, any::<bool>()), 0..40),
        length in 0u64..60_000,
    ) {
        let mut playlist = Playlist::new(2000);
        let (mut sequence, mut target) = (0, 0);
        for (duration, discontinuity) in durations {
            let id = playlist.next_id();
            playlist.push(Fragment { id, duration, discontinuity }, length);
            prop_assert!(playlist.sequence >= sequence && playlist.target >= target);
            prop_assert!(playlist.fragments.iter().all(|listed| rounded(listed.duration) <= playlist.target));
            (sequence, target) = (playlist.sequence, playlist.target);
        }
        let read = Playlist::parse(&playlist.render(&naming(), End::Ended), &naming(), 2000).unwrap();
        prop_assert_eq!(read.sequence, playlist.sequence);
        prop_assert_eq!(read.discontinuity_sequence, playlist.discontinuity_sequence);
        prop_assert_eq!(read.fragments, playlist.fragments);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(#EXTM3U\n)?(#EXT[-A-Z]{0,20}:?[-+0-9.,]{0,30}\n|a-[0-9]{0,30}.ts\n){0,8}") {
        if let Some(mut playlist) = Playlist::parse(&text, &naming(), 2000) {
            let id = playlist.next_id();
            playlist.push(fragment(id, u64::MAX), 2000);
        }
    }
}

//! Playlists against a parser that nobody here wrote, and against hostile texts.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::outline::rounded;
use super::*;
use crate::modules::hls::settings::{KeySettings, Settings};

/// For fragments of 2 s.
fn naming() -> Naming {
    naming_with(|_| {})
}

fn naming_with(adjust: impl FnOnce(&mut Settings)) -> Naming {
    let mut settings = Settings::for_tests();
    adjust(&mut settings);
    Naming::new(Path::new("/hls"), "a", &Arc::new(settings))
}

fn live(fragment: u64) -> Playlist {
    Playlist::new(ListKind::Live, fragment)
}

fn fragment(id: u64, duration: u64) -> Fragment {
    let begins = Begins::Independent;
    Fragment { id, duration, discontinuity: false, begins, date: None, encryption: None, bytes: 0 }
}

fn render(playlist: &Playlist, end: End) -> String {
    playlist.clone().render(&naming(), &[], None, end)
}

fn parse(text: &str) -> Option<Playlist> {
    Playlist::parse(text, &naming()).map(|(playlist, _)| playlist)
}

/// Adds `count` fragments and returns the ids that slid out.
fn fill(playlist: &mut Playlist, count: usize, duration: u64, length: u64) -> Vec<u64> {
    let mut out = Vec::new();
    for _ in 0..count {
        let next = fragment(playlist.next_id(), duration);
        out.extend(playlist.push(next, length, duration).out.iter().map(|fragment| fragment.id));
    }
    out
}

fn listed(playlist: &Playlist) -> Vec<u64> {
    playlist.fragments().map(|fragment| fragment.id).collect()
}

#[test]
fn the_text_is_that_of_rfc_8216() {
    let mut playlist = live(2000);
    playlist.push(fragment(0, 2000), 4000, 2600);
    playlist.push(Fragment { discontinuity: true, ..fragment(1, 2502) }, 4000, 2502);
    let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n\
                #EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF:2.000,\na-0.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.502,\na-1.ts\n";
    assert_eq!(render(&playlist, End::Open), text);
    assert_eq!(render(&playlist, End::Ended), format!("{text}#EXT-X-ENDLIST\n"));
}

#[test]
fn the_window_is_as_many_as_cover_the_length() {
    let mut playlist = live(5000);
    assert_eq!(fill(&mut playlist, 9, 5000, 30_000), [0, 1, 2]);
    assert_eq!((listed(&playlist), playlist.numbers.sequence), ((3..9).collect(), 3));
    // Seven of 4.8 s cover 30 s, six do not.
    let mut playlist = live(5000);
    fill(&mut playlist, 20, 4800, 30_000);
    assert_eq!(listed(&playlist), (13..20).collect::<Vec<_>>());
}

#[test]
fn three_are_listed_however_short_the_length() {
    let mut playlist = live(2000);
    assert_eq!(fill(&mut playlist, 10, 2000, 0).len(), 7);
    assert_eq!(listed(&playlist), [7, 8, 9]);
    // And never fewer than three target durations.
    let mut playlist = live(2000);
    playlist.push(fragment(0, 10_000), 0, 10_000);
    fill(&mut playlist, 20, 2000, 0);
    assert_eq!((playlist.total(), listed(&playlist).len()), (30_000, 15));
}

#[test]
fn a_window_of_hours_is_listed_whole() {
    let mut playlist = live(2000);
    fill(&mut playlist, 2000, 2000, 3_600_000);
    assert_eq!(playlist.total(), 3_600_000);
}

#[test]
fn the_list_is_bounded_when_time_stands_still() {
    let mut playlist = live(2000);
    assert_eq!(fill(&mut playlist, MAX_LISTED + 10, 1, 30_000).len(), 10);
}

#[test]
fn numbers_count_the_fragments_that_have_left() {
    let mut playlist = live(2000);
    for id in 0..6 {
        playlist.push(Fragment { discontinuity: id == 1 || id == 2, ..fragment(id, 2000) }, 6000, 2000);
    }
    // 0 to 2 are gone, and both discontinuities with them.
    let text = render(&playlist, End::Open);
    let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert_eq!((parsed.media_sequence, parsed.discontinuity_sequence), (3, 2));
    assert!(parsed.segments.iter().all(|segment| !segment.discontinuity));
}

#[test]
fn an_independent_parser_reads_the_same() {
    let mut playlist = live(1000);
    fill(&mut playlist, 5, 1501, 7000);
    let (_, parsed) = m3u8_rs::parse_media_playlist(render(&playlist, End::Ended).as_bytes()).unwrap();
    assert_eq!((parsed.version, parsed.target_duration, parsed.end_list), (Some(3), 2, true));
    let segments: Vec<_> =
        parsed.segments.iter().map(|segment| (segment.uri.as_str(), segment.duration)).collect();
    assert_eq!(segments.len(), 5);
    assert_eq!(segments[0], ("a-0.ts", 1.501));
    assert!(parsed.unknown_tags.is_empty());
}

#[test]
fn a_restart_empties_the_list_and_continues_its_numbers() {
    let mut playlist = live(2000);
    fill(&mut playlist, 9, 9000, 30_000);
    let next = playlist.next_id();
    assert_eq!(playlist.restart().len(), 4);
    playlist.push(fragment(next, 2000), 30_000, 2000);
    playlist.slide();
    let next = next + 1;
    assert_eq!((playlist.is_empty(), playlist.numbers.sequence, playlist.next_id()), (true, next, next));
    let text = render(&playlist, End::Open);
    assert!(text.contains("DISCONTINUITY-SEQUENCE:1\n") && text.contains("TARGETDURATION:2\n"), "{text}");
}

#[test]
fn missing_fragments_leave_the_list_with_all_before_them() {
    let mut playlist = live(5000);
    fill(&mut playlist, 6, 5000, 30_000);
    assert_eq!(playlist.keep_existing(|fragment| (fragment.id != 2).then_some(7)).len(), 3);
    assert!(playlist.fragments().all(|fragment| fragment.bytes == 7));
    assert_eq!((listed(&playlist), playlist.numbers.sequence), (vec![3, 4, 5], 3));
    playlist.keep_existing(|_| None);
    assert_eq!((playlist.is_empty(), playlist.next_id()), (true, 6));
}

#[test]
fn nginx_rtmps_playlists_are_read_too() {
    let text = "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-MEDIA-SEQUENCE:40\r\n#EXT-X-TARGETDURATION:5\r\n\
                #EXT-X-PLAYLIST-TYPE: EVENT\r\n#EXT-X-DISCONTINUITY\r\n#EXTINF:5.005,\r\na-1700000000000.ts\r\n";
    let playlist = parse(text).unwrap();
    assert_eq!((playlist.numbers.sequence, playlist.next_id()), (40, 1_700_000_000_001));
}

#[test]
fn a_playlist_that_this_server_would_not_write_is_refused() {
    let list = |middle: &str| format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n{middle}");
    assert!(parse(&list("#EXTINF:1.000,\na-1.ts\n")).is_some());
    for middle in [
        "a-1.ts\n",
        "#EXTINF:1.000,\na-1.ts/..\n",
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
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x1\n#EXTINF:1.000,\na-1.ts\n",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"a-1.key\"\n#EXTINF:1.000,\na-1.ts\n",
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"a-1.key\",IV=0x1\n#EXTINF:1.000,\na-1.ts\n",
        "#millstream retired 1 x\n",
    ] {
        assert_eq!(parse(&list(middle)), None, "{middle}");
    }
    assert_eq!(parse(""), None);
    let many: String = (0..=MAX_LISTED).map(|id| format!("#EXTINF:1.000,\na-{id}.ts\n")).collect();
    assert_eq!(parse(&list(&many)), None);
}

#[test]
fn the_target_stays_as_it_was_first_published() {
    let mut playlist = live(5000);
    assert_eq!((playlist.outline(true).target.longest(), playlist.target()), (None, 0));
    // Key frames every second and a half: fragments of 6 s are to come.
    playlist.push(fragment(0, 1500), 30_000, 6000);
    assert_eq!((playlist.outline(true).target.longest(), playlist.target()), (Some(6499), 6000));
    for (id, duration, listed) in [(1, 6000, 6000), (2, 6500, 6499), (3, 6999, 6499)] {
        playlist.push(fragment(id, duration), 30_000, 9000);
        assert_eq!((playlist.fragments().last().unwrap().duration, playlist.target()), (listed, 6000));
    }
    // What is far beyond it cannot be hidden.
    playlist.push(fragment(4, 7600), 30_000, 9000);
    assert_eq!(playlist.target(), 8000);
    // It holds for those who have read it, also when fragments are to become shorter.
    assert_eq!(parse(&render(&playlist, End::Open)).unwrap().target(), 8000);
}

#[test]
fn an_event_lists_all_and_ends_where_it_must() {
    let mut playlist = Playlist::new(ListKind::Event, 2000);
    assert!(fill(&mut playlist, MAX_LISTED - 1, 2000, 6000).is_empty() && !playlist.outline(true).is_full());
    fill(&mut playlist, 1, 2000, 6000);
    assert!(playlist.outline(true).is_full());
    let naming = naming_with(|settings| settings.kind = ListKind::Event);
    let text = playlist.render(&naming, &[], None, End::Open);
    let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert_eq!(parsed.playlist_type, Some(m3u8_rs::MediaPlaylistType::Event));
    assert_eq!((parsed.media_sequence, parsed.segments.len()), (0, MAX_LISTED));
    assert!(u64::try_from(text.len()).unwrap() < MAX_TEXT / 8);
    assert_eq!(Playlist::parse(&text, &naming).unwrap().0, playlist);
}

#[test]
fn dates_keys_and_fragments_without_key_frames_are_listed() {
    let naming = naming_with(|settings| {
        settings.base_url = "http://cdn/".to_owned();
        settings.keys = Some(KeySettings { path: None, url: "/k/".to_owned(), fragments: 2 });
    });
    let mut playlist = live(2000);
    let encryption = |key, iv| Some(Encryption { key, iv: [iv; 16] });
    for (id, encryption) in [(0, encryption(0, 1)), (1, encryption(0, 2)), (2, None)] {
        let date = Some(1_700_000_000_123 + id * 2000);
        playlist.push(Fragment { encryption, date, ..fragment(id, 2000) }, 60_000, 2000);
    }
    let text = playlist.render(&naming, &[], None, End::Open);
    let (_, parsed) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert!(parsed.independent_segments);
    let keys: Vec<_> = parsed.segments.iter().filter_map(|segment| segment.key.clone()).collect();
    assert_eq!(keys[0].uri.as_deref(), Some("/k/a-0.key"));
    assert_eq!(keys[1].iv.as_deref(), Some("0x02020202020202020202020202020202"));
    assert!(
        text.contains("#EXT-X-KEY:METHOD=NONE\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:24.123Z"),
        "{text}"
    );
    assert_eq!(parsed.segments[1].uri, "http://cdn/a-1.ts");
    assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.123Z\n#EXTINF:2.000,\n"), "{text}");
    assert_eq!(Playlist::parse(&text, &naming).unwrap().0, playlist);
    // A fragment without a key frame takes the promise back while it is listed.
    playlist.push(Fragment { begins: Begins::Within, ..fragment(3, 2000) }, 60_000, 2000);
    assert!(!playlist.render(&naming, &[], None, End::Open).contains("INDEPENDENT"));
}

proptest! {
    #[test]
    fn a_playlist_reads_back_as_it_was(
        durations in proptest::collection::vec((0u64..12_000, any::<bool>()), 0..40),
        length in 0u64..60_000,
    ) {
        let mut playlist = live(2000);
        let (mut sequence, mut target) = (0, 0);
        for (duration, discontinuity) in durations {
            let id = playlist.next_id();
            let begins = if duration % 7 == 0 { Begins::Within } else { Begins::Independent };
            let date = (duration % 3 == 0).then_some(1_700_000_000_000 + duration);
            let encryption = (duration % 5 > 1).then_some(Encryption { key: duration % 5, iv: [id as u8; 16] });
            let fragment = Fragment { discontinuity, begins, date, encryption, ..fragment(id, duration) };
            playlist.push(fragment, length, duration);
            let told = playlist.numbers.target.seconds.unwrap();
            prop_assert!(playlist.numbers.sequence >= sequence && told >= target);
            prop_assert!(playlist.fragments.iter().all(|listed| rounded(listed.duration) <= told));
            (sequence, target) = (playlist.numbers.sequence, told);
        }
        let retired = [Retired { id: 3, key: None, until: 0 }, Retired { id: 4, key: Some(3), until: 0 }];
        let text = playlist.render(&naming(), &retired, Some("BANDWIDTH=1"), End::Ended);
        let (read, waiting) = Playlist::parse(&text, &naming()).unwrap();
        prop_assert_eq!(waiting, retired);
        prop_assert_eq!(read.numbers.target.seconds, playlist.numbers.target.seconds.or(Some(2)));
        prop_assert_eq!(read.numbers.next_id, playlist.numbers.next_id.max(5));
        prop_assert_eq!(stream_inf(&text).is_some(), !playlist.is_empty());
        let is_independent = playlist.fragments.iter().all(|fragment| fragment.begins == Begins::Independent);
        let begins = if is_independent { Begins::Independent } else { Begins::Within };
        playlist.fragments.iter_mut().for_each(|fragment| fragment.begins = begins);
        prop_assert_eq!(read.numbers.sequence, playlist.numbers.sequence);
        prop_assert_eq!(read.numbers.discontinuity_sequence, playlist.numbers.discontinuity_sequence);
        prop_assert_eq!(read.fragments, playlist.fragments);
    }

    #[test]
    fn a_text_that_is_kept_is_that_of_a_playlist_rendered_for_the_first_time(
        steps in proptest::collection::vec((0u64..6000, 0..8u8), 1..60),
        length in 0u64..20_000,
    ) {
        let mut playlist = live(1000);
        for (duration, step) in steps {
            let id = playlist.next_id();
            let encryption = (duration % 5 > 1).then_some(Encryption { key: duration % 2, iv: [(duration % 2) as u8; 16] });
            let begins = if duration % 7 == 0 { Begins::Within } else { Begins::Independent };
            let next = Fragment { encryption, begins, discontinuity: duration % 3 == 0, ..fragment(id, duration) };
            let before = render(&playlist, End::Open);
            match step {
                0 => drop(playlist.restart()),
                1 => drop(playlist.slide()),
                2 => drop(playlist.keep_existing(|fragment| (fragment.id % 3 > 0).then_some(1))),
                3 | 4 => {
                    let change = playlist.push(next, length, 1000);
                    if step == 3 {
                        playlist.render(&naming(), &[], None, End::Open);
                    }
                    playlist.undo(change);
                    prop_assert_eq!(&render(&playlist, End::Open), &before);
                }
                _ => drop(playlist.push(next, length, 1000)),
            }
            let mut fresh = Playlist { entries: Entries::default(), ..playlist.clone() };
            let text = playlist.render(&naming(), &[], None, End::Open);
            prop_assert_eq!(text, fresh.render(&naming(), &[], None, End::Open));
            let total = playlist.fragments.iter().map(|fragment| fragment.duration).sum::<u64>();
            prop_assert_eq!(playlist.total(), total);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(#EXTM3U\n)?(#EXT[-A-Z]{0,20}:?[-+0-9.,]{0,30}\n|a-[0-9]{0,30}.ts\n){0,8}") {
        if let Some(mut playlist) = parse(&text) {
            let id = playlist.next_id();
            playlist.push(fragment(id, u64::MAX), 2000, 0);
        }
    }
}

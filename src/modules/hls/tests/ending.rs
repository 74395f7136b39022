//! When a list says that its stream has ended, and who may go on with it before.

use super::*;

const WAIT: Duration = Duration::from_secs(30);
const ENDLIST: &str = "#EXT-X-ENDLIST\n";

fn waiting(path: &Path, adjust: impl FnOnce(&mut Settings)) -> App {
    let mut settings = Settings { ending: Ending::After(WAIT), ..Settings::for_tests() };
    adjust(&mut settings);
    App { path: path.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere }
}

fn list(folder: &Folder) -> String {
    fs::read_to_string(folder.join("a.m3u8")).unwrap()
}

#[test]
fn a_list_is_open_for_the_wait_and_its_files_stay_until_viewers_have_seen_the_end() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    for (fragment, stay) in [(2000, 60), (20_000, 120)] {
        publish_as(&mut hls, 1, &waiting(&folder, |settings| settings.fragment = fragment), "a");
        let open = list(&folder);
        assert!(open.ends_with(".ts\n"), "the last fragment is listed at once: {open}");
        let (token, wait) = finish(&mut hls, 1).unwrap();
        assert_eq!(wait, WAIT);
        assert_eq!(advance(&mut hls, token), Some(Duration::from_secs(stay) - WAIT));
        assert_eq!(list(&folder), open + ENDLIST);
        assert_eq!(advance(&mut hls, token), None);
        assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
    }
    let long = waiting(&folder, |settings| settings.ending = Ending::After(10 * WAIT));
    publish_as(&mut hls, 1, &long, "a");
    let (token, _) = finish(&mut hls, 1).unwrap();
    assert_eq!(advance(&mut hls, token), Some(Duration::from_secs(6)), "three fragments");
}

#[test]
fn a_stream_that_comes_back_in_time_continues_its_list() {
    for continuation in [Continuation::Continue, Continuation::Restart] {
        let folder = Folder::new();
        let mut hls = Hls::default();
        let app = waiting(&folder, |settings| settings.continuation = continuation);
        publish_as(&mut hls, 1, &app, "a");
        let (first, _) = finish(&mut hls, 1).unwrap();
        publish_as(&mut hls, 2, &app, "a");
        assert_eq!(advance(&mut hls, first), None, "it is not waited for any more");
        assert!(!list(&folder).contains(ENDLIST), "{}", list(&folder));
        assert!(list(&folder).contains("a-0.ts\n#EXT-X-DISCONTINUITY\n"), "{}", list(&folder));
        let (second, _) = finish(&mut hls, 2).unwrap();
        advance(&mut hls, second);
        publish_as(&mut hls, 3, &app, "a");
        let has_old = list(&folder).contains("a-1.ts\n#EXT-X-DISCONTINUITY\n");
        assert_eq!(has_old, continuation == Continuation::Continue, "after its end: {}", list(&folder));
        assert!(list(&folder).contains("a-2.ts\n") && !list(&folder).contains(ENDLIST));
    }
}

#[test]
fn a_lost_publisher_has_been_waited_for_already() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    for (waited, left) in [(10, 20), (30, 0), (60, 0)] {
        publish_as(&mut hls, 1, &waiting(&folder, |_| {}), "a");
        let waited = Duration::from_secs(waited);
        let timers = finish_after(&mut hls, 1, waited);
        assert_eq!(timers[0].1, Duration::from_secs(left));
        advance(&mut hls, timers[0].0);
        assert!(list(&folder).ends_with(ENDLIST));
    }
}

#[test]
fn kept_files_have_an_end_too() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = waiting(&folder, |settings| settings.cleanup = Cleanup::Keep);
    publish_as(&mut hls, 1, &app, "a");
    let (token, wait) = finish(&mut hls, 1).unwrap();
    assert_eq!((wait, advance(&mut hls, token)), (WAIT, None));
    assert!(list(&folder).ends_with(ENDLIST) && hls.streams.ended.is_empty());
    assert_eq!(folder.list(""), ["a-0.ts", "a.m3u8"], "nothing is left to do");
}

#[test]
fn a_playlist_without_an_end_gets_none_before_its_files_are_removed() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = waiting(&folder, |settings| settings.ending = Ending::Never);
    publish_as(&mut hls, 1, &app, "a");
    let (token, wait) = finish(&mut hls, 1).unwrap();
    assert_eq!(wait, Duration::from_secs(60));
    assert!(!list(&folder).contains(ENDLIST));
    remove(&mut hls, token);
    assert!(folder.list("").is_empty());
}

#[test]
fn a_list_that_a_killed_server_has_left_ends_if_nobody_comes_back() {
    for (cleanup, ending) in [(Cleanup::Remove, WAIT), (Cleanup::Keep, WAIT), (Cleanup::Keep, Duration::ZERO)]
    {
        let folder = Folder::new();
        let app = waiting(&folder, |settings| {
            (settings.cleanup, settings.ending) = (cleanup, Ending::After(ending));
        });
        let mut site = Site::default();
        let mut killed = site.begin(&mut Hls::default(), 1, &app, "a").unwrap();
        site.send(&mut killed, 0..90, 26);
        drop(killed);
        // It was about to list another fragment.
        let prepared = list(&folder) + "#EXTINF:2.000,\na-1.ts\n";
        fs::write(folder.join(".a.m3u8.part"), prepared).unwrap();
        fs::write(folder.join("a-1.ts"), "hidden").unwrap();
        let mut hls = module([Some(app)]);
        let timers = load(&mut hls);
        assert_eq!(timers[0].1, if ending.is_zero() { 2 * WAIT } else { WAIT });
        let next = advance(&mut hls, timers[0].0);
        assert!(list(&folder).ends_with(ENDLIST) && !list(&folder).contains("\na-1.ts"));
        if cleanup == Cleanup::Keep {
            assert_eq!(next, None);
            assert!(!folder.list("").contains(&LEDGER.to_owned()), "{:?}", folder.list(""));
        } else {
            assert_eq!(next, Some(WAIT));
            assert_eq!(advance(&mut hls, timers[0].0), None);
            assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
        }
    }
}

#[test]
fn nobody_waits_for_a_stream_whose_list_had_ended_before_the_server_did() {
    for (cleanup, left) in [(Cleanup::Remove, 1), (Cleanup::Keep, 0)] {
        let folder = Folder::new();
        let app = waiting(&folder, |settings| settings.cleanup = cleanup);
        let mut first = Hls::default();
        publish_as(&mut first, 1, &app, "a");
        let (token, _) = finish(&mut first, 1).unwrap();
        // The ledger of a server that is killed right after it has ended the list.
        let ledger = fs::read(folder.join(LEDGER)).unwrap();
        advance(&mut first, token);
        fs::write(folder.join(LEDGER), ledger).unwrap();
        assert!(list(&folder).ends_with(ENDLIST));
        let mut second = module([Some(app)]);
        let timers = load(&mut second);
        assert_eq!(timers.len(), left);
        for (token, _) in timers {
            assert_eq!(second.streams.ended.get(token).unwrap().stage, Stage::Ended);
        }
    }
}

#[test]
fn a_playlist_that_another_server_writes_is_not_ended() {
    let folder = Folder::new();
    let app = waiting(&folder, |_| {});
    publish_as(&mut Hls::default(), 1, &app, "a");
    let mut hls = module([Some(app.clone())]);
    let (token, _) = load(&mut hls)[0];
    publish_as(&mut Hls::default(), 1, &app, "a");
    assert_eq!(advance(&mut hls, token), Some(2 * WAIT));
    assert!(!list(&folder).contains(ENDLIST));
    advance(&mut hls, token);
    assert!(list(&folder).ends_with(ENDLIST));
}

#[test]
fn a_list_in_memory_ends_and_stays_its_streams() {
    let (mut hls, mut site) = (Hls::default(), Site::default());
    let app = waiting(Path::new("/hls"), |settings| settings.storage = Storage::Memory);
    let mut segmenter = site.begin(&mut hls, 1, &app, "a").unwrap();
    site.send(&mut segmenter, 0..40, 26);
    site.end(&mut segmenter);
    let (token, _) = site.finish(&mut hls, 1, Duration::ZERO)[0];
    let list = |memory: &MemoryFiles| {
        String::from_utf8(memory.get(Path::new("/hls/a.m3u8")).unwrap().read().unwrap()).unwrap()
    };
    let open = list(&site.memory);
    assert!(open.contains(".ts\n") && !open.contains(ENDLIST), "{open}");
    site.advance(&mut hls, token);
    assert_eq!(list(&site.memory), open + ENDLIST);
    // Somebody else needs the room.
    site.memory.set_limit(1 << 20);
    let growth = crate::engine::Growth { from: 0, to: 1 << 20 };
    assert!(site.memory.make_room(Path::new("/hls/b.m3u8"), growth));
    assert!(site.memory.is_empty(), "all of it goes");
}

#[test]
fn a_variant_is_in_the_master_playlist_while_it_is_waited_for() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = waiting(&folder, |settings| {
        settings.variants = vec![Variant::parse(&["_low".into()]).unwrap()];
    });
    publish_as(&mut hls, 1, &app, "a_low");
    let (token, _) = finish(&mut hls, 1).unwrap();
    assert!(list(&folder).contains("a_low.m3u8"));
    advance(&mut hls, token);
    assert!(list(&folder).contains("a_low.m3u8") && !list(&folder).contains(ENDLIST));
    assert_eq!(advance(&mut hls, token), None);
    assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
}

#[test]
fn the_oldest_of_too_many_open_playlists_end_before_their_files_are_removed() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = waiting(&folder, |_| {});
    publish_as(&mut hls, 1, &app, "a");
    let (oldest, _) = finish(&mut hls, 1).unwrap();
    let mut early = Vec::new();
    for id in 0..u32::try_from(MAX_ENDED).unwrap() {
        drop(begin(&mut hls, id, &app, &format!("s{id}")));
        let timers = finish_after(&mut hls, id, Duration::ZERO);
        early.extend(timers.into_iter().filter(|(_, wait)| *wait == NEXT_TURN));
    }
    assert_eq!(early, [(oldest, NEXT_TURN)]);
    assert_eq!(advance(&mut hls, oldest), Some(NEXT_TURN));
    assert!(list(&folder).ends_with(ENDLIST));
    assert_eq!(advance(&mut hls, oldest), None);
    assert!(!folder.join("a.m3u8").exists());
}

#[test]
fn a_stream_that_has_ended_has_one_step_and_none_once_it_is_back() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = waiting(&folder, |_| {});
    let start = Instant::now();
    let soon = start + Duration::from_secs(1);
    let [first, other] = ["a", "b"].map(|name| {
        publish_as(&mut hls, 1, &app, name);
        let (token, wait) = finish(&mut hls, 1).unwrap();
        hls.streams.ended.set_step(token, start + wait);
        token
    });
    // Too many wait, so the first has to end early.
    hls.streams.ended.set_step(first, soon);
    let ended = &mut hls.streams.ended;
    assert_eq!((ended.next_step(), ended.take_step(start)), (Some(soon), None));
    assert_eq!(ended.take_step(soon), Some(first));
    assert_eq!(ended.next_step(), Some(start + WAIT), "the later step of the first is gone");
    assert!(ended.get(other).is_some() && ended.take_resumed().is_empty());
    publish_as(&mut hls, 1, &app, "b");
    assert_eq!((hls.streams.ended.next_step(), hls.streams.ended.take_step(start + 2 * WAIT)), (None, None));
    let resumed = hls.streams.ended.take_resumed();
    assert_eq!(resumed.iter().map(Naming::name).collect::<Vec<_>>(), ["b"]);
}

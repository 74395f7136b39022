//! What the engine is told of the playlists: tokens of fragments are good by it.

use super::*;

fn stored(path: &Path, storage: Storage, adjust: impl FnOnce(&mut Settings)) -> App {
    let mut settings = Settings { storage, playlist_length: 6000, ..Settings::for_tests() };
    adjust(&mut settings);
    App { path: path.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere }
}

/// The target duration, and the first of 100 fragments that is listed, ten minutes from now.
fn listed(site: &Site) -> Option<(u64, u64)> {
    let later = Instant::now() + Duration::from_secs(601);
    let first = (0..100).find(|id| site.lists.is_current(AppId(0), "a", *id, later));
    Some((site.lists.target(AppId(0), "a")?.as_secs(), first?))
}

#[test]
fn the_first_fragment_that_is_listed_is_known_and_a_stream_is_forgotten_with_its_files() {
    for storage in [Storage::Disk, Storage::Memory] {
        let folder = Folder::new();
        let app = stored(&folder.canonicalize().unwrap(), storage, |_| {});
        let (mut hls, mut site) = (Hls::default(), Site::default());
        let mut segmenter = site.begin(&mut hls, 1, &app, "a").unwrap();
        assert_eq!(listed(&site), None);
        // Fragments of 2 s, of which three are listed.
        site.send(&mut segmenter, 0..250, 26);
        assert_eq!(listed(&site), Some((2, 0)), "{storage:?}");
        site.send(&mut segmenter, 250..1000, 26);
        let (_, first) = listed(&site).unwrap();
        assert_eq!(first, 9, "{storage:?}");
        site.end(&mut segmenter);
        let steps = site.finish(&mut hls, 1, Duration::ZERO);
        assert!(site.lists.knows(AppId(0), "a"));
        while site.advance(&mut hls, steps[0].0).is_some() {}
        assert!(!site.lists.knows(AppId(0), "a"), "{storage:?}");
    }
}

#[test]
fn what_an_earlier_run_has_left_is_known_when_its_stream_begins() {
    let folder = Folder::new();
    let app = stored(&folder, Storage::Disk, |_| {});
    let (mut hls, mut site) = (Hls::default(), Site::default());
    let mut segmenter = site.begin(&mut hls, 1, &app, "a").unwrap();
    site.send(&mut segmenter, 0..1000, 26);
    site.end(&mut segmenter);
    let (_, first) = listed(&site).unwrap();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    let _segmenter = site.begin(&mut hls, 1, &app, "a").unwrap();
    assert!(listed(&site).is_some_and(|(target, now)| target == 2 && now >= first), "{:?}", listed(&site));
}

#[test]
fn a_stream_whose_files_are_kept_is_forgotten_with_the_end_of_its_list() {
    for ending in [Ending::AT_ONCE, Ending::After(Duration::from_secs(30))] {
        let folder = Folder::new();
        let app = stored(&folder, Storage::Disk, |settings| {
            (settings.cleanup, settings.ending) = (Cleanup::Keep, ending);
        });
        let (mut hls, mut site) = (Hls::default(), Site::default());
        let mut segmenter = site.begin(&mut hls, 1, &app, "a").unwrap();
        site.send(&mut segmenter, 0..1000, 26);
        site.end(&mut segmenter);
        let steps = site.finish(&mut hls, 1, Duration::ZERO);
        assert_eq!(site.lists.knows(AppId(0), "a"), !steps.is_empty());
        for (token, _) in steps {
            site.advance(&mut hls, token);
        }
        assert!(!site.lists.knows(AppId(0), "a"), "{ending:?}");
    }
}

#[test]
fn a_name_that_another_application_publishes_in_one_folder_is_only_its_own() {
    let folder = Folder::new();
    let path = folder.canonicalize().unwrap();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    for app_id in [AppId(0), AppId(1)] {
        let wait = Ending::After(Duration::from_secs(30));
        let app = stored(&path, Storage::Disk, |settings| {
            (settings.app_id, settings.ending) = (app_id, wait);
        });
        let mut segmenter = site.begin(&mut hls, 1, &app, "a").unwrap();
        site.send(&mut segmenter, 0..100, 26);
        site.end(&mut segmenter);
        site.finish(&mut hls, 1, Duration::ZERO);
    }
    assert_eq!([0, 1].map(|app| site.lists.knows(AppId(app), "a")), [false, true]);
}

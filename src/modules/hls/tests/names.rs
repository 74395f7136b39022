//! Streams whose names would make their files another's, of one application and of two.

use std::collections::HashSet;

use super::*;
use crate::modules::hls::files::disk::part_of;
use crate::modules::hls::settings::{KeySettings, Layout};

/// Names that differ by what the files of streams are called.
const NAMES: [&str; 13] = [
    "cam",
    "cam-1",
    "cam-1.ts",
    "cam-1.key",
    "cam.m3u8",
    "cam.ts",
    "cam_low",
    "cam_low.m3u8",
    "cam_low-1.ts",
    "index.m3u8",
    "cam_low_low",
    "cam 1",
    "мой поток-1.ts",
];

/// An application below `root`: its layout, its variants, and where its keys are.
fn application(root: &Path, layout: Layout, variants: &[&str], keys: Option<&str>) -> App {
    let variants = variants.iter().map(|suffix| Variant::parse(&[(*suffix).to_owned()]).unwrap()).collect();
    let keys = keys.map(|path| {
        let path = (!path.is_empty()).then(|| root.join(path));
        KeySettings { path, url: String::new(), fragments: 0 }
    });
    let settings = Settings { layout, variants, keys, ..Settings::for_tests() };
    App { path: root.join("hls"), settings: Arc::new(settings), tokens: TokenSource::Nowhere }
}

fn module_of(apps: &[&App]) -> Hls {
    let apps = || apps.iter().enumerate().map(|(id, app)| (AppId(id), *app));
    let mut hls = Hls { apps: apps().map(|(id, app)| (id, Some(app.clone()))).collect(), ..Hls::default() };
    apps().for_each(|(_, app)| hls.streams.folders.examine(app));
    hls.mixed_folders = hls.find_mixed_folders();
    hls
}

/// All that a stream makes, but for its master playlist.
fn files(naming: &Naming) -> HashSet<PathBuf> {
    let keys = (0..3).map(|id| naming.key(id));
    let whole: Vec<_> = keys.chain([naming.playlist()]).collect();
    let hidden = whole.iter().map(|path| part_of(path)).chain([naming.open_fragment()]);
    let fragments = (0..3).map(|id| naming.fragment(id));
    hidden.chain(fragments).chain(whole.clone()).chain(naming.own_folders()).collect()
}

#[test]
fn an_accepted_stream_never_has_another_streams_files() {
    let folder = Folder::new();
    let app = |layout, variants: &[&str], keys| {
        let App { path, settings, .. } = application(&folder, layout, variants, keys);
        // Without a ledger, which would be written thousands of times.
        App {
            path,
            settings: Arc::new(Settings { cleanup: Cleanup::Keep, ..Settings::clone(&settings) }),
            tokens: TokenSource::Nowhere,
        }
    };
    let all = [
        app(Layout::Flat, &[], None),
        app(Layout::Flat, &["_low"], Some("")),
        app(Layout::Flat, &[], Some("keys")),
        app(Layout::Nested, &[], None),
        app(Layout::Nested, &["_low"], None),
        app(Layout::Nested, &[], Some("keys")),
        app(Layout::Nested, &["_low"], Some("")),
    ];
    let mut refused = 0;
    for (first, second) in all.iter().flat_map(|first| all.iter().map(move |second| (first, second))) {
        for (one, two) in NAMES.iter().flat_map(|one| NAMES.iter().map(move |two| (*one, *two))) {
            if std::ptr::eq(first, second) && one == two {
                continue;
            }
            let mut hls = module_of(&[first, second]);
            if hls.refusal(AppId(0), one, &[]).is_some() || begin(&mut hls, 1, first, one).is_err() {
                continue;
            }
            let is_refused = hls.refusal(AppId(1), two, &[]).is_some();
            refused += usize::from(is_refused);
            if is_refused || begin(&mut hls, 2, second, two).is_err() {
                assert!(is_refused, "{one} and {two}: it is let in, and gets no HLS");
                continue;
            }
            let [a, b] = [1, 2].map(|id| hls.streams.live.take(StreamId::of_nothing(id)).unwrap());
            let what =
                format!("{one} and {two}, {:?} and {:?}", first.settings.layout, second.settings.layout);
            assert!(files(&a).is_disjoint(&files(&b)), "{what}");
            for (listed, other) in [(&a, &b), (&b, &a)] {
                if let Some(master) = listed.master_claim() {
                    assert!(!files(other).contains(&master) && !files(listed).contains(&master), "{what}");
                }
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn a_name_is_refused_only_for_the_files_that_it_would_take() {
    let folder = Folder::new();
    let app = |layout, variants: &[&str]| application(&folder, layout, variants, None);
    let refused = |app: &App| {
        let hls = module_of(&[app]);
        NAMES.into_iter().filter(|name| hls.refusal(AppId(0), name, &[]).is_some()).collect::<Vec<_>>()
    };
    assert!(refused(&app(Layout::Flat, &["_low"])).is_empty());
    assert!(refused(&app(Layout::Nested, &[])).is_empty());
    let like_files =
        ["cam-1.ts", "cam-1.key", "cam.m3u8", "cam_low.m3u8", "cam_low-1.ts", "index.m3u8", "мой поток-1.ts"];
    assert_eq!(refused(&app(Layout::Nested, &["_low"])), like_files);
}

#[test]
fn a_publisher_that_continues_a_stream_is_not_refused() {
    let folder = Folder::new();
    let app = application(&folder, Layout::Flat, &[], Some("keys"));
    let mut hls = module_of(&[&app]);
    let _first = begin(&mut hls, 1, &app, "cam").unwrap();
    assert_eq!(hls.refusal(AppId(0), "cam", &[StreamId::of_nothing(1)]), None);
    assert!(
        hls.refusal(AppId(0), "cam", &[]).is_some()
            && hls.refusal(AppId(0), "cam", &[StreamId::of_nothing(2)]).is_some()
    );
    hls.streams.live.take(StreamId::of_nothing(1));
    assert_eq!(hls.refusal(AppId(0), "cam", &[]), None);
}

#[test]
fn keys_in_one_folder_are_not_those_of_two_streams() {
    let folder = Folder::new();
    let one = application(&folder, Layout::Flat, &[], Some("keys"));
    let two = App { path: folder.join("other"), ..one.clone() };
    let mut hls = module_of(&[&one, &two]);
    publish_as(&mut hls, 1, &one, "cam");
    assert!(hls.refusal(AppId(1), "cam", &[]).is_some() && hls.refusal(AppId(1), "other", &[]).is_none());
    // What is left of a stream that has ended goes at once, not later with the keys of the other one.
    let (token, _) = finish(&mut hls, 1).unwrap();
    assert_eq!(hls.refusal(AppId(1), "cam", &[]), None);
    publish_as(&mut hls, 2, &two, "cam");
    assert!(!folder.join("hls/cam-0.ts").exists());
    remove(&mut hls, token);
    assert!(folder.join("keys/cam-0.key").exists() && folder.join("other/cam-0.ts").exists());
}

#[test]
fn a_master_playlist_is_made_from_one_list_of_variants() {
    let folder = Folder::new();
    let one = application(&folder, Layout::Flat, &["_low", "_high"], None);
    let two = application(&folder, Layout::Flat, &["_mid"], None);
    let mut hls = module_of(&[&one, &two]);
    publish_as(&mut hls, 1, &one, "cam_low");
    publish_as(&mut hls, 2, &two, "cam_mid");
    let master = fs::read_to_string(folder.join("hls/cam.m3u8")).unwrap();
    assert!(master.contains("cam_low.m3u8") && !master.contains("cam_mid"), "{master}");
}

#[test]
fn a_master_playlist_of_another_application_stays_when_files_of_an_ended_stream_are_removed() {
    let folder = Folder::new();
    let one = application(&folder, Layout::Flat, &["_low", "_high"], None);
    let two = application(&folder, Layout::Flat, &["_mid"], None);
    let mut hls = module_of(&[&one, &two]);
    publish_as(&mut hls, 1, &one, "cam_low");
    let (low, _) = finish(&mut hls, 1).unwrap();
    publish_as(&mut hls, 2, &two, "cam_mid");
    remove(&mut hls, low);
    let master = fs::read_to_string(folder.join("hls/cam.m3u8")).unwrap_or_default();
    assert!(master.contains("cam_mid.m3u8"), "{master}");
    assert!(!folder.join("hls/cam_low.m3u8").exists());
}

/// Lets a folder look as it does where case does not count: each of its files has the name in the other case, too.
fn fold_case(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("probe"), "").unwrap();
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).collect::<Vec<_>>() {
        let name = entry.file_name().into_string().unwrap();
        let other: String = name.chars().map(swap).collect();
        if entry.path().is_file() && !folder.join(&other).exists() {
            fs::hard_link(entry.path(), folder.join(other)).unwrap();
        }
    }
}

#[test]
fn where_case_counts_names_that_differ_in_it_are_two() {
    let folder = Folder::new();
    let app = application(&folder, Layout::Flat, &[], None);
    let mut hls = module_of(&[&app]);
    publish_as(&mut hls, 1, &app, "Cam");
    assert_eq!(hls.refusal(AppId(0), "cam", &[]), None);
}

#[test]
fn where_case_does_not_count_names_that_differ_in_it_are_one() {
    for layout in [Layout::Flat, Layout::Nested] {
        let folder = Folder::new();
        let app = application(&folder, layout, &[], None);
        fold_case(&app.path);
        let mut hls = module_of(&[&app]);
        publish_as(&mut hls, 1, &app, "Поток");
        fold_case(&app.path);
        let why = hls.refusal(AppId(0), "поток", &[]).unwrap();
        assert!(why.ends_with("upper and lower case are one"), "{why}");
        assert_eq!(hls.refusal(AppId(0), "поток 2", &[]), None);
        assert_eq!(hls.refusal(AppId(0), "Поток", &[StreamId::of_nothing(1)]), None);
        // Its files are still there after its end, and would be the other's.
        finish(&mut hls, 1).unwrap();
        publish_as(&mut hls, 2, &app, "поток");
        assert!(["Поток-0.ts", "Поток.m3u8", "Поток"].iter().all(|name| !app.path.join(name).exists()));
    }
}

#[test]
fn where_case_does_not_count_master_playlists_are_not_another_streams() {
    let folder = Folder::new();
    let app = application(&folder, Layout::Flat, &["_low"], None);
    fold_case(&app.path);
    let mut hls = module_of(&[&app]);
    publish_as(&mut hls, 1, &app, "Cam_low");
    fold_case(&app.path);
    assert!(hls.refusal(AppId(0), "cam", &[]).is_some() && hls.refusal(AppId(0), "cams", &[]).is_none());
    let nested = application(&folder, Layout::Nested, &["_low"], None);
    assert!(module_of(&[&nested]).refusal(AppId(0), "Cam.M3U8", &[]).is_some());
}

mod random {
    use proptest::prelude::*;

    use super::*;

    /// Names that are near each other, as the files of streams are called.
    fn name() -> impl Strategy<Value = String> {
        "(cam|мой|a b)([-. ~]?[0-9]{0,2}(\\.ts|\\.key|\\.m3u8|_low)?){0,2}[^\\p{C}\\p{Z}\\p{ASCII}]{0,3}"
    }

    proptest! {
        #[test]
        fn distinct_names_never_share_a_file(one in name(), two in name()) {
            let (Ok(one), Ok(two)) = (StreamName::new(&one), StreamName::new(&two)) else { return Ok(()) };
            prop_assume!(one != two);
            for layout in [Layout::Flat, Layout::Nested] {
                let keys = Some(KeySettings { path: None, url: String::new(), fragments: 0 });
                let settings = Arc::new(Settings { layout, keys, ..Settings::for_tests() });
                let [one, two] = [&one, &two].map(|name| Naming::new(Path::new("/hls"), name.as_str(), &settings));
                prop_assert!(files(&one).is_disjoint(&files(&two)));
                prop_assert_eq!(two.parse_uri(&one.uri(7)).filter(|_| layout == Layout::Flat), None);
            }
        }
    }
}

#[test]
fn the_log_says_where_a_playlist_is_and_no_more_than_is_known() {
    let app = application(Path::new("/x"), Layout::Flat, &[], None);
    let at = |served| {
        Hls { served: [(AppId(0), served)].into_iter().collect(), ..Hls::default() }.url_or_file(&app, "cam")
    };
    assert_eq!(at(Served::Nowhere), "in /x/hls/cam.m3u8, which no location serves");
    assert_eq!(at(Served::Perhaps), "in /x/hls/cam.m3u8", "a regular expression may match it");
}

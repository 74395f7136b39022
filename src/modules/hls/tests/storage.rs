//! Streams that come back after a reload has changed `hls_memory`: their new files are elsewhere.

use super::*;

const WAIT: Duration = Duration::from_secs(30);

fn stored(path: &Path, storage: Storage, ending: Ending) -> App {
    let settings = Settings { storage, ending, ..Settings::for_tests() };
    App { path: path.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere }
}

/// Publishes a second of MP3 as stream 1, which ends.
fn publish_and_end(site: &mut Site, hls: &mut Hls, app: &App) {
    let mut segmenter = site.begin(hls, 1, app, "a").unwrap();
    site.send(&mut segmenter, 0..40, 26);
    site.end(&mut segmenter);
    site.finish(hls, 1, Duration::ZERO);
}

#[test]
fn a_stream_that_comes_back_with_its_files_elsewhere_leaves_none_where_they_were() {
    for ending in [Ending::AT_ONCE, Ending::After(WAIT), Ending::Never] {
        let folder = Folder::new();
        let path = folder.canonicalize().unwrap();
        let (mut hls, mut site) = (Hls::default(), Site::default());
        publish_and_end(&mut site, &mut hls, &stored(&path, Storage::Memory, ending));
        assert!(site.memory.get(&path.join("a.m3u8")).is_some() && folder.list("").is_empty());
        publish_and_end(&mut site, &mut hls, &stored(&path, Storage::Disk, ending));
        assert!(site.memory.is_empty(), "HTTP would serve the old playlist");
        assert_eq!(folder.list(""), [LEDGER, "a-0.ts", "a.m3u8"]);
        publish_and_end(&mut site, &mut hls, &stored(&path, Storage::Memory, ending));
        assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
        assert!(site.memory.get(&path.join("a.m3u8")).is_some());
        assert_eq!(hls.streams.ended.len(), 1);
    }
}

#[test]
fn kept_files_get_their_end_when_the_stream_comes_back_in_memory() {
    let folder = Folder::new();
    let path = folder.canonicalize().unwrap();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    let kept = Settings {
        cleanup: Cleanup::Keep,
        ..Settings::clone(&stored(&path, Storage::Disk, Ending::After(WAIT)).settings)
    };
    publish_and_end(
        &mut site,
        &mut hls,
        &App { path: path.clone(), settings: Arc::new(kept), tokens: TokenSource::Nowhere },
    );
    publish_and_end(&mut site, &mut hls, &stored(&path, Storage::Memory, Ending::After(WAIT)));
    assert_eq!(folder.list(""), ["a-0.ts", "a.m3u8"]);
    assert!(fs::read_to_string(folder.join("a.m3u8")).unwrap().ends_with("#EXT-X-ENDLIST\n"));
}

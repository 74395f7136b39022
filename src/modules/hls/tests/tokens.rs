//! The secrets of tokens: one for each folder, which is kept in it once a stream of a guarded application begins.

use super::*;
use crate::modules::hls::settings::Storage;

const SECRET: &str = ".millstream-tokens";

fn guarded(path: &Path, storage: Storage) -> App {
    let settings = Arc::new(Settings { storage, ..Settings::for_tests() });
    App { path: path.to_path_buf(), settings, tokens: TokenSource::Folder }
}

/// A run of the server with these applications, which has looked at their folders.
fn start<const N: usize>(apps: [App; N]) -> Hls {
    let mut hls = module(apps.map(Some));
    load(&mut hls);
    hls
}

/// The token that an application makes.
fn token(hls: &Hls, app: &App) -> Option<String> {
    hls.streams.signer(app).map(|signer| signer.token("live/a", "1.ts"))
}

#[test]
fn a_secret_is_kept_with_the_first_stream_and_outlives_the_server_and_all_files() {
    let folder = Folder::new();
    let app = guarded(&folder, Storage::Disk);
    let mut hls = start([app.clone()]);
    let first = token(&hls, &app).unwrap();
    assert!(folder.list("").is_empty());
    publish_as(&mut hls, 1, &app, "a");
    assert_eq!(folder.list(""), [LEDGER, SECRET, "a-0.ts", "a.m3u8"]);
    let (ended, _) = finish(&mut hls, 1).unwrap();
    remove(&mut hls, ended);
    assert_eq!(folder.list(""), [SECRET]);
    let again = start([app.clone()]);
    assert_eq!(token(&again, &app), Some(first));
}

#[test]
fn applications_with_one_folder_have_one_secret_and_others_another() {
    let (folder, other) = (Folder::new(), Folder::new());
    let (one, two) = (guarded(&folder, Storage::Disk), guarded(&folder.join("./"), Storage::Disk));
    let (third, memory) = (guarded(&other, Storage::Disk), guarded(Path::new("/hls"), Storage::Memory));
    let hls = start([one.clone(), two.clone(), third.clone(), memory.clone()]);
    assert_eq!(token(&hls, &one), token(&hls, &two));
    let tokens: HashSet<_> = [&one, &third, &memory].map(|app| token(&hls, app).unwrap()).into();
    assert_eq!(tokens.len(), 3);
}

#[test]
fn nothing_is_written_for_an_open_application_or_one_with_a_secret_of_its_own() {
    use crate::auth::segment_token::SegmentSigner;
    for tokens in [TokenSource::Nowhere, TokenSource::Directive(SegmentSigner::new(b"secret"))] {
        let folder = Folder::new();
        let app = App { tokens, ..guarded(&folder, Storage::Disk) };
        let mut hls = start([app.clone()]);
        publish_as(&mut hls, 1, &app, "a");
        assert_eq!(folder.list(""), [LEDGER, "a-0.ts", "a.m3u8"]);
        let own = matches!(app.tokens, TokenSource::Directive(_));
        assert_eq!(token(&hls, &app), own.then(|| SegmentSigner::new(b"secret").token("live/a", "1.ts")));
    }
}

#[test]
fn a_broken_file_is_replaced_and_does_not_keep_a_stream_from_beginning() {
    let folder = Folder::new();
    fs::write(folder.join(SECRET), "broken").unwrap();
    let app = guarded(&folder, Storage::Disk);
    let mut hls = start([app.clone()]);
    assert!(token(&hls, &app).is_some());
    publish_as(&mut hls, 1, &app, "a");
    assert!(folder.join("a.m3u8").is_file());
    assert_eq!(token(&start([app.clone()]), &app), token(&hls, &app));
}

#[test]
fn an_application_that_a_reload_has_guarded_keeps_its_secret_though_its_streams_have_begun() {
    let folder = Folder::new();
    let open = App { tokens: TokenSource::Nowhere, ..guarded(&folder, Storage::Disk) };
    let mut hls = start([open.clone()]);
    let mut site = Site::default();
    let _segmenter = site.begin(&mut hls, 1, &open, "a").unwrap();
    let app = guarded(&folder, Storage::Disk);
    hls.apps.insert(AppId(0), Some(app.clone()));
    load(&mut hls);
    assert!(folder.join(SECRET).is_file());
    assert_eq!(token(&start([app.clone()]), &app), token(&hls, &app));
}

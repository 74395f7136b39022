//! Streams that end and come back while the writer is slow: jobs are done in order, and their results come late.

use super::*;

const WAIT: Duration = Duration::from_secs(30);

fn waiting(path: &Path) -> App {
    let settings = Settings { ending: Ending::After(WAIT), ..Settings::for_tests() };
    App { path: path.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere }
}

fn list(folder: &Folder) -> String {
    fs::read_to_string(folder.join("a.m3u8")).unwrap()
}

/// The same, but the jobs wait.
fn begin_later(site: &mut Site, hls: &mut Hls, app: &App) -> Segmenter {
    hls.streams.folders.examine(app);
    site.call(|outlet| hls.streams.begin(StreamId::of_nothing(2), app, "a", outlet)).unwrap()
}

/// Does all jobs. The results are the streams', or of the segmenter.
fn run(site: &mut Site, hls: &mut Hls, segmenter: &mut Segmenter) -> Vec<NextStep> {
    let (_, steps, results) = site.call_streams(hls, |_, _| ());
    site.call(|outlet| results.into_iter().for_each(|result| segmenter.on_job(result, outlet)));
    steps
}

#[test]
fn a_stream_that_comes_back_while_its_files_are_being_removed_has_none_of_them_in_its_list() {
    let folder = Folder::new();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    publish(&mut hls, 1, &folder);
    let (token, _) = finish(&mut hls, 1).unwrap();
    assert_eq!(site.call(|outlet| hls.streams.advance(token, outlet)), None, "a job removes them");
    let mut segmenter = begin_later(&mut site, &mut hls, &app(&folder));
    assert_eq!(run(&mut site, &mut hls, &mut segmenter), [], "nobody waits for the result any more");
    assert_eq!(folder.list(""), [LEDGER], "the entry is that of the new stream");
    site.send(&mut segmenter, 0..40, 26);
    site.end(&mut segmenter);
    assert_eq!(folder.list(""), [LEDGER, "a-0.ts", "a.m3u8"]);
    assert!(list(&folder).contains("a-0.ts\n") && !list(&folder).contains("DISCONTINUITY"));
}

#[test]
fn a_stream_begins_no_files_while_the_writers_queue_is_full() {
    let folder = Folder::new();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    let owner = JobOwner::Module { name: "other", token: 0 };
    while site.jobs.write(owner, 0, || None::<()>).is_ok() {}
    let waiting = site.jobs.writes();
    let app = app(&folder);
    let refused = site.call(|outlet| hls.streams.begin(StreamId::of_nothing(2), &app, "a", outlet));
    assert!(refused.unwrap_err().starts_with("the disk is too slow"));
    assert_eq!(site.jobs.writes(), waiting);
    assert_eq!(finish(&mut hls, 2), None);
    site.jobs.run_all();
    assert!(site.begin(&mut hls, 2, &app, "a").is_ok());
}

#[test]
fn a_stream_that_comes_back_while_its_playlist_is_being_ended_continues_it() {
    let folder = Folder::new();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    publish_as(&mut hls, 1, &waiting(&folder), "a");
    let (token, _) = finish(&mut hls, 1).unwrap();
    site.call(|outlet| hls.streams.advance(token, outlet));
    let mut segmenter = begin_later(&mut site, &mut hls, &waiting(&folder));
    assert!(!list(&folder).contains("ENDLIST"));
    assert_eq!(run(&mut site, &mut hls, &mut segmenter), []);
    assert!(list(&folder).contains("ENDLIST"), "the job came first");
    site.send(&mut segmenter, 0..40, 26);
    site.end(&mut segmenter);
    assert!(list(&folder).contains("a-0.ts\n#EXT-X-DISCONTINUITY\n") && !list(&folder).contains("ENDLIST"));
}

#[test]
fn the_next_step_waits_for_the_job_that_does_this_one() {
    let folder = Folder::new();
    let (mut hls, mut site) = (Hls::default(), Site::default());
    publish_as(&mut hls, 1, &waiting(&folder), "a");
    let (token, _) = finish(&mut hls, 1).unwrap();
    site.call(|outlet| hls.streams.advance(token, outlet));
    // Too many streams wait, and this one is to end early.
    assert_eq!(hls.streams.ended.hurry(), Some(token));
    let now = Instant::now();
    hls.streams.ended.set_step(token, now);
    assert_eq!((hls.streams.ended.next_step(), hls.streams.ended.take_step(now)), (None, None));
    let (_, steps, _) = site.call_streams(&mut hls, |_, _| ());
    assert_eq!(steps, [(token, NEXT_TURN)]);
    assert_eq!(site.advance(&mut hls, token), None);
    assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
}

#[test]
fn streams_that_begin_while_new_folders_are_examined_are_not_taken_for_those_of_an_earlier_run() {
    let folder = Folder::new();
    for name in ["a", "b"] {
        publish_as(&mut Hls::default(), 1, &app(&folder), name);
    }
    let (mut hls, mut site) = (module([Some(app(&folder))]), Site::default());
    let survey = hls.streams.survey(hls.known_apps());
    let mut segmenter = site.begin(&mut hls, 2, &app(&folder), "a").unwrap();
    let found = survey();
    site.send(&mut segmenter, 0..20, 26);
    let (steps, ..) = site.call_streams(&mut hls, |streams, outlet| streams.take_survey(found, outlet.jobs));
    let names =
        steps.iter().map(|(token, _)| hls.streams.ended.get(*token).unwrap().naming.name().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), ["b"]);
    for (token, _) in steps {
        remove(&mut hls, token);
    }
    site.end(&mut segmenter);
    assert_eq!(folder.list(""), [LEDGER, "a-0.ts", "a-1.ts", "a.m3u8"]);
    assert_eq!(fs::read_to_string(folder.join(LEDGER)).unwrap().lines().last(), Some("- flat b"));
}

//! Which streams may write, and what happens to their files after the end, also that of the server.

mod ending;
mod listed;
mod names;
mod slow;
mod storage;
mod tokens;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use super::files::naming::Naming;
use super::segmenter::Segmenter;
use super::settings::tokens::TokenSource;
use super::settings::{Cleanup, Continuation, Ending, Settings};
use super::streams::waits::NEXT_TURN;
use super::streams::{MAX_ENDED, MAX_REMOVED};
use super::*;
use crate::engine::Outlet;
use crate::engine::{Finish, HlsLists, Jobs, MemoryFiles, Now, Sink, Totals};
use crate::media::{Frame, Kind};
use crate::modules::hls::settings::variant::Variant;
use crate::test_folder::Folder;

const LEDGER: &str = ".millstream-hls";

fn app(path: &Path) -> App {
    App { path: path.to_path_buf(), settings: Arc::new(Settings::for_tests()), tokens: TokenSource::Nowhere }
}

fn with_variants(path: &Path) -> App {
    let variants = ["_low", "_high"].map(|suffix| Variant::parse(&[suffix.to_owned()]).unwrap()).to_vec();
    App {
        path: path.to_path_buf(),
        settings: Arc::new(Settings { variants, ..Settings::for_tests() }),
        tokens: TokenSource::Nowhere,
    }
}

/// The module with the settings of these applications.
fn module<const N: usize>(apps: [Option<App>; N]) -> Hls {
    let apps = apps.into_iter().enumerate().map(|(id, app)| (AppId(id), app));
    Hls { apps: apps.collect(), ..Hls::default() }
}

/// The surroundings of sinks and streams: files in memory, and jobs, which are done in place after each call.
#[derive(Default)]
struct Site {
    memory: MemoryFiles,
    jobs: Jobs,
    lists: HlsLists,
    totals: Totals,
}

impl Site {
    fn call<T>(&mut self, act: impl FnOnce(&mut Outlet<'_>) -> T) -> T {
        let now = Now { instant: Instant::now(), wall: UNIX_EPOCH };
        act(&mut Outlet {
            now,
            memory: &mut self.memory,
            jobs: &mut self.jobs,
            lists: &mut self.lists,
            totals: &mut self.totals,
        })
    }

    /// Calls the streams. Returns the steps by the results of jobs, too, and what a segmenter gets.
    fn call_streams<T>(
        &mut self,
        hls: &mut Hls,
        act: impl FnOnce(&mut Streams, &mut Outlet<'_>) -> T,
    ) -> (T, Vec<NextStep>, Vec<JobResult>) {
        let value = self.call(|outlet| act(&mut hls.streams, outlet));
        let (mut steps, mut results) = (Vec::new(), Vec::new());
        for done in self.jobs.run_all() {
            match (done.owner, done.result.take::<Outcome>()) {
                (JobOwner::Module { token, .. }, Ok(outcome)) => {
                    let wait = self.call(|outlet| hls.streams.conclude(token, outcome, outlet));
                    steps.extend(wait.map(|wait| (token, wait)));
                }
                (_, result) => results.extend(result.err()),
            }
        }
        (value, steps, results)
    }

    fn begin(&mut self, hls: &mut Hls, id: u32, app: &App, name: &str) -> Result<Segmenter, String> {
        hls.streams.folders.examine(app);
        let begin = |streams: &mut Streams, outlet: &mut Outlet<'_>| {
            streams.begin(StreamId::of_nothing(id), app, name, outlet)
        };
        let (segmenter, _, results) = self.call_streams(hls, begin);
        let mut segmenter = segmenter?;
        self.call(|outlet| results.into_iter().for_each(|result| segmenter.on_job(result, outlet)));
        Ok(segmenter)
    }

    fn call_segmenter<T>(
        &mut self,
        segmenter: &mut Segmenter,
        act: impl FnOnce(&mut Segmenter, &mut Outlet<'_>) -> T,
    ) -> T {
        let value = self.call(|outlet| act(segmenter, outlet));
        for done in self.jobs.run_all() {
            self.call(|outlet| segmenter.on_job(done.result, outlet));
        }
        // The answer to an error may be another job.
        self.jobs.run_all();
        value
    }

    /// Sends frames of MP3 with these numbers, that far apart.
    fn send(&mut self, segmenter: &mut Segmenter, frames: Range<u64>, step: u64) {
        for index in frames {
            let frame = Frame::from_payload(Kind::Audio, index * step, &[0x2f, 0xff, 0xfb, 1, 2]);
            self.call_segmenter(segmenter, |segmenter, outlet| {
                segmenter.frame(&Rc::new(frame), outlet).unwrap();
            });
        }
    }

    fn end(&mut self, segmenter: &mut Segmenter) {
        self.call_segmenter(segmenter, |segmenter, outlet| segmenter.finish(Finish::StreamEnded, outlet));
    }

    fn finish(&mut self, hls: &mut Hls, id: u32, waited: Duration) -> Vec<NextStep> {
        let end = |streams: &mut Streams, outlet: &mut Outlet<'_>| {
            streams.end(StreamId::of_nothing(id), waited, outlet)
        };
        let (steps, more, _) = self.call_streams(hls, end);
        [steps, more].concat()
    }

    fn advance(&mut self, hls: &mut Hls, token: u64) -> Option<Duration> {
        let (wait, steps, _) = self.call_streams(hls, |streams, outlet| streams.advance(token, outlet));
        wait.or(steps.first().map(|(_, wait)| *wait))
    }
}

fn begin(hls: &mut Hls, id: u32, app: &App, name: &str) -> Result<Segmenter, String> {
    Site::default().begin(hls, id, app, name)
}

fn finish(hls: &mut Hls, id: u32) -> Option<NextStep> {
    finish_after(hls, id, Duration::ZERO).pop()
}

/// Ends a stream whose publisher has been away for so long.
fn finish_after(hls: &mut Hls, id: u32, waited: Duration) -> Vec<NextStep> {
    Site::default().finish(hls, id, waited)
}

fn load(hls: &mut Hls) -> Vec<NextStep> {
    let survey = hls.streams.survey(hls.known_apps())();
    let take = |streams: &mut Streams, outlet: &mut Outlet<'_>| streams.take_survey(survey, outlet.jobs);
    Site::default().call_streams(hls, take).0
}

fn advance(hls: &mut Hls, token: u64) -> Option<Duration> {
    Site::default().advance(hls, token)
}

fn remove(hls: &mut Hls, token: u64) {
    assert_eq!(advance(hls, token), None);
}

fn restore_ledgers(hls: &mut Hls) {
    Site::default().call_streams(hls, |streams, outlet| streams.restore_ledgers(outlet.jobs));
}

/// A stream of one second of MP3.
fn publish_as(hls: &mut Hls, id: u32, app: &App, name: &str) {
    let mut site = Site::default();
    let mut segmenter = site.begin(hls, id, app, name).unwrap();
    site.send(&mut segmenter, 0..40, 26);
    site.end(&mut segmenter);
}

fn publish(hls: &mut Hls, id: u32, path: &Path) {
    publish_as(hls, id, &app(path), "a");
}

#[test]
fn two_streams_never_write_the_same_files() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let first = begin(&mut hls, 1, &app(&folder), "a").unwrap();
    let again = app(&folder.join("./x/.."));
    fs::create_dir(folder.join("x")).unwrap();
    let error = begin(&mut hls, 2, &again, "a").unwrap_err();
    assert!(error.contains("another stream"), "{error}");
    assert!(begin(&mut hls, 3, &app(&folder), "b").is_ok());
    drop(first);
    assert!(finish(&mut hls, 2).is_none());
    assert!(finish(&mut hls, 1).is_some());
    assert!(begin(&mut hls, 2, &again, "a").is_ok());
}

#[test]
fn files_are_removed_some_time_after_the_end() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    publish(&mut hls, 1, &folder);
    let (token, wait) = finish(&mut hls, 1).unwrap();
    assert_eq!(wait, Duration::from_secs(60));
    assert_eq!(folder.list(""), [LEDGER, "a-0.ts", "a.m3u8"]);
    remove(&mut hls, token + 1);
    assert_eq!(folder.list("").len(), 3);
    remove(&mut hls, token);
    assert!(folder.list("").is_empty() && hls.streams.ended.is_empty());
}

/// 200 fragments of 2 s, and what their removal needs.
fn publish_long(hls: &mut Hls, path: &Path) -> u64 {
    let settings = Settings { playlist_length: 200_000, ..Settings::for_tests() };
    let app = App { path: path.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere };
    let mut site = Site::default();
    let mut segmenter = site.begin(hls, 1, &app, "a").unwrap();
    site.send(&mut segmenter, 0..400 * 40, 25);
    site.end(&mut segmenter);
    finish(hls, 1).unwrap().0
}

#[test]
fn many_files_are_removed_a_few_at_a_time() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let token = publish_long(&mut hls, &folder);
    let mut before = folder.list("").len();
    assert!(before > 150, "{before}");
    let mut turns = 1;
    while advance(&mut hls, token) == Some(NEXT_TURN) {
        let now = folder.list("").len();
        assert!(before - now <= MAX_REMOVED && folder.list("").contains(&"a.m3u8".to_owned()));
        (before, turns) = (now, turns + 1);
    }
    assert!(turns >= 3 && folder.list("").is_empty(), "{turns} {:?}", folder.list(""));
}

#[test]
fn a_stream_that_comes_back_during_the_removal_of_its_files_continues() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let token = publish_long(&mut hls, &folder);
    assert_eq!(advance(&mut hls, token), Some(NEXT_TURN));
    publish(&mut hls, 1, &folder);
    remove(&mut hls, token);
    let text = fs::read_to_string(folder.join("a.m3u8")).unwrap();
    for name in text.lines().filter(|line| line.ends_with(".ts")) {
        assert!(folder.join(name).is_file(), "{name} is listed and not there");
    }
    assert!(text.contains("a-199.ts\n#EXT-X-DISCONTINUITY\n"), "what is left goes on: {text}");
}

#[test]
fn files_stay_if_the_stream_comes_back() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    publish(&mut hls, 1, &folder);
    let (token, _) = finish(&mut hls, 1).unwrap();
    publish(&mut hls, 2, &folder);
    remove(&mut hls, token);
    assert_eq!(folder.list(""), [LEDGER, "a-0.ts", "a-1.ts", "a.m3u8"]);
    let (token, _) = finish(&mut hls, 2).unwrap();
    remove(&mut hls, token);
    assert!(folder.list("").is_empty());
}

#[test]
fn files_of_an_earlier_run_are_removed_and_no_others() {
    let folder = Folder::new();
    publish(&mut Hls::default(), 1, &folder);
    // Another run, which ends while the files wait.
    publish_as(&mut Hls::default(), 1, &app(&folder), "b");
    for name in ["c-0.ts", "c.m3u8", "a-7.ts"] {
        fs::write(folder.join(name), "precious").unwrap();
    }
    let app = app(&folder);
    let mut hls = module([None, Some(app.clone()), Some(app.clone())]);
    let timers = load(&mut hls);
    assert_eq!(timers.iter().map(|(_, wait)| wait.as_secs()).collect::<Vec<_>>(), [60, 60]);
    // One of them comes back before.
    publish_as(&mut hls, 1, &app, "b");
    for (token, _) in timers {
        remove(&mut hls, token);
    }
    assert_eq!(folder.list(""), [LEDGER, "a-7.ts", "b-0.ts", "b-1.ts", "b.m3u8", "c-0.ts", "c.m3u8"]);
    let (token, _) = finish(&mut hls, 1).unwrap();
    remove(&mut hls, token);
    assert_eq!(folder.list(""), ["a-7.ts", "c-0.ts", "c.m3u8"]);
}

#[test]
fn files_that_an_earlier_run_still_writes_stay_until_it_stops() {
    let folder = Folder::new();
    publish(&mut Hls::default(), 1, &folder);
    let mut hls = module([Some(app(&folder))]);
    let (token, wait) = load(&mut hls)[0];
    publish(&mut Hls::default(), 1, &folder);
    let all = folder.list("");
    assert!(all.contains(&"a-1.ts".to_owned()));
    assert_eq!(advance(&mut hls, token), Some(wait));
    assert_eq!(folder.list(""), all);
    remove(&mut hls, token);
    assert!(folder.list("").is_empty());
}

#[test]
fn files_stay_without_cleanup() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let settings = Settings { cleanup: Cleanup::Keep, ..Settings::for_tests() };
    let app = App { path: folder.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere };
    publish_as(&mut hls, 1, &app, "a");
    assert!(finish(&mut hls, 1).is_none() && hls.streams.ended.is_empty());
    assert_eq!(folder.list(""), ["a-0.ts", "a.m3u8"]);
    let mut hls = module([Some(app)]);
    assert!(load(&mut hls).is_empty());
}

#[test]
fn the_number_of_ended_streams_is_bounded() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    for id in 0..5000 {
        drop(begin(&mut hls, id, &app(&folder), &format!("s{id}")));
        let timers = finish_after(&mut hls, id, Duration::ZERO);
        timers.iter().filter(|(_, wait)| *wait == NEXT_TURN).for_each(|(token, _)| remove(&mut hls, *token));
        assert!(hls.streams.ended.len() <= MAX_ENDED);
    }
    assert_eq!(hls.streams.ended.len(), MAX_ENDED);
}

#[test]
fn a_list_longer_than_it_should_be_stays_for_as_long() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let settings = Settings { playlist_length: 0, fragment: 100, ..Settings::for_tests() };
    let app = App { path: folder.to_path_buf(), settings: Arc::new(settings), tokens: TokenSource::Nowhere };
    publish_as(&mut hls, 1, &app, "a");
    let (_, wait) = finish(&mut hls, 1).unwrap();
    assert!(wait >= Duration::from_millis(1900), "{wait:?}");
}

#[test]
fn a_master_playlist_lists_the_variants_there_are() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = with_variants(&folder);
    publish_as(&mut hls, 1, &app, "cam_high");
    let master = || fs::read_to_string(folder.join("cam.m3u8")).unwrap_or_default();
    assert_eq!(master().matches("EXT-X-STREAM-INF").count(), 1);
    publish_as(&mut hls, 2, &app, "cam_low");
    let lines: Vec<_> = master().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert_eq!(lines, ["cam_low.m3u8", "cam_high.m3u8"], "in the order of the configuration");
    let (token, _) = finish(&mut hls, 1).unwrap();
    assert_eq!(master().matches("EXT-X-STREAM-INF").count(), 2, "still listed");
    remove(&mut hls, token);
    assert!(!master().contains("cam_high") && master().contains("cam_low"));
    let (token, _) = finish(&mut hls, 2).unwrap();
    remove(&mut hls, token);
    assert!(folder.list("").is_empty(), "{:?}", folder.list(""));
}

#[test]
fn a_stream_and_a_master_playlist_never_share_a_name() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let app = with_variants(&folder);
    // The stream first: its variant has no master playlist.
    publish_as(&mut hls, 1, &app, "cam");
    publish_as(&mut hls, 2, &app, "cam_low");
    let list = || fs::read_to_string(folder.join("cam.m3u8")).unwrap();
    assert!(list().contains("cam-0.ts"), "{}", list());
    let (cam, _) = finish(&mut hls, 1).unwrap();
    let (low, _) = finish(&mut hls, 2).unwrap();
    remove(&mut hls, low);
    assert!(list().contains("cam-0.ts"));
    // The variant first: what is left of the stream goes at once, and it may not come back.
    publish_as(&mut hls, 3, &app, "cam_low");
    assert!(list().contains("cam_low.m3u8") && !folder.join("cam-0.ts").exists());
    assert!(begin(&mut hls, 4, &app, "cam").unwrap_err().contains("another stream"));
    remove(&mut hls, cam);
    assert!(list().contains("cam_low.m3u8"));
    // Once the variant has ended it may; the end of the variant's files leaves it alone.
    let (low, _) = finish(&mut hls, 3).unwrap();
    publish_as(&mut hls, 5, &app, "cam");
    remove(&mut hls, low);
    assert!(list().contains("#EXTINF"), "{}", list());
}

#[test]
fn the_files_of_the_oldest_are_removed_a_few_at_a_time_too_when_too_many_wait() {
    let folder = Folder::new();
    let mut hls = Hls::default();
    let oldest = publish_long(&mut hls, &folder);
    let before = folder.list("").len();
    let app = app(&folder);
    let mut early = Vec::new();
    for id in 0..u32::try_from(MAX_ENDED).unwrap() + 1 {
        drop(begin(&mut hls, id, &app, &format!("s{id}")));
        let timers = finish_after(&mut hls, id, Duration::ZERO);
        early.extend(timers.into_iter().filter(|(_, wait)| *wait == NEXT_TURN));
    }
    let second = oldest + 1;
    assert_eq!(early, [(oldest, NEXT_TURN), (second, NEXT_TURN)], "each once");
    assert!(folder.list("").len() >= before, "nothing has gone yet");
    assert_eq!(advance(&mut hls, oldest), Some(NEXT_TURN));
    assert!(before - folder.list("").len() <= MAX_REMOVED);
}

#[test]
fn a_folder_that_cannot_be_made_at_the_beginning_is_tried_again() {
    let folder = Folder::new();
    let path = folder.join("hls");
    fs::write(&path, "a file").unwrap();
    let mut hls = Hls::default();
    let mut site = Site::default();
    let mut segmenter = site.begin(&mut hls, 1, &app(&path), "a").unwrap();
    site.send(&mut segmenter, 0..100, 25);
    fs::remove_file(&path).unwrap();
    site.send(&mut segmenter, 100..500, 25);
    assert!(path.join("a.m3u8").is_file());
    restore_ledgers(&mut hls);
    assert_eq!(fs::read_to_string(path.join(LEDGER)).unwrap(), "+ flat a\n");
}

#[test]
fn a_ledger_that_is_removed_with_its_folder_is_written_again() {
    let folder = Folder::new();
    let path = folder.join("hls");
    let mut hls = Hls::default();
    for (id, name) in [(1, "a"), (2, "b")] {
        publish_as(&mut hls, id, &app(&path), name);
    }
    fs::remove_dir_all(&path).unwrap();
    restore_ledgers(&mut hls);
    assert!(!path.exists(), "where nothing is written no ledger is needed");
    fs::create_dir(&path).unwrap();
    restore_ledgers(&mut hls);
    assert_eq!(fs::read_to_string(path.join(LEDGER)).unwrap(), "+ flat a\n+ flat b\n");
}

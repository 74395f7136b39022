use crate::engine::memory::*;

/// The bytes that the kernel counts.
fn real(files: &mut MemoryFiles) -> u64 {
    use std::os::unix::fs::MetadataExt;
    files.space.take().unwrap().file().metadata().unwrap().blocks() * 512
}

fn put(files: &mut MemoryFiles, path: &str, bytes: &[u8]) {
    files.put(path.into(), bytes, SystemTime::UNIX_EPOCH).unwrap();
}

/// Puts a file of an owner's.
fn put_for(files: &mut MemoryFiles, owner: &Arc<Path>, path: &str, length: usize) {
    let draft = files.begin_draft(Some(owner)).unwrap();
    files.append(&draft, &vec![7; length], 0).unwrap();
    files.publish(draft, path.into(), SystemTime::UNIX_EPOCH, Duration::ZERO);
}

fn owner(files: &mut MemoryFiles, path: &str) -> Arc<Path> {
    files.begin_owner(Path::new(path));
    Path::new(path).into()
}

fn more(bytes: u64) -> Growth {
    Growth { from: 0, to: bytes }
}

#[test]
fn a_file_is_found_until_it_is_removed_and_all_are_counted_as_the_kernel_does() {
    let mut files = MemoryFiles::default();
    put(&mut files, "/hls/a.m3u8", b"one");
    put(&mut files, "/hls//b.ts", &[1; 10_000]);
    put(&mut files, "/hls/a.m3u8", b"seven77");
    assert_eq!((files.bytes(), real(&mut files), files.is_empty()), (4 * PAGE, 4 * PAGE, false));
    assert_eq!(files.get(Path::new("/hls/a.m3u8")).unwrap().read().unwrap(), b"seven77");
    assert_eq!(files.get(Path::new("/hls/b.ts")).map(MemoryFile::len), Some(10_000));
    assert!(files.get(Path::new("/hls/c.ts")).is_none());
    for path in ["/hls/a.m3u8", "/hls/a.m3u8", "/hls/b.ts"] {
        files.remove(Path::new(path));
    }
    assert_eq!((files.bytes(), real(&mut files), files.is_empty()), (0, 0, true));
}

#[test]
fn what_is_removed_while_it_is_sent_stays_as_it_was_and_counts_until_then() {
    let mut files = MemoryFiles::default();
    put(&mut files, "/a", b"first");
    let reader = files.get(Path::new("/a")).unwrap().clone();
    put(&mut files, "/a", b"second");
    put(&mut files, "/b", b"third");
    assert_eq!(reader.read().unwrap(), b"first");
    assert_eq!((files.bytes(), files.removed().count()), (3 * PAGE, 1));
    drop(reader);
    files.sweep();
    assert_eq!((files.bytes(), real(&mut files), files.removed().count()), (2 * PAGE, 2 * PAGE, 0));
}

#[test]
fn drafts_count_with_what_their_writers_have_and_are_freed_when_they_are_dropped() {
    let mut files = MemoryFiles::default();
    let draft = files.begin_draft(None).unwrap();
    files.append(&draft, &[1; 5000], 100_000).unwrap();
    assert_eq!((files.bytes(), real(&mut files)), (26 * PAGE, 2 * PAGE));
    drop(draft);
    files.sweep();
    assert_eq!((files.bytes(), real(&mut files)), (0, 0));
}

#[test]
fn an_owner_may_have_more_than_its_share_until_another_wants_its_own() {
    let mut files = MemoryFiles::default();
    let limit = 16 * PAGE;
    files.set_limit(limit);
    let [greedy, modest] = ["/greedy", "/modest"].map(|path| owner(&mut files, path));
    for file in 0..20 {
        if files.make_room(&greedy, more(PAGE)) {
            put_for(&mut files, &greedy, &format!("/{file}"), 100);
        }
    }
    assert_eq!((files.bytes(), files.is_crowded()), (limit, false), "all of it");
    assert!(files.make_room(&modest, more(8 * PAGE)) && files.is_crowded());
    put_for(&mut files, &modest, "/own", 8 * PAGE as usize);
    for file in 0..8 {
        assert!(!files.make_room(&greedy, more(0)));
        files.remove(Path::new(&format!("/{file}")));
    }
    files.clear_crowded();
    assert!(files.make_room(&greedy, more(0)), "a share is left to it");
    assert!(!files.make_room(&modest, more(PAGE)) && !files.is_crowded());
    files.end_owner(&modest);
    assert!(files.make_room(&greedy, more(8 * PAGE)), "alone, it may have all of it again");
}

#[test]
fn any_limit_is_one() {
    let mut files = MemoryFiles::default();
    let live = owner(&mut files, "/live");
    assert!(files.make_room(&live, more(PAGE)), "none is set");
    files.set_limit(0);
    assert!(!files.make_room(&live, more(PAGE)));
    files.set_limit(u64::MAX);
    put_for(&mut files, &live, "/1.ts", 100);
    let reader = files.get(Path::new("/1.ts")).unwrap().clone();
    files.remove(Path::new("/1.ts"));
    assert!(files.make_room(&live, more(PAGE)));
    files.set_limit(0);
    assert_eq!(files.take_wanted(), PAGE);
    drop(reader);
}

#[test]
fn what_has_ended_gives_way_the_first_that_has_first() {
    let mut files = MemoryFiles::default();
    let limit = 8 * PAGE;
    files.set_limit(limit);
    let [first, second, third] = ["/1", "/2", "/3"].map(|path| owner(&mut files, path));
    for owner in [&second, &first, &third] {
        put_for(&mut files, owner, &format!("{}.ts", owner.display()), 2 * PAGE as usize);
    }
    files.end_owner(&second);
    files.end_owner(&first);
    assert!(files.make_room(&third, more(4 * PAGE)));
    assert!(files.get(Path::new("/2.ts")).is_none() && files.get(Path::new("/1.ts")).is_some());
    // An owner that has begun again does not count as ended.
    files.begin_owner(&first);
    assert!(!files.make_room(&third, more(6 * PAGE)));
    assert!(files.get(Path::new("/1.ts")).is_some() && files.bytes() == 4 * PAGE);
}

#[test]
fn a_limit_that_is_lowered_takes_from_those_that_have_ended_and_then_from_those_that_write() {
    let mut files = MemoryFiles::default();
    let [first, second, live] = ["/1", "/2", "/live"].map(|path| owner(&mut files, path));
    for owner in [&first, &second, &live] {
        put_for(&mut files, owner, &format!("{}.ts", owner.display()), 2 * PAGE as usize);
    }
    files.end_owner(&first);
    files.end_owner(&second);
    files.set_limit(4 * PAGE);
    assert_eq!((files.bytes(), files.is_crowded()), (4 * PAGE, false));
    assert!(files.get(Path::new("/2.ts")).is_some());
    files.set_limit(PAGE);
    assert_eq!((files.bytes(), files.is_crowded()), (2 * PAGE, true), "the writer is told");
}

#[test]
fn what_late_readers_hold_is_no_obstacle_but_wanted_back() {
    let mut files = MemoryFiles::default();
    let limit = 16 * PAGE;
    files.set_limit(limit);
    let live = owner(&mut files, "/live");
    put_for(&mut files, &live, "/1.ts", 10 * PAGE as usize);
    let reader = files.get(Path::new("/1.ts")).unwrap().clone();
    files.remove(Path::new("/1.ts"));
    for (pages, wanted) in [(4, 0), (5, 1), (16, 10)] {
        let growth = Growth { from: files.bytes_at(Path::new("/2.ts")), to: pages * PAGE };
        assert!(files.make_room(&live, growth));
        put_for(&mut files, &live, "/2.ts", (pages * PAGE) as usize);
        files.request_reclaim();
        assert_eq!((files.take_wanted(), files.take_wanted()), (wanted * PAGE, 0), "an eighth is to be free");
    }
    assert!(!files.make_room(&live, more(PAGE)));
    drop(reader);
}

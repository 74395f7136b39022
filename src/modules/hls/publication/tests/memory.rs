//! The files of a stream in memory, and the room for them.

use super::*;
use crate::engine::Totals;
use crate::modules::hls::fragment::OpenFragment;

/// The bytes that are written at a time: a page.
const PIECE: usize = 4096;

/// A stream in a memory of so many bytes.
fn in_memory(limit: usize) -> (Publication, MemoryFiles, Now) {
    in_memory_with(limit, "a", |_| {})
}

fn in_memory_with(
    limit: usize,
    name: &str,
    adjust: impl FnOnce(&mut Settings),
) -> (Publication, MemoryFiles, Now) {
    let settings = settings(|settings| {
        settings.storage = Storage::Memory;
        adjust(settings);
    });
    let mut memory = MemoryFiles::default();
    memory.set_limit(limit as u64);
    let now = Now { instant: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(1_704_067_200 + 500) };
    let naming = Naming::new(Path::new("/hls"), name, &settings);
    let publication = Publication::open(naming, &Files::Memory(&mut memory), now.wall);
    (publication, memory, now)
}

/// A fragment of so many bytes, as it is written: what there is no room for is not. Whether it is listed.
fn add_in_memory(publication: &mut Publication, memory: &mut MemoryFiles, now: Now, bytes: usize) -> bool {
    let draft = publication.start_fragment(&mut Files::Memory(memory)).unwrap();
    let (mut open, mut buffer) = (OpenFragment::new(draft), Vec::new());
    for _ in 0..bytes.div_ceil(PIECE) {
        buffer.extend([7; PIECE]);
        let growth = open.growth(&buffer, memory);
        if let Err(error) = publication.make_room(growth, 0, memory) {
            assert_eq!(error.to_string(), "hls_memory_size is used up");
            drop(open);
            publication.mark_discontinuity();
            publication.recover(&mut Files::Memory(memory));
            return false;
        }
        open.drain(&mut buffer, &mut Files::Memory(memory)).unwrap();
    }
    let file = open.finish(&mut buffer, &mut Files::Memory(memory)).unwrap();
    publication.add_fragment(file, &finished(), &mut Files::Memory(memory), now.wall).unwrap();
    true
}

fn list_in(memory: &MemoryFiles) -> String {
    let file = memory.get(Path::new("/hls/a.m3u8"));
    file.map_or(String::new(), |file| String::from_utf8(file.read().unwrap()).unwrap())
}

#[test]
fn in_memory_a_stream_counts_from_the_time_and_is_removed_as_on_the_disk() {
    let (mut publication, mut memory, now) = in_memory(1 << 20);
    for _ in 0..20 {
        add_in_memory(&mut publication, &mut memory, now, 100);
    }
    let first = 2000 + 17;
    let text = list_in(&memory);
    assert!(text.contains(&format!("#EXT-X-MEDIA-SEQUENCE:{first}\n")), "{text}");
    // Three are listed, four wait for their removal.
    assert_eq!(memory.bytes(), 8 * 4096, "a page for each, and one for the list");
    for id in first - 4..first + 3 {
        assert!(memory.get(&PathBuf::from(format!("/hls/a-{id}.ts"))).is_some());
    }
    publication.finish(&mut Files::Memory(&mut memory), now.wall).unwrap();
    assert!(list_in(&memory).ends_with("#EXT-X-ENDLIST\n"));
    // It is taken up where it was, and removed as a whole.
    let naming = publication.naming.clone();
    let files = Files::Memory(&mut memory);
    let mut again = Publication::open(naming.clone(), &files, UNIX_EPOCH);
    add_in_memory(&mut again, &mut memory, now, 100);
    assert!(list_in(&memory).contains(&format!("#EXT-X-MEDIA-SEQUENCE:{}\n", first + 1)));
    let (memory, jobs, lists) = (&mut memory, &mut Jobs::default(), &mut HlsLists::default());
    remove_from(&naming, &mut Outlet { now, memory, jobs, lists, totals: &mut Totals::default() });
    assert!(memory.is_empty());
}

#[test]
fn a_memory_that_is_full_makes_the_list_shorter_and_never_grows() {
    let limit = 64 * 4096;
    let (mut publication, mut memory, now) = in_memory(limit);
    // With the buffer of the fragment that is being written, 16 pages, and one page for the list.
    for (pages, listed) in [(10, 3), (20, 2), (47, 1), (70, 0), (10, 1)] {
        for _ in 0..6 {
            let is_added = add_in_memory(&mut publication, &mut memory, now, pages * 4096);
            assert!(memory.bytes() <= limit as u64, "{} bytes", memory.bytes());
            let list = list_in(&memory);
            let names: Vec<_> = list.lines().filter(|line| line.ends_with(".ts")).collect();
            for name in &names {
                assert!(memory.get(&Path::new("/hls").join(name)).is_some(), "{name}");
            }
            assert_eq!(is_added, !names.is_empty(), "what has been added is listed");
        }
        if listed != 1 || pages == 47 {
            assert_eq!(list_in(&memory).matches("#EXTINF").count(), listed, "{pages}");
        }
    }
    assert!(list_in(&memory).contains("#EXT-X-DISCONTINUITY-SEQUENCE:500\n"), "{}", list_in(&memory));
}

#[test]
fn there_is_room_before_anything_is_written() {
    let limit = 64 * 4096;
    let (mut publication, mut memory, now) = in_memory(limit);
    while list_in(&memory).matches("#EXTINF").count() < 3 {
        assert!(add_in_memory(&mut publication, &mut memory, now, 10 * 4096));
    }
    let draft = publication.start_fragment(&mut Files::Memory(&mut memory)).unwrap();
    let (open, mut buffer) = (OpenFragment::new(draft), vec![7; 50 * 4096]);
    publication.make_room(open.growth(&buffer, &memory), 0, &mut memory).unwrap();
    let before = memory.bytes();
    let listed = list_in(&memory).matches("#EXTINF").count();
    assert_eq!((before, listed), (11 * 4096, 1), "the newest fragment and the list stay");
    // There is none for a longer one, whatever is given up for it, so nothing of it is written.
    buffer.extend([7; 30 * 4096]);
    publication.make_room(open.growth(&buffer, &memory), 0, &mut memory).unwrap_err();
    assert_eq!(memory.bytes(), 0);
}

/// Adds a fragment of so many pages, which are written at once.
fn add_pages(
    publication: &mut Publication,
    memory: &mut MemoryFiles,
    now: Now,
    pages: usize,
) -> io::Result<()> {
    let (mut draft, _) = publication.start_fragment(&mut Files::Memory(memory))?;
    publication.make_room(draft.growth(memory, pages * PIECE), 0, memory)?;
    let files = &mut Files::Memory(memory);
    files.append(&mut draft, &vec![7; pages * PIECE], 0)?;
    publication.add_fragment(CompleteFile { draft, bytes: 5 }, &finished(), files, now.wall)
}

#[test]
fn a_playlist_that_is_replaced_has_room_beside_the_new_one() {
    for (limit, listed) in [(21, 1), (22, 2)] {
        let (mut publication, mut memory, now) = in_memory(limit * PIECE);
        for _ in 0..2 {
            add_pages(&mut publication, &mut memory, now, 10).unwrap();
        }
        assert_eq!(list_in(&memory).matches("#EXTINF").count(), listed, "{limit}");
    }
}

#[test]
fn a_playlist_that_is_shortened_has_room_beside_the_shorter_one() {
    // Each entry takes up more than a page.
    let long = |settings: &mut Settings| settings.base_url = "/".repeat(4100);
    let (mut publication, mut memory, now) = in_memory_with(7 * PIECE, "a", long);
    for _ in 0..2 {
        add_pages(&mut publication, &mut memory, now, 1).unwrap();
    }
    memory.put("/other".into(), &[7; 2 * PIECE], now.wall).unwrap();
    assert_eq!(memory.bytes(), 7 * PIECE as u64, "two fragments, three pages of list, and the other file");
    let growth = memory.growth(None, 1);
    publication.make_room(growth, 0, &mut memory).unwrap();
    assert_eq!((list_in(&memory).as_str(), memory.bytes()), ("", 2 * PIECE as u64));
}

#[test]
fn a_master_playlist_has_room_before_it_is_written() {
    for (limit, is_listed) in [(11, false), (13, true)] {
        let (mut publication, mut memory, now) = in_memory_with(limit * PIECE, "cam_low", low_variant);
        for _ in 0..3 {
            let added = add_pages(&mut publication, &mut memory, now, 10);
            assert!(memory.bytes() <= (limit * PIECE) as u64, "{} bytes", memory.bytes());
            assert_eq!(added.is_ok(), is_listed, "{limit}");
            publication.recover(&mut Files::Memory(&mut memory));
        }
        assert_eq!(memory.get(Path::new("/hls/cam.m3u8")).is_some(), is_listed, "{limit}");
    }
}

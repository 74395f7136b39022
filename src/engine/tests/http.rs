//! HTTP clients that read late or not at all, and answers that take long to compose.

use std::path::Path;

use crate::engine::tests::*;
use crate::test_folder::Folder;

const FILE: usize = 200_000;

/// A server with one large file in memory, and a client of it.
fn world() -> (World, SessionId) {
    world_with("")
}

/// The same with some settings.
fn world_with(settings: &str) -> (World, SessionId) {
    let config =
        format!("http {{ keepalive_timeout 1h; {settings} server {{ listen 127.0.0.1:0; root /srv; }} }}");
    let mut world = World::configured(table(), &config);
    put(&mut world, "/srv/a.ts", FILE, Duration::from_secs(86_400));
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    (world, id)
}

fn put(world: &mut World, path: &str, length: usize, hold: Duration) {
    let memory = &mut world.engine.cx.memory;
    let draft = memory.begin_draft(None).unwrap();
    memory.append(&draft, &vec![b'x'; length], 0).unwrap();
    memory.publish(draft, path.into(), world.now.wall, hold);
}

/// Bytes of answers that a client has not taken.
fn waiting(world: &mut World, id: SessionId) -> usize {
    let Some(session) = world.engine.cx.sessions.get_mut(id) else { return 0 };
    let sent = session.bytes_out;
    session.http_mut().map_or(0, |state| state.queued.saturating_sub(sent) as usize)
}

fn ask(world: &mut World, id: SessionId, times: usize) {
    let requests = "GET /a.ts HTTP/1.1\r\nHost: a\r\n\r\n".repeat(times);
    world.engine.input(id, requests.as_bytes(), world.now);
    world.end_turn();
}

/// Lets the client read what is queued; returns the number of bytes.
fn read_all(world: &mut World, id: SessionId) -> usize {
    let waiting = waiting(world, id);
    world.take(id, waiting);
    world.end_turn();
    waiting
}

#[test]
fn large_answers_are_not_prepared_ahead_and_all_are_given_in_the_end() {
    let (mut world, id) = world();
    ask(&mut world, id, 10);
    let mut read = 0;
    loop {
        let bytes = read_all(&mut world, id);
        assert!(bytes < 3 * FILE, "{bytes} bytes wait");
        if bytes == 0 {
            break;
        }
        read += bytes;
    }
    assert!((10 * FILE..10 * (FILE + 1000)).contains(&read), "{read} bytes");
}

#[test]
fn who_takes_nothing_for_a_minute_is_hung_up_on_however_long_connections_may_be_idle() {
    let (mut world, id) = world();
    ask(&mut world, id, 1);
    read_all(&mut world, id);
    world.pass(600);
    assert!(world.is_open(id));
    ask(&mut world, id, 1);
    world.pass(58);
    assert!(world.is_open(id));
    world.pass(4);
    assert!(!world.is_open(id));
}

/// Lets a client take so many bytes a second; returns the seconds until it has all, or was closed.
fn read_slowly(world: &mut World, id: SessionId, rate: usize, most: u64) -> u64 {
    for second in 0..most {
        let waiting = waiting(world, id);
        if waiting == 0 || !world.is_open(id) {
            return second;
        }
        world.take(id, rate.min(waiting));
        world.pass(1);
    }
    most
}

#[test]
fn an_answer_that_is_taken_byte_by_byte_ends_after_its_length_at_the_smallest_rate() {
    let (mut world, id) = world();
    ask(&mut world, id, 1);
    let seconds = read_slowly(&mut world, id, 1, 1000);
    assert!(!world.is_open(id) && (60 + 195..60 + 198).contains(&seconds), "{seconds} s");
    let (mut world, id) = world_with("send_timeout 10s; send_min_rate 10k;");
    ask(&mut world, id, 1);
    let seconds = read_slowly(&mut world, id, 1, 1000);
    assert!(!world.is_open(id) && (10 + 19..10 + 22).contains(&seconds), "{seconds} s");
    let (mut world, id) = world_with("send_min_rate 0;");
    ask(&mut world, id, 1);
    assert_eq!(read_slowly(&mut world, id, 1, 10_000), 10_000);
}

#[test]
fn a_slow_client_that_keeps_reading_gets_every_answer() {
    let (mut world, id) = world();
    ask(&mut world, id, 3);
    // Each answer has its own time, from when it is the first that waits.
    let (mut seconds, before) = (0, world.engine.cx.sessions.get(id).unwrap().bytes_out);
    while world.engine.cx.sessions.get(id).unwrap().bytes_out < before + 3 * FILE as u64 {
        seconds += read_slowly(&mut world, id, 1100, 1000);
        world.end_turn();
    }
    assert!(world.is_open(id) && seconds > 3 * 180, "{seconds} s");
}

#[test]
fn the_next_answer_is_late_from_its_own_beginning_on() {
    let (mut world, id) = world_with("send_timeout 600s; send_min_rate 10k;");
    put(&mut world, "/srv/b.ts", FILE / 4, Duration::from_secs(86_400));
    let both = "GET /b.ts HTTP/1.1\r\nHost: a\r\n\r\nGET /a.ts HTTP/1.1\r\nHost: a\r\n\r\n";
    world.engine.input(id, both.as_bytes(), world.now);
    world.end_turn();
    world.end_turn();
    world.pass(300);
    world.take(id, FILE / 4 + 500);
    let seconds = read_slowly(&mut world, id, 1, 1000);
    assert!(!world.is_open(id) && (600 + 19..600 + 22).contains(&seconds), "{seconds} s");
}

#[test]
fn a_file_in_memory_must_be_taken_within_its_time_however_fast_that_is() {
    let (mut world, id) = world();
    put(&mut world, "/srv/a.ts", FILE, Duration::from_secs(20));
    ask(&mut world, id, 1);
    let seconds = read_slowly(&mut world, id, FILE / 30, 1000);
    assert!(!world.is_open(id) && (20..22).contains(&seconds), "{seconds} s");
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    ask(&mut world, id, 1);
    let seconds = read_slowly(&mut world, id, FILE / 15, 1000);
    assert!(world.is_open(id) && seconds < 20, "{seconds} s");
}

#[test]
fn readers_of_the_file_that_was_removed_first_are_closed_first() {
    let (mut world, first) = world();
    let clients = [first, world.engine.accept(0, ENDS, world.now).unwrap()];
    for (client, name) in [(clients[1], "/srv/a.ts"), (clients[0], "/srv/a.ts")] {
        // Each has begun with another file of the name.
        put(&mut world, name, FILE, Duration::from_secs(1000));
        ask(&mut world, client, 1);
        read_slowly(&mut world, client, 1000, 2);
    }
    world.engine.cx.memory.remove(Path::new("/srv/a.ts"));
    let held = world.engine.cx.memory.bytes();
    assert!(held > 2 * FILE as u64);
    let (limit, growth) = (held, Growth { from: 0, to: 1000 });
    world.engine.cx.memory.set_limit(limit);
    assert!(world.engine.cx.memory.make_room(Path::new("/live"), growth));
    world.engine.cx.memory.request_reclaim();
    world.engine.step(world.now);
    world.end_turn();
    assert_eq!(clients.map(|client| world.is_open(client)), [true, false]);
    assert_eq!(world.engine.cx.memory.bytes(), held / 2);
    read_all(&mut world, clients[0]);
    assert_eq!(world.engine.cx.memory.bytes(), 0, "freed as soon as the last has it");
}

#[test]
fn the_head_of_a_request_is_kept_beside_its_answer_only_where_it_is_logged() {
    for (settings, is_logged) in [("", false), ("access_log /dev/null;", true)] {
        let (mut world, id) = world_with(settings);
        ask(&mut world, id, 1);
        let state = world.engine.cx.sessions.get_mut(id).and_then(Session::http_mut).unwrap();
        let request = &state.exchanges.front().unwrap().request.head;
        assert_eq!(request.headers.get("host").is_some(), is_logged, "{settings}");
    }
}

#[test]
fn pipelined_requests_are_answered_one_a_step() {
    let config = "http { server { listen 127.0.0.1:0; location / { return 404; } } }";
    let mut world = World::configured(table(), config);
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    let requests = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n".repeat(7);
    world.engine.input(id, requests.as_bytes(), world.now);
    let mut answered = vec![world.queue(id).len()];
    while world.engine.step(world.now) {
        answered.push(world.queue(id).len());
    }
    // Each has a head and a page.
    assert_eq!(answered, (1..=7).map(|count| 2 * count).collect::<Vec<_>>());
}

#[test]
fn a_list_of_thousands_of_streams_is_made_in_steps_while_others_are_served() {
    let config = "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
                  http { server { listen 127.0.0.1:0; location / { page on; } } }";
    let mut world = World::configured(table(), config);
    for session in 0..125 {
        let mut client = Client::connect(&mut world, "live");
        for msid in 1..=16 {
            let name = format!("s{:05}", session * 16 + msid);
            client.command_on(&mut world, msid, &["publish".into(), 2.0.into(), Value::Null, (*name).into()]);
        }
    }
    let [first, second] = [(); 2].map(|()| world.engine.accept(1, ENDS, world.now).unwrap());
    for id in [first, second] {
        let request = "GET /streams.json HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n";
        world.engine.input(id, request.as_bytes(), world.now);
        assert!(world.engine.is_held(id) && world.queue(id).is_empty());
    }
    let mut steps = 0;
    while world.queue(first).is_empty() {
        assert!(world.engine.step(world.now));
        steps += 1;
    }
    assert!((2000 / 256 + 500 / 32..40).contains(&steps), "{steps} steps");
    assert!(!world.queue(second).is_empty(), "it is composed once for all who ask for it meanwhile");
    world.end_turn();
    for id in [first, second] {
        let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
        assert!(text.contains("\"total\":2000,") && text.contains("\"name\":\"s00001\""));
        assert_eq!(text.matches("\"uptime_ms\"").count(), 500);
        assert!(text.contains("\"name\":\"s00500\"") && !text.contains("\"name\":\"s00501\""));
        assert_eq!(text.matches("HTTP/1.1 404").count(), 1, "what was asked behind it is answered behind it");
    }
}

#[test]
fn input_that_comes_when_an_answer_has_been_composed_is_processed_after_held_input() {
    let config =
        "http { server { listen 127.0.0.1:0; location / { page on; } location /x { return 200 held; } } }";
    let mut world = World::configured(table(), config);
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    let held = b"GET /streams.json HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHo";
    world.engine.input(id, held, world.now);
    while world.queue(id).is_empty() {
        assert!(world.engine.step(world.now));
    }
    world.engine.input(id, b"st: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n", world.now);
    world.end_turn();
    world.end_turn();
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    let statuses: Vec<_> =
        text.match_indices("HTTP/1.1 ").map(|(at, found)| &text[at + found.len()..][..3]).collect();
    assert_eq!(statuses, ["200", "200", "404"], "{text}");
}

/// A server of a folder on the disk, with lists, and a client of it. What nobody has looked for yet is in no cache, so a
/// reader has to look.
fn disk_world(folder: &Folder) -> (World, SessionId) {
    let server =
        format!("listen 127.0.0.1:0; root {}; autoindex on; try_files $uri $uri/ @none;", folder.display());
    let config = format!("http {{ server {{ {server} location @none {{ return 410; }} }} }}");
    let mut world = World::configured(table(), &config);
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    (world, id)
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// Has a file be found: from then on it is known that its folder is on a disk.
fn find(world: &mut World, id: SessionId, path: &str) {
    world.engine.input(id, &request(path), world.now);
    world.end_turn();
    assert_eq!(statuses(world, id), ["200"]);
    world.end_turn();
}

fn statuses(world: &mut World, id: SessionId) -> Vec<String> {
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    text.match_indices("HTTP/1.1 ").map(|(at, found)| text[at + found.len()..][..3].to_owned()).collect()
}

#[test]
fn a_request_waits_for_a_look_at_the_disk_and_its_client_for_nothing_else() {
    let folder = Folder::new();
    folder.write("there", "text");
    let (mut world, first) = disk_world(&folder);
    let second = world.engine.accept(0, ENDS, world.now).unwrap();
    find(&mut world, second, "/there");
    let both = [request("/none"), request("/there")].concat();
    world.engine.input(first, &both, world.now);
    while world.engine.step(world.now) {}
    assert!(world.engine.is_held(first) && world.queue(first).is_empty());
    world.engine.input(second, b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", world.now);
    assert!(!world.engine.is_held(second));
    world.end_turn();
    world.end_turn();
    assert_eq!(statuses(&mut world, first), ["410", "200"]);
    assert!(!world.engine.is_held(first));
}

#[test]
fn the_finding_for_a_client_that_has_left_is_dropped() {
    let folder = Folder::new();
    let (mut world, id) = disk_world(&folder);
    world.engine.input(id, &request("/none"), world.now);
    world.engine.lost(id, world.now);
    world.end_turn();
    assert!(world.engine.cx.sessions.is_empty() && world.engine.pending.is_empty());
    // Its slot is another one's now, who waits for nothing.
    let next = world.engine.accept(0, ENDS, world.now).unwrap();
    world.engine.input(next, &request("/none"), world.now);
    world.engine.lost(next, world.now);
    while world.engine.step(world.now) {}
    let other = world.engine.accept(0, ENDS, world.now).unwrap();
    assert_eq!(other.index, next.index);
    world.end_turn();
    assert!(world.queue(other).is_empty() && world.engine.pending.is_empty());
}

#[test]
fn a_client_that_has_closed_its_side_waits_for_ten_seconds_and_not_for_ever() {
    let folder = Folder::new();
    let (mut world, patient) = disk_world(&folder);
    let gone = world.engine.accept(0, ENDS, world.now).unwrap();
    for id in [patient, gone] {
        world.engine.input(id, &request("/none"), world.now);
    }
    world.engine.hung_up(gone, world.now);
    // A disk that hangs: nothing runs the jobs.
    let pass = |world: &mut World, seconds| {
        for _ in 0..seconds {
            world.now = Now { instant: world.now.instant + Duration::from_secs(1), ..world.now };
            while world.engine.expire(world.now) || world.engine.step(world.now) {}
        }
    };
    pass(&mut world, 9);
    assert!(world.is_open(gone));
    pass(&mut world, 12);
    assert!(!world.is_open(gone));
    world.engine.hung_up(patient, world.now);
    world.end_turn();
    assert_eq!(statuses(&mut world, patient), ["410"]);
}

#[test]
fn lines_of_access_logs_that_wait_are_given_to_the_writer_when_the_server_stops() {
    let folder = Folder::new();
    let path = folder.join("a.log");
    let (mut world, id) = world_with(&format!("access_log {};", path.display()));
    world.engine.open().unwrap();
    for last in [false, true] {
        ask(&mut world, id, 1);
        read_all(&mut world, id);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "{last}");
    }
    world.engine.stop(world.now);
    assert!(world.engine.has_writes());
    world.end_turn();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
}

#[test]
fn a_request_is_refused_when_too_many_wait_for_readers() {
    let folder = Folder::new();
    let (mut world, id) = disk_world(&folder);
    let owner = JobOwner::Module { name: "other", token: 0 };
    while world.engine.cx.jobs.read(owner, || None::<()>).is_ok() {}
    world.engine.input(id, &request("/none"), world.now);
    assert_eq!(statuses(&mut world, id), ["503"]);
    world.end_turn();
    world.engine.input(id, &request("/none"), world.now);
    world.end_turn();
    assert_eq!(statuses(&mut world, id), ["410"]);
}

#[test]
fn a_request_that_fails_on_its_way_gets_the_error_page_or_the_headers_of_a_playlist() {
    let folder = Folder::new();
    let config = format!(
        "http {{ server {{ listen 127.0.0.1:0; root {}; location @page {{ return 200 sorry; }}
            location /pages/ {{ error_page 500 503 @page; }} }} }}",
        folder.display()
    );
    let mut world = World::configured(table(), &config);
    let id = world.engine.accept(0, ENDS, world.now).unwrap();
    let ask = |world: &mut World, status: &str, path: &str| {
        let owner = JobOwner::Module { name: "other", token: 0 };
        while status == "503" && world.engine.cx.jobs.read(owner, || None::<()>).is_ok() {}
        world.engine.input(id, &request(path), world.now);
        for job in world.engine.take_jobs() {
            world.engine.finish_job(FinishedJob::panicked(job.owner()));
        }
        world.end_turn();
        String::from_utf8(world.take(id, usize::MAX).concat()).unwrap()
    };
    for status in ["500", "503"] {
        let text = ask(&mut world, status, "/pages/a.m3u8");
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")) && text.ends_with("sorry"), "{text}");
        let text = ask(&mut world, status, "/a.m3u8");
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains("Access-Control-Allow-Origin: *"), "{text}");
        assert!(text.contains("Cache-Control: no-cache"), "{text}");
        assert_eq!(text.contains("Retry-After"), status == "503");
    }
}

#[test]
fn lists_of_folders_are_read_two_at_a_time_and_all_are_sent() {
    let folder = Folder::new();
    for number in 0..300 {
        folder.write(&format!("files/{number}"), "");
    }
    folder.write("file", "");
    let (mut world, first) = disk_world(&folder);
    find(&mut world, first, "/file");
    world.engine.input(first, &request("/files/"), world.now);
    world.end_turn();
    assert_eq!(statuses(&mut world, first), ["200"]);
    let clients = [(); 5].map(|()| world.engine.accept(0, ENDS, world.now).unwrap());
    clients.iter().for_each(|&id| world.engine.input(id, &request("/files/"), world.now));
    // Readers look for an index, in vain.
    world.run_reads();
    assert_eq!(world.run_reads(), 2);
    world.engine.lost(clients[1], world.now);
    world.end_turn();
    for id in [clients[0], clients[2], clients[3], clients[4]] {
        let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
        assert_eq!(text.matches("<a href=\"./").count(), 300, "{text}");
    }
    assert!(world.engine.pending.is_empty());
}

#[test]
fn lists_that_nobody_waits_for_any_more_keep_no_reader_from_others() {
    let folder = Folder::new();
    folder.write("files/a", "");
    folder.write("file", "");
    let (mut world, first) = disk_world(&folder);
    find(&mut world, first, "/file");
    let clients = [(); 6].map(|()| world.engine.accept(0, ENDS, world.now).unwrap());
    clients.iter().for_each(|&id| world.engine.input(id, &request("/files/"), world.now));
    world.run_reads();
    // A disk that hangs, and clients that leave: two readers are left to others.
    let reading = world.engine.take_jobs();
    assert_eq!(reading.len(), 2);
    for &id in &clients[..4] {
        world.engine.lost(id, world.now);
        while world.engine.step(world.now) {}
    }
    assert!(world.engine.take_jobs().is_empty());
    for finished in reading.into_iter().filter_map(Job::run) {
        world.engine.finish_job(finished);
    }
    assert_eq!(world.run_reads(), 2);
    world.end_turn();
    for &id in &clients[4..] {
        assert_eq!(statuses(&mut world, id), ["200"]);
    }
    assert!(world.engine.pending.is_empty());
}

impl World {
    /// Does the jobs that have been added, and the steps after them; returns the number of jobs.
    fn run_reads(&mut self) -> usize {
        while self.engine.step(self.now) {}
        let finished = self.engine.cx.jobs.run_all();
        let count = finished.len();
        finished.into_iter().for_each(|finished| self.engine.finish_job(finished));
        while self.engine.step(self.now) {}
        count
    }
}

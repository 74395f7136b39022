//! Callbacks about viewers of HLS, in virtual time.

use super::*;

const DIRECTIVES: &str = "on_play http://backend/; on_play_done http://backend/done;";

fn configuration(directives: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application other {{ live on; }}
         application live {{ live on; hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s; {directives} }} }} }}
         http {{ keepalive_timeout 1h; server {{ listen 127.0.0.1:0; location /hls {{ alias /x/hls; }} }} }}"
    )
}

/// A server with HLS of live/cam in memory, whose fragments have a second each. Its publisher stays.
fn backend_with(directives: &str) -> (Backend, Client) {
    let world = World::configured(table(), &configuration(directives));
    let mut backend = Backend { world, asked: VecDeque::new(), open: Vec::new() };
    let mut publisher = backend.publish("cam");
    publisher.frame(&mut backend.world, Kind::Video, 0, HEADER);
    for number in 0..75 {
        let payload = if number % 25 == 0 { KEY } else { INTER };
        publisher.frame(&mut backend.world, Kind::Video, number * 40, payload);
    }
    backend.turn();
    (backend, publisher)
}

/// The same for viewers.
fn backend() -> (Backend, Client) {
    backend_with(&format!("hls_sessions on; {DIRECTIVES}"))
}

impl Backend {
    fn open_viewer(&mut self) -> SessionId {
        self.world.engine.accept(1, ENDS, self.world.now).unwrap()
    }

    /// A viewer asks for its playlist; the statuses of the answers so far.
    fn view(&mut self, id: SessionId, query: &str) -> Vec<String> {
        let request = format!("GET /hls/cam.m3u8{query} HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n");
        self.world.engine.input(id, request.as_bytes(), self.world.now);
        self.statuses(id)
    }

    /// Lets more than three target durations pass, and calls be made.
    fn pass_quiet_time(&mut self) {
        for _ in 0..4 {
            self.world.pass(1);
            self.turn();
        }
    }

    fn statuses(&mut self, id: SessionId) -> Vec<String> {
        self.turn();
        let text = String::from_utf8(self.world.take(id, usize::MAX).concat()).unwrap();
        self.turn();
        text.match_indices("HTTP/1.1 ").map(|(at, found)| text[at + found.len()..][..3].to_owned()).collect()
    }
}

#[test]
fn a_viewer_waits_for_the_answer_and_its_end_is_told_after_three_target_durations() {
    let (mut backend, _publisher) = backend();
    let viewer = backend.open_viewer();
    assert_eq!(backend.view(viewer, "?x=y"), [""; 0]);
    let (id, values) = backend.next(&["app", "call", "name", "addr", "flashver", "start", "reset", "x"]);
    assert_eq!(values, ["/", "live", "play", "cam", "192.0.2.1", "x", "0", "0", "y"]);
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    assert_eq!(backend.statuses(viewer), ["200"]);
    for _ in 0..10 {
        backend.world.pass(2);
        assert_eq!(backend.view(viewer, "?x=y"), ["200"]);
    }
    assert_eq!(backend.waits(), 0, "it is asked about once");
    backend.world.pass(2);
    assert_eq!(backend.waits(), 0);
    backend.world.pass(5);
    let (_, values) = backend.next(&["call", "name", "flashver", "x"]);
    assert_eq!(values, ["/done", "play_done", "cam", "x", "y"]);
    backend.pass_quiet_time();
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_refusal_is_kept_for_ten_seconds() {
    let (mut backend, _publisher) = backend();
    let viewer = backend.open_viewer();
    backend.view(viewer, "?x=y");
    backend.answer(NO);
    assert_eq!(backend.statuses(viewer), ["403"]);
    for _ in 0..9 {
        backend.world.pass(1);
        assert_eq!(backend.view(viewer, "?x=y"), ["403"]);
    }
    assert_eq!(backend.waits(), 0);
    backend.world.pass(2);
    assert_eq!(backend.view(viewer, "?x=y"), [""; 0]);
    assert_eq!(backend.answer(YES), ["/", "play", "cam"]);
    assert_eq!(backend.statuses(viewer), ["200"]);
}

#[test]
fn a_viewer_that_leaves_before_the_answer_has_one_end_if_the_answer_is_yes() {
    for (answer, ends) in [(YES, 1), (NO, 0)] {
        let (mut backend, _publisher) = backend();
        let viewer = backend.open_viewer();
        backend.view(viewer, "?x=y");
        let (id, asked) = backend.next(&["clientid"]);
        backend.world.engine.lost(viewer, backend.world.now);
        backend.turn();
        backend.world.engine.input(id, answer.as_bytes(), backend.world.now);
        backend.pass_quiet_time();
        assert_eq!(backend.waits(), ends, "{answer}");
        if ends > 0 {
            let (_, told) = backend.next(&["clientid", "call", "x"]);
            assert_eq!(told, ["/done", &asked[1], "play_done", "y"]);
        }
    }
}

#[test]
fn a_yes_that_comes_with_the_end_of_the_connection_has_one_end() {
    let (mut backend, _publisher) = backend();
    let viewer = backend.open_viewer();
    backend.view(viewer, "");
    let (id, _) = backend.next(&[]);
    // Both in one turn: the answer waits for its step when the session is closed.
    backend.world.engine.input(id, YES.as_bytes(), backend.world.now);
    backend.world.engine.lost(viewer, backend.world.now);
    backend.pass_quiet_time();
    assert_eq!(backend.waits(), 1);
    assert_eq!(backend.answer(YES), ["/done", "play_done", "cam"]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn two_requests_of_one_viewer_at_once_are_one_question() {
    let (mut backend, _publisher) = backend();
    let viewers = [(); 3].map(|()| backend.open_viewer());
    viewers.iter().for_each(|viewer| assert_eq!(backend.view(*viewer, "?x=y"), [""; 0]));
    assert_eq!(backend.waits(), 1);
    backend.answer(YES);
    viewers.iter().for_each(|viewer| assert_eq!(backend.statuses(*viewer), ["200"]));
    backend.pass_quiet_time();
    assert_eq!(backend.answer(YES), ["/done", "play_done", "cam"]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn the_viewer_who_waits_goes_on_when_the_one_that_was_asked_about_has_left() {
    let (mut backend, _publisher) = backend();
    let [first, second] = [(); 2].map(|()| backend.open_viewer());
    backend.view(first, "?x=y");
    backend.view(second, "?x=y");
    let (first_call, asked) = backend.next(&["call", "clientid"]);
    backend.world.engine.lost(first, backend.world.now);
    let (second_call, asked_again) = backend.next(&["call", "clientid"]);
    assert_eq!([&asked[1], &asked_again[1]], ["play"; 2]);
    assert_ne!(asked[2], asked_again[2], "another viewer is asked about");
    for call in [first_call, second_call] {
        backend.world.engine.input(call, YES.as_bytes(), backend.world.now);
    }
    assert_eq!(backend.statuses(second), ["200"]);
    let (_, told) = backend.next(&["call", "clientid"]);
    assert_eq!(told[1..], ["play_done", &asked[2]]);
    backend.pass_quiet_time();
    let (_, told) = backend.next(&["call", "clientid"]);
    assert_eq!(told[1..], ["play_done", &asked_again[2]]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_backend_that_does_not_answer_in_time_is_a_no_or_a_yes_as_is_wanted() {
    for (directives, status) in [("", "503"), ("notify_on_error allow;", "200")] {
        let (mut backend, _publisher) = backend_with(&format!("hls_sessions on; {DIRECTIVES} {directives}"));
        let viewer = backend.open_viewer();
        backend.view(viewer, "");
        backend.next(&[]);
        backend.world.pass(11);
        assert_eq!(backend.statuses(viewer), [status], "{directives}");
        backend.pass_quiet_time();
        assert_eq!(backend.waits(), usize::from(status == "200"), "{directives}");
    }
}

#[test]
fn a_redirect_to_the_same_name_is_a_yes_and_one_to_another_a_no() {
    let (mut backend, _publisher) = backend();
    let viewer = backend.open_viewer();
    backend.view(viewer, "");
    backend.answer(&redirect("cam"));
    assert_eq!(backend.statuses(viewer), ["200"]);
    backend.pass_quiet_time();
    assert_eq!(backend.answer(YES), ["/done", "play_done", "cam"]);
    let viewer = backend.open_viewer();
    backend.view(viewer, "?again");
    backend.answer(&redirect("http://elsewhere/"));
    assert_eq!(backend.statuses(viewer), ["403"]);
    let viewer = backend.open_viewer();
    backend.view(viewer, "?preview");
    backend.answer(&redirect("other"));
    assert_eq!(backend.statuses(viewer), ["403"]);
}

#[test]
fn the_end_alone_is_told_where_nobody_is_asked() {
    let (mut backend, _publisher) =
        backend_with("hls_sessions on; on_play_done http://backend/done; on_done http://backend/end;");
    let viewer = backend.open_viewer();
    assert_eq!(backend.view(viewer, ""), ["200"]);
    backend.pass_quiet_time();
    assert_eq!(backend.answer(YES), ["/done", "play_done", "cam"]);
    assert_eq!(backend.answer(YES), ["/end", "done", "cam"]);
    assert_eq!(backend.waits(), 0);
}

#[test]
fn nobody_hears_of_viewers_without_hls_sessions() {
    let (mut backend, _publisher) = backend_with(DIRECTIVES);
    let viewer = backend.open_viewer();
    assert_eq!(backend.view(viewer, ""), ["200"]);
    backend.pass_quiet_time();
    assert_eq!(backend.waits(), 0);
}

#[test]
fn a_reload_loses_neither_a_question_nor_an_end() {
    let (mut backend, _publisher) = backend();
    let [watching, waiting] = [(); 2].map(|()| backend.open_viewer());
    backend.view(watching, "?watching");
    backend.answer(YES);
    assert_eq!(backend.statuses(watching), ["200"]);
    backend.view(waiting, "?waiting");
    backend.turn();
    let changed = DIRECTIVES.replace("/done", "/new");
    backend.world.reload(&configuration(&format!("hls_sessions on; {changed}")));
    assert_eq!(backend.view(watching, "?watching"), ["200"]);
    assert_eq!(backend.answer(YES), ["/", "play", "cam"]);
    assert_eq!(backend.statuses(waiting), ["200"]);
    backend.pass_quiet_time();
    for _ in 0..2 {
        assert_eq!(backend.answer(YES), ["/new", "play_done", "cam"]);
    }
    assert_eq!(backend.waits(), 0);
}

#[test]
fn viewers_that_wait_are_half_of_all_at_most() {
    let (mut backend, _publisher) = backend();
    let viewers: Vec<_> = (0..513)
        .map(|number| {
            let viewer = backend.open_viewer();
            let statuses = backend.view(viewer, &format!("?n={number}"));
            assert_eq!(statuses.is_empty(), number < 512, "{statuses:?}");
            viewer
        })
        .collect();
    assert_eq!(backend.world.engine.cx.suspended, 512);
    assert_eq!(backend.statuses(viewers[0]), [""; 0]);
    (0..512).for_each(|_| drop(backend.answer(YES)));
    assert_eq!(backend.world.engine.cx.suspended, 0);
    assert_eq!(backend.statuses(viewers[511]), ["200"]);
}

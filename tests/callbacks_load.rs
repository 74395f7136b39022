//! As many requests as can be suspended wait for a dead backend: nobody else notices, and all of them are refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::backend::{Answer, Backend};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{SOON, Server, free_port, is_done_within, until, wait};

/// The most requests that can be suspended.
const MOST: usize = 1024;
/// How long each of them waits for the backend.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The threads that connect the clients.
const HANDS: usize = 4;
/// The time between two frames of the publisher beside them.
const FRAME: Duration = Duration::from_millis(40);
/// The bytes of its frames, and of the last one.
const LENGTHS: [u32; 2] = [2000, 100];
/// The most by which the longest time between two frames may grow, on a machine with other work.
const GROWTH: Duration = Duration::from_millis(400);
/// How soon a request is refused that cannot wait.
const AT_ONCE: Duration = Duration::from_secs(2);

const NOT_ASKED: &str = "the server cannot ask its backend now; try again soon";
const TOO_MANY: &str = "too many requests wait for answers already; try again soon";

/// A server whose application `asked` has this backend for publishers, and `live` none.
fn server(backend: &str) -> Server {
    let seconds = TIMEOUT.as_secs();
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; netcall_timeout {seconds}s;
            application live {{ live on; }}
            application asked {{ live on; on_publish {backend}; }} }} }}"
    ))
}

/// Clients that are connected to `asked` and have not asked for anything.
fn clients(address: SocketAddr, count: usize) -> Vec<Raw> {
    let share = |hand: usize| (hand..count).step_by(HANDS);
    let connect = |hand| share(hand).map(|_| Raw::connected(address, "asked")).collect::<Vec<_>>();
    thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS).map(|hand| scope.spawn(move || connect(hand))).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    })
}

/// All clients ask to publish, each a stream of its own.
fn publish_all(clients: &mut [Raw]) {
    clients.iter_mut().enumerate().for_each(|(number, client)| client.publish(&format!("s{number}")));
}

/// Whether something has come for a client that it has not read.
fn is_answered(client: &Raw) -> bool {
    let stream = client.stream();
    stream.set_nonblocking(true).unwrap();
    let is_answered = stream.peek(&mut [0]).is_ok();
    stream.set_nonblocking(false).unwrap();
    is_answered
}

/// Reads the refusal of a client, and the end of its connection; the reason.
fn reason(mut client: Raw) -> String {
    let (code, reason) = client.status();
    assert!(code.starts_with("NetStream.Publish."), "{code}: {reason}");
    client.expect_end();
    reason
}

/// The longest time between two frames that a player of `live` receives while something is done. It receives all frames.
fn longest_gap(server: &Server, work: impl FnOnce() + Send) -> Duration {
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    let frame = |number: u32, length: u32| {
        let time = u32::try_from(FRAME.as_millis()).unwrap() * number;
        media::video_frame(time, number.is_multiple_of(25), length)
    };
    publisher.send(&media::video_header(0));
    publisher.send(&frame(0, LENGTHS[0]));
    while !player.packet().unwrap().is_key() {}
    let receive = move || {
        let (mut longest, mut last) = (Duration::ZERO, Instant::now());
        for number in 1.. {
            let packet: Packet = player.packet().unwrap();
            longest = longest.max(last.elapsed());
            last = Instant::now();
            if packet == frame(number, LENGTHS[1]) {
                break;
            }
            assert_eq!(packet, frame(number, LENGTHS[0]));
        }
        longest
    };
    thread::scope(|scope| {
        let work = scope.spawn(work);
        let received = scope.spawn(receive);
        let begun = Instant::now();
        for number in 1.. {
            let is_last = work.is_finished();
            publisher.send(&frame(number, LENGTHS[usize::from(is_last)]));
            if is_last {
                break;
            }
            thread::sleep((begun + FRAME * number).saturating_duration_since(Instant::now()));
        }
        work.join().unwrap();
        received.join().unwrap()
    })
}

/// As many requests as may wait and one more: this one is refused at once, the others when their time is over. How soon
/// it is refused: if that is late, the machine has other work, and the test is to be done again.
fn ask_a_backend_that_never_answers(mut clients: Vec<Raw>) -> Duration {
    let begun = Instant::now();
    publish_all(&mut clients);
    let one = until("one request is refused", SOON, || clients.iter().position(is_answered));
    let took = begun.elapsed();
    let why = reason(clients.swap_remove(one));
    let others: Vec<_> = clients.into_iter().map(reason).collect();
    if took < AT_ONCE {
        assert_eq!(why, TOO_MANY);
        assert!(others.iter().all(|why| why == NOT_ASKED), "{others:?}");
        let all = begun.elapsed();
        assert!((TIMEOUT..TIMEOUT + SOON).contains(&all), "{all:?}");
    }
    took
}

/// Requests whose backend refuses connections. How soon all of them are refused.
fn ask_a_backend_that_is_not_there(mut clients: Vec<Raw>) -> Duration {
    let begun = Instant::now();
    publish_all(&mut clients);
    clients.into_iter().for_each(|client| assert_eq!(reason(client), NOT_ASKED));
    begun.elapsed()
}

/// So many clients make requests, which are refused, as the log says. A player notices nothing, and the sessions end.
fn nobody_notices(server: &Server, count: usize, ask: fn(Vec<Raw>) -> Duration, log: &str) {
    let (before, mut runs) = (server.descriptors(), 0); // one more while it still starts
    is_done_within(GROWTH, || {
        let usual = longest_gap(server, || thread::sleep(Duration::from_secs(1)));
        let (clients, mut took) = (clients(server.rtmp(), count), Duration::ZERO);
        let growth = longest_gap(server, || took = ask(clients)).saturating_sub(usual);
        runs += 1;
        server.wait_lines(log, MOST * runs);
        wait("all sessions have ended", || server.descriptors() <= before);
        if took < AT_ONCE { growth } else { took }
    });
}

#[test]
fn nobody_notices_a_thousand_requests_that_wait_for_a_backend_that_never_answers() {
    let backend = Backend::start(|_| Answer::Never);
    let server = server(&backend.url("/"));
    nobody_notices(&server, MOST + 1, ask_a_backend_that_never_answers, "no answer in time");
}

#[test]
fn nobody_notices_a_thousand_requests_whose_backend_is_not_there() {
    let server = server(&format!("http://127.0.0.1:{}/", free_port()));
    nobody_notices(&server, MOST, ask_a_backend_that_is_not_there, "connection refused");
}

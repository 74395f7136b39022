//! `limit_rate` and `limit_rate_after` over real sockets: the same mean rate as that of nginx, little work for the server,
//! and the whole line for other clients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::http::{Connection, get};
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, free_port, is_done_within, not_tested};

/// Bytes a second.
const RATE: usize = 300_000;
/// Bytes that come before it.
const AFTER: usize = 600_000;
/// Four seconds' worth with the head. One of them is sent at once; a byte more, and nginx would take another one.
const LIMITED: usize = 4 * RATE - 1000;
/// The time in which the limited bytes are sent, about.
const TIME: Duration = Duration::from_secs(3);

/// The block `http` of a server of these files. (Without sendfile nginx sends less in advance.)
fn http(listen: &str, folder: &Folder) -> String {
    let root = folder.display();
    format!(
        "http {{ sendfile on; server {{ listen {listen}; root {root};
            location /slow/ {{ limit_rate {RATE}; }}
            location /after/ {{ limit_rate {RATE}; limit_rate_after {AFTER}; }}
        }} }}"
    )
}

fn files() -> Folder {
    let folder = Folder::new();
    for (name, length) in [("slow", LIMITED), ("after", AFTER + LIMITED)] {
        std::fs::create_dir(folder.join(name)).unwrap();
        folder.write(&format!("{name}/a.flv"), "x".repeat(length));
    }
    folder
}

/// The time that a download takes.
fn download(address: SocketAddr, target: &str) -> Duration {
    let begun = Instant::now();
    let reply = get(address, target);
    let length = reply.body.len();
    assert!(reply.status == 200 && length >= LIMITED, "{target}: {}, {length} bytes", reply.status);
    begun.elapsed()
}

#[test]
fn the_mean_rate_is_the_limited_one_as_it_is_with_nginx() {
    let folder = files();
    let server = Server::start(&http("127.0.0.1:0", &folder));
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!("events {{ }} {}", http(&address.to_string(), &folder));
    let nginx = Nginx::start(&folder, &text, address);
    if nginx.is_none() {
        not_tested("nginx is not on this machine");
    }
    let (shortest, longest) = (TIME.mul_f64(0.87), TIME.mul_f64(1.15));
    let own = |target| {
        let took = download(server.http(), target);
        assert!(took > shortest, "{target} in {took:?}");
        took
    };
    // nginx counts in seconds of the clock, and sends another one's worth if one ends just after the request.
    let of_nginx = |target| match download(address, target) {
        took if took > shortest => took,
        _ => Duration::MAX,
    };
    thread::scope(|scope| {
        for target in ["/slow/a.flv", "/after/a.flv"] {
            scope.spawn(move || is_done_within(longest, || own(target)));
            if nginx.is_some() {
                scope.spawn(move || is_done_within(longest, || of_nginx(target)));
            }
        }
    });
}

#[test]
fn a_limited_answer_is_sent_whole_though_it_takes_longer_than_a_client_may() {
    let folder = Folder::new();
    folder.write("a.flv", "x".repeat(100_000));
    let limits = "limit_rate 4k; send_timeout 1s; send_min_rate 1m;";
    let server = Server::start(&format!(
        "http {{ server {{ listen 127.0.0.1:0; root {}; {limits} }} }}",
        folder.display()
    ));
    let mut connection = Connection::open(server.http());
    let begun = Instant::now();
    for fields in ["", "Connection: close\r\n"] {
        let reply = connection.request("GET", "/a.flv", &format!("Range: bytes=0-11999\r\n{fields}"));
        assert_eq!((reply.status, reply.body.len()), (206, 12_000));
    }
    assert!(connection.is_closed() && begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// How many clients download at the same time.
const MANY: usize = 50;

/// Downloads of all that is sent until `ends` is set; returns the number of bytes.
fn receive(mut clients: Vec<Connection>, ends: &AtomicBool) -> usize {
    let (mut count, mut buffer) = (0, vec![0; 64 * 1024]);
    clients.iter().for_each(|client| client.stream().set_nonblocking(true).unwrap());
    while !ends.load(Ordering::Relaxed) {
        for client in &mut clients {
            loop {
                let read = client.stream().read(&mut buffer);
                if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                    break;
                }
                let more = read.unwrap();
                assert!(more > 0, "a download has ended");
                count += more;
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
    count
}

#[test]
fn fifty_limited_downloads_take_little_of_the_processor_and_nothing_of_other_clients_lines() {
    const SLOW: usize = 100_000;
    const SECONDS: u64 = 3;
    let folder = Folder::new();
    let file = "x".repeat(8_000_000);
    for name in ["slow", "free"] {
        folder.write(name, &file);
    }
    let server = Server::start(&format!(
        "http {{ server {{ listen 127.0.0.1:0; root {}; location /slow {{ limit_rate {SLOW}; }} }} }}",
        folder.display()
    ));
    let begun = Instant::now();
    let clients: Vec<_> = (0..MANY).map(|_| Connection::open(server.http())).collect();
    let request = |mut client: Connection| {
        client.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
        client
    };
    let clients: Vec<_> = clients.into_iter().map(request).collect();
    let ends = AtomicBool::new(false);
    let received = thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(clients, &ends));
        // Forty times as fast as at the limit.
        is_done_within(Duration::from_secs(2), || {
            let begun = Instant::now();
            assert_eq!(get(server.http(), "/free").body.len(), file.len());
            begun.elapsed()
        });
        let before = server.ticks();
        thread::sleep(Duration::from_secs(SECONDS));
        let ticks = server.ticks() - before;
        ends.store(true, Ordering::Relaxed);
        assert!(ticks <= 25 * SECONDS, "{ticks} hundredths of a second in {SECONDS} s");
        receiver.join().unwrap()
    });
    let most = (begun.elapsed().as_secs_f64() + 1.0) * (MANY * SLOW) as f64;
    assert!((most * 0.5..most * 1.01).contains(&(received as f64)), "{received} of {most}");
}

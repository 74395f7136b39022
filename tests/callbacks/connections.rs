//! How a backend is reached, and how its answers come: names, ports, connections that are used again or not.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::libc::linger;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;

use super::*;
use crate::common::backend::{Answer, Backend, Request};
use crate::common::{Folder, SOON, free_port, millstream, not_tested, wait};

fn deciding(url: &str) -> Server {
    server("", &format!("on_publish {url};"))
}

/// A publish of `live/NAME` that is granted, and is over when this returns.
fn publish(server: &Server, name: &str) {
    drop(Client::publish(server.rtmp(), name));
    server.wait_log(&format!("stops publishing live/{name} "));
}

#[test]
fn an_answer_counts_when_it_is_whole_however_it_comes() {
    let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    for answer in [
        // The connection stays open behind it, for which nginx-rtmp would wait.
        Answer::StaysOpen(200, "body".into()),
        raw("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK"),
        raw("HTTP/1.1 204 No Content\r\n\r\n"),
        raw("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
        raw("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nOK\r\n0\r\nTrailer: x\r\n\r\n"),
        raw(&format!("HTTP/1.1 100 Continue\r\n\r\n{early}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
        raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nand what nobody has asked for"),
        Answer::Chunked(200, vec!["body".into(), "x".repeat(60_000)]),
        Answer::UntilClose(200, "body".into()),
        Answer::CutOff(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
    ] {
        let what = format!("{answer:?}").chars().take(80).collect::<String>();
        let backend = Backend::start(move |_| answer.clone());
        let server = server("netcall_timeout 60s;", &format!("on_publish {};", backend.url("/")));
        let begun = Instant::now();
        publish(&server, "cam");
        assert!(begun.elapsed() < SOON, "{what}");
        assert_eq!(backend.requests().len(), 1, "{what}");
    }
}

#[test]
fn a_connection_is_used_again_until_it_has_been_idle() {
    let backend = Backend::always(200);
    let server = deciding(&backend.url("/"));
    for name in ["a", "b", "c"] {
        publish(&server, name);
    }
    assert_eq!(backend.accepted(), 1);
    wait("it is closed", || backend.open() == 0);
    publish(&server, "d");
    assert_eq!(backend.accepted(), 2);
}

/// A backend that closes its first connection when the second request has come; how it closes is told.
fn forgetful(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Backend {
    let count = AtomicUsize::new(0);
    Backend::start(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::StaysOpen(200, String::new()),
        _ => answer(request),
    })
}

#[test]
fn a_request_over_a_used_connection_that_the_backend_closes_is_made_once_more() {
    let backend = forgetful(|request| match request.connection {
        0 => Answer::Closes,
        _ => Answer::Status(200),
    });
    let server = deciding(&backend.url("/"));
    let mut others = Others::new(&server);
    publish(&server, "a");
    publish(&server, "b");
    let connections: Vec<_> = backend.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
    others.go_on();
}

#[test]
fn a_request_is_made_once_more_and_not_twice() {
    let backend = forgetful(|_| Answer::Closes);
    let url = backend.url("/");
    let server = deciding(&url);
    publish(&server, "a");
    assert_eq!(refused(&server, "b"), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()));
    assert_eq!(backend.requests().len(), 3);
    let why = format!("on_publish {url}: the connection was closed without an answer");
    assert_logged(&server, "publish live/\"b\"", &why);
}

#[test]
fn a_request_of_which_the_answer_has_begun_is_not_made_again() {
    let backend = forgetful(|_| Answer::CutOff(b"HTTP/1.1 2".to_vec()));
    let server = deciding(&backend.url("/"));
    publish(&server, "a");
    assert_eq!(refused(&server, "b").0, BAD_NAME);
    assert_eq!(backend.requests().len(), 2);
    let why = format!("on_publish {}: closed in the middle of the answer", backend.url("/"));
    assert_logged(&server, "publish live/\"b\"", &why);
}

#[test]
fn a_used_connection_that_is_reset_is_like_one_that_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let backend = std::thread::spawn(move || {
        let take = |stream: &TcpStream| Request::read(&mut BufReader::new(stream), 0).unwrap().unwrap();
        let yes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let mut first = listener.accept().unwrap().0;
        take(&first);
        first.write_all(yes).unwrap();
        take(&first);
        setsockopt(&first, Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
        drop(first);
        let mut second = listener.accept().unwrap().0;
        take(&second);
        second.write_all(yes).unwrap();
    });
    let server = deciding(&url);
    publish(&server, "a");
    publish(&server, "b");
    backend.join().unwrap();
}

#[test]
fn a_backend_that_has_started_anew_meanwhile_is_asked_over_a_new_connection() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let start = || Backend::start_at(address, |_| Answer::Status(200));
    let backend = start();
    let server = deciding(&backend.url("/"));
    publish(&server, "a");
    drop(backend);
    let backend = start();
    publish(&server, "b");
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a_backend_that_is_not_there_refuses_until_it_is() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let url = format!("http://{address}/publish");
    let server = server("", &format!("on_publish http://user:s3cret@{address}/publish{SECRET};"));
    let mut others = Others::new(&server);
    let begun = Instant::now();
    assert_eq!(refused(&server, &format!("cam{SECRET}")), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(8), "it does not wait for the time limit");
    assert_logged(
        &server,
        "publish live/\"cam\"",
        &format!("on_publish {url}: {address}: connection refused"),
    );
    others.go_on();
    let backend = Backend::start_at(address, |_| Answer::Status(200));
    publish(&server, "cam");
    assert_eq!(backend.requests()[0].header("authorization"), "Basic dXNlcjpzM2NyZXQ=");
}

#[test]
fn a_backend_may_have_an_address_of_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        return not_tested("this machine has no IPv6");
    }
    let backend = Backend::start_at("[::1]:0".parse().unwrap(), |_| Answer::Status(200));
    let server = deciding(&backend.url("/"));
    publish(&server, "cam");
    assert_eq!(backend.requests()[0].header("host"), backend.address().to_string());
}

#[test]
fn a_server_can_be_its_own_backend() {
    let port = free_port();
    let web = format!("http {{ server {{ listen 127.0.0.1:{port}; location / {{ root FOLDER; }} }} }}");
    let live = format!("on_publish http://127.0.0.1:{port}/millstream.conf;");
    let server = Server::start(&format!("{} {web}", configuration("", &live)));
    // It takes no bodies.
    assert_eq!(refused(&server, "cam").1, "refused by the server's backend: the backend answers 413");
    server.reload(&format!("pid off; {} {web}", configuration("", &format!("{live} notify_method get;"))), 1);
    publish(&server, "cam");
}

#[test]
fn localhost_is_found() {
    let backend = Backend::always(200);
    let port = backend.address().port();
    let server = deciding(&format!("http://localhost:{port}/"));
    publish(&server, "cam");
    assert_eq!(backend.requests()[0].header("host"), format!("localhost:{port}"));
}

/// A server that knows names only from this file, which only it sees; none where that is not permitted.
fn server_with_hosts(hosts: &str, configuration: &str) -> Option<Server> {
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        not_tested("a file of hosts cannot be put in place here");
        return None;
    }
    let folder = Folder::new();
    folder.write("hosts", hosts);
    folder.write("nsswitch.conf", "hosts: files\n");
    let script =
        "for file in hosts nsswitch.conf; do mount --bind $file /etc/$file || exit; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(millstream().get_program()).env_remove("RUST_LOG");
    Some(Server::start_with(command, folder, &format!("pid off; {configuration}")))
}

#[test]
fn a_name_without_addresses_refuses() {
    let text = configuration("", "on_publish http://backend.test/publish;");
    let Some(server) = server_with_hosts("127.0.0.1 localhost\n", &text) else { return };
    let mut others = Others::new(&server);
    assert_eq!(refused(&server, "cam"), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()));
    let why = "on_publish http://backend.test/publish: the name backend.test is not known";
    assert_logged(&server, "publish live/\"cam\"", why);
    others.go_on();
}

#[test]
fn of_several_addresses_those_where_nobody_listens_are_passed_over() {
    let backend = Backend::always(200);
    let port = backend.address().port();
    let ends = [7, 1, 8, 9];
    let hosts: String = ends.map(|end| format!("127.0.0.{end} backend.test\n")).concat();
    let text = configuration("", &format!("on_publish http://backend.test:{port}/;"));
    let Some(server) = server_with_hosts(&format!("{hosts}::1 backend.test\n"), &text) else { return };
    publish(&server, "cam");
    assert_eq!(backend.requests()[0].header("host"), format!("backend.test:{port}"));
    // And where nobody listens at all, each address is told.
    let address = backend.address();
    drop(backend);
    assert_eq!(refused(&server, "cam").0, BAD_NAME);
    let line = server.wait_log("publish live/\"cam\" refused");
    for end in ends {
        assert!(line.contains(&format!("127.0.0.{end}:{}: connection refused", address.port())), "{line}");
    }
}

#[test]
fn forty_publishers_at_once_get_in_over_thirty_two_connections() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let backend = Backend::start(move |_| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        now.fetch_sub(1, Ordering::SeqCst);
        Answer::Status(200)
    });
    let server = deciding(&backend.url("/"));
    let mut others = Others::new(&server);
    let mut all: Vec<_> = (0..40).map(|_| Raw::connected(server.rtmp(), "live")).collect();
    for (number, raw) in all.iter_mut().enumerate() {
        raw.publish(&format!("cam{number}"));
    }
    backend.wait_for(|requests| requests.len() >= 32);
    others.go_on();
    for raw in &mut all {
        assert_eq!(raw.status().0, PUBLISH_START);
    }
    assert_eq!(backend.requests().len(), 40);
    assert_eq!(most.load(Ordering::SeqCst), 32);
    others.go_on();
}

#[test]
fn reports_that_hang_hold_up_no_decision() {
    let backend = Backend::start(|request| match request.field("call") {
        "publish_done" => Answer::Never,
        _ => Answer::Status(200),
    });
    let url = backend.url("/");
    let server = server("netcall_timeout 60s;", &format!("on_publish {url}; on_publish_done {url};"));
    for number in 0..40 {
        publish(&server, &format!("cam{number}"));
    }
    let hang = |requests: &[Request]| requests.iter().filter(|it| it.field("call") == "publish_done").count();
    backend.wait_for(|requests| hang(requests) == 24);
    publish(&server, "late");
    assert_eq!(hang(&backend.requests()), 24, "the others wait");
}

#[test]
fn who_waits_for_a_connection_to_a_backend_that_hangs_is_refused_in_time_too() {
    let backend = Backend::start(|_| Answer::Never);
    let server = server("netcall_timeout 1s;", &format!("on_publish {};", backend.url("/")));
    let mut others = Others::new(&server);
    let mut all: Vec<_> = (0..80).map(|_| Raw::connected(server.rtmp(), "live")).collect();
    for (number, raw) in all.iter_mut().enumerate() {
        raw.publish(&format!("cam{number}"));
    }
    others.go_on();
    for raw in &mut all {
        assert_eq!(refusal(raw), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()));
    }
    others.go_on();
}

#[test]
fn calls_that_fail_leave_no_descriptors() {
    let backend = Backend::start(|request| match request.field("name") {
        "hangs" => Answer::Never,
        "closes" => Answer::Closes,
        _ => Answer::Gigabyte,
    });
    let server = server("netcall_timeout 300ms;", &format!("on_publish {};", backend.url("/")));
    let mut others = Others::new(&server);
    let before = server.descriptors();
    for name in ["hangs", "closes", "floods"].into_iter().cycle().take(15) {
        assert_eq!(refused(&server, name).0, BAD_NAME);
    }
    wait("all are closed", || server.descriptors() <= before);
    others.go_on();
}

#[test]
fn a_dead_backend_holds_up_nobody_of_another_backend() {
    let (dead, alive) = (Backend::start(|_| Answer::Never), Backend::always(200));
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0;
             application live {{ live on; on_publish {}; }}
             application well {{ live on; on_publish {}; }} }} }}",
        dead.url("/"),
        alive.url("/")
    ));
    let mut waiting: Vec<_> = (0..60).map(|_| Raw::connected(server.rtmp(), "live")).collect();
    for (number, raw) in waiting.iter_mut().enumerate() {
        raw.publish(&format!("cam{number}"));
    }
    dead.wait_for(|requests| requests.len() >= 32);
    assert_eq!(dead.accepted(), 32);
    let begun = Instant::now();
    for number in 0..5 {
        drop(Client::try_publish(server.rtmp(), "well", &format!("cam{number}")).unwrap());
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "they do not wait for the time limit of the dead one");
}

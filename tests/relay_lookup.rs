//! `origin_lookup`: a directory says where a stream lives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::backend::{Answer, Backend};
use crate::common::media::video_only;
use crate::common::player::{Client, relay};
use crate::common::{Server, free_port};

fn other() -> Server {
    Server::start("rtmp { server { listen 127.0.0.1:0; application there { live on; idle_streams on; } } }")
}

fn server(directives: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; idle_streams on; {directives} }} }} }}"
    ))
}

#[test]
fn a_stream_is_published_and_played_where_the_directory_says() {
    let there = other();
    let url = format!("rtmp://{}/there", there.rtmp());
    let directory = Backend::start(move |request| match request.field("call") {
        "publish" => Answer::Location(302, url.clone()),
        _ => Answer::Body(200, format!("{url}\n")),
    });
    let server = server(&format!("origin_lookup {};", directory.url("/where?token=s3cret")));
    let mut players = [Client::try_play(there.rtmp(), "there", "cam").unwrap()];
    let mut publisher = Client::publish(server.rtmp(), "cam?key=s3cret");
    there.wait_log("publish there/cam");
    let packets = video_only(0, 1000);
    assert_eq!(relay(&mut publisher, &mut players, &packets).remove(0), packets);

    let mut origin = Client::try_publish(there.rtmp(), "there", "cam2").unwrap();
    let mut players = [Client::play(server.rtmp(), "cam2")];
    there.wait_log("play there/cam2");
    assert_eq!(relay(&mut origin, &mut players, &packets).remove(0), packets);

    let requests = directory.requests();
    let asked =
        |field: &str| requests.iter().map(|request| request.field(field).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        (asked("call"), asked("name")),
        (vec!["publish".into(), "play".into()], vec!["cam".into(), "cam2".into()])
    );
    assert_eq!(
        (asked("app"), asked("addr")),
        (vec!["live"; 2].into_iter().map(String::from).collect(), vec!["127.0.0.1".to_owned(); 2])
    );
    assert!(
        requests.iter().all(|request| request.field("key").is_empty()),
        "what may be a secret is not told"
    );
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn a_directory_that_answers_404_leaves_the_stream_here_and_is_asked_again_later() {
    let directory = Backend::always(404);
    let server = server(&format!("origin_lookup {}; origin_lookup_cache 300ms;", directory.url("/")));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = [Client::play(server.rtmp(), "cam"), Client::play(server.rtmp(), "cam")];
    let packets = video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets.clone(), packets.clone()]);
    assert_eq!(directory.requests().len(), 1, "who plays a stream that is here needs no directory");
    let _waiting = [Client::play(server.rtmp(), "idle"), Client::play(server.rtmp(), "idle")];
    assert_eq!(directory.requests().len(), 2, "the answer is kept");
    std::thread::sleep(Duration::from_millis(350));
    let _later = Client::play(server.rtmp(), "idle");
    assert_eq!(directory.requests().len(), 3);
}

#[test]
fn players_of_one_stream_wait_for_one_answer() {
    let there = other();
    let url = format!("rtmp://{}/there", there.rtmp());
    let directory = Backend::start(move |_| {
        std::thread::sleep(Duration::from_millis(300));
        Answer::Body(200, url.clone())
    });
    let server = server(&format!("origin_lookup {}; origin_lookup_cache 0;", directory.url("/")));
    let address = server.rtmp();
    let players: Vec<_> = (0..4).map(|_| std::thread::spawn(move || Client::play(address, "cam"))).collect();
    let _players: Vec<_> = players.into_iter().map(|player| player.join().unwrap()).collect();
    there.wait_log("play there/cam");
    assert_eq!(directory.requests().len(), 1);
}

#[test]
fn without_an_answer_a_stream_is_refused_or_lives_here() {
    let away = format!("http://127.0.0.1:{}/?token=s3cret", free_port());
    let strict = server(&format!("origin_lookup {away};"));
    assert!(Client::try_publish(strict.rtmp(), "live", "cam").is_err());
    assert!(Client::try_play(strict.rtmp(), "live", "cam").is_err());
    strict.wait_log("streams are refused until it answers");
    let lenient = server(&format!("origin_lookup {away}; origin_lookup_on_error here;"));
    let _publisher = Client::publish(lenient.rtmp(), "cam");
    lenient.wait_log("streams are taken for those of here until it answers");
    assert!(!strict.log().contains("s3cret") && !lenient.log().contains("s3cret"));
    for (status, body) in [(500, ""), (200, "nonsense"), (200, "rtmp://other.example/live/s3cret")] {
        let directory = Backend::start(move |_| Answer::Body(status, body.to_owned()));
        let server = server(&format!("origin_lookup {}; relay_allow 127.0.0.1;", directory.url("/")));
        assert!(Client::try_publish(server.rtmp(), "live", "cam").is_err(), "{status} {body}");
        assert!(!server.log().contains("s3cret"), "{}", server.log());
    }
}

#[test]
fn servers_whom_the_directory_sends_to_each_other_end_the_circle() {
    let ports = [free_port(), free_port()];
    let directory = Backend::start(move |request| {
        let other = ports[usize::from(request.field("app") == "b")];
        Answer::Body(200, format!("rtmp://127.0.0.1:{other}/{}", if other == ports[0] { "b" } else { "a" }))
    });
    let start = |app: &str, port: u16| {
        Server::start(&format!(
            "rtmp {{ server {{ listen 127.0.0.1:{port}; application {app} {{ live on; idle_streams on; origin_lookup {}; }} }} }}",
            directory.url("/")
        ))
    };
    let (a, b) = (start("a", ports[1]), start("b", ports[0]));
    let _player = Client::try_play(a.rtmp(), "a", "cam").unwrap();
    b.wait_log("the directory names this very server, or one that takes the stream from here");
    assert_eq!(b.count_lines("the relay begins"), 1);
}

#[test]
fn the_directory_is_asked_about_the_variant_that_a_viewer_wants() {
    let directory = Backend::always(404);
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; hls on; hls_path hls; hls_variant _hi; \
         origin_lookup {}; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /hls {{ alias hls; }} }} }}",
        directory.url("/")
    ));
    let mut stream = std::net::TcpStream::connect(server.http()).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /hls/cam_hi.m3u8 HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert_eq!(directory.requests()[0].field("name"), "cam_hi");
}

#[test]
fn an_answer_of_no_use_is_told_as_one() {
    let directory = Backend::start(|_| Answer::Body(200, "rtmp://other.example/live".to_owned()));
    let server = server(&format!("origin_lookup {}; relay_allow 127.0.0.1;", directory.url("/")));
    assert!(Client::try_publish(server.rtmp(), "live", "cam").is_err());
    server.wait_log("to which \"relay_allow\" does not lead: such a stream is refused");
}

//! Players over HTTP and WebSocket: what they get, when it begins and when it ends, over plain TCP and over TLS.

use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::client::{FlvPlayer, OVER_ALL, Over};
use super::{expect_all, flv_configuration, flv_server, track};
use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::Connection;
use crate::common::media::{Packet, audio_only, both, video_only};
use crate::common::player::Client;
use crate::common::tls::certificates::{Certificates, HERE, Wanted};
use crate::common::tls::transport::Target;
use crate::common::{Server, wait};

#[test]
fn a_player_that_waits_gets_all_that_is_published_with_times_from_0() {
    for start in [0, 5_000_000, 0x7fff_ff00, 0xffff_fe00] {
        let server = flv_server("");
        let mut players = OVER_ALL.map(|over| FlvPlayer::play(&server, over, "cam"));
        let mut rtmp = Client::play(server.rtmp(), "cam");
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let packets = both(0, 2000);
        let mut sent = packets.clone();
        sent.iter_mut().for_each(|packet| packet.timestamp = packet.timestamp.wrapping_add(start));
        publisher.send_all(&sent);
        for player in &mut players {
            assert_eq!(player.flags(), 5);
            let received = player.media(packets.len());
            for kind in [8, 9] {
                assert_eq!(track(&received, kind), track(&packets, kind), "track {kind} from {start}");
            }
        }
        assert_eq!(rtmp.receive(packets.len()).len(), packets.len());
    }
}

#[test]
fn a_late_player_begins_with_metadata_headers_and_the_group_of_pictures() {
    let server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_metadata(160);
    let mut first = FlvPlayer::play(&server, Over::Chunks, "cam");
    let packets = both(0, 3000);
    publisher.send_all(&packets);
    let last = packets.len();
    let of_first = first.media(last);
    for over in OVER_ALL {
        let mut player = FlvPlayer::play(&server, over, "cam");
        assert_eq!(player.flags(), 5);
        let tags: Vec<_> = (0..4).map(|_| player.tag().unwrap()).collect();
        assert_eq!(tags[0].kind, 18, "metadata comes first");
        assert!(crate::common::flv::metadata(&tags[0]).get("width").is_some());
        assert!(tags[1..3].iter().all(|tag| tag.payload[1] == 0), "then both headers: {tags:?}");
        assert!(tags[3].is_key(), "then a picture that can be shown: {:?}", tags[3]);
        let times: Vec<_> = tags.iter().map(|tag| tag.timestamp).collect();
        assert_eq!(times, [0, times[3], times[3], times[3]], "headers have the time of the first picture");
        let group = of_first.iter().rposition(Packet::is_key).unwrap();
        let rest = player.media(last - group - 1);
        assert_eq!(rest, of_first[group + 1..], "{over:?}");
    }
}

#[test]
fn a_player_gets_sound_alone_and_picture_alone() {
    for (packets, flags) in [(audio_only(0, 2000), 4), (video_only(0, 2000), 1)] {
        let server = flv_server("");
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let mut early = FlvPlayer::play(&server, Over::Chunks, "cam");
        // What is missing is waited for, a second at most.
        let (first, last) = packets.split_at(packets.len() - 5);
        for part in first.chunks(first.len() / 13) {
            publisher.send_all(part);
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut late = FlvPlayer::play(&server, Over::WebSocket, "cam");
        publisher.send_all(last);
        publisher.finish();
        for (player, least) in [(&mut early, packets.len() / 4), (&mut late, 6)] {
            assert_eq!(player.flags(), flags);
            let received: Vec<_> = player.rest().into_iter().filter(|tag| tag.kind != 18).collect();
            assert!(received.len() >= least && received.iter().all(|tag| tag.kind == packets[0].kind));
            let (last, sent) = (received.last().unwrap(), packets.last().unwrap());
            assert_eq!((&last.payload, last.timestamp), (&sent.payload, sent.timestamp));
            player.expect_end();
        }
    }
}

#[test]
fn the_end_of_the_stream_ends_the_answer() {
    let server = flv_server("");
    let mut players = OVER_ALL.map(|over| FlvPlayer::play(&server, over, "cam"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = both(0, 1000);
    publisher.send_all(&packets);
    publisher.finish();
    for player in &mut players {
        let tags = player.rest();
        assert_eq!(tags.iter().filter(|tag| tag.kind != 18).count(), packets.len());
        player.expect_end();
    }
    server.expect_lines("stops playing live/cam", 3);
}

#[test]
fn a_lost_publisher_is_waited_for_and_the_answer_goes_on() {
    let server = flv_server("publish_grace 10s;");
    let mut player = FlvPlayer::play(&server, Over::Chunks, "cam");
    let mut socket = FlvPlayer::play(&server, Over::WebSocket, "cam");
    let packets = both(0, 1000);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    expect_all(&mut publisher, &mut player, &packets);
    drop(publisher);
    server.wait_log("the name is kept for 10 s");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets);
    for (player, before) in [(&mut player, 0), (&mut socket, packets.len())] {
        player.media(before);
        let received = player.media(packets.len());
        let times: Vec<_> = track(&received, 9).iter().map(|packet| packet.timestamp).collect();
        assert!(times.is_sorted() && times[0] > packets.last().unwrap().timestamp, "{times:?}");
    }
    publisher.finish();
    player.expect_end();
    socket.expect_end();
}

#[test]
fn without_a_publisher_a_player_waits_or_is_told() {
    let server = flv_server("idle_streams off;");
    for over in OVER_ALL {
        let mut player = FlvPlayer::open(server.http(), over, "/live/cam.flv");
        assert_eq!(player.status, 404);
        assert!(player.text().contains("nobody publishes this stream"), "{over:?}");
    }
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    let mut player = FlvPlayer::play(&server, Over::Chunks, "cam");
    assert_eq!(player.flags(), 5);
    drop(publisher);
    player.rest();
    player.expect_end();

    let server = flv_server("idle_streams on;");
    let begun = Instant::now();
    let mut players = OVER_ALL.map(|over| FlvPlayer::play(&server, over, "cam"));
    assert!(begun.elapsed() < Duration::from_secs(5), "the head comes at once");
    assert!(players.iter_mut().all(|player| player.is_silent(Duration::from_millis(50))));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    players.iter_mut().for_each(|player| assert_eq!(player.flags(), 5));
}

#[test]
fn a_connection_may_play_after_other_requests() {
    let server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    let mut connection = Connection::open(server.http());
    assert_eq!(connection.get("/told/status").status, 200);
    assert_eq!(connection.get("/nothing").status, 404);
    let stream = connection.stream().try_clone().unwrap();
    let target = Target::from(server.http());
    let mut player = FlvPlayer::over(stream, &target, Over::Chunks, "/live/cam.flv", "");
    player.expect_granted();
    assert_eq!(player.flags(), 5);
}

#[test]
fn a_client_that_leaves_is_noticed_at_once_however_it_leaves() {
    let server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    let mut left = 0;
    for (over, how) in [
        (Over::Chunks, Shutdown::Both),
        (Over::WebSocket, Shutdown::Both),
        (Over::Close, Shutdown::Write),
        (Over::WebSocket, Shutdown::Write),
    ] {
        let mut player = FlvPlayer::play(&server, over, "cam");
        player.flags();
        player.stream().shutdown(how).unwrap();
        left += 1;
        server.wait_lines("stops playing live/cam", left);
        // Nothing is published meanwhile: nothing else shows it.
        drop(player);
    }
    // One that waits for a publisher.
    let player = FlvPlayer::play(&server, Over::Chunks, "none");
    drop(player);
    server.wait_log("stops playing live/none");
}

#[test]
fn streams_go_over_https_and_wss() {
    let certificates = Certificates::empty();
    certificates.sign(&Wanted::new("server", HERE));
    let configuration = flv_configuration("", "").replace(
        "http { server { listen 127.0.0.1:0;",
        &format!("http {{ server {{ listen 127.0.0.1:0 ssl; {}", certificates.directives("server")),
    );
    let server = Server::start(&configuration);
    let target = Target::tls(server.addresses("HTTPS")[0], &certificates);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = both(0, 2000);
    let mut players = OVER_ALL.map(|over| FlvPlayer::open(&target, over, "/live/cam.flv"));
    publisher.send_all(&packets);
    for player in &mut players {
        player.expect_granted();
        assert_eq!(player.flags(), 5);
        let received = player.media(packets.len());
        for kind in [8, 9] {
            assert_eq!(track(&received, kind), track(&packets, kind));
        }
    }
    publisher.finish();
    players.iter_mut().for_each(FlvPlayer::expect_end);
}

#[test]
fn a_player_begins_the_pull_of_an_edge() {
    let origin = flv_server("");
    let packets = both(0, 2000);
    let mut publisher = Client::publish(origin.rtmp(), "cam");
    for over in [Over::Chunks, Over::WebSocket] {
        let edge =
            flv_server(&format!("idle_streams off; pull rtmp://{}/live; pull_linger 0;", origin.rtmp()));
        let mut player = FlvPlayer::play(&edge, over, "cam");
        publisher.send_all(&packets[..10]);
        edge.wait_log("the relay runs");
        assert_eq!(player.flags(), 5);
        publisher.send_all(&packets[10..]);
        let last = packets.last().unwrap();
        while player.media(1)[0].payload != last.payload {}
        drop(player);
        wait("the pull ends", || {
            !edge.lines("live/cam <- ").iter().all(|line| line.ends_with("the relay runs"))
        });
    }
}

/// The players of one test in one process.
const MANY: usize = 2000;

#[test]
fn two_thousand_players_get_every_tag() {
    let server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = both(0, 1000);
    publisher.send_all(&packets[..10]);
    let overs = [Over::Chunks, Over::WebSocket];
    let open = |over| {
        FlvPlayer::over(
            TcpStream::connect(server.http()).unwrap(),
            &server.http().into(),
            over,
            "/live/cam.flv",
            "",
        )
    };
    let mut players: Vec<_> = (0..MANY).map(|number| open(overs[number % 2])).collect();
    publisher.send_all(&packets[10..]);
    publisher.finish();
    for player in &mut players {
        player.expect_granted();
        let tags = player.rest();
        let media: Vec<_> = tags.into_iter().filter(|tag| tag.kind != 18).map(|tag| tag.payload).collect();
        assert_eq!(media.len(), packets.len());
        assert!(media.iter().zip(&packets).all(|(got, sent)| *got == sent.payload));
        player.expect_end();
    }
    drop(players);
    wait("all connections are closed", || server.descriptors() < 60);
}

/// FFmpeg takes metadata at another time than 0 for the first of many texts, and a file would wait for the next one.
#[test]
fn ffmpeg_copies_a_stream_that_runs_into_a_file() {
    let server = flv_server("");
    let rtmp = format!("rtmp://{}/live/cam", server.rtmp());
    let source = ffmpeg::source(Tracks::Both, 60);
    let mut publisher = ffmpeg::spawn(ffmpeg::command().arg("-re").args(source).arg(&rtmp));
    let mut first = FlvPlayer::play(&server, Over::Chunks, "cam");
    first.media(100);
    for url in [rtmp, format!("http://{}/live/cam.flv", server.http())] {
        let file = server.folder.join("copy.mkv");
        ffmpeg::run(ffmpeg::command().args(["-i", &url, "-t", "1", "-c", "copy"]).arg(&file));
        assert!(std::fs::metadata(&file).unwrap().len() > 5000, "{url}");
        ffmpeg::decode(file.to_str().unwrap());
    }
    publisher.kill().unwrap();
    publisher.wait().unwrap();
}

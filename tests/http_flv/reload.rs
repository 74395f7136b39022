//! Changes beneath players over HTTP and WebSocket: a reload, another publisher, the end of the server.

use std::time::Duration;

use super::client::{FlvPlayer, Over};
use super::{expect_all, flv_configuration, flv_server, track};
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{SOON, Server};
use nix::sys::signal::Signal;

const OVER_BOTH: [Over; 2] = [Over::Chunks, Over::WebSocket];

/// Sends packets, and checks that each player gets both tracks of them.
fn go_on(publisher: &mut Client, players: &mut [FlvPlayer], packets: &[crate::common::media::Packet]) {
    publisher.send_all(packets);
    for player in players {
        let received = player.media(packets.len());
        for kind in [8, 9] {
            assert_eq!(track(&received, kind), track(packets, kind));
        }
    }
}

#[test]
fn a_reload_interrupts_no_player() {
    let text = |app: &str, location: &str| format!("pid off; {}", flv_configuration(app, location));
    let server = Server::start(&flv_configuration("", ""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "cam"));
    let packets = both(0, 4000);
    let mut parts = packets.chunks(40);
    go_on(&mut publisher, &mut players, parts.next().unwrap());
    let ports = [server.rtmp(), server.http()].map(|address| address.to_string());
    let fixed = |text: String| {
        let mut ports = ports.iter();
        let mut parts = text.split("127.0.0.1:0");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| text + ports.next().unwrap() + part)
    };
    for (number, (app, location)) in
        [("", ""), ("deny play all;", ""), ("max_connections 1;", ""), ("", "flv_live off;")]
            .into_iter()
            .enumerate()
    {
        let text = fixed(text(app, location)).replace("flv_live on; flv_live off;", "flv_live off;");
        server.reload(&text, number + 1);
        go_on(&mut publisher, &mut players, parts.next().unwrap());
    }
    assert_eq!(FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.flv").status, 404);
    publisher.finish();
    players.iter_mut().for_each(FlvPlayer::expect_end);
}

#[test]
fn the_end_of_the_application_ends_its_players_with_a_reason() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } application other { live on; } } }
         http { server { listen 127.0.0.1:0; location / { flv_live on; } } }",
    );
    let ports = [server.rtmp(), server.http()];
    let mut publisher = Client::try_publish(server.rtmp(), "other", "cam").unwrap();
    let mut players = OVER_BOTH.map(|over| FlvPlayer::open(server.http(), over, "/other/cam.flv"));
    publisher.send_all(&both(0, 1000));
    players.iter_mut().for_each(|player| drop(player.media(5)));
    server.reload(
        &format!(
            "pid off; rtmp {{ server {{ listen {}; application live {{ live on; }} }} }}
             http {{ server {{ listen {}; location / {{ flv_live on; }} }} }}",
            ports[0], ports[1]
        ),
        1,
    );
    for player in &mut players {
        player.stream().set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        player.rest();
    }
    assert_eq!(FlvPlayer::open(server.http(), Over::Chunks, "/other/cam.flv").status, 404);
}

#[test]
fn another_publisher_that_takes_over_continues_the_answer() {
    let server = flv_server("publish_conflict replace;");
    let mut first = Client::publish(server.rtmp(), "cam");
    let mut players = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "cam"));
    let packets = both(0, 1000);
    expect_all(&mut first, &mut players[0], &packets);
    players[1].media(packets.len());
    let mut second = Client::publish(server.rtmp(), "cam");
    second.send_all(&packets);
    for player in &mut players {
        let received = player.media(packets.len());
        let times: Vec<_> = track(&received, 9).iter().map(|packet| packet.timestamp).collect();
        assert!(times.is_sorted() && times[0] > packets.last().unwrap().timestamp, "{times:?}");
        let payloads = |packets: Vec<crate::common::media::Packet>| {
            packets.into_iter().map(|packet| packet.payload).collect::<Vec<_>>()
        };
        assert_eq!(payloads(track(&received, 9)), payloads(track(&packets, 9)));
    }
    second.finish();
    players.iter_mut().for_each(FlvPlayer::expect_end);
}

#[test]
fn the_stop_of_the_server_ends_answers_as_the_end_of_the_stream_does() {
    let mut server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "cam"));
    let mut waits = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "none"));
    publisher.send_all(&both(0, 1000));
    players.iter_mut().for_each(|player| drop(player.media(10)));
    server.signal(Signal::SIGTERM);
    for player in players.iter_mut().chain(&mut waits) {
        player.rest();
        assert!(
            player.close.as_ref().is_none_or(|(code, _)| matches!(code, 1000 | 1001)),
            "{:?}",
            player.close
        );
    }
    assert!(server.wait_exit(SOON).success());
}

#[test]
fn a_server_that_drains_lets_players_see_the_stream_to_its_end() {
    let mut server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "cam"));
    let mut waits = FlvPlayer::play(&server, Over::Chunks, "none");
    let packets = both(0, 2000);
    go_on(&mut publisher, &mut players, &packets[..10]);
    server.signal(Signal::SIGQUIT);
    waits.rest();
    go_on(&mut publisher, &mut players, &packets[10..]);
    publisher.finish();
    players.iter_mut().for_each(FlvPlayer::expect_end);
    drop(publisher);
    assert!(server.wait_exit(SOON).success());
}

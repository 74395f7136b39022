//! Encoders that come back, or take another's place: players, recordings and HLS go on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::time::Duration;

use crate::common::flv;
use crate::common::media::{self, Packet};
use crate::common::player::{Client, relay};
use crate::common::{Server, wait};

const OUTPUTS: &str =
    "record all; record_path FOLDER/rec; hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s;
    hls_playlist_length 60s;";

/// The packets of a track, as if they had begun at 0.
fn from_zero(packets: &[Packet], kind: u8) -> Vec<Packet> {
    let mut track = media::track(packets, kind);
    let start = track[0].timestamp;
    track.iter_mut().for_each(|packet| packet.timestamp -= start);
    track
}

/// Publishes twice, the second time after what `between` does to the first publisher, and checks every
/// output over the change.
fn go_on_over(directives: &str, between: impl FnOnce(Client)) {
    let server = Server::live(&format!("{directives} {OUTPUTS}"));
    let mut players = [Client::play(server.rtmp(), "cam")];
    let packets = media::both(0, 3000);
    let mut first = Client::publish(server.rtmp(), "cam");
    let before = relay(&mut first, &mut players, &packets).remove(0);
    between(first);
    let mut second = Client::publish(server.rtmp(), "cam");
    let after = relay(&mut second, &mut players, &packets).remove(0);
    second.finish();

    for kind in [8, 9] {
        assert_eq!(media::track(&before, kind), media::track(&packets, kind));
        assert_eq!(from_zero(&after, kind), media::track(&packets, kind));
        let (last, next) = (media::track(&before, kind), media::track(&after, kind));
        assert!(last[last.len() - 1].timestamp < next[0].timestamp, "track {kind} goes back");
    }

    let (recorded, _) = flv::parse(&fs::read(server.folder.join("rec/cam.flv")).unwrap());
    let media = recorded.iter().filter(|tag| tag.kind != 18);
    assert_eq!(media.count(), 2 * packets.len(), "one file with all of both");
    assert_eq!(fs::read_dir(server.folder.join("rec")).unwrap().count(), 1);

    let playlist = || fs::read_to_string(server.folder.join("hls/cam.m3u8")).unwrap_or_default();
    wait("the playlist ends", || playlist().contains("#EXT-X-ENDLIST"));
    assert_eq!(playlist().matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{}", playlist());
    server.expect_lines("publish live/cam, and goes on with it", 1);
}

#[test]
fn an_encoder_that_lost_its_network_continues_its_stream() {
    go_on_over("publish_grace 10s;", |first| {
        drop(first);
        std::thread::sleep(Duration::from_millis(200));
    });
}

#[test]
fn an_encoder_that_hangs_is_replaced_by_the_one_that_comes() {
    let mut hanging = None;
    go_on_over("publish_conflict replace_idle 200ms;", |first| {
        hanging = Some(first);
        std::thread::sleep(Duration::from_millis(300));
    });
    assert_eq!(hanging.unwrap().receive_rest(), [], "and is hung up on");
}

#[test]
fn an_encoder_that_does_not_come_back_is_waited_for_no_longer_than_told() {
    let server = Server::live(&format!("publish_grace 300ms; {OUTPUTS}"));
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::video_only(0, 2000);
    publisher.send_all(&packets);
    assert_eq!(player.receive(packets.len()), packets);
    drop(publisher);
    server.wait_log("the connection was lost, and the name is kept for 0.3 s");
    server.wait_log("nobody goes on with live/cam");
    let playlist = || fs::read_to_string(server.folder.join("hls/cam.m3u8")).unwrap_or_default();
    wait("the playlist ends", || playlist().contains("#EXT-X-ENDLIST"));
}

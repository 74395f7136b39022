//! Timestamps that go over the turns of their 24 and 32 bits: players, recordings and HLS notice nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use crate::common::flv;
use crate::common::media::{self, Packet};
use crate::common::player::{Client, relay};
use crate::common::{Server, wait};

/// Half a GOP before a turn of 32 bits, and of the 24 from which on timestamps are extended.
const EDGES: [u32; 2] = [0xffff_f000, 0x00ff_f000];

/// Eight seconds with their times shifted, as RTMP shifts them.
fn shifted(by: u32) -> Vec<Packet> {
    let mut packets = media::both(0, 8000);
    packets.iter_mut().for_each(|packet| packet.timestamp = packet.timestamp.wrapping_add(by));
    packets
}

#[test]
fn players_get_every_packet_with_its_time() {
    for edge in EDGES {
        let server = Server::live("");
        let mut players = [Client::play(server.rtmp(), "cam")];
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let packets = shifted(edge);
        let received = relay(&mut publisher, &mut players, &packets);
        for kind in [8, 9] {
            assert_eq!(media::track(&received[0], kind), media::track(&packets, kind), "{edge:#x}");
        }
        assert!(!server.log().contains("jumps"));
    }
}

#[test]
fn a_recording_and_hls_go_on_without_a_break() {
    for edge in EDGES {
        let server = Server::live(
            "record all; record_path FOLDER/rec; hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 2s; hls_playlist_length 60s;",
        );
        let mut publisher = Client::publish(server.rtmp(), "cam");
        let packets = shifted(edge);
        publisher.send_all(&packets);
        publisher.finish();

        let (recorded, _) = flv::parse(&fs::read(server.folder.join("rec/cam.flv")).unwrap());
        let times: Vec<_> = recorded.iter().filter(|tag| tag.kind != 18).map(|tag| tag.timestamp).collect();
        let expected: Vec<_> = packets.iter().map(|packet| packet.timestamp.wrapping_sub(edge)).collect();
        assert_eq!(times, expected, "{edge:#x}: from 0 on");

        let playlist = server.folder.join("hls/cam.m3u8");
        let text = || fs::read_to_string(&playlist).unwrap_or_default();
        wait("the playlist ends", || text().contains("#EXT-X-ENDLIST"));
        assert!(!text().contains("DISCONTINUITY"), "{edge:#x}: {}", text());
        let durations = text();
        let durations = durations
            .lines()
            .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse::<f64>().ok());
        let total: f64 = durations.sum();
        assert!((total - 8.0).abs() < 0.1, "{edge:#x}: {total} s");
    }
}

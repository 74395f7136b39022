//! Scene switchers: what NOALBS shows while an encoder is live, slow, lost and back.

use std::time::{Duration, Instant};

use super::consumers::{Scene, noalbs};
use super::get;
use crate::common::ffmpeg::{self, Tracks};
use crate::common::player::Client;
use crate::common::{Server, until, wait};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; publish_grace 20s; } }
           server { listen 127.0.0.1:0; application other { live on; } } }
    http { server { listen 127.0.0.1:0; location /stat { rtmp_stat all; } } }";

fn scene(server: &Server) -> Scene {
    noalbs(&get(server.http(), "/stat"), "live", "cam")
}

#[test]
fn a_scene_switcher_sees_an_encoder_live_silent_lost_and_back_in_its_grace() {
    let server = Server::start(CONFIGURATION);
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 10);
    assert_eq!(scene(&server), Scene::Offline);
    let mut encoder = Client::publish(server.rtmp(), "cam");
    // A player keeps the stream in the document after the encoder is lost.
    let _player = Client::play(server.rtmp(), "cam");
    assert_eq!(scene(&server), Scene::Offline, "there is no media yet");
    let mut sent = 0;
    let mut send_until = |encoder: &mut Client, what: &str, is_it: &dyn Fn(Scene) -> bool| {
        until(what, Duration::from_secs(20), || {
            // In time, as an encoder does.
            let begun = Instant::now();
            encoder.send_all(&packets[sent..sent + 6]);
            sent += 6;
            std::thread::sleep(Duration::from_millis(80).saturating_sub(begun.elapsed()));
            is_it(scene(&server)).then_some(())
        });
    };
    send_until(&mut encoder, "a bit rate", &|scene| matches!(scene, Scene::Live(1..)));
    // An encoder that sends nothing for three seconds keeps its scene.
    wait("the bit rate is 0", || scene(&server) == Scene::Previous);
    drop(encoder);
    wait("the encoder is lost", || {
        !server.lines("waits for its publisher").is_empty() || scene(&server) == Scene::Offline
    });
    until("the scene changes at once", Duration::from_secs(2), || {
        (scene(&server) == Scene::Offline).then_some(())
    });
    let document = get(server.http(), "/stat");
    assert!(document.contains("<name>cam</name>") && !document.contains("publishing/"), "{document}");
    let mut encoder = Client::publish(server.rtmp(), "cam");
    send_until(&mut encoder, "live again", &|scene| matches!(scene, Scene::Live(1..)));
}

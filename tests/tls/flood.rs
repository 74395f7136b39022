//! A thousand handshakes at once.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::{client, connect, https, records, server};
use crate::common::is_done_within;
use crate::common::media;
use crate::common::player::Client;
use crate::common::tls::certificates::Certificates;

const CLIENTS: usize = 1000;

/// The longest time that a frame may need meanwhile.
const LIMIT: Duration = Duration::from_millis(20);

#[test]
fn a_thousand_handshakes_at_once_delay_no_frame() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    publisher.send(&media::video_frame(0, true, 2000));
    player.receive(2);
    let mut time = 0;
    is_done_within(LIMIT, || {
        let hello = records(&mut client(&certificates, "localhost"));
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(https(&server))).collect();
        let flood = thread::spawn(move || {
            for tcp in &mut clients {
                tcp.write_all(&hello).unwrap();
            }
            for tcp in &mut clients {
                tcp.read_exact(&mut [0; 100]).expect("it is answered");
            }
        });
        let mut longest = Duration::ZERO;
        while !flood.is_finished() {
            time += 5;
            let sent = Instant::now();
            publisher.send(&media::video_frame(time, false, 800));
            player.receive(1);
            longest = longest.max(sent.elapsed());
            thread::sleep(Duration::from_millis(2));
        }
        flood.join().unwrap();
        longest
    });
}

//! Recorders are started and stopped while streams run.

use super::{ask, publish};
use crate::common::ffmpeg::{self, Strictness};
use crate::common::{Server, wait};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0; application live {
        live on; record all manual; record_path FOLDER/rec; record_suffix -%Y%m%d-%H%M%S.flv;
        recorder always { record all; record_suffix -always.flv; } } } }
    http { server { listen 127.0.0.1:0; location /control { rtmp_control record; } } }";

/// Starts or stops a recorder; the name of the file in the answer.
fn record(server: &Server, target: &str) -> Option<String> {
    let folder = format!("200 {}/rec/", server.folder.display());
    let answer = ask(server.http(), &format!("/control/record/{target}"));
    match answer.strip_prefix(&folder) {
        Some(name) => Some(name.to_owned()),
        None => {
            assert_eq!(answer, "204", "{target}");
            None
        }
    }
}

#[test]
fn the_answer_names_the_file_which_can_be_played_when_it_is_stopped() {
    let server = Server::start(CONFIGURATION);
    let _publisher = publish(server.rtmp(), "live/cam");
    server.wait_log("publish live/cam");
    let name = record(&server, "start?app=live&name=cam").unwrap();
    assert!(server.folder.join("rec").join(&name).exists(), "{name}");
    assert!(name.starts_with("cam-20") && name.len() == "cam-20260102-030405.flv".len(), "{name}");
    assert_eq!(record(&server, "start?app=live&name=cam"), None);
    let file = server.folder.join("rec").join(&name);
    wait("something is recorded", || file.metadata().unwrap().len() > 40_000);
    assert_eq!(record(&server, "stop?app=live&name=cam"), Some(name));
    server.wait_log("is finished");
    let frames = ffmpeg::frames(file.to_str().unwrap(), Strictness::Explode);
    assert!(frames.pictures[0].0 >= 25 && frames.sound >= 25, "{frames:?}");
    assert_eq!(record(&server, "stop?app=live&name=cam"), None);
}

#[test]
fn an_automatic_recorder_stays_stopped_until_it_is_started_again() {
    let server = Server::start(CONFIGURATION);
    let _publisher = publish(server.rtmp(), "live/cam");
    server.wait_log("is recorded to");
    let file = |name: &str| server.folder.join("rec").join(name);
    assert_eq!(record(&server, "stop?name=cam&rec=always").as_deref(), Some("cam-always.flv"));
    server.wait_log("is finished");
    let length = file("cam-always.flv").metadata().unwrap().len();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(file("cam-always.flv").metadata().unwrap().len(), length);
    assert!(!file("cam.1-always.flv").exists());
    assert_eq!(record(&server, "start?name=cam&rec=always").as_deref(), Some("cam.1-always.flv"));
    assert!(file("cam.1-always.flv").exists());
}

#[test]
fn a_file_that_cannot_be_made_is_a_500_with_the_reason_in_the_log() {
    let server = Server::start(
        &CONFIGURATION.replace("recorder always { record all;", "recorder always { record off;"),
    );
    let _publisher = publish(server.rtmp(), "live/cam");
    server.wait_log("publish live/cam");
    server.folder.write("rec", "no folder");
    assert_eq!(ask(server.http(), "/control/record/start?name=cam"), "500");
    let line = server.wait_log("record start name=cam: ");
    assert!(line.contains("rec"), "{line}");
    assert_eq!(ask(server.http(), "/control/record/start?name=cam&rec=always"), "500");
    server.wait_log("there is no such recorder");
}

//! Pushes to servers by hand that answer as those of the large services do, and what the log says of refusals.

use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;

use super::other::Other;
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Folder, Server};

/// The end of a push URL that nobody may see.
const KEY: &str = "abcd-1234-efgh-5678";

/// A server that pushes `live` with these directives.
fn pushing(directives: &str) -> Server {
    Server::live(&format!("push_reconnect 100ms; {directives}"))
}

/// Nothing that the server has told shows the key.
fn expect_no_key(server: &Server) {
    assert!(!server.log().contains(KEY), "{}", server.log());
}

/// Metadata, headers, two groups of pictures.
fn publish_something(server: &Server) -> Client {
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_metadata(160);
    publisher.send_all(&media::both(0, 1000));
    publisher
}

#[test]
fn a_push_to_youtube_says_what_its_documentation_asks_for() {
    let other = Other::new();
    let server = pushing(&format!("push rtmp://{}/live2/{KEY};", other.address()));
    let _publisher = publish_something(&server);
    let mut guest = other.connecting();
    assert_eq!(guest.connect.str("app"), Some("live2"));
    let url = format!("rtmp://{}/live2", other.address());
    assert_eq!(guest.connect.str("tcUrl"), Some(url.as_str()));
    assert_eq!(guest.connect.str("type"), Some("nonprivate"));
    // Window, bandwidth and chunk size come before the result.
    guest.raw.send(MessageType::WindowAcknowledgementSize, 0, 0, &2_500_000_u32.to_be_bytes());
    guest.raw.send(MessageType::SetPeerBandwidth, 0, 0, &[0, 0x26, 0x25, 0xa0, 2]);
    guest.raw.send(MessageType::SetChunkSize, 0, 0, &256_u32.to_be_bytes());
    guest.raw.chunk_size = 256;
    guest.grant_connect();
    assert_eq!(guest.await_publish(), KEY);
    guest.raw.send(MessageType::UserControl, 0, 0, &[0, 0, 0, 0, 0, 1]);
    guest.status(1, "status", "NetStream.Publish.Start", "Started publishing stream.");
    let metadata = guest.raw.message_of(MessageType::DataAmf0);
    let values = amf0::decode(metadata.payload()).unwrap();
    assert_eq!(values[..2], ["@setDataFrame".into(), "onMetaData".into()]);
    let packets = guest.packets(10);
    assert!(packets[..2].iter().all(media::Packet::is_header), "{packets:?}");
    assert!(packets[2..].iter().find(|packet| packet.kind == 9).unwrap().is_key(), "{packets:?}");
    expect_no_key(&server);
}

#[test]
fn a_push_to_twitch_answers_its_bandwidth_test() {
    let other = Other::new();
    let server = pushing(&format!("push rtmp://{}/app/live_123_{KEY};", other.address()));
    let _publisher = publish_something(&server);
    let mut guest = other.connected();
    guest.raw.command("onBWDone", 0.0, 0, &[Value::Null, 8192.0.into()]);
    assert_eq!(guest.await_publish(), format!("live_123_{KEY}"));
    guest.notice("onFCPublish", "NetStream.Publish.Start");
    guest.status(1, "status", "NetStream.Publish.Start", "Stream is now published");
    assert!(guest.packets(3)[..2].iter().all(media::Packet::is_header));
    expect_no_key(&server);
}

#[test]
fn a_push_to_facebook_goes_over_tls_with_the_query_in_the_stream_s_name() {
    let other = Other::over_tls();
    let trusted = other.certificates().authority();
    let name = format!("FB-1-0-{KEY}?s_bl=1&s_ps=1&s_sw=0&s_vt=api-s&a={KEY}");
    let server = pushing(&format!(
        "ssl_trusted_certificate {}; push rtmps://{}/rtmp/{name};",
        trusted.display(),
        other.address()
    ));
    let _publisher = publish_something(&server);
    let (mut guest, published) = other.published();
    assert_eq!(published, name);
    assert_eq!(guest.connect.str("app"), Some("rtmp"));
    assert!(guest.packets(3)[..2].iter().all(media::Packet::is_header));
    expect_no_key(&server);
}

#[test]
fn a_refusal_is_logged_with_its_code_and_without_the_key() {
    let other = Other::new();
    let server = pushing(&format!("push rtmp://{}/app/{KEY};", other.address()));
    let _publisher = publish_something(&server);
    let mut guest = other.connected();
    guest.await_publish();
    guest.status(1, "error", "NetStream.Publish.BadName", &format!("{KEY} is in use"));
    let line = server.wait_log("NetStream.Publish.BadName");
    assert!(line.contains("live/cam -> 127.0.0.1") && line.contains("*** is in use"), "{line}");
    // It is tried again, and then runs.
    let (mut guest, _) = other.published();
    assert!(guest.packets(3)[..2].iter().all(media::Packet::is_header));
    expect_no_key(&server);
}

#[test]
fn a_push_to_a_server_with_adobe_s_authentication_has_its_user_and_password() {
    let folder = Folder::new();
    folder.write("users", "ann:{PLAIN}s3cret\n");
    let origin = Server::start_in(
        folder,
        "pid off; rtmp { server { listen 127.0.0.1:0; application app { live on; publish_user_file FOLDER/users adobe; } } }",
    );
    let wrong = pushing(&format!("push rtmp://ann:wrong-password@{}/app;", origin.rtmp()));
    let _first = publish_something(&wrong);
    wrong.wait_log("does not take the user's password");
    assert!(!wrong.log().contains("wrong-password"), "{}", wrong.log());
    let mut player = Client::try_play(origin.rtmp(), "app", "cam").unwrap();
    let right = pushing(&format!("push rtmp://ann:s3cret@{}/app;", origin.rtmp()));
    let _second = publish_something(&right);
    assert!(player.receive(1)[0].is_header());
    assert!(!right.log().contains("s3cret"), "{}", right.log());
}

#[test]
fn a_server_that_asks_to_reconnect_is_followed_without_a_gap() {
    let (first, second) = (Other::new(), Other::new());
    let server = pushing(&format!("push rtmp://{}/app/{KEY};", first.address()));
    let mut publisher = publish_something(&server);
    let (mut guest, _) = first.published();
    guest.packets(10);
    let url = format!("rtmp://{}/app", second.address());
    let info = Object::default()
        .with("level", "status")
        .with("code", "NetConnection.Connect.ReconnectRequest")
        .with("tcUrl", url.as_str());
    guest.raw.command("onStatus", 0.0, 0, &[Value::Null, Value::Object(info)]);
    let (mut moved, name) = second.published();
    assert_eq!(name, KEY);
    publisher.send_all(&media::both(1000, 2000));
    let packets = moved.packets(5);
    assert!(packets[..2].iter().all(media::Packet::is_header), "{packets:?}");
    assert_eq!(packets[0].timestamp, 0, "times begin anew with each connection");
    let last = guest.last_commands();
    assert!(last.ends_with(&["FCUnpublish".to_owned(), "deleteStream".to_owned()]), "{last:?}");
    expect_no_key(&server);
}

#[test]
fn the_end_of_a_stream_is_said_to_its_targets() {
    let other = Other::new();
    let server = pushing(&format!("push rtmp://{}/app/{KEY};", other.address()));
    let mut publisher = publish_something(&server);
    let (mut guest, _) = other.published();
    guest.packets(3);
    publisher.finish();
    let last = guest.last_commands();
    assert!(last.ends_with(&["FCUnpublish".to_owned(), "deleteStream".to_owned()]), "{last:?}");
}

//! What others are told of players of files: backends, statistics, the log.

use super::client::{ALL, Player};
use super::{clip, server_with};
use crate::common::backend::{Answer, Backend};
use crate::common::{SOON, http, until};

#[test]
fn a_backend_is_asked_and_told_with_the_canonical_name() {
    let backend = Backend::start(|request| match request.field("name") {
        "room~refused" => Answer::Status(403),
        _ => Answer::Status(200),
    });
    let directives = format!("on_play {0}; on_play_done {0}; on_done {0};", backend.url("/"));
    let clip = clip(1);
    let server = server_with(&directives, &[("room/cam.flv", &clip), ("room/refused.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play("flv:room/refused", &[]);
    while let Some(heard) = player.try_next() {
        assert!(heard.packet().is_none());
        if heard.word().is_some_and(|word| word.contains("Fail") || word.contains("NotFound")) {
            break;
        }
    }
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play("flv:room/cam?a=1", &[500.0.into(), 2000.0.into(), true.into()]);
    player.hear_until("Play.Stop");
    // It could still go back in the file.
    player.close();
    let calls = backend.wait_for(|requests| requests.len() >= 4);
    let calls: Vec<_> =
        calls.iter().map(|call| (call.field("call").to_owned(), call.field("name").to_owned())).collect();
    let call = |call: &str, name: &str| (call.to_owned(), name.to_owned());
    assert_eq!(calls[..2], [call("play", "room~refused"), call("play", "room~cam")]);
    assert!(calls[2..].contains(&call("play_done", "room~cam")), "{calls:?}");
    let asked = &backend.requests()[1];
    assert_eq!(
        [asked.field("start"), asked.field("duration"), asked.field("reset"), asked.field("a")],
        ["500", "2000", "1", "1"]
    );
}

#[test]
fn statistics_list_a_file_with_its_players() {
    let server = server_with("", &[("cam.flv", &clip(20))]);
    let mut players = [(); 2].map(|()| Player::connect(server.rtmp(), "vod", Some(100)));
    for player in &mut players {
        player.play("cam", &[]);
        player.packets(20);
    }
    let document = until("both are listed", SOON, || {
        let text = http::get(server.http(), "/stat").text();
        (text.matches("<client>").count() == 2).then_some(text)
    });
    assert!(document.contains("<name>cam</name>"), "{document}");
    assert!(document.contains("<play>"), "{document}");
    for element in ["bytes_in", "bw_in", "bytes_out", "bw_out", "time"] {
        let stream = document.split("<stream>").nth(1).unwrap();
        assert!(stream.contains(&format!("<{element}>")), "{element}: {document}");
    }
    drop(players);
    until("they are gone", SOON, || {
        (!http::get(server.http(), "/stat").text().contains("<stream>")).then_some(())
    });
}

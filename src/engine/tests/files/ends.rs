//! How plays of files end: by reloads, by operators, with the server, and by faults of it.

use super::*;

#[test]
fn a_reload_that_takes_the_files_away_ends_their_plays_after_the_grace() {
    let mut theatre = Theatre::new("live on; FILES");
    theatre.write("long.flv", &film(60));
    let mut client = theatre.play("long", &[]);
    let waiting = theatre.play("none", &[]);
    theatre.reload("", "live on;");
    let mut late = theatre.play("long", &[]);
    assert_eq!(theatre.news(&mut late), ["Play.Start"], "it waits for a publisher");
    theatre.watch(&mut client, 9000);
    assert!(theatre.world.is_open(client.id));
    theatre.world.pass(2);
    assert_eq!(theatre.news(&mut client), ["StreamEof(1)", "Play.Stop"]);
    assert!(!theatre.world.is_open(client.id) && theatre.world.is_open(waiting.id));
    assert_eq!(theatre.played(), []);
}

#[test]
fn a_reload_that_ends_the_streams_of_an_application_leaves_its_files() {
    let mut theatre = Theatre::new("live on; FILES");
    theatre.write("long.flv", &film(60));
    let mut client = theatre.play("long", &[]);
    let waiting = theatre.play("none", &[]);
    theatre.reload("", "FILES");
    theatre.watch(&mut client, 12_000);
    assert!(theatre.world.is_open(client.id) && !theatre.world.is_open(waiting.id));
    let mut late = theatre.play("film", &[]);
    assert_eq!(theatre.news(&mut late), BEGIN);
    let mut missing = theatre.play("none", &[]);
    assert_eq!(theatre.news(&mut missing), ["Play.StreamNotFound"]);
}

#[test]
fn plays_end_with_their_application() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("long.flv", &film(60));
    let mut client = theatre.play("long", &[]);
    let text = config(&theatre.folder, "", "").replace("application vod", "application new");
    theatre.world.reload(&text);
    theatre.watch(&mut client, 9000);
    assert!(theatre.world.is_open(client.id));
    theatre.world.pass(2);
    assert_eq!(theatre.news(&mut client), ["StreamEof(1)", "Play.Stop"]);
    theatre.world.pass(20);
    assert_eq!(theatre.world.engine.cx.apps.values().count(), 2, "its settings are freed");
}

#[test]
fn a_server_that_drains_waits_for_the_end_of_the_file_and_no_longer() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    let mut ended = theatre.play("film", &[0.0.into(), 1.0.into()]);
    theatre.heard(&mut ended);
    theatre.world.engine.drain(theatre.world.now);
    theatre.world.end_turn();
    assert!(theatre.world.is_open(client.id) && !theatre.world.is_open(ended.id));
    theatre.watch(&mut client, 9000);
    theatre.heard(&mut client);
    theatre.world.end_turn();
    assert!(!theatre.world.is_open(client.id));
}

#[test]
fn a_player_is_kicked_and_gets_nothing_more_of_the_file() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("large.flv", &large(100));
    let mut client = theatre.play("large", &[]);
    client.receive(&mut theatre.world);
    client.receive_now(&mut theatre.world);
    assert!(theatre.world.queue(client.id).bytes() > 50_000, "a piece waits");
    theatre.world.engine.cx.kick(client.id, "no more");
    theatre.world.end_turn();
    let heard = theatre.heard(&mut client);
    assert_eq!(heard, ["StreamEof(1)", "Play.Stop"]);
    assert_eq!((theatre.played(), theatre.world.is_open(client.id)), (vec![], false));
}

#[test]
fn a_session_that_ends_while_a_reader_reads_its_file_leaves_nothing() {
    let mut theatre = Theatre::new("FILES");
    let mut client = theatre.play("film", &[]);
    theatre.heard(&mut client);
    theatre.world.has_fast_disk = false;
    // What a reader finds out is the end of the file.
    theatre.world.pass(20);
    theatre.heard(&mut client);
    theatre.command(&mut client, "seek", &[9500.0.into()]);
    theatre.heard(&mut client);
    theatre.lose(&client);
    assert_eq!(theatre.played(), []);
    theatre.world.has_fast_disk = true;
    theatre.world.end_turn();
    theatre.world.pass(20);
    assert_eq!(theatre.world.engine.session_count(), 0);
}

#[test]
fn a_request_whose_file_is_looked_for_too_long_is_refused_and_the_next_gets_its_own() {
    let mut theatre = Theatre::new("FILES");
    theatre.write("short.flv", &film(1));
    theatre.write("long.flv", &film(60));
    let mut first = theatre.play("long", &[]);
    theatre.heard(&mut first);
    theatre.world.has_fast_disk = false;
    theatre.ask(&mut first, "none", &[]);
    theatre.world.pass(11);
    assert_eq!(theatre.news(&mut first), ["Play.Failed"], "the one before goes on");
    theatre.ask(&mut first, "short", &[]);
    theatre.world.has_fast_disk = true;
    theatre.world.end_turn();
    assert_eq!(theatre.played(), [("vod/short".to_owned(), 1)]);
    assert_eq!(theatre.news(&mut first)[..3], BEGIN);
}

#[test]
fn a_client_that_leaves_while_its_file_is_looked_for_leaves_nothing() {
    let mut theatre = Theatre::new("FILES");
    theatre.world.has_fast_disk = false;
    let client = theatre.play("film", &[]);
    theatre.lose(&client);
    theatre.world.has_fast_disk = true;
    theatre.world.end_turn();
    assert_eq!((theatre.played(), theatre.world.engine.session_count()), (vec![], 0));
}

#[test]
fn the_player_alone_ends_whose_file_makes_the_server_panic() {
    let mut theatre = Theatre::new("FILES");
    theatre.world.engine.cx.panics = Panics::contained();
    let mut other = theatre.play("film", &[]);
    theatre.heard(&mut other);
    let mut client = theatre.play("film", &[]);
    theatre.heard(&mut client);
    let id = client.id;
    theatre.world.engine.cx.contain_for(id, |_| panic!("on purpose"));
    theatre.world.end_turn();
    assert!(!theatre.world.is_open(client.id) && theatre.world.is_open(other.id));
    assert_eq!(
        (theatre.played(), theatre.world.engine.panics().count()),
        (vec![("vod/film".to_owned(), 1)], 1)
    );
    assert!(is_due(theatre.watch(&mut other, 2000).last().copied(), 4000));
}

#[test]
fn a_lookup_that_panics_is_refused() {
    let mut theatre = Theatre::new("FILES");
    theatre.world.has_fast_disk = false;
    let mut client = theatre.play("film", &[]);
    let owners: Vec<_> = theatre.world.engine.take_jobs().iter().map(Job::owner).collect();
    owners.into_iter().for_each(|owner| theatre.world.engine.finish_job(FinishedJob::panicked(owner)));
    theatre.world.end_turn();
    assert_eq!(theatre.news(&mut client), ["Play.Failed"]);
}

#[test]
fn a_play_is_refused_while_readers_have_too_much_to_do() {
    let mut theatre = Theatre::new("FILES");
    theatre.world.has_fast_disk = false;
    let owner = JobOwner::Module { name: "nobody", token: 0 };
    while theatre.world.engine.cx.jobs.read(owner, || None::<()>).is_ok() {}
    let mut client = theatre.play("film", &[]);
    assert_eq!(theatre.news(&mut client), ["Play.Failed"]);
}

#[test]
fn who_has_paused_and_who_has_got_all_are_pinged_and_end_if_they_do_not_answer() {
    let mut theatre = Theatre::new("FILES");
    let text = config(&theatre.folder, "", "FILES").replace("ping 1h;", "ping 10s; ping_timeout 5s;");
    theatre.world.reload(&text);
    let mut paused = theatre.play("film", &[]);
    theatre.command(&mut paused, "pause", &[true.into(), 0.0.into()]);
    let mut ended = theatre.play("film", &[0.0.into(), 1.0.into()]);
    for client in [&mut paused, &mut ended] {
        theatre.heard(client);
    }
    theatre.world.pass(11);
    for client in [&mut paused, &mut ended] {
        let heard = theatre.heard(client);
        assert!(heard.iter().any(|word| word.starts_with("PingRequest")), "{heard:?}");
    }
    theatre.world.pass(10);
    assert!(!theatre.world.is_open(paused.id) && !theatre.world.is_open(ended.id));
    assert_eq!(theatre.played(), []);
}

//! What fails is tried again, later and later.

use super::*;

/// The times of tries, in tenths of a second from the first.
fn tries(pair: &mut Pair, tenths: u32) -> Vec<u32> {
    let mut times = Vec::new();
    for tenth in 0..tenths {
        let before = pair.connects;
        pair.pass(100);
        times.extend((pair.connects > before).then_some(tenth + 1));
    }
    times
}

#[test]
fn waits_double_up_to_30_seconds_and_no_two_are_alike() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = Some(false);
    let id = pair.push("cam", to(&[target("other")]));
    let times = tries(&mut pair, 1800);
    let waits: Vec<_> = [0].iter().chain(&times).zip(&times).map(|(before, time)| time - before).collect();
    for (wait, longest) in waits.iter().zip([10, 20, 40, 80, 160, 300, 300, 300]) {
        assert!((longest * 8 / 10..=longest + 1).contains(wait), "{waits:?}");
    }
    assert!(waits.len() >= 8, "{waits:?}");
    assert_eq!(pair.relay(id).failures as usize, times.len() + 1);
    assert_eq!(pair.relay(id).last_error.as_deref(), Some("connection refused"));
    assert!(pair.news().iter().all(|news| news == "failed: connection refused"));
    // One that has run for some time begins anew.
    pair.is_up = Some(true);
    pair.pass(31_000);
    assert_eq!(pair.news(), ["began"]);
    assert!(pair.relay(id).failures > 0, "it may be one that accepts and hangs up");
    pair.pass(31_000);
    assert_eq!(pair.relay(id).failures, 0);
    pair.is_up = Some(false);
    pair.cut();
    let times = tries(&mut pair, 40);
    assert!((8..=11).contains(&times[0]) && times[1] - times[0] <= 21, "{times:?}");
}

#[test]
fn one_that_runs_for_a_moment_only_is_tried_later_and_later() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    for longest in [1000, 2000, 4000] {
        pair.cut();
        pair.pass(longest * 7 / 10);
        assert_eq!(pair.links.len(), 0);
        pair.pass(longest * 4 / 10);
        assert_eq!(pair.links.len(), 1);
    }
}

#[test]
fn the_targets_are_tried_one_after_the_other_without_a_wait() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    let _other = Client::publish(&mut pair.there, "taken");
    let targets = [target("taken"), target("free")];
    let id = pair.push("cam", to(&targets));
    let news = pair.news();
    assert!(news[0].starts_with("refused: NetStream.Publish.BadName") && news[1] == "began", "{news:?}");
    assert_eq!((pair.relay(id).current, pair.connects), (1, 2));
    assert!(is_live(&pair.there, "free"));
    pair.cut();
    pair.pass(1100);
    assert_eq!((pair.relay(id).current, pair.connects), (1, 4), "from the first one on again");
}

#[test]
fn to_connect_has_ten_seconds_and_one_more_in_which_net_says_why_it_fails() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = None;
    pair.push("cam", to(&[target("other")]));
    pair.pass(10_900);
    assert_eq!(pair.news(), [""; 0]);
    pair.pass(200);
    assert_eq!(pair.news(), ["failed: no connection in time"]);
    assert_eq!(pair.here.engine.session_count(), 1, "its session is freed");
}

#[test]
fn one_that_is_connected_and_silent_fails_for_another_reason() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = None;
    let id = pair.push("cam", to(&[target("other")]));
    let session = pair.relay(id).session.unwrap();
    pair.pass(9000);
    pair.here.engine.connected(session, ENDS.1, pair.here.now);
    pair.pass(9900);
    assert_eq!(pair.news(), [""; 0], "it has ten seconds from its connection on");
    pair.pass(200);
    assert_eq!(pair.news(), ["failed: no handshake in time"]);
}

#[test]
fn no_more_relays_than_the_limits_are_begun() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    let stream = pair.here.engine.cx.streams.iter().next().unwrap().id;
    let cx = &mut pair.here.engine.cx;
    let targets: Vec<_> = (0..65).map(|number| target(&format!("other{number}"))).collect();
    let begun = targets.iter().filter_map(|target| cx.start_push(stream, to(std::slice::from_ref(target))));
    assert_eq!(begun.count(), 64);
    assert_eq!(cx.start_push(stream, to(&[])), None);
    let again = cx.start_push(stream, to(&targets[..1])).unwrap();
    assert_eq!(Some(again), cx.relays().next().map(|relay| relay.id), "the same is not begun twice");
}

#[test]
fn one_that_was_there_for_some_seconds_is_tried_soon() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = Some(false);
    let id = pair.push("cam", to(&[target("other")]));
    pair.pass(120_000);
    pair.is_up = Some(true);
    pair.pass(30_000);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    let runs = pair.here.now.instant.saturating_duration_since(pair.relay(id).since);
    pair.pass(5000_u64.saturating_sub(runs.as_millis() as u64));
    pair.cut();
    let wait = tries(&mut pair, 100)[0];
    assert!(wait <= 41, "{wait}");
}

#[test]
fn one_that_accepts_and_hangs_up_counts_as_failing() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    for failures in 1..4 {
        pair.cut();
        assert_eq!(pair.relay(id).failures, failures);
        pair.pass(1 << (9 + failures));
        pair.pass(200);
    }
}

#[test]
fn a_connection_that_is_lost_before_it_runs_says_where() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = None;
    let id = pair.push("cam", to(&[target("other")]));
    let session = pair.relay(id).session.unwrap();
    pair.here.engine.connected(session, ENDS.1, pair.here.now);
    pair.here.engine.lost(session, pair.here.now);
    pair.pass(100);
    assert_eq!(pair.news(), ["failed: the connection was lost at the handshake"]);
}

//! Trials: what a server there says to one client's play or publish.

use super::*;

/// Asks there for the stream "cam".
fn start(pair: &mut Pair, kind: RelayKind) -> Result<(), TrialsFull> {
    let trial =
        Trial { module: "listener", token: 7, kind, target: target("cam"), app: pair.app(), client: None };
    pair.here.engine.cx.start_trial(trial)
}

/// The results of a trial that is carried out now.
fn results(pair: &mut Pair, kind: RelayKind) -> Vec<(u64, TrialResult)> {
    start(pair, kind).unwrap();
    pair.run();
    pair.pass(200);
    pair.trials()
}

#[test]
fn a_trial_that_is_accepted_leaves_nothing_behind() {
    let mut pair = Pair::new();
    for kind in [RelayKind::Pull, RelayKind::Push] {
        assert_eq!(results(&mut pair, kind), [(7, TrialResult::Accepted)], "{kind:?}");
        assert!(!is_live(&pair.here, "cam") && !is_live(&pair.there, "cam"));
        assert_eq!(pair.here.engine.cx.relays().count(), 0);
        // Some time for the goodbye.
        pair.pass(3000);
        assert_eq!((pair.here.engine.session_count(), pair.there.engine.session_count()), (0, 0));
    }
    assert_eq!(pair.news(), [""; 0]);
}

#[test]
fn a_trial_that_is_refused_has_the_other_server_s_reason() {
    let mut pair =
        Pair::configured(PATIENT, &PATIENT.replace("live on;", "live on; deny play all; deny publish all;"));
    for kind in [RelayKind::Pull, RelayKind::Push] {
        let results = results(&mut pair, kind);
        assert!(
            matches!(&results[..], [(7, TrialResult::Refused(why))] if why.contains("Net")),
            "{results:?}"
        );
        assert_eq!(pair.here.engine.session_count(), 0);
    }
}

#[test]
fn a_server_that_cannot_be_asked_has_not_refused() {
    let mut pair = Pair::new();
    pair.is_up = Some(false);
    let unknown = |why: &str| [(7, TrialResult::Unknown(why.into()))];
    assert_eq!(results(&mut pair, RelayKind::Pull), unknown("connection refused"));
    pair.is_up = None;
    assert_eq!(results(&mut pair, RelayKind::Pull), []);
    pair.pass(8000);
    assert_eq!(pair.trials(), unknown("no connection in time"));
    assert_eq!(pair.here.engine.session_count(), 0);
}

#[test]
fn there_are_so_many_trials_at_once_and_no_more() {
    let mut pair = Pair::new();
    pair.is_up = None;
    for _ in 0..64 {
        start(&mut pair, RelayKind::Pull).unwrap();
    }
    assert_eq!(start(&mut pair, RelayKind::Pull), Err(TrialsFull));
    pair.run();
    pair.pass(8000);
    assert_eq!(pair.trials().len(), 64);
    pair.is_up = Some(true);
    assert_eq!(results(&mut pair, RelayKind::Pull).len(), 1);
}

#[test]
fn a_trial_tells_the_way_that_its_client_has_come() {
    let mut pair = Pair::new();
    let mut client = Client::open(&mut pair.here);
    let path = ["00000000000000aa"; 7].join(",");
    client.connect_with(&mut pair.here, &[("app", "live"), ("relayPath", &path)]);
    let trial = Trial {
        module: "listener",
        token: 7,
        kind: RelayKind::Pull,
        target: target("cam"),
        app: pair.app(),
        client: Some(client.id),
    };
    pair.here.engine.cx.start_trial(trial).unwrap();
    pair.run();
    pair.pass(200);
    let results = pair.trials();
    assert!(
        matches!(&results[..], [(7, TrialResult::Refused(why))] if why.contains("come through")),
        "{results:?}"
    );
}

#[test]
fn a_client_that_is_refused_for_its_way_has_nobody_else_refused() {
    let here = PATIENT.replace("live on;", "live on; edge rtmp://there/live; edge_auth origin;");
    let mut pair = Pair::configured(&here, PATIENT);
    let mut liar = Client::open(&mut pair.here);
    let path = ["00000000000000aa"; 7].join(",");
    liar.connect_with(&mut pair.here, &[("app", "live"), ("relayPath", &path)]);
    liar.command(&mut pair.here, &["play".into(), 2.0.into(), Value::Null, "cam".into()]);
    pair.run();
    pair.pass(500);
    assert!(!pair.here.is_open(liar.id));
    let player = Client::play(&mut pair.here, "cam");
    pair.run();
    pair.pass(500);
    assert!(pair.here.is_open(player.id));
    assert_eq!(pair.here.engine.cx.relays().count(), 1);
}

//! At most so many commands run at the same time (`exec_max`).

use super::*;

#[test]
fn managed_commands_beyond_the_limit_wait_until_others_have_ended() {
    let mut machine = Machine::of_server("exec_max 2;", "exec_push a $name;");
    let clients: Vec<_> = (0..4).map(|number| machine.publish(&format!("cam{number}"))).collect();
    assert_eq!(machine.lines(), ["a cam0", "a cam1"]);
    machine.lose(&clients[2]);
    machine.lose(&clients[0]);
    assert_eq!(machine.runs(), ["a*", "a"], "one that is ending counts");
    machine.end_told();
    assert_eq!(machine.lines(), ["a cam0", "a cam1", "a cam3"], "cam2 has gone while it waited");
    machine.lose(&clients[1]);
    machine.lose(&clients[3]);
    machine.end_told();
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn ends_wait_in_order_and_begins_are_left_out() {
    let mut machine = Machine::of_server("exec_max 1;", "exec_publish a $name; exec_publish_done b $name;");
    let first = machine.publish("cam1");
    let second = machine.publish("cam2");
    machine.lose(&first);
    machine.lose(&second);
    assert_eq!(machine.lines(), ["a cam1"]);
    machine.end("a", CommandEnd::Exit(0));
    assert_eq!(machine.lines(), ["a cam1", "b cam1"]);
    machine.end("b", CommandEnd::Exit(1));
    assert_eq!(machine.lines(), ["a cam1", "b cam1", "b cam2"]);
    machine.end("b", CommandEnd::Lost);
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn so_many_wait_and_no_more() {
    let mut machine = Machine::of_server("exec_max 1; exec_static s;", "exec_publish_done b $name;");
    for number in 0..300 {
        let client = machine.publish(&format!("cam{number}"));
        machine.lose(&client);
    }
    assert_eq!(machine.runs(), ["s"]);
    machine.reload("exec_max 1000; exec_static s;", "exec_publish_done b $name;");
    for second in 1..=8 {
        assert_eq!(machine.starts("b"), 32 * second);
        machine.pass(1000);
    }
    machine.pass(2000);
    assert_eq!(machine.lines()[256..], ["b cam255"], "the first ones, in order");
}

#[test]
fn no_more_independent_commands_are_started_in_a_second_than_are_good_for_the_server() {
    let mut machine =
        Machine::of_server("exec_max 4096;", "exec_publish a $name; exec_publish_done b $name; exec_push p;");
    for number in 0..100 {
        let client = machine.publish(&format!("cam{number}"));
        machine.lose(&client);
    }
    assert_eq!((machine.starts("a"), machine.starts("b")), (16, 16), "in turns");
    assert_eq!(machine.starts("p"), 100, "managed ones are not counted");
    machine.pass(999);
    assert_eq!(machine.starts("b"), 16);
    for started in [48, 80, 100, 100] {
        machine.pass(1000);
        assert_eq!(
            (machine.starts("a"), machine.starts("b")),
            (16, started),
            "begins are left out, ends wait"
        );
    }
    assert_eq!(machine.lines().last().unwrap(), "b cam99");
    machine.publish("cam");
    assert_eq!(machine.lines()[machine.lines().len() - 2], "a cam");
}

#[test]
fn at_a_stop_what_waits_is_started_and_no_managed_command_is() {
    for is_drained in [false, true] {
        let mut machine = Machine::of_server("exec_max 2;", "exec_push a $name; exec_publish_done b $name;");
        let clients: Vec<_> = (0..60).map(|number| machine.publish(&format!("cam{number}"))).collect();
        clients.iter().take(20).for_each(|client| machine.lose(client));
        machine.end_told();
        assert_eq!(
            (machine.starts("a"), machine.starts("b")),
            (4, 0),
            "cam20 and cam21 have waited for longer"
        );
        if is_drained {
            machine.world.engine.drain(machine.world.now);
            machine.turn();
            assert_eq!(machine.starts("b"), 0, "a drain may take hours");
            clients.iter().for_each(|client| machine.lose(client));
            machine.world.engine.stop_commands(machine.world.now);
        } else {
            machine.world.engine.stop(machine.world.now);
        }
        machine.turn();
        assert_eq!(machine.starts("b"), 60, "all that have been published");
        assert_eq!(machine.starts("a"), 4);
    }
}

#[test]
fn a_stop_starts_many_commands_but_not_any_number() {
    let mut machine =
        Machine::of_server("exec_max 1; max_connections 4096;", "exec_static s; exec_publish_done b $name;");
    for number in 0..1100 {
        machine.publish(&format!("cam{number}"));
    }
    machine.world.engine.stop(machine.world.now);
    machine.turn();
    assert_eq!(machine.starts("b"), 1024);
}

#[test]
fn what_waits_for_a_pause_takes_no_place() {
    let mut machine = Machine::of_server("exec_max 1;", "exec_push a $name; respawn_timeout 1s;");
    let _first = machine.publish("cam1");
    let _second = machine.publish("cam2");
    machine.end("a", CommandEnd::Exit(1));
    assert_eq!(machine.lines(), ["a cam1", "a cam2"]);
    machine.pass(1000);
    assert_eq!(machine.runs(), ["a"], "cam1 waits");
    machine.end("a", CommandEnd::Exit(1));
    assert_eq!(machine.lines(), ["a cam1", "a cam2", "a cam1"]);
}

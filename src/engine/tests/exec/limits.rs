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
    assert_eq!(machine.starts("b"), 256);
    assert_eq!(machine.lines()[256], "b cam255", "the first ones, in order");
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

//! Commands over a reload.

use super::*;

#[test]
fn a_reload_ends_the_commands_whose_lines_are_gone_and_starts_new_ones() {
    let mut machine = Machine::of_server("exec_static s; exec_static t;", "exec_push a; exec_push b $args;");
    let client = machine.publish("cam?n=1");
    assert_eq!(machine.runs(), ["s", "t", "a", "b"]);
    machine.reload("exec_static t; exec_static u;", "exec_push b $args; exec_push c $args; respawn off;");
    assert_eq!(machine.runs(), ["s*", "t", "a*", "b", "u", "c"]);
    assert_eq!(machine.lines().last().unwrap(), "c n=1", "a live publisher's arguments are known");
    machine.end_told();
    machine.end("b", CommandEnd::Exit(0));
    machine.pass(100_000);
    assert_eq!(machine.runs(), ["t", "u", "c"], "respawn off acts at once");
    machine.lose(&client);
    machine.end_told();
    assert_eq!(machine.runs(), ["t", "u"]);
}

#[test]
fn the_same_line_twice_is_two_commands() {
    let mut machine = Machine::new("exec_push a; exec_push a;");
    let _client = machine.publish("cam");
    assert_eq!(machine.runs(), ["a", "a"]);
    machine.reload("", "exec_push a; exec_push a;");
    assert_eq!(machine.runs(), ["a", "a"]);
    machine.reload("", "exec_push a;");
    assert_eq!(machine.runs(), ["a", "a*"]);
}

#[test]
fn a_line_that_comes_back_before_its_command_has_ended_waits_for_that() {
    let mut machine = Machine::new("exec_push a; exec_pull p;");
    let (_publisher, _player) = (machine.publish("cam"), machine.play("door"));
    machine.reload("", "");
    assert_eq!(machine.runs(), ["a*", "p*"]);
    machine.reload("", "exec_push a; exec_pull p;");
    assert_eq!(machine.runs(), ["a*", "p*"]);
    machine.end_told();
    assert_eq!(machine.runs(), ["a", "p"]);
}

#[test]
fn respawn_off_ends_a_pause() {
    let mut machine = Machine::new("exec_push a;");
    let _client = machine.publish("cam");
    machine.end("a", CommandEnd::Exit(0));
    machine.reload("", "exec_push a; respawn off;");
    machine.pass(100_000);
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn respawn_on_starts_what_has_ended() {
    let mut machine = Machine::new("exec_push a; respawn off;");
    let _client = machine.publish("cam");
    machine.end("a", CommandEnd::Exit(0));
    machine.pass(100_000);
    assert_eq!(machine.runs(), [""; 0]);
    machine.reload("", "exec_push a; respawn on;");
    assert_eq!(machine.runs(), ["a"]);
}

#[test]
fn the_commands_of_an_application_that_is_gone_end_with_its_sessions() {
    let mut machine = Machine::new("exec_push a;");
    let _client = machine.publish("cam");
    machine.world.reload("rtmp { server { listen 127.0.0.1:0; application other { live on; } } }");
    assert_eq!(machine.runs(), ["a"]);
    machine.pass(11_000);
    assert_eq!(machine.runs(), ["a*"]);
}

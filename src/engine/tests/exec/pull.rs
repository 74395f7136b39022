//! Commands that run for players.

use super::*;
use crate::engine::tests::files::film;
use crate::test_folder::Folder;

#[test]
fn a_command_pulls_while_there_are_players_and_nobody_else_publishes() {
    let mut machine = Machine::new("exec_pull a $app/$name $addr;");
    let first = machine.play("cam");
    let second = machine.play("cam?key=1");
    assert_eq!(machine.runs(), ["a"]);
    assert_eq!(machine.lines(), ["a live/cam "], "it is for all players, so it knows no client");
    assert_eq!(machine.started[0].label, "exec_pull of live/cam: a");
    let puller = machine.publish("cam");
    machine.lose(&first);
    assert_eq!(machine.runs(), ["a"]);
    machine.lose(&second);
    assert_eq!(machine.runs(), ["a*"], "the last player has left");
    machine.lose(&puller);
    machine.end_told();
    assert_eq!(machine.runs(), [""; 0]);
    let _player = machine.play("cam");
    assert_eq!(machine.runs(), ["a"]);
}

#[test]
fn a_stream_that_is_published_is_pulled_when_its_publisher_has_gone() {
    let mut machine = Machine::new("exec_pull a;");
    let publisher = machine.publish("cam");
    let _player = machine.play("cam");
    assert_eq!(machine.runs(), [""; 0]);
    machine.lose(&publisher);
    assert_eq!(machine.runs(), ["a"]);
}

#[test]
fn a_publisher_that_may_come_back_is_waited_for() {
    let mut machine = Machine::new("publish_grace 10s; exec_pull a;");
    let publisher = machine.publish("cam");
    let _player = machine.play("cam");
    machine.lose(&publisher);
    machine.pass(9000);
    assert_eq!(machine.runs(), [""; 0]);
    machine.pass(2000);
    assert_eq!(machine.runs(), ["a"]);
}

#[test]
fn a_command_that_pulls_is_started_again_while_players_wait() {
    let mut machine = Machine::new("exec_pull a; respawn_timeout 1s;");
    let player = machine.play("cam");
    let puller = machine.publish("cam");
    machine.lose(&puller);
    machine.end("a", CommandEnd::Exit(1));
    assert_eq!(machine.runs(), [""; 0]);
    machine.pass(1000);
    assert_eq!(machine.runs(), ["a"]);
    machine.end("a", CommandEnd::Exit(1));
    machine.lose(&player);
    machine.pass(60_000);
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn plays_are_told_with_their_arguments() {
    let mut machine = Machine::new("exec_play a $name $args; exec_play_done b $name $args;");
    let player = machine.play("cam?key=1");
    machine.lose(&player);
    let other = machine.play("cam");
    machine.lose(&other);
    assert_eq!(machine.lines(), ["a cam key=1", "b cam key=1", "a cam ", "b cam "]);
    assert_eq!(machine.runs(), ["a", "b", "a", "b"], "they run to their own end");
}

#[test]
fn who_plays_a_file_waits_for_no_command() {
    let folder = Folder::new();
    folder.write("film.flv", film(10));
    let lines = format!(
        "play {}; exec_pull a $name; exec_play b $name $args; exec_play_done c $name;",
        folder.display()
    );
    let mut machine = Machine::new(&lines);
    let client = machine.play("flv:film?n=1");
    assert_eq!(machine.runs(), ["b"]);
    let publisher = machine.publish("film");
    let _live = machine.play("film");
    machine.lose(&publisher);
    assert_eq!(machine.runs(), ["b", "b", "a"], "there are players of the stream");
    machine.lose(&client);
    assert_eq!(machine.runs(), ["b", "b", "a", "c"], "and others than those of the file");
    assert_eq!(machine.lines(), ["b film n=1", "b film ", "a film", "c film"]);
}

//! Commands of the module `exec`, whose processes are the test's.

mod limits;
mod pull;
mod reload;
mod values;

use std::collections::HashMap;

use crate::engine::tests::*;

/// A world, and its commands.
struct Machine {
    world: World,
    /// Those that run, in the order of their starts, by the last word of their labels.
    running: Vec<(String, CommandId)>,
    /// All that have been started.
    started: Vec<Command>,
    /// Those that have been told to end.
    told: Vec<CommandId>,
}

impl Machine {
    /// A server with an application `live` that has these directives.
    fn new(directives: &str) -> Self {
        Self::of_server("", directives)
    }

    fn of_server(server: &str, directives: &str) -> Self {
        let world = World::configured(table(), &config(server, directives));
        let mut machine = Self { world, running: Vec::new(), started: Vec::new(), told: Vec::new() };
        machine.world.engine.start(machine.world.now);
        machine.turn();
        machine
    }

    /// Does what net does for commands.
    fn turn(&mut self) {
        self.world.end_turn();
        // Clients read, or they would be closed.
        self.world.engine.cx.sessions.ids().into_iter().for_each(|id| drop(self.world.take(id, usize::MAX)));
        for order in std::mem::take(&mut self.world.orders) {
            match order {
                Action::Spawn(id) => {
                    let Some(command) = self.world.engine.take_command(id) else { continue };
                    self.running.push((program(&command), id));
                    self.started.push(command);
                    self.world.engine.command_started(id, 4711, self.world.now);
                }
                Action::EndCommand(id, _) => self.told.push(id),
                _ => {}
            }
        }
        self.world.end_turn();
    }

    fn pass(&mut self, milliseconds: u64) {
        self.world.pass_time(Duration::from_millis(milliseconds));
        self.turn();
    }

    /// The programs that run, in the order of their starts; a star is behind those that have been told to end.
    fn runs(&mut self) -> Vec<String> {
        self.turn();
        let shown = |(program, id): &(String, CommandId)| {
            if self.told.contains(id) { format!("{program}*") } else { program.clone() }
        };
        self.running.iter().map(shown).collect()
    }

    /// The first run of a program ends.
    fn end(&mut self, program: &str, end: CommandEnd) {
        self.turn();
        let place = self.running.iter().position(|(other, _)| other == program).expect("it runs");
        let (_, id) = self.running.remove(place);
        self.world.engine.command_ended(id, end, self.world.now);
        self.turn();
    }

    /// All that have been told to end do.
    fn end_told(&mut self) {
        self.turn();
        for id in std::mem::take(&mut self.told) {
            let Some(place) = self.running.iter().position(|(_, other)| *other == id) else { continue };
            self.running.remove(place);
            self.world.engine.command_ended(id, CommandEnd::Signal(15), self.world.now);
        }
        self.turn();
    }

    fn publish(&mut self, name: &str) -> Client {
        let client = Client::publish(&mut self.world, name);
        self.turn();
        client
    }

    fn play(&mut self, name: &str) -> Client {
        let client = Client::play(&mut self.world, name);
        self.turn();
        client
    }

    /// The client has gone.
    fn lose(&mut self, client: &Client) {
        self.world.engine.lost(client.id, self.world.now);
        self.turn();
    }

    fn reload(&mut self, server: &str, directives: &str) {
        self.world.reload(&config(server, directives));
        self.turn();
    }

    /// How often a program has been started.
    fn starts(&self, name: &str) -> usize {
        self.started.iter().filter(|command| program(command) == name).count()
    }

    /// The words of all commands so far, with blanks between them.
    fn lines(&self) -> Vec<String> {
        self.started.iter().map(|command| command.words.join(" ")).collect()
    }
}

fn program(command: &Command) -> String {
    command.words.first().cloned().unwrap_or_default()
}

fn config(server: &str, directives: &str) -> String {
    format!(
        "rtmp {{ {server} server {{ listen 127.0.0.1:0; ping off; application other {{ live on; }}
         application live {{ live on; {directives} }} }} }}"
    )
}

/// The environment of a command.
fn environment(command: &Command) -> HashMap<&str, &str> {
    command.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn a_command_runs_while_its_publisher_does() {
    let mut machine =
        Machine::new("exec_push a $name; exec b; exec_publish c $name; exec_publish_done d $name;");
    let client = machine.publish("cam?key=1");
    assert_eq!(machine.runs(), ["c", "a", "b"], "as in nginx-rtmp, exec_publish comes first");
    assert_eq!(machine.started[1].label, format!("#{} exec_push of live/cam: a", client.id.serial()));
    assert_eq!(machine.started[1].ends, CommandEnds::WithServer { signal: 15 });
    assert_eq!(machine.started[0].ends, CommandEnds::ByItself);
    machine.lose(&client);
    assert_eq!(machine.runs(), ["c", "a*", "b*", "d"]);
    machine.end_told();
    assert_eq!(machine.runs(), ["c", "d"]);
    machine.pass(100_000);
    assert_eq!(machine.runs(), ["c", "d"]);
    assert_eq!(machine.lines(), ["c cam", "a cam", "b", "d cam"]);
}

#[test]
fn a_publisher_that_is_refused_has_no_command_run() {
    let mut machine = Machine::new("deny publish all; exec_push a; exec_publish b; exec_publish_done c;");
    let client = machine.publish("cam?key=1");
    machine.lose(&client);
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn a_publisher_that_comes_back_waits_for_the_end_of_its_command() {
    let mut machine = Machine::new("exec_push a $addr $args;");
    let client = machine.publish("cam?n=1");
    machine.lose(&client);
    let client = machine.publish("cam?n=2");
    assert_eq!((machine.runs(), machine.starts("a")), (vec!["a*".to_owned()], 1), "never two at a time");
    machine.end_told();
    assert_eq!(machine.runs(), ["a"], "at once");
    assert_eq!(machine.lines(), ["a 192.0.2.1 n=1", "a 192.0.2.1 n=2"]);
    // Gone and back and gone again.
    machine.lose(&client);
    let client = machine.publish("cam");
    machine.lose(&client);
    machine.end_told();
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn a_command_that_ends_is_started_again_later_and_later() {
    let mut machine = Machine::new("exec_push a; respawn_timeout 2s;");
    let _client = machine.publish("cam");
    for pause in [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
        machine.end("a", CommandEnd::Exit(1));
        machine.pass(pause - 1);
        assert_eq!(machine.runs(), [""; 0], "{pause}");
        machine.pass(1);
        assert_eq!(machine.runs(), ["a"], "{pause}");
    }
    machine.pass(10_000);
    machine.end("a", CommandEnd::Exit(0));
    machine.pass(2000);
    assert_eq!(machine.runs(), ["a"], "it had worked for a while");
    machine.end("a", CommandEnd::NotStarted("no such file".into()));
    machine.pass(1999);
    assert_eq!(machine.runs(), [""; 0]);
    machine.pass(1);
    assert_eq!(machine.runs(), ["a"]);
}

#[test]
fn a_command_that_dies_at_once_a_thousand_times_is_not_started_more_than_ten_times_a_second() {
    let mut machine = Machine::new("exec_push a; respawn_timeout 0;");
    let client = machine.publish("cam");
    for _ in 0..60_000 {
        if machine.runs() == ["a"] {
            machine.end("a", CommandEnd::Signal(11));
        }
        machine.pass(10);
    }
    assert!((10..=20).contains(&machine.starts("a")), "{}", machine.starts("a"));
    machine.lose(&client);
    machine.pass(120_000);
    assert_eq!(machine.runs(), [""; 0], "the pause ends with the publisher");
}

#[test]
fn without_respawn_a_command_runs_once_for_each_publish() {
    let mut machine = Machine::new("exec_push a; respawn off;");
    let client = machine.publish("cam");
    machine.end("a", CommandEnd::Exit(0));
    machine.pass(100_000);
    assert_eq!(machine.runs(), [""; 0]);
    machine.lose(&client);
    let _client = machine.publish("cam");
    assert_eq!(machine.runs(), ["a"]);
}

#[test]
fn commands_of_the_server_run_once_and_are_always_started_again() {
    let mut machine =
        Machine::of_server("exec_static s $name; respawn off;", "exec_static t; exec_kill_signal kill;");
    assert_eq!(machine.runs(), ["s", "t"]);
    assert_eq!(machine.lines(), ["s $name", "t"], "there are no variables");
    assert_eq!(machine.started[0].label, "exec_static: s");
    assert_eq!(machine.started[1].ends, CommandEnds::WithServer { signal: 9 });
    machine.end("s", CommandEnd::Exit(0));
    machine.pass(5000);
    assert_eq!(machine.runs(), ["t", "s"]);
    machine.world.engine.stop(machine.world.now);
    assert_eq!(machine.runs(), ["t*", "s*"]);
    machine.end_told();
    machine.pass(10_000);
    assert_eq!(machine.runs(), [""; 0]);
}

#[test]
fn at_a_stop_publishers_are_told_of_and_their_commands_end() {
    let mut machine = Machine::new("exec_push a; exec_publish_done d; exec_static s; exec_pull p;");
    let _publisher = machine.publish("cam");
    let _player = machine.play("other");
    assert_eq!(machine.runs(), ["s", "a", "p"]);
    machine.world.engine.stop(machine.world.now);
    assert_eq!(machine.runs(), ["s*", "a*", "p*", "d"]);
    machine.end_told();
    machine.pass(100_000);
    assert_eq!(machine.runs(), ["d"]);
}

#[test]
fn a_takeover_ends_the_commands_of_the_one_before() {
    let mut machine = Machine::new("publish_conflict replace; exec_push a $args; exec_publish_done d $args;");
    let _first = machine.publish("cam?n=1");
    let _second = machine.publish("cam?n=2");
    machine.end_told();
    assert_eq!(machine.runs(), ["d", "a"]);
    assert_eq!(machine.lines(), ["a n=1", "d n=1", "a n=2"]);
}

//! Commands of a module, of which the test is net's part.

use super::*;

type Heard = Rc<RefCell<Vec<(u64, CommandEvent)>>>;

/// Keeps what it hears of its commands.
struct Runner(Heard);

impl Module for Runner {
    fn name(&self) -> &'static str {
        "runner"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _config: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_command(&mut self, _cx: &mut Ctx, token: u64, event: CommandEvent) {
        self.0.borrow_mut().push((token, event));
    }
}

const MANAGED: CommandEnds = CommandEnds::WithServer { signal: 15 };

/// A world with a module that runs commands.
struct Shell {
    world: World,
    heard: Heard,
}

impl Shell {
    fn new() -> Self {
        let heard = Heard::default();
        let config = "rtmp { server { listen 127.0.0.1:0; application live { } } }";
        Self { world: World::configured(vec![Box::new(Runner(Rc::clone(&heard)))], config), heard }
    }

    fn run(&mut self, token: u64, ends: CommandEnds) {
        self.world.engine.cx.run_command(Command {
            module: "runner",
            token,
            label: "exec of live/cam: ffmpeg".into(),
            words: vec!["ffmpeg".into(), "a-secret".into()],
            environment: vec![("KEY".into(), "a-secret".into())],
            redirections: Vec::new(),
            ends,
        });
    }

    /// What net is asked for.
    fn asked(&mut self) -> Vec<Action> {
        self.world.end_turn()
    }

    /// What the module has heard since it was asked last.
    fn heard(&mut self) -> Vec<(u64, CommandEvent)> {
        self.world.end_turn();
        self.heard.borrow_mut().drain(..).collect()
    }

    fn started(&mut self, id: CommandId) {
        assert!(self.world.engine.take_command(id).is_some());
        self.world.engine.command_started(id, 4711, self.world.now);
    }

    fn ended(&mut self, id: CommandId, end: CommandEnd) {
        self.world.engine.command_ended(id, end, self.world.now);
    }
}

#[test]
fn a_module_hears_that_its_command_has_started_and_once_how_it_has_ended() {
    let mut shell = Shell::new();
    shell.run(7, MANAGED);
    let id = CommandId(1);
    assert_eq!(shell.asked(), [Action::Spawn(id)]);
    let command = shell.world.engine.take_command(id).unwrap();
    assert_eq!(command.words, ["ffmpeg", "a-secret"]);
    assert!(!format!("{command:?}").contains("a-secret"));
    assert_eq!(shell.world.engine.take_command(id), None, "it is taken once");
    shell.world.engine.command_started(id, 4711, shell.world.now);
    assert_eq!(shell.heard(), [(7, CommandEvent::Started { process: 4711 })]);
    assert_eq!(shell.world.engine.cx.commands_running(), 1);
    for _ in 0..2 {
        shell.ended(id, CommandEnd::Exit(1));
    }
    assert_eq!(shell.heard(), [(7, CommandEvent::Ended(CommandEnd::Exit(1)))]);
    assert_eq!(shell.world.engine.cx.commands_running(), 0);
    let totals = &shell.world.engine.cx.totals;
    assert_eq!((totals.commands_started, totals.commands_failed), (1, 1));
}

#[test]
fn a_managed_command_is_ended_once_and_an_independent_one_never() {
    let mut shell = Shell::new();
    shell.run(1, MANAGED);
    shell.run(2, CommandEnds::ByItself);
    shell.asked();
    let [managed, independent] = [CommandId(1), CommandId(2)];
    [managed, independent].into_iter().for_each(|id| shell.started(id));
    for token in [1, 1, 2, 3] {
        shell.world.engine.cx.end_command("runner", token);
    }
    shell.world.engine.cx.end_command("another", 1);
    assert_eq!(shell.asked(), [Action::EndCommand(managed, Duration::from_secs(5))]);
    shell.heard();
    shell.ended(managed, CommandEnd::Signal(15));
    assert_eq!(shell.heard(), [(1, CommandEvent::Ended(CommandEnd::Signal(15)))]);
    assert_eq!(shell.world.engine.cx.totals.commands_failed, 0, "it was told to end");
    shell.world.engine.cx.end_command("runner", 1);
    assert_eq!(shell.asked(), []);
}

#[test]
fn a_command_that_is_ended_before_net_has_taken_it_is_not_started() {
    let mut shell = Shell::new();
    shell.run(1, MANAGED);
    shell.world.engine.cx.end_command("runner", 1);
    shell.asked();
    assert_eq!(shell.world.engine.take_command(CommandId(1)), None);
    let heard = shell.heard();
    assert!(matches!(heard.as_slice(), [(1, CommandEvent::Ended(CommandEnd::NotStarted(_)))]), "{heard:?}");
}

#[test]
fn a_stop_ends_managed_commands_sooner_than_they_were_told() {
    let mut shell = Shell::new();
    shell.run(1, MANAGED);
    shell.run(2, CommandEnds::ByItself);
    shell.run(3, MANAGED);
    shell.asked();
    (1..=3).for_each(|id| shell.started(CommandId(id)));
    shell.world.engine.cx.end_command("runner", 3);
    shell.asked();
    shell.world.engine.stop(shell.world.now);
    let soon = Duration::from_secs(3);
    let expected = [CommandId(1), CommandId(3)].map(|id| Action::EndCommand(id, soon));
    assert_eq!(shell.asked(), expected);
}

//! The module's settings: the commands of each application, and what all commands have.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::conf::{Error, Faults, Node, Scope};
use crate::engine::{Application, Config};

use super::environment::Environment;
use super::line::{Kind, Line, Managing, Options};
use super::places::Places;

/// The directives of commands.
pub const COMMANDS: [&str; 9] = [
    "exec",
    "exec_push",
    "exec_pull",
    "exec_static",
    "exec_publish",
    "exec_publish_done",
    "exec_play",
    "exec_play_done",
    "exec_record_done",
];

const OPTIONS: &str = "exec_options";

/// The settings of an application.
#[derive(Default)]
pub struct Settings {
    lines: Vec<Rc<Line>>,
    /// The lines for the recordings of its recorders.
    recorders: HashMap<String, Vec<Rc<Line>>>,
}

impl Settings {
    /// Reads the settings of an application.
    pub fn read(app: &Application<'_>, places: &Places, faults: &mut Faults) -> Self {
        let recorders = app.scope.blocks("recorder").map(|recorder| {
            let name = recorder.node().args.first().cloned().unwrap_or_default();
            let mut lines = lines(&recorder, places, faults);
            lines.retain(|line| line.kind == Kind::RecordDone);
            (name, lines)
        });
        let recorders = recorders.collect();
        Self { lines: lines(&app.scope, places, faults), recorders }
    }

    /// The lines of a kind for a stream.
    pub fn lines(&self, kind: Kind, stream: &str) -> Vec<Rc<Line>> {
        matching(&self.lines, kind, stream)
    }

    /// Whether there are lines of a kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.lines.iter().any(|line| line.kind == kind)
    }

    /// The lines for a recording; "" is the application's own recorder.
    pub fn of_recorder(&self, recorder: &str, stream: &str) -> Vec<Rc<Line>> {
        matching(self.recorders.get(recorder).unwrap_or(&self.lines), Kind::RecordDone, stream)
    }
}

fn matching(lines: &[Rc<Line>], kind: Kind, stream: &str) -> Vec<Rc<Line>> {
    lines.iter().filter(|line| line.kind == kind && line.is_for(stream)).cloned().collect()
}

/// What is not of one application.
pub struct Shared {
    /// The lines of `exec_static`.
    pub statics: Vec<Rc<Line>>,
    /// `exec_max`.
    pub most: usize,
    pub environment: Environment,
}

impl Default for Shared {
    fn default() -> Self {
        Self { statics: Vec::new(), most: 1, environment: Environment::default() }
    }
}

impl Shared {
    /// Reads what is not of one application.
    pub fn read(config: &Config<'_>, places: &Places, faults: &mut Faults) -> Self {
        let Some(scope) = config.rtmp_servers.first() else { return Self::default() };
        let statics = all_written(config).into_iter().filter(|(_, node, _)| node.name == "exec_static");
        let statics = statics.filter_map(|(scope, node, options)| {
            let line = faults.keep(read(&scope, node, options))?;
            Some(Rc::new(places.with_place(node, line)))
        });
        Self {
            statics: statics.collect(),
            most: usize::try_from(scope.number("exec_max")).unwrap_or(usize::MAX),
            environment: Environment::read(scope),
        }
    }
}

/// The lines of a block and of those around it, which come behind, without those of `exec_static`.
fn lines(scope: &Scope<'_>, places: &Places, faults: &mut Faults) -> Vec<Rc<Line>> {
    let written = written(scope).into_iter().filter(|(node, _)| node.name != "exec_static");
    let lines = written.filter_map(|(node, options)| {
        let line = faults.keep(read(scope, node, options))?;
        Some(Rc::new(places.with_place(node, line)))
    });
    lines.collect()
}

/// The directives of commands in a block and in those around it, and `exec_options` where each stands: it counts for what
/// follows in the same block.
pub fn written<'t>(scope: &Scope<'t>) -> Vec<(&'t Node, Options)> {
    let names: Vec<_> = COMMANDS.iter().copied().chain([OPTIONS]).collect();
    let mut found = Vec::new();
    for level in scope.by_level(&names) {
        let mut options = Options::Off;
        for node in level {
            if node.name == OPTIONS {
                let is_on = node.args.first().is_some_and(|word| word.eq_ignore_ascii_case("on"));
                options = if is_on { Options::On } else { Options::Off };
            } else {
                found.push((node, options));
            }
        }
    }
    found
}

/// The same of all blocks, each directive once, with a block in which it counts.
pub fn all_written<'t>(config: &Config<'t>) -> Vec<(Scope<'t>, &'t Node, Options)> {
    let apps = config.applications.iter().map(|app| &app.scope);
    let recorders: Vec<_> = apps.clone().flat_map(|app| app.blocks("recorder")).collect();
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for scope in config.rtmp_servers.iter().chain(apps).chain(&recorders) {
        for (node, options) in written(scope) {
            // An outer one is seen from each block in it.
            if seen.insert(std::ptr::from_ref(node)) {
                found.push((scope.clone(), node, options));
            }
        }
    }
    found
}

/// Finds the lines that the log has to tell from each other.
pub fn places(config: &Config<'_>) -> Places {
    let mut places = Places::default();
    for (scope, node, options) in all_written(config) {
        if let Ok(line) = read(&scope, node, options) {
            places.add(node, &line);
        }
    }
    places
}

/// Reads a line.
pub fn read(scope: &Scope<'_>, node: &Node, options: Options) -> Result<Line, Error> {
    let Some(kind) = Kind::of(&node.name) else {
        return Err(Error::at(node, format!("\"{}\" is no command", node.name)));
    };
    let managing = Managing {
        // As in nginx-rtmp.
        respawn: kind == Kind::Static || scope.flag("respawn"),
        pause: scope.time("respawn_timeout"),
        signal: scope.custom("exec_kill_signal"),
    };
    let line = Line::read((&node.name, kind), &node.args, options, managing);
    line.map_err(|why| Error::at(node, format!("\"{}\": {why}", node.name)))
}

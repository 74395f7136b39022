//! Warnings about commands that most likely do not do what is meant: programs that are not there, variables that have no
//! value, values in code.

use std::path::{Path, PathBuf};

use crate::conf::{FindingKind, Node, nearest};
use crate::engine::{Config, Probe};

use super::environment::Environment;
use super::line::redirection::Redirection;
use super::line::template::{Part, parts};
use super::line::{Kind, Line};
use super::settings::{read, written};
use super::variables::Variable;

/// Checks the commands of a configuration, each once.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let Some(first) = config.rtmp_servers.first() else { return };
    let environment = Environment::read(first);
    let mut seen: Vec<&Node> = Vec::new();
    let apps = config.applications.iter().map(|app| &app.scope);
    let recorders: Vec<_> = apps.clone().flat_map(|app| app.blocks("recorder")).collect();
    for scope in config.rtmp_servers.iter().chain(apps).chain(&recorders) {
        for (node, has_options) in written(scope) {
            if seen.iter().any(|other| std::ptr::eq(*other, node)) {
                continue;
            }
            seen.push(node);
            // What is wrong with a line is told elsewhere.
            let (Some(kind), Ok(line)) = (Kind::of(&node.name), read(scope, node, has_options)) else {
                continue;
            };
            check_program(node, &line, &environment, probe);
            check_variables(node, kind, probe);
            check_code(node, &line, probe);
            check_files(node, &line, probe);
        }
    }
    check_circles(config, probe);
}

/// Warns of commands that start themselves: they publish to an application that they run for.
fn check_circles(config: &Config<'_>, probe: &mut Probe) {
    let mut told: Vec<&Node> = Vec::new();
    for app in &config.applications {
        for (node, has_options) in written(&app.scope) {
            let Ok(line) = read(&app.scope, node, has_options) else { continue };
            let is_known = told.iter().any(|other| std::ptr::eq(*other, node));
            let begins = matches!(line.kind, Kind::Push | Kind::Publish) && line.is_for_all();
            if begins && !is_known && publishes_to(&node.args, &app.name) {
                told.push(node);
                let message = format!(
                    "the command publishes to the application \"{}\", for which it runs: each of its streams starts it again",
                    app.name
                );
                probe.warn(node, message);
            }
        }
    }
}

/// Whether a command publishes to an application of this machine.
fn publishes_to(words: &[String], app: &str) -> bool {
    let behind = words.iter().skip(1).zip(words).filter(|(_, before)| *before != "-i");
    let urls = behind.filter_map(|(word, _)| word.strip_prefix("rtmp://"));
    let mut places = urls.filter_map(|url| url.split_once('/'));
    places.any(|(host, path)| {
        let is_here = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
        is_here
            && path
                .split('/')
                .next()
                .is_some_and(|first| first == "$app" || first == "${app}" || first == app)
    })
}

/// Warns of a program that is not there or must not be run.
fn check_program(node: &Node, line: &Line, environment: &Environment, probe: &mut Probe) {
    let program = line.program();
    if let Some(name) = known_variables(program).next() {
        let message = format!(
            "${name} in the program of \"{}\" is taken as it is: only arguments have variables",
            node.name
        );
        return probe.warn(node, message);
    }
    if program.contains('/') {
        if let Err(why) = probe.account().judge_running(Path::new(program)) {
            probe.warn(node, format!("{program}: {why}"));
        }
        return;
    }
    let folders = environment.path().split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let tried: Vec<_> = folders.map(|folder| probe.account().judge_running(&folder.join(program))).collect();
    if !tried.iter().any(Result::is_ok) {
        let path = environment.path();
        probe.warn(
            node,
            format!(
                "{program} is not there, or must not be run (PATH is {path}); \"env PATH=...;\" sets another"
            ),
        );
    }
}

/// Warns of variables that are left out, or taken for text.
fn check_variables(node: &Node, kind: Kind, probe: &mut Probe) {
    let directive = &node.name;
    let words = node.args.iter().skip(1);
    let Some(variables) = kind.variables() else {
        if let Some(name) = words.clone().find_map(|word| known_variables(word).next()) {
            probe.warn(node, format!("${name} is taken as it is: \"{directive}\" has no variables"));
        }
        return;
    };
    let mut told: Vec<String> = Vec::new();
    for part in words.flat_map(|word| parts(word)) {
        let Part::Name(name) = part else { continue };
        let known = Variable::named(&name);
        if known.is_some_and(|known| variables.contains(&known)) || told.contains(&name) {
            continue;
        }
        probe.warn(node, left_out(directive, &name, known, variables));
        told.push(name);
    }
}

/// The warning about a variable that is left out.
fn left_out(directive: &str, name: &str, known: Option<Variable>, variables: &[Variable]) -> String {
    if known.is_some() {
        return format!("\"{directive}\" has no ${name}, which is left out");
    }
    if name.is_empty() {
        return r#"a "$" without a name behind it is left out; write "\$" for the sign itself"#.to_owned();
    }
    let names: Vec<_> = variables.iter().map(|variable| variable.name()).collect();
    let meant = match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean ${meant}?"),
        None => format!("write \"\\${name}\" for a variable of the shell"),
    };
    format!("there is no variable ${name}, which is left out; {meant}")
}

/// The names of our variables in a word that are not the environment's.
fn known_variables(word: &str) -> impl Iterator<Item = String> {
    parts(word).into_iter().filter_map(|part| match part {
        Part::Name(name) => Variable::named(&name).map(|_| name),
        Part::Text(_) => None,
    })
}

/// Tells what becomes of values in code.
fn check_code(node: &Node, line: &Line, probe: &mut Probe) {
    let mut variables: Vec<_> = line.variables_in_code().collect();
    variables.dedup();
    let Some(first) = variables.first() else { return };
    let message = format!(
        "where ${} has a blank or another character that means something to a shell, the command is not run; with \
         \"${}\" in its place it is",
        first.name(),
        first.in_environment(),
    );
    probe.tell(node, FindingKind::Differs, message);
}

/// Warns of files that cannot be written.
fn check_files(node: &Node, line: &Line, probe: &mut Probe) {
    for path in line.redirections().iter().filter_map(Redirection::written_file) {
        let path = std::path::absolute(&path).unwrap_or(path);
        let Some(folder) = path.parent().filter(|_| !path.starts_with("/dev")) else { continue };
        if folder.is_dir() {
            probe.folder(node, "the folder of a redirection", folder);
        } else {
            probe.warn(node, format!("{}: there is no such folder", folder.display()));
        }
    }
}

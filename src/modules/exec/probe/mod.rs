//! Warnings about commands that most likely do not do what is meant: programs that are not there, variables that have no
//! value, values in code, what only a shell understands, commands that start themselves.

mod circles;
mod variables;
mod words;

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::conf::{FindingKind, Node};
use crate::engine::{Config, Probe};

use self::circles::check_circles;
use self::variables::{check_environment, check_options, check_variables, known_variables};
use self::words::check_signs;
use super::environment::Environment;
use super::line::redirection::Redirection;
use super::line::{Kind, Line};
use super::settings::{read, written};

/// Checks the commands of a configuration, each once.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let Some(first) = config.rtmp_servers.first() else { return };
    let environment = Environment::read(first);
    let mut seen: Vec<&Node> = Vec::new();
    let apps = config.applications.iter().map(|app| &app.scope);
    let recorders: Vec<_> = apps.clone().flat_map(|app| app.blocks("recorder")).collect();
    for scope in config.rtmp_servers.iter().chain(apps).chain(&recorders) {
        for (node, options) in written(scope) {
            if seen.iter().any(|other| std::ptr::eq(*other, node)) {
                continue;
            }
            seen.push(node);
            // What is wrong with a line is told elsewhere.
            let (Some(kind), Ok(line)) = (Kind::of(&node.name), read(scope, node, options)) else {
                continue;
            };
            check_program(node, &line, &environment, probe);
            check_variables(node, kind, probe);
            check_options(node, &line, probe);
            check_environment(node, (kind, &line), &environment, probe);
            check_signs(node, &line, probe);
            check_code(node, &line, probe);
            check_files(node, &line, probe);
        }
    }
    check_circles(config, probe);
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

/// Tells what becomes of values in code.
fn check_code(node: &Node, line: &Line, probe: &mut Probe) {
    let Some((variable, mark)) = line.variables_in_code().next() else { return };
    let (name, interpreter) = (variable.name(), &mark.interpreter);
    let advice = mark.advice.about(variable);
    let message = format!(
        "where ${name} has a blank or another character that means something to {interpreter}, the command is not run; {advice}"
    );
    probe.tell(node, FindingKind::Differs, message);
}

/// Warns of files that cannot be written, or for whose other end a command would wait.
fn check_files(node: &Node, line: &Line, probe: &mut Probe) {
    for path in line.redirections().iter().filter_map(Redirection::file) {
        if fs::metadata(&path).is_ok_and(|found| found.file_type().is_fifo()) {
            let message =
                format!("{}: is a FIFO: the command waits until its other end is open", path.display());
            probe.warn(node, message);
        }
    }
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

//! Warnings about commands that most likely do not do what is meant: programs that are not there, variables that have no
//! value, values in code, what only a shell understands, commands that start themselves, URLs that lead to nothing.

mod circles;
mod urls;
mod variables;
mod words;

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::conf::Node;
use crate::engine::{Config, Probe};

use self::circles::check_circles;
use self::urls::check_urls;
use self::variables::{check_environment, check_options, check_variables, known_variables};
use self::words::check_signs;
use super::environment::Environment;
use super::line::code::mark::Mark;
use super::line::redirection::Redirection;
use super::line::{Kind, Line};
use super::settings::{all_written, read};
use super::variables::Variable;

/// The signs in addresses.
const ADDRESS_SIGNS: [char; 2] = ['.', ':'];

/// Checks the commands of a configuration, each once.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let Some(first) = config.rtmp_servers.first() else { return };
    let environment = Environment::read(first);
    for (scope, node, options) in all_written(config) {
        // What is wrong with a line is told elsewhere.
        let (Some(kind), Ok(line)) = (Kind::of(&node.name), read(&scope, node, options)) else {
            continue;
        };
        check_program(node, &line, &environment, probe);
        check_variables(node, kind, probe);
        check_options(node, &line, probe);
        check_environment(node, (kind, &line), &environment, probe);
        check_signs(node, &line, probe);
        check_code(node, &line, probe);
        check_files(node, &line, probe);
        check_urls(node, config, probe);
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

/// Warns of values in code, which stop the command if they have more than a few characters.
fn check_code(node: &Node, line: &Line, probe: &mut Probe) {
    // Of an address each character is harmless to a shell.
    let may_stop = |(variable, mark): &(Variable, &Mark)| {
        *variable != Variable::Addr || !ADDRESS_SIGNS.iter().all(|sign| mark.harmless.contains(*sign))
    };
    let found: Vec<_> = line.variables_in_code().filter(may_stop).collect();
    let Some((_, mark)) = found.first() else { return };
    let mut variables: Vec<Variable> = Vec::new();
    for (variable, other) in &found {
        if other.interpreter == mark.interpreter && !variables.contains(variable) {
            variables.push(*variable);
        }
    }
    let names: Vec<_> = variables.iter().map(|variable| format!("${}", variable.name())).collect();
    let always =
        if variables.contains(&Variable::FlashVer) { " ($flashver nearly always has some)" } else { "" };
    let message = format!(
        "where {} has a blank or another character that means something to {}{always}, the command is not run; {}",
        names.join(" or "),
        mark.interpreter,
        mark.advice.about(&variables)
    );
    probe.warn(node, message);
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

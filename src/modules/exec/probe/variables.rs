//! Warnings about variables: those that are left out, taken for text, or read by nobody.

use crate::conf::{Node, nearest};
use crate::engine::Probe;

use crate::modules::exec::environment::Environment;
use crate::modules::exec::line::code::mark::{Advice, Mark};
use crate::modules::exec::line::template::{Part, parts};
use crate::modules::exec::line::{Kind, Line};
use crate::modules::exec::variables::{ENVIRONMENT, Variable};

/// Warns of variables that are left out, or taken for text.
pub fn check_variables(node: &Node, kind: Kind, probe: &mut Probe) {
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
        if told.contains(&name) {
            continue;
        }
        match known.filter(|known| variables.contains(known)) {
            Some(known) if kind == Kind::RecordDone || !known.is_of_recordings() => continue,
            Some(_) => probe.warn(node, format!("${name} is empty: only \"exec_record_done\" has it")),
            None => probe.warn(node, left_out(directive, &name, known, variables)),
        }
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
pub fn known_variables(word: &str) -> impl Iterator<Item = String> {
    parts(word).into_iter().filter_map(|part| match part {
        Part::Name(name) => Variable::named(&name).map(|_| name),
        Part::Text(_) => None,
    })
}

/// Warns of a word that begins with what a client may say: the program may take it for an option.
pub fn check_options(node: &Node, line: &Line, probe: &mut Probe) {
    let mut plain = line.arguments().filter(|(word, mark)| mark.is_none() && word.shape().starts_with('\0'));
    let first =
        plain.find_map(|(word, _)| word.variables().next().filter(|variable| variable.is_free_text()));
    if let Some(variable) = first {
        let (name, environment) = (variable.name(), variable.in_environment());
        let message = format!(
            "a client that sends \"-...\" as ${name} gives the program an option; a script that reads {environment} is safer"
        );
        probe.warn(node, message);
    }
}

/// Warns of variables of the environment that nobody fills in, or that do not exist.
pub fn check_environment(
    node: &Node,
    (kind, line): (Kind, &Line),
    environment: &Environment,
    probe: &mut Probe,
) {
    let mut told: Vec<&str> = Vec::new();
    for (word, mark) in line.arguments() {
        for name in word.texts().flat_map(of_environment) {
            if told.contains(&name) {
                continue;
            }
            told.push(name);
            if let Some(why) = unknown(&node.name, kind, name).filter(|_| !environment.has(name)) {
                probe.warn(node, why);
            } else if let Some(why) = unread(name, mark) {
                probe.warn(node, why);
            }
        }
    }
}

/// The names of variables of the environment in a text that begin as ours do.
fn of_environment(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|behind| {
        let name = behind.strip_prefix('{').unwrap_or(behind);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        name.get(..end).filter(|name| name.starts_with(ENVIRONMENT))
    })
}

/// The warning about a variable that the environment of such a command has not.
fn unknown(directive: &str, kind: Kind, name: &str) -> Option<String> {
    let of_all: Vec<_> =
        Variable::ALL.into_iter().map(|variable| (variable, variable.in_environment())).collect();
    let has = |variable: Variable| {
        kind.variables().is_some_and(|has| has.contains(&variable))
            && (kind == Kind::RecordDone || !variable.is_of_recordings())
    };
    match of_all.iter().find(|(_, known)| known == name) {
        Some((variable, _)) if has(*variable) => None,
        Some(_) => Some(format!("\"{directive}\" has no ${name}")),
        None => {
            let meant = nearest(name, of_all.iter().map(|(_, known)| known.as_str()));
            let meant = meant.map(|meant| format!("; did you mean ${meant}?")).unwrap_or_default();
            Some(format!("there is no variable ${name}{meant}"))
        }
    }
}

/// The warning about a variable of the environment where no shell reads it.
fn unread(name: &str, mark: Option<&Mark>) -> Option<String> {
    let Some(mark) = mark.filter(|mark| mark.is_code()) else {
        let short = name.strip_prefix(ENVIRONMENT).unwrap_or(name).to_ascii_lowercase();
        return Some(format!("${name} stays as it is written, as no shell reads this word; write ${short}"));
    };
    match mark.advice {
        Advice::Quote | Advice::Script => None,
        Advice::Environment => {
            let interpreter = &mark.interpreter;
            Some(format!(
                "${name} stays as it is written; {interpreter} reads its environment in another way"
            ))
        }
    }
}

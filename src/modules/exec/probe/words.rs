//! Warnings about words that mean something only to a shell.

use crate::conf::Node;
use crate::engine::Probe;

use crate::modules::exec::line::Line;

/// The words by which a shell tells commands from each other.
const SIGNS: &[&str] = &["|", "|&", "||", "&&", "&", ";"];

/// The options of `find` behind which a command stands, up to a ";".
const WITH_COMMANDS: &[&str] = &["-exec", "-execdir", "-ok", "-okdir"];

/// Warns of a word that a shell would act on, and the program gets.
pub fn check_signs(node: &Node, line: &Line, probe: &mut Probe) {
    let words: Vec<String> = line.arguments().map(|(word, _)| word.shape()).collect();
    let ends_command = words.iter().any(|word| WITH_COMMANDS.contains(&word.as_str()));
    let is_sign = |word: &&String| {
        let is_end = ends_command && *word == ";";
        !is_end && (SIGNS.contains(&word.as_str()) || word.starts_with("&>"))
    };
    if let Some(word) = words.iter().find(is_sign) {
        let sign = if word.starts_with("&>") { "&>" } else { word };
        let program = line.program();
        probe.warn(
            node,
            format!("no shell is involved, so \"{sign}\" is an argument of {program}; sh -c \"...\" starts a shell"),
        );
    }
}

//! The words of a command that a shell or another interpreter runs as code: `bash -c "... $name ..."`.
//!
//! There a value that a client has chosen would be code, too. So such words are marked, and in them a value may have
//! harmless characters only. Words behind the code are plain arguments. Only the programs in `interpreters.rs` are known, by
//! the names of `names.rs`. Where the options of one of them are not understood, all that follows is marked.

mod interpreters;
pub mod mark;
mod names;
mod options;

use super::template::Template;
use mark::Mark;
use names::{interpreter, is_wrapper};

/// Marks the words of a command, of which the first one is the program. The interpreter is the program, or stands
/// anywhere behind one that starts others: `env`, `timeout 5`, `docker exec web`.
pub fn marked(words: &[Template]) -> Vec<Option<Mark>> {
    let shapes: Vec<_> = words.iter().map(Template::shape).collect();
    let mut marks: Vec<Option<Mark>> = vec![None; words.len()];
    let starts_others = shapes.first().is_some_and(|program| is_wrapper(base_name(program)));
    let places = if starts_others { shapes.len() } else { 1 };
    for (at, shape) in shapes.iter().enumerate().take(places) {
        let Some(interpreter) = interpreter(base_name(shape)).filter(|_| !shape.contains("://")) else {
            continue;
        };
        let behind = shapes.get(at + 1..).unwrap_or_default();
        for (mark, found) in marks.iter_mut().skip(at + 1).zip(interpreter.kinds(behind)) {
            if let Some(kind) = found {
                let found = Mark {
                    kind,
                    interpreter: base_name(shape).to_owned(),
                    harmless: interpreter.harmless,
                    advice: interpreter.advice,
                };
                *mark = Some(found.and(mark.take()));
            }
        }
    }
    marks
}

/// A program without its folder.
fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;

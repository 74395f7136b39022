//! The words of a command that a shell or another interpreter runs as code: `bash -c "... $name ..."`.
//!
//! There a value that a client has chosen would be code, too. So such words are marked, and in them a value may have
//! harmless characters only. Words behind the code are plain arguments. Only the programs in `interpreters.rs` are known.
//! Where the options of one of them are not understood, all that follows is marked.

mod interpreters;
mod options;

use super::template::Template;
use crate::modules::exec::variables::{Values, Variable};
use interpreters::{Interpreter, interpreter, is_wrapper};

/// What an interpreter may make of the values in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    place: Place,
    /// The name of the interpreter, as the line has it.
    pub interpreter: String,
    /// The characters that a value may have besides letters and digits.
    harmless: &'static str,
    pub advice: Advice,
}

/// What a marked word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Code, or an option that may be.
    Code,
    /// An argument that is an option if its value begins like one.
    Operand,
}

/// What an operator can do who needs a value in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The shell fills in variables of its environment.
    Quote,
    /// The code can read its environment.
    Environment,
    /// The code may run where the environment is another one.
    Script,
}

impl Advice {
    /// The advice for a variable, as the end of a sentence.
    pub fn about(self, variable: Variable) -> String {
        let name = variable.in_environment();
        match self {
            Self::Quote => format!("write \"${name}\" in its place"),
            Self::Environment => format!("have the code read {name} from its environment"),
            Self::Script => format!("start a script that reads {name} from its environment"),
        }
    }
}

impl Mark {
    fn of(place: Place, interpreter: &Interpreter, word: &str) -> Self {
        Self {
            place,
            interpreter: base_name(word).to_owned(),
            harmless: interpreter.harmless,
            advice: interpreter.advice,
        }
    }

    /// Whether the values in the word are code.
    pub fn is_code(&self) -> bool {
        self.place == Place::Code
    }

    /// The first variable of the word whose value may mean something to the interpreter.
    pub fn unsafe_variable(&self, word: &Template, values: &Values) -> Option<Variable> {
        let is_harmless = |c: char| c.is_ascii_alphanumeric() || self.harmless.contains(c);
        let is_unsafe =
            |variable: &Variable| self.is_code() && !values.get(*variable).chars().all(is_harmless);
        let becomes_option = word.fill(values).starts_with(OPTION) && !word.shape().starts_with(OPTION);
        word.variables().find(|variable| becomes_option || is_unsafe(variable))
    }

    /// The stricter one of two.
    fn and(self, other: Option<Self>) -> Self {
        let strictness = |mark: &Self| (mark.is_code(), usize::MAX - mark.harmless.len());
        match other {
            Some(other) if strictness(&other) >= strictness(&self) => other,
            _ => self,
        }
    }
}

/// What options begin with.
const OPTION: [char; 2] = ['-', '+'];

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
        for (mark, found) in marks.iter_mut().skip(at + 1).zip(interpreter.places(behind)) {
            if let Some(place) = found {
                *mark = Some(Mark::of(place, interpreter, shape).and(mark.take()));
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

//! Marks of words in which a value may be code: what it may have inside, and what to do if it has more.

use crate::modules::exec::line::template::Template;
use crate::modules::exec::variables::{Values, Variable};

/// What an interpreter may make of the values in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub kind: WordKind,
    /// The name of the interpreter, as the line has it.
    pub interpreter: String,
    /// The characters that a value may have besides letters and digits.
    pub harmless: &'static str,
    pub advice: Advice,
}

/// What a marked word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordKind {
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
    /// The advice for variables, as the end of a sentence.
    pub fn about(self, variables: &[Variable]) -> String {
        let sign = if self == Self::Quote { "\"$" } else { "" };
        let end = if self == Self::Quote { "\"" } else { "" };
        let names: Vec<_> =
            variables.iter().map(|variable| format!("{sign}{}{end}", variable.in_environment())).collect();
        let names = names.join(" and ");
        match self {
            Self::Quote => {
                format!("write {names} in {} place", if variables.len() > 1 { "their" } else { "its" })
            }
            Self::Environment => format!("have the code read {names} from its environment"),
            Self::Script => format!("start a script that reads {names} from its environment"),
        }
    }
}

impl Mark {
    /// Whether the values in the word are code.
    pub fn is_code(&self) -> bool {
        self.kind == WordKind::Code
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
    pub fn and(self, other: Option<Self>) -> Self {
        let strictness = |mark: &Self| (mark.is_code(), usize::MAX - mark.harmless.len());
        match other {
            Some(other) if strictness(&other) >= strictness(&self) => other,
            _ => self,
        }
    }
}

/// What options begin with.
pub const OPTION: [char; 2] = ['-', '+'];

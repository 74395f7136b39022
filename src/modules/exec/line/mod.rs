//! A command as a line of the configuration has it: when it runs, the program, its arguments and redirections.

pub mod code;
pub mod redirection;
pub mod template;

use std::fmt;
use std::time::Duration;

use crate::engine::Redirection as FilledRedirection;

use super::variables::{Values, Variable};
use code::mark::Mark;
use code::marked;
use redirection::{Operator, Redirection};
use template::Template;

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// While a stream has a publisher.
    Push,
    /// While a stream has players and nobody else publishes it.
    Pull,
    /// While the server runs.
    Static,
    /// When a publish begins.
    Publish,
    /// When it has ended.
    PublishDone,
    /// When a play begins.
    Play,
    /// When it has ended.
    PlayDone,
    /// When a recording is finished.
    RecordDone,
}

impl Kind {
    /// The kind of a directive.
    pub fn of(directive: &str) -> Option<Self> {
        Some(match directive {
            "exec" | "exec_push" => Self::Push,
            "exec_pull" => Self::Pull,
            "exec_static" => Self::Static,
            "exec_publish" => Self::Publish,
            "exec_publish_done" => Self::PublishDone,
            "exec_play" => Self::Play,
            "exec_play_done" => Self::PlayDone,
            "exec_record_done" => Self::RecordDone,
            _ => return None,
        })
    }

    /// Whether a command ends with what it belongs to.
    pub fn is_managed(self) -> bool {
        matches!(self, Self::Push | Self::Pull | Self::Static)
    }

    /// Whether a command is one of those that wait if too many run.
    pub fn may_wait(self) -> bool {
        self.is_managed() || matches!(self, Self::PublishDone | Self::PlayDone | Self::RecordDone)
    }

    /// The variables of its words; none if they are taken as they are written.
    pub fn variables(self) -> Option<&'static [Variable]> {
        use Variable::{Addr, App, Args, FlashVer, Name, PageUrl, SwfUrl, TcUrl};
        match self {
            Self::Static => None,
            Self::Pull => Some(&[Name, App]),
            Self::Push => Some(&[Name, Args, App, FlashVer, SwfUrl, TcUrl, PageUrl, Addr]),
            Self::Publish | Self::PublishDone | Self::Play | Self::PlayDone | Self::RecordDone => {
                Some(&Variable::ALL)
            }
        }
    }
}

/// How managed commands are started again and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managing {
    /// `respawn`.
    pub respawn: bool,
    /// `respawn_timeout`.
    pub pause: Duration,
    /// `exec_kill_signal`.
    pub signal: i32,
}

/// `exec_options`, where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Options {
    Off,
    /// Words that begin with `name=` are names of streams.
    On,
}

/// A line of the configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: Kind,
    pub managing: Managing,
    /// Where it stands, if its directive and program alone do not tell it from others.
    place: Option<String>,
    directive: String,
    /// Its words as they are written.
    written: Vec<String>,
    /// The streams that it is for; all if there are none.
    names: Vec<String>,
    program: String,
    arguments: Vec<Argument>,
    redirections: Vec<Redirection>,
}

/// Without its words, which may have secrets.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, managing, directive, .. } = self;
        f.debug_struct("Line")
            .field("kind", kind)
            .field("managing", managing)
            .field("directive", directive)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Argument {
    word: Template,
    /// An interpreter takes it for code, or may.
    mark: Option<Mark>,
}

/// A line with values.
#[derive(PartialEq, Eq)]
pub struct Filled {
    /// The program and its arguments.
    pub words: Vec<String>,
    pub redirections: Vec<FilledRedirection>,
}

/// Without its words, which may have secrets.
impl fmt::Debug for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled").finish_non_exhaustive()
    }
}

/// Why a line cannot be filled in: the variable whose value would do something else than what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It would be code.
    Code(Variable, Mark),
    /// It would lead a redirection to another file.
    Path(Variable),
    /// It has a NUL.
    Nul(Variable),
}

impl Line {
    /// Reads the words behind a directive.
    pub fn read(
        (directive, kind): (&str, Kind),
        written: &[String],
        options: Options,
        managing: Managing,
    ) -> Result<Self, String> {
        let (names, words): (Vec<_>, Vec<_>) =
            written.iter().partition(|word| options == Options::On && word.starts_with(NAME_OPTION));
        let names = names.iter().filter_map(|word| word.strip_prefix(NAME_OPTION));
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty()).ok_or("the program is missing")?;
        if Operator::find(program)?.is_some() {
            return Err("the program comes first, not a redirection".to_owned());
        }
        let (mut arguments, mut redirections) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match Operator::find(word)? {
                None => arguments.push(kind.template(word)),
                Some(operator) => {
                    let to = match operator.rest {
                        "" => words.next().map(String::as_str),
                        rest => Some(rest),
                    };
                    let to =
                        to.filter(|to| !to.is_empty()).ok_or_else(|| format!("\"{word}\" names no file"))?;
                    let redirection = operator.lead(to, kind.variables())?;
                    redirection.check_source(&redirections)?;
                    redirections.push(redirection);
                }
            }
        }
        Ok(Self {
            kind,
            managing,
            place: None,
            directive: directive.to_owned(),
            written: written.to_vec(),
            names: names.map(str::to_owned).collect(),
            program: program.clone(),
            arguments: with_marks(program, arguments),
            redirections,
        })
    }

    /// Whether it is the same line, though what is around it may have changed.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.directive, &self.written, &self.names) == (&other.directive, &other.written, &other.names)
    }

    /// Whether it is for a stream of this name.
    pub fn is_for(&self, stream: &str) -> bool {
        self.is_for_all() || self.names.iter().any(|name| name == stream)
    }

    /// Whether it is for streams of all names.
    pub fn is_for_all(&self) -> bool {
        self.names.is_empty()
    }

    /// The program, as it is written.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The redirections.
    pub fn redirections(&self) -> &[Redirection] {
        &self.redirections
    }

    /// Its arguments, and what an interpreter may make of them.
    pub fn arguments(&self) -> impl Iterator<Item = (&Template, Option<&Mark>)> {
        self.arguments.iter().map(|argument| (&argument.word, argument.mark.as_ref()))
    }

    /// The variables in code.
    pub fn variables_in_code(&self) -> impl Iterator<Item = (Variable, &Mark)> {
        let marked =
            self.arguments().filter_map(|(word, mark)| Some((word, mark.filter(|mark| mark.is_code())?)));
        marked.flat_map(|(word, mark)| word.variables().map(move |variable| (variable, mark)))
    }

    /// The line, with the place that the log says of it.
    pub fn at(self, place: Option<String>) -> Self {
        Self { place, ..self }
    }

    /// Its directive, and the name of its program.
    pub fn name(&self) -> (&str, &str) {
        (&self.directive, self.program.rsplit('/').next().unwrap_or_default())
    }

    /// What lines of the log about it begin with: `#12 exec_push of live/cam: ffmpeg`, or `ffmpeg (line 17)`.
    pub fn label(&self, session: Option<u32>, stream: Option<&str>) -> String {
        let session = session.map(|number| format!("#{number} ")).unwrap_or_default();
        let stream = stream.map(|stream| format!(" of {stream}")).unwrap_or_default();
        let place = self.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let (directive, program) = self.name();
        format!("{session}{directive}{stream}: {program}{place}")
    }

    /// The words of a line that has no variables, or with these values.
    pub fn fill(&self, values: &Values) -> Result<Filled, Objection> {
        let with_nul =
            |word: &Template| word.variables().find(|variable| values.get(*variable).contains('\0'));
        let mut words = vec![self.program.clone()];
        for argument in &self.arguments {
            if let Some(mark) = &argument.mark
                && let Some(variable) = mark.unsafe_variable(&argument.word, values)
            {
                return Err(Objection::Code(variable, mark.clone()));
            }
            if let Some(variable) = with_nul(&argument.word) {
                return Err(Objection::Nul(variable));
            }
            words.push(argument.word.fill(values));
        }
        let redirections = self.redirections.iter().map(|redirection| redirection.fill(values));
        let redirections = redirections.collect::<Result<_, _>>().map_err(Objection::Path)?;
        Ok(Filled { words, redirections })
    }
}

impl Kind {
    fn template(self, word: &str) -> Template {
        self.variables().map_or_else(|| Template::literal(word), |variables| Template::read(word, variables))
    }
}

/// Marks the arguments of a program that are code.
fn with_marks(program: &str, arguments: Vec<Template>) -> Vec<Argument> {
    let words: Vec<_> = std::iter::once(Template::literal(program)).chain(arguments).collect();
    let marks = marked(&words);
    words.into_iter().zip(marks).skip(1).map(|(word, mark)| Argument { word, mark }).collect()
}

/// What words begin with that name streams.
const NAME_OPTION: &str = "name=";

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(variable, mark) => write!(
                f,
                "${} has characters that {} would take for code or an option; {}",
                variable.name(),
                mark.interpreter,
                mark.advice.about(&[*variable])
            ),
            Self::Path(variable) => {
                write!(f, "${} in a redirection has characters that no name of a stream has", variable.name())
            }
            Self::Nul(variable) => write!(f, "${} has a NUL character", variable.name()),
        }
    }
}

/// The redirections and the program of a line are right.
pub fn check(words: &[String]) -> Result<(), String> {
    let managing = Managing { respawn: false, pause: Duration::ZERO, signal: 0 };
    // Words with the names of streams may stand before the program; whether they are such is not known here.
    let begin = words.iter().take_while(|word| word.starts_with(NAME_OPTION)).count();
    let words = words.get(begin.min(words.len().saturating_sub(1))..).unwrap_or_default();
    Line::read(("", Kind::Static), words, Options::Off, managing).map(drop)
}

#[cfg(test)]
mod tests;

//! A directive as its owner declares it, and the table of all of them.

use std::fmt;
use std::time::Duration;

use crate::conf::path;
use crate::conf::table::suggest::alternatives;
use crate::conf::value::{self, Custom, Value};

/// The block that a directive stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Outside all blocks.
    Main,
    /// In `events`.
    Events,
    /// In `rtmp`.
    Rtmp,
    /// In a `server` of `rtmp`.
    RtmpServer,
    /// In an `application`.
    Application,
    /// In a `recorder` of an `application`.
    Recorder,
    /// In `http`.
    Http,
    /// In a `server` of `http`.
    HttpServer,
    /// In a `location`.
    Location,
}

impl Context {
    /// For a directive of RTMP servers, which inherit it.
    pub const RTMP_SERVERS: &'static [Self] = &[Self::Rtmp, Self::RtmpServer];
    /// For a directive of applications, which inherit it.
    pub const APPLICATIONS: &'static [Self] = &[Self::Rtmp, Self::RtmpServer, Self::Application];
    /// For a directive of recorders, which inherit it.
    pub const RECORDERS: &'static [Self] = &[Self::Rtmp, Self::RtmpServer, Self::Application, Self::Recorder];
    /// For a directive of locations, which inherit it.
    pub const LOCATIONS: &'static [Self] = &[Self::Http, Self::HttpServer, Self::Location];
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "the top level",
            Self::Events => "events",
            Self::Rtmp => "rtmp",
            Self::RtmpServer => "server in rtmp",
            Self::Application => "application",
            Self::Recorder => "recorder",
            Self::Http => "http",
            Self::HttpServer => "server in http",
            Self::Location => "location",
        })
    }
}

/// The number of times that a directive may stand in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once; a second one is an error.
    Once,
    /// As often as one likes.
    Many,
}

/// When a changed directive acts after a reload. What it does not reach keeps the old value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// At once, for HTTP from the next request on.
    AtOnce,
    /// A session keeps the value that it began with.
    NextSession,
    /// A stream keeps the value that it began with until it ends.
    NextPublish,
    /// The process keeps the value that it began with.
    Never,
}

impl fmt::Display for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtOnce => "at once",
            Self::NextSession => "from the next session on",
            Self::NextPublish => "from the next publish on",
            Self::Never => "never; restart the server",
        })
    }
}

/// The arguments of a directive.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// `on` or `off`.
    Flag,
    /// A time.
    Time,
    /// A time, or `off`.
    TimeOrOff,
    /// A size from the first to the second, in bytes.
    Size(u64, u64),
    /// A number from the first to the second.
    Number(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One or more of these words.
    AnyOf(&'static [&'static str]),
    /// One argument, not empty.
    Text,
    /// The path of a file or folder.
    Path,
    /// A number of arguments.
    Words {
        /// The fewest.
        min: usize,
        /// The most.
        max: usize,
        /// Their syntax, for messages and the reference.
        syntax: &'static str,
    },
    /// Arguments that only the owner can judge.
    Custom {
        /// Their syntax, for messages and the reference.
        syntax: &'static str,
        /// Reads them; an error completes "... takes SYNTAX: ". One for a lack of arguments may be empty.
        parse: fn(&[String]) -> Result<Custom, String>,
    },
    /// A block.
    Block {
        /// The context of the directives in the block.
        opens: Context,
        /// Judges what stands before the brace.
        label: Label,
    },
    /// A block whose content is the owner's alone, such as `types`.
    Free(Label),
}

/// The arguments between a block's name and its brace.
#[derive(Debug, Clone, Copy)]
pub enum Label {
    /// Nothing.
    None,
    /// Anything; the owner judges it with the block.
    Any {
        /// Its syntax, for messages and the reference.
        syntax: &'static str,
    },
    /// A name.
    Name,
    /// Arguments that only the owner can judge.
    Custom {
        /// Their syntax, for messages and the reference.
        syntax: &'static str,
        /// Reads them.
        parse: fn(&[String]) -> Result<Custom, String>,
    },
}

/// A directive: a row of its module's table.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// The blocks that it may stand in. A value of an outer block holds for the inner ones.
    pub contexts: &'static [Context],
    /// Its arguments.
    pub takes: Takes,
    /// Its value when it is not given, written as in a file; "" for none.
    pub default: &'static str,
    /// The number of times that it may stand in one block.
    pub repeat: Repeat,
    /// When it acts after a reload.
    pub acts: Acts,
    /// Its effect, in a sentence or two.
    pub doc: &'static str,
}

impl Directive {
    /// The arguments that count when it is not given.
    pub fn default_words(&self) -> Vec<String> {
        self.default.split_whitespace().map(str::to_owned).collect()
    }

    /// The syntax of its arguments.
    pub fn syntax(&self) -> String {
        match self.takes {
            Takes::Flag => "on|off".into(),
            Takes::Time => "time".into(),
            Takes::TimeOrOff => "time|off".into(),
            Takes::Size(..) => "size".into(),
            Takes::Number(..) => "number".into(),
            Takes::OneOf(words) => words.join("|"),
            Takes::AnyOf(words) => format!("{} ...", words.join("|")),
            Takes::Text => "text".into(),
            Takes::Path => "path".into(),
            Takes::Words { max: 0, .. } => String::new(),
            Takes::Words { syntax, .. } | Takes::Custom { syntax, .. } => syntax.into(),
            Takes::Block { label, .. } | Takes::Free(label) => match label {
                Label::None => "{...}".into(),
                Label::Name => "name {...}".into(),
                Label::Any { syntax } | Label::Custom { syntax, .. } => format!("{syntax} {{...}}"),
            },
        }
    }

    /// Reads arguments; an error says what was expected.
    pub fn parse(&self, args: &[String]) -> Result<Value, String> {
        match self.takes {
            Takes::Flag => self.one(args, "on or off", value::flag).map(Value::Flag),
            Takes::Time => self.one(args, "a time such as 30s or 500ms", value::time).map(Value::Time),
            Takes::TimeOrOff => {
                let time = |text: &str| if text == "off" { Some(Duration::ZERO) } else { value::time(text) };
                self.one(args, "a time such as 30s, or off", time).map(Value::Time)
            }
            Takes::Size(low, high) => self.parse_size(args, low, high).map(Value::Size),
            Takes::Number(low, high) => self.parse_number(args, low, high).map(Value::Number),
            Takes::OneOf(words) => {
                let known = |text: &str| words.contains(&text).then_some(Value::Words);
                self.one(args, &alternatives(words), known)
            }
            Takes::AnyOf(words) => match args.iter().find(|arg| !words.contains(&arg.as_str())) {
                None if !args.is_empty() => Ok(Value::Words),
                None => Err(self.wrong(&format!("one or more of {}", words.join(", ")), "nothing")),
                Some(wrong) => Err(self.wrong(&format!("any of {}", words.join(", ")), &quote(wrong))),
            },
            Takes::Text => self.one(args, "one argument", not_empty),
            Takes::Path => {
                if args.len() > 1 {
                    let quoted = quote(&args.join(" "));
                    return Err(
                        self.wrong("one path", &format!("{}; with blanks it is {quoted}", count(args)))
                    );
                }
                self.one(args, "one path", not_empty)?;
                args.iter()
                    .try_for_each(|arg| path::check(arg))
                    .map_err(|why| self.explain("a path", &why))?;
                Ok(Value::Words)
            }
            Takes::Words { min, max, .. } if (min..=max).contains(&args.len()) => Ok(Value::Words),
            Takes::Words { syntax, .. } => Err(self.wrong(syntax, &count(args))),
            Takes::Custom { syntax, parse } => self.parse_custom(args, syntax, parse),
            Takes::Block { label, .. } | Takes::Free(label) => self.parse_label(args, label),
        }
    }

    fn parse_size(&self, args: &[String], low: u64, high: u64) -> Result<u64, String> {
        let expected = match (low, high) {
            (0, u64::MAX) => "a size such as 64k or 1m".to_owned(),
            (_, u64::MAX) => format!("a size of at least {}", value::write_size(low)),
            _ => format!("a size from {} to {}", value::write_size(low), value::write_size(high)),
        };
        self.one(args, &expected, |text| value::size(text).filter(|size| (low..=high).contains(size)))
    }

    fn parse_number(&self, args: &[String], low: u64, high: u64) -> Result<u64, String> {
        let fits = |number: &u64| (low..=high).contains(number);
        let read = self
            .one(args, &format!("a number from {low} to {high}"), |text| value::number(text).filter(fits));
        read.map_err(|why| match args.first().and_then(|arg| value::size(arg)) {
            Some(size) if args.len() == 1 && fits(&size) => format!("{why}; write \"{size}\""),
            _ => why,
        })
    }

    fn parse_label(&self, args: &[String], label: Label) -> Result<Value, String> {
        match (label, args) {
            (Label::None, []) | (Label::Any { .. }, _) => Ok(Value::Words),
            (Label::None, [first, ..]) => Err(self.wrong("nothing before \"{\"", &quote(first))),
            (Label::Name, _) => self.one(args, "a name", |_| Some(Value::Words)),
            (Label::Custom { syntax, parse }, _) => self.parse_custom(args, syntax, parse),
        }
    }

    fn parse_custom(
        &self,
        args: &[String],
        syntax: &str,
        parse: fn(&[String]) -> Result<Custom, String>,
    ) -> Result<Value, String> {
        let wrong = |why: String| match args {
            [] if why.is_empty() => self.wrong(syntax, &count(args)),
            _ => self.explain(syntax, &why),
        };
        parse(args).map(Value::Custom).map_err(wrong)
    }

    /// The value of the only argument.
    fn one<T>(&self, args: &[String], expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        match args {
            [arg] => read(arg).ok_or_else(|| self.wrong(expected, &quote(arg))),
            // "3 s" where "3s" is meant.
            [_, unit]
                if !unit.starts_with(|c: char| c.is_ascii_digit()) && read(&args.concat()).is_some() =>
            {
                Err(self.wrong(expected, &format!("2 arguments; write {}", quote(&args.concat()))))
            }
            _ => Err(self.wrong(expected, &count(args))),
        }
    }

    fn wrong(&self, expected: &str, found: &str) -> String {
        format!("\"{}\" takes {expected}, not {found}", self.name)
    }

    fn explain(&self, expected: &str, why: &str) -> String {
        format!("\"{}\" takes {expected}: {why}", self.name)
    }
}

fn not_empty(text: &str) -> Option<Value> {
    (!text.is_empty()).then_some(Value::Words)
}

fn quote(arg: &str) -> String {
    format!("\"{}\"", arg.escape_debug())
}

fn count(args: &[String]) -> String {
    match args.len() {
        0 => "nothing".into(),
        1 => "one argument".into(),
        many => format!("{many} arguments"),
    }
}

/// A row for tests.
#[cfg(test)]
pub(in crate::conf) const fn row(
    name: &'static str,
    contexts: &'static [Context],
    takes: Takes,
    default: &'static str,
) -> Directive {
    Directive { name, contexts, takes, default, repeat: Repeat::Once, acts: Acts::AtOnce, doc: "" }
}

/// All directives.
#[derive(Debug)]
pub struct Table {
    rows: Vec<&'static Directive>,
}

impl Table {
    /// The rows of all owners.
    pub fn new(parts: &[&'static [Directive]]) -> Self {
        Self { rows: parts.iter().flat_map(|rows| rows.iter()).collect() }
    }

    /// The directive of that name that may stand there.
    pub fn find(&self, name: &str, context: Context) -> Option<&'static Directive> {
        self.named(name).find(|row| row.contexts.contains(&context))
    }

    /// Directives of that name, wherever they may stand.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &'static Directive> {
        self.rows.iter().copied().filter(move |row| row.name == name)
    }

    /// The directives that may stand in a context.
    pub fn rows(&self, context: Context) -> impl Iterator<Item = &'static Directive> {
        self.rows.iter().copied().filter(move |row| row.contexts.contains(&context))
    }

    /// All names, or those that may stand in a context.
    pub fn names(&self, context: Option<Context>) -> impl Iterator<Item = &'static str> {
        let fits = move |row: &&&Directive| context.is_none_or(|context| row.contexts.contains(&context));
        self.rows.iter().filter(fits).map(|row| row.name)
    }

    /// Checks that every default is a value that its directive takes.
    pub fn check_defaults(&self) -> Result<(), String> {
        for row in self.rows.iter().filter(|row| !row.default.is_empty()) {
            row.parse(&row.default_words())?;
        }
        Ok(())
    }
}

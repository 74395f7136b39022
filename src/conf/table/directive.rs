//! A directive as its owner declares it, and the table of all of them.

use std::fmt;

use crate::conf::{path, value};

/// Where a directive may stand.
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

/// How often a directive may stand in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once; a second one is an error.
    Once,
    /// As often as one likes.
    Many,
}

/// What a directive takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// `on` or `off`.
    Flag,
    /// A time.
    Time,
    /// A time, or `off`.
    TimeOrOff,
    /// A size.
    Size,
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
        /// How they are written.
        syntax: &'static str,
    },
    /// Arguments that only the owner can judge.
    Custom {
        /// How they are written.
        syntax: &'static str,
        /// Judges them; an error completes "... takes SYNTAX: ".
        check: fn(&[String]) -> Result<(), String>,
    },
    /// A block.
    Block {
        /// What the block is to the directives in it.
        opens: Context,
        /// Judges what stands before the brace.
        label: Label,
    },
    /// A block whose content is the owner's alone, such as `types`.
    Free(Label),
}

/// What stands between a block's name and its brace.
#[derive(Debug, Clone, Copy)]
pub enum Label {
    /// Nothing.
    None,
    /// Anything; the owner judges it with the block.
    Any {
        /// How it is written.
        syntax: &'static str,
    },
    /// A name.
    Name,
    /// Arguments that only the owner can judge.
    Custom {
        /// How they are written.
        syntax: &'static str,
        /// Judges them.
        check: fn(&[String]) -> Result<(), String>,
    },
}

/// A directive: a row of its module's table.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// Where it may stand; what is said in an outer block holds for the inner ones.
    pub contexts: &'static [Context],
    /// What it takes.
    pub takes: Takes,
    /// Its value when it is not given, written as in a file; "" for none.
    pub default: &'static str,
    /// How often it may stand in one block.
    pub repeat: Repeat,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

impl Directive {
    /// How its arguments are written.
    pub fn syntax(&self) -> String {
        match self.takes {
            Takes::Flag => "on|off".into(),
            Takes::Time => "time".into(),
            Takes::TimeOrOff => "time|off".into(),
            Takes::Size => "size".into(),
            Takes::Number(..) => "number".into(),
            Takes::OneOf(words) => words.join("|"),
            Takes::AnyOf(words) => format!("{} ...", words.join("|")),
            Takes::Text => "text".into(),
            Takes::Path => "path".into(),
            Takes::Words { syntax, .. } | Takes::Custom { syntax, .. } => syntax.into(),
            Takes::Block { label, .. } | Takes::Free(label) => match label {
                Label::None => "{...}".into(),
                Label::Name => "name {...}".into(),
                Label::Any { syntax } | Label::Custom { syntax, .. } => format!("{syntax} {{...}}"),
            },
        }
    }

    /// Judges arguments; an error says what was expected.
    pub fn check_args(&self, args: &[String]) -> Result<(), String> {
        match self.takes {
            Takes::Flag => self.one(args, "on or off", |text| value::flag(text).is_some()),
            Takes::Time => self.one(args, "a time such as 30s or 500ms", |text| value::time(text).is_some()),
            Takes::TimeOrOff => self
                .one(args, "a time such as 30s, or off", |text| text == "off" || value::time(text).is_some()),
            Takes::Size => self.one(args, "a size such as 64k or 1m", |text| value::size(text).is_some()),
            Takes::Number(low, high) => {
                let fits = |number: u64| (low..=high).contains(&number);
                let checked = self.one(args, &format!("a number from {low} to {high}"), |text| {
                    value::number(text).is_some_and(fits)
                });
                checked.map_err(|why| match args.first().and_then(|arg| value::size(arg)) {
                    Some(size) if args.len() == 1 && fits(size) => format!("{why}; write \"{size}\""),
                    _ => why,
                })
            }
            Takes::OneOf(words) => self.one(args, &words.join(", "), |text| words.contains(&text)),
            Takes::AnyOf(words) => match args.iter().find(|arg| !words.contains(&arg.as_str())) {
                None if !args.is_empty() => Ok(()),
                None => self.wrong(&format!("one or more of {}", words.join(", ")), "nothing"),
                Some(wrong) => self.wrong(&format!("any of {}", words.join(", ")), &quote(wrong)),
            },
            Takes::Text => self.one(args, "one argument", |text| !text.is_empty()),
            Takes::Path => {
                self.one(args, "one path", |text| !text.is_empty())?;
                self.judge(args, "a path", |args| args.iter().try_for_each(|arg| path::check(arg)))
            }
            Takes::Words { min, max, syntax } => {
                if (min..=max).contains(&args.len()) {
                    Ok(())
                } else {
                    self.wrong(syntax, &count(args))
                }
            }
            Takes::Custom { syntax, check } => self.judge(args, syntax, check),
            Takes::Block { label, .. } | Takes::Free(label) => self.check_label(args, label),
        }
    }

    fn check_label(&self, args: &[String], label: Label) -> Result<(), String> {
        match (label, args) {
            (Label::None, []) | (Label::Any { .. }, _) => Ok(()),
            (Label::None, [first, ..]) => self.wrong("nothing before \"{\"", &quote(first)),
            (Label::Name, _) => self.one(args, "a name", |_| true),
            (Label::Custom { syntax, check }, _) => self.judge(args, syntax, check),
        }
    }

    fn judge(
        &self,
        args: &[String],
        syntax: &str,
        check: fn(&[String]) -> Result<(), String>,
    ) -> Result<(), String> {
        check(args).map_err(|why| format!("\"{}\" takes {syntax}: {why}", self.name))
    }

    fn one(&self, args: &[String], expected: &str, holds: impl Fn(&str) -> bool) -> Result<(), String> {
        match args {
            [arg] if holds(arg) => Ok(()),
            [arg] => self.wrong(expected, &quote(arg)),
            // "3 s" where "3s" is meant.
            [_, unit] if !unit.starts_with(|c: char| c.is_ascii_digit()) && holds(&args.concat()) => {
                self.wrong(expected, &format!("2 arguments; write {}", quote(&args.concat())))
            }
            _ => self.wrong(expected, &count(args)),
        }
    }

    fn wrong(&self, expected: &str, found: &str) -> Result<(), String> {
        Err(format!("\"{}\" takes {expected}, not {found}", self.name))
    }
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
    Directive { name, contexts, takes, default, repeat: Repeat::Once, doc: "" }
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

    /// All names, or those that may stand in a context.
    pub fn names(&self, context: Option<Context>) -> impl Iterator<Item = &'static str> {
        let fits = move |row: &&&Directive| context.is_none_or(|context| row.contexts.contains(&context));
        self.rows.iter().filter(fits).map(|row| row.name)
    }

    /// Whether every default is a value that its directive takes.
    pub fn check_defaults(&self) -> Result<(), String> {
        for row in self.rows.iter().filter(|row| !row.default.is_empty()) {
            let args: Vec<String> = row.default.split_whitespace().map(str::to_owned).collect();
            row.check_args(&args)?;
        }
        Ok(())
    }
}

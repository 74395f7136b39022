//! The environment of commands: a few variables of the server's own, `env` lines, and what a command is about.

use std::env;

use crate::conf::{Node, Scope};

use super::variables::Values;

/// The variables that a command has of the server's environment without any `env` line.
const PASSED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// The folders of programs if the server has none.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An `env` line.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvironmentLine {
    name: String,
    /// None for the server's own value.
    value: Option<String>,
}

impl EnvironmentLine {
    /// Reads the arguments of `env`.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let word = match args {
            [word] => word,
            [] => return Err(String::new()),
            _ => return Err("a value with blanks is put into quotes: env \"NAME=a b\"".to_owned()),
        };
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if name.is_empty() {
            Err("the name is missing".to_owned())
        } else {
            Ok(Self { name: name.to_owned(), value })
        }
    }
}

/// The environment that all commands have.
#[derive(Default)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// Reads the `env` lines around a block, and the server's environment.
    pub fn read(scope: &Scope<'_>) -> Self {
        let lines = scope.all("env").into_iter().map(Node::custom);
        Self::of(lines, |name| env::var(name).ok())
    }

    fn of(lines: impl Iterator<Item = EnvironmentLine>, servers: impl Fn(&str) -> Option<String>) -> Self {
        let mut all = Self::default();
        all.set("PATH", USUAL_PATH.to_owned());
        for name in PASSED {
            servers(name).into_iter().for_each(|value| all.set(name, value));
        }
        for EnvironmentLine { name, value } in lines {
            value.or_else(|| servers(&name)).into_iter().for_each(|value| all.set(&name, value));
        }
        all
    }

    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The environment of a command, with what it is about.
    pub fn with(&self, values: Option<&Values>) -> Vec<(String, String)> {
        let mut all = Self(self.0.clone());
        for (name, value) in values.into_iter().flat_map(Values::in_environment) {
            all.set(&name, value);
        }
        all.0
    }

    /// Whether commands have a variable besides those of what they are about.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Where programs are looked for.
    pub fn path(&self) -> &str {
        self.0.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::exec::variables::tests::values;

    fn lines(lines: &[&str]) -> Vec<EnvironmentLine> {
        lines
            .iter()
            .map(|line| EnvironmentLine::parse(&[(*line).to_owned()]).unwrap_or_else(|why| panic!("{why}")))
            .collect()
    }

    #[test]
    fn commands_have_a_few_variables_and_those_of_env_lines() {
        let servers = |name: &str| match name {
            "HOME" => Some("/root".to_owned()),
            "SECRET" => Some("s".to_owned()),
            "TOKEN" => Some("t".to_owned()),
            _ => None,
        };
        let found = Environment::of(lines(&["TOKEN", "MISSING", "A=b=c", "HOME=/srv"]).into_iter(), servers);
        let expected = [("PATH", USUAL_PATH), ("HOME", "/srv"), ("TOKEN", "t"), ("A", "b=c")];
        assert_eq!(found.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let path = Environment::of(lines(&["PATH=/opt/bin"]).into_iter(), servers);
        assert_eq!(path.path(), "/opt/bin");
    }

    #[test]
    fn what_a_command_is_about_cannot_be_replaced() {
        let all = Environment::of(lines(&["MILLSTREAM_NAME=x"]).into_iter(), |_| None)
            .with(Some(&values("cam", "")));
        let names: Vec<_> = all.iter().filter(|(name, _)| name == "MILLSTREAM_NAME").collect();
        assert_eq!(names, [&("MILLSTREAM_NAME".to_owned(), "cam".to_owned())]);
    }

    #[test]
    fn an_env_line_has_one_word_with_a_name() {
        for words in [&["=x"][..], &[""], &["A=b", "c"], &[]] {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(EnvironmentLine::parse(&words).is_err(), "{words:?}");
        }
    }
}

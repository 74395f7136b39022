//! The command line, with the options of nginx.

use std::path::PathBuf;

use getopts::{Fail, Options};
use millstream::engine::LogTarget;

/// The job that the command line asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Task {
    #[default]
    Serve,
    /// Test the configuration.
    Test {
        /// It is printed, too.
        dump: bool,
    },
    /// Send a signal to the running server.
    Signal(Signal),
    /// Print the version.
    Version {
        /// The build is printed, too: machine, system and profile.
        verbose: bool,
    },
    Help,
}

/// The signals of `-s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Finish all files and stop.
    Stop,
    /// Accept no more connections, and stop when the last session has ended.
    Quit,
    /// Read the configuration again.
    Reload,
    /// Open the log files again.
    Reopen,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    pub task: Task,
    /// `-c`: the configuration file; without it, the built-in configuration.
    pub file: Option<PathBuf>,
    /// `-p`: the folder in which relative paths begin.
    pub prefix: Option<PathBuf>,
    /// `-g`: directives at the top level, in addition to the file's.
    pub globals: Option<String>,
    /// `-e`: the error log, in place of those of the file.
    pub error_log: Option<LogTarget>,
}

impl CommandLine {
    /// Goes to the prefix, where relative paths begin from here on, and makes the paths absolute: a reload finds the same
    /// files, whatever becomes of the folder's name.
    pub fn enter_prefix(&mut self) -> Result<(), String> {
        if let Some(prefix) = &self.prefix {
            std::env::set_current_dir(prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
        }
        let error_log = self.error_log.as_mut().and_then(|target| match target {
            LogTarget::File(path) => Some(path),
            _ => None,
        });
        for path in self.file.as_mut().into_iter().chain(error_log) {
            *path = std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options.optflag("h", "help", "print this and exit");
    options.optflag("v", "version", "print the version and exit");
    options.optflag("V", "", "print the version and how it was built, and exit");
    options.optflag("t", "", "test the configuration and exit");
    options.optflag("T", "", "test the configuration, print it, and exit");
    options.optopt("s", "", "send the running server a signal", "stop|quit|reload|reopen");
    options.optopt("p", "", "the folder in which relative paths begin (default: the current one)", "prefix");
    options.optopt(
        "e",
        "",
        "the error log, in place of those of the configuration",
        "file|stderr|syslog:...|off",
    );
    options.optopt("c", "", "the configuration file (default: the one built in)", "file");
    options.optopt("g", "", "directives to add at the top level", "directives");
    options
}

/// The text of `-h`.
pub fn usage() -> String {
    let brief = "Usage: millstream [-hvVtT] [-s signal] [-p prefix] [-e file] [-c file] [-g directives]\n       millstream ctl ...: sees and steers a running server; ctl -h tells more";
    options().usage(brief)
}

/// Reads the arguments; an error is for the user to read.
pub fn parse(args: &[String]) -> Result<CommandLine, String> {
    let matches = options().parse(args).map_err(|fail| explain(&fail, "-h"))?;
    if let Some(extra) = matches.free.first() {
        if extra == "ctl" {
            return Err("ctl comes first, and its options behind it: millstream ctl -c FILE list".to_owned());
        }
        return Err(format!(
            "unexpected argument \"{extra}\"; a configuration is given with -c, and -h lists the options"
        ));
    }
    let task = if matches.opt_present("h") {
        Task::Help
    } else if matches.opt_present("v") || matches.opt_present("V") {
        Task::Version { verbose: matches.opt_present("V") }
    } else if matches.opt_present("t") || matches.opt_present("T") {
        Task::Test { dump: matches.opt_present("T") }
    } else {
        match matches.opt_str("s").as_deref() {
            None => Task::Serve,
            Some("stop") => Task::Signal(Signal::Stop),
            Some("quit") => Task::Signal(Signal::Quit),
            Some("reload") => Task::Signal(Signal::Reload),
            Some("reopen") => Task::Signal(Signal::Reopen),
            Some(other) => return Err(format!("-s takes stop, quit, reload or reopen, not \"{other}\"")),
        }
    };
    let error_log =
        matches.opt_str("e").map(|word| LogTarget::parse(&word).map_err(|why| format!("-e {word}: {why}")));
    let error_log = error_log.transpose()?;
    Ok(CommandLine {
        task,
        file: matches.opt_str("c").map(PathBuf::from),
        prefix: matches.opt_str("p").map(PathBuf::from),
        globals: matches.opt_str("g"),
        error_log,
    })
}

/// The error of an option; `help` is what lists them.
pub fn explain(fail: &Fail, help: &str) -> String {
    let dashed = |name: &str| format!("{}{name}", if name.len() == 1 { "-" } else { "--" });
    match fail {
        Fail::UnrecognizedOption(name) => format!("there is no option {}; {help} lists them", dashed(name)),
        Fail::ArgumentMissing(name) => format!("{} takes an argument; {help} says which", dashed(name)),
        Fail::OptionDuplicated(name) => format!("{} is given twice", dashed(name)),
        Fail::OptionMissing(name) => format!("{} is missing; {help} lists the options", dashed(name)),
        Fail::UnexpectedArgument(name) => {
            format!("{} takes no argument; {help} lists the options", dashed(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(line: &str) -> Result<CommandLine, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_as_nginx_reads_them() {
        let line = read("-c a.conf -p /srv -e stderr").unwrap();
        assert_eq!((line.task, line.file.as_deref()), (Task::Serve, Some(Path::new("a.conf"))));
        assert_eq!(read("-t").unwrap().task, Task::Test { dump: false });
        assert_eq!(read("-T -c x").unwrap().task, Task::Test { dump: true });
        assert_eq!(read("-s quit").unwrap().task, Task::Signal(Signal::Quit));
        assert_eq!(read("-s reload -c x").unwrap().task, Task::Signal(Signal::Reload));
        assert_eq!(read("-V").unwrap().task, Task::Version { verbose: true });
        assert_eq!(read("--version").unwrap().task, Task::Version { verbose: false });
        assert_eq!(read("-h").unwrap().task, Task::Help);
    }

    #[test]
    fn an_unknown_option_is_an_error_that_names_it() {
        for (line, expected) in [
            ("-x", "there is no option -x; -h lists them"),
            ("--reload", "there is no option --reload; -h lists them"),
            ("-c a.conf ctl list", "ctl comes first, and its options behind it: millstream ctl -c FILE list"),
            ("file", "unexpected argument \"file\"; a configuration is given with -c"),
            ("-s restart", "-s takes stop, quit, reload or reopen, not \"restart\""),
            ("-c", "-c takes an argument; -h says which"),
            ("-t -t", "-t is given twice"),
            ("--version=1", "--version takes no argument"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}

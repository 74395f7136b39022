//! The signals of `exec_kill_signal`: nginx-rtmp's words for them.

use nix::sys::signal::Signal;

/// The words, in either case.
const WORDS: [(&str, Signal); 19] = [
    ("hup", Signal::SIGHUP),
    ("int", Signal::SIGINT),
    ("quit", Signal::SIGQUIT),
    ("ill", Signal::SIGILL),
    ("abrt", Signal::SIGABRT),
    ("fpe", Signal::SIGFPE),
    ("kill", Signal::SIGKILL),
    ("segv", Signal::SIGSEGV),
    ("pipe", Signal::SIGPIPE),
    ("alrm", Signal::SIGALRM),
    ("term", Signal::SIGTERM),
    ("usr1", Signal::SIGUSR1),
    ("usr2", Signal::SIGUSR2),
    ("chld", Signal::SIGCHLD),
    ("cont", Signal::SIGCONT),
    ("stop", Signal::SIGSTOP),
    ("tstp", Signal::SIGTSTP),
    ("ttin", Signal::SIGTTIN),
    ("ttou", Signal::SIGTTOU),
];

/// Reads the argument of `exec_kill_signal`.
pub fn parse(args: &[String]) -> Result<i32, String> {
    let word = match args {
        [word] => word,
        [] => return Err(String::new()),
        _ => return Err(format!("{} arguments", args.len())),
    };
    let number = word.parse::<i32>().ok().and_then(|number| Signal::try_from(number).ok());
    let named = WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, signal)| *signal);
    number
        .or(named)
        .map(|signal| signal as i32)
        .ok_or_else(|| format!("there is no signal \"{}\"", word.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_numbers_or_nginx_words() {
        let parse = |word: &str| parse(&[word.to_owned()]);
        for (word, number) in [("9", 9), ("term", 15), ("INT", 2), ("usr1", 10)] {
            assert_eq!(parse(word), Ok(number));
        }
        for word in ["0", "-1", "99", "SIGTERM", ""] {
            assert!(parse(word).is_err(), "{word}");
        }
    }
}

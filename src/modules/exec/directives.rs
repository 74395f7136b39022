//! The module's directives. The words of a command may have a secret: no message quotes more of them than it needs.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use super::environment::EnvironmentLine;
use super::line;
use super::signal;

/// A program, with its arguments and redirections.
const COMMAND: Takes = Takes::Custom {
    syntax: "program [argument ...]",
    parse: |words| if words.is_empty() { Err(String::new()) } else { Custom::of(line::check(words)) },
};

const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    let (repeat, acts) = (Repeat::Once, Acts::AtOnce);
    Directive { name, contexts: Context::APPLICATIONS, takes, default, repeat, acts, doc }
}

const fn command(name: &'static str, doc: &'static str) -> Directive {
    Directive { repeat: Repeat::Many, ..row(name, COMMAND, "", doc) }
}

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    command(
        "exec_push",
        "A command that runs while a stream has a publisher: it is started when a publish begins and ended when that \
         ends. $name, $args, $app, $addr, $tcurl, $pageurl, $swfurl and $flashver stand for what is published and by \
         whom; each is one argument or a part of one, whatever is in it. No shell is involved. >FILE, >>FILE, <FILE, \
         2>FILE and 2>&1 redirect; what is not redirected goes to the log. Commands of outer blocks run as well, after \
         those of the application.",
    ),
    command("exec", "The same as exec_push."),
    command(
        "exec_pull",
        "A command that runs while a stream has players (RTMP, HTTP-FLV) and nobody publishes it: it is started when the first one \
         begins and ended when the last one leaves. Its variables are $name and $app.",
    ),
    command(
        "exec_static",
        "A command that runs while the server runs. It has no variables: its words are taken as they are written. \
         Wherever it stands, it runs once.",
    ),
    command(
        "exec_publish",
        "A command that is started when a publish begins, and runs to its own end, whatever becomes of the publish and of \
         the server. Its variables are those of exec_push.",
    ),
    command("exec_publish_done", "The same when a publish has ended."),
    command("exec_play", "The same when a play over RTMP begins."),
    command("exec_play_done", "The same when a play over RTMP has ended."),
    Directive {
        contexts: Context::RECORDERS,
        ..command(
            "exec_record_done",
            "The same for each recording that is finished. It has $path, $filename, $basename (without what stands behind \
             the last dot), $dirname and $recorder as well. Commands of the application run for the recordings of its \
             recorders, too.",
        )
    },
    row(
        "exec_options",
        Takes::Flag,
        "off",
        "Whether words name=NAME of the exec lines that follow in the same block are no arguments but names of streams: \
         the command runs only for these.",
    ),
    Directive {
        contexts: &[Context::Rtmp],
        ..row(
            "exec_max",
            Takes::Number(1, 4096),
            "64",
            "How many commands run at the same time. Beyond it, exec_push, exec_pull, exec_static and up to 256 of the \
             `..._done` commands wait until others have ended; those of exec_publish and exec_play are not run.",
        )
    },
    row(
        "respawn",
        Takes::Flag,
        "on",
        "Whether a command of exec_push or exec_pull that has ended by itself is started again, after respawn_timeout. \
         exec_static always is. When a reload switches it on, what has ended is started.",
    ),
    row(
        "respawn_timeout",
        Takes::Time,
        "5s",
        "How long it takes until then. Each time that a command has run for less than 10 seconds this doubles, up to a \
         minute; it is never less than 100 ms.",
    ),
    row(
        "exec_kill_signal",
        Takes::Custom {
            syntax: "number|hup|int|quit|ill|abrt|fpe|kill|segv|pipe|alrm|term|usr1|usr2|chld|cont|stop|tstp|ttin|ttou",
            parse: |args| Custom::of(signal::parse(args)),
        },
        "term",
        "The signal that ends exec_push, exec_pull and exec_static. It goes to the command and to all that the command \
         has started; what still runs after 5 seconds (3 when the server stops) is killed.",
    ),
    Directive {
        contexts: &[Context::Main],
        repeat: Repeat::Many,
        ..row(
            "env",
            Takes::Custom {
                syntax: "NAME|NAME=value",
                parse: |args| Custom::of(EnvironmentLine::parse(args)),
            },
            "",
            "A variable in the environment of commands that are started from then on, with the server's own value or with this one. Without any such \
             line they have PATH, HOME, LANG and TZ, and MILLSTREAM_NAME, MILLSTREAM_ARGS and so on with the values of \
             the variables.",
        )
    },
];

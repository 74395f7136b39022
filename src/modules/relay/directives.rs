//! The module's directives. A URL may have a secret: no message quotes one.

use std::time::Duration;

use crate::conf::value::{self, Custom};
use crate::conf::{Acts, Context, Directive, Repeat, Takes};
use crate::engine::RelayKind;

use super::edge::Origins;
use super::hosts::Hosts;
use super::line::Line;
use super::lookup::directory::Directory;

const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    let (repeat, acts) = (Repeat::Once, Acts::AtOnce);
    Directive { name, contexts: Context::APPLICATIONS, takes, default, repeat, acts, doc }
}

/// A directive that stands in applications only, and as often as one likes.
const fn line(name: &'static str, takes: Takes, doc: &'static str) -> Directive {
    Directive { contexts: &[Context::Application], repeat: Repeat::Many, ..row(name, takes, "", doc) }
}

/// Reads the time before a new try: without any, a server that refuses would be asked without a pause.
fn pause(args: &[String]) -> Result<Duration, String> {
    let time = match args {
        [text] => value::time(text).ok_or_else(|| format!("\"{text}\" is no time"))?,
        [] => return Err(String::new()),
        _ => return Err(format!("{} arguments", args.len())),
    };
    let shortest = Duration::from_millis(100);
    if time < shortest { Err("the shortest is 100ms".to_owned()) } else { Ok(time) }
}

const PAUSE: Takes = Takes::Custom { syntax: "time", parse: |args| Custom::of(pause(args)) };

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    line(
        "push",
        Takes::Custom {
            syntax: "URL [key=value ...]",
            parse: |args| Custom::of(Line::parse(RelayKind::Push, args)),
        },
        "A server to which each stream of the application is published, too: rtmp:// or rtmps://HOST[:PORT][/APP[/NAME]]. \
         Without APP or NAME those of here are used. Each push is a connection of its own, and tried again when it fails. \
         Keys: name (only this stream), app, playPath, tcUrl, pageUrl, swfUrl, flashVer, fingerprint (of the server's \
         certificate), bind (the address to connect from). $name, $app, $args and $arg_x stand for what is published.",
    ),
    line(
        "pull",
        Takes::Custom {
            syntax: "URL [key=value ...]",
            parse: |args| Custom::of(Line::parse(RelayKind::Pull, args)),
        },
        "A server from which streams are taken that somebody wants to play here and nobody publishes. Of several, the \
         next one is tried when one fails; those with name= shut out the others. Keys are those of push, and: live, start, stop (milliseconds), static (runs \
         without players; needs name).",
    ),
    row(
        "push_reconnect",
        PAUSE,
        "1s",
        "The time before a push that has failed is tried again. It doubles with each failure up to 30s.",
    ),
    row(
        "pull_reconnect",
        PAUSE,
        "1s",
        "The same for pulls, while somebody wants to play the stream, or it is static.",
    ),
    row("pull_linger", Takes::Time, "10s", "The time for which a pull continues after its last player."),
    row(
        "relay_buffer",
        Takes::Time,
        "5s",
        "The length of the buffer that a pull tells to the server it plays from.",
    ),
    row(
        "session_relay",
        Takes::Flag,
        "off",
        "Whether pushes outlive their stream until the publisher's connection is closed.",
    ),
    Directive {
        repeat: Repeat::Many,
        ..row(
            "relay_allow",
            Takes::Custom { syntax: "HOST ...", parse: |args| Custom::of(Hosts::parse(args)) },
            "",
            "The servers to which backends (on_publish, on_play, on_forward) and origin_lookup may have streams relayed: \
             names, *.domain, addresses or networks. Without it, all.",
        )
    },
    Directive {
        repeat: Repeat::Once,
        ..line(
            "edge",
            Takes::Custom { syntax: "URL ...", parse: |args| Custom::of(Origins::parse(args)) },
            "Makes the application a cache of another server: what somebody plays is pulled from there, what is published \
             here is pushed there. The next URL is tried when one fails.",
        )
    },
    row(
        "edge_auth",
        Takes::OneOf(&["edge", "origin"]),
        "edge",
        "Who decides about clients of an edge. origin: it is asked about each player and viewer, with his arguments, by a play \
         that ends with the answer; answers are used for 10 s. A publisher is dismissed if it refuses his push.",
    ),
    row(
        "origin_lookup",
        Takes::Custom { syntax: "URL|off", parse: |args| Custom::of(Directory::parse(args)) },
        "off",
        "The directory (http or https) that is asked where a stream lives, when it is published or first played: a URL of \
         rtmp, in a Location or as the body, relays it there; 404: it lives here.",
    ),
    row(
        "origin_lookup_cache",
        Takes::Time,
        "5s",
        "The time for which an answer of the directory is used again.",
    ),
    row(
        "origin_lookup_on_error",
        Takes::OneOf(&["here", "refuse"]),
        "refuse",
        "What becomes of a stream when the directory does not answer as it should: it lives here, or is refused.",
    ),
];

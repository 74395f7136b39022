//! The settings of streams in an application: conflicts of publishers, grace, notifications of players, and frames
//! that are held back to be sent together. With the table of their directives; the decisions are made in
//! `engine/rtmp`.

use std::time::Duration;

use crate::conf::value::{Custom, or_never};
use crate::conf::{Acts, Context, Directive, Repeat, Scope, Takes, value};
use crate::rtmp::chunk::Mux;

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "publish_conflict",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom {
            syntax: "refuse|replace|replace_idle time",
            parse: |args| Custom::of(Conflict::parse(args)),
        },
        default: "replace_idle 5s",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "What happens if a second publisher uses the name of a live stream: it is refused (refuse), takes \
              the place of the first one (replace), or takes it only if the first one has sent nothing for the \
              given time (replace_idle). When a publisher is replaced, players, recordings and HLS continue.",
    },
    Directive {
        name: "publish_grace",
        contexts: Context::APPLICATIONS,
        takes: Takes::Time,
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How long a stream waits for its publisher after the connection was lost. If somebody publishes \
              the name again within this time, players, recordings and HLS continue; otherwise the stream \
              ends.",
    },
    Directive {
        name: "drop_idle_publisher",
        contexts: Context::APPLICATIONS,
        takes: Takes::TimeOrOff,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "A publisher that sends neither audio nor video for this time is closed.",
    },
    Directive {
        name: "publish_notify",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether players are told when a stream begins and ends, with NetStream.Play.PublishNotify and \
              UnpublishNotify.",
    },
    Directive {
        name: "play_restart",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether players get NetStream.Play.Start and Stop each time the stream begins and ends, and not \
              only once when they start to play.",
    },
    Directive {
        name: "idle_streams",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether players may wait for a stream that nobody publishes. When off, such a play is refused \
              with NetStream.Play.StreamNotFound, over HTTP-FLV with 404, and players are closed when their stream ends. Those of \
              HTTP-FLV wait 15 s at most, and their responses end with the stream in any case.",
    },
    Directive {
        name: "interleave",
        contexts: Context::APPLICATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::NextPublish,
        doc: "Whether audio and video are sent to players on the same chunk stream. With wait_key on, audio \
              then begins together with the first key frame.",
    },
    Directive {
        name: "buffer",
        contexts: Context::APPLICATIONS,
        takes: Takes::Time,
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How long frames may wait so that several are sent to a player together; out_cork limits their \
              number. This needs fewer system calls and adds latency.",
    },
    Directive {
        name: "merge_write",
        contexts: Context::APPLICATIONS,
        takes: Takes::Time,
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The same as buffer, under the name that SRS has for it (SRS uses 350ms). If both are given, the \
              longer time is used.",
    },
];

/// The treatment of a second publisher of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Conflict {
    Refuse,
    Replace,
    /// Replace a publisher that has sent no audio or video for this time.
    ReplaceIdle(Duration),
}

impl Conflict {
    fn parse(words: &[String]) -> Result<Self, String> {
        match words {
            [word] if word == "refuse" => Ok(Self::Refuse),
            [word] if word == "replace" => Ok(Self::Replace),
            [word, time] if word == "replace_idle" => {
                value::time(time).map(Self::ReplaceIdle).ok_or_else(|| format!("\"{time}\" is not a time"))
            }
            _ => Err("refuse, replace, or replace_idle and a time".into()),
        }
    }
}

/// The settings of streams in an application.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Policy {
    pub conflict: Conflict,
    pub grace: Duration,
    pub drop_idle: Duration,
    pub publish_notify: bool,
    pub play_restart: bool,
    pub idle_streams: bool,
    pub mux: Mux,
    /// `buffer`.
    pub buffer: Duration,
}

impl Policy {
    /// Reads a checked application.
    pub fn new(scope: &Scope<'_>) -> Self {
        Self {
            conflict: scope.custom("publish_conflict"),
            grace: scope.time("publish_grace"),
            drop_idle: or_never(scope.time("drop_idle_publisher")),
            publish_notify: scope.flag("publish_notify"),
            play_restart: scope.flag("play_restart"),
            idle_streams: scope.flag("idle_streams"),
            mux: if scope.flag("interleave") { Mux::Interleaved } else { Mux::Separate },
            buffer: scope.time("buffer").max(scope.time("merge_write")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_settled_in_one_of_three_ways() {
        let parse = |text: &str| Conflict::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("refuse"), Ok(Conflict::Refuse));
        assert_eq!(parse("replace"), Ok(Conflict::Replace));
        assert_eq!(parse("replace_idle 500ms"), Ok(Conflict::ReplaceIdle(Duration::from_millis(500))));
        for wrong in ["", "keep", "replace 5s", "replace_idle", "replace_idle soon"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! The module's directives.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use super::settings::Place;

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "play",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom { syntax: "folder|URL ...", parse: |args| Custom::of(Place::parse_all(args)) },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Where files (FLV, MP4) are that clients may play over RTMP by their names, with or without a suffix: \
              folders and URLs of http and https to which names are added, tried in this order, and behind them those of outer \
              blocks. A live stream of the name is played before a file. No link out of a folder is followed. Files of other \
              servers are played while they are fetched; the server is told the client's address (addr=) and its arguments.",
    },
    Directive {
        name: "play_temp_path",
        contexts: Context::APPLICATIONS,
        takes: Takes::Path,
        default: "/tmp",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The folder on whose file system files of other servers are while they are played. They have no names there, and are \
              gone 10 s after their last player. Without effect beside play_local_path.",
    },
    Directive {
        name: "play_local_path",
        contexts: Context::APPLICATIONS,
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The folder in which files of other servers are kept once all of them has come, under their names below the URL. It is \
              looked into before the servers. Nothing is removed from it, and no file replaced. Off if it is empty.",
    },
    Directive {
        name: "play_temp_size",
        contexts: Context::APPLICATIONS,
        takes: Takes::Size(1 << 20, u64::MAX),
        default: "1g",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The most bytes of all files of other servers together that are played or fetched now. One that has no room is not \
              fetched.",
    },
    Directive {
        name: "buflen",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Time,
        default: "1s",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "How much media a client of a file is taken to buffer that does not tell it (SetBufferLength). A second more \
              than that is sent ahead.",
    },
];

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
              folders, tried in this order, and behind them those of outer blocks. A live stream of the name is played before \
              a file. No link out of a folder is followed.",
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

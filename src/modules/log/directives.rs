//! The module's directives.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};
use crate::engine::access_logs::LogPath;

use super::format::LogFormat;

/// The longest line that may be asked for.
const MAX_LINE: u64 = 16 << 20;

pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "access_log",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom {
            syntax: "path|syslog:server=address[,...] [format]|off",
            parse: |args| Custom::of(LogPath::parse(args)),
        },
        default: "off",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "A file to which a line is written for each RTMP client of the application when its connection has \
              ended, as in nginx-rtmp; or a server of syslog as in error_log. Clients that name an unknown application have no line. If the file is moved \
              away, a new one is made. FIFOs and links are treated as in error_log. nginx-rtmp writes a log where \
              nothing is said; here the default is off, for flash memory's sake.",
    },
    Directive {
        name: "log_format",
        contexts: Context::APPLICATIONS,
        takes: Takes::Custom {
            syntax: "name [escape=default|json|none] text ...",
            parse: |args| Custom::of(LogFormat::parse_named(args)),
        },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The format of the lines of an RTMP access log; it counts for all RTMP servers. `combined`, which is \
              nginx-rtmp's own, is built in. Formats of http are others.",
    },
    Directive {
        name: "log_interval",
        contexts: Context::APPLICATIONS,
        takes: Takes::TimeOrOff,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How often a client that has begun to publish or play has a line in the access log while it is \
              connected, besides the one at its end. $bytes_sent and $bytes_received of each line are then those \
              since the line before.",
    },
    Directive {
        name: "log_size",
        contexts: Context::APPLICATIONS,
        takes: Takes::Size(1, MAX_LINE),
        default: "1m",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The longest line of the access log; what is longer is cut. Nothing is set aside for it.",
    },
];

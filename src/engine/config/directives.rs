//! The table of the engine's own directives: process, servers, applications, locations, bounds of sessions.
//!
//! The values are read in the other files of this folder and in `engine/http`. Directives of streams stand in
//! `policy.rs`, those of memory and connections in `engine/limits`. The `doc` of a row is the reference for users.

use crate::conf::value::Custom;
use crate::conf::{Context, Directive, Label, Repeat, Takes};
use crate::engine::config::listen::{self, Listen};
use crate::engine::config::{self, ErrorLog};
use crate::engine::http::hosts;
use crate::engine::http::locations::{self, KeepAlive, Pattern};

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "worker_processes",
        contexts: &[Context::Main],
        takes: Takes::Custom {
            syntax: "number|auto",
            parse: |args| Custom::of(config::parse_worker_processes(args)),
        },
        default: "1",
        repeat: Repeat::Once,
        doc: "Accepted for nginx's sake: there is always one process with one loop.",
    },
    Directive {
        name: "pid",
        contexts: &[Context::Main],
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        doc: "The file that holds the process id, or off. Without it: /run/millstream.pid for root, \
              millstream.pid in XDG_RUNTIME_DIR for others, if that is set. A regular file and no link; or \
              /dev/null, /dev/stdout or /dev/stderr.",
    },
    Directive {
        name: "daemon",
        contexts: &[Context::Main],
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Whether to go to the background once everything is open.",
    },
    Directive {
        name: "user",
        contexts: &[Context::Main],
        takes: Takes::Words { min: 1, max: 2, syntax: "name [group]" },
        default: "",
        repeat: Repeat::Once,
        doc: "The user and group to become once everything is open; only root can.",
    },
    Directive {
        name: "error_log",
        contexts: &[Context::Main],
        takes: Takes::Custom {
            syntax: "file|stderr [debug|info|notice|warn|error|crit|alert|emerg]",
            parse: |args| Custom::of(ErrorLog::parse(args)),
        },
        default: "stderr info",
        repeat: Repeat::Many,
        doc: "Where the log goes, and how much of it: a file, a FIFO, or stderr, /dev/stdout, /dev/stderr, \
              /dev/null; a link is followed only to one of the last three. Several are all written, eight at most, each at its own \
              level. RUST_LOG, when set, decides how much. \
              From error to info each kind of line is written 20 times a second, and the rest is counted, unless the level is debug; so are \
              lines that the log is too slow to take.",
    },
    Directive {
        name: "events",
        contexts: &[Context::Main],
        takes: Takes::Block { opens: Context::Events, label: Label::None },
        default: "",
        repeat: Repeat::Once,
        doc: "Accepted for nginx's sake: there is nothing to set.",
    },
    Directive {
        name: "rtmp",
        contexts: &[Context::Main],
        takes: Takes::Block { opens: Context::Rtmp, label: Label::None },
        default: "",
        repeat: Repeat::Once,
        doc: "Holds the RTMP servers.",
    },
    Directive {
        name: "server",
        contexts: &[Context::Rtmp],
        takes: Takes::Block { opens: Context::RtmpServer, label: Label::None },
        default: "",
        repeat: Repeat::Many,
        doc: "An RTMP server: where it listens and its applications.",
    },
    Directive {
        name: "listen",
        contexts: &[Context::RtmpServer],
        takes: Takes::Custom { syntax: listen::RTMP_SYNTAX, parse: |args| Custom::of(Listen::parse(args)) },
        default: "1935",
        repeat: Repeat::Many,
        doc: "An address and port, or only one of them, to accept RTMP on.",
    },
    Directive {
        name: "application",
        contexts: &[Context::RtmpServer],
        takes: Takes::Block { opens: Context::Application, label: Label::Name },
        default: "",
        repeat: Repeat::Many,
        doc: "An application: the first part of a stream's URL, and what happens to streams in it.",
    },
    Directive {
        name: "stream_from_app",
        contexts: &[Context::RtmpServer],
        takes: Takes::Custom {
            syntax: "application|off",
            parse: |args| Custom::of(parse_stream_from_app(args)),
        },
        default: "off",
        repeat: Repeat::Once,
        doc: "The application of streams with an address of one part, `rtmp://HOST/NAME`: where no application is called \
              NAME, the stream NAME of this application is meant, and a further name is refused.",
    },
    Directive {
        name: "chunk_size",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(128, 0xff_ffff),
        default: "4096",
        repeat: Repeat::Once,
        doc: "Bytes in a chunk of what is sent.",
    },
    Directive {
        name: "max_message",
        contexts: Context::RTMP_SERVERS,
        // nginx-rtmp takes more than a message can have, too.
        takes: Takes::Size(1 << 10, 256 << 20),
        default: "8m",
        repeat: Repeat::Once,
        doc: "The longest message taken from a publisher; a longer one ends its session. Up to 256m are accepted, but no message \
              has more than 16 MiB, since its length has 24 bits. Who does not publish may send 64k.",
    },
    Directive {
        name: "max_streams",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(4, 65_599),
        default: "128",
        repeat: Repeat::Once,
        doc: "How many chunk streams a client may use.",
    },
    Directive {
        name: "ack_window",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(4096, 0x7fff_ffff),
        default: "5000000",
        repeat: Repeat::Once,
        doc: "The window, in bytes, in which clients are asked to acknowledge what they receive.",
    },
    Directive {
        name: "timeout",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Time,
        default: "60s",
        repeat: Repeat::Once,
        doc: "How long a client may take nothing of what is queued for it.",
    },
    Directive {
        name: "ping",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::TimeOrOff,
        default: "60s",
        repeat: Repeat::Once,
        doc: "How long a client may be silent before it is asked whether it is there.",
    },
    Directive {
        name: "ping_timeout",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Time,
        default: "30s",
        repeat: Repeat::Once,
        doc: "How long it may take to answer.",
    },
    Directive {
        name: "out_queue",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(16, 65_536),
        default: "256",
        repeat: Repeat::Once,
        doc: "Messages that may wait for a slow player before frames are left out for it.",
    },
    Directive {
        name: "out_cork",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(0, 65_536),
        default: "0",
        repeat: Repeat::Once,
        doc: "Where buffer holds frames back: messages for a player at which they are sent all the same. 0 is an \
              eighth of out_queue.",
    },
    Directive {
        name: "busy",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Whether a client that has been silent for ping is closed at once, without being asked.",
    },
    Directive {
        name: "play_time_fix",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Whether timestamps beyond 24 bits are repeated in every chunk of what is sent, as the \
              specification has it; some old players want them once.",
    },
    Directive {
        name: "publish_time_fix",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Whether clients may repeat such timestamps; whether one does is found out. When off, none is \
              taken for repeated.",
    },
    Directive {
        name: "http",
        contexts: &[Context::Main],
        takes: Takes::Block { opens: Context::Http, label: Label::None },
        default: "",
        repeat: Repeat::Once,
        doc: "Holds the HTTP servers.",
    },
    Directive {
        name: "server",
        contexts: &[Context::Http],
        takes: Takes::Block { opens: Context::HttpServer, label: Label::None },
        default: "",
        repeat: Repeat::Many,
        doc: "An HTTP server: where it listens and its locations.",
    },
    Directive {
        name: "listen",
        contexts: &[Context::HttpServer],
        takes: Takes::Custom { syntax: listen::HTTP_SYNTAX, parse: |args| Custom::of(Listen::parse(args)) },
        default: "80",
        repeat: Repeat::Many,
        doc: "An address and port, or only one of them, to accept HTTP on. Servers may share one; default_server says \
              which of them answers for hosts that are nobody's, in place of the first.",
    },
    Directive {
        name: "server_name",
        contexts: &[Context::HttpServer],
        takes: Takes::Custom { syntax: "name ...", parse: |args| Custom::of(hosts::parse_names(args)) },
        default: "",
        repeat: Repeat::Many,
        doc: "The hosts this server answers for where several share an address: `example.com`, `*.example.com`, \
              `.example.com` for both, `www.example.*`, or after `~` a regular expression; the first of these kinds \
              that fits wins.",
    },
    Directive {
        name: "keepalive_timeout",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom { syntax: "time [told]", parse: |args| Custom::of(KeepAlive::parse(args)) },
        default: "75s",
        repeat: Repeat::Once,
        doc: "How long a connection may be idle after an answer; 0 ends it with the answer. Clients are told the \
              second time, if there is one.",
    },
    Directive {
        name: "send_timeout",
        contexts: Context::LOCATIONS,
        takes: Takes::Time,
        default: "60s",
        repeat: Repeat::Once,
        doc: "How long a client may take nothing of an answer; 0 is for ever.",
    },
    Directive {
        name: "send_min_rate",
        contexts: Context::LOCATIONS,
        takes: Takes::Size(0, u64::MAX),
        default: "1k",
        repeat: Repeat::Once,
        doc: "Bytes a second that a client must take on the whole: an answer must have been sent within send_timeout and \
              its length at this rate. 0 is any rate.",
    },
    Directive {
        name: "log_not_found",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Whether the log tells of requests for what is not there (404), each path once a minute.",
    },
    Directive {
        name: "location",
        contexts: &[Context::HttpServer],
        takes: Takes::Block {
            opens: Context::Location,
            label: Label::Custom {
                syntax: locations::LOCATION_SYNTAX,
                parse: |args| Custom::of(Pattern::parse(args)),
            },
        },
        default: "",
        repeat: Repeat::Many,
        doc: "What happens to requests for a path: for this one alone after `=`; for all that begin so, where the longest \
              wins; for all that match a regular expression after `~`, or `~*` in any case. The first expression that \
              matches goes before the longest beginning, unless that stands after `^~`. Requests come to `@name` by \
              error_page and try_files only. Expressions have no look-around and no back references.",
    },
];

/// The application's name; none for `off`.
fn parse_stream_from_app(args: &[String]) -> Result<Option<String>, String> {
    match args {
        [word] if word == "off" => Ok(None),
        [name] if !name.is_empty() => Ok(Some(name.clone())),
        _ => Err("the name of one application, or off".into()),
    }
}

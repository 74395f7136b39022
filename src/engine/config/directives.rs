//! The table of the engine's own directives: process, servers, applications, locations, bounds of sessions.
//!
//! The values are read in the other files of this folder and in `engine/http`. Directives of streams stand in
//! `policy.rs`, those of memory and connections in `engine/limits`. The `doc` of a row is the reference for users.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Label, Repeat, Takes};
use crate::engine::config;
use crate::engine::config::control::ControlSocket;
use crate::engine::config::error_log::ErrorLog;
use crate::engine::config::listen::{self, Listen};
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
        acts: Acts::AtOnce,
        doc: "Accepted for configurations written for nginx; it has no effect. Millstream always runs as one \
              process.",
    },
    Directive {
        name: "pid",
        contexts: &[Context::Main],
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::Never,
        doc: "The file that holds the process id; off writes none. The default is /run/millstream.pid for \
              root, and millstream.pid in XDG_RUNTIME_DIR or /run/user/UID for other users, if there is such a folder. The path \
              must be a regular file and not a link, or one of /dev/null, /dev/stdout and /dev/stderr.",
    },
    Directive {
        name: "control_socket",
        contexts: &[Context::Main],
        takes: Takes::Custom {
            syntax: "path|auto|off",
            parse: |args| Custom::of(ControlSocket::parse(args)),
        },
        default: "auto",
        repeat: Repeat::Once,
        acts: Acts::Never,
        doc: "The Unix socket at which the server answers `millstream ctl`, and other programs of its user: the API of \
              `millstream_api act` is there. Nobody else may connect (mode 0600; with `user`, it belongs to who \
              starts the server). auto puts it beside the pid file, with `.sock` in place of `.pid`, and goes without one if that \
              cannot be.",
    },
    Directive {
        name: "daemon",
        contexts: &[Context::Main],
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::Never,
        doc: "Whether the server runs in the background. It starts in the foreground and changes when all \
              files and ports are open.",
    },
    Directive {
        name: "user",
        contexts: &[Context::Main],
        takes: Takes::Words { min: 1, max: 2, syntax: "name [group]" },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::Never,
        doc: "The user and group that the server runs as after all files and ports have been opened. Only root \
              can change to another user.",
    },
    Directive {
        name: "error_log",
        contexts: &[Context::Main],
        takes: Takes::Custom {
            syntax: "file|stderr|syslog:server=address[,...]|off [debug|info|notice|warn|error|crit|alert|emerg]",
            parse: |args| Custom::of(ErrorLog::parse(args)),
        },
        default: "stderr info",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Where the log is written, and from which level on: to a file, a FIFO, or stderr, /dev/stdout, \
              /dev/stderr, /dev/null. A link is followed only if it leads to one of the last three. \
              syslog:server=unix:/dev/log, or server=ADDRESS:PORT for UDP, sends lines to syslog; facility=local7, \
              tag=millstream and nohostname may follow, separated by commas. Under systemd, the lines \
              of stderr have the priorities of the journal. off logs nothing. Up to \
              eight logs may be given, each with its own level. The environment variable RUST_LOG, if set, \
              takes the place of all these levels. From error to info, each kind of line is written at most 20 \
              times a second and further ones are counted, unless the level is debug. Lines that the log is \
              too slow to take are dropped and counted as well.",
    },
    Directive {
        name: "reload_grace",
        contexts: &[Context::Main],
        takes: Takes::Time,
        default: "10s",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How long sessions continue after a reload whose configuration does not have their application or server \
              any more, or has live off in it. Then they are closed, with the reason. If another reload within this \
              time brings back what they need, they continue. New ones are refused at once.",
    },
    Directive {
        name: "events",
        contexts: &[Context::Main],
        takes: Takes::Block { opens: Context::Events, label: Label::None },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Accepted for configurations written for nginx; it has no effect.",
    },
    Directive {
        name: "rtmp",
        contexts: &[Context::Main],
        takes: Takes::Block { opens: Context::Rtmp, label: Label::None },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Contains the RTMP servers.",
    },
    Directive {
        name: "server",
        contexts: &[Context::Rtmp],
        takes: Takes::Block { opens: Context::RtmpServer, label: Label::None },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "An RTMP server: the addresses it listens on, and its applications.",
    },
    Directive {
        name: "listen",
        contexts: &[Context::RtmpServer],
        takes: Takes::Custom { syntax: listen::RTMP_SYNTAX, parse: |args| Custom::of(Listen::parse(args)) },
        default: "1935",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The address and port on which RTMP connections are accepted; one of the two is enough. \
              unix: and a path mean a Unix socket. proxy_protocol demands a PROXY header (version 1 or 2) at the beginning of each connection, as \
              haproxy and nginx send it; the client's address in it is believed if set_real_ip_from names the \
              proxy.",
    },
    Directive {
        name: "application",
        contexts: &[Context::RtmpServer],
        takes: Takes::Block { opens: Context::Application, label: Label::Name },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "An application is the first part of a stream's URL: `rtmp://HOST/APPLICATION/NAME`. The block \
              contains the settings for its streams.",
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
        acts: Acts::NextSession,
        doc: "The application for URLs with one part only, `rtmp://HOST/NAME`. If there is no application \
              called NAME, such a URL means the stream NAME of this application. A further part behind NAME is \
              refused.",
    },
    Directive {
        name: "chunk_size",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(128, 0xff_ffff),
        default: "4096",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "The size in bytes of the RTMP chunks that the server sends.",
    },
    Directive {
        name: "max_message",
        contexts: Context::RTMP_SERVERS,
        // nginx-rtmp takes more than a message can have, too.
        takes: Takes::Size(1 << 10, 256 << 20),
        default: "8m",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "The longest message that a publisher may send; a longer one closes its session. Values up to \
              256m are accepted, but an RTMP message never has more than 16 MiB, because its length is a \
              number of 24 bits. A client that does not publish may send messages of 64k.",
    },
    Directive {
        name: "max_streams",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(4, 65_599),
        default: "128",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "How many chunk streams a client may use.",
    },
    Directive {
        name: "ack_window",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(4096, 0x7fff_ffff),
        default: "5000000",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "The acknowledgement window in bytes: each client is asked to acknowledge what it has received \
              each time it has received this much.",
    },
    Directive {
        name: "timeout",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Time,
        default: "60s",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "A client is closed if data has been waiting for it for this time and it has received none of it.",
    },
    Directive {
        name: "ping",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::TimeOrOff,
        default: "60s",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "A client that has sent nothing for this time is sent a ping.",
    },
    Directive {
        name: "ping_timeout",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Time,
        default: "30s",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "A client that does not answer a ping within this time is closed.",
    },
    Directive {
        name: "out_queue",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(16, 65_536),
        default: "256",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "How many messages may wait for a slow player before frames are dropped for it.",
    },
    Directive {
        name: "out_cork",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Number(0, 65_536),
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "With buffer: frames are sent as soon as this many messages wait for a player, even if the time \
              of buffer is not over. 0 means an eighth of out_queue.",
    },
    Directive {
        name: "busy",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "Whether a client that has sent nothing for the time of ping is closed at once, without a ping.",
    },
    Directive {
        name: "play_time_fix",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "Whether an extended timestamp (more than 24 bits) is repeated in every chunk of a message that \
              the server sends, as the specification demands. Some old players want it once only.",
    },
    Directive {
        name: "publish_time_fix",
        contexts: Context::RTMP_SERVERS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "Whether clients may repeat extended timestamps in every chunk of a message. When on, the server \
              finds out which clients do; when off, it expects that none does.",
    },
    Directive {
        name: "http",
        contexts: &[Context::Main],
        takes: Takes::Block { opens: Context::Http, label: Label::None },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Contains the HTTP servers.",
    },
    Directive {
        name: "server",
        contexts: &[Context::Http],
        takes: Takes::Block { opens: Context::HttpServer, label: Label::None },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "An HTTP server: the addresses it listens on, and its locations.",
    },
    Directive {
        name: "listen",
        contexts: &[Context::HttpServer],
        takes: Takes::Custom { syntax: listen::HTTP_SYNTAX, parse: |args| Custom::of(Listen::parse(args)) },
        default: "80",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The address and port on which HTTP connections are accepted; one of the two is enough. \
              unix: and a path mean a Unix socket. Several \
              servers may share an address: the request's host name selects one of them (server_name). \
              Requests for any other host name go to the server marked default_server, or else to the first \
              one. proxy_protocol demands a PROXY header (version 1 or 2) at the beginning of each connection, as \
              haproxy and nginx send it; the client's address in it is believed if set_real_ip_from of a server \
              at this address names the proxy.",
    },
    Directive {
        name: "server_name",
        contexts: &[Context::HttpServer],
        takes: Takes::Custom { syntax: "name ...", parse: |args| Custom::of(hosts::parse_names(args)) },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The host names of this server, where several servers share an address: `example.com`, \
              `*.example.com`, `.example.com` for both, `www.example.*`, or a regular expression after `~`. If \
              several match, the kind that comes first in this list wins.",
    },
    Directive {
        name: "keepalive_timeout",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom { syntax: "time [told]", parse: |args| Custom::of(KeepAlive::parse(args)) },
        default: "75s",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "How long a connection stays open after a response to wait for the next request; 0 closes it \
              after each response. The second time, if given, is the one that clients are told in the header \
              Keep-Alive.",
    },
    Directive {
        name: "send_timeout",
        contexts: Context::LOCATIONS,
        takes: Takes::Time,
        default: "60s",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "A client is closed if a response is waiting for it and it has received nothing for this time; 0 \
              means no limit.",
    },
    Directive {
        name: "send_min_rate",
        contexts: Context::LOCATIONS,
        takes: Takes::Size(0, u64::MAX),
        default: "1k",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The lowest average rate, in bytes per second, at which a client must receive a response. The \
              whole response must be sent within send_timeout plus the time that its length takes at this \
              rate, and at limit_rate, if that is set. 0 means no limit.",
    },
    Directive {
        name: "limit_rate",
        contexts: Context::LOCATIONS,
        takes: Takes::Size(0, u64::MAX),
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The highest average rate, in bytes per second, at which a response is sent: `500k`. Each response has \
              this rate, so a client with two connections gets twice as much. The bytes of one second are sent \
              at once at the beginning. A file of hls_memory is sent faster if it would take more than half of \
              the length of its playlist. 0 means no limit. A response keeps its rate over a reload.",
    },
    Directive {
        name: "limit_rate_after",
        contexts: Context::LOCATIONS,
        takes: Takes::Size(0, u64::MAX),
        default: "0",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The first bytes of each response to which limit_rate does not apply, such as the beginning of a \
              recording.",
    },
    Directive {
        name: "log_not_found",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether requests for files that do not exist (404) are logged. Each path is logged once a minute \
              at most.",
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
        acts: Acts::AtOnce,
        doc: "Settings for the requests whose path matches: exactly this path after `=`; all paths with this \
              prefix, of which the longest wins; or all paths that match a regular expression after `~` (`~*` \
              ignores case). The first regular expression that matches wins over the longest prefix, unless \
              that is marked `^~`. `@name` is a location that only error_page and try_files can use. Regular \
              expressions have no look-around and no back references.",
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

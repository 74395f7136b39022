//! The module's directives. An argument may have a secret: no message quotes one.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use super::settings::{Link, SecretLine, call_time};

const URL: Takes = Takes::Custom { syntax: "URL|off", parse: |args| Custom::of(Link::parse(args)) };

const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    let (repeat, acts) = (Repeat::Once, Acts::AtOnce);
    Directive { name, contexts: Context::APPLICATIONS, takes, default, repeat, acts, doc }
}

const fn callback(name: &'static str, doc: &'static str) -> Directive {
    row(name, URL, "off", doc)
}

/// A directive that stands in servers only.
const fn of_servers(row: Directive) -> Directive {
    Directive { contexts: Context::RTMP_SERVERS, ..row }
}

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    of_servers(callback(
        "on_connect",
        "The URL (http or https) that is asked whether a client may connect. An answer of 2xx lets it in; of 3xx with a \
         Location that names an application, into that application; any other refuses it.",
    )),
    of_servers(callback("on_disconnect", "The URL that is told when a client that was connected has gone.")),
    callback(
        "on_publish",
        "The URL that is asked whether a client may publish a stream. An answer of 2xx lets it publish; of 3xx with a \
         Location that is a stream's name, under that name, or that is a URL of rtmp, to which the stream is pushed, too; \
         any other refuses it.",
    ),
    callback(
        "on_forward",
        "The URL that is asked to which servers a stream is pushed that is about to be published, as SRS asks it. It is \
         called with notify_format srs only.",
    ),
    callback(
        "on_play",
        "The same for who plays, and a URL of rtmp is one from which the stream is pulled; with hls_sessions, for viewers of HLS, too, who are refused if it names another stream.",
    ),
    callback("on_publish_done", "The URL that is told when a publish has ended."),
    callback(
        "on_play_done",
        "The URL that is told when a play has ended; with hls_sessions, a viewer of HLS, too.",
    ),
    callback("on_done", "The URL that is told when a publish or play has ended, after the two above."),
    Directive {
        contexts: Context::RECORDERS,
        ..callback(
            "on_record_done",
            "The URL that is told of each recording that is finished. That of a recorder takes the place of the \
             application's.",
        )
    },
    callback(
        "on_update",
        "The URL that is asked again and again whether a client may continue to publish or play. An answer of 2xx or \
         3xx lets it; any other ends that.",
    ),
    row(
        "notify_relay_redirect",
        Takes::Flag,
        "off",
        "Whether a stream that on_publish or on_play relays by a Location gets a name of its own here: the MD5 of the URL in \
         hexadecimal.",
    ),
    row(
        "notify_update_timeout",
        Takes::Time,
        "30s",
        "The time between two calls of on_update. 0: it is not called.",
    ),
    row(
        "notify_update_strict",
        Takes::Flag,
        "off",
        "Only an answer of 2xx to on_update lets a client continue.",
    ),
    row(
        "notify_method",
        Takes::OneOf(&["get", "post", "GET", "POST"]),
        "post",
        "The method of the requests in the format form. With get the fields stand in the URL.",
    ),
    row(
        "notify_format",
        Takes::OneOf(&["form", "json", "srs", "mediamtx"]),
        "form",
        "The format of the requests: nginx-rtmp's form; the same fields as JSON; the JSON of SRS's HTTP hooks, with \
         their answers; or that of MediaMTX's authHTTP.",
    ),
    row(
        "notify_secret",
        Takes::Custom { syntax: "SECRET|off", parse: |args| Custom::of(SecretLine::parse(args)) },
        "off",
        "Signs each request: X-Millstream-Signature is HMAC-SHA-256 in hexadecimal, under SECRET, of \
         X-Millstream-Timestamp, a dot and the body (of a GET, the query).",
    ),
    row(
        "notify_on_error",
        Takes::OneOf(&["refuse", "keep", "allow"]),
        "refuse",
        "What becomes of a client when its backend does not answer, or not as it should. With keep, clients that publish \
         or play already may continue, but nobody may begin. A backend that answers no always refuses.",
    ),
    of_servers(row(
        "netcall_timeout",
        Takes::Custom { syntax: "time", parse: |args| Custom::of(call_time(args)) },
        "10s",
        "The time for all of a call: to find the address, to connect, to send, and to get the answer.",
    )),
    of_servers(row(
        "netcall_buffer",
        Takes::Size(0, MAX_ANSWER),
        "1k",
        "The size of an answer's body. Up to 64 KiB are taken in any case.",
    )),
    row(
        "ssl_trusted_certificate",
        Takes::Path,
        "",
        "The file of certificates (PEM) that https backends are verified with. Without it those of the system count.",
    ),
    row("ssl_verify", Takes::Flag, "on", "Whether the certificates of https backends are verified."),
    row(
        "netcall_ssl_certificate",
        Takes::Path,
        "",
        "The file of the certificate (PEM) that is shown to https backends that ask for one.",
    ),
    row("netcall_ssl_certificate_key", Takes::Path, "", "The file of its key (PEM)."),
];

/// The most that an answer may have.
const MAX_ANSWER: u64 = 16 << 20;

//! The table of the directives of TLS for servers of HTTP and RTMP.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};
use crate::engine::config::tls::ciphers::Ciphers;
use crate::engine::config::tls::curves::Curves;
use crate::engine::config::tls::settings::SessionCache;
use crate::engine::config::tls::values::{ConfCommand, Versions, parse_path};

/// Servers of both protocols, and the blocks around them.
const SERVERS: &[Context] = &[Context::Http, Context::HttpServer, Context::Rtmp, Context::RtmpServer];

/// A path of a file for TLS.
const PATH: Takes = Takes::Custom { syntax: "path", parse: |args| Custom::of(parse_path(args)) };

/// A row that most have in common: once in a block, for the next handshake after a reload.
const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    Directive { name, contexts: SERVERS, takes, default, repeat: Repeat::Once, acts: Acts::NextSession, doc }
}

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[
    Directive {
        repeat: Repeat::Many,
        ..row(
            "ssl_certificate",
            PATH,
            "",
            "The file of the server's certificate (PEM) for `listen ... ssl`: its own certificate first, then those between it \
             and one that clients trust. It may be given several times, such as for an RSA and an ECDSA certificate side by \
             side, each with its own ssl_certificate_key. The files are read at the start, at a reload, and when a handshake \
             finds them changed (looked at once a minute at most), so that a renewed certificate needs no reload.",
        )
    },
    Directive {
        repeat: Repeat::Many,
        ..row(
            "ssl_certificate_key",
            PATH,
            "",
            "The file of the key of ssl_certificate (PEM), without a password. The first key belongs to the first certificate, \
             and so on.",
        )
    },
    row(
        "ssl_protocols",
        Takes::Custom {
            syntax: "[TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]",
            parse: |args| Custom::of(Versions::parse(args)),
        },
        "TLSv1.2 TLSv1.3",
        "The versions of TLS. Those before 1.2 are not spoken, and accepted only beside newer ones.",
    ),
    row(
        "ssl_ciphers",
        Takes::Custom { syntax: "list", parse: |args| Custom::of(Ciphers::parse(args)) },
        "HIGH:!aNULL:!MD5",
        "The suites of TLS 1.2, in OpenSSL's language of lists. There are those with ECDHE and AES-GCM or ChaCha20-Poly1305; \
         a list that leaves none of them is an error. The suites of TLS 1.3 are those of ssl_conf_command.",
    ),
    Directive {
        repeat: Repeat::Many,
        ..row(
            "ssl_conf_command",
            Takes::Custom { syntax: "name value", parse: |args| Custom::of(ConfCommand::parse(args)) },
            "",
            "A command for OpenSSL. `Ciphersuites` with a list of names chooses the suites of TLS 1.3; all other commands are \
             accepted and have no effect.",
        )
    },
    row(
        "ssl_prefer_server_ciphers",
        Takes::Flag,
        "off",
        "Whether the order of the server's suites counts, and not that of the client's.",
    ),
    row(
        "ssl_ecdh_curve",
        Takes::Custom { syntax: "list|auto", parse: |args| Custom::of(Curves::parse(args)) },
        "auto",
        "The curves by which keys are exchanged, with colons between them. There are X25519, prime256v1 and secp384r1.",
    ),
    row(
        "ssl_session_cache",
        Takes::Custom {
            syntax: "off|none|[builtin[:number]] [shared:name:size]",
            parse: |args| Custom::of(SessionCache::parse(args)),
        },
        "none",
        "What is kept of handshakes, to shorten the next ones of the same clients: so many entries, or one for each 256 bytes of \
         the size, at most 64 MiB of them. Servers share a cache if all their settings of TLS are the same, whatever its name \
         is. Clients that take tickets need none.",
    ),
    row(
        "ssl_session_timeout",
        Takes::Time,
        "5m",
        "How long a client may shorten its handshake by an earlier one, at most 6 hours. The keys of tickets change as often.",
    ),
    row(
        "ssl_session_tickets",
        Takes::Flag,
        "on",
        "Whether clients get tickets, by which they shorten their next handshakes. For RTMP it is off unless it is given: \
         OBS with Mbed TLS 3.6.0 fails when it gets a ticket of TLS 1.3.",
    ),
    row(
        "ssl_client_certificate",
        PATH,
        "",
        "The file of the certificates (PEM) that may have signed those of clients, for ssl_verify_client.",
    ),
    row(
        "ssl_verify_client",
        Takes::OneOf(&["on", "off", "optional", "optional_no_ca"]),
        "off",
        "Whether clients are asked for a certificate. With on they must have a valid one: others get status 400 over HTTP, and are closed \
         over RTMP. With optional they may have none, with optional_no_ca also one of an authority that is not in ssl_client_certificate; $ssl_client_verify \
         says which.",
    ),
    row(
        "ssl_verify_depth",
        Takes::Number(0, 100),
        "1",
        "The most certificates between that of a client and one of ssl_client_certificate; neither of these two counts. \
         More than 5 never pass.",
    ),
    row(
        "ssl_early_data",
        Takes::Flag,
        "off",
        "Accepted for configurations written for nginx; early data of TLS 1.3, which could be repeated by others, are never taken.",
    ),
    row(
        "ssl_reject_handshake",
        Takes::Flag,
        "off",
        "Whether every handshake is refused, as for a default server that answers for no unknown name (server_name).",
    ),
    Directive {
        contexts: &[Context::Http, Context::HttpServer],
        acts: Acts::AtOnce,
        ..row(
            "ssl",
            Takes::Flag,
            "off",
            "The old spelling of `listen ... ssl`: whether the connections to all addresses of the server are encrypted.",
        )
    },
];

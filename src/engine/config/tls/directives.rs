//! The table of the directives of TLS for servers of HTTP and RTMP.

use crate::conf::{Acts, Context, Directive, Repeat, Takes};

/// Servers of both protocols, and the blocks around them.
const SERVERS: &[Context] = &[Context::Http, Context::HttpServer, Context::Rtmp, Context::RtmpServer];

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ssl_certificate",
        contexts: SERVERS,
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The file of the server's certificate (PEM): its own certificate first, then those between it and one that clients know. \
              It may be given several times, for an RSA and an ECDSA certificate side by side, each with its own ssl_certificate_key.",
    },
    Directive {
        name: "ssl_certificate_key",
        contexts: SERVERS,
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The file of the key of ssl_certificate (PEM), without a password. The first key belongs to the first certificate, and so on.",
    },
    Directive {
        name: "ssl_reject_handshake",
        contexts: SERVERS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether this server refuses every handshake, for a default server that answers for no unknown name.",
    },
];

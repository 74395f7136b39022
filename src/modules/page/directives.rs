//! The module's directives.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use super::embed::Embedders;

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "page",
        contexts: &[Context::Location],
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Shows the console at the location's path: a web page that lists the live streams, plays them, says what they \
              have, and shows how to publish. Whoever opens it sees the streams that may be played at once from its address. Those \
              with keys, links, passwords or callbacks for players, and all that the rules of an application refuse to it, are \
              shown to who has a token of the API of the same server (`api_token`). The same for scripts is in `streams.json` and \
              `live.json` below that path. docs/console.md is the guide.",
    },
    Directive {
        name: "page_embed",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom {
            syntax: "self|none|any|origin ...",
            parse: |args| Custom::of(Embedders::parse(args)),
        },
        default: "self",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The web pages that may show the player of `page` in a frame, which is at `embed/APPLICATION/NAME` below the location's \
              path: those of the same host and port (self), nobody's (none), all (any), or beside those of the same host these, by \
              their origin such as `https://example.com` or `https://*.example.com`. Browsers ask for it \
              (`frame-ancestors`). The console itself is never shown in a frame.",
    },
];

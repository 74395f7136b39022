//! The module's directives. A token is a secret: no message quotes one.

use crate::auth::tokens::TokenLine;
use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "millstream_api",
        contexts: &[Context::Location],
        takes: Takes::OneOf(&["off", "on", "act"]),
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Answers below the location's path with what the server does, in JSON, and does what it is told to: clients are \
              kicked, addresses banned, recorders started and stopped, the configuration is reloaded. With `on`, whoever \
              may reach the location may read, and who shows a token of `api_token` with `act` may act; with `act`, \
              whoever may reach it may act, so it is for closed locations. docs/control.md is the guide, and \
              docs/openapi.json describes all requests.",
    },
    Directive {
        name: "api_token",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom {
            syntax: "NAME SECRET [read|act]",
            parse: |args| Custom::of(TokenLine::parse(args)),
        },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "A token for `millstream_api`: with any, each request there needs one, in the header \
              `Authorization: Bearer SECRET`. A token with `read`, which is the default, only reads. The log tells each \
              action with the NAME of its token. Wrong tokens are counted as wrong keys are, and an address that has shown \
              too many gets 429. The tokens of a block replace those of the blocks around it. openssl rand -hex 16 makes \
              a secret.",
    },
];

//! The module's directives.

use crate::conf::{Acts, Context, Directive, Repeat, Takes};

/// The rows of the table.
pub const DIRECTIVES: &[Directive] = &[Directive {
    name: "record_browse",
    contexts: &[Context::Location],
    takes: Takes::Flag,
    default: "off",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Shows the finished recordings of all applications below the location's path: a list of those of an application is at \
          `recordings.json?app=NAME`, each file below `recordings/`, in parts where a player asks for parts, and as HLS that is \
          made while it is asked for (`recordings/APPLICATION/FILE/index.m3u8`). Whoever may play a stream may have its recordings. \
          With `page on` in the same location the console shows them. docs/console.md is the guide.",
}];

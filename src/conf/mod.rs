//! Configuration in nginx's syntax: text, tokens with line numbers, a tree of blocks and directives,
//! checked against the tables that the modules own, read through scopes that inherit.
//!
//! Opens files only for `include`. Knows the name of no directive but that and nginx's own.

mod errors;
mod finding;
pub mod path;
mod scope;
mod syntax;
mod table;
pub mod value;

pub use errors::{Error, Errors, Faults};
pub use finding::{Finding, FindingKind};
pub use scope::Scope;
pub use syntax::{Node, Place, Tree};
pub use table::{
    Acts, Context, Directive, Label, MORE, Repeat, Table, Takes, check, markdown, nearest, planned,
};

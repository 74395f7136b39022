//! Configuration in nginx's syntax: text, tokens with line numbers, a tree of blocks and directives,
//! checked against the tables that the modules own, read through scopes that inherit.
//!
//! Opens files only for `include`. Knows the name of no directive but that and nginx's own.

mod check;
mod directive;
mod errors;
mod foreign;
mod lexer;
mod node;
mod notice;
pub mod path;
mod place;
mod reference;
mod scope;
mod suggest;
mod template;
mod tree;
pub mod value;

pub use check::check;
pub use directive::{Context, Directive, Label, Repeat, Table, Takes};
pub use errors::{Error, Errors, Faults};
pub use foreign::{MORE, planned};
pub use node::Node;
pub use notice::{Notice, NoticeKind};
pub use place::Place;
pub use reference::markdown;
pub use scope::Scope;
pub use suggest::nearest;
pub use tree::Tree;

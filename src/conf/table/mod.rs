//! The tables that modules own, nginx's directives beside them, and a tree held against both.

mod check;
pub(super) mod directive;
mod foreign;
mod reference;
pub(super) mod suggest;

pub use check::check;
pub use directive::{Context, Directive, Label, Repeat, Table, Takes};
pub use foreign::{MORE, planned};
pub use reference::markdown;
pub use suggest::nearest;

//! The tables that modules own, nginx's directives beside them, and a tree held against both.

mod check;
pub(super) mod directive;
mod reference;
pub(super) mod suggest;
mod unsupported;

pub use check::check;
pub use directive::{Acts, Context, Directive, Label, Repeat, Table, Takes};
pub use reference::markdown;
pub use suggest::nearest;
pub use unsupported::{MORE, planned};

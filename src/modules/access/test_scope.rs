//! For tests: the applications of a text.

use crate::conf::{Scope, Tree, check};
use crate::engine::directive_table;
use crate::modules::table;

/// Reads something of the applications of a text, in order.
pub fn in_applications<T>(text: &str, read: impl FnOnce(&[Scope<'_>]) -> T) -> T {
    let mut tree = Tree::from_text("f", text).unwrap();
    let table = directive_table(&table());
    check(&mut tree, &table).unwrap();
    let root = Scope::root(&tree, &table);
    let servers = root.blocks("rtmp").flat_map(|rtmp| rtmp.blocks("server").collect::<Vec<_>>());
    read(&servers.flat_map(|server| server.blocks("application").collect::<Vec<_>>()).collect::<Vec<_>>())
}

//! The syntax of nginx: text to tokens with line numbers, and tokens to a tree of blocks and directives.

mod lexer;
pub(super) mod node;
pub(super) mod place;
pub(super) mod template;
pub(super) mod tree;

pub use node::Node;
pub use place::Place;
pub use tree::Tree;

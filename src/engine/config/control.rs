//! `control_socket`: the server's own Unix socket, by which the programs of its user see and steer it.
//!
//! It is served as a block of `http` of its own would be, which inherits nothing from the file. The block is added to a
//! configuration after that has been checked.

use std::path::{Path, PathBuf};

use crate::conf::{self, Node, Table, Tree};
use crate::engine::config::listen::check_socket_path;

/// Stands for the name of a file in the places of the block.
const NAME: &str = "control_socket";

/// The argument of `control_socket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlSocket {
    /// Beside the pid file, if that can be.
    Auto,
    /// None.
    Off,
    /// At this path.
    At(PathBuf),
}

impl ControlSocket {
    /// Reads the argument.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "auto" => Ok(Self::Auto),
            [word] if word == "off" => Ok(Self::Off),
            [path] => {
                check_socket_path(path.strip_prefix("unix:").unwrap_or(path))?;
                Ok(Self::At(path.strip_prefix("unix:").unwrap_or(path).into()))
            }
            _ => Err("one path, auto or off".to_owned()),
        }
    }

    /// The directive's name, which stands for its place in messages.
    pub const NAME: &'static str = NAME;

    /// Adds the block of a control socket to a checked configuration.
    pub fn serve_at(path: &Path, tree: &mut Tree, table: &Table) -> Result<(), conf::Errors> {
        let path = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let text =
            format!("http {{ server {{ listen \"unix:{path}\"; location / {{ millstream_api act; }} }} }}");
        let mut block = Tree::from_text(NAME, &text)?;
        conf::check(&mut block, table)?;
        tree.append(block);
        Ok(())
    }
}

/// Whether a directive belongs to the block of the control socket.
pub(in crate::engine) fn is_of_control(node: &Node) -> bool {
    &*node.file == NAME
}

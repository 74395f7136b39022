//! The path of the control socket: what the configuration says, or beside the pid file.

use std::path::{Path, PathBuf};

use millstream::engine::ControlSocket;
use millstream::engine::files::log_file::StandardStream;
use millstream::net;

use crate::loaded::Loaded;

/// The ending of a control socket's name.
const ENDING: &str = "sock";

/// The path of the control socket of a configuration, and whether the configuration names it; none if there is none.
pub fn path(loaded: &Loaded) -> Option<(PathBuf, bool)> {
    match loaded.root().custom("control_socket") {
        ControlSocket::Off => None,
        ControlSocket::At(path) => Some((path, true)),
        ControlSocket::Auto => beside(&loaded.pid_path().0?).map(|path| (path, false)),
    }
}

/// The path that a start is to serve. One that nobody has named is left out if that is not possible.
pub fn path_to_serve(loaded: &Loaded) -> Option<PathBuf> {
    let (path, is_named) = path(loaded)?;
    match net::try_unix(&path) {
        Err(error) if !is_named => {
            log::debug!("no control socket at {}: {error}", path.display());
            None
        }
        _ => Some(path),
    }
}

/// The path beside a pid file.
fn beside(pid_file: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(pid_file).ok()?;
    let is_device = StandardStream::named(pid_file).is_some() || whole.starts_with("/dev");
    (!is_device).then(|| whole.with_extension(ENDING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_beside_the_pid_file() {
        let beside = |path: &str| super::beside(Path::new(path));
        assert_eq!(beside("/run/millstream.pid"), Some("/run/millstream.sock".into()));
        assert_eq!(beside("/run/a.b/live"), Some("/run/a.b/live.sock".into()));
        assert!(beside("live.pid").is_some_and(|path| path.is_absolute()));
        assert_eq!(beside("/dev/null"), None);
        assert_eq!(beside("/dev/stdout"), None);
    }
}

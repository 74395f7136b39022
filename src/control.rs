//! The path of the control socket: what the configuration says, or beside the pid file.

use std::path::{Path, PathBuf};

use millstream::engine::ControlSocket;
use millstream::engine::files::log_file::StandardStream;
use millstream::net;

use crate::loaded::Loaded;
use crate::process;

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
    if !has_usual_place()
        && loaded.root().find("pid").is_none()
        && loaded.root().find("control_socket").is_none()
    {
        log::info!("no control socket, as {NO_FOLDER}");
    }
    let (path, is_named) = path(loaded)?;
    match net::try_unix(&path) {
        Err(error) if !is_named => {
            log::info!("no control socket at {}: {error}", path.display());
            None
        }
        _ => Some(path),
    }
}

/// The path that these arguments of `control_socket` and `pid` mean, which may be missing; or why there is none.
pub fn configured_path(socket: Option<&str>, pid: Option<&str>) -> Result<PathBuf, String> {
    let socket = socket.unwrap_or("auto").to_owned();
    match (ControlSocket::parse(&[socket])?, pid) {
        (ControlSocket::Off, _) => Err("\"control_socket off\": this server has none".to_owned()),
        (ControlSocket::At(path), _) => Ok(path),
        (ControlSocket::Auto, Some("off")) => Err(NO_PLACE.to_owned()),
        (ControlSocket::Auto, pid) => {
            let pid = pid.map(PathBuf::from).or_else(process::default_pid_path);
            pid.and_then(|pid| beside(&pid)).ok_or_else(|| NO_PLACE.to_owned())
        }
    }
}

const NO_PLACE: &str =
    "without a pid file this server has no control socket, unless \"control_socket PATH;\" names one";

/// Whether this user's servers have a control socket though nothing names one.
pub fn has_usual_place() -> bool {
    process::default_pid_path().is_some()
}

/// Why they have none.
pub const NO_FOLDER: &str = "this user has neither XDG_RUNTIME_DIR nor a folder /run/user/UID; \"control_socket PATH;\" makes one elsewhere";

/// The paths of servers whose configurations say nothing about it: that of this user, and root's.
pub fn usual_paths() -> Vec<PathBuf> {
    let pid_files = [process::default_pid_path(), Some(process::ROOTS_PID_FILE.into())];
    let mut paths: Vec<_> = pid_files.into_iter().flatten().filter_map(|file| beside(&file)).collect();
    paths.dedup();
    paths
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
        let at = |path: &str| beside(Path::new(path));
        assert_eq!(at("/run/millstream.pid"), Some("/run/millstream.sock".into()));
        assert_eq!(at("/run/a.b/live"), Some("/run/a.b/live.sock".into()));
        assert!(at("live.pid").is_some_and(|path| path.is_absolute()));
        assert_eq!(at("/dev/null"), None);
        assert_eq!(at("/dev/stdout"), None);
    }

    #[test]
    fn a_configuration_tells_where_its_socket_is_or_why_there_is_none() {
        let path = |socket, pid| {
            configured_path(socket, pid).map_err(|why| why.split(' ').next().unwrap().to_owned())
        };
        assert_eq!(path(Some("/a.sock"), Some("off")), Ok("/a.sock".into()));
        assert_eq!(path(None, Some("/run/a.pid")), Ok("/run/a.sock".into()));
        assert_eq!(path(Some("auto"), Some("off")), Err("without".into()));
        assert_eq!(path(Some("off"), Some("/run/a.pid")), Err("\"control_socket".into()));
        assert!(path(Some("relative"), None).is_err());
    }
}

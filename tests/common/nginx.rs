//! nginx, which gets the same configuration as the server that is tested.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::{Folder, wait};

/// A running nginx, which ends with the value.
pub struct Nginx(Child);

impl Nginx {
    /// Starts nginx with a configuration that listens there; none if it is not on this machine.
    pub fn start(folder: &Folder, text: &str, address: SocketAddr) -> Option<Self> {
        let own = "daemon off; master_process off; pid nginx.pid; error_log nginx.log;";
        let file = folder.write("nginx.conf", format!("{own} {text}"));
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&**folder).arg("-c").arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let nginx = Self(command.spawn().ok()?);
        wait("nginx listens", || TcpStream::connect(address).is_ok());
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! The socket that messages are sent by. A server that goes away and comes back, such as a syslog daemon that is
//! restarted, is connected again by the next message; after a failure, once a second is tried.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::target::{SyslogServer, SyslogTarget};

/// The time for which nothing is tried after an attempt to connect that has failed.
const RETRY: Duration = Duration::from_secs(1);

/// Sends messages to one server.
#[derive(Debug)]
pub struct Sender {
    address: Address,
    socket: Option<Socket>,
    /// The last attempt to connect, if it has failed.
    failed: Option<(Instant, ErrorKind)>,
}

#[derive(Debug, Clone)]
enum Address {
    Unix(PathBuf),
    Udp(SocketAddr),
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    /// Not connected: a server that is away for a moment makes no message fail, and a route may change.
    Udp(UdpSocket, SocketAddr),
}

impl Sender {
    /// Finds the address of the server, which may wait for the resolver. Nothing is connected yet.
    pub fn new(target: &SyslogTarget) -> io::Result<Self> {
        let address = match &target.server {
            // The working directory may be another one when it is connected.
            SyslogServer::Unix(path) => Address::Unix(std::path::absolute(path)?),
            SyslogServer::Udp { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs()?.next();
                Address::Udp(found.ok_or_else(|| io::Error::other("no address of this name"))?)
            }
        };
        Ok(Self { address, socket: None, failed: None })
    }

    /// Another sender to the same address, which need not be looked up. It is not connected.
    #[must_use]
    pub fn unconnected(&self) -> Self {
        Self { address: self.address.clone(), socket: None, failed: None }
    }

    /// Connects, unless it is connected. An error says why messages cannot be sent now.
    pub fn connect(&mut self, now: Instant) -> io::Result<()> {
        if self.socket.is_some() {
            return Ok(());
        }
        if let Some((then, why)) = self.failed
            && now.saturating_duration_since(then) < RETRY
        {
            return Err(why.into());
        }
        let socket = self.address.connect();
        self.failed = socket.as_ref().err().map(|error| (now, error.kind()));
        self.socket = Some(socket?);
        Ok(())
    }

    /// Whether it could be connected; nothing changes.
    pub fn probe(&self) -> io::Result<()> {
        self.address.connect().map(drop)
    }

    /// Sends a message. `WouldBlock` if the server has no room for it now.
    pub fn send(&mut self, message: &[u8], now: Instant) -> io::Result<()> {
        self.connect(now)?;
        let Err(error) = self.send_once(message) else { return Ok(()) };
        let is_of_daemon = matches!(self.socket, Some(Socket::Unix(_)));
        if !is_of_daemon || matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
            return Err(error);
        }
        // The daemon at the other end has gone; another may be there already.
        self.socket = None;
        self.connect(now).map_err(|_| error)?;
        self.send_once(message)
    }

    /// What to wait for room with; `None` if it is not connected.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(match self.socket.as_ref()? {
            Socket::Unix(socket) => socket.as_fd(),
            Socket::Udp(socket, _) => socket.as_fd(),
        })
    }

    fn send_once(&self, message: &[u8]) -> io::Result<()> {
        match &self.socket {
            Some(Socket::Unix(socket)) => socket.send(message).map(drop),
            Some(Socket::Udp(socket, address)) => socket.send_to(message, address).map(drop),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Address {
    fn connect(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.connect(path)?;
                Ok(Socket::Unix(socket))
            }
            Self::Udp(address) => {
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.set_nonblocking(true)?;
                Ok(Socket::Udp(socket, *address))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::test_folder::Folder;

    fn sender(server: &str) -> Sender {
        Sender::new(&format!("syslog:server={server}").parse().unwrap()).unwrap()
    }

    fn unix(path: &Path) -> Sender {
        sender(&format!("unix:{}", path.display()))
    }

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn each_message_is_a_datagram_at_a_unix_socket_and_over_udp() {
        let (folder, now) = (Folder::new(), Instant::now());
        let path = folder.join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        let mut sender_of_unix = unix(&path);
        for text in ["a", "b\n"] {
            sender_of_unix.send(text.as_bytes(), now).unwrap();
        }
        assert_eq!([receive(&server), receive(&server)], ["a", "b\n"]);
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let server = UdpSocket::bind(any).unwrap();
            let mut sender = sender(&server.local_addr().unwrap().to_string());
            sender.send(b"c", now).unwrap();
            let mut buffer = [0; 8];
            assert_eq!((server.recv(&mut buffer).unwrap(), buffer[0]), (1, b'c'), "{any}");
        }
    }

    #[test]
    fn a_server_that_comes_back_is_connected_again_and_a_missing_one_is_tried_once_a_second() {
        let (folder, now) = (Folder::new(), Instant::now());
        let path = folder.join("log");
        let mut sender = unix(&path);
        assert_eq!(sender.send(b"a", now).unwrap_err().kind(), ErrorKind::NotFound);
        let server = UnixDatagram::bind(&path).unwrap();
        let error = sender.send(b"b", now + RETRY / 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "it is not tried again yet");
        sender.send(b"c", now + RETRY).unwrap();
        assert_eq!(receive(&server), "c");
        drop(server);
        fs::remove_file(&path).unwrap();
        let server = UnixDatagram::bind(&path).unwrap();
        sender.send(b"d", now + RETRY).unwrap();
        assert_eq!(receive(&server), "d", "no message is lost by the restart");
        drop(server);
        assert_eq!(sender.send(b"e", now + RETRY).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_server_without_room_makes_a_message_fail_and_not_wait() {
        let (folder, now) = (Folder::new(), Instant::now());
        let path = folder.join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        let mut sender = unix(&path);
        let message = [b'x'; 8192];
        let error = std::iter::repeat_with(|| sender.send(&message, now)).find_map(Result::err).unwrap();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        server.recv(&mut [0; 1]).unwrap();
        sender.send(b"y", now).unwrap();
    }

    #[test]
    fn a_udp_server_that_is_away_makes_no_message_fail() {
        let now = Instant::now();
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        drop(server);
        let mut sender = sender(&address.to_string());
        for _ in 0..10 {
            sender.send(b"x", now).unwrap();
        }
        assert!(sender.descriptor().is_some());
    }

    #[test]
    fn a_name_that_nothing_has_is_an_error_at_once() {
        let target = "syslog:server=does-not-exist.invalid".parse().unwrap();
        assert!(Sender::new(&target).is_err());
    }
}

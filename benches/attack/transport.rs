//! A connection of a hostile peer: plain TCP, or TLS over it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use rustls::{ClientConnection, StreamOwned};

use super::tls::Tls;

/// An address, and how to connect to it.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Option<Tls>,
}

/// A connection.
pub enum Transport {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Transport {
    /// Goes on over TCP as the target wants; nothing is sent yet.
    pub fn over(tcp: TcpStream, target: &Target) -> io::Result<Self> {
        let Some(tls) = &target.tls else { return Ok(Self::Tcp(tcp)) };
        let connection = tls.connection(target.address.ip())?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, tcp))))
    }

    /// Throws away all that comes, up to the end of the connection; TLS leaves it encrypted.
    pub fn discard_rest(&mut self, space: &mut [u8]) -> io::Result<()> {
        let tcp = match self {
            Self::Tcp(tcp) => &*tcp,
            Self::Tls(stream) => &stream.sock,
        };
        loop {
            // The kernel copies nothing (tcp(7)).
            match recv(tcp.as_raw_fd(), space, MsgFlags::MSG_TRUNC) {
                Ok(0) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Err(ErrorKind::TimedOut.into()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    /// Must follow what is written over TLS, which keeps some of it.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(_) => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

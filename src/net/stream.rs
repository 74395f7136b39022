//! The stream of a connection: TCP, a Unix socket, or TLS over TCP, which begins with the hello of a client.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use super::tls::accepting::Hello;
use super::tls::stream::TlsStream;

#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// What will be encrypted when the hello of the client has come: until then nothing is read or written here.
    Hello(Box<Hello>),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The TCP stream, which has options of its own.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Unix(_) => None,
            Self::Hello(hello) => Some(&hello.tcp),
            Self::Tls(stream) => Some(stream.tcp()),
        }
    }

    /// Closes the sending side, behind what has been written.
    pub fn shut_down_write(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Hello(hello) => hello.tcp.shutdown(Shutdown::Write),
            Self::Tls(stream) => stream.shut_down_write(),
        }
    }

    /// Whether bytes are changed on their way: the kernel cannot send a file by itself.
    #[inline]
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Hello(_))
    }

    /// Whether a read that has not filled its buffer may have left more that no event announces.
    #[inline]
    pub fn may_have_more(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.may_have_more(),
            Self::Tcp(_) | Self::Unix(_) | Self::Hello(_) => false,
        }
    }

    /// Sends what has been encrypted and could not be sent; `WouldBlock` if some is left.
    #[inline]
    pub fn send_unsent(&mut self) -> io::Result<()> {
        match self {
            Self::Tls(stream) => stream.send_unsent(),
            Self::Tcp(_) | Self::Unix(_) | Self::Hello(_) => Ok(()),
        }
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
            Self::Hello(_) => Err(ErrorKind::NotConnected.into()),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
            Self::Hello(_) => Err(ErrorKind::NotConnected.into()),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
            Self::Hello(_) => Err(ErrorKind::NotConnected.into()),
            Self::Tls(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::Hello(hello) => hello.tcp.as_fd(),
            Self::Tls(stream) => stream.tcp().as_fd(),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interests),
            Self::Unix(stream) => stream.register(registry, token, interests),
            Self::Hello(hello) => hello.tcp.register(registry, token, interests),
            Self::Tls(stream) => stream.tcp_mut().register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(registry, token, interests),
            Self::Unix(stream) => stream.reregister(registry, token, interests),
            Self::Hello(hello) => hello.tcp.reregister(registry, token, interests),
            Self::Tls(stream) => stream.tcp_mut().reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream) => stream.deregister(registry),
            Self::Hello(hello) => hello.tcp.deregister(registry),
            Self::Tls(stream) => stream.tcp_mut().deregister(registry),
        }
    }
}

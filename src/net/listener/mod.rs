//! Listening sockets.

mod unix;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use nix::libc;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, sockopt};

use self::unix::{OpenFor, UnixSocket};
use crate::engine::{Engine, KeepAliveProbes, ListenOn, Listener, Peer, SocketOptions};
use crate::net::stream::Stream;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Ports below this are root's.
const FIRST_OPEN_PORT: u16 = 1024;

/// Opens a listening socket. An IPv6 one takes IPv4 connections too unless `ipv6only=on`, as nginx has it.
pub fn bind(wanted: &Listener) -> io::Result<ListeningSocket> {
    let backlog = wanted.options.backlog.unwrap_or(BACKLOG).cast_signed().min(libc::SOMAXCONN);
    let listening =
        Backlog::new(backlog).map_err(io::Error::from).and_then(|backlog| match &wanted.address {
            ListenOn::Internet(address) => {
                let fd = bound(wanted, *address)?;
                socket::listen(&fd, backlog)?;
                Ok(ListeningSocket::Tcp(TcpListener::from_std(fd.into())))
            }
            ListenOn::Unix(path) => {
                let open_for = if wanted.is_control { OpenFor::Owner } else { OpenFor::All };
                UnixSocket::bind(path, backlog, open_for).map(ListeningSocket::Unix)
            }
        });
    listening.map_err(|error| explain(wanted, &error))
}

/// The socket of a listener.
#[derive(Debug)]
pub enum ListeningSocket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

impl ListeningSocket {
    /// Accepts a connection, with its peer.
    pub fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(socket) => socket.accept().map(|(stream, peer)| (Stream::Tcp(stream), peer.into())),
            Self::Unix(socket) => {
                socket.listener.accept().map(|(stream, _)| (Stream::Unix(stream), Peer::Unix))
            }
        }
    }

    /// The address; none of a Unix socket.
    pub fn internet(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => registry.register(socket, token, Interest::READABLE),
            Self::Unix(socket) => registry.register(&mut socket.listener, token, Interest::READABLE),
        }
    }
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.listener.as_fd(),
        }
    }
}

/// Tries whether a Unix socket could be listened at: makes it and removes it again.
pub fn try_unix(path: &Path) -> io::Result<()> {
    let backlog = Backlog::new(1).map_err(io::Error::from)?;
    UnixSocket::bind(path, backlog, OpenFor::Owner).map(drop)
}

/// The listeners whose addresses cannot be bound now, each with the reason. No connection is accepted meanwhile.
pub fn probe(engine: &Engine) -> Vec<(&Listener, io::Error)> {
    let tried = engine.listeners().iter().map(|wanted| match &wanted.address {
        ListenOn::Internet(address) => (wanted, bound(wanted, *address).map(|_| ())),
        ListenOn::Unix(path) => (wanted, unix::probe(path)),
    });
    let failed = tried.filter_map(|(wanted, bound)| Some((wanted, explain(wanted, &bound.err()?))));
    failed.collect()
}

fn bound(wanted: &Listener, address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket::socket(family, SockType::Stream, flags, None)?;
    socket::setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    socket::setsockopt(&fd, sockopt::ReusePort, &wanted.options.reuse_port)?;
    if address.is_ipv6() {
        socket::setsockopt(&fd, sockopt::Ipv6V6Only, &wanted.options.ipv6_only)?;
    }
    set_options(&fd, &wanted.options)?;
    socket::bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// Sets what accepted connections inherit.
fn set_options(fd: &OwnedFd, options: &SocketOptions) -> io::Result<()> {
    if let Some(bytes) = options.receive_buffer {
        socket::setsockopt(fd, sockopt::RcvBuf, &bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        socket::setsockopt(fd, sockopt::SndBuf, &bytes)?;
    }
    match options.keepalive {
        None => {}
        Some(KeepAliveProbes::Off) => socket::setsockopt(fd, sockopt::KeepAlive, &false)?,
        Some(KeepAliveProbes::On { idle, interval, count }) => {
            socket::setsockopt(fd, sockopt::KeepAlive, &true)?;
            idle.map_or(Ok(()), |seconds| socket::setsockopt(fd, sockopt::TcpKeepIdle, &seconds))?;
            interval.map_or(Ok(()), |seconds| socket::setsockopt(fd, sockopt::TcpKeepInterval, &seconds))?;
            count.map_or(Ok(()), |count| socket::setsockopt(fd, sockopt::TcpKeepCount, &count))?;
        }
    }
    Ok(())
}

/// The error, with what to do about it.
fn explain(wanted: &Listener, error: &io::Error) -> io::Error {
    let address = &wanted.address;
    let why = match error.kind() {
        ErrorKind::AddrInUse if address.port().is_none() => {
            format!("it is in use: a program listens there, or there is a file that is no socket ({error})")
        }
        ErrorKind::NotFound if address.port().is_none() => {
            format!("there is no such folder, make it first ({error})")
        }
        ErrorKind::AddrInUse => {
            format!("it is in use; \"ss -ltnp\" tells by which program, as root ({error})")
        }
        ErrorKind::AddrNotAvailable => format!("this machine has no such address ({error})"),
        ErrorKind::PermissionDenied if address.port().is_some_and(|port| port < FIRST_OPEN_PORT) => {
            format!(
                "ports below {FIRST_OPEN_PORT} are root's: start as root, with \"user\" in the configuration, or take another port ({error})"
            )
        }
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {why}"))
}

//! Listening sockets.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};

use mio::net::TcpListener;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, sockopt};

use crate::engine::{Engine, Listener};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Ports below this are root's.
const FIRST_OPEN_PORT: u16 = 1024;

/// Opens a listening socket. An IPv6 one takes IPv4 connections too unless `ipv6_only`, as nginx has it.
pub fn bind(wanted: &Listener) -> io::Result<TcpListener> {
    let listening = bound(wanted).and_then(|fd| {
        socket::listen(&fd, Backlog::new(BACKLOG)?)?;
        Ok(TcpListener::from_std(fd.into()))
    });
    listening.map_err(|error| explain(wanted, &error))
}

/// The listeners whose addresses cannot be bound now, each with the reason. No connection is accepted meanwhile.
pub fn probe(engine: &Engine) -> Vec<(&Listener, io::Error)> {
    let tried = engine.listeners().iter().map(|wanted| (wanted, bound(wanted)));
    let failed = tried.filter_map(|(wanted, bound)| Some((wanted, explain(wanted, &bound.err()?))));
    failed.collect()
}

fn bound(wanted: &Listener) -> io::Result<OwnedFd> {
    let address = wanted.address;
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket::socket(family, SockType::Stream, flags, None)?;
    socket::setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    socket::setsockopt(&fd, sockopt::ReusePort, &wanted.reuse_port)?;
    if address.is_ipv6() {
        socket::setsockopt(&fd, sockopt::Ipv6V6Only, &wanted.ipv6_only)?;
    }
    socket::bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// The error, with what to do about it.
fn explain(wanted: &Listener, error: &io::Error) -> io::Error {
    let address = wanted.address;
    let why = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("it is in use; \"ss -ltnp\" tells by which program, as root ({error})")
        }
        ErrorKind::AddrNotAvailable => format!("this machine has no such address ({error})"),
        ErrorKind::PermissionDenied if address.port() < FIRST_OPEN_PORT => {
            format!(
                "ports below {FIRST_OPEN_PORT} are root's: start as root, with \"user\" in the configuration, or take another port ({error})"
            )
        }
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {why}"))
}

//! Listening sockets.

use std::io;
use std::os::fd::AsRawFd;

use mio::net::TcpListener;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, sockopt};

use crate::engine::Listener;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Opens a listening socket. An IPv6 one takes IPv4 connections too unless `ipv6_only`, as nginx has it.
pub fn bind(wanted: &Listener) -> io::Result<TcpListener> {
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
    socket::listen(&fd, Backlog::new(BACKLOG)?)?;
    Ok(TcpListener::from_std(fd.into()))
}

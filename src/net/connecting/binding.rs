//! Opening a TCP connection, from an address of this machine if one is chosen.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::net::TcpStream;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};

/// Begins to connect, without waiting.
pub fn open_tcp(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(address) };
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    if address.is_ipv4() != from.is_ipv4() {
        let kind = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        return Err(io::Error::other(format!(
            "it is an address of {kind}, other than that of bind ({from})"
        )));
    }
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let descriptor = socket(family, SockType::Stream, flags, None)?;
    bind(descriptor.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(from, 0)))
        .map_err(|error| io::Error::other(format!("bind {from}: {}", bind_fault(error))))?;
    match connect(descriptor.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(TcpStream::from_std(std::net::TcpStream::from(descriptor)))
}

fn bind_fault(error: Errno) -> String {
    match error {
        Errno::EADDRNOTAVAIL => "this machine has no such address".to_owned(),
        error => io::Error::from(error).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_the_machine_does_not_have_is_named() {
        let error = open_tcp(SocketAddr::from(([127, 0, 0, 1], 9)), Some([192, 0, 2, 1].into())).unwrap_err();
        assert_eq!(error.to_string(), "bind 192.0.2.1: this machine has no such address");
    }
}

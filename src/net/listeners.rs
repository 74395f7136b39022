//! The listening sockets of the server: opened at the start, and at each reload for the addresses that are new.
//!
//! A listener is known by its slot, which is also its token. One whose address stays keeps its socket, and with it the
//! connections that wait to be accepted, whatever server or protocol it has in the new configuration.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::listener::bind;
use crate::engine::{Listener, Protocol};

/// The most addresses of one configuration.
const MAX_LISTENERS: usize = 1023;
/// Tokens from here on are not of listeners. During a reload those of both configurations are open.
pub(super) const FIRST_FREE_TOKEN: usize = 2 * (MAX_LISTENERS + 1);

/// A listener with its socket.
#[derive(Debug)]
pub(super) struct OpenListener {
    pub socket: TcpListener,
    /// Its description. Options of the socket are those that it was opened with.
    pub listener: Listener,
    /// The position of the description among those of the engine.
    pub position: usize,
}

/// The open listeners by slot.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<Option<OpenListener>>);

/// Sockets for all listeners of the next configuration. It has to be given to [`Server::adopt`](super::Server::adopt)
/// or [`Server::cancel`](super::Server::cancel), before the server runs on.
#[derive(Debug, Default)]
pub struct Prepared {
    sockets: Vec<Source>,
    /// Listeners that were in the way of new ones, with their slots.
    closed: Vec<(usize, ClosedListener)>,
}

/// The socket of a listener of the next configuration, in a slot.
#[derive(Debug)]
enum Source {
    Kept(usize),
    New(usize, TcpListener),
}

/// A listener whose socket has been closed.
#[derive(Debug)]
struct ClosedListener {
    listener: Listener,
    position: usize,
    /// Where it listened; the configuration may have port 0.
    address: SocketAddr,
}

/// The number of listeners that a reload has opened and closed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ListenerChanges {
    /// Addresses that were not listened on before.
    pub opened: usize,
    /// Addresses that are not listened on any more.
    pub closed: usize,
}

impl Listeners {
    /// Finds or opens a socket for each listener; the open ones stay as they are. Nothing has changed if it fails.
    pub fn prepare(&mut self, wanted: &[Listener], registry: &Registry) -> io::Result<Prepared> {
        if wanted.len() > MAX_LISTENERS {
            return Err(io::Error::other(format!("more than {MAX_LISTENERS} addresses to listen on")));
        }
        let mut prepared = Prepared::default();
        match self.find_sockets(wanted, registry, &mut prepared) {
            Ok(()) => Ok(prepared),
            Err(error) => {
                self.cancel(prepared, registry);
                Err(error)
            }
        }
    }

    /// Closes the new sockets, and opens again what was in their way.
    fn cancel(&mut self, prepared: Prepared, registry: &Registry) {
        let Prepared { sockets, closed } = prepared;
        drop(sockets);
        for (slot, closed) in closed {
            let ClosedListener { listener, position, address } = closed;
            let mut there = listener.clone();
            there.address = address;
            let opened = bind(&there);
            match opened.and_then(|socket| registered(socket, slot, registry)) {
                Ok(socket) => self.put(slot, OpenListener { socket, listener, position }),
                Err(error) => log::error!("{address} is not listened on any more: {error}"),
            }
        }
    }

    /// Puts the prepared sockets in the place of those of before; `wanted` is what they were prepared for.
    pub fn adopt(&mut self, prepared: Prepared, wanted: &[Listener]) -> ListenerChanges {
        let mut before = mem::take(&mut self.0);
        let mut changes = ListenerChanges { opened: 0, closed: 0 };
        for (position, (source, wanted)) in prepared.sockets.into_iter().zip(wanted).enumerate() {
            match source {
                Source::Kept(slot) => {
                    let Some(kept) = before.get_mut(slot).and_then(Option::take) else { continue };
                    self.put(slot, kept.adopt(wanted, position));
                }
                Source::New(slot, socket) => {
                    changes.opened += 1;
                    let open = OpenListener { socket, listener: wanted.clone(), position };
                    open.announce();
                    self.put(slot, open);
                }
            }
        }
        for gone in before.into_iter().flatten() {
            changes.closed += 1;
            log::info!("no longer listening on {}", gone.address());
        }
        for (_, gone) in prepared.closed {
            changes.closed += 1;
            log::info!("no longer listening on {}", gone.address);
        }
        changes
    }

    pub fn get(&self, slot: usize) -> Option<&OpenListener> {
        self.0.get(slot)?.as_ref()
    }

    pub fn iter(&self) -> impl Iterator<Item = &OpenListener> {
        self.0.iter().flatten()
    }

    /// The slots that are in use.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        let used = self.0.iter().enumerate().filter(|(_, open)| open.is_some());
        used.map(|(slot, _)| slot)
    }

    /// Closes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn find_sockets(
        &mut self,
        wanted: &[Listener],
        registry: &Registry,
        prepared: &mut Prepared,
    ) -> io::Result<()> {
        let kept: Vec<_> = wanted.iter().map(|wanted| self.kept(wanted)).collect();
        let gone: Vec<usize> = self.slots().filter(|slot| !kept.contains(&Some(*slot))).collect();
        let used: Vec<usize> = self.slots().collect();
        let mut free = (0..FIRST_FREE_TOKEN).filter(|slot| !used.contains(slot));
        for (slot, wanted) in kept.into_iter().zip(wanted) {
            let source = match slot {
                Some(slot) => Source::Kept(slot),
                None => {
                    let slot = free.next().ok_or(ErrorKind::QuotaExceeded)?;
                    let socket = self
                        .open(wanted, &gone, prepared)
                        .and_then(|socket| registered(socket, slot, registry));
                    let explain = |error: io::Error| {
                        io::Error::new(error.kind(), format!("{}: {error}", wanted.origin))
                    };
                    Source::New(slot, socket.map_err(explain)?)
                }
            };
            prepared.sockets.push(source);
        }
        Ok(())
    }

    /// The slot that a wanted listener keeps: that of the open one with its id, which has its address.
    fn kept(&self, wanted: &Listener) -> Option<usize> {
        self.slots().find(|slot| self.get(*slot).is_some_and(|open| open.listener.id == wanted.id))
    }

    /// Opens a socket. Listeners that are `gone` are closed first if they are in the way, such as 127.0.0.1 in that of
    /// 0.0.0.0.
    fn open(
        &mut self,
        wanted: &Listener,
        gone: &[usize],
        prepared: &mut Prepared,
    ) -> io::Result<TcpListener> {
        match bind(wanted) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let closed = prepared.closed.len();
                for &slot in gone {
                    self.close_in_the_way(slot, wanted, prepared);
                }
                if prepared.closed.len() == closed { Err(error) } else { bind(wanted) }
            }
            result => result,
        }
    }

    fn close_in_the_way(&mut self, slot: usize, wanted: &Listener, prepared: &mut Prepared) {
        let Some(place) = self.0.get_mut(slot) else { return };
        let in_the_way = place.take_if(|open| open.address().port() == wanted.address.port());
        if let Some(open) = in_the_way {
            let address = open.address();
            let OpenListener { listener, position, .. } = open;
            prepared.closed.push((slot, ClosedListener { listener, position, address }));
        }
    }

    fn put(&mut self, slot: usize, open: OpenListener) {
        if self.0.len() <= slot {
            self.0.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.0.get_mut(slot) {
            *place = Some(open);
        }
    }
}

impl OpenListener {
    /// The address at which it listens.
    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(self.listener.address)
    }

    /// The address of this machine that a peer has connected to.
    pub fn local_end(&self, stream: &TcpStream) -> io::Result<SocketAddr> {
        let known = self.listener.address;
        // The listener's own address saves a system call.
        let is_whole = known.port() != 0 && !known.ip().is_unspecified();
        if is_whole { Ok(known) } else { stream.local_addr() }
    }

    /// Takes another description. The socket keeps its options.
    fn adopt(self, wanted: &Listener, position: usize) -> Self {
        let (ipv6_only, reuse_port) = (self.listener.ipv6_only, self.listener.reuse_port);
        if (wanted.ipv6_only, wanted.reuse_port) != (ipv6_only, reuse_port) {
            log::warn!(
                "{}: the options of {} act when the server is restarted",
                wanted.origin,
                wanted.address
            );
        }
        let has_moved = self.listener.protocol != wanted.protocol;
        let mut listener = wanted.clone();
        (listener.ipv6_only, listener.reuse_port) = (ipv6_only, reuse_port);
        let kept = Self { socket: self.socket, listener, position };
        if has_moved {
            kept.announce();
        }
        kept
    }

    fn announce(&self) {
        let name = match self.listener.protocol {
            Protocol::Rtmp => "RTMP",
            Protocol::Http => "HTTP",
        };
        log::info!("listening for {name} on {}", self.address());
    }
}

fn registered(mut socket: TcpListener, slot: usize, registry: &Registry) -> io::Result<TcpListener> {
    registry.register(&mut socket, Token(slot), Interest::READABLE)?;
    Ok(socket)
}

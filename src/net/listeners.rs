//! The listening sockets of the server: opened at the start, and at each reload for the addresses that are new.
//!
//! A listener is known by its slot, which is also its token. One whose address stays keeps its socket, and with it the
//! connections that wait to be accepted, whatever server or protocol it has in the new configuration.

use std::io::{self, ErrorKind};
use std::mem;

use mio::{Registry, Token};

use super::listener::{ListeningSocket, bind};
use super::stream::Stream;
use crate::engine::{ListenOn, Listener, Protocol};

/// The most addresses of one configuration.
const MAX_LISTENERS: usize = 1023;
/// Tokens from here on are not of listeners. During a reload those of both configurations are open.
pub(super) const FIRST_FREE_TOKEN: usize = 2 * (MAX_LISTENERS + 1);

/// A listener with its socket.
#[derive(Debug)]
pub(super) struct OpenListener {
    pub socket: ListeningSocket,
    /// Its description. Options of the socket are those that it was opened with.
    pub listener: Listener,
    /// The position of the description among those of the engine.
    pub position: usize,
}

/// The open listeners by slot.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<Option<OpenListener>>);

/// Sockets for all listeners of the next configuration. It has to be given to [`Server::adopt`](super::Server::adopt)
/// before the server runs on.
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
    New(usize, ListeningSocket),
}

/// What has been found for a wanted listener.
#[derive(Debug)]
enum Found {
    Source(Source),
    /// Nothing yet for this slot: listeners of our own that are gone have to be closed first.
    Blocked(usize),
}

/// A listener whose socket has been closed.
#[derive(Debug)]
struct ClosedListener {
    listener: Listener,
    position: usize,
    /// Where it listened; the configuration may have port 0.
    address: ListenOn,
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
    /// Finds or opens a socket for each listener; the open ones stay as they are. If it fails, nothing has changed but what
    /// [`Self::cancel`] says.
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

    /// Closes the new sockets, and opens again what was in their way. That may fail, as another program may have taken the
    /// address meanwhile: then the log has it, and it is not among [`Self::addresses`] any more.
    fn cancel(&mut self, prepared: Prepared, registry: &Registry) {
        let Prepared { sockets, closed } = prepared;
        drop(sockets);
        for (slot, closed) in closed {
            let ClosedListener { listener, position, address } = closed;
            let mut there = listener.clone();
            there.address = address.clone();
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

    /// The addresses of all.
    pub fn addresses(&self) -> Vec<String> {
        self.iter().map(|open| open.address().to_string()).collect()
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
        let mut found = Vec::new();
        for (slot, wanted) in kept.into_iter().zip(wanted) {
            found.push(match slot {
                Some(slot) => Found::Source(Source::Kept(slot)),
                None => {
                    self.find_new(wanted, free.next().ok_or(ErrorKind::QuotaExceeded)?, &gone, registry)?
                }
            });
        }
        // Only now, as another program may take the address of a socket that is closed.
        for (found, wanted) in found.into_iter().zip(wanted) {
            let source = match found {
                Found::Source(source) => source,
                Found::Blocked(slot) => {
                    gone.iter().for_each(|&gone| self.close_in_the_way(gone, wanted, prepared));
                    Source::New(slot, open(wanted, slot, registry)?)
                }
            };
            prepared.sockets.push(source);
        }
        Ok(())
    }

    /// Opens a socket, unless listeners are in the way that are `gone`.
    fn find_new(
        &self,
        wanted: &Listener,
        slot: usize,
        gone: &[usize],
        registry: &Registry,
    ) -> io::Result<Found> {
        let is_blocked =
            || gone.iter().any(|slot| self.get(*slot).is_some_and(|open| open.is_in_the_way_of(wanted)));
        match open(wanted, slot, registry) {
            Ok(socket) => Ok(Found::Source(Source::New(slot, socket))),
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_blocked() => Ok(Found::Blocked(slot)),
            Err(error) => Err(error),
        }
    }

    /// The slot that a wanted listener keeps: that of the open one with its id, which has its address.
    fn kept(&self, wanted: &Listener) -> Option<usize> {
        self.slots().find(|slot| self.get(*slot).is_some_and(|open| open.listener.id == wanted.id))
    }

    fn close_in_the_way(&mut self, slot: usize, wanted: &Listener, prepared: &mut Prepared) {
        let Some(place) = self.0.get_mut(slot) else { return };
        if let Some(open) = place.take_if(|open| open.is_in_the_way_of(wanted)) {
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
    fn address(&self) -> ListenOn {
        self.socket.internet().map_or_else(|| self.listener.address.clone(), ListenOn::Internet)
    }

    /// Whether it may keep another address from being opened, such as 127.0.0.1 that of 0.0.0.0.
    fn is_in_the_way_of(&self, wanted: &Listener) -> bool {
        self.address().port().is_some_and(|port| wanted.address.port() == Some(port))
    }

    /// The address of this machine that a peer has connected to.
    pub fn local_end(&self, stream: &Stream) -> io::Result<ListenOn> {
        let known = &self.listener.address;
        // The listener's own address saves a system call.
        let is_whole = !known.is_chosen_later() && known.ip().is_none_or(|ip| !ip.is_unspecified());
        match stream.tcp().filter(|_| !is_whole) {
            Some(tcp) => tcp.local_addr().map(ListenOn::Internet),
            None => Ok(known.clone()),
        }
    }

    /// Takes another description. The socket keeps its options.
    fn adopt(self, wanted: &Listener, position: usize) -> Self {
        let options = self.listener.options;
        if wanted.options != options {
            log::warn!(
                "{}: the options of {} act when the server is restarted",
                wanted.origin,
                wanted.address
            );
        }
        let kind = |listener: &Listener| (listener.protocol, listener.is_encrypted());
        let has_moved = kind(&self.listener) != kind(wanted);
        let mut listener = wanted.clone();
        listener.options = options;
        let kept = Self { socket: self.socket, listener, position };
        if has_moved {
            kept.announce();
        }
        kept
    }

    fn announce(&self) {
        if self.listener.is_control {
            return log::info!("control socket: {}", self.address().host());
        }
        let name = match (self.listener.protocol, self.listener.is_encrypted()) {
            (Protocol::Rtmp, false) => "RTMP",
            (Protocol::Rtmp, true) => "RTMPS",
            (Protocol::Http, false) => "HTTP",
            (Protocol::Http, true) => "HTTPS",
        };
        log::info!("listening for {name} on {}", self.address());
    }
}

fn open(wanted: &Listener, slot: usize, registry: &Registry) -> io::Result<ListeningSocket> {
    bind(wanted)
        .and_then(|socket| registered(socket, slot, registry))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", wanted.origin)))
}

fn registered(mut socket: ListeningSocket, slot: usize, registry: &Registry) -> io::Result<ListeningSocket> {
    socket.register(registry, Token(slot))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{self, SocketAddr};

    use mio::Poll;

    use super::*;
    use crate::conf::{Scope, Tree, check};
    use crate::engine::{Engine, directive_table};
    use crate::net::now;

    /// An engine that listens there, for a running one if there is one.
    fn engine(addresses: &[SocketAddr], running: Option<&Engine>) -> Engine {
        let listen: String = addresses.iter().map(|address| format!("listen {address};")).collect();
        let text = format!("rtmp {{ server {{ {listen} application live {{ live on; }} }} }}");
        let (mut tree, modules) = (Tree::from_text("f", &text).unwrap(), crate::modules::table());
        let table = directive_table(&modules);
        check(&mut tree, &table).unwrap();
        let root = Scope::root(&tree, &table);
        match running {
            Some(running) => running.read_next(&root, modules),
            None => Engine::new(&root, modules, 0, now()),
        }
        .unwrap()
    }

    /// The listeners of a server at one address, which is returned with it.
    fn opened(poll: &Poll) -> (Engine, Listeners, SocketAddr) {
        let (engine, mut listeners) = (engine(&[([127, 0, 0, 1], 0).into()], None), Listeners::default());
        let prepared = listeners.prepare(engine.listeners(), poll.registry()).unwrap();
        listeners.adopt(prepared, engine.listeners());
        let address = listeners.iter().next().unwrap().address().internet().unwrap();
        (engine, listeners, address)
    }

    fn all_with_port_of(own: SocketAddr) -> SocketAddr {
        ([0, 0, 0, 0], own.port()).into()
    }

    #[test]
    fn an_address_that_another_program_has_costs_no_listener_its_socket() {
        let poll = Poll::new().unwrap();
        let (running, mut listeners, own) = opened(&poll);
        let _client = net::TcpStream::connect(own).unwrap();
        let taken = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = engine(&[all_with_port_of(own), taken.local_addr().unwrap()], Some(&running));
        assert!(listeners.prepare(wanted.listeners(), poll.registry()).is_err());
        let listener = listeners.iter().next().unwrap();
        assert!(listener.socket.accept().is_ok(), "the connection still waits there");
    }

    #[test]
    fn an_address_that_is_lost_is_not_among_those_that_are_open() {
        let poll = Poll::new().unwrap();
        let (running, mut listeners, own) = opened(&poll);
        let wanted = engine(&[all_with_port_of(own)], Some(&running));
        for (is_taken, left) in [(false, vec![own.to_string()]), (true, Vec::new())] {
            let mut prepared = listeners.prepare(wanted.listeners(), poll.registry()).unwrap();
            prepared.sockets.clear();
            let _taken = is_taken.then(|| net::TcpListener::bind(own).unwrap());
            listeners.cancel(prepared, poll.registry());
            assert_eq!(listeners.addresses(), left);
        }
    }
}

//! Cases that must hold over plain TCP and over TLS: a server that listens for one of them, and who runs a case over both.

use std::ops::Deref;
use std::thread;

use super::super::{Folder, Server};
use super::certificates::{Certificates, HERE, Wanted};
use super::transport::{Target, Transport};

/// Runs a case over each transport, both at once.
pub fn over_each_transport(case: impl Fn(Transport) + Sync) {
    let case = &case;
    thread::scope(|scope| {
        for transport in [Transport::Plain, Transport::Tls] {
            let name = format!("{transport:?}");
            thread::Builder::new().name(name).spawn_scoped(scope, move || case(transport)).unwrap();
        }
    });
}

/// A server whose clients come over one transport.
pub struct ServerOver {
    server: Server,
    target: Target,
    _certificates: Option<Certificates>,
}

impl Deref for ServerOver {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl ServerOver {
    /// A server with this block `rtmp`, in which LISTEN stands for where it listens.
    pub fn start(transport: Transport, rtmp: &str) -> Self {
        Self::start_by(transport, rtmp, Server::start_in)
    }

    /// The same by another way to start it in a folder.
    pub fn start_by(transport: Transport, rtmp: &str, start: impl FnOnce(Folder, &str) -> Server) -> Self {
        let certificates = (transport == Transport::Tls).then(|| {
            let made = Certificates::empty();
            made.sign(&Wanted::new("server", HERE));
            made
        });
        let listen = match &certificates {
            None => "listen 127.0.0.1:0;".to_owned(),
            Some(made) => format!("listen 127.0.0.1:0 ssl; {}", made.directives("server")),
        };
        let text = format!("pid off; rtmp {{ server {{ {} }} }}", rtmp.replace("LISTEN", &listen));
        let mut server = start(Folder::new(), &text);
        let target = match &certificates {
            None => server.rtmp().into(),
            Some(made) => {
                server.rtmp = server.addresses("RTMPS");
                Target::tls(server.rtmp(), made)
            }
        };
        Self { server, target, _certificates: certificates }
    }

    /// An application `live` with these directives.
    pub fn live(transport: Transport, directives: &str) -> Self {
        Self::start(transport, &format!("LISTEN application live {{ live on; {directives} }}"))
    }

    /// Where clients connect.
    pub fn rtmp(&self) -> &Target {
        &self.target
    }
}

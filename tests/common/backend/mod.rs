//! The HTTP server that callbacks call: it keeps every request, and answers each as the test's script says, right or
//! wrong.
//!
//! [`Backend`] runs in threads of the test. [`python::PythonBackend`] is a server that nobody here wrote, in Python,
//! also with TLS by the certificates of [`super::tls::certificates`].

mod answer;
pub mod python;
mod request;

use std::io::BufReader;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

pub use answer::Answer;
pub use request::Request;

use super::{SOON, until};

type Script = dyn Fn(&Request) -> Answer + Send + Sync;

/// A running backend on a port of its own.
pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    script: Box<Script>,
    requests: Mutex<Vec<Request>>,
    /// Each connection so far; none where it is over.
    connections: Mutex<Vec<Option<TcpStream>>>,
    is_over: AtomicBool,
}

impl Backend {
    /// Starts a backend that answers each request as the script says. A script may wait: it holds up only its own
    /// connection, and the request is in the list already.
    pub fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), script)
    }

    /// The same at an address, such as that of a backend that has ended.
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        // A program that another test is just starting has a copy of the earlier backend's socket for a moment.
        let listener = until("the address is free", SOON, || TcpListener::bind(address).ok());
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            requests: Mutex::default(),
            connections: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let acceptor = Some(std::thread::spawn(move || for_thread.accept(&listener)));
        Self { address, shared, acceptor }
    }

    /// A backend that answers every request with this status.
    pub fn always(status: u16) -> Self {
        Self::start(move |_| Answer::Status(status))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, in the order in which their last bytes came.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The field `call` of each request so far.
    pub fn calls(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.field("call").to_owned()).collect()
    }

    /// Waits until the requests are such, and returns them.
    pub fn wait_for(&self, mut holds: impl FnMut(&[Request]) -> bool) -> Vec<Request> {
        let deadline = Instant::now() + SOON;
        loop {
            let requests = self.requests();
            if holds(&requests) {
                return requests;
            }
            assert!(Instant::now() < deadline, "not within {SOON:?}; the backend got {requests:#?}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Waits for the first request to this path.
    pub fn wait_path(&self, path: &str) -> Request {
        let is_it = |request: &Request| request.path() == path;
        let requests = self.wait_for(|requests| requests.iter().any(is_it));
        requests.into_iter().find(is_it).unwrap()
    }

    /// The number of connections that it has accepted.
    pub fn accepted(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
    }

    /// The number of those that neither side has closed.
    pub fn open(&self) -> usize {
        self.shared.connections.lock().unwrap().iter().flatten().count()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the thread that accepts
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for connection in self.shared.connections.lock().unwrap().iter().flatten() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let mut connections = self.connections.lock().unwrap();
            let (number, shared) = (connections.len(), Arc::clone(&self));
            connections.push(Some(stream.try_clone().unwrap()));
            std::thread::spawn(move || {
                shared.serve(&stream, number);
                let _ = stream.shutdown(Shutdown::Both);
                shared.connections.lock().unwrap()[number] = None;
            });
        }
    }

    /// Answers the requests of a connection until it is over.
    fn serve(&self, stream: &TcpStream, number: usize) {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream);
        while let Ok(Some(request)) = Request::read(&mut reader, number) {
            self.requests.lock().unwrap().push(request.clone());
            let answer = (self.script)(&request);
            if !matches!(answer.send(stream, &request), Ok(true)) {
                return;
            }
        }
    }
}

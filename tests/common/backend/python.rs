//! A backend that nobody here wrote: Python's own HTTP server, with and without TLS.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::super::tls::certificates::Certificates;
use super::super::{Folder, SOON, until};
use super::Request;

/// The program.
const PROGRAM: &str = include_str!("server.py");

/// A running Python. It answers a path `/STATUS` with that status, and `/STATUS/TEXT` with TEXT as `Location` too.
pub struct PythonBackend {
    child: Child,
    folder: Folder,
    port: u16,
    scheme: &'static str,
}

impl PythonBackend {
    /// One that closes each connection after its answer (`HTTP/1.0`), or keeps them (`HTTP/1.1`).
    pub fn start(version: &str) -> Self {
        Self::spawn("http", &[version.into()])
    }

    /// One with TLS and this certificate of those. It keeps connections.
    pub fn with_tls(certificates: &Certificates, name: &str) -> Self {
        let (certificate, key) = (certificates.certificate(name), certificates.key(name));
        Self::spawn("https", &["HTTP/1.1".into(), certificate, key])
    }

    /// The same with the certificate `server`, for clients that have a certificate of this authority themselves.
    pub fn for_known_clients(certificates: &Certificates) -> Self {
        let (certificate, key) = (certificates.certificate("server"), certificates.key("server"));
        Self::spawn("https", &["HTTP/1.1".into(), certificate, key, certificates.authority()])
    }

    fn spawn(scheme: &'static str, arguments: &[PathBuf]) -> Self {
        let folder = Folder::new();
        let mut command = Command::new("python3");
        command.arg(folder.write("server.py", PROGRAM)).args(arguments).current_dir(&*folder);
        // Its end of standard input tells it that the test is over, even if nobody stops it.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("these tests need python3 in the PATH");
        let port = until("Python's server listens", SOON, || {
            fs::read_to_string(folder.join("port")).ok()?.parse().ok()
        });
        Self { child, folder, port, scheme }
    }

    /// The URL of a path; the host is an address.
    pub fn url(&self, path: &str) -> String {
        self.url_by("127.0.0.1", path)
    }

    /// The URL of a path by another name of this machine.
    pub fn url_by(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.port)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        let text = fs::read_to_string(self.folder.join("requests")).unwrap_or_default();
        let mut ports = Vec::new();
        // The last line may not be whole yet.
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| request(line, &mut ports))
            .collect()
    }

    /// Waits until the requests are such, and returns them.
    pub fn wait_for(&self, mut holds: impl FnMut(&[Request]) -> bool) -> Vec<Request> {
        until("requests at Python's server", SOON, || {
            let requests = self.requests();
            holds(&requests).then_some(requests)
        })
    }
}

impl Drop for PythonBackend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request by its line; a connection is known by the client's port.
fn request(line: &str, ports: &mut Vec<u64>) -> Request {
    let value: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = value["headers"].as_array().unwrap().iter();
    let headers = headers.map(|pair| (text(&pair[0]).to_ascii_lowercase(), text(&pair[1]))).collect();
    let body = text(&value["body"]).chars().map(|char| char as u8).collect();
    let [method, target, version] = ["method", "target", "version"].map(|name| text(&value[name]));
    let port = value["port"].as_u64().unwrap();
    let connection = ports.iter().position(|known| *known == port).unwrap_or_else(|| {
        ports.push(port);
        ports.len() - 1
    });
    let time = Duration::from_secs_f64(value["time"].as_f64().unwrap());
    Request { connection, time, ..Request::new(&method, &target, &version, headers, body) }
}

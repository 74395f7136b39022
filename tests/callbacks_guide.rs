//! The backends of docs/callbacks.md: each lets the right key publish, refuses all others, and hears of the end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::Connection;
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, not_tested, run, stderr, wait};
use crate::shipped_configurations::tamed;

/// The guide.
fn guide() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/callbacks.md")).unwrap()
}

/// The first indented block of the guide behind a text, with its empty lines.
fn block_behind(text: &str) -> String {
    let guide = guide();
    let (_, rest) = guide.split_once(text).unwrap();
    let lines = rest.lines().skip_while(|line| !line.starts_with("    "));
    let block = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    block.map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect()
}

/// Whether a command can be run with this option.
fn is_there(command: &str, option: &str) -> bool {
    Command::new(command).arg(option).output().is_ok_and(|output| output.status.success())
}

/// A running backend of the guide.
struct Backend {
    process: Child,
    port: u16,
    /// What it has written is in a file of it.
    folder: Folder,
}

impl Backend {
    /// Starts the backend that the guide has under this name. None, and the test says so, if the machine has no Node.js or
    /// Go; Python and PHP have to be there.
    fn start(file: &str) -> Option<Self> {
        let (folder, port) = (Folder::new(), free_port());
        let program = block_behind(&format!("`{file}`"));
        assert!(file.ends_with("php") || program.contains("8000"), "{program}");
        folder.write(file, program.replace("8000", &port.to_string()));
        let mut command = match file {
            "backend.py" => Command::new("python3"),
            "backend.php" => Command::new("php"),
            "backend.js" if is_there("node", "--version") => Command::new("node"),
            // What `go run` starts would outlive it.
            "backend.go" if is_there("go", "version") => {
                let build = Command::new("go").current_dir(&*folder).args(["build", file]).output().unwrap();
                assert!(build.status.success(), "{}", stderr(&build));
                Command::new(folder.join("backend"))
            }
            _ => {
                not_tested(&format!("what {file} needs is not installed"));
                return None;
            }
        };
        if file == "backend.php" {
            command.args(["-S", &format!("127.0.0.1:{port}")]);
        }
        if file != "backend.go" {
            command.arg(file);
        }
        let output = File::create(folder.join("output")).unwrap();
        command.current_dir(&*folder).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let process = command.spawn().expect("these tests need python3 and php in the PATH");
        let backend = Self { process, port, folder };
        wait(&format!("{file} listens"), || TcpStream::connect(backend.address()).is_ok());
        Some(backend)
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// What it has written.
    fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("output")).unwrap()).into_owned()
    }

    /// A configuration that calls port 8000, for this backend.
    fn called_by(&self, configuration: &str) -> String {
        assert!(configuration.contains(":8000/"), "{configuration}");
        configuration.replace(":8000/", &format!(":{}/", self.port))
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Publishes a second of video with ffmpeg; what it says is the error.
fn publish(server: &Server, stream: &str) -> Result<(), String> {
    let url = format!("rtmp://{}/live/{stream}", server.rtmp());
    let output = ffmpeg::command().args(ffmpeg::source(Tracks::Video, 1)).arg(url).output();
    let output = output.expect("these tests need ffmpeg in the PATH");
    if output.status.success() { Ok(()) } else { Err(stderr(&output)) }
}

/// Only the right key publishes, and the backend hears of the end.
fn assert_decides(backend: &Backend, server: &Server, file: &str) {
    let published = publish(server, "cam?key=CHANGE-ME-1");
    assert_eq!(published, Ok(()), "{file}: {}", backend.output());
    wait(&format!("{file} hears of the end"), || {
        backend.output().contains("publish_done live cam 127.0.0.1")
    });
    assert!(backend.output().contains("publish live cam 127.0.0.1"), "{file}: {}", backend.output());

    let why = publish(server, "cam?key=wrong").expect_err(file);
    let expected = "Server error: refused by the server's backend: the backend answers 403";
    assert!(why.contains(expected), "{file}: {why}");
    let others = [
        "cam",
        "cam?key=",
        "cam?key=CHANGE-ME-2",
        "cam?key[]=CHANGE-ME-1",
        "other",
        "other?key=",
        "other?key=CHANGE-ME-1",
        "constructor",
        "other?name=cam&key=CHANGE-ME-1",
    ];
    for other in others {
        let code = Client::try_publish(server.rtmp(), "live", other).err().unwrap_or_default();
        assert_eq!(code, "NetStream.Publish.Unauthorized", "{file}: {other}");
    }
    drop(Client::try_publish(server.rtmp(), "live", "door?key=CHANGE-ME-2").unwrap());
    server.expect_lines("the backend answers 403", others.len() + 1);
}

/// A server with the configuration of the guide.
fn start(backend: &Backend) -> Server {
    Server::start(&backend.called_by(&tamed(&block_behind("Save this as `live.conf`:"))))
}

#[test]
fn each_backend_of_the_guide_lets_the_right_key_publish_and_hears_of_the_end() {
    for file in ["backend.py", "backend.php", "backend.js", "backend.go"] {
        let Some(backend) = Backend::start(file) else { continue };
        assert_decides(&backend, &start(&backend), file);
    }
}

/// The signature that the commands of the guide make of a body at a time.
fn signature(time: u64, body: &str) -> String {
    let commands = block_behind("In a shell, this is the signature of a\nbody in `$body`:");
    let commands = commands.replace("1790000000", &time.to_string());
    let commands = commands.replace("app=live&call=publish&name=cam", body);
    let output = run(Command::new("sh").args(["-c", &commands]));
    let said = String::from_utf8(output.stdout).unwrap();
    said.trim().to_owned()
}

#[test]
fn the_backend_of_the_guide_that_checks_signatures_believes_no_call_without_one() {
    let backend = Backend::start("backend.py").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = "app=live&addr=127.0.0.1&call=publish&name=cam&key=CHANGE-ME-1";
    let status = |time: u64, signature: &str| {
        let fields = format!("X-Millstream-Timestamp: {time}\r\nX-Millstream-Signature: {signature}\r\n");
        let mut connection = Connection::open(backend.address());
        let length = body.len();
        connection.send(format!("POST / HTTP/1.1\r\n{fields}Content-Length: {length}\r\n\r\n{body}"));
        connection.head().status
    };
    assert_eq!(status(now, &signature(now, body)), 200, "{}", backend.output());
    let (old, other) = (now - 120, signature(now, "app=live&call=publish&name=other"));
    assert_eq!(status(old, &signature(old, body)), 403, "a call from long ago");
    assert_eq!(status(now, &other), 403, "the signature of another body");
    assert_eq!(status(now, ""), 403, "no signature");
}

#[test]
fn with_the_example_of_callbacks_the_backend_decides() {
    let backend = Backend::start("backend.php").unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/examples/callbacks.conf");
    let server = Server::start(&backend.called_by(&tamed(&fs::read_to_string(example).unwrap())));
    assert_decides(&backend, &server, "backend.php");
    assert!(!server.log().contains("[warn]"), "{}", server.log());
}

//! The directive listen: several addresses, IPv6, Unix sockets, and addresses that another program has.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::common::http::get;
use crate::common::media;
use crate::common::player::{Client, relay};
use crate::common::{Folder, Server, millstream, not_tested, run, stderr};

#[test]
fn a_port_in_use_ends_the_start_with_the_line_that_wants_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new();
    let text =
        format!("pid off;\nrtmp {{\n server {{\n  listen 127.0.0.1:0;\n  listen {address};\n }}\n}}\n");
    let file = folder.write("c.conf", text);
    let output = run(millstream().arg("-c").arg(&file));
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("millstream: {}:5: cannot listen on {address}: ", file.display());
    let last = stderr(&output).lines().last().unwrap().to_owned();
    assert!(last.starts_with(&expected) && last.contains("in use"), "{last}");
    let tested = run(millstream().args(["-t", "-c"]).arg(&file));
    assert_eq!(tested.status.code(), Some(1));
    assert!(stderr(&tested).contains(&last), "the same is said before the start: {}", stderr(&tested));
}

#[test]
fn several_addresses_lead_to_the_same_streams() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; listen 127.0.0.2:0; listen *:0; application live { live on; } }
                server { listen 127.0.0.1:0; application live { live on; } } }",
    );
    let [first, second, any, other] = server.rtmp[..] else { panic!("{:?}", server.rtmp) };
    assert_eq!((second.ip().to_string(), any.ip().to_string()), ("127.0.0.2".into(), "0.0.0.0".into()));
    let mut players =
        [Client::play(first, "cam"), Client::play(SocketAddr::from(([127, 0, 0, 1], any.port())), "cam")];
    let mut publisher = Client::publish(second, "cam");
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets.clone(), packets]);
    // Another server has an application of its own by that name.
    drop(Client::publish(other, "cam"));
}

#[test]
fn an_ipv6_address_takes_ipv6_and_if_told_ipv4_too() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return not_tested("there is no IPv6 on this machine");
    }
    let server = Server::start(
        "rtmp { server { listen [::1]:0; listen [::]:0 ipv6only=off; application live { live on; } } }
         http { server { listen [::]:0; location / { root FOLDER; } } }",
    );
    let mut players = [
        Client::play(server.rtmp(), "cam"),
        Client::play(SocketAddr::from(([127, 0, 0, 1], server.rtmp[1].port())), "cam"),
    ];
    let mut publisher =
        Client::publish(SocketAddr::from((Ipv6Addr::LOCALHOST, server.rtmp[1].port())), "cam");
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets.clone(), packets]);
    let port = server.http().port();
    assert_eq!(get((Ipv6Addr::LOCALHOST, port).into(), "/millstream.conf").status, 200);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "IPv6 only is the default");
}

#[test]
fn a_unix_socket_serves_http_and_rtmp_and_its_file_goes_with_the_server() {
    let folder = Folder::new();
    let [http, rtmp] = ["http", "rtmp"].map(|name| folder.join(name));
    // What a server has left that was killed.
    drop(UnixListener::bind(&http).unwrap());
    let mut server = Server::start_in(
        folder,
        "pid off; error_log stderr debug;
         rtmp { server { listen unix:FOLDER/rtmp; application live { live on; } } }
         http { max_connections_per_address 1;
                server { listen unix:FOLDER/http; return 200 '$remote_addr $server_addr $server_port.'; } }",
    );
    let expected = format!("unix: unix:{} .", http.display());
    let ask = || {
        let mut stream = UnixStream::connect(&http).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    };
    let _idle = UnixStream::connect(&http).unwrap();
    assert!(ask().ends_with(&expected), "an address has no limit there: {}", ask());
    assert_eq!(fs::metadata(&http).unwrap().permissions().mode() & 0o777, 0o666);
    let way = Relay::to(&rtmp);
    let mut players = [Client::play(way.address, "cam")];
    let mut publisher = Client::publish(way.address, "cam");
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);
    server.stop();
    assert!(!http.exists() && !rtmp.exists());
}

/// Takes TCP connections to a Unix socket.
struct Relay {
    address: SocketAddr,
}

impl Relay {
    fn to(path: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, path) = (listener.local_addr().unwrap(), path.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let socket = UnixStream::connect(&path).unwrap();
                let (mut from, mut to) = (stream.try_clone().unwrap(), socket.try_clone().unwrap());
                std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut to).map(|_| to.shutdown(Shutdown::Write))
                });
                let (mut from, mut to) = (socket, stream);
                std::thread::spawn(move || {
                    std::io::copy(&mut from, &mut to).map(|_| to.shutdown(Shutdown::Write))
                });
            }
        });
        Self { address }
    }
}

#[test]
fn a_reload_keeps_a_unix_socket_drops_another_and_leaves_the_file_of_somebody_else() {
    let folder = Folder::new();
    let [kept, dropped, replaced] = ["kept", "dropped", "replaced"].map(|name| folder.join(name));
    let text = |names: &[&str]| {
        let listen: String = names.iter().map(|name| format!("listen unix:FOLDER/{name}; ")).collect();
        format!("pid off; http {{ server {{ {listen} return 204; }} }}")
    };
    let server = Server::start_in(folder, &text(&["kept", "dropped", "replaced"]));
    let inode = || fs::metadata(&kept).unwrap().ino();
    let before = inode();
    fs::remove_file(&replaced).unwrap();
    let _other = UnixListener::bind(&replaced).unwrap();
    server.reload(&text(&["kept", "new"]), 1);
    assert_eq!(inode(), before);
    assert!(!dropped.exists() && replaced.exists() && server.folder.join("new").exists());
    UnixStream::connect(&kept).unwrap();
}

#[test]
fn a_unix_socket_that_cannot_be_bound_is_an_error_of_a_test_and_of_a_start() {
    let folder = Folder::new();
    let _taken = UnixListener::bind(folder.join("taken")).unwrap();
    folder.write("file", "");
    for (path, why) in [
        ("taken", "it is in use: a program listens there"),
        ("file", "it is in use: a program listens there, or there is a file that is no socket"),
        ("none/socket", "there is no such folder"),
    ] {
        let shown = folder.join(path).display().to_string();
        let file = folder.write("c.conf", format!("pid off; http {{ server {{\nlisten unix:{shown};\n}} }}"));
        let expected = format!("{}:2: cannot listen on unix:{shown}: {why}", file.display());
        for arguments in [&["-t", "-c"][..], &["-c"]] {
            let output = run(millstream().args(arguments).arg(&file));
            assert_eq!(output.status.code(), Some(1));
            assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
        }
    }
    assert!(folder.join("file").exists());
    let file = folder.write("c.conf", format!("http {{ server {{\nlisten unix:/{};\n}} }}", "a".repeat(107)));
    let output = run(millstream().args(["-t", "-c"]).arg(&file));
    let (place, why) = (format!("{}:2: ", file.display()), "the path of a Unix socket has 107 bytes at most");
    assert!(stderr(&output).contains(&place) && stderr(&output).contains(why), "{}", stderr(&output));
}

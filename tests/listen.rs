//! The directive listen: several addresses, IPv6, and a port that another program has.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{Ipv6Addr, TcpListener};

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
    let mut players = [Client::play(first, "cam"), Client::play(([127, 0, 0, 1], any.port()).into(), "cam")];
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
        Client::play(([127, 0, 0, 1], server.rtmp[1].port()).into(), "cam"),
    ];
    let mut publisher = Client::publish((Ipv6Addr::LOCALHOST, server.rtmp[1].port()).into(), "cam");
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets.clone(), packets]);
    let port = server.http().port();
    assert_eq!(get((Ipv6Addr::LOCALHOST, port).into(), "/millstream.conf").status, 200);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "IPv6 only is the default");
}

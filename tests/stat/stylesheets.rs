//! Stylesheets: those of users for nginx-rtmp, and the one that is built in.

use std::path::Path;
use std::process::Command;

use super::get;
use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::Connection;
use crate::common::player::{Client, relay};
use crate::common::{Folder, Server, wait};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
    http { server { listen 127.0.0.1:0; location /stat { rtmp_stat all; rtmp_stat_stylesheet stat.xsl; } } }";

/// What xsltproc makes of a document with a stylesheet.
fn transform(folder: &Folder, stylesheet: &Path, document: &str) -> String {
    let file = folder.write("stat.xml", document);
    let output = Command::new("xsltproc").args(["--nonet", "--novalid"]).arg(stylesheet).arg(file).output();
    let output = output.expect("these tests need xsltproc in the PATH");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}: {document}");
    String::from_utf8(output.stdout).unwrap()
}

/// A publisher of `live/cam` with a player, which have sent and got the same.
fn clients(server: &Server) -> (Client, Vec<Client>) {
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = vec![Client::play(server.rtmp(), "cam")];
    relay(&mut publisher, &mut players, &ffmpeg::encode(&server.folder, Tracks::Both, 2));
    (publisher, players)
}

#[test]
fn a_stylesheet_for_nginx_rtmp_finds_everything() {
    let (server, folder) = (Server::start(CONFIGURATION), Folder::new());
    let _clients = clients(&server);
    wait("they are there", || get(server.http(), "/stat").matches("<client>").count() == 2);
    let stylesheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stat/like-nginx.xsl");
    let shown = transform(&folder, &stylesheet, &get(server.http(), "/stat"));
    let lines: Vec<_> = shown.lines().collect();
    let start = concat!("server Millstream ", env!("CARGO_PKG_VERSION"), "|1.1.4|rustc|true|true|true|");
    assert!(lines[0].starts_with(start), "{shown}");
    let expected =
        ["application live", "live 2", "stream live/cam|2|1|160x120|25|H264 Main 1.1|AAC LC|44100|1|active"];
    assert_eq!(lines[1..4], expected, "{shown}");
    assert!(lines[4].starts_with("client publishing|127.0.0.1|0|") && lines[4].ends_with("|true"), "{shown}");
    assert!(lines[5].starts_with("client playing|127.0.0.1|0|") && lines.len() == 6, "{shown}");
}

#[test]
fn the_built_in_stylesheet_shows_streams_and_clients() {
    let (server, folder) = (Server::start(CONFIGURATION), Folder::new());
    let stylesheet = folder.write("built-in.xsl", get(server.http(), "/stat.xsl"));
    let empty = transform(&folder, &stylesheet, &get(server.http(), "/stat"));
    assert!(empty.contains("No streams."), "{empty}");
    let _clients = clients(&server);
    wait("they are there", || get(server.http(), "/stat").matches("<client>").count() == 2);
    let shown = transform(&folder, &stylesheet, &get(server.http(), "/stat"));
    let text = shown.replace('\n', " ");
    for part in [
        "<!DOCTYPE html",
        "<td>cam</td>",
        "<span class=\"live\">live</span>",
        "H264 Main 1.1, 160×120, 25/s",
        "AAC LC, 44100 Hz, 1 ch",
        "Clients of cam",
        "publishes",
        "plays",
        "<td>127.0.0.1</td>",
    ] {
        assert!(text.contains(part), "{part}: {shown}");
    }
}

#[test]
fn the_built_in_stylesheet_stands_in_for_a_file_that_is_not_there_and_for_no_other() {
    let server = Server::start(
        "http { server { listen 127.0.0.1:0; root FOLDER/www; error_page 404 /404.html;
            location /stat { rtmp_stat all; rtmp_stat_stylesheet style/my.xsl; }
            location /stat.xsl { root FOLDER/no; }
            location /other { }
            location /closed { deny all; } }
          server { listen 127.0.0.1:0; root FOLDER/www; } }",
    );
    std::fs::create_dir_all(server.folder.join("www/style")).unwrap();
    let status = |http: usize, target: &str| {
        let reply = Connection::open(server.http[http]).get(target);
        (reply.status, reply.text().contains("xsl:stylesheet"), reply.header("content-type").to_owned())
    };
    let built_in = (200, true, "text/xml; charset=utf-8".to_owned());
    assert_eq!(status(0, "/stat.xsl"), built_in);
    assert_eq!(status(0, "/style/my.xsl"), built_in);
    let css = (200, false, "text/css; charset=utf-8".to_owned());
    assert_eq!((status(0, "/stat.css"), status(1, "/stat.css").0), (css, 404));
    let head = Connection::open(server.http()).request("HEAD", "/stat.xsl", "");
    assert_eq!((head.status, head.header("content-type")), (200, "text/xml; charset=utf-8"));
    for (http, target, code) in [
        (0, "/other/stat.xsl", 404),
        (0, "/style/stat.xsl", 404),
        (0, "/closed/stat.xsl", 403),
        (1, "/stat.xsl", 404),
    ] {
        let (found, is_built_in, _) = status(http, target);
        assert_eq!((found, is_built_in), (code, false), "{http} {target}");
    }
    server.folder.write("www/style/my.xsl", "<mine/>");
    wait("the file is served", || get(server.http(), "/style/my.xsl") == "<mine/>");
}

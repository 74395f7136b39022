//! The configurations in conf/: each is good, and a server with it serves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use millstream::conf::{Scope, Tree, check};
use millstream::engine::{self, Engine};
use millstream::{modules, net};

use crate::common::http::get;
use crate::common::player::{Client, relay};
use crate::common::{Server, media};

/// Every configuration in the repository.
fn configurations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let entries = [&folder, &folder.join("examples")].map(|folder| fs::read_dir(folder).unwrap());
    let files = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "conf")).collect();
    assert!(files.len() > 3, "{files:?}");
    files
}

#[test]
fn every_configuration_in_the_repository_is_good() {
    let table = engine::directive_table(&modules::table());
    for file in configurations() {
        let mut tree = Tree::load(&file).unwrap();
        check(&mut tree, &table).unwrap();
        let engine = Engine::new(&Scope::root(&tree, &table), modules::table(), 0, net::now());
        assert_eq!(engine.err(), None, "{}", file.display());
    }
}

/// The text with every port 0 on the loopback, and every path in FOLDER.
fn tamed(text: &str) -> String {
    let tame = |line: &str| {
        let words: Vec<_> = line.trim().trim_end_matches(';').split_whitespace().collect();
        match words.as_slice() {
            ["listen", address, ..] if address.starts_with('[') => "listen [::1]:0;".to_owned(),
            ["listen", ..] => "listen 127.0.0.1:0;".to_owned(),
            ["pid" | "daemon" | "user" | "error_log", ..] => String::new(),
            [name @ ("record_path" | "hls_path" | "root" | "alias"), path] => {
                format!("{name} FOLDER/{};", path.trim_start_matches('/'))
            }
            _ => line.to_owned(),
        }
    };
    text.lines().map(|line| tame(line) + "\n").collect()
}

#[test]
fn every_configuration_in_the_repository_serves() {
    for file in configurations() {
        let text = tamed(&fs::read_to_string(&file).unwrap());
        let mut server = Server::start(&text);
        let app = if text.contains("application live") { "live" } else { panic!("{}", file.display()) };
        let mut players = [Client::try_play(server.rtmp(), app, "cam").unwrap()];
        let mut publisher = Client::try_publish(server.rtmp(), app, "cam").unwrap();
        let packets = media::video_only(0, 500);
        assert_eq!(relay(&mut publisher, &mut players, &packets), [packets], "{}", file.display());
        if let Some(&address) = server.http.first() {
            assert!(get(address, "/").status < 500, "{}", file.display());
        }
        drop((publisher, players));
        server.stop();
    }
}

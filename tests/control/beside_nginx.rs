//! nginx-rtmp and Millstream with the same configuration and the same clients are asked the same, and answer the same.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::{Program, ask, publish};
use crate::common::nginx::Nginx;
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, not_tested, wait};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

const CONFIGURATION: &str = "
    rtmp {
        server {
            listen FIRST;
            application live {
                live on;
                record all manual;
                record_path FOLDER/rec;
                recorder auto { record all; record_suffix -auto.flv; }
                recorder sound { record audio manual; record_suffix -sound.flv; }
            }
            application other { live on; }
        }
        server { listen SECOND; application live { live on; } }
    }
    http {
        server {
            listen WEB;
            location /control { rtmp_control all; }
            location /some { rtmp_control record redirect; }
            location /none { root FOLDER; }
        }
    }";

/// Requests of which none changes anything, while `live/a`, `live/b` and `other/a` are published.
const HARMLESS: &[&str] = &[
    "/control",
    "/control/",
    "/control/drop",
    "/control/drop/",
    "/control/drop/client/?name=nobody",
    "/control/foo/bar",
    "/control/drop/foo",
    "/control/drop/foo?name=nobody",
    "/control/drop/client?name=nobody",
    "/control/x/y/drop/client?name=nobody",
    "/control/dr%6fp/client?name=nobody",
    "/control/drop/client?name=",
    "/control/drop/client?app=nobody",
    "/control/drop/client?app=LIVE",
    "/control/drop/client?APP=nobody",
    "/control/drop/client?name=nobody&name=a",
    "/control/drop/client?addr=127.0.0.9",
    "/control/drop/client?addr=127.0.0.1:1",
    "/control/drop/client?addr=",
    "/control/drop/client?clientid=",
    "/control/drop/client?clientid=x",
    "/control/drop/client?clientid=4000000000",
    "/control/drop/client?srv=1",
    "/control/drop/client?srv=2",
    "/control/drop/client?srv=x",
    "/control/drop/client?srv=+1",
    "/control/drop/client?srv=",
    "/control/drop/subscriber",
    "/control/record/foo?name=a",
    "/control/record/foo?name=nobody",
    "/control/record/start?name=nobody",
    "/control/record/start?app=live&name=a&rec=none",
    "/control/record/stop?app=live&name=a&rec=none",
    "/control/record/start?name=nobody&rec=none",
    "/control/record/start?app=other&name=a",
    "/control/record/start?app=other&name=a&rec=auto",
    "/control/record/stop?app=live&name=a",
    "/control/redirect/foo?newname=c",
    "/control/redirect/client?name=nobody",
    "/control/redirect/client?name=nobody&newname=c",
    "/control/redirect/publisher?app=live&name=a",
    "/some/drop/client",
    "/some/record/start?name=nobody",
    "/some/redirect/client?name=nobody",
    "/none/drop/client",
];

/// Requests in their order, while `live/a` has two players besides its publisher, `live/b` has one, and `other/a` none.
const EFFECTIVE: &[&str] = &[
    "/control/record/start?app=live&name=a",
    "/control/record/start?app=live&name=a",
    "/control/record/start?app=live&name=a&rec=sound",
    "/control/record/stop?app=live&name=a&rec=sound",
    "/control/record/stop?app=live&name=a&addr=127.0.0.2",
    "/control/record/stop?app=live&name=a&addr=127.0.0.1",
    "/control/record/stop?app=live&name=a",
    "/control/record/stop?app=live&name=a&rec=auto",
    "/some/record/start?app=&name=b&rec=sound",
    "/control/record/stop?name=b&rec=sound",
    "/control/redirect/subscriber?app=live&name=a&newname=b",
    "/control/redirect/subscriber?app=live&name=a&newname=b",
    "/control/drop/subscriber?app=live&name=b",
    "/control/drop/subscriber?app=live&name=b",
    "/some/redirect/publisher?app=live&name=b&newname=c?token=1",
    "/control/drop/publisher?app=live&name=b",
    "/control/redirect/client?app=live&name=c&newname=c",
    "/control/drop/publisher?app=live&name=c",
    "/control/drop/client?app=other",
    "/control/drop/client",
    "/control/drop/client",
];

#[test]
fn requests_have_the_same_answers_as_those_of_nginx_rtmp() {
    if !Path::new(MODULE).exists() {
        return not_tested("nginx with its RTMP module is not installed");
    }
    let folder = folder();
    let addresses = [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = format!("load_module {MODULE}; events {{ }} {}", configuration(&folder, addresses));
    let nginx = Nginx::start(&folder, &text, addresses[2]).unwrap();
    let expected = answers(&folder, addresses[0], addresses[2]);
    drop(nginx);
    let text = configuration(&self::folder(), [SocketAddr::from(([127, 0, 0, 1], 0)); 3]);
    let server = Server::start_in(self::folder(), &format!("pid off; {text}"));
    let own = answers(&server.folder, server.rtmp[0], server.http());
    for (own, expected) in own.iter().zip(&expected) {
        assert_eq!(own, expected);
    }
    assert_eq!(own.len(), expected.len());
}

fn folder() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.join("rec")).unwrap();
    folder
}

/// The configuration with these addresses; FOLDER is left to the server that is tested.
fn configuration(folder: &Path, [first, second, web]: [SocketAddr; 3]) -> String {
    let mut text = CONFIGURATION.to_owned();
    if first.port() != 0 {
        text = text.replace("FOLDER", folder.to_str().unwrap());
    }
    for (name, address) in [("FIRST", first), ("SECOND", second), ("WEB", web)] {
        text = text.replace(name, &address.to_string());
    }
    text
}

/// Each request with the answer to it, in which FOLDER stands for the folder.
fn answers(folder: &Path, rtmp: SocketAddr, http: SocketAddr) -> Vec<String> {
    let _publishers: Vec<Program> = ["live/a", "live/b", "other/a"].map(|path| publish(rtmp, path)).into();
    for name in ["a-auto.flv", "b-auto.flv"] {
        wait("it is recorded", || {
            folder.join("rec").join(name).metadata().is_ok_and(|file| file.len() > 1000)
        });
    }
    let _players = ["a", "a", "b"].map(|name| {
        let mut player = Client::play(rtmp, name);
        player.receive(3);
        player
    });
    let show = |target: &&str| {
        let answer = ask(http, target).replace(folder.to_str().unwrap(), "FOLDER");
        format!("{target}: {answer}")
    };
    HARMLESS.iter().chain(EFFECTIVE).map(show).collect()
}

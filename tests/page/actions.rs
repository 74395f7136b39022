//! What a script of the console does: it asks the API of its own server, with the token that it was given.

use serde_json::{Value, json};

use super::{ACT, READ, bearer, value};
use crate::common::http::{Connection, Reply};
use crate::common::player::Client;
use crate::common::{Server, wait};

/// A request as a browser makes it for a script of the same origin.
fn script(server: &Server, method: &str, path: &str, token: &str, body: Option<&Value>) -> Reply {
    let (host, body) = (server.http(), body.map(Value::to_string).unwrap_or_default());
    let json = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let mut connection = Connection::open(server.http());
    connection.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\nOrigin: http://{host}\r\n\
         Sec-Fetch-Site: same-origin\r\nReferer: http://{host}/\r\n{}{json}Content-Length: {}\r\n\r\n{body}",
        bearer(token),
        body.len()
    ));
    connection.reply(method)
}

#[test]
fn a_script_of_the_console_acts_by_the_api_that_it_is_told_of() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; record all manual; record_path FOLDER; } } }
         http { server { listen 127.0.0.1:0; location / { page on; }
             location /api { millstream_api on; api_token ops act-0123456789abcdef act;
                 api_token look read-0123456789abcdef; } } }",
    );
    let _publisher = Client::publish(server.rtmp(), "cam");
    let document = value(&script(&server, "GET", "/streams.json", READ, None));
    let api = document["api"]["path"].as_str().unwrap();
    let act =
        |path: &str, token, body: &Value| script(&server, "POST", &format!("{api}{path}"), token, Some(body));
    // The index says what a token is good for.
    for (token, may_act) in [(READ, false), (ACT, true)] {
        assert_eq!(value(&script(&server, "GET", api, token, None))["may_act"], may_act);
    }
    let start = json!({"action": "start"});
    assert_eq!(act("streams/live/cam/record", READ, &start).status, 403);
    assert_eq!(act("streams/live/cam/record", "wrong", &start).status, 401);
    assert_eq!(act("streams/live/cam/record", ACT, &start).status, 200);
    wait("the recording is told", || {
        let document = value(&script(&server, "GET", "/streams.json", READ, None));
        document["streams"][0]["recordings"][0]["state"] != "stopped"
    });
    assert_eq!(act("streams/live/cam/kick", ACT, &json!({"who": "publisher", "why": "off air"})).status, 200);
    wait("the stream has ended", || {
        value(&script(&server, "GET", "/streams.json", READ, None))["total"] == 0
    });
    assert_eq!(act("reload", ACT, &json!({})).status, 200);
}

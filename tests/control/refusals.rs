//! Who may not: pages of other sites, and whoever the location does not let in.

use super::ask;
use crate::common::http::Connection;
use crate::common::player::Client;
use crate::common::{Server, millstream, run, stderr};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
    http { server { listen 127.0.0.1:0;
        location /control { rtmp_control all; }
        location /local { allow local; deny all; rtmp_control all; }
        location /closed { rtmp_control all; deny all; }
        location /user { rtmp_control all; auth_basic control; auth_basic_user_file FOLDER/users; } } }";

fn server() -> Server {
    let folder = crate::common::Folder::new();
    folder.write("users", "admin:{PLAIN}secret-of-admin\n");
    Server::start_in(folder, &format!("pid off; {CONFIGURATION}"))
}

#[test]
fn what_a_page_of_another_site_causes_is_refused() {
    let server = server();
    let mut client = Client::publish(server.rtmp(), "cam");
    let drop = "/control/drop/client?app=live";
    for (method, fields) in [
        ("GET", "Sec-Fetch-Site: cross-site\r\n"),
        ("GET", "Sec-Fetch-Site: same-site\r\n"),
        ("POST", "Origin: http://evil.example\r\nContent-Length: 0\r\n"),
        ("POST", "Origin: null\r\nContent-Length: 0\r\n"),
        ("OPTIONS", "Origin: http://evil.example\r\n"),
        ("HEAD", "Sec-Fetch-Site: cross-site\r\n"),
        ("GET", "Referer: http://evil.example/\r\n"),
        ("GET", "Referer: http://evil.example/http://test/\r\n"),
        ("GET", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0\r\n"),
    ] {
        let reply = Connection::open(server.http()).request(method, drop, fields);
        assert_eq!(reply.status, 403, "{method} {fields}");
    }
    server.wait_log("127.0.0.1 may not drop here: a page of another site has caused this");
    client.send_metadata(1);
    for (method, fields) in [
        ("GET", "Sec-Fetch-Site: none\r\n"),
        ("POST", "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n"),
        ("GET", "User-Agent: Mozilla/5.0 (Windows NT; en-US) WindowsPowerShell/5.1\r\n"),
    ] {
        let mut connection = Connection::open(server.http());
        let target = "/control/drop/client?name=x";
        connection.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        let reply = connection.reply(method);
        assert_eq!((reply.status, reply.text().as_str()), (200, "0"), "{method} {fields}");
    }
    assert_eq!(ask(server.http(), drop), "200 1");
}

#[test]
fn a_browser_that_a_page_has_led_to_this_machine_by_a_name_may_not_act() {
    let server = server();
    let mut client = Client::publish(server.rtmp(), "cam");
    let ask = |fields: &str| {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET /control/drop/client?name=x HTTP/1.1\r\n{fields}\r\n"));
        connection.reply("GET").status
    };
    let of_page =
        |host: &str| format!("Host: {host}\r\nReferer: http://{host}/\r\nUser-Agent: Mozilla/5.0\r\n");
    assert_eq!(ask(&of_page("evil.example")), 403);
    server.wait_log("127.0.0.1 may not drop here: a browser of this machine asks by a name");
    assert_eq!(ask("Host: evil.example\r\nSec-Fetch-Site: same-origin\r\n"), 403);
    assert_eq!(ask(&of_page("localhost:8080")), 200);
    assert_eq!(ask("Host: tv.example\r\nUser-Agent: curl/8.0\r\n"), 200, "it is no browser");
    client.send_metadata(1);
}

#[test]
fn access_rules_and_passwords_hold_and_the_log_has_the_user() {
    let server = server();
    let _client = Client::publish(server.rtmp(), "cam");
    assert_eq!(ask(server.http(), "/closed/drop/client"), "403");
    assert_eq!(ask(server.http(), "/user/drop/client"), "401");
    let by_proxy = "Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n";
    for (fields, status) in [("Host: evil.example\r\n", 403), (by_proxy, 403), ("Host: 127.0.0.1\r\n", 200)] {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET /local/drop/client?name=x HTTP/1.1\r\n{fields}\r\n"));
        assert_eq!(connection.reply("GET").status, status, "{fields}");
    }
    // admin:secret-of-admin
    let fields = "Authorization: Basic YWRtaW46c2VjcmV0LW9mLWFkbWlu\r\n";
    let reply = Connection::open(server.http()).request("GET", "/user/drop/client", fields);
    assert_eq!((reply.status, reply.text().as_str()), (200, "1"));
    server.wait_log("admin (127.0.0.1): drop client (clients: 1)");
}

#[test]
fn any_method_acts_and_bodies_are_ignored() {
    let server = server();
    let drop = "/control/drop/client?name=nobody";
    for (method, fields, body) in [
        ("GET", "", ""),
        ("POST", "Content-Length: 3\r\n", "a=b"),
        ("POST", "Transfer-Encoding: chunked\r\n", "3\r\na=b\r\n0\r\n\r\n"),
        ("PUT", "Content-Length: 0\r\n", ""),
        ("DELETE", "", ""),
    ] {
        let mut connection = Connection::open(server.http());
        connection.send(format!("{method} {drop} HTTP/1.1\r\nHost: test\r\n{fields}\r\n{body}"));
        assert_eq!(connection.reply(method).text(), "0", "{method}");
        assert_eq!(connection.get(drop).text(), "0", "and the connection goes on");
    }
}

#[test]
fn an_open_location_is_warned_of_and_one_that_does_nothing() {
    let folder = crate::common::Folder::new();
    let said = |of_http: &str, of_location: &str| {
        let file = folder.write(
            "test.conf",
            format!(
                "http {{ {of_http} server {{ listen 127.0.0.1:0; location /control {{ {of_location} }} }} }}"
            ),
        );
        stderr(&run(millstream().arg("-t").arg("-c").arg(file)))
    };
    folder.write("users", "admin:{PLAIN}secret-of-admin\n");
    let password = format!("auth_basic a; auth_basic_user_file {}/users;", folder.display());
    for (rules, warns) in [
        ("", true),
        ("allow local; deny all;", false),
        ("deny all;", false),
        ("auth_basic off;", true),
        // Without a denial of all, everybody else is let in, too.
        ("allow local;", true),
        ("allow 192.0.2.7; deny 192.0.2.8;", true),
        ("allow all; deny all;", true),
        (&password, false),
        (&format!("{password} allow local;"), false),
        (&format!("{password} satisfy any; allow local;"), false),
        (&format!("{password} satisfy any; allow all;"), true),
        ("satisfy any; allow local;", true),
    ] {
        let said = said("", &format!("rtmp_control all; {rules}"));
        assert_eq!(said.contains("whoever reaches this location"), warns, "{rules}");
        assert!(!said.contains("does nothing"), "{rules}");
    }
    assert!(said("rtmp_control all;", "").contains("here it does nothing: write it into a location"));
    assert!(!said("rtmp_control off;", "rtmp_control off;").contains("rtmp_control"));
}

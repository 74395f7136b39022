//! Requests as they are sent.

use std::borrow::Cow;

use crate::http::Url;
use crate::http::client::{Method, Request};

fn request(method: Method, url: &str) -> Request<'static> {
    Request { method, url: Cow::Owned(Url::parse(url).unwrap()), headers: Vec::new(), body: b"a=b".to_vec() }
}

fn text(request: &Request) -> String {
    String::from_utf8(request.encode()).unwrap()
}

#[test]
fn a_post_has_a_body_and_a_get_has_none() {
    let mut post = request(Method::Post, "http://user:p%40ss@Backend:8080/auth?x");
    post.headers.push(("Content-Type", "application/json".to_owned()));
    let agent = format!("Millstream/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        text(&post),
        format!(
            "POST /auth?x HTTP/1.1\r\nHost: backend:8080\r\nUser-Agent: {agent}\r\n\
             Authorization: Basic dXNlcjpwQHNz\r\nContent-Length: 3\r\nContent-Type: application/json\r\n\r\na=b"
        )
    );
    let get = request(Method::Get, "https://[::1]:443");
    assert_eq!(text(&get), format!("GET / HTTP/1.1\r\nHost: [::1]\r\nUser-Agent: {agent}\r\n\r\n"));
    post.body.clear();
    assert!(text(&post).contains("Content-Length: 0\r\n"));
}

#[test]
fn a_user_without_a_password_has_an_empty_one() {
    // printf user: | base64; printf ':p' | base64
    assert!(text(&request(Method::Get, "http://user@a")).contains("Authorization: Basic dXNlcjo=\r\n"));
    assert!(text(&request(Method::Get, "http://:p@a")).contains("Authorization: Basic OnA=\r\n"));
}

#[test]
fn nothing_adds_a_line_to_a_request() {
    let mut request = request(Method::Get, "http://a/");
    request.headers = vec![
        ("X-Fine", "a\tb \u{e4}".to_owned()),
        ("X-Bad", "a\r\nX-Injected: b".to_owned()),
        ("X-Nul", "a\0".to_owned()),
        ("Bad Name", "a".to_owned()),
        ("", "a".to_owned()),
        ("content-LENGTH", "5".to_owned()),
        ("Transfer-Encoding", "chunked".to_owned()),
        ("Host", "b".to_owned()),
    ];
    request.url.to_mut().host = "a\r\nX-Injected: b".to_owned();
    request.url.to_mut().target = "/ HTTP/1.1\r\nX-Injected: b\r\n\r\n".to_owned();
    request.url.to_mut().user_info = Some("a\r\nX-Injected: b".to_owned());
    let text = text(&request);
    let names: Vec<_> = text.lines().skip(1).filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert_eq!(names, ["Host", "User-Agent", "Authorization", "X-Fine"], "{text}");
    assert_eq!(text.matches("\r\n\r\n").count(), 1);
}

//! The URLs under which a server has files, and the requests for them.

use std::rc::Rc;
use std::sync::Arc;

use crate::engine::files::lookup::is_plain;
use crate::engine::{ClientTls, Destination};
use crate::http::Url;
use crate::http::client::{Method, Request};
use crate::http::path::{encode, unescape};
use crate::http::url::MAX_URL;

use super::reply::Known;

/// The file that a request of a client may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// The URL that is asked for, with the address of the client and its arguments.
    pub url: Url,
    /// The same without the address: clients of the same file and arguments share a spool.
    pub key: Url,
    /// The path below the URL of the configuration.
    pub path: Box<str>,
}

impl RemoteFile {
    /// The file of this path below a URL, for a client of this address with these arguments. None if no file can have such
    /// a path: each of its parts stays in its folder.
    pub fn new(base: &Url, path: &str, (address, args): (&str, &str)) -> Option<Self> {
        if path.is_empty() || !path.split('/').all(is_plain) {
            return None;
        }
        let (folder, query) = base.target.split_once('?').unwrap_or((&base.target, ""));
        let target = [folder.trim_end_matches('/'), "/", &encode(path)].concat();
        let plain = Url { target, ..base.clone() }.with_query(query);
        let args = &foreign_arguments(args, query);
        let key = plain.with_query(args);
        let url = plain.with_query(&format!("addr={}", encode(address))).with_query(args);
        (url.target.len() <= MAX_URL).then(|| Self { url, key, path: path.into() })
    }
}

/// The client's arguments without those that would say something else than the address, or than the query of the URL:
/// servers take the last one of a name, or the first.
fn foreign_arguments(args: &str, query: &str) -> String {
    let own: Vec<_> = query.split('&').map(name).chain([Some("addr".to_owned())]).collect();
    let foreign = args.split('&').filter(|argument| {
        let name = name(argument);
        name.is_some() && !own.contains(&name)
    });
    foreign.collect::<Vec<_>>().join("&")
}

/// The name of an argument as the most lenient server reads it. None if it cannot be decoded.
fn name(argument: &str) -> Option<String> {
    let name = unescape(argument.split('=').next()?)?;
    Some(name.split('[').next()?.trim_matches(['+', ' ']).to_ascii_lowercase())
}

/// The server of a URL.
pub fn destination(url: &Url, tls: &Arc<ClientTls>) -> Rc<Destination> {
    let tls = url.is_secure.then(|| Arc::clone(tls));
    Rc::new(Destination { host: url.host.clone(), port: url.port, tls, bind: None })
}

/// The request for the bytes of a file from `from` on, of which `known` has been told before.
pub fn request(url: &Url, from: u64, known: Option<&Known>) -> Rc<[u8]> {
    let mut headers = vec![("Accept", "*/*".to_owned()), ("Accept-Encoding", "identity".to_owned())];
    if from > 0 {
        headers.push(("Range", format!("bytes={from}-")));
        headers.extend(known.and_then(Known::validator).map(|it| ("If-Range", it.to_owned())));
    }
    let url = std::borrow::Cow::Borrowed(url);
    Request { method: Method::Get, url, headers, body: Vec::new() }.encode().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base: &str, path: &str) -> Option<String> {
        let file = RemoteFile::new(&Url::parse(base).unwrap(), path, ("192.0.2.1", "a=b&c d"))?;
        Some(file.url.target)
    }

    #[test]
    fn a_file_is_asked_for_by_its_name_with_the_client_s_address_and_arguments() {
        let query = "addr=192.0.2.1&a=b&c%20d";
        for (base, path, expected) in [
            ("http://host", "cam.flv", "/cam.flv?"),
            ("http://host/vod", "cam.flv", "/vod/cam.flv?"),
            ("http://host/vod/", "a/b.mp4", "/vod/a/b.mp4?"),
            ("http://host/vod?key=x", "cam.flv", "/vod/cam.flv?key=x&"),
            ("http://host/vod", "a b?c#d%2f&.flv", "/vod/a%20b%3Fc%23d%252f&.flv?"),
            ("http://host/vod", "\u{e4}.flv", "/vod/%C3%A4.flv?"),
        ] {
            assert_eq!(url(base, path), Some([expected, query].concat()), "{base} {path}");
        }
        let base = Url::parse("https://[2001:db8::1]/").unwrap();
        let file = RemoteFile::new(&base, "x", ("2001:db8::2", "")).unwrap();
        assert_eq!((file.url.target.as_str(), file.key.target.as_str()), ("/x?addr=2001:db8::2", "/x"));
    }

    #[test]
    fn a_client_says_neither_another_address_nor_what_the_url_says() {
        let base = Url::parse("http://host/vod?key=own").unwrap();
        for (args, expected) in [
            ("addr=9.9.9.9", ""),
            ("a=1&ADDR=9&%61ddr=9&addr%5b%5D=9&+addr=9&b=2", "&a=1&b=2"),
            ("key=theirs&keys=2", "&keys=2"),
            ("%ff%zz=1", ""),
        ] {
            let file = RemoteFile::new(&base, "x", ("192.0.2.1", args)).unwrap();
            assert_eq!(file.url.target, format!("/vod/x?key=own&addr=192.0.2.1{expected}"), "{args}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_url() {
        for path in ["", "..", "../x", "a/../../x", "a//b", "/a", "a/", ".hidden", "a\\b", "a\r\nb", "./a"] {
            assert_eq!(url("http://host/vod", path), None, "{path}");
        }
        assert_eq!(url("http://host/vod", &"x".repeat(5000)), None);
    }

    #[test]
    fn a_request_for_a_rest_says_of_which_file() {
        let url = Url::parse("http://user:pass@host/x").unwrap();
        let text =
            |from, known: Option<&Known>| String::from_utf8(request(&url, from, known).to_vec()).unwrap();
        let first = text(0, None);
        assert!(first.starts_with("GET /x HTTP/1.1\r\nHost: host\r\n") && !first.contains("Range"));
        assert!(
            first.contains("\r\nAuthorization: Basic ")
                && first.contains("\r\nAccept-Encoding: identity\r\n")
        );
        let known = Known { tag: Some("\"a\"".into()), ..Known::default() };
        assert!(text(5, Some(&known)).contains("\r\nRange: bytes=5-\r\nIf-Range: \"a\"\r\n"));
    }
}

//! The heads of what the page answers: what a document may load, who may show it in a frame, and whether a browser has it
//! already.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use crate::engine::{Body, HttpReply, HttpRequest};
use crate::http::ResponseHead;
use crate::http::accept;
use crate::http::conditional::{self, Outcome};

pub const HTML: &str = "text/html; charset=utf-8";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
pub const STYLE: &str = "text/css; charset=utf-8";

/// Nothing but our own scripts, styles and media. Whoever may show it in a frame comes behind.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                    media-src 'self' blob:; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                    frame-ancestors";

/// Nothing at all: for what is no page.
pub const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The policy of a page that these sources may show in a frame.
pub fn policy(ancestors: &[String]) -> String {
    format!("{PAGE} {}", ancestors.join(" "))
}

/// The policy of the console, which acts on a click: no other page may show it in a frame.
pub fn of_console() -> String {
    format!("{PAGE} 'none'")
}

/// A text, and the same compressed, if it is.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub plain: &'a str,
    pub gzip: Option<&'a [u8]>,
}

/// A text that changes with the program or the configuration only, or that the browser has it already.
pub fn stored(request: &HttpRequest, mime: &'static str, text: Text<'_>, policy: &str) -> HttpReply {
    let headers = &request.head.headers;
    let gzip = text.gzip.filter(|_| accept::takes_gzip(headers));
    let etag = etag(text.plain, policy, gzip.is_some());
    let begin =
        |status| ResponseHead::new(status).with("Cache-Control", "no-cache").with("ETag", etag.as_str());
    // A cache between must tell the two apart.
    let varied =
        |head: ResponseHead| if text.gzip.is_some() { head.with("Vary", "Accept-Encoding") } else { head };
    match conditional::evaluate(headers, &etag, u64::MAX) {
        Outcome::Proceed => {}
        Outcome::NotModified => return HttpReply { head: varied(begin(304)), body: Body::Empty },
        Outcome::Failed => return HttpReply::error(412),
    }
    let mut head = varied(begin(200))
        .with("Content-Type", mime)
        .with("Content-Security-Policy", policy)
        .with("Referrer-Policy", "no-referrer")
        .with("X-Content-Type-Options", "nosniff");
    if gzip.is_some() {
        head = head.with("Content-Encoding", "gzip");
    }
    HttpReply { head, body: Body::Bytes(Rc::from(gzip.unwrap_or(text.plain.as_bytes()))) }
}

/// The tag of a text and its policy: browsers keep the policy that they have been told when they are told 304.
fn etag(text: &str, policy: &str, is_compressed: bool) -> String {
    let mut hasher = DefaultHasher::new();
    (text, policy, is_compressed).hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// A document of JSON, for scripts.
pub fn json(text: String) -> HttpReply {
    own(HttpReply::made(200, "application/json", "no-cache", text).with("Content-Security-Policy", NOTHING))
}

/// The same for pages of this server alone (Fetch, 3.7): another page would learn by it what is live in a network that it
/// cannot reach itself.
pub fn own(reply: HttpReply) -> HttpReply {
    reply.with("Cross-Origin-Resource-Policy", "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(fields: &str) -> HttpRequest {
        HttpRequest::for_test(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    const X: Text<'_> = Text { plain: "x", gzip: None };

    #[test]
    fn every_document_says_what_it_is_and_may_do() {
        let reply = stored(&get(""), STYLE, X, &of_console());
        assert_eq!(reply.head.get("content-type"), Some(STYLE));
        let policy = reply.head.get("content-security-policy").unwrap();
        assert!(
            policy.contains("script-src 'self'") && policy.ends_with("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!((reply.body.len(), reply.head.get("vary")), (1, None));
    }

    #[test]
    fn who_has_a_document_is_not_sent_it_again_until_it_or_its_policy_changes() {
        let etag = stored(&get(""), HTML, X, "p").head.get("etag").unwrap().to_owned();
        let status = |fields: &str, plain, policy| {
            stored(&get(fields), HTML, Text { plain, gzip: None }, policy).head.status
        };
        let has_it = format!("If-None-Match: \"other\", {etag}\r\n");
        assert_eq!(status(&has_it, "x", "p"), 304);
        assert_eq!(status(&format!("If-None-Match: W/{etag}\r\n"), "x", "p"), 304);
        assert_eq!(status(&has_it, "y", "p"), 200);
        assert_eq!(status(&has_it, "x", "q"), 200);
        assert_eq!(status("If-Match: \"other\"\r\n", "x", "p"), 412);
        let again = stored(&get(&has_it), HTML, X, "p");
        assert_eq!((again.body.len(), again.head.get("etag")), (0, Some(etag.as_str())));
    }

    #[test]
    fn a_compressed_text_is_for_who_takes_it_and_another_document_than_the_plain_one() {
        let text = Text { plain: "xyz", gzip: Some(b"gz") };
        let reply = |fields: &str| stored(&get(fields), SCRIPT, text, "p");
        let (plain, gzip) = (reply(""), reply("Accept-Encoding: gzip, br\r\n"));
        assert_eq!((plain.body.len(), plain.head.get("content-encoding")), (3, None));
        assert_eq!((gzip.body.len(), gzip.head.get("content-encoding")), (2, Some("gzip")));
        for reply in [&plain, &gzip] {
            assert_eq!(reply.head.get("vary"), Some("Accept-Encoding"));
        }
        let has_plain =
            format!("Accept-Encoding: gzip\r\nIf-None-Match: {}\r\n", plain.head.get("etag").unwrap());
        assert_eq!(reply(&has_plain).head.status, 200);
    }
}

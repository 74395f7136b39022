//! The heads of what the page answers: what a document may load, who may show it in a frame, and whether a browser has it
//! already.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use crate::engine::{Body, HttpReply, HttpRequest};
use crate::http::ResponseHead;
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

/// A text that changes with the program or the configuration only, or that the browser has it already.
pub fn stored(request: &HttpRequest, mime: &'static str, text: &str, policy: &str) -> HttpReply {
    let etag = etag(text, policy);
    match conditional::evaluate(&request.head.headers, &etag, u64::MAX) {
        Outcome::Proceed => {}
        Outcome::NotModified => {
            let head = ResponseHead::new(304).with("Cache-Control", "no-cache").with("ETag", etag);
            return HttpReply { head, body: Body::Empty };
        }
        Outcome::Failed => return HttpReply::error(412),
    }
    let head = ResponseHead::new(200)
        .with("Content-Type", mime)
        .with("Cache-Control", "no-cache")
        .with("ETag", etag)
        .with("Content-Security-Policy", policy)
        .with("Referrer-Policy", "no-referrer")
        .with("X-Content-Type-Options", "nosniff");
    HttpReply { head, body: Body::Bytes(Rc::from(text.as_bytes())) }
}

/// The tag of a text and its policy: browsers keep the policy that they have been told when they are told 304.
fn etag(text: &str, policy: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (text, policy).hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// A document of JSON, for scripts.
pub fn json(text: String) -> HttpReply {
    HttpReply::made(200, "application/json", "no-cache", text).with("Content-Security-Policy", NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(fields: &str) -> HttpRequest {
        HttpRequest::for_test(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn every_document_says_what_it_is_and_may_do() {
        let reply = stored(&get(""), STYLE, "x", &of_console());
        assert_eq!(reply.head.get("content-type"), Some(STYLE));
        let policy = reply.head.get("content-security-policy").unwrap();
        assert!(
            policy.contains("script-src 'self'") && policy.ends_with("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(reply.body.len(), 1);
    }

    #[test]
    fn who_has_a_document_is_not_sent_it_again_until_it_or_its_policy_changes() {
        let etag = stored(&get(""), HTML, "x", "p").head.get("etag").unwrap().to_owned();
        let status = |fields: &str, text, policy| stored(&get(fields), HTML, text, policy).head.status;
        let has_it = format!("If-None-Match: \"other\", {etag}\r\n");
        assert_eq!(status(&has_it, "x", "p"), 304);
        assert_eq!(status(&format!("If-None-Match: W/{etag}\r\n"), "x", "p"), 304);
        assert_eq!(status(&has_it, "y", "p"), 200);
        assert_eq!(status(&has_it, "x", "q"), 200);
        assert_eq!(status("If-Match: \"other\"\r\n", "x", "p"), 412);
        let again = stored(&get(&has_it), HTML, "x", "p");
        assert_eq!((again.body.len(), again.head.get("etag")), (0, Some(etag.as_str())));
    }
}

//! The web pages that may play, by their origin (RFC 6454): what browsers are answered, and who is refused.

use crate::engine::HttpRequest;
use crate::http::ResponseHead;
use crate::http::url::origin::Pattern;

/// The most origins of one directive.
const MAX_ORIGINS: usize = 64;

/// `flv_origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// All.
    All,
    /// These, beside the server's own.
    These(Vec<Pattern>),
}

impl Origins {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [] => Err(String::new()),
            [all] if all == "*" => Ok(Self::All),
            [word] if ["all", "any", "off", "none"].contains(&word.as_str()) => Err(format!(
                "\"{word}\" is no origin: write * for all pages, or the origins of those that may play"
            )),
            _ if args.len() > MAX_ORIGINS => Err(format!("no more than {MAX_ORIGINS} origins")),
            _ => args.iter().map(|arg| Pattern::parse(arg)).collect::<Result<_, _>>().map(Self::These),
        }
    }

    /// Whether the page of a request may play. What is no browser names no page.
    pub fn admit(&self, request: &HttpRequest) -> bool {
        let Self::These(patterns) = self else { return true };
        let is_listed = |origin: &str| patterns.iter().any(|pattern| pattern.fits(origin));
        let mut origins = request.head.headers.all("origin");
        origins.all(|origin| is_listed(&origin.to_ascii_lowercase()) || request.is_own_origin(origin))
    }

    /// Tells browsers that the page of a request, which may play, may read the answer. What the configuration says of it goes
    /// before.
    pub fn tell(&self, request: &HttpRequest, head: ResponseHead) -> ResponseHead {
        const ALLOW: &str = "Access-Control-Allow-Origin";
        match (self, request.head.headers.get("origin")) {
            (Self::All, _) => head.with_default(ALLOW, "*"),
            (Self::These(_), Some(origin)) if self.admit(request) => {
                head.with_default(ALLOW, origin).with_default("Vary", "Origin")
            }
            // A cache must not give it to a page.
            (Self::These(_), _) => head.with_default("Vary", "Origin"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(text: &str) -> Origins {
        let args: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        Origins::parse(&args).unwrap()
    }

    fn request(fields: &str) -> HttpRequest {
        HttpRequest::for_test(&format!(
            "GET /live/cam.flv HTTP/1.1\r\nHost: media.example:8080\r\n{fields}\r\n"
        ))
    }

    #[test]
    fn all_pages_may_play_unless_some_are_named() {
        let all = origins("*");
        for fields in ["", "Origin: https://a.example\r\n", "Origin: null\r\n"] {
            let request = request(fields);
            assert!(all.admit(&request), "{fields}");
            let head = all.tell(&request, ResponseHead::new(200));
            assert_eq!(head.defaults, [("Access-Control-Allow-Origin", "*".to_owned())]);
        }
    }

    #[test]
    fn named_pages_and_the_servers_own_may_play() {
        let some = origins(
            "https://A.example:443 http://b.example:81 https://*.c.example app://localhost http://[::1]:8080",
        );
        for origin in [
            "https://a.example",
            "http://b.example:81",
            "https://x.c.example",
            "https://x.y.C.example",
            "app://localhost",
            "http://[::1]:8080",
            "http://media.example:8080",
            "https://media.example:8080",
        ] {
            let request = request(&format!("Origin: {origin}\r\n"));
            assert!(some.admit(&request), "{origin}");
            let head = some.tell(&request, ResponseHead::new(200));
            let vary = ("Vary", "Origin".to_owned());
            assert_eq!(head.defaults, [("Access-Control-Allow-Origin", origin.to_owned()), vary]);
        }
        for origin in [
            "http://a.example",
            "https://a.example:8443",
            "https://a.example.evil",
            "https://evil.a.example",
            "http://b.example",
            "https://c.example",
            "https://.c.example",
            "https://evil/x.c.example",
            "https://evil#.c.example",
            "https://evil?.c.example",
            "https://evil\\.c.example",
            "https://evil:80.c.example",
            "https://evil\t.c.example",
            "https://[::1].c.example",
            "https://evilc.example",
            "http://media.example",
            "null",
            "*",
            "",
        ] {
            let request = request(&format!("Origin: {origin}\r\n"));
            assert!(!some.admit(&request), "{origin}");
            let head = some.tell(&request, ResponseHead::new(403));
            assert_eq!(head.defaults, [("Vary", "Origin".to_owned())]);
        }
    }

    #[test]
    fn what_is_no_browser_names_no_page_and_may_play() {
        let some = origins("https://a.example");
        assert!(some.admit(&request("")));
        assert!(origins("null").admit(&request("Origin: null\r\n")));
        let two = request("Origin: https://a.example\r\nOrigin: https://b.example\r\n");
        assert!(!some.admit(&two));
    }

    #[test]
    fn a_mistake_says_what_an_origin_is() {
        for (text, why) in [
            ("example.com", "\"example.com\" is no origin such as https://example.com"),
            ("https://", "\"https://\" is no origin such as https://example.com or https://*.example.com"),
            ("https://*", "\"https://*\" is no origin such as"),
            ("https://*a.example", "\"https://*a.example\" is no origin such as"),
            ("https://a.*.example", "\"https://a.*.example\" is no origin such as"),
            ("https://a b", "\"https://a b\" is no origin such as"),
            ("https://a.example:99999", "\"https://a.example:99999\" has no port from 1 to 65535"),
            ("https://a.example:0", "\"https://a.example:0\" has no port"),
            ("https://a.example:", "\"https://a.example:\" has no port"),
            ("https://*.a.example:x", "\"https://*.a.example:x\" has no port"),
            ("https://a:1:2", "\"https://a:1:2\" is no origin such as"),
            ("https://[::1", "\"https://[::1\" is no origin such as"),
            ("https://[a]", "\"https://[a]\" is no origin such as"),
            ("https://.a.example", "\"https://.a.example\" is no origin such as"),
            ("ftp://a.example", "\"ftp://a.example\" is the origin of no page: those begin with http://"),
            ("wss://a.example", "\"wss://a.example\" is the origin of no page"),
            ("off", "\"off\" is no origin: write * for all pages, or the origins of those that may play"),
            ("all", "\"all\" is no origin: write *"),
            ("https://a.example/", "\"https://a.example/\" has more than a scheme, a host and a port"),
        ] {
            let found = Origins::parse(&[text.to_owned()]).unwrap_err();
            assert!(found.starts_with(why), "{found}");
        }
        let two = Origins::parse(&["https://a.example".to_owned(), "*".to_owned()]);
        assert_eq!(two.unwrap_err(), "\"*\" stands alone");
        let many: Vec<_> = (0..=MAX_ORIGINS).map(|n| format!("https://{n}.example")).collect();
        assert_eq!(Origins::parse(&many).unwrap_err(), "no more than 64 origins");
        assert!(Origins::parse(&many[1..]).is_ok());
    }
}

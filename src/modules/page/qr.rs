//! QR codes of URLs, so that a phone can take them from a screen.
//!
//! A code is an SVG of one path in black on white, with the margin that readers look for (ISO/IEC 18004, section 6.3.8).

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};

use crate::auth::query;
use crate::engine::{Answer, Compose, Composed, Ctx, HttpReply, HttpRequest, SharedAnswer, SharedKey};

use super::document::{self, NOTHING};

/// The longest text, bytes.
const MAX_TEXT: usize = 300;

/// The margin, modules.
const QUIET: i32 = 4;

/// The code of the text in a request, which takes a moment to make: one is made after the other, between other work.
pub fn answer(request: &HttpRequest) -> Answer {
    let text = query::value(&request.head.query, "text").unwrap_or_default().into_owned();
    if text.len() > MAX_TEXT {
        return Answer::Reply(refusal());
    }
    let key = SharedKey { module: "page", location: request.location, what: format!("qr {text}") };
    Answer::Shared(SharedAnswer { key, composer: Box::new(Code { text }) })
}

/// A code that is to be made.
#[derive(Debug)]
struct Code {
    text: String,
}

impl Compose for Code {
    fn step(&mut self, _cx: &mut Ctx) -> Composed {
        Composed::Reply(reply(&self.text))
    }
}

/// The code of a text, which may be kept; or that there is none.
fn reply(text: &str) -> HttpReply {
    let Some(svg) = svg(text) else { return refusal() };
    let reply = HttpReply::made(200, "image/svg+xml", "private, max-age=86400", svg);
    document::own(reply.with("Content-Security-Policy", NOTHING))
}

fn refusal() -> HttpReply {
    document::own(HttpReply::error(400))
}

/// The image of a text; none if it is empty, too long or not to be printed.
fn svg(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > MAX_TEXT || text.contains(char::is_control) {
        return None;
    }
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let side = code.size() + 2 * QUIET;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\""
    );
    for y in 0..code.size() {
        push_row(&mut svg, &code, y);
    }
    svg.push_str("\"/></svg>\n");
    Some(svg)
}

/// Adds the dark modules of a row to the path, each run of them as one rectangle.
fn push_row(path: &mut String, code: &QrCode, y: i32) {
    let mut x = 0;
    while x < code.size() {
        let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
        if run > 0 {
            // Writing to a String cannot fail.
            let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
        }
        x += i32::try_from(run).unwrap_or(0) + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn status(query: &str) -> u16 {
        let request = HttpRequest::for_test(&format!("GET /qr.svg?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
        match answer(&request) {
            Answer::Reply(reply) => reply.head.status,
            Answer::Shared(shared) => reply(shared.key.what.strip_prefix("qr ").unwrap()).head.status,
            _ => panic!("it is made here"),
        }
    }

    #[test]
    fn texts_that_can_be_printed_have_a_code_up_to_the_limit() {
        let long = |length| format!("text={}", "x".repeat(length));
        for (query, expected) in [
            ("text=http%3A%2F%2Flocalhost%3A8080%2F%23live%2Fcam", 200),
            ("text=%C3%A9%F0%9F%98%80", 200),
            (&long(MAX_TEXT), 200),
            (&long(MAX_TEXT + 1), 400),
            ("text=", 400),
            ("", 400),
            ("other=x", 400),
            ("text=a%0Ab", 400),
            ("text=%C2%9B31m", 400),
            ("text=%00", 400),
        ] {
            assert_eq!(status(query), expected, "{query}");
        }
    }

    #[test]
    fn the_path_has_the_dark_modules_and_nothing_else() {
        let text = "http://localhost:8080/#live/cam";
        let (image, code) = (svg(text).unwrap(), QrCode::encode_text(text, QrCodeEcc::Low).unwrap());
        let path = image.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
        let (side, mut dark) = (code.size(), Vec::new());
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let length: i32 = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            dark.extend((x..x + length).map(|x| (x - QUIET, y - QUIET)));
        }
        let all = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let expected: Vec<_> = all.filter(|(x, y)| code.get_module(*x, *y)).collect();
        assert_eq!(dark, expected);
        assert!(image.contains(&format!("viewBox=\"0 0 {0} {0}\"", side + 8)), "{image}");
    }

    #[test]
    fn the_longest_text_takes_a_moment() {
        let began = Instant::now();
        let image = svg(&"\u{e9}".repeat(MAX_TEXT / 2)).unwrap();
        assert!(image.len() < 64 << 10, "{}", image.len());
        assert!(began.elapsed().as_millis() < 500, "{:?}", began.elapsed());
    }
}

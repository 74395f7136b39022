//! What the answer of a server means for a file that is asked for.

use crate::http::Headers;
use crate::http::client::ResponseHead;

/// What is known of a file since the first answer: the same file has the same of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Bytes.
    pub total: Option<u64>,
    /// The field ETag.
    pub tag: Option<String>,
    /// The field Last-Modified.
    pub modified: Option<String>,
    /// Whether the server says that it takes ranges.
    pub has_ranges: bool,
}

/// The meaning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The file comes, behind so many bytes that are there already.
    Body { skip: u64, known: Known },
    /// It is elsewhere.
    Elsewhere(String),
    /// The server does not have it, or does not give it.
    Missing,
    /// It cannot be had, for this reason.
    Refused(String),
    /// It cannot be had now.
    Unable(String),
}

impl Known {
    fn of(head: &ResponseHead) -> Self {
        let field = |name: &str| head.headers.get(name).map(str::to_owned);
        let total = head.length();
        let has_ranges = total.is_some() && head.headers.has_token("accept-ranges", "bytes");
        Self { total, tag: field("etag"), modified: field("last-modified"), has_ranges }
    }

    /// By what a server tells whether it still has the same file (RFC 9110, section 13.1.5): no weak tag does.
    pub fn validator(&self) -> Option<&str> {
        let strong = self.tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        strong.or(self.modified.as_deref())
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.total, &self.tag, &self.modified) == (other.total, &other.tag, &other.modified)
    }
}

/// The meaning of the answer to a request for the bytes from `from` on. `known` is what earlier answers have told.
pub fn meaning(head: &ResponseHead, from: u64, known: Option<&Known>) -> Meaning {
    let (status, headers) = (head.status, &head.headers);
    if matches!(status, 200 | 206)
        && let Some(coding) = headers.all("content-encoding").find(|it| !it.eq_ignore_ascii_case("identity"))
    {
        return Meaning::Refused(format!("the file is encoded ({})", shortened(coding)));
    }
    match status {
        200 => {
            let found = Known::of(head);
            match known {
                Some(known) if !known.is_same(&found) => Meaning::Refused(CHANGED.into()),
                Some(known) => Meaning::Body { skip: from, known: known.clone() },
                None => Meaning::Body { skip: 0, known: found },
            }
        }
        206 => rest(headers, from, known),
        301 | 302 | 303 | 307 | 308 => match headers.get("location") {
            Some(location) if !location.is_empty() => Meaning::Elsewhere(location.to_owned()),
            _ => Meaning::Refused(format!("{status} without a Location")),
        },
        403 | 404 | 410 => Meaning::Missing,
        // What it asks for is behind the end: that cannot be if the file is the same.
        416 => Meaning::Refused(CHANGED.into()),
        _ => Meaning::Unable(format!("the server answers {status}")),
    }
}

/// The meaning of an answer with a part of a file.
fn rest(headers: &Headers, from: u64, known: Option<&Known>) -> Meaning {
    let Some(known) = known else { return Meaning::Refused("a part that nobody has asked for".into()) };
    let Some((first, total)) = headers.get("content-range").and_then(content_range) else {
        return Meaning::Refused("a part without a Content-Range that can be read".into());
    };
    let tag = headers.get("etag");
    let is_other_tag = tag.is_some() && known.tag.is_some() && tag != known.tag.as_deref();
    let is_other_total = total.is_some() && known.total.is_some() && total != known.total;
    if is_other_tag || is_other_total {
        return Meaning::Refused(CHANGED.into());
    }
    if first != from {
        return Meaning::Refused("another part than was asked for".into());
    }
    Meaning::Body {
        skip: 0,
        known: Known { total: known.total.or(total), has_ranges: true, ..known.clone() },
    }
}

const CHANGED: &str = "the file has changed on its server";

/// The first byte and the length of the whole in `bytes 5-9/10` (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number)
    };
    let (first, last) = (number(first)?, number(last)?);
    let total = if total == "*" { None } else { Some(number(total)?) };
    let is_valid =
        unit.eq_ignore_ascii_case("bytes") && first <= last && total.is_none_or(|total| last < total);
    is_valid.then_some((first, total))
}

/// What a log shows of a text of a server.
fn shortened(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<const N: usize>(status: u16, fields: [(&str, &str); N]) -> ResponseHead {
        ResponseHead { status, headers: Headers::from(fields) }
    }

    fn known() -> Known {
        let fields = [("Content-Length", "100"), ("ETag", "\"a\""), ("Accept-Ranges", "bytes")];
        match meaning(&head(200, fields), 0, None) {
            Meaning::Body { skip: 0, known } => known,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(meaning: Meaning) -> String {
        match meaning {
            Meaning::Refused(why) | Meaning::Unable(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_answer_tells_what_the_file_is() {
        let known = known();
        assert_eq!((known.total, known.validator(), known.has_ranges), (Some(100), Some("\"a\""), true));
        let weak = [("ETag", "W/\"a\""), ("Last-Modified", "Tue, 01 Dec 2026 03:00:00 GMT")];
        let Meaning::Body { known, .. } = meaning(&head(200, weak), 0, None) else { panic!() };
        assert_eq!((known.total, known.validator()), (None, Some("Tue, 01 Dec 2026 03:00:00 GMT")));
    }

    #[test]
    fn a_rest_is_taken_if_it_is_that_of_the_same_file() {
        let rest = |range: &str, tag: &str| {
            meaning(&head(206, [("Content-Range", range), ("ETag", tag)]), 50, Some(&known()))
        };
        assert_eq!(rest("bytes 50-99/100", "\"a\""), Meaning::Body { skip: 0, known: known() });
        assert_eq!(rest("bytes 50-60/*", "\"a\""), Meaning::Body { skip: 0, known: known() });
        assert_eq!(refusal(rest("bytes 50-99/100", "\"b\"")), CHANGED);
        assert_eq!(refusal(rest("bytes 50-99/101", "\"a\"")), CHANGED);
        assert_eq!(refusal(rest("bytes 51-99/100", "\"a\"")), "another part than was asked for");
        for range in
            ["", "bytes */100", "bytes 50-100/100", "bytes 60-50/100", "bytes +50-99/100", "x 50-99/100"]
        {
            assert_eq!(
                refusal(rest(range, "\"a\"")),
                "a part without a Content-Range that can be read",
                "{range}"
            );
        }
        let first = head(206, [("Content-Range", "bytes 0-9/10")]);
        assert_eq!(refusal(meaning(&first, 0, None)), "a part that nobody has asked for");
    }

    #[test]
    fn a_server_without_ranges_sends_all_again_of_which_the_beginning_is_there() {
        let whole =
            |tag: &str| meaning(&head(200, [("Content-Length", "100"), ("ETag", tag)]), 50, Some(&known()));
        assert_eq!(whole("\"a\""), Meaning::Body { skip: 50, known: known() });
        assert_eq!(refusal(whole("\"b\"")), CHANGED);
    }

    #[test]
    fn other_answers_are_none_or_say_where() {
        for status in [403, 404, 410] {
            assert_eq!(meaning(&head(status, []), 0, None), Meaning::Missing);
        }
        assert_eq!(refusal(meaning(&head(500, []), 0, None)), "the server answers 500");
        assert_eq!(meaning(&head(302, [("Location", "/x")]), 0, None), Meaning::Elsewhere("/x".into()));
        assert_eq!(refusal(meaning(&head(302, []), 0, None)), "302 without a Location");
        let encoded = head(200, [("Content-Encoding", "gzip")]);
        assert_eq!(refusal(meaning(&encoded, 0, None)), "the file is encoded (gzip)");
    }
}

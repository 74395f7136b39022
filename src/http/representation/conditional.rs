//! Preconditions: is a client's copy current, and does its range still fit (RFC 9110, section 13)?

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::http::headers::Headers;

/// The outcome of the preconditions of a GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer as without them.
    Proceed,
    /// The client's copy is current: 304.
    NotModified,
    /// 412.
    Failed,
}

/// Evaluates the preconditions in the order of RFC 9110, section 13.2.2.
///
/// `etag` is the current one, with its quotes; `last_modified` counts seconds since 1970.
pub fn evaluate(headers: &Headers, etag: &str, last_modified: u64) -> Outcome {
    if headers.get("if-match").is_some() {
        if !any_match(headers.all("if-match"), etag, strong_equal) {
            return Outcome::Failed;
        }
    } else if date(headers, "if-unmodified-since").is_some_and(|since| last_modified > since) {
        return Outcome::Failed;
    }
    let current = if headers.get("if-none-match").is_some() {
        any_match(headers.all("if-none-match"), etag, weak_equal)
    } else {
        date(headers, "if-modified-since").is_some_and(|since| last_modified <= since)
    };
    if current { Outcome::NotModified } else { Outcome::Proceed }
}

/// True if a Range may be honoured: there is no If-Range, or it fits (RFC 9110, section 13.1.5).
pub fn range_holds(headers: &Headers, etag: &str, last_modified: u64) -> bool {
    match headers.get("if-range") {
        None => true,
        Some(tag) if tag.starts_with(['"', 'W']) && tag.ends_with('"') => strong_equal(tag, etag),
        Some(date) => parse_date(date) == Some(last_modified),
    }
}

/// The IMF-fixdate of a time in seconds since 1970 (RFC 9110, section 5.6.7).
pub fn format_date(seconds: u64) -> String {
    let timestamp =
        i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_default();
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).unwrap_or_default()
}

/// Seconds since 1970 of a date in any of the three forms that HTTP has had (RFC 9110, section 5.6.7).
pub fn parse_date(date: &str) -> Option<u64> {
    let date = date.trim();
    let obsolete = || {
        let mut read = OBSOLETE.iter().filter_map(|form| strtime::parse(form, date).ok()?.to_datetime().ok());
        read.next()?.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
    };
    let timestamp = DateTimeParser::new().parse_timestamp(date).ok().or_else(obsolete)?;
    u64::try_from(timestamp.as_second()).ok()
}

/// The forms of RFC 850 and of C's asctime; recipients still have to know them.
const OBSOLETE: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

fn date(headers: &Headers, name: &str) -> Option<u64> {
    headers.get(name).and_then(parse_date)
}

/// True if a list of entity tags holds one that equals `etag`, or is "*".
fn any_match<'a>(
    mut lists: impl Iterator<Item = &'a str>,
    etag: &str,
    equal: fn(&str, &str) -> bool,
) -> bool {
    // Tags may hold commas, so a list cannot simply be split at them; ours never do.
    lists.any(|list| list.trim() == "*" || list.split(',').any(|tag| equal(tag.trim(), etag)))
}

fn strong_equal(tag: &str, etag: &str) -> bool {
    tag == etag && !tag.starts_with("W/")
}

fn weak_equal(tag: &str, etag: &str) -> bool {
    tag.strip_prefix("W/").unwrap_or(tag) == etag.strip_prefix("W/").unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"2ee2f3a1-1f\"";
    const MODIFIED: u64 = 784_111_777;
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn outcome<const N: usize>(fields: [(&str, &str); N]) -> Outcome {
        evaluate(&fields.into(), ETAG, MODIFIED)
    }

    #[test]
    fn dates_are_written_and_read() {
        assert_eq!(format_date(MODIFIED), DATE);
        assert_eq!(format_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(format_date(u64::MAX), "Thu, 01 Jan 1970 00:00:00 GMT");
        for form in [DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_date(form), Some(MODIFIED), "{form}");
        }
        for bad in [
            "",
            "0",
            "yesterday",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
            "Sunday, 06-Nov-94 08:49:37",
            "Sun Nov 31 08:49:37 1994",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
        assert_eq!(parse_date("Wed, 31 Dec 1969 23:59:59 GMT"), None);
    }

    #[test]
    fn a_client_with_the_current_copy_gets_304() {
        assert_eq!(outcome([]), Outcome::Proceed);
        for list in
            [ETAG, "*", "W/\"2ee2f3a1-1f\"", "\"a\", \"2ee2f3a1-1f\"", "\"a\",W/\"2ee2f3a1-1f\" ,\"b\""]
        {
            assert_eq!(outcome([("If-None-Match", list)]), Outcome::NotModified, "{list}");
        }
        assert_eq!(outcome([("If-None-Match", "\"a\""), ("If-None-Match", ETAG)]), Outcome::NotModified);
        for list in ["\"a\"", "2ee2f3a1-1f", "", "\"2ee2f3a1-1f", "w/\"2ee2f3a1-1f\""] {
            assert_eq!(outcome([("If-None-Match", list)]), Outcome::Proceed, "{list}");
        }
        assert_eq!(outcome([("If-Modified-Since", DATE)]), Outcome::NotModified);
        assert_eq!(outcome([("If-Modified-Since", AFTER)]), Outcome::NotModified);
        assert_eq!(outcome([("If-Modified-Since", BEFORE)]), Outcome::Proceed);
        assert_eq!(outcome([("If-Modified-Since", "nonsense")]), Outcome::Proceed);
    }

    #[test]
    fn an_entity_tag_goes_before_a_date() {
        assert_eq!(outcome([("If-None-Match", "\"a\""), ("If-Modified-Since", DATE)]), Outcome::Proceed);
        assert_eq!(outcome([("If-Match", ETAG), ("If-Unmodified-Since", BEFORE)]), Outcome::Proceed);
    }

    #[test]
    fn a_precondition_that_does_not_hold_fails() {
        assert_eq!(outcome([("If-Match", "\"a\"")]), Outcome::Failed);
        assert_eq!(outcome([("If-Match", "W/\"2ee2f3a1-1f\"")]), Outcome::Failed);
        assert_eq!(outcome([("If-Match", "*")]), Outcome::Proceed);
        assert_eq!(outcome([("If-Match", "\"a\", \"2ee2f3a1-1f\"")]), Outcome::Proceed);
        assert_eq!(outcome([("If-Unmodified-Since", BEFORE)]), Outcome::Failed);
        assert_eq!(outcome([("If-Unmodified-Since", DATE)]), Outcome::Proceed);
        assert_eq!(outcome([("If-Match", ETAG), ("If-None-Match", ETAG)]), Outcome::NotModified);
    }

    #[test]
    fn a_range_holds_only_for_the_very_same_file() {
        let holds = |value: &str| range_holds(&[("If-Range", value)].into(), ETAG, MODIFIED);
        assert!(range_holds(&Headers::default(), ETAG, MODIFIED));
        assert!(holds(ETAG));
        assert!(holds(DATE));
        for other in ["W/\"2ee2f3a1-1f\"", "\"a\"", BEFORE, AFTER, "", "nonsense", "\""] {
            assert!(!holds(other), "{other}");
        }
    }
}

//! The part of a file that a Range header asks for (RFC 9110, section 14).

/// The part to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All of it, with 200.
    Whole,
    /// These bytes, both included, with 206. Invariant: `first <= last < size`.
    Part {
        /// Position of the first byte.
        first: u64,
        /// Position of the last byte.
        last: u64,
    },
    /// None of it: 416.
    Unsatisfiable,
}

/// Reads a Range header for a file of `size` bytes.
///
/// A header that is malformed, of another unit or with several ranges is ignored, which a server is
/// free to do (RFC 9110, section 14.2): nobody multiplies what is sent by asking for overlaps.
pub fn select(header: &str, size: u64) -> Selection {
    match parse(header) {
        None => Selection::Whole,
        Some((None, suffix)) => suffix_of(suffix, size),
        Some((Some(first), _)) if first >= size => Selection::Unsatisfiable,
        Some((Some(first), last)) => {
            Selection::Part { first, last: last.unwrap_or(u64::MAX).min(size.saturating_sub(1)) }
        }
    }
}

fn suffix_of(length: Option<u64>, size: u64) -> Selection {
    match length {
        Some(0) => Selection::Unsatisfiable,
        _ if size == 0 => Selection::Whole,
        length => Selection::Part {
            first: size.saturating_sub(length.unwrap_or(size)),
            last: size.saturating_sub(1),
        },
    }
}

/// First and last position, or none and a suffix's length.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, ranges) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = ranges.trim().split_once('-')?;
    match (number(first)?, number(last)?) {
        (None, None) => None,
        (Some(first), Some(last)) if first > last => None,
        range => Some(range),
    }
}

/// A number of digits only; one that is too large counts as the largest. `Some(None)` for no digits.
fn number(digits: &str) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| Some(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(first: u64, last: u64) -> Selection {
        Selection::Part { first, last }
    }

    #[test]
    fn a_single_range_is_cut_to_the_file() {
        let cases = [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-", part(0, 99)),
            ("bytes=10-19", part(10, 19)),
            ("Bytes = 10-19 ", part(10, 19)),
            ("bytes=99-", part(99, 99)),
            ("bytes=50-100", part(50, 99)),
            ("bytes=0-18446744073709551615", part(0, 99)),
            ("bytes=0-99999999999999999999999", part(0, 99)),
            ("bytes=-1", part(99, 99)),
            ("bytes=-100", part(0, 99)),
            ("bytes=-101", part(0, 99)),
            ("bytes=-99999999999999999999999", part(0, 99)),
        ];
        for (header, selection) in cases {
            assert_eq!(select(header, 100), selection, "{header}");
        }
    }

    #[test]
    fn a_range_behind_the_end_is_unsatisfiable() {
        for header in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=9223372036854775808-",
            "bytes=99999999999999999999-",
            "bytes=-0",
        ] {
            assert_eq!(select(header, 100), Selection::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        assert_eq!(select("bytes=0-0", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-0", 0), Selection::Unsatisfiable);
        assert_eq!(select("bytes=-5", 0), Selection::Whole);
    }

    #[test]
    fn a_malformed_range_or_several_get_the_whole() {
        let many = format!("bytes={}", vec!["0-1"; 1000].join(","));
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=--1",
            "bytes=1 -2",
            "bytes=0x1-2",
            "lines=0-1",
            "bytes=0-0,5-9",
            "bytes=0-0,",
            &many,
        ] {
            assert_eq!(select(header, 100), Selection::Whole, "{header}");
        }
    }

    #[test]
    fn no_part_ever_leaves_the_file() {
        for size in [0, 1, 2, u64::MAX] {
            for first in ["", "0", "1", "9223372036854775808", "18446744073709551615"] {
                for last in ["", "0", "1", "18446744073709551615"] {
                    if let Selection::Part { first, last } = select(&format!("bytes={first}-{last}"), size) {
                        assert!(first <= last && last < size, "{first}-{last} of {size}");
                    }
                }
            }
        }
    }
}

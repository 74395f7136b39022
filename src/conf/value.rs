//! The units of nginx: times and sizes.

use std::time::Duration;

/// Reads a time as nginx does: a bare number is seconds; `ms s m h d w` may be combined, each once, the
/// larger first. `None` for anything else, and for what does not fit.
pub fn time(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 6] =
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let (mut rest, mut total, mut units) = (text, 0u64, &UNITS[..]);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let unit = if letters == 0 && rest.is_empty() { "s" } else { &rest[..letters] };
        rest = &rest[letters..];
        let position = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(units[position].1)?)?;
        units = &units[position + 1..];
    }
    // A century is enough for anybody, and can be added to the time of day.
    let sane = !text.is_empty() && total <= 100 * 366 * 86_400_000;
    sane.then_some(Duration::from_millis(total))
}

/// Reads a size: bytes, or with `k`, `m` or `g`, in either case.
pub fn size(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    number(digits)?.checked_mul(factor)
}

/// Reads digits.
pub fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Reads on or off, in either case.
pub fn flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("on") => Some(true),
        _ if text.eq_ignore_ascii_case("off") => Some(false),
        _ => None,
    }
}

/// Longer than any server runs, and still to be added to any time.
pub const NEVER: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A wait of zero is one without an end, or with one that nobody sees.
pub fn or_never(time: Duration) -> Duration {
    if time.is_zero() { NEVER } else { time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds_and_units_combine() {
        for (text, milliseconds) in [
            ("3", 3000),
            ("0", 0),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1h1", 3_601_000),
            ("2d", 172_800_000),
            ("1w", 604_800_000),
        ] {
            assert_eq!(time(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in
            ["", "-1", "0.5s", "10x", "s", "1s1m", "1s1s", "99999999999h", "18446744073709551616", "1 s"]
        {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_k_m_and_g() {
        for (text, bytes) in [("0", 0), ("512", 512), ("4k", 4096), ("1M", 1 << 20), ("2g", 2 << 30)] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "k", "-1", "+1", "1kb", "1.5m", "18446744073709551615k"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}

//! The values of directives: flags, times, sizes and numbers in nginx's units, and types of modules.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The value of a directive. The check parses it from the arguments, once, and keeps it beside them.
#[derive(Debug, Clone)]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A time; `off` is zero.
    Time(Duration),
    /// A size in bytes.
    Size(u64),
    /// A number.
    Number(u64),
    /// The words as they are written.
    Words,
    /// A value of the owner's type.
    Custom(Custom),
}

/// A value of a type that only the directive's owner knows. Who reads it says the type. It may go to another thread, as a
/// reload reads files on one.
#[derive(Clone)]
pub struct Custom(Arc<dyn Any + Send + Sync>);

impl Custom {
    /// Keeps the result of an owner's parser.
    pub fn of<T: Any + Send + Sync>(made: Result<T, String>) -> Result<Self, String> {
        made.map(|value| Self(Arc::new(value)))
    }

    /// The value, if it is of that type.
    pub(super) fn get<T: Any + Clone>(&self) -> Option<T> {
        self.0.downcast_ref().cloned()
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}

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
    let time = Duration::from_millis(total);
    (!text.is_empty() && time <= NEVER).then_some(time)
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

/// Writes a size as [`size`] reads it, in the largest unit that it is a multiple of.
pub(super) fn write_size(bytes: u64) -> String {
    let units = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)];
    let unit = units.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| bytes.to_string(), |(name, factor)| format!("{}{name}", bytes / factor))
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
            assert_eq!(write_size(bytes), text.to_lowercase());
        }
        for text in ["", "k", "-1", "+1", "1kb", "1.5m", "18446744073709551615k"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}

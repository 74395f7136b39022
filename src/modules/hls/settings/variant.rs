//! `hls_variant`: a suffix of stream names, and the attributes in the master playlist of the streams that have it.

use crate::engine::StreamName;
use crate::modules::hls::settings::attributes::Attributes;

pub const SYNTAX: &str = "suffix [ATTRIBUTE=value[,ATTRIBUTE=value...] ...]";

/// One `hls_variant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    suffix: String,
    attributes: Attributes,
}

impl Variant {
    /// Reads the arguments of `hls_variant`.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let [suffix, given @ ..] = args else { return Err("nothing is given".to_owned()) };
        let whole = format!("n{suffix}");
        let ends_a_name = StreamName::new(&whole).is_ok_and(|name| name.as_str() == whole);
        if suffix.is_empty() || !ends_a_name {
            return Err(format!("\"{}\" ends no stream's name", suffix.escape_debug()));
        }
        let (mut attributes, mut names) = (Attributes::default(), Vec::new());
        for attribute in given.iter().flat_map(|arg| split_attributes(arg)) {
            let Some((name, value)) = attribute.split_once('=') else {
                return Err(format!("\"{}\" is not ATTRIBUTE=value", attribute.escape_debug()));
            };
            if names.contains(&name) {
                return Err(format!("{name} is given twice"));
            }
            if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
                let written = name.to_ascii_uppercase();
                return Err(format!("{} is written {}", name.escape_debug(), written.escape_debug()));
            }
            if let Some(expected) = expected_value(name, value) {
                let (name, value) = (name.escape_debug(), value.escape_debug());
                return Err(format!("{name} takes {expected}, not \"{value}\""));
            }
            names.push(name);
            attributes.set(name, value.trim_matches('"'));
        }
        Ok(Self { suffix: suffix.clone(), attributes })
    }

    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Attributes of EXT-X-STREAM-INF.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

/// The attributes in an argument, which may have several, as nginx-rtmp's may. A comma parts two where the name of one
/// follows it, or nothing; others belong to a value, such as a list of codecs.
fn split_attributes(arg: &str) -> Vec<&str> {
    let (mut attributes, mut begin, mut is_quoted) = (Vec::new(), 0, false);
    for (at, byte) in arg.bytes().enumerate() {
        is_quoted ^= byte == b'"';
        if byte == b',' && !is_quoted && arg.get(at + 1..).is_some_and(begins_attribute) {
            attributes.extend(arg.get(begin..at));
            begin = at + 1;
        }
    }
    attributes.extend(arg.get(begin..).filter(|rest| begin == 0 || !rest.is_empty()));
    attributes
}

fn begins_attribute(text: &str) -> bool {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    text.is_empty() || text.contains('=') && !name.is_empty() && name.bytes().all(is_in_name)
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

/// The kind of value that an attribute takes; `None` if the value is of that kind.
fn expected_value(name: &str, value: &str) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (fits, expected) = match name {
        "BANDWIDTH" | "AVERAGE-BANDWIDTH" | "PROGRAM-ID" => (digits(value), "a number"),
        "RESOLUTION" => (value.split_once('x').is_some_and(|(w, h)| digits(w) && digits(h)), "WIDTHxHEIGHT"),
        "FRAME-RATE" => (value.parse::<f64>().is_ok_and(|rate| rate > 0.0), "a number"),
        "" => (false, "a name in front"),
        _ if !name.bytes().all(is_in_name) => {
            (false, "a name of capital letters, digits and dashes in front")
        }
        _ => {
            let value = value.trim_matches('"');
            (!value.is_empty() && !value.contains(['"', '\n', '\r']), "a value in one line")
        }
    };
    (!fits).then_some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_are_checked() {
        for text in [
            "_low",
            "_low BANDWIDTH=288000",
            "_720p BANDWIDTH=1 RESOLUTION=1280x720 CODECS=avc1.4d401f,mp4a.40.2 FRAME-RATE=29.97",
            "_a AUDIO=\"x\" VIDEO-RANGE=SDR",
        ] {
            assert!(Variant::parse(&words(text)).is_ok(), "{text}");
        }
        for (text, why) in [
            ("", "nothing is given"),
            ("../x", "ends no stream's name"),
            ("_low BANDWIDTH", "\"BANDWIDTH\" is not ATTRIBUTE=value"),
            ("_low BANDWIDTH=1m", "BANDWIDTH takes a number, not \"1m\""),
            ("_low RESOLUTION=720p", "RESOLUTION takes WIDTHxHEIGHT, not \"720p\""),
            ("_low bandwidth=1", "bandwidth is written BANDWIDTH"),
            ("_low A=", "a value"),
            ("_low A=1 A=2", "A is given twice"),
        ] {
            let error = Variant::parse(&words(text)).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Variant::parse(&["_low".to_owned(), "A=b\nc".to_owned()]).is_err());
    }

    #[test]
    fn attributes_may_stand_in_one_argument_with_commas_between() {
        for (text, expected) in [
            ("_x BANDWIDTH=1,RESOLUTION=1280x720", "BANDWIDTH=1,RESOLUTION=1280x720"),
            ("_x BANDWIDTH=1, RESOLUTION=1280x720", "BANDWIDTH=1,RESOLUTION=1280x720"),
            (
                "_x BANDWIDTH=1,CODECS=avc1.4d401f,mp4a.40.2,FRAME-RATE=25",
                "BANDWIDTH=1,CODECS=\"avc1.4d401f,mp4a.40.2\",FRAME-RATE=25",
            ),
            ("_x CODECS=\"avc1.4d401f,A=b\",BANDWIDTH=1", "CODECS=\"avc1.4d401f,A=b\",BANDWIDTH=1"),
            ("_x BANDWIDTH=1 CODECS=\"a,b\"", "BANDWIDTH=1,CODECS=\"a,b\""),
        ] {
            assert_eq!(Variant::parse(&words(text)).unwrap().attributes.to_string(), expected, "{text}");
        }
        for (text, why) in [
            ("_x BANDWIDTH=1,BANDWIDTH=2", "BANDWIDTH is given twice"),
            ("_x BANDWIDTH=1,RESOLUTION=720p", "RESOLUTION takes WIDTHxHEIGHT, not \"720p\""),
            ("_x BANDWIDTH=1,720p", "BANDWIDTH takes a number, not \"1,720p\""),
        ] {
            let error = Variant::parse(&words(text)).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

//! Attribute lists of playlist tags (RFC 8216 4.2): `NAME=VALUE,NAME="VALUE"`.

use std::fmt;

use crate::media::segment::measure::Advertised;

/// Attributes whose value is a quoted string.
const QUOTED: &[&str] =
    &["CODECS", "SUPPLEMENTAL-CODECS", "AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS", "NAME", "URI"];

/// Attributes in their order, each name once. Values are without their quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Reads a list; `None` if the text is not a list of attributes.
    pub fn parse(mut text: &str) -> Option<Self> {
        let mut list = Self::default();
        while !text.is_empty() {
            let (name, rest) = text.split_once('=')?;
            let (value, rest) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
            };
            list.set(name, value);
            text = match rest.strip_prefix(',') {
                Some(next) => next,
                None if rest.is_empty() => "",
                None => return None,
            };
        }
        Some(list)
    }

    /// The attributes of EXT-X-STREAM-INF.
    pub fn of_stream(advertised: &Advertised) -> Self {
        let mut list = Self::default();
        list.set("BANDWIDTH", &advertised.bandwidth.to_string());
        list.set("AVERAGE-BANDWIDTH", &advertised.average_bandwidth.to_string());
        let description = &advertised.description;
        if !description.codecs.is_empty() {
            list.set("CODECS", &description.codecs);
        }
        if let Some((width, height)) = description.resolution {
            list.set("RESOLUTION", &format!("{width}x{height}"));
        }
        if let Some(rate) = description.frame_rate {
            list.set("FRAME-RATE", &format!("{rate:.3}"));
        }
        list
    }

    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub fn set_all(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            self.set(name, value);
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            // CLOSED-CAPTIONS=NONE is the one enumerated value among them.
            let is_quoted = QUOTED.contains(&name.as_str()) && value != "NONE" || value.contains([',', ' ']);
            let quote = if is_quoted { "\"" } else { "" };
            write!(f, "{comma}{name}={quote}{value}{quote}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::segment::measure::Description;

    #[test]
    fn a_list_is_read_and_written_with_its_quotes() {
        let text =
            "BANDWIDTH=128000,CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=640x360,CLOSED-CAPTIONS=NONE";
        let list = Attributes::parse(text).unwrap();
        assert_eq!((list.get("CODECS"), list.get("AUDIO")), (Some("avc1.4d401f,mp4a.40.2"), None));
        assert_eq!(list.to_string(), text);
        assert_eq!(Attributes::parse("").unwrap().to_string(), "");
        for text in ["BANDWIDTH", "A=1,B", "A=\"1", "A=\"1\"x"] {
            assert_eq!(Attributes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_stream_has_its_rates_to_three_digits_and_no_more_than_is_known() {
        let description =
            Description { resolution: Some((640, 360)), frame_rate: Some(29.97), ..Description::default() };
        let mut advertised = Advertised { description, bandwidth: 1_400_000, average_bandwidth: 1_222_222 };
        let text = "BANDWIDTH=1400000,AVERAGE-BANDWIDTH=1222222,RESOLUTION=640x360,FRAME-RATE=29.970";
        assert_eq!(Attributes::of_stream(&advertised).to_string(), text);
        advertised.description = Description { codecs: "mp4a.40.2".to_owned(), ..Description::default() };
        let text = "BANDWIDTH=1400000,AVERAGE-BANDWIDTH=1222222,CODECS=\"mp4a.40.2\"";
        assert_eq!(Attributes::of_stream(&advertised).to_string(), text);
    }

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let mut list = Attributes::parse("BANDWIDTH=1,FRAME-RATE=25.000").unwrap();
        list.set_all(&Attributes::parse("BANDWIDTH=2,AUDIO=a").unwrap());
        assert_eq!(list.to_string(), "BANDWIDTH=2,FRAME-RATE=25.000,AUDIO=\"a\"");
    }
}

//! What a client has said of itself in its `connect`, for whoever asks later: callbacks, statistics.

use crate::rtmp::command::Connect;

/// Bytes that are kept of one text, but for the arguments.
const MAX_FACT: usize = 1024;

/// The texts of a `connect` (specification 7.2.1.1), in one piece of memory: there are as many as clients.
#[derive(Debug, Default)]
pub struct Client {
    texts: Box<str>,
    /// Where each text but the last ends.
    ends: [u16; 4],
}

impl Client {
    /// Keeps the texts; `args` is what stood after "?" in the application.
    pub(in crate::engine) fn new(connect: &Connect, args: &str) -> Self {
        let mut texts = String::new();
        let ends = [&connect.flash_ver, &connect.tc_url, &connect.page_url, &connect.swf_url].map(|text| {
            texts.push_str(start_of(text));
            u16::try_from(texts.len()).unwrap_or(u16::MAX)
        });
        texts.push_str(args);
        Self { texts: texts.into(), ends }
    }

    /// The client's name and version.
    pub fn flash_ver(&self) -> &str {
        self.text(0, self.ends[0])
    }

    /// The URL that it was given.
    pub fn tc_url(&self) -> &str {
        self.text(self.ends[0], self.ends[1])
    }

    /// The page that it stands in.
    pub fn page_url(&self) -> &str {
        self.text(self.ends[1], self.ends[2])
    }

    /// The file that it was loaded from.
    pub fn swf_url(&self) -> &str {
        self.text(self.ends[2], self.ends[3])
    }

    /// What stood after "?" in the application.
    pub fn args(&self) -> &str {
        self.texts.get(self.ends[3].into()..).unwrap_or_default()
    }

    /// Bytes that it takes beside itself.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.texts.len()
    }

    fn text(&self, begin: u16, end: u16) -> &str {
        self.texts.get(begin.into()..end.into()).unwrap_or_default()
    }
}

/// A text, or as much of it as is kept.
fn start_of(text: &str) -> &str {
    (0..=MAX_FACT.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_what_the_client_has_sent_up_to_a_length() {
        let long = format!("{}é", "u".repeat(MAX_FACT - 1));
        let connect = Connect {
            flash_ver: "OBS".into(),
            tc_url: long.clone(),
            page_url: "http://page".into(),
            ..Connect::default()
        };
        let client = Client::new(&connect, "key=1");
        assert_eq!((client.flash_ver(), client.page_url()), ("OBS", "http://page"));
        assert_eq!((client.swf_url(), client.args()), ("", "key=1"));
        assert_eq!(client.tc_url(), &long[..MAX_FACT - 1], "a character is not cut in two");
        assert_eq!(Client::default().args(), "");
    }
}

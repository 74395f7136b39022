//! The texts of a client's `connect`, kept for callbacks and statistics: its version and the URLs that it names.
//!
//! They lie in one piece of memory, as there are as many as clients, and each is cut at 1024 bytes. Nothing here is
//! checked: a client may say what it likes.

use std::fmt;

use crate::rtmp::command::Connect;

/// The most bytes that are kept of one text; the arguments are kept whole.
const MAX_FACT: usize = 1024;

/// The protocol of a client that publishes or plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientProtocol {
    /// RTMP.
    Rtmp,
    /// FLV over HTTP.
    HttpFlv,
    /// FLV over WebSocket.
    WebSocketFlv,
}

impl ClientProtocol {
    /// Its word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::HttpFlv => "http-flv",
            Self::WebSocketFlv => "websocket-flv",
        }
    }
}

impl fmt::Display for ClientProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rtmp => "RTMP",
            Self::HttpFlv => "HTTP-FLV",
            Self::WebSocketFlv => "WebSocket-FLV",
        })
    }
}

/// The texts of a `connect` (specification 7.2.1.1), in one piece of memory.
#[derive(Debug, Default)]
pub struct Client {
    texts: Box<str>,
    /// The end of each text but the last.
    ends: [u16; 4],
}

impl Client {
    /// Keeps the texts of a `connect`. `args` are the arguments behind "?" in the application's name.
    pub fn new(connect: &Connect, args: &str) -> Self {
        let mut texts = String::new();
        let ends = [&connect.flash_ver, &connect.tc_url, &connect.page_url, &connect.swf_url].map(|text| {
            texts.push_str(start_of(text));
            u16::try_from(texts.len()).unwrap_or(u16::MAX)
        });
        texts.push_str(args);
        Self { texts: texts.into(), ends }
    }

    /// Name and version of the client's software (`flashVer`).
    pub fn flash_ver(&self) -> &str {
        self.text(0, self.ends[0])
    }

    /// The URL that the client was told to connect to (`tcUrl`).
    pub fn tc_url(&self) -> &str {
        self.text(self.ends[0], self.ends[1])
    }

    /// The URL of the page that a Flash player stands in (`pageUrl`).
    pub fn page_url(&self) -> &str {
        self.text(self.ends[1], self.ends[2])
    }

    /// The URL of the file that a Flash player was loaded from (`swfUrl`).
    pub fn swf_url(&self) -> &str {
        self.text(self.ends[2], self.ends[3])
    }

    /// The arguments behind "?" in the application's name.
    pub fn args(&self) -> &str {
        self.texts.get(self.ends[3].into()..).unwrap_or_default()
    }

    /// Bytes of memory for the texts, beside the struct.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.texts.len()
    }

    fn text(&self, begin: u16, end: u16) -> &str {
        self.texts.get(begin.into()..end.into()).unwrap_or_default()
    }
}

/// The beginning of a text, at most [`MAX_FACT`] bytes.
fn start_of(text: &str) -> &str {
    (0..=MAX_FACT.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_a_client_is_kept_up_to_a_length() {
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

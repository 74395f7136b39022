//! The directory that is asked where a stream lives: `origin_lookup URL`.

use crate::http::Url;

/// The arguments of `origin_lookup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directory {
    Off,
    At(Url),
}

impl Directory {
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [url] => Url::parse(url).map(Self::At),
            [] => Err(String::new()),
            _ => Err("a URL has no blanks".to_owned()),
        }
    }
}

/// What becomes of a stream when the directory does not answer as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    Here,
    Refuse,
}

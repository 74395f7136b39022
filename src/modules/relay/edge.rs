//! An application that is a cache of another server: `edge URL ...`.

use crate::engine::RelayKind;

use super::line::Line;

/// The origins, in the order in which they are tried: the same lines for pulls and for pushes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Origins {
    pub pulls: Vec<Line>,
    pub pushes: Vec<Line>,
}

impl Origins {
    /// Reads the arguments of `edge`.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        if words.is_empty() {
            return Err(String::new());
        }
        let is_key = |word: &String| {
            let key = word.split_once('=').map_or("", |(key, _)| key);
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        if words.iter().any(is_key) {
            return Err("an edge has no keys, but URLs only; \"pull\" and \"push\" have them".to_owned());
        }
        let lines = |kind| words.iter().map(|word| Self::line(kind, word)).collect::<Result<Vec<_>, _>>();
        Ok(Self { pulls: lines(RelayKind::Pull)?, pushes: lines(RelayKind::Push)? })
    }

    fn line(kind: RelayKind, word: &str) -> Result<Line, String> {
        let line = Line::parse(kind, std::slice::from_ref(&word.to_owned()))?;
        if line.url.stream.is_empty() {
            return Ok(line);
        }
        Err("an origin is rtmp://HOST/APP: its streams have the names of here".to_owned())
    }
}

/// Who decides about clients (`edge_auth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeAuth {
    Edge,
    Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_an_application_and_no_stream() {
        let read = |text: &str| Origins::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let origins = read("rtmp://a/live rtmps://b").unwrap_or_default();
        let places: Vec<_> = origins.pulls.iter().map(|line| line.url.place()).collect();
        assert_eq!((places, origins.pushes.len()), (vec!["rtmp://a".to_owned(), "rtmps://b".to_owned()], 2));
        assert!(read("rtmp://a/live/cam").is_err_and(|why| why.contains("names of here")));
        assert!(read("http://a/live").is_err());
        assert!(read("rtmps://a/live fingerprint=ab").is_err_and(|why| why.contains("no keys")));
        assert!(read("rtmp//a/live").is_err_and(|why| why.contains("behind its scheme")));
        assert_eq!(Origins::parse(&[]).err(), Some(String::new()));
    }
}

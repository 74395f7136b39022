//! The arguments of `origin_lookup` and `origin_lookup_on_error`.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_a_url_of_http_or_off() {
        let read = |words: &[&str]| {
            Directory::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(&["off"]), Ok(Directory::Off));
        assert!(matches!(read(&["https://h/where"]), Ok(Directory::At(_))));
        assert!(
            read(&["rtmp://h/where"]).is_err()
                && read(&["a", "b"]).is_err()
                && read(&[]) == Err(String::new())
        );
    }
}

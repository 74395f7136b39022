//! `try_files`: the first of several files that is there, else something else.

use super::template::{Template, When};

/// The `try_files` of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryFiles {
    pub(super) candidates: Vec<Candidate>,
    pub(super) last: Last,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: Template,
    /// It is written with a slash at the end; a slash that a variable has there does not count.
    pub(super) is_folder: bool,
}

/// The last argument: what is done if nothing is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Last {
    /// This status: `=404`.
    Status(u16),
    /// The request goes on at this path or location.
    Target(Template),
}

impl TryFiles {
    /// Reads the arguments of the directive. What a block says it says for itself: nginx does not inherit it.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let (last, candidates) = match args {
            [candidates @ .., last] if !candidates.is_empty() => (last, candidates),
            _ => return Err("a file at least, and what to do without it".to_owned()),
        };
        // nginx finds a name without a slash if its root ends with one: as if the slash were here.
        let template = |text: &String| match text.starts_with(['/', '$']) {
            true => Template::parse(text, When::Request),
            false => Template::parse(&format!("/{text}"), When::Request),
        };
        let last = match last.strip_prefix('=') {
            Some(code) => match code.parse() {
                Ok(code @ 200..=599) => Last::Status(code),
                _ => return Err(format!("\"{code}\" is no status from 200 to 599")),
            },
            None if last.starts_with('@') => Last::Target(Template::parse(last, When::Request)?),
            None => Last::Target(template(last)?),
        };
        let candidate = |text: &String| {
            Ok::<_, String>(Candidate { path: template(text)?, is_folder: text.ends_with('/') })
        };
        Ok(Self { candidates: candidates.iter().map(candidate).collect::<Result<_, _>>()?, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_is_a_status_a_path_or_a_location() {
        let parse = |text: &str| TryFiles::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("$uri $uri/ =404").unwrap().last, Last::Status(404));
        assert_eq!(parse("$uri $uri/ =404").unwrap().candidates.len(), 2);
        assert!(matches!(parse("$uri /index.html?x=$arg_y").unwrap().last, Last::Target(_)));
        assert!(matches!(parse("$uri @other").unwrap().last, Last::Target(_)));
        assert_eq!(parse("index.html =404"), parse("/index.html =404"));
        assert_eq!(parse("$uri index.html"), parse("$uri /index.html"));
        for wrong in ["$uri", "$uri =4040", "$uri =x", "$nope =404"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

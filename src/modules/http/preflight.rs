//! The one `if` that is understood: how nginx configurations answer the preflight of a browser.
//!
//! `if ($request_method = 'OPTIONS') { add_header ...; return 204; }` stands in so many of them that
//! it has to work as written. Any other condition is refused, for without it something else would be
//! served than was meant.

use super::settings::AddedHeader;

/// The answer to OPTIONS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// Its status, 200 or 204.
    pub status: u16,
    /// Its headers; if empty, those of the location.
    pub added: Vec<AddedHeader>,
}

const FORM: &str = "the only `if` known is: if ($request_method = OPTIONS) { add_header ...; return 204; }";

impl Preflight {
    /// Reads the arguments of an `if`, and the names and arguments of what is in its block.
    pub fn parse<'a>(
        condition: &[String],
        block: impl Iterator<Item = (&'a str, &'a [String])>,
    ) -> Result<Self, String> {
        // However it was cut into words and quoted, with blanks or without.
        let condition = condition.concat().replace(['(', ')', '"', '\'', ' '], "");
        if condition != "$request_method=OPTIONS" {
            return Err(FORM.to_owned());
        }
        let (mut status, mut added) = (None, Vec::new());
        for (name, args) in block {
            match (name, args) {
                ("add_header", args) => added.push(AddedHeader::parse(args)?),
                ("return", [code]) if status.is_none() && code == "204" => status = Some(204),
                ("return", [code]) if status.is_none() && code == "200" => status = Some(200),
                _ => return Err(FORM.to_owned()),
            }
        }
        status.map(|status| Self { status, added }).ok_or_else(|| FORM.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(condition: &[&str], block: &[&[&str]]) -> Result<Preflight, String> {
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> = block.iter().map(|line| own(line)).collect();
        Preflight::parse(&own(condition), lines.iter().map(|line| (line[0].as_str(), &line[1..])))
    }

    #[test]
    fn the_usual_preflight_is_understood_however_it_is_cut_into_words() {
        let block: &[&[&str]] = &[
            &["add_header", "Access-Control-Allow-Origin", "*"],
            &["add_header", "Access-Control-Max-Age", "1728000"],
            &["add_header", "Content-Type", "text/plain charset=UTF-8"],
            &["add_header", "Content-Length", "0"],
            &["return", "204"],
        ];
        for condition in [
            &["($request_method", "=", "'OPTIONS')"][..],
            &["($request_method", "=", "OPTIONS", ")"],
            &["(", "$request_method", "=", "OPTIONS", ")"],
            &["($request_method=\"OPTIONS\")"],
        ] {
            let preflight = parse(condition, block).unwrap();
            assert_eq!((preflight.status, preflight.added.len()), (204, 4));
        }
        assert_eq!(parse(&["($request_method = OPTIONS)"], &[&["return", "200"]]).unwrap().added, []);
    }

    #[test]
    fn any_other_condition_is_a_mistake() {
        let fine = ["($request_method", "=", "OPTIONS)"];
        assert!(parse(&["($request_method", "=", "POST)"], &[&["return", "204"]]).is_err());
        assert!(parse(&["($request_method", "!=", "OPTIONS)"], &[&["return", "204"]]).is_err());
        assert!(parse(&["($http_origin)"], &[&["return", "204"]]).is_err());
        assert!(parse(&fine, &[]).is_err());
        assert!(parse(&fine, &[&["return", "403"]]).is_err());
        assert!(parse(&fine, &[&["return", "204"], &["return", "204"]]).is_err());
        assert!(parse(&fine, &[&["rewrite", "a", "b"], &["return", "204"]]).is_err());
        assert!(parse(&fine, &[&["add_header", "X"], &["return", "204"]]).is_err());
    }
}

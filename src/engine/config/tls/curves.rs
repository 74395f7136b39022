//! `ssl_ecdh_curve`: the curves (groups) by which keys are exchanged, judged for those that there are.

/// The curves that there are: OpenSSL's name first, then other names.
const CURVES: [&[&str]; 3] =
    [&["X25519", "x25519"], &["prime256v1", "P-256", "secp256r1"], &["secp384r1", "P-384"]];

/// The names of all curves.
#[cfg(test)]
pub fn all_names() -> Vec<&'static str> {
    CURVES.iter().filter_map(|names| names.first().copied()).collect()
}

/// What a list leaves, and what it names in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Curves {
    /// OpenSSL's names in the order of the list; empty for `auto`.
    pub names: Vec<&'static str>,
    /// The names that this server has not.
    pub missing: Vec<String>,
}

impl Curves {
    /// Reads a list with colons between the names; one that leaves no curve is an error.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let [text] = args else {
            return Err(
                if args.is_empty() { "" } else { "one list, with colons between its names" }.to_owned()
            );
        };
        let mut curves = Self::default();
        if text == "auto" {
            return Ok(curves);
        }
        // OpenSSL 3.5 writes "?NAME" for one that may be missing, "*NAME" for one that is offered first, and "/" between tuples.
        let words = text.split([':', '/']).map(|word| word.trim_start_matches(['?', '*']));
        for word in words.filter(|word| !word.is_empty()) {
            let known = CURVES.iter().find(|names| names.iter().any(|name| name.eq_ignore_ascii_case(word)));
            match known.and_then(|names| names.first()) {
                Some(name) if curves.names.contains(name) => {}
                Some(name) => curves.names.push(name),
                None => curves.missing.push(word.to_owned()),
            }
        }
        if curves.names.is_empty() {
            let names: Vec<_> = CURVES.iter().filter_map(|names| names.first().copied()).collect();
            return Err(format!("\"{text}\" leaves none of the curves that there are: {}", names.join(", ")));
        }
        Ok(curves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Curves, String> {
        Curves::parse(&[text.to_owned()])
    }

    #[test]
    fn curves_are_known_by_all_their_names_and_keep_their_order() {
        assert_eq!(list("auto").unwrap(), Curves::default());
        let curves = list("secp384r1:P-256:x25519:secp521r1:prime256v1").unwrap();
        assert_eq!(curves.names, ["secp384r1", "prime256v1", "X25519"]);
        assert_eq!(curves.missing, ["secp521r1"]);
        let new = list("?*X25519MLKEM768/?*X25519:?secp256r1").unwrap();
        assert_eq!(
            (new.names, new.missing),
            (vec!["X25519", "prime256v1"], vec!["X25519MLKEM768".to_owned()])
        );
    }

    #[test]
    fn a_list_without_a_curve_that_is_there_is_an_error() {
        let why = list("secp521r1:X448").unwrap_err();
        assert!(
            why.ends_with("leaves none of the curves that there are: X25519, prime256v1, secp384r1"),
            "{why}"
        );
        assert!(Curves::parse(&[]).is_err());
    }
}

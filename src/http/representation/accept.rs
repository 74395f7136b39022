//! What a client takes of several forms of an answer (RFC 9110, section 12.5).

use crate::http::headers::Headers;

/// Whether a client says that it takes answers with the coding gzip (section 12.5.3). Who says nothing may be a script, and
/// gets the text.
pub fn takes_gzip(headers: &Headers) -> bool {
    weight_of(headers, "gzip").or_else(|| weight_of(headers, "*")).is_some_and(|weight| weight > 0.0)
}

/// The weight of a coding, if it is named.
fn weight_of(headers: &Headers, name: &str) -> Option<f32> {
    headers.all("accept-encoding").flat_map(|field| field.split(',')).find_map(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|word| word.eq_ignore_ascii_case(name));
        is_it.then(|| parts.find_map(weight).unwrap_or(1.0))
    })
}

/// The weight in a parameter `q=0.5`; one that is no number counts as none.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_who_names_it_or_takes_anything_and_does_not_forbid_it() {
        for (field, takes) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP ; q=0.2", true),
            ("*", true),
            ("*;q=0.5", true),
            ("", false),
            ("br", false),
            ("x-gzip", false),
            ("gzip;q=0", false),
            ("*, gzip;q=0.000", false),
            ("gzip;q=x", false),
            ("gzip;q=NaN", false),
        ] {
            assert_eq!(takes_gzip(&Headers::from([("Accept-Encoding", field)])), takes, "{field}");
        }
        assert!(!takes_gzip(&Headers::default()));
    }
}

//! HTTP's Basic authentication (RFC 7617): what a server demands, and what a client shows.

use std::fmt;

use base64ct::{Base64Unpadded, Encoding};

/// The beginning of a field Authorization, in any case.
const SCHEME: &str = "Basic ";

/// A user and a password, as a client shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user, who is not empty.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// Reads the value of a field Authorization; none if it shows no user of this scheme, in UTF-8. As in nginx, what is
    /// behind the padding is ignored, and padding may be missing.
    pub fn parse(authorization: &str) -> Option<Self> {
        let (scheme, encoded) = authorization.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let encoded = encoded.trim_start_matches(' ').split('=').next()?;
        let decoded = String::from_utf8(Base64Unpadded::decode_vec(encoded).ok()?).ok()?;
        let (user, password) = decoded.split_once(':').filter(|(user, _)| !user.is_empty())?;
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

/// The value of a field WWW-Authenticate that demands a user and a password for a realm, in UTF-8.
pub fn challenge(realm: &str) -> String {
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    format!("Basic realm=\"{quoted}\", charset=\"UTF-8\"")
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_are_read_as_nginx_reads_them() {
        // printf 'ann:a:b' | base64
        for (field, user, password) in [
            ("Basic YW5uOmE6Yg==", "ann", "a:b"),
            ("basic   YW5uOmE6Yg", "ann", "a:b"),
            ("BASIC YW5uOmE6Yg==x", "ann", "a:b"),
            ("Basic YW5uOg==", "ann", ""),
            ("Basic w6Q6w7Y=", "ä", "ö"),
        ] {
            let found = Credentials::parse(field);
            let expected = Credentials { user: user.to_owned(), password: password.to_owned() };
            assert_eq!(found, Some(expected), "{field}");
        }
    }

    #[test]
    fn anything_else_shows_nobody() {
        // ":a", "ann", 0xe4 and a colon.
        for field in [
            "",
            "Basic",
            "Basic ",
            "Basic Om",
            "Basic OmE=",
            "Basic YW5u",
            "Basic 5Do=",
            "Basic *",
            "Bearer YW5uOmE=",
        ] {
            assert_eq!(Credentials::parse(field), None, "{field}");
        }
        let shown = Credentials { user: "ann".to_owned(), password: "secret".to_owned() };
        assert_eq!(format!("{shown:?}"), "Credentials");
    }

    #[test]
    fn a_realm_is_quoted() {
        assert_eq!(challenge("Members"), "Basic realm=\"Members\", charset=\"UTF-8\"");
        assert_eq!(challenge("a \"b\" \\"), "Basic realm=\"a \\\"b\\\" \\\\\", charset=\"UTF-8\"");
    }
}

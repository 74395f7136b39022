//! The variables of encrypted connections: `$ssl_protocol` and the like. Without TLS they are empty.

use std::borrow::Cow;

use crate::engine::{ClientCertificate, TlsFacts, Verification};

/// The value of a variable, if it is one of these.
pub fn variable(name: &str) -> Option<fn(&TlsFacts) -> Cow<'_, str>> {
    Some(match name {
        "ssl_protocol" => |facts| facts.version.into(),
        "ssl_cipher" => |facts| facts.suite.into(),
        "ssl_curve" => |facts| facts.curve.into(),
        "ssl_server_name" => |facts| facts.server_name.as_deref().unwrap_or_default().into(),
        "ssl_session_reused" => |facts| if facts.is_resumed { "r" } else { "." }.into(),
        "ssl_client_verify" => |facts| match &facts.verification {
            Verification::None => "NONE".into(),
            Verification::Success => "SUCCESS".into(),
            Verification::Untrusted(why) | Verification::Failed(why) => format!("FAILED:{why}").into(),
        },
        "ssl_client_s_dn" => |facts| of_client(facts, |client| &client.subject),
        "ssl_client_i_dn" => |facts| of_client(facts, |client| &client.issuer),
        "ssl_client_serial" => |facts| of_client(facts, |client| &client.serial),
        "ssl_client_fingerprint" => |facts| of_client(facts, |client| &client.fingerprint),
        "ssl_client_v_start" => |facts| of_client(facts, |client| &client.starts),
        "ssl_client_v_end" => |facts| of_client(facts, |client| &client.ends),
        _ => return None,
    })
}

/// A value of the client's certificate; empty without one.
fn of_client(facts: &TlsFacts, value: fn(&ClientCertificate) -> &str) -> Cow<'_, str> {
    facts.client.as_deref().map(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> TlsFacts {
        TlsFacts {
            version: "TLSv1.3",
            suite: "TLS_AES_256_GCM_SHA384",
            curve: "X25519",
            server_name: Some("a.example".into()),
            is_resumed: false,
            verification: Verification::None,
            verifier: None,
            client: None,
        }
    }

    fn value(name: &str, facts: &TlsFacts) -> String {
        variable(name).unwrap()(facts).into_owned()
    }

    #[test]
    fn the_variables_tell_of_the_handshake() {
        let facts = facts();
        for (name, expected) in [
            ("ssl_protocol", "TLSv1.3"),
            ("ssl_cipher", "TLS_AES_256_GCM_SHA384"),
            ("ssl_curve", "X25519"),
            ("ssl_server_name", "a.example"),
            ("ssl_session_reused", "."),
            ("ssl_client_verify", "NONE"),
            ("ssl_client_s_dn", ""),
        ] {
            assert_eq!(value(name, &facts), expected, "{name}");
        }
        assert_eq!(value("ssl_session_reused", &TlsFacts { is_resumed: true, ..facts }), "r");
        assert!(variable("ssl_nothing").is_none());
    }

    #[test]
    fn the_variables_tell_of_the_clients_certificate() {
        let client = ClientCertificate {
            fingerprint: "0a1b".into(),
            serial: "07FF".into(),
            subject: "CN=client".into(),
            issuer: "CN=ca".into(),
            starts: "Jan  1 00:00:00 2026 GMT".into(),
            ends: "Jan  1 00:00:00 2027 GMT".into(),
        };
        let verification = Verification::Failed("certificate has expired".into());
        let facts = TlsFacts { verification, client: Some(Box::new(client)), ..facts() };
        for (name, expected) in [
            ("ssl_client_verify", "FAILED:certificate has expired"),
            ("ssl_client_s_dn", "CN=client"),
            ("ssl_client_i_dn", "CN=ca"),
            ("ssl_client_serial", "07FF"),
            ("ssl_client_fingerprint", "0a1b"),
            ("ssl_client_v_start", "Jan  1 00:00:00 2026 GMT"),
            ("ssl_client_v_end", "Jan  1 00:00:00 2027 GMT"),
        ] {
            assert_eq!(value(name, &facts), expected, "{name}");
        }
    }
}

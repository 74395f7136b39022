//! Requests and clients that are refused for their handshake: certificates that are missing or not valid, a server that
//! the handshake was not made for, no handshake at all.
//!
//! As in nginx these have statuses of their own, 495 to 497, for `error_page`; a client is told 400.

use crate::engine::config::tls::settings::{ClientVerification, ServerTls, VerificationMode};
use crate::engine::ctx::Ctx;
use crate::engine::http::answer::HttpReply;
use crate::engine::ids::SessionId;
use crate::engine::session::{ProtocolState, Session};
use crate::engine::tls::facts::{TlsFacts, Verification, Verifier};

/// The certificate of the client is not valid.
const BAD_CERTIFICATE: u16 = 495;
/// The client has shown no certificate.
const NO_CERTIFICATE: u16 = 496;
/// The request came without TLS to a port for it.
pub(super) const NO_TLS: u16 = 497;
/// The request is for a server whose certificates of clients the handshake has not asked for.
const MISDIRECTED: u16 = 421;

/// The status that a client is told for one of these.
pub(in crate::engine) fn told(status: u16) -> u16 {
    match status {
        BAD_CERTIFICATE..=NO_TLS => 400,
        other => other,
    }
}

/// The page for such a status, in nginx's words.
pub(in crate::engine) fn page(status: u16) -> HttpReply {
    let why = match status {
        BAD_CERTIFICATE => "The SSL certificate error",
        NO_CERTIFICATE => "No required SSL certificate was sent",
        NO_TLS => "The plain HTTP request was sent to HTTPS port",
        status => return HttpReply::error(status),
    };
    let text = format!(
        "<html>\r\n<head><title>400 {why}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
         <center>{why}</center>\r\n</body>\r\n</html>\r\n"
    );
    HttpReply::made(status, "text/html", "no-store", text)
}

impl ClientVerification {
    /// The status for a client that may not pass, as its certificate is missing or not valid.
    fn judge(&self, facts: &TlsFacts) -> Option<u16> {
        match (self.mode, &facts.verification) {
            (VerificationMode::Off, _) | (_, Verification::Success) => None,
            (VerificationMode::On, Verification::None) => Some(NO_CERTIFICATE),
            (_, Verification::None) => None,
            (VerificationMode::OptionalNoCa, Verification::Untrusted(_)) => None,
            (_, Verification::Untrusted(_) | Verification::Failed(_)) => Some(BAD_CERTIFICATE),
        }
    }
}

/// What a verification is worth that a server has not asked for: a certificate of whatever kind is none of its own.
fn unasked(verification: &Verification) -> Verification {
    match verification {
        Verification::None => Verification::None,
        Verification::Success | Verification::Untrusted(_) | Verification::Failed(_) => {
            Verification::Failed("it was verified for another server".into())
        }
    }
}

impl Ctx {
    /// The status with which a request is refused for the handshake of its connection, before it is led anywhere.
    pub(in crate::engine) fn refusal_for_tls(&self, id: SessionId, host: &str) -> Option<u16> {
        let session = self.sessions.get(id)?;
        if session.is_plain {
            return Some(NO_TLS);
        }
        let (facts, ProtocolState::Http(state)) = (session.tls.as_deref()?, &session.protocol) else {
            return None;
        };
        let hosts = self.hosts_at(state.listener, &state.local)?;
        let asked = hosts.clients(host)?;
        let verifier = hosts.tls(host).and_then(|settings| self.verifier_of(settings));
        match verifier.filter(|verifier| verifier.clients == *asked) {
            Some(verifier) if facts.verifier.as_deref() == Some(verifier) => asked.judge(facts),
            // Another server may have asked for no certificate, or for those of other authorities, or this one at a time
            // when others were valid.
            Some(_) => Some(MISDIRECTED),
            // Handshakes of this server are those of the default server, which asks for none of its certificates.
            None => asked.judge(&TlsFacts { verification: unasked(&facts.verification), ..facts.clone() }),
        }
    }

    /// By what the handshakes with these settings verify the certificates of clients now.
    fn verifier_of(&self, settings: &ServerTls) -> Option<&Verifier> {
        self.verifiers.get(settings).map(|verifier| &**verifier)
    }

    /// Why a client of RTMPS may not go on after its handshake.
    pub(super) fn refuses_client(&self, session: &Session, facts: &TlsFacts) -> Option<String> {
        let settings = &self.servers.get(session.rtmp()?.server.server)?.tls.as_ref()?.settings;
        if settings.clients.mode == VerificationMode::Off {
            return None;
        }
        if facts.verifier.as_deref() != self.verifier_of(settings) {
            return Some("a reload during its handshake has changed whose certificates are valid".to_owned());
        }
        settings.clients.judge(facts).map(|_| why(facts))
    }

    /// Logs that a request is refused for the certificate of its client.
    pub(in crate::engine) fn note_client_refusal(&mut self, id: SessionId, status: u16) {
        let Some(session) = self.sessions.get(id) else { return };
        let (Some(facts), peer) = (session.tls.as_deref(), session.peer.host()) else { return };
        let why = match status {
            MISDIRECTED => "its handshake was with another server, or before a reload".to_owned(),
            _ => why(facts),
        };
        if let Some(others) = self.log_limits.handshake.admit(&format!("{peer} {why}"), self.now.instant) {
            log::info!("{id} {peer}: refused with {}: {why} (ssl_verify_client){others}", told(status));
        }
    }
}

/// Why a client does not pass whose server wants a certificate.
fn why(facts: &TlsFacts) -> String {
    match &facts.verification {
        Verification::Untrusted(why) | Verification::Failed(why) => {
            format!("its certificate is not valid: {why}")
        }
        Verification::None => "it has shown no certificate".to_owned(),
        Verification::Success => "its certificate was verified for another server".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_passes_by_its_certificate_and_the_mode() {
        use VerificationMode::{Off, On, Optional, OptionalNoCa};
        let facts = |verification| TlsFacts {
            version: "TLSv1.3",
            suite: "TLS_AES_128_GCM_SHA256",
            curve: "X25519",
            server_name: None,
            is_resumed: false,
            verification,
            verifier: None,
            client: None,
        };
        let own_one = Verification::Untrusted("self-signed certificate".into());
        let old_one = Verification::Failed("certificate has expired".into());
        for (mode, none, own, expired) in [
            (Off, None, None, None),
            (On, Some(496), Some(495), Some(495)),
            (Optional, None, Some(495), Some(495)),
            (OptionalNoCa, None, None, Some(495)),
        ] {
            let clients = ClientVerification { mode, authorities: None, depth: 1 };
            assert_eq!(clients.judge(&facts(Verification::None)), none, "{mode:?}");
            assert_eq!(clients.judge(&facts(own_one.clone())), own, "{mode:?}");
            assert_eq!(clients.judge(&facts(old_one.clone())), expired, "{mode:?}");
            assert_eq!(clients.judge(&facts(Verification::Success)), None, "{mode:?}");
        }
        assert_eq!([495, 496, 497, 421, 404].map(told), [400, 400, 400, 421, 404]);
    }
}

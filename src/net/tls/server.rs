//! What a server needs for TLS, of its settings and their files: certificates with their keys, and what it says of
//! versions, suites and curves. It is read by threads, and used by the loop.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error, ServerConfig, SignatureAlgorithm};

use super::certificates::files::{self, Fault};
use super::certificates::judge::{Judge, of_client};
use super::certificates::{Certificate, KeyKind};
use super::reasons::describe;
use super::{names, resumption};
use crate::engine::{ClientCertificate, Protocol, ServerTls, Verification, Verifier};

pub const CERTIFICATE: &str = "ssl_certificate";
pub const KEY: &str = "ssl_certificate_key";

/// The most bytes of certificates: rustls takes no longer message of a server, and OpenSSL one of 100 KiB.
const MAX_CHAIN: usize = 60_000;

/// The protocols that HTTP offers (ALPN), as nginx does. A client that offers only others is refused.
const HTTP: [&[u8]; 3] = [b"http/1.1", b"http/1.0", b"http/0.9"];

/// What the connections to a server share.
#[derive(Debug, Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    /// Judges the certificates of clients, where they are asked for some.
    judge: Option<Arc<Judge>>,
}

impl TlsServer {
    /// Reads the files. The error names the directive and the file.
    pub fn load(settings: &ServerTls) -> Result<Self, String> {
        Ok(Self::load_after(settings, None)?)
    }

    /// The same after files of the same settings have changed: clients that have met the server of before still have short
    /// handshakes, unless those that may have signed their certificates are others.
    pub fn load_after(settings: &ServerTls, before: Option<&Self>) -> Result<Self, Fault> {
        let provider = Arc::new(names::provider(&settings.suites, &settings.curves));
        let certificates = Certificates::load(settings, &provider)?;
        let judge = Judge::load(&settings.clients, &provider)?;
        let versions = [(settings.versions.tls12, &TLS12), (settings.versions.tls13, &TLS13)];
        let versions: Vec<_> =
            versions.into_iter().filter(|(is_on, _)| *is_on).map(|(_, version)| version).collect();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| format!("ssl_ciphers, ssl_ecdh_curve: {}", describe(&error)))?;
        let builder = match &judge {
            Some(judge) => {
                builder.with_client_cert_verifier(Arc::clone(judge) as Arc<dyn ClientCertVerifier>)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        config.ignore_client_order = settings.prefers_own;
        if settings.protocol == Protocol::Http {
            config.alpn_protocols = HTTP.map(<[u8]>::to_vec).to_vec();
        }
        let before = before.filter(|before| match (&before.judge, &judge) {
            (Some(before), Some(judge)) => before.is_like(judge),
            (before, judge) => before.is_none() && judge.is_none(),
        });
        resumption::set(&mut config, settings, before.map(|before| &*before.config))?;
        Ok(Self { config: Arc::new(config), judge })
    }

    /// What rustls needs for a connection.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// By what certificates of clients are verified; none if they are asked for none.
    pub fn verifier(&self) -> Option<Arc<Verifier>> {
        self.judge.as_ref().map(|judge| judge.verifier())
    }

    /// What is known of a client after its handshake, by the certificates that it has shown (`peer_certificates`).
    pub(super) fn client(
        &self,
        shown: Option<&[CertificateDer<'_>]>,
    ) -> (Verification, Option<Box<ClientCertificate>>) {
        match (&self.judge, shown) {
            (Some(judge), Some(shown)) => (judge.judge(shown, UnixTime::now()), of_client(shown)),
            _ => (Verification::None, None),
        }
    }
}

/// The certificates of a server with their keys.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl Certificates {
    /// Reads the files; those with keys of ECDSA and Ed25519, which sign faster, are first.
    fn load(settings: &ServerTls, provider: &CryptoProvider) -> Result<Self, Fault> {
        let mut keys = Vec::new();
        for (certificate, key) in &settings.certificates {
            keys.push(Arc::new(certified_key(certificate, key, provider)?));
        }
        keys.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
        Ok(Self(keys))
    }
}

/// Chooses the first one with which something can be signed that the client understands. If there is none, rustls says so.
impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let suits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        self.0.iter().find(suits).or(self.0.first()).cloned()
    }
}

fn certified_key(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, Fault> {
    let chain = files::certificates(CERTIFICATE, certificate)?;
    let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
    if bytes > MAX_CHAIN {
        let why = format!(
            "{} certificates of {bytes} bytes, and clients take {MAX_CHAIN} at most: only the own one and those of its \
             authorities belong here",
            chain.len()
        );
        return Err(Fault::of(CERTIFICATE, certificate, &why));
    }
    let der = files::private_key(KEY, key)?;
    for (number, other) in (1..).zip(&chain) {
        if let Err(error) = ParsedCertificate::try_from(other).map(|_| ())
            && let Some(why) = fault_of(&error, number)
        {
            return Err(Fault::of(CERTIFICATE, certificate, &why));
        }
    }
    let signing = provider
        .key_provider
        .load_private_key(der)
        .map_err(|_| Fault::of(KEY, key, &unusable(chain.first())))?;
    if !chain.first().is_some_and(|own| fits(own, &signing)) {
        let is_behind = chain.iter().skip(1).any(|other| fits(other, &signing));
        let why = match is_behind {
            true => "its own certificate has to be the first one in the file, before those of authorities"
                .to_owned(),
            false => format!("the key in {} is that of another certificate", key.display()),
        };
        return Err(Fault::of(CERTIFICATE, certificate, &why));
    }
    Ok(CertifiedKey::new(chain, signing))
}

/// What is wrong with a certificate of a chain. One of version 1 serves clients that do not look at names.
fn fault_of(error: &Error, number: usize) -> Option<String> {
    match (error, number) {
        (Error::InvalidCertificate(CertificateError::Other(other)), _)
            if other.to_string() == "UnsupportedCertVersion" =>
        {
            None
        }
        (_, 1) => Some(format!("the certificate cannot be read ({error})")),
        (_, number) => Some(format!("certificate {number} in the file cannot be read ({error})")),
    }
}

/// Whether a key is that of a certificate.
fn fits(certificate: &CertificateDer<'_>, key: &Arc<dyn SigningKey>) -> bool {
    let own = Certificate::read(certificate).map(|certificate| certificate.public_key);
    own.is_some_and(|own| key.public_key().is_none_or(|key| *key == *own))
}

/// Why a key cannot be used that has been read from its file.
fn unusable(certificate: Option<&CertificateDer<'_>>) -> String {
    let kind = certificate.and_then(|der| Certificate::read(der)).map(|certificate| certificate.key);
    match kind {
        Some(KeyKind::Rsa(bits)) if !(2048..=4096).contains(&bits) => {
            format!("an RSA key of {bits} bits cannot be used: it has to have 2048 to 4096")
        }
        Some(KeyKind::Other) => "a key of this kind cannot be used: take ECDSA with P-256 or P-384 \
             (\"openssl ecparam -name prime256v1 -genkey\"), Ed25519, or RSA"
            .to_owned(),
        _ => "the key is broken".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, HandshakeKind, NamedGroup};

    use super::*;
    use crate::engine::{ClientVerification, SessionCache, VerificationMode};
    use crate::net::tls::certificates::made::{Maker, chain, client, settings, shake_hands};

    const TLS12_RSA: &str = "ECDHE-RSA-AES128-GCM-SHA256";
    const TLS12_ECDSA: &str = "ECDHE-ECDSA-AES128-GCM-SHA256";
    const TLS13: &str = "TLS_AES_128_GCM_SHA256";

    #[test]
    fn of_certificates_side_by_side_a_client_gets_one_that_it_understands_ecdsa_before_rsa() {
        let maker = Maker::new();
        let (rsa, ecdsa) = (maker.make("rsa", &["-newkey", "rsa:2048"]), maker.make("ecdsa", &[]));
        let server = TlsServer::load(&settings(&[&rsa, &ecdsa])).unwrap();
        for (suites, expected) in
            [(&[][..], &ecdsa), (&[TLS12_RSA], &rsa), (&[TLS12_ECDSA], &ecdsa), (&[TLS13], &ecdsa)]
        {
            let (_, client) = shake_hands(&server, &Arc::new(client(suites, None))).unwrap();
            assert_eq!(client.peer_certificates(), Some(&chain(expected)[..]), "{suites:?}");
        }
        let only_rsa = TlsServer::load(&settings(&[&rsa])).unwrap();
        assert!(shake_hands(&only_rsa, &Arc::new(client(&[TLS12_ECDSA], None))).is_err());
    }

    #[test]
    fn versions_suites_and_curves_are_those_of_the_settings() {
        let maker = Maker::new();
        let mut settings = settings(&[&maker.make("a", &[])]);
        settings.suites = vec!["ECDHE-ECDSA-CHACHA20-POLY1305", TLS12_ECDSA];
        settings.prefers_own = true;
        settings.curves = vec!["secp384r1"];
        let both = [TLS12_ECDSA, settings.suites[0]];
        let server = TlsServer::load(&settings).unwrap();
        let (found, _) = shake_hands(&server, &Arc::new(client(&both, None))).unwrap();
        let suite = names::name_of_suite(found.negotiated_cipher_suite().unwrap().suite());
        assert_eq!(suite, settings.suites[0]);
        assert_eq!(found.negotiated_key_exchange_group().unwrap().name(), NamedGroup::secp384r1);
        settings.versions.tls13 = false;
        let server = TlsServer::load(&settings).unwrap();
        assert!(shake_hands(&server, &Arc::new(client(&[TLS13], None))).is_err());
        settings.versions = crate::engine::TlsVersions { tls12: false, tls13: true };
        let server = TlsServer::load(&settings).unwrap();
        assert!(shake_hands(&server, &Arc::new(client(&both, None))).is_err());
    }

    #[test]
    fn http_agrees_on_http_1_1_and_refuses_who_offers_others_only() {
        let maker = Maker::new();
        let pair = maker.make("a", &[]);
        let server = TlsServer::load(&settings(&[&pair])).unwrap();
        let offering = |names: &[&str]| {
            let mut client = client(&[], None);
            client.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            shake_hands(&server, &Arc::new(client))
        };
        for (offered, expected) in [(&["h2", "http/1.1"][..], Some(HTTP[0])), (&[], None)] {
            let (found, _) = offering(offered).unwrap();
            assert_eq!(found.alpn_protocol(), expected);
        }
        assert_eq!(offering(&["h2"]).map(|_| ()), Err(Error::NoApplicationProtocol));
        let rtmps = ServerTls { protocol: Protocol::Rtmp, ..settings(&[&pair]) };
        let mut client = client(&[], None);
        client.alpn_protocols = vec![b"rtmp".to_vec()];
        let (found, _) = shake_hands(&TlsServer::load(&rtmps).unwrap(), &Arc::new(client)).unwrap();
        assert_eq!(found.alpn_protocol(), None);
    }

    /// How the second handshake of a client is made, and how many tickets it has had in TLS 1.3.
    fn second(servers: [&TlsServer; 2], client: &Arc<ClientConfig>) -> (HandshakeKind, u32) {
        let (_, first) = shake_hands(servers[0], client).unwrap();
        let (second, _) = shake_hands(servers[1], client).unwrap();
        (second.handshake_kind().unwrap(), first.tls13_tickets_received())
    }

    #[test]
    fn handshakes_are_shortened_by_tickets_or_by_the_cache_and_encoders_get_no_tickets() {
        let maker = Maker::new();
        let pair = maker.make("a", &[]);
        let (resumed, full) = (HandshakeKind::Resumed, HandshakeKind::Full);
        let (http, rtmp) = (Protocol::Http, Protocol::Rtmp);
        let (none, some) = (SessionCache::None, SessionCache::Entries(100));
        for (protocol, tickets, cache, tls12, tls13) in [
            (http, true, none, resumed, (resumed, 1)),
            (http, true, some, resumed, (resumed, 1)),
            (http, false, some, resumed, (resumed, 1)),
            (http, false, none, full, (full, 0)),
            (rtmp, false, some, resumed, (full, 0)),
            (rtmp, false, none, full, (full, 0)),
            (rtmp, true, none, resumed, (resumed, 1)),
        ] {
            let settings = ServerTls { protocol, tickets, cache, ..settings(&[&pair]) };
            let server = TlsServer::load(&settings).unwrap();
            let shown = (protocol, tickets, cache);
            assert_eq!(
                second([&server; 2], &Arc::new(client(&[TLS12_ECDSA], None))),
                (tls12, 0),
                "{shown:?}"
            );
            assert_eq!(second([&server; 2], &Arc::new(client(&[TLS13], None))), tls13, "{shown:?}");
        }
    }

    #[test]
    fn a_renewed_certificate_keeps_handshakes_short_unless_other_authorities_are_trusted() {
        let maker = Maker::new();
        let (pair, authority) = (maker.make("a", &[]), maker.authority("authority"));
        let mut settings = settings(&[&pair]);
        let authorities = Some(authority.certificate.clone());
        settings.clients = ClientVerification { mode: VerificationMode::On, authorities, depth: 1 };
        let client = Arc::new(client(&[], Some(&maker.signed(&authority, "client", &[]))));
        let before = TlsServer::load(&settings).unwrap();
        maker.make("a", &[]);
        let after = TlsServer::load_after(&settings, Some(&before)).unwrap();
        assert_eq!(second([&before, &after], &client).0, HandshakeKind::Resumed);
        maker.authority("authority");
        let later = TlsServer::load_after(&settings, Some(&after)).unwrap();
        assert_eq!(second([&after, &later], &client).0, HandshakeKind::Full);
    }

    #[test]
    fn a_client_is_known_after_the_handshake_and_after_a_short_one() {
        let maker = Maker::new();
        let (pair, authority) = (maker.make("a", &[]), maker.authority("authority"));
        let own = maker.signed(&authority, "client", &[]);
        let mut settings = settings(&[&pair]);
        let authorities = Some(authority.certificate.clone());
        settings.clients = ClientVerification { mode: VerificationMode::On, authorities, depth: 1 };
        let server = TlsServer::load(&settings).unwrap();
        for suite in [TLS12_ECDSA, TLS13] {
            let known = Arc::new(client(&[suite], Some(&own)));
            for _ in 0..2 {
                let (found, _) = shake_hands(&server, &known).unwrap();
                let (verification, certificate) = server.client(found.peer_certificates());
                assert_eq!(verification, Verification::Success);
                assert_eq!(&*certificate.unwrap().subject, "CN=client");
            }
            let stranger = Arc::new(client(&[suite], None));
            let (found, _) = shake_hands(&server, &stranger).unwrap();
            assert_eq!(server.client(found.peer_certificates()), (Verification::None, None));
            let liar = Arc::new(client(&[suite], Some(&pair)));
            let (found, _) = shake_hands(&server, &liar).unwrap();
            let (verification, _) = server.client(found.peer_certificates());
            assert_eq!(verification, Verification::Untrusted("self-signed certificate".into()));
        }
    }
}

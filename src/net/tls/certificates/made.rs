//! Certificates that the command openssl makes, for tests, and handshakes in memory.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, Error, ServerConnection};

use super::files::{certificates, private_key};
use crate::engine::{ClientVerification, Protocol, ServerTls, SessionCache, TlsVersions, VerificationMode};
use crate::net::tls::names;
use crate::net::tls::server::TlsServer;
use crate::net::tls::verifier::AnyCertificate;
use crate::test_folder::Folder;

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A folder for them.
pub struct Maker(pub Folder);

impl Maker {
    pub fn new() -> Self {
        let folder = Folder::new();
        folder.write("openssl.cnf", "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = test\n");
        Self(folder)
    }

    /// Makes a certificate: one of P-256 that has signed itself and has two days, unless the options say otherwise.
    pub fn make(&self, name: &str, options: &[&str]) -> Pair {
        let file = |ending: &str| self.0.join(format!("{name}.{ending}"));
        let pair = Pair { certificate: file("pem"), key: file("key") };
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-config"]).arg(self.0.join("openssl.cnf"));
        command.arg("-out").arg(&pair.certificate).arg("-keyout").arg(&pair.key);
        for (option, usual) in [
            ("-newkey", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"][..]),
            ("-days", &["-days", "2"]),
            ("-subj", &["-subj", &format!("/CN={name}")]),
        ] {
            if !options.contains(&option) {
                command.args(usual);
            }
        }
        // With an extension it is of version 3.
        command.args(["-addext", "subjectKeyIdentifier=hash"]);
        let made = command.args(options).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        pair
    }

    pub fn authority(&self, name: &str) -> Pair {
        self.make(name, &["-addext", "basicConstraints=critical,CA:TRUE"])
    }

    /// Makes a certificate that another one has signed; its names are DNS names.
    pub fn signed(&self, by: &Pair, name: &str, options: &[&str]) -> Pair {
        let (certificate, key) = (by.certificate.to_str().unwrap(), by.key.to_str().unwrap());
        let usual = ["-CA", certificate, "-CAkey", key, "-addext", "basicConstraints=critical,CA:FALSE"];
        self.make(name, &[&usual[..], options].concat())
    }
}

/// Settings of a server of HTTP with these certificates.
pub fn settings(pairs: &[&Pair]) -> ServerTls {
    ServerTls {
        protocol: Protocol::Http,
        certificates: pairs.iter().map(|pair| (pair.certificate.clone(), pair.key.clone())).collect(),
        versions: TlsVersions { tls12: true, tls13: true },
        suites: Vec::new(),
        prefers_own: false,
        curves: Vec::new(),
        cache: SessionCache::None,
        timeout: Duration::from_secs(300),
        tickets: true,
        clients: ClientVerification { mode: VerificationMode::Off, authorities: None, depth: 1 },
        rejects: false,
    }
}

/// A client that takes every certificate, offers these suites (all if there are none), and has a certificate if one is
/// given.
pub fn client(suites: &[&str], own: Option<&Pair>) -> ClientConfig {
    let mut provider = names::provider(&[], &[]);
    provider
        .cipher_suites
        .retain(|suite| suites.is_empty() || suites.contains(&names::name_of_suite(suite.suite())));
    let provider = Arc::new(provider);
    let is_usable = |version: &&'static rustls::SupportedProtocolVersion| {
        provider.cipher_suites.iter().any(|suite| suite.version() == *version)
    };
    let versions: Vec<_> = rustls::ALL_VERSIONS.iter().copied().filter(is_usable).collect();
    let verifier = Arc::new(AnyCertificate::new(&provider));
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions).unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = certificates("", &own.certificate).unwrap();
            builder.with_client_auth_cert(chain, private_key("", &own.key).unwrap()).unwrap()
        }
    };
    config.resumption = Resumption::in_memory_sessions(8);
    config
}

/// Both sides of a handshake that is complete.
pub fn shake_hands(
    server: &TlsServer,
    client: &Arc<ClientConfig>,
) -> Result<(ServerConnection, ClientConnection), Error> {
    let name = ServerName::try_from("a.example").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &hello[..]).unwrap();
    let accepted = acceptor.accept().map_err(|(error, _)| error)?.unwrap();
    let mut server = accepted.into_connection(server.config()).map_err(|(error, _)| error)?;
    // Tickets come behind the handshake.
    for _ in 0..4 {
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets()?;
        bytes.clear();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok((server, client))
}

/// The certificates of a file.
pub fn chain(pair: &Pair) -> Vec<CertificateDer<'static>> {
    certificates("", &pair.certificate).unwrap()
}

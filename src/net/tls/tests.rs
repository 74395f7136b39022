//! Encrypted connections over real sockets, with certificates that the command openssl makes.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::client::TlsClient;
use super::stream::{RECORD, TlsStream};
use crate::engine::{ClientTls, Destination};
use crate::net::connecting::tests::result_of;
use crate::test_folder::Folder;

/// The other end, as a stream that blocks.
type Peer = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A certificate and its key, as files.
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

/// An authority and a certificate for localhost that it has signed, in a folder.
struct Certificates {
    folder: Folder,
    authority: Certificate,
    localhost: Certificate,
}

impl Certificates {
    fn new() -> Self {
        let folder = Folder::new();
        folder.write("openssl.cnf", "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = test\n");
        let authority = make(&folder, "authority", &["-addext", "basicConstraints=critical,CA:TRUE"]);
        let localhost = signed(&folder, &authority, "localhost", "DNS:localhost,IP:127.0.0.1");
        Self { folder, authority, localhost }
    }

    fn trusting(&self) -> ClientTls {
        trusting(&self.authority.certificate)
    }
}

fn trusting(file: &Path) -> ClientTls {
    ClientTls { verify: true, trusted: Some(file.to_owned()), certificate: None, fingerprint: None }
}

/// Makes a certificate: one that has signed itself, unless the options say otherwise.
fn make(folder: &Path, name: &str, options: &[&str]) -> Certificate {
    let file = |ending: &str| folder.join(format!("{name}.{ending}"));
    let (certificate, key) = (file("pem"), file("key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", &format!("/CN={name}"), "-config"])
        .arg(folder.join("openssl.cnf"))
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .args(options)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Certificate { certificate, key }
}

fn signed(folder: &Path, by: &Certificate, name: &str, names: &str) -> Certificate {
    let (certificate, key) = (by.certificate.to_str().unwrap(), by.key.to_str().unwrap());
    let names = format!("subjectAltName={names}");
    make(folder, name, &["-CA", certificate, "-CAkey", key, "-addext", &names])
}

/// The settings of a server; `clients` is the file with which certificates of clients are verified, if they must have one.
fn server_config(own: &Certificate, clients: Option<&Path>) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(&own.certificate).unwrap().map(Result::unwrap).collect();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    Arc::new(builder.with_single_cert(chain, PrivateKeyDer::from_pem_file(&own.key).unwrap()).unwrap())
}

/// A server that serves one connection; returns its port.
fn serve(config: Arc<ServerConfig>, serve: impl FnOnce(&mut Peer) -> io::Result<()> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let mut peer = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        // The client tells what has gone wrong.
        let _ = serve(&mut peer);
    });
    port
}

fn answer(peer: &mut Peer) -> io::Result<()> {
    assert!(peer.read(&mut [0; 1000])? > 0);
    peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")?;
    peer.conn.send_close_notify();
    peer.flush()
}

/// Repeats what would block.
fn wait<T>(mut what: impl FnMut() -> io::Result<Option<T>>) -> io::Result<T> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match what() {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(error) => return Err(error),
        }
        assert!(Instant::now() < end, "nothing has come");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Connects and shakes hands.
fn connect(client: &TlsClient, host: &str, port: u16) -> io::Result<TlsStream> {
    let tcp = TcpStream::connect(([127, 0, 0, 1], port).into())?;
    let mut stream = TlsStream::client(tcp, client, host).map_err(io::Error::other)?;
    wait(|| stream.tcp().peer_addr().map(Some))?;
    wait(|| Ok(stream.shake_hands()?.then_some(())))?;
    Ok(stream)
}

fn read_all(stream: &mut TlsStream) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 5000]);
    loop {
        match wait(|| stream.read(&mut buffer).map(Some))? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn encrypted(host: &str, port: u16, settings: ClientTls) -> Destination {
    Destination { host: host.to_owned(), port, tls: Some(Arc::new(settings)), bind: None }
}

#[test]
fn a_call_over_tls_is_answered() {
    let made = Certificates::new();
    let config = server_config(&made.localhost, None);
    let no_one_verified = ClientTls { verify: false, trusted: None, certificate: None, fingerprint: None };
    for (host, settings) in
        [("localhost", made.trusting()), ("127.0.0.1", made.trusting()), ("127.0.0.1", no_one_verified)]
    {
        let port = serve(Arc::clone(&config), answer);
        assert_eq!(result_of(encrypted(host, port, settings)), "200 hello", "{host}");
    }
}

#[test]
fn a_pinned_certificate_is_taken_whatever_is_in_it_and_no_other() {
    let made = Certificates::new();
    let config = server_config(&made.localhost, None);
    let text = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&made.localhost.certificate)
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    let digits: Vec<_> = text.trim().rsplit('=').next().unwrap().split(':').collect();
    let fingerprint: Vec<_> = digits.iter().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let pin = |fingerprint| ClientTls {
        fingerprint: Some(fingerprint),
        verify: true,
        trusted: None,
        certificate: None,
    };
    let mut right: [u8; 32] = fingerprint.try_into().unwrap();
    let port = serve(Arc::clone(&config), answer);
    assert_eq!(result_of(encrypted("127.0.0.1", port, pin(right))), "200 hello");
    right[31] ^= 1;
    let port = serve(config, answer);
    let why = result_of(encrypted("127.0.0.1", port, pin(right)));
    assert_eq!(why, "its certificate is another one than that of fingerprint");
}

#[test]
fn a_server_that_is_not_trusted_and_files_that_cannot_be_used_are_named() {
    let made = Certificates::new();
    let (folder, config) = (&made.folder, server_config(&made.localhost, None));
    let other = make(folder, "other", &["-addext", "basicConstraints=critical,CA:TRUE"]);
    let result = |host: &str, settings| {
        let port = serve(Arc::clone(&config), answer);
        result_of(encrypted(host, port, settings))
    };
    assert_eq!(
        result("localhost", trusting(&other.certificate)),
        "its certificate is signed by nobody who is trusted (ssl_trusted_certificate)"
    );
    let (missing, empty) = (folder.join("none.pem"), folder.write("empty.pem", "no certificate"));
    let why = result("localhost", trusting(&missing));
    assert!(
        why.starts_with(&format!("ssl_trusted_certificate {}: No such file", missing.display())),
        "{why}"
    );
    assert_eq!(
        result("localhost", trusting(&empty)),
        format!("ssl_trusted_certificate {}: no certificate in it", empty.display())
    );
    let own = |certificate: &Path, key: &Path| ClientTls {
        certificate: Some((certificate.to_owned(), key.to_owned())),
        ..made.trusting()
    };
    assert_eq!(
        result("localhost", own(&other.certificate, &empty)),
        format!("netcall_ssl_certificate_key {}: no key in it", empty.display())
    );
    assert_eq!(
        result("localhost", own(&other.certificate, &made.localhost.key)),
        format!(
            "netcall_ssl_certificate {}: the key is that of another certificate",
            other.certificate.display()
        )
    );
}

#[test]
fn a_server_without_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let _ = tcp.read(&mut [0; 1000]);
        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = tcp.read(&mut [0; 1000]);
    });
    let settings = ClientTls { verify: false, trusted: None, certificate: None, fingerprint: None };
    assert_eq!(result_of(encrypted("127.0.0.1", port, settings)), "it does not speak TLS");
}

#[test]
fn a_certificate_is_taken_for_its_names_and_until_it_expires() {
    let made = Certificates::new();
    let foreign = signed(&made.folder, &made.authority, "foreign", "DNS:foreign.example");
    let (by, key) = (made.authority.certificate.to_str().unwrap(), made.authority.key.to_str().unwrap());
    let options = ["-CA", by, "-CAkey", key, "-addext", "basicConstraints=critical,CA:FALSE"];
    let nameless = make(&made.folder, "nameless", &options);
    let client = TlsClient::load(&made.trusting()).unwrap();
    let error = |own: &Certificate, client: &TlsClient| {
        connect(client, "localhost", serve(server_config(own, None), answer)).unwrap_err().to_string()
    };
    assert_eq!(error(&foreign, &client), "its certificate is for another name than localhost");
    assert_eq!(error(&nameless, &client), "its certificate has no names (subjectAltName)");
    assert_eq!(error(&made.localhost, &at(&client, 3)), "its certificate has expired");
}

/// A client whose clock is some days ahead.
fn at(client: &TlsClient, days: u64) -> TlsClient {
    #[derive(Debug)]
    struct Ahead(Duration);
    impl TimeProvider for Ahead {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + self.0))
        }
    }
    let mut config = (*client.0).clone();
    config.time_provider = Arc::new(Ahead(Duration::from_secs(days * 86_400)));
    TlsClient(Arc::new(config))
}

#[test]
fn a_certificate_that_is_itself_trusted_is_taken_also_if_it_may_sign_others() {
    let made = Certificates::new();
    for (name, constraint) in [("own-ca", "CA:TRUE"), ("own", "CA:FALSE")] {
        let constraint = format!("basicConstraints=critical,{constraint}");
        let options = ["-addext", "subjectAltName=DNS:localhost", "-addext", &constraint];
        let own = make(&made.folder, name, &options);
        let config = server_config(&own, None);
        let client = TlsClient::load(&trusting(&own.certificate)).unwrap();
        let connect = |client: &TlsClient, host: &str| {
            connect(client, host, serve(Arc::clone(&config), answer))
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        assert_eq!(connect(&client, "localhost"), Ok(()), "{name}");
        assert_eq!(connect(&at(&client, 3), "localhost"), Err("its certificate has expired".into()));
        let why = connect(&client, "other.example").unwrap_err();
        assert_eq!(why, "its certificate is for another name than other.example");
        assert!(connect(&TlsClient::load(&made.trusting()).unwrap(), "localhost").is_err());
    }
}

#[test]
fn a_client_shows_its_certificate_to_a_server_that_wants_one() {
    let made = Certificates::new();
    let own = signed(&made.folder, &made.authority, "client", "DNS:client.example");
    let config = server_config(&made.localhost, Some(&made.authority.certificate));
    let with = ClientTls { certificate: Some((own.certificate, own.key)), ..made.trusting() };
    assert_eq!(result_of(encrypted("localhost", serve(Arc::clone(&config), answer), with)), "200 hello");
    let why = result_of(encrypted("localhost", serve(config, answer), made.trusting()));
    assert!(why.starts_with("it refuses the certificate of this server, or wants one ("), "{why}");
}

#[test]
fn a_peer_that_sends_records_without_data_does_not_hold_up_the_loop() {
    let made = Certificates::new();
    let client = TlsClient::load(&made.trusting()).unwrap();
    for (tickets, is_too_much) in [(100, false), (10_000, true)] {
        let mut config = ServerConfig::clone(&server_config(&made.localhost, None));
        config.send_tls13_tickets = tickets;
        let port = serve(Arc::new(config), answer);
        // Some come with the end of the handshake.
        let result = connect(&client, "localhost", port).and_then(|mut stream| {
            stream.write_all(b"GET")?;
            read_all(&mut stream)
        });
        match result {
            Ok(all) => assert!(!is_too_much && all.ends_with(b"hello")),
            // rustls has a limit of its own for what has not been processed.
            Err(error) => assert!(is_too_much, "{error}"),
        }
    }
}

#[test]
fn an_end_that_is_not_announced_is_told_apart() {
    let made = Certificates::new();
    let client = TlsClient::load(&made.trusting()).unwrap();
    let config = server_config(&made.localhost, None);
    let port = serve(Arc::clone(&config), answer);
    let mut stream = connect(&client, "localhost", port).unwrap();
    stream.write_all(b"GET").unwrap();
    assert!(read_all(&mut stream).unwrap().ends_with(b"hello"));
    let port = serve(config, |peer| {
        peer.write_all(b"hel")?;
        peer.flush()
    });
    let mut stream = connect(&client, "localhost", port).unwrap();
    assert_eq!(read_all(&mut stream).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn data_in_front_of_a_broken_record_is_read_before_the_error() {
    let made = Certificates::new();
    let client = TlsClient::load(&made.trusting()).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let port = serve(server_config(&made.localhost, None), move |peer| {
        assert!(peer.read(&mut [0; 10])? > 0);
        for size in [5000, 16_000, 300] {
            peer.write_all(&vec![7; size])?;
            peer.flush()?;
        }
        peer.sock.write_all(&[
            0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ])?;
        tell.send(()).unwrap();
        peer.read(&mut [0; 10]).map(drop)
    });
    let mut stream = connect(&client, "localhost", port).unwrap();
    stream.write_all(b"GET").unwrap();
    told.recv().unwrap();
    let (mut buffer, mut total) = (vec![0; 64 * 1024], 0);
    let error = loop {
        match wait(|| stream.read(&mut buffer).map(Some)) {
            Ok(count) => total += count,
            Err(error) => break error,
        }
    };
    assert_eq!((total, error.kind()), (21_300, ErrorKind::InvalidData), "{error}");
}

#[test]
fn what_the_socket_does_not_take_is_not_encrypted_and_all_arrives_behind_a_shutdown() {
    let made = Certificates::new();
    let client = TlsClient::load(&made.trusting()).unwrap();
    let (may_read, hear) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let port = serve(server_config(&made.localhost, None), move |peer| {
        while peer.conn.is_handshaking() {
            peer.conn.complete_io(&mut peer.sock)?;
        }
        hear.recv().unwrap();
        let mut all = Vec::new();
        let end = peer.read_to_end(&mut all);
        tell.send((all, end.is_ok())).unwrap();
        Ok(())
    });
    let mut stream = connect(&client, "localhost", port).unwrap();
    let bytes: Vec<_> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut sent = 0;
    loop {
        let slices = [IoSlice::new(&bytes[sent..sent + 10_000]), IoSlice::new(&bytes[sent + 10_000..])];
        match stream.write_vectored(&slices) {
            Ok(count) => {
                assert!((1..=RECORD).contains(&count), "{count}");
                sent += count;
            }
            Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert!(sent < bytes.len() - 20_000);
    assert_eq!(stream.write(&bytes[sent..]).unwrap_err().kind(), ErrorKind::WouldBlock);
    may_read.send(()).unwrap();
    while sent < bytes.len() {
        sent += wait(|| stream.write(&bytes[sent..]).map(Some)).unwrap();
    }
    stream.shut_down_write().unwrap();
    wait(|| stream.send_unsent().map(Some)).unwrap();
    let (all, is_announced) = told.recv().unwrap();
    assert!(all == bytes && is_announced);
}

//! Certificates for servers, backends and clients, made anew by `openssl` for each test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::{Folder, stderr};

/// An authority, and what it has signed. Each key is in a file beside its certificate that ends with `.key`.
pub struct Certificates {
    folder: Folder,
}

/// What a key is made of, in the words of `openssl req`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    P256,
    Rsa2048,
}

impl Key {
    fn options(self) -> &'static str {
        match self {
            Self::P256 => "-newkey ec -pkeyopt ec_paramgen_curve:P-256",
            Self::Rsa2048 => "-newkey rsa:2048",
        }
    }
}

/// A certificate that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its `CN`, and the name of its files.
    pub name: &'a str,
    /// Whom it is for, as in `DNS:localhost,IP:127.0.0.1`.
    pub subjects: &'a str,
    /// From when to when, in the form of `openssl ca`.
    pub time: [&'a str; 2],
    pub key: Key,
    /// Who signs it: `ca`, or an authority of [`Certificates::intermediate`].
    pub by: &'a str,
}

/// A time that does not end in these tests.
pub const VALID: [&str; 2] = ["20200101000000Z", "20991231000000Z"];

/// A time that is over.
pub const EXPIRED: [&str; 2] = ["20200101000000Z", "20210101000000Z"];

impl<'a> Wanted<'a> {
    /// One with an ECDSA key that the authority itself signs, valid now.
    pub fn new(name: &'a str, subjects: &'a str) -> Self {
        Self { name, subjects, time: VALID, key: Key::P256, by: "ca" }
    }
}

/// What `openssl ca` has to know.
const SETTINGS: &str = "
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
";

/// This machine.
pub const HERE: &str = "DNS:localhost,IP:127.0.0.1";

/// The name of a certificate, the names and addresses that it is for, and its time.
const SIGNED: [(&str, &str, [&str; 2]); 4] = [
    ("server", HERE, VALID),
    ("expired", HERE, EXPIRED),
    ("other", "DNS:other.example", VALID),
    ("client", "DNS:client.example", VALID),
];

impl Certificates {
    /// An authority that has signed nothing yet.
    pub fn empty() -> Self {
        let made = Self { folder: Folder::new() };
        made.folder.write("openssl.cnf", SETTINGS);
        made.folder.write("index.txt", "");
        made.folder.write("serial", "01\n");
        made.openssl(&format!(
            "req -config openssl.cnf -x509 {} -nodes -days 3650 -subj /CN=test-ca -keyout ca.key -out ca.pem
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign",
            Key::P256.options()
        ));
        made
    }

    /// Makes the authority and `server`, `expired`, `other` and `client`.
    pub fn make() -> Self {
        let made = Self::empty();
        for (name, subjects, time) in SIGNED {
            made.sign(&Wanted { time, ..Wanted::new(name, subjects) });
        }
        made
    }

    /// Signs a certificate. One of the same name is replaced, its key too.
    pub fn sign(&self, wanted: &Wanted) -> PathBuf {
        let usage = "basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth";
        self.issue(wanted, usage)
    }

    /// Has the authority sign another authority, which signs what is [wanted by it](Wanted::by). Clients know the first
    /// alone, so a server has to show the certificate of the second behind its own.
    pub fn intermediate(&self, name: &str) -> PathBuf {
        let usage = "basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign";
        self.issue(&Wanted::new(name, "DNS:authority.example"), usage)
    }

    /// A file with several certificates, in this order, as in the `fullchain.pem` of other programs.
    pub fn chain(&self, names: &[&str]) -> PathBuf {
        let texts = names.iter().map(|name| std::fs::read_to_string(self.certificate(name)).unwrap());
        let text = texts.collect::<String>();
        self.folder.write(&format!("{}-chain.pem", names.join("-")), text)
    }

    fn issue(&self, wanted: &Wanted, usage: &str) -> PathBuf {
        let Wanted { name, subjects, time: [from, to], key, by } = *wanted;
        self.openssl(&format!(
            "req -config openssl.cnf -new {} -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr
             -addext subjectAltName={subjects} -addext {usage}",
            key.options()
        ));
        self.openssl(&format!(
            "ca -config openssl.cnf -batch -notext -cert {by}.pem -keyfile {by}.key -startdate {from} -enddate {to}
             -in {name}.csr -out {name}.pem"
        ));
        self.certificate(name)
    }

    /// The certificate of the authority, which a client is to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate: `server`, for localhost and 127.0.0.1; `expired`, which was for the same; `other`, for
    /// other.example; `client`, for a client that must say who it is.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// The key of one of these.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// The folder of all these files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The two directives that name a certificate and its key in a configuration.
    pub fn directives(&self, name: &str) -> String {
        let (certificate, key) = (self.certificate(name), self.key(name));
        format!("ssl_certificate {}; ssl_certificate_key {};", certificate.display(), key.display())
    }

    /// Runs `openssl` in the folder.
    pub fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(&*self.folder).stdin(Stdio::null());
        let output = command.output().expect("these tests need openssl in the PATH");
        assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    }
}

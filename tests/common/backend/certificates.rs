//! Certificates for a backend with TLS, made anew by `openssl` for each test.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::{Folder, stderr};

/// An authority, and what it has signed. Each key is in a file beside its certificate that ends with `.key`.
pub struct Certificates {
    folder: Folder,
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

/// The name of a certificate, the names and addresses that it is for, and its time in the form of `openssl ca`.
const SIGNED: [(&str, &str, [&str; 2]); 4] = [
    ("server", "DNS:localhost,IP:127.0.0.1", ["20200101000000Z", "20991231000000Z"]),
    ("expired", "DNS:localhost,IP:127.0.0.1", ["20200101000000Z", "20210101000000Z"]),
    ("other", "DNS:other.example", ["20200101000000Z", "20991231000000Z"]),
    ("client", "DNS:client.example", ["20200101000000Z", "20991231000000Z"]),
];

impl Certificates {
    /// Makes them all.
    pub fn make() -> Self {
        let made = Self { folder: Folder::new() };
        made.folder.write("openssl.cnf", SETTINGS);
        made.folder.write("index.txt", "");
        made.folder.write("serial", "01\n");
        made.openssl(
            "req -config openssl.cnf -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650
             -subj /CN=test-ca -keyout ca.key -out ca.pem -addext basicConstraints=critical,CA:TRUE
             -addext keyUsage=keyCertSign,cRLSign",
        );
        for (name, subject, [from, to]) in SIGNED {
            made.openssl(&format!(
                "req -config openssl.cnf -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name}
                 -keyout {name}.key -out {name}.csr -addext subjectAltName={subject}
                 -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth,clientAuth"
            ));
            made.openssl(&format!(
                "ca -config openssl.cnf -batch -notext -cert ca.pem -keyfile ca.key -startdate {from} -enddate {to}
                 -in {name}.csr -out {name}.pem"
            ));
        }
        made
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

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(&*self.folder).stdin(Stdio::null());
        let output = command.output().expect("these tests need openssl in the PATH");
        assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    }
}

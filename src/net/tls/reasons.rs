//! Errors of TLS in words for the log, about the other end ("its certificate has expired").

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Says what is wrong; what is rare, in the words of rustls.
pub fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => describe_certificate(error),
        Error::AlertReceived(alert) => describe_alert(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "it does not speak TLS".to_owned(),
        Error::PeerIncompatible(why) => {
            format!("it has no version or cipher of TLS in common with this server ({why:?})")
        }
        Error::InconsistentKeys(_) => "the key is that of another certificate".to_owned(),
        error => format!("TLS: {error}"),
    }
}

/// The same of a client of this server.
pub fn describe_client(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is signed by nobody who is trusted (ssl_client_certificate)".to_owned()
        }
        Error::InvalidCertificate(error) if is_of_version_1(error) => {
            "its certificate is of version 1, which is not taken: it has to be signed with an extension \
             (openssl x509 -req ... -extfile FILE, or openssl req -x509 -addext ...)"
                .to_owned()
        }
        Error::InvalidCertificate(error) => describe_certificate(error),
        Error::NoApplicationProtocol => {
            "it speaks none of the protocols of HTTP that are here (ALPN)".to_owned()
        }
        Error::NoCertificatesPresented => "it shows no certificate (ssl_verify_client)".to_owned(),
        Error::AlertReceived(alert) if is_about_certificate(*alert) => {
            format!("it refuses the certificate of this server ({alert:?})")
        }
        Error::AlertReceived(alert) => format!("it ends the handshake ({alert:?})"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "it does not speak TLS".to_owned(),
        Error::InvalidMessage(why) => format!("it sends what is no TLS ({why:?})"),
        Error::PeerIncompatible(why) => describe_difference(why),
        Error::PeerMisbehaved(why) => format!("it breaks the rules of TLS ({why:?})"),
        Error::PeerSentOversizedRecord => "it sends a record that is too long".to_owned(),
        Error::DecryptError => "it sends a record that cannot be decrypted".to_owned(),
        error => format!("TLS: {error}"),
    }
}

fn is_of_version_1(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.to_string() == "UnsupportedCertVersion")
}

fn describe_difference(why: &PeerIncompatible) -> String {
    let what = match why {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        | PeerIncompatible::SupportedVersionsExtensionRequired => "version (ssl_protocols)",
        PeerIncompatible::NoCipherSuitesInCommon => "suite (ssl_ciphers)",
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "curve (ssl_ecdh_curve)"
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => "kind of signature",
        why => return format!("it has too little of TLS in common with this server ({why:?})"),
    };
    format!("it has no {what} in common with this server")
}

fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
    )
}

fn describe_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: are the clocks right?".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted (ssl_trusted_certificate)".to_owned()
        }
        CertificateError::ApplicationVerificationFailure => {
            "its certificate is another one than that of fingerprint".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "its certificate has no names (subjectAltName)".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("its certificate is for another name than {}", expected.to_str())
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::Revoked => "its certificate has been revoked".to_owned(),
        // Theirs would be bytes of the certificate.
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed in a way that is not known here".to_owned()
        }
        error if is_of_version_1(error) => "its certificate is of version 1, which has no names".to_owned(),
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "its certificate is signed by nobody who is trusted: it is one of an authority, mostly of its own \
                 (ssl_trusted_certificate, or fingerprint= of a relay)"
                    .to_owned()
            }
            other => format!("its certificate is refused ({other})"),
        },
        error => format!("its certificate is refused ({error})"),
    }
}

fn describe_alert(alert: AlertDescription) -> String {
    match alert {
        alert if alert == AlertDescription::CertificateRequired || is_about_certificate(alert) => {
            format!(
                "it refuses the certificate of this server, or wants one ({alert:?}; netcall_ssl_certificate)"
            )
        }
        AlertDescription::UnrecognisedName => "it does not know the name (UnrecognisedName)".to_owned(),
        alert => format!("it refuses the TLS connection ({alert:?})"),
    }
}

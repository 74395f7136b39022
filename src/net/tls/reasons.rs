//! Errors of TLS in words for the log, about the other end ("its certificate has expired").

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

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

fn describe_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: are the clocks right?".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted (ssl_trusted_certificate)".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "its certificate has no names (subjectAltName)".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("its certificate is for another name than {}", expected.to_str())
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::Revoked => "its certificate has been revoked".to_owned(),
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "its certificate is that of an authority (CA:TRUE), and not itself trusted (ssl_trusted_certificate)"
                    .to_owned()
            }
            "UnsupportedCertVersion" => "its certificate is of version 1, which has no names".to_owned(),
            other => format!("its certificate is refused ({other})"),
        },
        error => format!("its certificate is refused ({error})"),
    }
}

fn describe_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => {
            format!(
                "it refuses the certificate of this server, or wants one ({alert:?}; netcall_ssl_certificate)"
            )
        }
        AlertDescription::UnrecognisedName => "it does not know the name (UnrecognisedName)".to_owned(),
        alert => format!("it refuses the TLS connection ({alert:?})"),
    }
}

//! What `-t` says about the files of a server of TLS: what is wrong with them, and what will be.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;

use super::{Certificate, KeyKind, date_text, files};
use crate::engine::{Account, ServerTls};
use crate::net::tls::server::{CERTIFICATE, KEY, TlsServer};

/// The days before the end of a certificate in which it is warned of: who renews does so 30 days before.
const NOTICE_DAYS: i64 = 14;
/// The bits of a key of RSA beyond which signing is slow.
const FAST_RSA: usize = 2048;
/// The names that a message shows.
const SHOWN_NAMES: usize = 4;

/// The result.
#[derive(Debug)]
pub struct Examination {
    /// Why a start would fail.
    pub error: Option<String>,
    /// What is odd.
    pub warnings: Vec<String>,
}

/// Examines the files of a server. `names` are those for which it is found, and `account` is the one that will serve.
pub fn examine_tls(settings: &ServerTls, names: &[String], account: &Account) -> Examination {
    let mut found = Examination { error: TlsServer::load(settings).err(), warnings: Vec::new() };
    let now = jiff::Timestamp::now().to_zoned(TimeZone::UTC).datetime();
    for (certificate, key) in &settings.certificates {
        found.check_chain(certificate, names, now);
        found.check_mode(key);
        found.check_account(CERTIFICATE, certificate, account);
        found.check_account(KEY, key, account);
    }
    if let Some(authorities) = &settings.clients.authorities {
        found.check_account("ssl_client_certificate", authorities, account);
    }
    found
}

impl Examination {
    fn warn(&mut self, directive: &str, path: &Path, why: &str) {
        self.warnings.push(files::fault(directive, path, why));
    }

    fn check_chain(&mut self, path: &Path, names: &[String], now: DateTime) {
        // Otherwise this is the error.
        let Ok(chain) = files::certificates(CERTIFICATE, path) else { return };
        let chain: Vec<_> = chain.iter().map(CertificateDer::as_ref).filter_map(Certificate::read).collect();
        let Some((own, others)) = chain.split_first() else { return };
        let warnings = [
            dates_warning(own, now),
            key_warning(own.key),
            names_warning(own, names),
            usage_warning(own),
            chain_warning(own, others),
            others_warning(others, now),
        ];
        for why in warnings.into_iter().flatten() {
            self.warn(CERTIFICATE, path, &why);
        }
    }

    /// Warns of a key that everybody may read.
    fn check_mode(&mut self, path: &Path) {
        let mode = std::fs::metadata(path).map_or(0, |facts| facts.mode() & 0o777);
        if mode & 0o004 != 0 {
            let why = format!(
                "every user of this machine may read the key (mode {mode:o}): \"chmod o-rwx {}\"",
                path.display()
            );
            self.warn(KEY, path, &why);
        }
    }

    /// Warns of a file that only the user of the start may read.
    fn check_account(&mut self, directive: &str, path: &Path, account: &Account) {
        if let (Account::Other { .. }, true, Err(why)) = (account, path.exists(), account.judge_reading(path))
        {
            let why = format!(
                "it is read at the start, but {why}: a renewed one is not used before a restart (let a group of this \
                 user read it)"
            );
            self.warn(directive, path, &why);
        }
    }
}

fn dates_warning(own: &Certificate<'_>, now: DateTime) -> Option<String> {
    let days = own.ends.duration_since(now).as_hours() / 24;
    if own.ends <= now {
        Some(format!("the certificate has expired ({})", date_text(own.ends)))
    } else if days < NOTICE_DAYS {
        let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
        Some(format!("the certificate expires in {days} ({})", date_text(own.ends)))
    } else if own.begins > now {
        Some(format!(
            "the certificate is not valid before {}: is the clock of this machine right?",
            date_text(own.begins)
        ))
    } else {
        None
    }
}

/// Warns of certificates of authorities that are not valid.
pub fn others_warning(others: &[Certificate<'_>], now: DateTime) -> Option<String> {
    let place = others.iter().position(|other| other.ends <= now)?;
    let ends = date_text(others.get(place)?.ends);
    Some(format!("certificate {} in the file, one of an authority, has expired ({ends})", place + 2))
}

/// Warns of certificates that have been made for something else.
fn usage_warning(own: &Certificate<'_>) -> Option<String> {
    let why = if own.is_authority {
        "the certificate is that of an authority (CA:TRUE), which many clients refuse from a server: let it sign another one \
         for the server"
    } else if !own.is_for_servers {
        "the certificate is not for servers (extendedKeyUsage has no serverAuth), so clients refuse it"
    } else {
        return None;
    };
    Some(why.to_owned())
}

fn key_warning(key: KeyKind) -> Option<String> {
    match key {
        KeyKind::Rsa(bits) if bits > FAST_RSA => Some(format!(
            "an RSA key of {bits} bits takes about {} times as long for a handshake as one of {FAST_RSA}, and other streams \
             wait meanwhile: take one of ECDSA (P-256) or of {FAST_RSA} bits",
            // The time grows with the third power.
            (bits / 512).pow(3) / (FAST_RSA / 512).pow(3),
        )),
        _ => None,
    }
}

fn names_warning(own: &Certificate<'_>, names: &[String]) -> Option<String> {
    if own.names.is_empty() {
        return Some(
            "the certificate has no names (subjectAltName), so clients that verify names refuse it"
                .to_owned(),
        );
    }
    // The others are no names that a certificate of an authority could have: localhost, _.
    let missing: Vec<_> =
        names.iter().filter(|name| name.contains('.') && !own.is_for(name)).cloned().collect();
    (!missing.is_empty()).then(|| {
        format!("the certificate is for {}, not for {} (server_name)", listed(&own.names), listed(&missing))
    })
}

fn chain_warning(own: &Certificate<'_>, others: &[Certificate<'_>]) -> Option<String> {
    if others.is_empty() && !own.is_self_signed() && own.tells_of_issuer {
        return Some(format!(
            "there is only the certificate itself in the file, without that of its authority ({}), which many clients need: \
             take the file with the whole chain (fullchain.pem)",
            own.issuer()
        ));
    }
    let chain: Vec<_> = std::iter::once(own).chain(others).collect();
    let place = chain.windows(2).position(|pair| matches!(pair, [one, next] if !one.is_issued_by(next)))?;
    Some(format!(
        "certificate {} in the file has not signed the one before it, so some clients refuse the chain",
        place + 2
    ))
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

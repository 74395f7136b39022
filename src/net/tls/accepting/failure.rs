//! Why the handshake with a client has failed, and the alert by which the client is told.

use std::io::{Read, Write};

use mio::net::TcpStream;
use rustls::{AlertDescription, Error, PeerIncompatible};

use super::offer::Offer;
use crate::net::tls::reasons::describe_client;

/// The alert for a client that speaks only versions of TLS that are too old. rustls reads a hello of those as one of TLS 1.2
/// without what that must have, and says so.
pub const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];
/// The alert for what is no hello.
pub const DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];
/// The alert for a client that names a server which is not here (RFC 6066, section 3).
pub const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The most bytes that are read before a connection is closed.
const UNREAD: usize = 64 * 1024;

/// Sends an alert, as far as there is room, to a client whose connection is closed then. What it has sent is read: a socket
/// with unread bytes is reset, and the alert might be lost.
pub fn send_last(tcp: &mut TcpStream, alert: &[u8]) {
    // The connection is closed in any case.
    let _ = tcp.write(alert);
    let (mut buffer, mut read) = ([0; 4096], 0);
    while read < UNREAD
        && let Ok(count @ 1..) = tcp.read(&mut buffer)
    {
        read += count;
    }
}

/// Why the handshake with a client has failed, for the log: the error, what the hello offers, and the alert in what has been
/// sent to the client.
pub fn explain(error: &Error, hello: &[u8], sent: &[u8]) -> String {
    let offer = Offer::read(hello);
    let alert = match alert_in(sent) {
        alert if alert.is_empty() => alert,
        alert => format!("; alert {alert}"),
    };
    if offer.is_too_old() {
        return format!("its versions of TLS are too old ({offer:#}{alert})");
    }
    let why = match error {
        // rustls looks at the curves first, which are none if all suites are too old to have one.
        Error::PeerIncompatible(
            PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired,
        ) if !offer.has_known_suite() => {
            describe_client(&Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon))
        }
        error => describe_client(error),
    };
    match (why, error) {
        (why, Error::PeerIncompatible(_) | Error::General(_)) => format!("{why} ({offer}{alert})"),
        (why, _) => format!("{why} ({offer:#}{alert})"),
    }
}

/// The name of an alert (RFC 8446, section 6) that is sent without encryption, as a record of its own; "" if there is none.
pub fn alert_in(sent: &[u8]) -> String {
    match sent.last_chunk::<7>() {
        Some([21, _, _, 0, 2, _, alert]) => {
            let alert = AlertDescription::from(*alert);
            alert.as_str().map_or_else(|| format!("{alert:?}"), ToOwned::to_owned)
        }
        _ => String::new(),
    }
}

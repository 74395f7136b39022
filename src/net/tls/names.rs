//! OpenSSL's names of versions, suites and curves, which the configuration, its variables and the log use, for those of
//! rustls.

use std::borrow::Cow;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SupportedCipherSuite};

/// The suites by number (IANA's registry of TLS parameters): those of rustls first, then those that old clients offer.
const SUITES: &[(u16, &str)] = &[
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xcca8, "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0x0004, "RC4-MD5"),
    (0x0005, "RC4-SHA"),
    (0x000a, "DES-CBC3-SHA"),
    (0x002f, "AES128-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x0035, "AES256-SHA"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x003c, "AES128-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0x006b, "DHE-RSA-AES256-SHA256"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
    (0x009f, "DHE-RSA-AES256-GCM-SHA384"),
    (0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0x5600, "TLS_FALLBACK_SCSV"),
    (0xc008, "ECDHE-ECDSA-DES-CBC3-SHA"),
    (0xc009, "ECDHE-ECDSA-AES128-SHA"),
    (0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    (0xc012, "ECDHE-RSA-DES-CBC3-SHA"),
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    (0xc024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc09c, "AES128-CCM"),
    (0xc09d, "AES256-CCM"),
    (0xc0ac, "ECDHE-ECDSA-AES128-CCM"),
    (0xc0ad, "ECDHE-ECDSA-AES256-CCM"),
    (0xccaa, "DHE-RSA-CHACHA20-POLY1305"),
];

/// The curves of rustls by number.
const CURVES: &[(u16, &str)] = &[(0x001d, "X25519"), (0x0017, "prime256v1"), (0x0018, "secp384r1")];

/// Another name of a curve, which is that of NIST.
const CURVE_P256: (&str, &str) = ("secp256r1", "prime256v1");

/// The name of a suite by its number; the number, if it has no name here.
pub fn suite_name(number: u16) -> Cow<'static, str> {
    name_in(SUITES, number)
}

/// Whether rustls has the suite of this number.
pub fn is_known_suite(number: u16) -> bool {
    ring::ALL_CIPHER_SUITES.iter().any(|suite| u16::from(suite.suite()) == number)
}

/// The name of a version by its number, likewise.
pub fn version_name(number: u16) -> Cow<'static, str> {
    match number {
        0x0002 => "SSLv2".into(),
        0x0300 => "SSLv3".into(),
        0x0301 => "TLSv1".into(),
        0x0302 => "TLSv1.1".into(),
        0x0303 => "TLSv1.2".into(),
        0x0304 => "TLSv1.3".into(),
        number => format!("{number:#06x}").into(),
    }
}

fn name_in(table: &[(u16, &'static str)], number: u16) -> Cow<'static, str> {
    match table.iter().find(|(other, _)| *other == number) {
        Some((_, name)) => (*name).into(),
        None => format!("{number:#06x}").into(),
    }
}

/// The name of the suite of a connection; "" for one that rustls does not have.
pub fn name_of_suite(suite: CipherSuite) -> &'static str {
    known(SUITES, suite.into())
}

/// The name of the curve of a connection, likewise.
pub fn name_of_curve(curve: NamedGroup) -> &'static str {
    known(CURVES, curve.into())
}

/// The name of the version of a connection, likewise.
pub fn name_of_version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        _ => "",
    }
}

fn known(table: &[(u16, &'static str)], number: u16) -> &'static str {
    table.iter().find(|(other, _)| *other == number).map_or("", |(_, name)| name)
}

/// What rustls has, with the suites and the curves of these names only, in this order. No name of a kind means all: those
/// of TLS 1.3 are named by themselves, as in OpenSSL.
pub fn provider(suites: &[&str], curves: &[&str]) -> CryptoProvider {
    let mut provider = ring::default_provider();
    let named =
        |suite: &SupportedCipherSuite| suites.iter().position(|name| *name == name_of_suite(suite.suite()));
    for is_tls13 in [false, true] {
        let is_of_kind = |suite: &SupportedCipherSuite| suite.tls13().is_some() == is_tls13;
        if provider.cipher_suites.iter().any(|suite| is_of_kind(suite) && named(suite).is_some()) {
            provider.cipher_suites.retain(|suite| !is_of_kind(suite) || named(suite).is_some());
        }
    }
    // Those without a name stay in front.
    provider.cipher_suites.sort_by_key(named);
    if !curves.is_empty() {
        provider.kx_groups = curves.iter().filter_map(|name| curve(name)).collect();
    }
    provider
}

fn curve(name: &str) -> Option<&'static dyn SupportedKxGroup> {
    let name = if name == CURVE_P256.0 { CURVE_P256.1 } else { name };
    ring::ALL_KX_GROUPS.iter().copied().find(|group| name_of_curve(group.name()) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(provider: &CryptoProvider) -> Vec<&'static str> {
        provider.cipher_suites.iter().map(|suite| name_of_suite(suite.suite())).collect()
    }

    #[test]
    fn all_that_rustls_has_has_a_name() {
        let provider = provider(&[], &[]);
        assert_eq!(names(&provider).len(), 9);
        assert!(names(&provider).iter().all(|name| !name.is_empty()));
        let curves: Vec<_> = provider.kx_groups.iter().map(|group| name_of_curve(group.name())).collect();
        assert_eq!(curves, ["X25519", "prime256v1", "secp384r1"]);
    }

    #[test]
    fn what_the_configuration_names_is_there() {
        let (suites, curves) = crate::engine::all_tls_names();
        assert_eq!((suites.len(), curves.len()), (9, 3));
        for suite in suites {
            assert!(names(&provider(&[suite], &[])).contains(&suite), "{suite}");
        }
        for curve in curves {
            let found = provider(&[], &[curve]).kx_groups;
            assert_eq!(found.iter().map(|group| name_of_curve(group.name())).collect::<Vec<_>>(), [curve]);
        }
    }

    #[test]
    fn suites_are_in_the_order_in_which_they_are_named_and_those_of_tls_1_3_stay() {
        let named = ["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"];
        let suites = names(&provider(&named, &[]));
        assert_eq!(suites[..3].iter().filter(|name| name.starts_with("TLS_")).count(), 3);
        assert_eq!(suites[3..], named);
        let named = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];
        let suites = names(&provider(&named, &[]));
        assert_eq!((suites.len(), &suites[6..]), (8, &named[..]));
    }

    #[test]
    fn curves_are_found_by_both_names() {
        let found = |curves: &[&str]| {
            let groups = provider(&[], curves).kx_groups;
            groups.iter().map(|group| name_of_curve(group.name())).collect::<Vec<_>>()
        };
        assert_eq!(found(&["secp384r1", "secp256r1"]), ["secp384r1", "prime256v1"]);
    }

    #[test]
    fn what_has_no_name_is_shown_as_a_number() {
        assert_eq!(suite_name(0xc02f), "ECDHE-RSA-AES128-GCM-SHA256");
        assert_eq!(suite_name(0x1a1a), "0x1a1a");
        assert_eq!((version_name(0x0302), version_name(0x7f1c)), ("TLSv1.1".into(), "0x7f1c".into()));
    }
}

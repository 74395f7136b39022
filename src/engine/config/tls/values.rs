//! The values of the smaller directives of TLS: paths, versions, the cache of earlier handshakes, commands for OpenSSL.

use std::path::PathBuf;

use crate::conf::{path, value};
use crate::engine::config::tls::ciphers;
use crate::engine::config::tls::settings::{SessionCache, TlsVersions};

/// Reads the path of a certificate or key.
pub(super) fn parse_path(args: &[String]) -> Result<PathBuf, String> {
    let text = match args {
        [text] if !text.is_empty() => text,
        [] => return Err(String::new()),
        _ => return Err("one path; with blanks it stands in quotes".to_owned()),
    };
    if text.contains('$') {
        let instead = "write a server for each name, each with its own files";
        return Err(format!("\"{text}\" has variables, and files are read at the start: {instead}"));
    }
    for (prefix, what) in
        [("data:", "a certificate itself"), ("engine:", "a key of an engine"), ("store:", "a key of a store")]
    {
        if text.starts_with(prefix) {
            return Err(format!(
                "\"{prefix}...\" is {what}, and only files are read: write it into a file (PEM)"
            ));
        }
    }
    path::check(text)?;
    Ok(PathBuf::from(text))
}

/// `ssl_protocols`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Versions {
    pub spoken: TlsVersions,
    /// Older ones that are named.
    pub old: Vec<String>,
}

impl Versions {
    /// Reads names of versions.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let mut versions = Self { spoken: TlsVersions { tls12: false, tls13: false }, old: Vec::new() };
        for word in args {
            match word.as_str() {
                "TLSv1.2" => versions.spoken.tls12 = true,
                "TLSv1.3" => versions.spoken.tls13 = true,
                "SSLv2" | "SSLv3" | "TLSv1" | "TLSv1.1" => versions.old.push(word.clone()),
                _ => return Err(format!("\"{word}\" is no version; there are TLSv1.2 and TLSv1.3")),
            }
        }
        match (args, versions.spoken) {
            ([], _) => Err(String::new()),
            (_, TlsVersions { tls12: false, tls13: false }) => {
                Err(format!("{} is not spoken any more: write TLSv1.2 TLSv1.3", args.join(" ")))
            }
            _ => Ok(versions),
        }
    }
}

impl SessionCache {
    /// Bytes that nginx takes for an entry of `shared`, about.
    const ENTRY: u64 = 256;
    /// The most entries: 64 MiB of them.
    const MOST: u64 = (64 << 20) / Self::ENTRY;
    /// The entries of `builtin` without a number, as in OpenSSL.
    const BUILTIN: u64 = 20_480;

    fn of(entries: u64) -> Self {
        Self::Entries(u32::try_from(entries.clamp(1, Self::MOST)).unwrap_or(u32::MAX))
    }

    /// Reads `off`, `none`, `builtin[:ENTRIES]` or `shared:NAME:SIZE`; of several the largest counts.
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut found = None;
        for word in args {
            let parts: Vec<_> = word.split(':').collect();
            let entries = match parts.as_slice() {
                ["off" | "none"] if args.len() == 1 => return Ok(Self::None),
                ["builtin"] => Some(Self::BUILTIN),
                ["builtin", number] => value::number(number).filter(|number| *number > 0),
                ["shared", name, size] if !name.is_empty() => {
                    value::size(size).filter(|size| *size >= MIN_SHARED).map(|size| size / Self::ENTRY)
                }
                _ => None,
            };
            let entries = entries
                .ok_or_else(|| format!("\"{word}\" is not off, none, builtin, or such as shared:SSL:10m"))?;
            found = found.max(Some(entries));
        }
        found.map(Self::of).ok_or_else(String::new)
    }
}

/// The smallest cache that nginx takes.
const MIN_SHARED: u64 = 32 << 10;

/// What `ssl_conf_command` asks of OpenSSL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum ConfCommand {
    /// These suites of TLS 1.3.
    Suites(Vec<&'static str>),
    /// Something that has no meaning here.
    Other,
}

impl ConfCommand {
    /// Reads a command with its value.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [] => Err(String::new()),
            [name, value] if name.eq_ignore_ascii_case("ciphersuites") => {
                ciphers::parse_tls13(value).map(Self::Suites)
            }
            [_, _] => Ok(Self::Other),
            _ => Err("a name and a value".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_path_is_one_of_a_file_without_variables() {
        assert_eq!(parse_path(&words("/etc/a.pem")), Ok(PathBuf::from("/etc/a.pem")));
        for (text, why) in [
            ("/etc/$ssl_server_name.pem", "has variables"),
            ("data:$cert", "has variables"),
            ("data:-----BEGIN", "write it into a file"),
            ("engine:pkcs11:id", "only files are read"),
            ("/a b", "in quotes"),
        ] {
            let found = parse_path(&words(text)).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }

    #[test]
    fn old_versions_are_taken_only_beside_new_ones() {
        let both = TlsVersions { tls12: true, tls13: true };
        assert_eq!(Versions::parse(&words("TLSv1.2 TLSv1.3")), Ok(Versions { spoken: both, old: vec![] }));
        let old = Versions::parse(&words("TLSv1 TLSv1.1 TLSv1.2")).unwrap();
        assert_eq!((old.spoken.tls13, old.old), (false, words("TLSv1 TLSv1.1")));
        assert!(Versions::parse(&words("SSLv3 TLSv1")).unwrap_err().contains("not spoken any more"));
        assert!(Versions::parse(&words("TLSv1.4")).unwrap_err().contains("\"TLSv1.4\" is no version"));
        assert!(Versions::parse(&[]).is_err());
    }

    #[test]
    fn the_cache_has_an_entry_for_256_bytes_and_64_mib_at_most() {
        for (text, cache) in [
            ("none", SessionCache::None),
            ("off", SessionCache::None),
            ("shared:SSL:10m", SessionCache::Entries(40_960)),
            ("shared:SSL:10g", SessionCache::Entries(262_144)),
            ("builtin", SessionCache::Entries(20_480)),
            ("builtin:1000 shared:SSL:1m", SessionCache::Entries(4096)),
        ] {
            assert_eq!(SessionCache::parse(&words(text)), Ok(cache), "{text}");
        }
        for text in
            ["", "on", "shared", "shared:SSL", "shared::1m", "shared:SSL:1k", "builtin:0", "off builtin"]
        {
            assert!(SessionCache::parse(&words(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn of_the_commands_for_openssl_the_suites_count() {
        let suites = ConfCommand::parse(&words("Ciphersuites TLS_AES_128_GCM_SHA256"));
        assert_eq!(suites, Ok(ConfCommand::Suites(vec!["TLS_AES_128_GCM_SHA256"])));
        assert_eq!(ConfCommand::parse(&words("Options PrioritizeChaCha")), Ok(ConfCommand::Other));
        assert!(ConfCommand::parse(&words("Ciphersuites NONE")).is_err());
        assert!(ConfCommand::parse(&words("Options")).is_err());
    }
}

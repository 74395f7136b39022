//! `ssl_ciphers`: OpenSSL's language of cipher lists, judged for the suites that there are (ciphers(1) of OpenSSL).
//!
//! A list is a program: each word adds, removes or moves suites. The suites of TLS 1.3 are not touched by it, as in OpenSSL;
//! for those there is `ssl_conf_command Ciphersuites`. What a list names and this server has not is kept for `-t`.

/// A suite of TLS 1.2, by its names and by what a word of a list may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Suite {
    /// OpenSSL's name.
    name: &'static str,
    /// The name in the specification.
    standard: &'static str,
    /// The words that mean it, beside those of [`FOR_ALL`].
    words: &'static [&'static str],
    /// Bits of its key.
    strength: u16,
}

/// The suites of TLS 1.2 in OpenSSL's order.
const SUITES: [Suite; 6] = [
    Suite {
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        standard: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        words: &["aECDSA", "ECDSA", "AES", "AES256", "AESGCM", "FIPS"],
        strength: 256,
    },
    Suite {
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        standard: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        words: &["aRSA", "AES", "AES256", "AESGCM", "FIPS"],
        strength: 256,
    },
    Suite {
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        standard: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        words: &["aECDSA", "ECDSA", "CHACHA20"],
        strength: 256,
    },
    Suite {
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        standard: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        words: &["aRSA", "CHACHA20"],
        strength: 256,
    },
    Suite {
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        standard: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        words: &["aECDSA", "ECDSA", "AES", "AES128", "AESGCM", "FIPS"],
        strength: 128,
    },
    Suite {
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        standard: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        words: &["aRSA", "AES", "AES128", "AESGCM", "FIPS"],
        strength: 128,
    },
];

/// The suites of TLS 1.3 in OpenSSL's order.
pub const TLS13: [&str; 3] =
    ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];

/// The names of all suites.
#[cfg(test)]
pub fn all_names() -> Vec<&'static str> {
    TLS13.into_iter().chain(SUITES.iter().map(|suite| suite.name)).collect()
}

/// Words that mean every suite of TLS 1.2 here.
const FOR_ALL: [&str; 8] = ["ALL", "HIGH", "TLSv1.2", "ECDHE", "kECDHE", "EECDH", "kEECDH", "ECDH"];

/// Words of OpenSSL that mean only suites which are not here.
#[rustfmt::skip]
const FOR_NONE: [&str; 54] = [
    "COMPLEMENTOFALL", "COMPLEMENTOFDEFAULT", "MEDIUM", "LOW", "EXPORT", "EXP", "EXPORT40", "EXPORT56", "NULL", "eNULL", "aNULL",
    "kRSA", "RSA", "kDHE", "kEDH", "DH", "DHE", "EDH", "ADH", "AECDH", "kDHr", "kDHd", "kDH", "kECDHr", "kECDHe", "aDSS", "DSS", "aECDH",
    "AESCCM", "AESCCM8", "ARIA", "ARIA128", "ARIA256", "ARIAGCM", "CAMELLIA", "CAMELLIA128", "CAMELLIA256", "DES", "3DES",
    "RC4", "RC2", "IDEA", "SEED", "MD5", "SHA1", "SHA", "SHA256", "SHA384", "TLSv1", "TLSv1.0", "SSLv3", "SSLv2", "PSK", "SRP",
];

/// Beginnings of further such words.
const FOR_NONE_BEGIN: [&str; 8] = ["kGOST", "aGOST", "GOST", "kPSK", "aPSK", "kSRP", "aSRP", "kR"];

/// What a list leaves, and what it names in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Ciphers {
    /// The suites of TLS 1.2 in the order of the list.
    pub suites: Vec<&'static str>,
    /// What it adds by a name that this server has not.
    pub missing: Vec<String>,
}

impl Ciphers {
    /// Reads a list; one that leaves no suite is an error.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let [text] = args else {
            return Err(
                if args.is_empty() { "" } else { "one list, with colons between its words" }.to_owned()
            );
        };
        let mut list = List::new();
        // As in "DEFAULT@SECLEVEL=1".
        let text = text.replace('@', ":@");
        let words = text.split([':', ',', ' ', ';']).filter(|word| !word.is_empty());
        words.for_each(|word| list.read(word));
        let suites: Vec<_> = list.active().collect();
        if suites.is_empty() {
            let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
            return Err(format!("\"{text}\" leaves none of the suites that there are: {}", names.join(", ")));
        }
        Ok(Self { suites, missing: list.missing })
    }

    /// Whether it is every suite in the usual order.
    pub fn is_usual(&self) -> bool {
        self.suites.iter().eq(SUITES.iter().map(|suite| &suite.name))
    }
}

/// Reads the list of `ssl_conf_command Ciphersuites`: names of suites of TLS 1.3.
pub(super) fn parse_tls13(text: &str) -> Result<Vec<&'static str>, String> {
    let mut found = Vec::new();
    for word in text.split(':') {
        let known = TLS13.into_iter().find(|name| *name == word);
        let new = known.filter(|name| !found.contains(name));
        found.extend(new);
    }
    match found.is_empty() {
        true => Err(format!("\"{text}\" leaves none of the suites that there are: {}", TLS13.join(", "))),
        false => Ok(found),
    }
}

/// The suites while a list is read: those that are taken in, and those that may be.
struct List {
    suites: Vec<(Suite, bool)>,
    missing: Vec<String>,
}

impl List {
    fn new() -> Self {
        Self { suites: SUITES.map(|suite| (suite, false)).to_vec(), missing: Vec::new() }
    }

    fn active(&self) -> impl Iterator<Item = &'static str> {
        self.suites.iter().filter(|(_, is_active)| *is_active).map(|(suite, _)| suite.name)
    }

    fn read(&mut self, word: &str) {
        match word.split_at_checked(1) {
            Some(("!", rest)) => self.suites.retain(|(suite, _)| !suite.is_meant_by(rest)),
            Some(("-", rest)) => self.remove(rest),
            Some(("+", rest)) => self.move_to_end(|suite| suite.is_meant_by(rest)),
            Some(("@", "STRENGTH")) => {
                for strength in [256, 128] {
                    self.move_to_end(|suite| suite.strength == strength);
                }
            }
            // The level of security: at every level of nginx's use, the suites here are strong enough.
            Some(("@", _)) => {}
            _ => self.add(if word == "DEFAULT" || word.starts_with("PROFILE=") { "ALL" } else { word }),
        }
    }

    /// Takes in what a word means and is not there yet, at the end.
    fn add(&mut self, word: &str) {
        let (found, others) = self.suites.drain(..).partition(|(suite, is_active)| {
            let is_new = !is_active;
            is_new && suite.is_meant_by(word)
        });
        let found: Vec<(Suite, bool)> = found;
        self.suites = others;
        self.suites.extend(found.into_iter().map(|(suite, _)| (suite, true)));
        if word.split('+').any(|part| !is_known(part)) && !self.missing.iter().any(|other| other == word) {
            self.missing.push(word.to_owned());
        }
    }

    /// Puts aside what a word means: before all others, so that it comes first if it is taken in again.
    fn remove(&mut self, word: &str) {
        let (found, others): (Vec<_>, Vec<_>) =
            self.suites.drain(..).partition(|(suite, is_active)| *is_active && suite.is_meant_by(word));
        self.suites = found.into_iter().map(|(suite, _)| (suite, false)).chain(others).collect();
    }

    fn move_to_end(&mut self, is_meant: impl Fn(&Suite) -> bool) {
        let (found, others): (Vec<_>, Vec<_>) =
            self.suites.drain(..).partition(|(suite, is_active)| *is_active && is_meant(suite));
        self.suites = others.into_iter().chain(found).collect();
    }
}

impl Suite {
    /// Whether all parts of a word ask for it: "ECDHE+AESGCM".
    fn is_meant_by(&self, word: &str) -> bool {
        let has = |part: &str| {
            part == self.name
                || part == self.standard
                || self.words.contains(&part)
                || FOR_ALL.contains(&part)
        };
        word.split('+').all(has)
    }
}

/// Whether a word is one of OpenSSL's, or the name of a suite that is here.
fn is_known(word: &str) -> bool {
    SUITES.iter().any(|suite| suite.is_meant_by(word))
        || FOR_NONE.contains(&word)
        || FOR_NONE_BEGIN.iter().any(|begin| word.starts_with(begin))
        || TLS13.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Ciphers, String> {
        Ciphers::parse(&[text.to_owned()])
    }

    /// The suites by letters: E for ECDSA and R for RSA, then 2 for AES256, c for ChaCha20, 1 for AES128.
    fn letters(text: &str) -> String {
        let short = |name: &&str| {
            let key = if name.contains("ECDSA") { 'E' } else { 'R' };
            let cipher = if name.contains("256-GCM") {
                '2'
            } else if name.contains("CHACHA") {
                'c'
            } else {
                '1'
            };
            format!("{key}{cipher}")
        };
        list(text).map(|ciphers| ciphers.suites.iter().map(short).collect()).unwrap_or_default()
    }

    #[test]
    fn a_list_leaves_what_it_leaves_in_openssl_in_the_same_order() {
        // By `openssl ciphers -tls1_2 -s LIST` of OpenSSL 3.0.
        for (text, suites) in [
            ("HIGH:!aNULL:!MD5", "E2R2EcRcE1R1"),
            ("DEFAULT", "E2R2EcRcE1R1"),
            ("DEFAULT@SECLEVEL=1:HIGH", "E2R2EcRcE1R1"),
            ("EECDH+AESGCM:EDH+AESGCM", "E2R2E1R1"),
            ("ECDH+AESGCM:ECDH+AES256:!RSA", "E2R2E1R1"),
            ("HIGH:!aNULL:!RSA:!kRSA", "E2R2EcRcE1R1"),
            ("ECDHE+CHACHA20:HIGH:-AES256", "EcRcE1R1"),
            ("AES128:+ECDHE-RSA-AES128-GCM-SHA256", "E1R1"),
            ("ALL:@STRENGTH", "E2R2EcRcE1R1"),
            ("aECDSA:aRSA+AESGCM", "E2EcE1R2R1"),
            ("ALL:!AESGCM", "EcRc"),
            ("TLSv1.2:!AES128:!SHA384", "E2R2EcRc"),
            ("HIGH:+aECDSA", "R2RcR1E2EcE1"),
            ("AES256+EECDH:AES256+EDH:!aNULL", "E2R2"),
            ("EECDH+CHACHA20:EECDH+AES128:RSA+AES128:EECDH+AES256:EECDH+3DES:!MD5", "EcRcE1R1E2R2"),
            ("ECDHE:-AES:CHACHA20:AES256", "EcRcE2R2"),
            ("AES", "E2R2E1R1"),
            ("HIGH+kECDHE+aRSA", "R2RcR1"),
            ("ALL:-AESGCM:@STRENGTH:AESGCM", "EcRcE2R2E1R1"),
            ("kEECDH+ECDSA", "E2EcE1"),
            ("AES128:CHACHA20:@STRENGTH", "EcRcE1R1"),
            ("ECDHE ECDHE,AES", "E2R2EcRcE1R1"),
            ("ALL:+AES128:+HIGH", "E2R2EcRcE1R1"),
            ("ALL:!ECDSA:AES:ECDSA", "R2RcR1"),
            ("SHA256", ""),
            ("SHA384:SHA256", ""),
            ("COMPLEMENTOFALL", ""),
            ("AES256-GCM", ""),
            ("DHE-RSA-AES128-GCM-SHA256:AES128-SHA", ""),
            ("TLS_AES_128_GCM_SHA256", ""),
        ] {
            assert_eq!(letters(text), suites, "{text}");
        }
    }

    #[test]
    fn a_list_of_mozilla_keeps_its_order_and_tells_what_is_not_there() {
        let text = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
            ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
            DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
        assert_eq!(letters(text), "E1R1E2R2EcRc");
        let ciphers = list(text).unwrap();
        assert_eq!(ciphers.missing, ["DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384"]);
        assert!(!ciphers.is_usual());
        let usual = list("HIGH:!aNULL:!MD5").unwrap();
        assert!(usual.is_usual() && usual.missing.is_empty());
        assert_eq!(list("ECDHE+AESGCM:EECDH+AESGM").unwrap().missing, ["EECDH+AESGM"]);
    }

    #[test]
    fn a_list_that_leaves_nothing_is_an_error_that_says_what_would_work() {
        let why = list("RC4:DHE-RSA-AES128-SHA").unwrap_err();
        assert!(why.starts_with("\"RC4:DHE-RSA-AES128-SHA\" leaves none of the suites"), "{why}");
        assert!(why.contains("ECDHE-RSA-AES128-GCM-SHA256"), "{why}");
        assert!(Ciphers::parse(&[]).is_err() && Ciphers::parse(&["a".into(), "b".into()]).is_err());
    }

    #[test]
    fn suites_of_tls_1_3_are_named_one_by_one() {
        let names = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256";
        assert_eq!(parse_tls13(names).unwrap(), ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]);
        assert!(parse_tls13("HIGH").unwrap_err().contains("TLS_AES_256_GCM_SHA384"));
    }
}

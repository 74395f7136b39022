//! `secure_link`: whether a link was made by who has the secret, and has not expired. A location asks by `$secure_link`
//! in an `if`; by itself nothing is refused, as in nginx.

use std::fmt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::auth::secret::Hasher;
use crate::auth::secure_link::{self, Outcome, Shown};
use crate::conf::{self, Error, Node, Scope};
use crate::engine::{Config, LocationKind, Probe, is_readable_by_all};

use super::template::{LinkCheck, LinkValues, Template, TemplateValues};

/// The link check of a location.
#[derive(Clone)]
pub enum SecureLink {
    /// `secure_link` and `secure_link_md5`: what the client shows, and what the MD5 is of.
    Expression { shown: Template, signed: Template, hasher: Hasher },
    /// `secure_link_secret`: the MD5 is a part of the path.
    Word { word: String, hasher: Hasher },
}

impl SecureLink {
    /// Reads the directives of a location; one of the first two alone does nothing, as in nginx.
    pub fn read(scope: &Scope<'_>, faults: &mut conf::Faults) -> Option<Self> {
        let of = |name| scope.find(name).map(Node::custom::<Template>);
        let expression = of("secure_link").zip(of("secure_link_md5"));
        match (expression, scope.find("secure_link_secret")) {
            (Some(_), Some(node)) => {
                let why = "\"secure_link_secret\" and \"secure_link_md5\" do not go together";
                faults.push(Error::at(node, why.to_owned()));
                None
            }
            (Some((shown, signed)), None) => {
                let hasher = Hasher::from_secret(signed.source());
                Some(Self::Expression { shown, signed, hasher })
            }
            (None, Some(node)) => {
                let word = node.args.first()?.clone();
                let hasher = Hasher::from_secret(&word);
                Some(Self::Word { word, hasher })
            }
            (None, None) => None,
        }
    }
}

impl LinkCheck for SecureLink {
    fn value(&self, view: &TemplateValues<'_>) -> String {
        match self {
            Self::Expression { shown, signed, hasher } => {
                let shown = shown.fill(&TemplateValues { link: LinkValues::None, ..*view });
                let Some(shown) = Shown::parse(&shown) else { return String::new() };
                let link = LinkValues::Expires(shown.expires());
                let signed = signed.fill(&TemplateValues { link, ..*view });
                let now = view.request.received_at.wall.duration_since(UNIX_EPOCH);
                let now = now.map_or(0, |time| time.as_secs());
                shown.verify(hasher, &signed, now).as_str().to_owned()
            }
            Self::Word { word, hasher } => {
                let link = secure_link::link_of(hasher, &view.request.head.uri(), word).map(str::to_owned);
                link.unwrap_or_else(|| Outcome::Wrong.as_str().to_owned())
            }
        }
    }

    fn expires(&self, view: &TemplateValues<'_>) -> String {
        let Self::Expression { shown, .. } = self else { return String::new() };
        let shown = shown.fill(&TemplateValues { link: LinkValues::None, ..*view });
        Shown::parse(&shown).map_or_else(String::new, |shown| shown.expires().to_owned())
    }
}

impl fmt::Debug for SecureLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecureLink")
    }
}

/// Warns where a link is checked by half, or by nothing.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    for location in &config.locations {
        let scope = &location.scope;
        let own = |name| scope.own(name).next();
        for (one, other) in [("secure_link", "secure_link_md5"), ("secure_link_md5", "secure_link")] {
            if let Some(node) = own(one).filter(|_| scope.find(other).is_none()) {
                probe.warn(node, format!("without \"{other}\" it has no effect: every link is taken"));
            }
        }
        let set = ["secure_link_md5", "secure_link_secret"].into_iter().find_map(own);
        let asks = |node: &Node| {
            let is_step = ["if", "rewrite", "return"].contains(&node.name.as_str());
            is_step && node.args.iter().any(|arg| arg.contains("$secure_link"))
        };
        let is_asked = scope.node().children.iter().flatten().any(asks);
        if let Some(node) = set.filter(|_| !is_asked && location.kind != LocationKind::Server) {
            probe.warn(node, "no link is refused: write if ($secure_link = \"\") { return 403; }");
        }
        if let Some(node) = set
            && is_readable_by_all(Path::new(&*node.file))
        {
            probe.warn(node, "the secret can be read by every user of this machine: chmod o-r");
        }
    }
}

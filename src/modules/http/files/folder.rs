//! `root` and `alias`: where a location's files are.

use std::borrow::Cow;
use std::path::{self, Path, PathBuf};

use crate::conf;
use crate::engine::{Location, LocationKind};

use crate::modules::http::template::{Template, TemplateValues, When};

/// The folder of a location's files. The part with variables is looked up as a path that a client sends is:
/// without links and hidden names, so nothing that a client says leads out of the part before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationFolder {
    /// The folder up to the first variable; trusted. (Or the one file.)
    base: PathBuf,
    /// The rest of it.
    rest: Template,
    join: Join,
}

/// The part of a URL's path that is looked up in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Join {
    /// All of it: `root`.
    Whole,
    /// The rest behind this prefix: `alias`.
    Behind(String),
    /// Nothing: `alias` for a regular expression names the file.
    Nothing,
}

impl LocationFolder {
    /// The folder of a location; none if it has none.
    pub fn read(location: &Location<'_>) -> Result<Option<Self>, conf::Error> {
        // Only a location has an alias; a root in it, or around it, is then not its folder.
        let alias = location.scope.own("alias").next();
        let Some(node) = alias.or_else(|| location.scope.find("root")) else { return Ok(None) };
        let at = |why: &str| conf::Error::at(node, why);
        let text = node.args.first().map(String::as_str).unwrap_or_default();
        let join = match (alias, location.kind) {
            (None, _) => Join::Whole,
            (Some(_), LocationKind::Named) => {
                return Err(at("\"alias\" has no meaning in a location without a path"));
            }
            (Some(_), LocationKind::Regex | LocationKind::AnyCaseRegex) => Join::Nothing,
            (Some(_), _) => Join::Behind(location.path.clone()),
        };
        let (base, rest) = split_at_variable(text);
        if base.is_empty() {
            let why = format!(
                "\"{}\" begins with a variable; it begins with a folder, such as /srv/$host",
                node.name
            );
            return Err(at(&why));
        }
        let rest = Template::parse(rest, When::Request).map_err(|why| at(&why))?;
        // Files in memory are found by the paths that they would have on the disk.
        let base = path::absolute(base).unwrap_or_else(|_| base.into());
        Ok(Some(Self { base, rest, join }))
    }

    /// The folder up to its first variable, which is trusted.
    pub fn trusted(&self) -> &Path {
        &self.base
    }

    /// The trusted folder, and what to look for there; none for a path that is not in the location.
    pub fn locate<'a>(
        &'a self,
        view: &TemplateValues<'_>,
        path: &'a str,
    ) -> Option<(&'a Path, Cow<'a, str>)> {
        let below = match &self.join {
            Join::Whole => path,
            Join::Nothing => "",
            Join::Behind(prefix) => {
                let rest = path.strip_prefix(prefix.as_str())?;
                // "/i" must not turn "/ix" into a neighbour of the folder, as plain joining would.
                let whole_segments = rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/');
                whole_segments.then_some(rest)?
            }
        };
        Some(match self.rest.constant() {
            Some("") => (&self.base, below.into()),
            _ => (&self.base, (self.rest.fill(view) + below).into()),
        })
    }
}

/// A path up to the last slash before its first variable, and the rest.
fn split_at_variable(text: &str) -> (&str, &str) {
    let Some(variable) = text.find('$') else { return (text, "") };
    let slash = text.get(..variable).and_then(|before| before.rfind('/'));
    text.split_at_checked(slash.map_or(0, |slash| slash + 1)).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::HttpRequest;
    use crate::modules::http::template::LinkValues;

    fn located(folder: &LocationFolder, path: &str) -> Option<(String, String)> {
        let mut request = HttpRequest::for_test("GET / HTTP/1.1\r\nHost: ..\r\n\r\n");
        request.captures = vec![path.to_owned(), "../x".to_owned()];
        let view = TemplateValues { request: &request, server_name: "", done: None, link: LinkValues::None };
        let (base, rest) = folder.locate(&view, path)?;
        Some((base.to_str()?.to_owned(), rest.into_owned()))
    }

    fn folder(text: &str, join: Join) -> LocationFolder {
        let (base, rest) = split_at_variable(text);
        LocationFolder { base: base.into(), rest: Template::parse(rest, When::Request).unwrap(), join }
    }

    fn found(base: &str, rest: &str) -> Option<(String, String)> {
        Some((base.to_owned(), rest.to_owned()))
    }

    #[test]
    fn a_root_is_followed_by_the_whole_path_and_an_alias_by_what_is_left() {
        let root = folder("/srv", Join::Whole);
        assert_eq!(located(&root, "/hls/a.ts"), found("/srv", "/hls/a.ts"));
        let alias = |prefix: &str| folder("/srv/x", Join::Behind(prefix.into()));
        assert_eq!(located(&alias("/hls/"), "/hls/a.ts"), found("/srv/x", "a.ts"));
        assert_eq!(located(&alias("/hls"), "/hls/a.ts"), found("/srv/x", "/a.ts"));
        assert_eq!(located(&alias("/hls"), "/hls"), found("/srv/x", ""));
        assert_eq!(located(&alias("/hls"), "/hls../secret"), None);
        assert_eq!(located(&alias("/hls"), "/other"), None);
    }

    #[test]
    fn the_text_of_a_client_is_never_part_of_the_trusted_folder() {
        assert_eq!(located(&folder("/srv/a-$host/b", Join::Whole), "/x"), found("/srv/", "a-./b/x"));
        assert_eq!(
            located(&folder("/srv/hls/$1.m3u8", Join::Nothing), "/x"),
            found("/srv/hls/", "../x.m3u8")
        );
        assert_eq!(split_at_variable("$host/x"), ("", "$host/x"));
        assert_eq!(split_at_variable("srv$host"), ("", "srv$host"));
    }
}

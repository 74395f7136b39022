//! What a location says about its files, as plain values.

use std::path::{self, Path, PathBuf};

use crate::conf::{self, Node, Scope};
use crate::engine::Location;
use crate::http::{Request, mime, response};

use super::preflight::Preflight;

/// Where a location's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// Below this folder, under the whole path of the URL.
    Root(PathBuf),
    /// Below this folder (or it is the one file), under what follows `prefix` in the URL.
    Alias {
        /// The folder.
        path: PathBuf,
        /// The location's path.
        prefix: String,
    },
}

impl Folder {
    /// The folder, and the rest of the path below it; none for a path that is not in the location.
    pub fn split<'a>(&'a self, path: &'a str) -> Option<(&'a Path, &'a str)> {
        match self {
            Self::Root(folder) => Some((folder, path)),
            Self::Alias { path: folder, prefix } => {
                let rest = path.strip_prefix(prefix.as_str())?;
                // "/i" must not turn "/ix" into a neighbour of the folder, as plain joining would.
                let whole_segments = rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/');
                whole_segments.then_some((folder, rest))
            }
        }
    }
}

/// One `add_header`. One of the server's own fields may stand there and is not sent, as the usual answer to
/// a preflight has a Content-Length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedHeader {
    /// The header's name, a token.
    pub name: String,
    /// Whether answers of any status get it.
    pub always: bool,
    value: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The value of the request's header of that (lower-case) name.
    RequestHeader(String),
}

impl AddedHeader {
    /// Reads the arguments of the directive.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let (name, value, always) = match args {
            [name, value] => (name, value, false),
            [name, value, always] if always == "always" => (name, value, true),
            _ => return Err("expected: add_header name value [always]".to_owned()),
        };
        if !response::is_token(name) {
            return Err(format!("\"{name}\" is no header name"));
        }
        if !response::is_value(value) {
            return Err("a header's value is one line without control characters".to_owned());
        }
        Ok(Self { name: name.clone(), always, value: parse_pieces(value)? })
    }

    /// The value for a request.
    pub fn value(&self, request: &Request) -> String {
        let piece = |piece: &'_ Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::RequestHeader(name) => request.headers.get(name).unwrap_or_default().to_owned(),
        };
        self.value.iter().map(piece).collect()
    }
}

/// Cuts a value at its variables, `$name` or `${name}`.
fn parse_pieces(value: &str) -> Result<Vec<Piece>, String> {
    let mut parts = value.split('$');
    let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default().to_owned())];
    for part in parts {
        let (name, text) = match part.strip_prefix('{') {
            Some(braced) => braced.split_once('}').ok_or_else(|| "\"}\" is missing".to_owned())?,
            None => {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                part.split_at_checked(end.unwrap_or(part.len())).unwrap_or((part, ""))
            }
        };
        let header = match name {
            "host" => "host".to_owned(),
            _ => match name.strip_prefix("http_") {
                Some(header) if !header.is_empty() => header.to_ascii_lowercase().replace('_', "-"),
                _ => return Err(format!("variable ${name} is not known: there are $http_NAME and $host")),
            },
        };
        pieces.extend([Piece::RequestHeader(header), Piece::Text(text.to_owned())]);
    }
    Ok(pieces)
}

/// The folder as it is from here, so that files in memory are found by the paths they would have on the disk.
fn absolute(folder: &str) -> PathBuf {
    path::absolute(folder).unwrap_or_else(|_| folder.into())
}

/// How the files of a location are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where they are.
    pub folder: Folder,
    /// Names to try for a folder.
    pub index: Vec<String>,
    /// Extensions (lower case) and types in place of the built-in ones.
    pub types: Option<Vec<(String, String)>>,
    /// The type of all other files.
    pub default_type: String,
    /// Headers to add.
    pub added: Vec<AddedHeader>,
    /// What OPTIONS is answered with, if the configuration says so.
    pub preflight: Option<Preflight>,
}

impl Settings {
    /// Reads a location; none if it serves no files.
    pub fn read(location: &Location<'_>) -> Result<Option<Self>, conf::Error> {
        let scope = &location.scope;
        let Some(folder) = read_folder(location) else { return Ok(None) };
        let added = scope.all("add_header").into_iter().map(|node| at(node, AddedHeader::parse(&node.args)));
        Ok(Some(Self {
            folder,
            index: scope.words("index"),
            types: read_types(scope)?,
            default_type: scope.text("default_type"),
            added: added.collect::<Result<_, _>>()?,
            preflight: scope.find("if").map(read_preflight).transpose()?,
        }))
    }

    /// The media type of a file.
    pub fn mime(&self, path: &str) -> &str {
        let extension = mime::extension(path);
        let known = match &self.types {
            None => extension.and_then(mime::by_extension),
            Some(types) => {
                let entry = types
                    .iter()
                    .rev()
                    .find(|(known, _)| extension.is_some_and(|e| e.eq_ignore_ascii_case(known)));
                entry.map(|(_, mime)| mime.as_str())
            }
        };
        known.unwrap_or(&self.default_type)
    }

    /// Whether the configuration adds a header of that name.
    pub fn adds(&self, name: &str) -> bool {
        self.added.iter().any(|added| added.name.eq_ignore_ascii_case(name))
    }
}

fn at<T>(node: &Node, result: Result<T, String>) -> Result<T, conf::Error> {
    result.map_err(|message| conf::Error::at(node, message))
}

fn read_preflight(node: &Node) -> Result<Preflight, conf::Error> {
    let block = node.children.iter().flatten().map(|child| (child.name.as_str(), child.args.as_slice()));
    at(node, Preflight::parse(&node.args, block))
}

fn read_folder(location: &Location<'_>) -> Option<Folder> {
    let (root, alias) = (location.scope.text("root"), location.scope.text("alias"));
    if !alias.is_empty() {
        return Some(Folder::Alias { path: absolute(&alias), prefix: location.path.clone() });
    }
    (!root.is_empty()).then(|| Folder::Root(absolute(&root)))
}

/// The `types` blocks of the nearest level that has any.
fn read_types(scope: &Scope<'_>) -> Result<Option<Vec<(String, String)>>, conf::Error> {
    let blocks = scope.all("types");
    if blocks.is_empty() {
        return Ok(None);
    }
    let mut types = Vec::new();
    for entry in blocks.into_iter().flat_map(|block| block.children.iter().flatten()) {
        types.extend(at(entry, parse_type(&entry.name, &entry.args))?);
    }
    Ok(Some(types))
}

fn parse_type(mime: &str, extensions: &[String]) -> Result<Vec<(String, String)>, String> {
    if !mime.contains('/') || !response::is_value(mime) {
        return Err(format!("\"{mime}\" is no media type"));
    }
    if extensions.is_empty() {
        return Err(format!("which extensions have the type {mime}?"));
    }
    Ok(extensions.iter().map(|extension| (extension.to_ascii_lowercase(), mime.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    fn value(arguments: &str, fields: &str) -> String {
        let head = format!("GET / HTTP/1.1\r\nHost: example:8080\r\n{fields}\r\n");
        let request = Request::parse(head.as_bytes()).unwrap();
        AddedHeader::parse(&words(arguments)).unwrap().value(&request)
    }

    #[test]
    fn a_root_is_followed_by_the_whole_path_and_an_alias_by_what_is_left() {
        let root = Folder::Root("/srv".into());
        assert_eq!(root.split("/hls/a.ts"), Some((Path::new("/srv"), "/hls/a.ts")));
        let alias = |prefix: &str| Folder::Alias { path: "/srv/x".into(), prefix: prefix.into() };
        assert_eq!(alias("/hls/").split("/hls/a.ts"), Some((Path::new("/srv/x"), "a.ts")));
        assert_eq!(alias("/hls").split("/hls/a.ts"), Some((Path::new("/srv/x"), "/a.ts")));
        assert_eq!(alias("/hls").split("/hls"), Some((Path::new("/srv/x"), "")));
        assert_eq!(alias("/hls").split("/hls../secret"), None);
        assert_eq!(alias("/hls").split("/other"), None);
    }

    #[test]
    fn a_headers_value_may_quote_the_request() {
        assert_eq!(value("X|plain", ""), "plain");
        assert_eq!(value("X|<$http_origin>", "Origin: http://a\r\n"), "<http://a>");
        assert_eq!(value("X|${http_user_agent}s", "User-Agent: b\r\n"), "bs");
        assert_eq!(value("X|$http_origin|always", ""), "");
        assert_eq!(value("X|$host!", ""), "example:8080!");
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_a_mistake() {
        for arguments in [
            "X",
            "X|a|sometimes",
            "X|a|always|b",
            "X Y|a",
            "|a",
            "X|a\r\nY: b",
            "X|$uri",
            "X|$",
            "X|${http_a",
            "X|$http_",
        ] {
            assert!(AddedHeader::parse(&words(arguments)).is_err(), "{arguments}");
        }
    }

    #[test]
    fn types_replace_the_built_in_table() {
        let mut settings = Settings {
            folder: Folder::Root("/".into()),
            index: Vec::new(),
            types: None,
            default_type: "text/plain".into(),
            added: Vec::new(),
            preflight: None,
        };
        assert_eq!(settings.mime("/a.M3U8"), "application/vnd.apple.mpegurl");
        assert_eq!(settings.mime("/a.b/c"), "text/plain");
        let mut types = parse_type("video/mp2t", &words("ts|mts")).unwrap();
        types.extend(parse_type("a/b", &words("TS")).unwrap());
        settings.types = Some(types);
        assert_eq!(settings.mime("/a.mts"), "video/mp2t");
        assert_eq!(settings.mime("/a.ts"), "a/b");
        assert_eq!(settings.mime("/a.html"), "text/plain");
        assert!(parse_type("nonsense", &words("ts")).is_err());
        assert!(parse_type("a/b", &[]).is_err());
    }
}

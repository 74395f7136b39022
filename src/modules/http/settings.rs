//! The settings of a location, as plain values.

use crate::conf::{self, Node, Scope};
use crate::engine::access_logs::AccessLog;
use crate::engine::{AddressRules, HttpRequest, Location};
use crate::http::{Request, mime, response};

use super::access::{self, Satisfy};
use super::added::{AddedHeader, Expires};
use super::auth::login::Login;
use super::error_page::ErrorPages;
use super::files::autoindex::{ListFormat, Listing, Sizes, Times};
use super::files::folder::LocationFolder;
use super::log_format::LogFormat;
use super::rewrite::Rewrite;
use super::secure_link::SecureLink;
use super::template::{LinkValues, TemplateValues};
use super::try_files::TryFiles;

#[derive(Debug, Clone)]
pub struct Settings {
    pub folder: Option<LocationFolder>,
    /// The files to look for in a folder.
    pub index: Vec<String>,
    /// The listing of a folder without any of them.
    pub listing: Option<Listing>,
    /// Extensions (lower case) and media types in place of the built-in ones.
    pub types: Option<Vec<(String, String)>>,
    pub default_type: String,
    pub added: Vec<AddedHeader>,
    pub expires: Expires,
    /// Its `return`, `if` and `rewrite`.
    pub rewrite: Rewrite,
    pub secure_link: Option<SecureLink>,
    /// Its `allow` and `deny`.
    pub rules: AddressRules,
    pub satisfy: Satisfy,
    /// Its `auth_basic`.
    pub login: Option<Login>,
    /// Only internal redirects lead here.
    pub internal: bool,
    pub try_files: Option<TryFiles>,
    pub error_pages: ErrorPages,
    pub logs: Vec<AccessLog<LogFormat>>,
    /// The server's first name.
    pub server_name: String,
}

impl Settings {
    pub fn read(location: &Location<'_>, logs: Vec<AccessLog<LogFormat>>) -> Result<Self, conf::Errors> {
        let scope = &location.scope;
        let mut faults = conf::Faults::default();
        let added = scope.all("add_header").into_iter();
        let settings = Self {
            folder: faults.keep_or_default(LocationFolder::read(location)),
            index: scope.words("index"),
            listing: scope.flag("autoindex").then(|| read_listing(scope)),
            types: read_types(scope, &mut faults),
            default_type: scope.text("default_type"),
            added: added.map(Node::custom).collect(),
            expires: scope.find("expires").map_or(Expires::Off, Node::custom),
            rewrite: Rewrite::read(scope, &mut faults),
            secure_link: SecureLink::read(scope, &mut faults),
            rules: access::rules(scope),
            satisfy: Satisfy::read(scope),
            login: Login::read(scope, &mut faults),
            internal: scope.own("internal").next().is_some(),
            try_files: scope.own("try_files").next().map(Node::custom),
            error_pages: ErrorPages::read(scope),
            logs,
            server_name: scope.text("server_name"),
        };
        faults.into_result(settings)
    }

    /// What texts are filled in from for a request here.
    pub fn view<'a>(&'a self, request: &'a HttpRequest) -> TemplateValues<'a> {
        TemplateValues { request, server_name: &self.server_name, done: None, link: self.link() }
    }

    /// What `$secure_link` is filled in from.
    pub fn link(&self) -> LinkValues<'_> {
        self.secure_link.as_ref().map_or(LinkValues::None, |check| LinkValues::Check(check))
    }

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

    /// The headers that the configuration adds to the answer to a request.
    pub fn added_for(&self, request: &Request) -> &[AddedHeader] {
        self.rewrite.added(request.method.as_str()).unwrap_or(&self.added)
    }

    /// True if the configuration adds a header of that name.
    pub fn adds(&self, name: &str, request: &Request) -> bool {
        self.added_for(request).iter().any(|added| added.name.eq_ignore_ascii_case(name))
    }
}

fn at<T>(node: &Node, result: Result<T, String>) -> Result<T, conf::Error> {
    result.map_err(|message| conf::Error::at(node, message))
}

fn read_listing(scope: &Scope<'_>) -> Listing {
    Listing {
        format: if scope.text("autoindex_format") == "json" { ListFormat::Json } else { ListFormat::Html },
        sizes: if scope.flag("autoindex_exact_size") { Sizes::Exact } else { Sizes::Rounded },
        times: if scope.flag("autoindex_localtime") { Times::Local } else { Times::Utc },
    }
}

/// The `types` blocks of the nearest level that has any.
fn read_types(scope: &Scope<'_>, faults: &mut conf::Faults) -> Option<Vec<(String, String)>> {
    let blocks = scope.all("types");
    if blocks.is_empty() {
        return None;
    }
    let entries = blocks.into_iter().flat_map(|block| block.children.iter().flatten());
    Some(
        entries
            .flat_map(|entry| faults.keep_or_default(at(entry, parse_type(&entry.name, &entry.args))))
            .collect(),
    )
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
    use crate::conf::{Tree, check};
    use crate::engine::{Config, directive_table};

    fn settings(block: &str) -> Result<Settings, String> {
        let mut tree = Tree::from_text("f", &format!("http {{\nserver {{\n{block} }} }}")).unwrap();
        let table = directive_table(&crate::modules::table());
        check(&mut tree, &table).map_err(|error| error.to_string())?;
        let config = Config::new(&Scope::root(&tree, &table)).map_err(|error| error.to_string())?;
        let read = Settings::read(config.locations.last().unwrap(), Vec::new());
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn types_replace_the_built_in_table() {
        let built_in = settings("default_type a/b;").unwrap();
        assert_eq!(built_in.mime("/a.M3U8"), "application/vnd.apple.mpegurl");
        assert_eq!(built_in.mime("/a.b/c"), "a/b");
        let own = settings("types { video/mp2t ts mts; a/b TS; }").unwrap();
        assert_eq!((own.mime("/a.mts"), own.mime("/a.ts")), ("video/mp2t", "a/b"));
        assert_eq!(own.mime("/a.html"), "text/plain");
        assert_eq!(settings("types { }").unwrap().mime("/a.html"), "text/plain");
    }

    #[test]
    fn mistakes_name_their_line() {
        for (block, message) in [
            ("types { nonsense ts; }", "f:3: \"nonsense\" is no media type"),
            ("types { a/b; }", "f:3: which extensions have the type a/b?"),
            ("root $host;", "f:3: \"root\" begins with a variable"),
            ("location @a { alias /x; }", "f:3: \"alias\" has no meaning in a location without a path"),
            (
                "allow 10.0.0.0/33;",
                "f:3: \"allow\" takes address|network|local|all: \"10.0.0.0/33\" is not an address",
            ),
            ("add_header X $nope;", "f:3: \"add_header\" takes name value [always]: variable \"$nope\""),
            (
                "location /a { auth_basic x; }",
                "f:3: \"auth_basic\" asks for a password, and there is no \"auth_basic_user_file\"",
            ),
            ("auth_basic a b;", "f:3: \"auth_basic\" takes realm|off: one text, in quotes"),
            ("auth_basic $nope;", "f:3: \"auth_basic\" takes realm|off: variable \"$nope\""),
            ("auth_basic_user_file /a/$host;", "f:3: \"auth_basic_user_file\" takes path: variables are"),
            ("satisfy both;", "f:3: \"satisfy\" takes all or any"),
            ("expires soon;", "f:3: \"expires\" takes [modified] time|@time|epoch|max|off: \"soon\" is"),
            ("if ($uri = x) {\n return 404; }", "f:3: the only `if` known is"),
            ("if ($request_method = POST) {\n proxy_pass x; }", "f:4: \"proxy_pass\" in an `if`"),
            ("location ~ ( { }", "f:3: \"location\" takes"),
            ("location /a { }\nlocation ^~ /a { }", "f:4: location \"/a\" stands in this server twice"),
            ("server_name *;", "f:3: \"server_name\" takes name ...: \"*\" is no host name"),
            ("listen 80;\nlisten 80;", "f:4: 0.0.0.0:80 stands in this server twice"),
        ] {
            let found = settings(block).map(|_| ()).unwrap_err();
            assert!(found.starts_with(message), "{found}");
        }
    }

    #[test]
    fn realm_and_file_are_inherited_each_for_itself() {
        let login = |block: &str| {
            let settings = settings(block).unwrap();
            settings.login.map(|login| (login.realm.source().to_owned(), login.file.display().to_string()))
        };
        let both = "auth_basic outer; auth_basic_user_file /outer;";
        let of = |realm: &str, file: &str| Some((realm.to_owned(), file.to_owned()));
        assert_eq!(login(&format!("{both} location /a {{ }}")), of("outer", "/outer"));
        assert_eq!(login(&format!("{both} location /a {{ auth_basic inner; }}")), of("inner", "/outer"));
        assert_eq!(
            login(&format!("{both} location /a {{ auth_basic_user_file /inner; }}")),
            of("outer", "/inner")
        );
        assert_eq!(login(&format!("{both} location /a {{ auth_basic off; }}")), None);
        assert_eq!(login("auth_basic_user_file /outer;"), None);
        assert_eq!(
            login("auth_basic off; location /a { auth_basic OFF; auth_basic_user_file /a; }"),
            of("OFF", "/a")
        );
    }

    #[test]
    fn directives_that_nginx_does_not_inherit_are_not_inherited() {
        let inner = settings(
            "return 404; try_files $uri =404; allow all; deny all; error_page 404 /x; expires 1h;
             location /a { }",
        )
        .unwrap();
        assert!(inner.try_files.is_none() && inner.rewrite.added("GET").is_none());
        assert_eq!(inner.expires, Expires::Now(3600));
        assert_ne!((&inner.rules, &inner.error_pages), (&AddressRules::default(), &ErrorPages::default()));
    }
}

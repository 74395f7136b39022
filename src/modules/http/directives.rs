//! The module's directives.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Label, Repeat, Takes};
use crate::engine::access_logs::LogPath;

use super::access;
use super::added::{AddedHeader, Expires};
use super::auth::login::{self, Realm};
use super::error_page::ErrorPage;
use super::log_format::LogFormat;
use super::rewrite::{PathTemplate, Return};
use super::template::{Template, When};
use super::try_files::TryFiles;

const INNER: &[Context] = &[Context::HttpServer, Context::Location];

const NETWORK: Takes =
    Takes::Custom { syntax: "address|network|local|all", parse: |args| Custom::of(access::parse(args)) };

const EXPRESSION: Takes = Takes::Custom { syntax: "text", parse: |args| Custom::of(expression(args)) };

pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "root",
        contexts: Context::LOCATIONS,
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The folder from which files are served: the path of the URL is added to it. Symbolic links and \
              hidden files in it are not served. It may contain variables after a fixed folder, as in \
              `/srv/$host`.",
    },
    Directive {
        name: "alias",
        contexts: &[Context::Location],
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The folder that takes the place of the location's path: the rest of the URL's path is added to \
              it. In a location with a regular expression it is the path of the file itself and may contain \
              the groups `$1`, `$2` and so on.",
    },
    Directive {
        name: "index",
        contexts: Context::LOCATIONS,
        takes: Takes::Words { min: 1, max: 16, syntax: "file ..." },
        default: "index.html",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The file that is sent for a folder: the first one of these that exists.",
    },
    Directive {
        name: "autoindex",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether a folder without an index file is listed, with up to 4096 of the files and folders in it \
              that are served. Files in memory are not listed.",
    },
    Directive {
        name: "autoindex_exact_size",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether a folder listing shows sizes in bytes, or rounded to K, M and G.",
    },
    Directive {
        name: "autoindex_localtime",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Whether a folder listing shows times in the machine's time zone, or in UTC.",
    },
    Directive {
        name: "autoindex_format",
        contexts: Context::LOCATIONS,
        takes: Takes::OneOf(&["html", "json"]),
        default: "html",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The format of a folder listing.",
    },
    Directive {
        name: "types",
        contexts: Context::LOCATIONS,
        takes: Takes::Free(Label::None),
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Media types and their file extensions, as in `video/mp2t ts;`. They replace the built-in table. \
              If `include mime.types;` finds no such file, the built-in table is used, which has nginx's \
              types.",
    },
    Directive {
        name: "default_type",
        contexts: Context::LOCATIONS,
        takes: Takes::Text,
        default: "text/plain",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The media type of files whose extension is not known.",
    },
    Directive {
        name: "add_header",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom {
            syntax: "name value [always]",
            parse: |args| Custom::of(AddedHeader::parse(args)),
        },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Adds a header to responses with status 200, 201, 204, 206, 301 to 304, 307 or 308, and with \
              `always` to all. It replaces the server's own header of the same name. Blocks without any \
              add_header inherit those of the outer block. The value may contain variables; a header with an \
              empty value is not sent. Server, Date, Connection and the headers for the length of the body \
              cannot be replaced.",
    },
    Directive {
        name: "expires",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom {
            syntax: "[modified] time|@time|epoch|max|off",
            parse: |args| Custom::of(Expires::parse(args)),
        },
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Sets Expires and Cache-Control in the same responses: a time from now or (modified) from the \
              last change of the file, a time of day in UTC (@), as late as possible (max), or no caching (a \
              negative time, or epoch). off leaves the server's own: no-cache for playlists, one minute for \
              fragments.",
    },
    Directive {
        name: "return",
        contexts: INNER,
        takes: Takes::Custom {
            syntax: "code [text]|code URL|URL",
            parse: |args| Custom::of(Return::parse(args)),
        },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Sends a response at once: a status, a status with a text, or a redirect to a URL with 301, 302, \
              303, 307 or 308 (302 if no code is given). 444 closes the connection. In a server block it \
              applies to all requests. Text and URL may contain variables.",
    },
    Directive {
        name: "if",
        contexts: INNER,
        takes: Takes::Free(Label::Any { syntax: "($request_method = METHOD)" }),
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Settings for requests with a certain method, compared with `=`, `!=`, `~`, `~*`, `!~` or `!~*`. \
              The block may contain add_header, which replaces the outer ones, and return. With return alone the condition \
              may also be on `$host`, `$http_host`, `$server_name`, `$server_port`, `$scheme`, `$https`, `$ssl_client_verify` \
              and the other variables of TLS, and `$secure_link`. Other conditions are an error.",
    },
    Directive {
        name: "try_files",
        contexts: INNER,
        takes: Takes::Custom {
            syntax: "file ... path|@name|=code",
            parse: |args| Custom::of(TryFiles::parse(args)),
        },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Sends the first of these files that exists; a name that ends with a slash is a folder. If none \
              exists, the request continues with the last argument: another path, a location, or a status. \
              `$uri` is the path of the request.",
    },
    Directive {
        name: "error_page",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom {
            syntax: "code ... [=[code]] path|@name|URL",
            parse: |args| Custom::of(ErrorPage::parse(args)),
        },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "What is sent in place of an error: the response of another path or location, or a redirect to a \
              URL. The status is that of the error, the one given after `=`, or, with `=` alone, that of the \
              new response. If that fails as well, the server's own error page is sent.",
    },
    Directive {
        name: "internal",
        contexts: &[Context::Location],
        takes: Takes::Words { min: 0, max: 0, syntax: "nothing" },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Clients get 404 in this location; only error_page and try_files can use it.",
    },
    Directive {
        name: "allow",
        contexts: Context::LOCATIONS,
        takes: NETWORK,
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Allows access from an address or a network, such as `192.168.0.0/16` or `2001:db8::/32`. The \
              first allow or deny that matches decides; if none matches, access is allowed. Blocks that have \
              neither inherit those of the outer block. `local` stands for the programs of this machine: they come by \
              loopback, ask for localhost or 127.0.0.1, and no proxy's header (Forwarded, Via, X-Forwarded-For, \
              X-Real-IP) says that they ask for somebody else. A client of a Unix socket may be a proxy, and is not local: \
              `unix:` stands for those.",
    },
    Directive {
        name: "deny",
        contexts: Context::LOCATIONS,
        takes: NETWORK,
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Denies access from an address, a network or (local) from the programs of this machine, with status 403.",
    },
    Directive {
        name: "auth_basic",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom { syntax: "realm|off", parse: |args| Custom::of(Realm::parse(args)) },
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Asks clients for a user and a password of auth_basic_user_file, with status 401; browsers show the realm. \
              A right password is remembered for 60 s. Wrong ones are counted, and an address that has shown too many gets \
              429. At most 16 passwords wait to be checked; more get 503. Answers of return are given before.",
    },
    Directive {
        name: "auth_basic_user_file",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom { syntax: "path", parse: |args| Custom::of(login::parse_file(args)) },
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The file with the users and passwords of auth_basic, in the formats of publish_user_file. It is read for each \
              password that is checked, so a change needs no reload.",
    },
    Directive {
        name: "satisfy",
        contexts: Context::LOCATIONS,
        takes: Takes::OneOf(&["all", "any"]),
        default: "all",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "What a client needs where there are allow or deny and auth_basic: all, an address that may ask and a password; \
              or any, an address that an allow matches or a password.",
    },
    Directive {
        name: "secure_link",
        contexts: Context::LOCATIONS,
        takes: EXPRESSION,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "What a link shows: the MD5 of secure_link_md5 in base64url, and after a comma the time (seconds since 1970) at \
              which the link expires, such as `$arg_md5,$arg_expires`. The variable $secure_link is then empty for a \
              wrong link, 0 for an expired and 1 for a right one. By itself it refuses nothing: write \
              `if ($secure_link = \"\") { return 403; }`.",
    },
    Directive {
        name: "secure_link_md5",
        contexts: Context::LOCATIONS,
        takes: EXPRESSION,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The text whose MD5 a link shows. It has a secret in it, such as \
              `$secure_link_expires$uri$remote_addr SECRET`.",
    },
    Directive {
        name: "secure_link_secret",
        contexts: &[Context::Location],
        takes: Takes::Text,
        default: "",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "A secret word, for links /PREFIX/HASH/LINK whose HASH is the MD5 of LINK and the word, in hexadecimal. \
              $secure_link is then LINK, or empty for a wrong link. The links do not expire.",
    },
    Directive {
        name: "rewrite",
        contexts: INNER,
        takes: Takes::Custom { syntax: "^ path", parse: |args| Custom::of(PathTemplate::parse(args)) },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "Leads every request of the block to another path, which may have variables in it, such as \
              `^ /files/$secure_link`. Of nginx's patterns only ^ is known.",
    },
    Directive {
        name: "access_log",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom {
            syntax: "path|syslog:server=address[,...] [format]|off",
            parse: |args| Custom::of(LogPath::parse(args)),
        },
        default: "off",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "A file to which a line is written for each request, within a second after the response was sent, or a \
              server of syslog as in error_log, to which the line is sent at once. \
              If the file is moved away, a new one is made. FIFOs and links are treated as in error_log. The \
              parameters buffer= and flush= of nginx are accepted and have no effect.",
    },
    Directive {
        name: "log_format",
        contexts: &[Context::Http],
        takes: Takes::Custom {
            syntax: "name [escape=default|json|none] text ...",
            parse: |args| Custom::of(LogFormat::parse_named(args)),
        },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::AtOnce,
        doc: "The format of the lines of an access log. `combined`, which is nginx's own, is built in.",
    },
];

/// Reads a text with variables, which may be a secret: an error does not quote it.
fn expression(args: &[String]) -> Result<Template, String> {
    match args {
        [text] => Template::parse(text, When::Request),
        _ => Err("one text, in quotes if it has blanks".to_owned()),
    }
}

//! The module's directives.

use crate::conf::value::Custom;
use crate::conf::{Context, Directive, Label, Repeat, Takes};

use super::access;
use super::access_log::{LogFormat, LogPath};
use super::added::{AddedHeader, Expires};
use super::error_page::ErrorPage;
use super::rewrite::Return;
use super::try_files::TryFiles;

const INNER: &[Context] = &[Context::HttpServer, Context::Location];

const NETWORK: Takes =
    Takes::Custom { syntax: "address|network|all", parse: |args| Custom::of(access::parse(args)) };

pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "root",
        contexts: Context::LOCATIONS,
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        doc: "The folder to serve: a file's path is this one followed by the whole path of the URL. \
              Symbolic links and hidden files below it are not served. It may have variables behind a folder \
              without any, such as `/srv/$host`.",
    },
    Directive {
        name: "alias",
        contexts: &[Context::Location],
        takes: Takes::Path,
        default: "",
        repeat: Repeat::Once,
        doc: "The folder that stands for the location's own path: what follows that path names the file. In a \
              location with a regular expression it is the file itself, with `$1` and so on for its groups.",
    },
    Directive {
        name: "index",
        contexts: Context::LOCATIONS,
        takes: Takes::Words { min: 1, max: 16, syntax: "file ..." },
        default: "index.html",
        repeat: Repeat::Once,
        doc: "The file to send for a folder: the first of these that exists.",
    },
    Directive {
        name: "autoindex",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Whether a folder without an index is listed: the files and folders in it that are served, up to 4096. \
              Files in memory are not listed.",
    },
    Directive {
        name: "autoindex_exact_size",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "on",
        repeat: Repeat::Once,
        doc: "Whether sizes in a list are bytes, or rounded to K, M and G.",
    },
    Directive {
        name: "autoindex_localtime",
        contexts: Context::LOCATIONS,
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        doc: "Whether times in a list are of the machine's time zone, or UTC.",
    },
    Directive {
        name: "autoindex_format",
        contexts: Context::LOCATIONS,
        takes: Takes::OneOf(&["html", "json"]),
        default: "html",
        repeat: Repeat::Once,
        doc: "What a list is.",
    },
    Directive {
        name: "types",
        contexts: Context::LOCATIONS,
        takes: Takes::Free(Label::None),
        default: "",
        repeat: Repeat::Many,
        doc: "Media types and their file extensions, `video/mp2t ts;` each, in place of the built-in table. \
              `include mime.types;` where there is no such file leaves the built-in table, which has nginx's types.",
    },
    Directive {
        name: "default_type",
        contexts: Context::LOCATIONS,
        takes: Takes::Text,
        default: "text/plain",
        repeat: Repeat::Once,
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
        doc: "A header for answers with status 200, 201, 204, 206, 301 to 304, 307 or 308; for all of them with \
              `always`. It takes the place of the server's own of that name. Levels that add none inherit \
              those above. The value may have variables; an empty one is not sent. Server, Date, Connection and \
              what frames a body are always the server's own.",
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
        doc: "Expires and Cache-Control for the same answers: so long from now or from when the file was changed, \
              at a time of the day in UTC, or not to be kept (a time below zero, or epoch). off leaves the server's \
              own: no-cache for playlists, a minute for fragments.",
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
        doc: "Answers at once: with a status, a status and a text, or 301, 302, 303, 307 or 308 and where to go on \
              (302 without a code). 444 hangs up. In a server it is for all requests. Text and URL may have variables.",
    },
    Directive {
        name: "if",
        contexts: INNER,
        takes: Takes::Free(Label::Any { syntax: "($request_method = METHOD)" }),
        default: "",
        repeat: Repeat::Many,
        doc: "What holds for a method, with `=`, `!=`, `~`, `~*`, `!~` or `!~*`: add_header in place of those \
              around, and return. Other conditions are an error.",
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
        doc: "Sends the first of several files that is there, or folders if they end with a slash; if none is, the \
              request goes on at the last path or location, or gets the status. `$uri` is the path that is asked for.",
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
        doc: "What is sent for an error: what is at another path, with the error's status, or with another one, or \
              after a mere = with its own; or where to go on. An error on the way there has no page but the \
              server's own.",
    },
    Directive {
        name: "internal",
        contexts: &[Context::Location],
        takes: Takes::Words { min: 0, max: 0, syntax: "nothing" },
        default: "",
        repeat: Repeat::Once,
        doc: "For clients there is nothing here: only error_page and try_files lead to it.",
    },
    Directive {
        name: "allow",
        contexts: Context::LOCATIONS,
        takes: NETWORK,
        default: "",
        repeat: Repeat::Many,
        doc: "An address, or a network such as `192.168.0.0/16` or `2001:db8::/32`, that may ask. The first allow or \
              deny that fits decides; where none does, anybody may. Levels that have neither inherit those above.",
    },
    Directive {
        name: "deny",
        contexts: Context::LOCATIONS,
        takes: NETWORK,
        default: "",
        repeat: Repeat::Many,
        doc: "An address or a network that may not: it gets 403.",
    },
    Directive {
        name: "access_log",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom { syntax: "path [format]|off", parse: |args| Custom::of(LogPath::parse(args)) },
        default: "off",
        repeat: Repeat::Many,
        doc: "A file to which a line is written for each request that has been answered, within a second. A file that \
              is moved away is begun anew. A FIFO and links are as in error_log. nginx's buffer= and flush= mean nothing here.",
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
        doc: "What a line of an access log has; `combined`, nginx's own, is there anyway.",
    },
];

//! Static files by location: playlists, fragments, recordings and the pages around them.
//!
//! `root` and `alias` say where a location's files are, the rest how they are sent. A location with
//! neither is left to others, so this module stands after those that answer from memory.

mod lookup;
mod preflight;
mod reply;
mod settings;

use crate::conf::{self, Context, Directive, Label, Repeat, Takes};
use crate::engine::{Config, Ctx, HttpReply, HttpRequest, Module};

use settings::Settings;

const EVERYWHERE: &[Context] = &[Context::Http, Context::HttpServer, Context::Location];

const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "root",
        contexts: EVERYWHERE,
        takes: Takes::Text,
        default: "",
        repeat: Repeat::Once,
        doc: "The folder to serve: a file's path is this one followed by the whole path of the URL. \
              Symbolic links and hidden files below it are not served.",
    },
    Directive {
        name: "alias",
        contexts: &[Context::Location],
        takes: Takes::Text,
        default: "",
        repeat: Repeat::Once,
        doc: "The folder that stands for the location's own path: what follows that path names the file.",
    },
    Directive {
        name: "index",
        contexts: EVERYWHERE,
        takes: Takes::Words { min: 1, max: 16, syntax: "file ..." },
        default: "index.html",
        repeat: Repeat::Once,
        doc: "The file to send for a folder: the first of these that exists.",
    },
    Directive {
        name: "types",
        contexts: EVERYWHERE,
        takes: Takes::Free(Label::None),
        default: "",
        repeat: Repeat::Many,
        doc: "Media types and their file extensions, `video/mp2t ts;` each, in place of the built-in table.",
    },
    Directive {
        name: "default_type",
        contexts: EVERYWHERE,
        takes: Takes::Text,
        default: "text/plain",
        repeat: Repeat::Once,
        doc: "The media type of files whose extension is not known.",
    },
    Directive {
        name: "add_header",
        contexts: EVERYWHERE,
        takes: Takes::Words { min: 2, max: 3, syntax: "name value [always]" },
        default: "",
        repeat: Repeat::Many,
        doc: "A header for answers with status 200, 201, 204, 206, 301 to 304, 307 or 308; for all of them with \
              `always`. It takes the place of the server's own of that name. Levels that add none inherit \
              those above. The value may hold $http_NAME and $host. Server, Date, Connection and what frames a body \
              are always the server's own.",
    },
    Directive {
        name: "if",
        contexts: &[Context::HttpServer, Context::Location],
        takes: Takes::Free(Label::Any { syntax: "($request_method = OPTIONS)" }),
        default: "",
        repeat: Repeat::Once,
        doc: "Only `if ($request_method = OPTIONS) { add_header ...; return 204; }`: the answer to OPTIONS.",
    },
];

/// The module.
#[derive(Debug, Default)]
pub struct Http {
    /// By location id; none where no files are served.
    locations: Vec<Option<Settings>>,
}

impl Module for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn directives(&self) -> &'static [Directive] {
        DIRECTIVES
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Error> {
        self.locations = config.locations.iter().map(Settings::read).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn on_http(&mut self, cx: &mut Ctx, request: &HttpRequest<'_>) -> Option<HttpReply> {
        let settings = self.locations.get(request.location.0)?.as_ref()?;
        Some(reply::answer(settings, request.request, &cx.memory))
    }
}

//! The module's directives.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use super::origin::Origins;

pub const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "flv_live",
        contexts: &[Context::Location],
        takes: Takes::Flag,
        default: "off",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Sends live streams as HTTP-FLV, and as WebSocket-FLV to who asks for a WebSocket. The URL is \
              `/APPLICATION/NAME.flv` or `/APPLICATION/NAME.live.flv`, where the location's path may come first; or any path \
              of the location with `?app=APPLICATION&stream=NAME`. If several RTMP servers have an application of \
              that name, `port=PORT` says which one is meant, else it is the first. `onlyaudio=1` and \
              `onlyvideo=1` ask for one track. A live stream goes before a file of the same path, and before try_files; a page that the query is for goes before the stream. Players pass the same \
              checks as those of RTMP, with the other arguments of the URL; an application whose RTMP server wants certificates of its clients is for those who have shown \
              one here. docs/http-flv.md is the guide.",
    },
    Directive {
        name: "flv_compat",
        contexts: Context::LOCATIONS,
        takes: Takes::OneOf(&["browser", "raw"]),
        default: "browser",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "What players get of a stream over HTTP-FLV. browser: what mpegts.js and flv.js in web pages can read. \
              Enhanced RTMP is rewritten to the older form where there is one, and what such a player takes for an error is left \
              out: further tracks, HDR metadata, codecs that it does not know. raw: all messages, as they were published, \
              for ffmpeg and other servers.",
    },
    Directive {
        name: "flv_timestamps",
        contexts: Context::LOCATIONS,
        takes: Takes::OneOf(&["stream", "player", "raw"]),
        default: "stream",
        repeat: Repeat::Once,
        acts: Acts::NextSession,
        doc: "Where the timestamps of HTTP-FLV begin. stream: at 0 with the stream, so that all players are sent the same bytes. \
              player: at 0 for each player, which costs a header of its own for each player and frame. raw: those of the stream, \
              as players of RTMP get them. A pause within publish_grace is left out by stream, and is in the two others.",
    },
    Directive {
        name: "flv_origin",
        contexts: Context::LOCATIONS,
        takes: Takes::Custom { syntax: "*|origin ...", parse: |args| Custom::of(Origins::parse(args)) },
        default: "*",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "The web pages that may play over HTTP-FLV and WebSocket-FLV, by their origin such as `https://example.com` or \
              `https://*.example.com`; `null` stands for pages without one, such as local files. Pages of the same host and port \
              always may. Browsers with a page of another origin get 403. Programs that are no browsers send no origin, and are not \
              meant. The default are all pages.",
    },
];

//! The module's directives: nginx-rtmp's names, units and defaults, and a few of our own.

use crate::conf::value::Custom;
use crate::conf::{Context, Directive, Repeat, Takes};

use crate::modules::hls::settings::variant::{self, Variant};
use crate::modules::hls::settings::{self, Ending};

/// A directive of the usual contexts, given once.
const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    Directive { name, contexts: Context::APPLICATIONS, takes, default, repeat: Repeat::Once, doc }
}

pub const DIRECTIVES: &[Directive] = &[
    row(
        "hls",
        Takes::Flag,
        "off",
        "Writes streams as HLS into hls_path: H.264, H.265, AAC, MP3, AC-3 and E-AC-3.",
    ),
    row("hls_path", Takes::Path, "", "The directory of playlists and fragments; made if it is missing."),
    row(
        "hls_fragment",
        Takes::Time,
        "5s",
        "The shortest fragment: it ends at the first key frame from then on, and with six pictures. EXT-X-TARGETDURATION is this, \
         or what key frames further apart make of it, and stays as it is first written: a fragment that \
         would become longer ends at an earlier key frame, or without one.",
    ),
    row(
        "hls_max_fragment",
        Takes::Time,
        "0",
        "The longest fragment: it ends then without a key frame, also before a target duration has been told. \
         0 means ten times hls_fragment. Pictures that come seldom have up to 75s all the same.",
    ),
    row(
        "hls_playlist_length",
        Takes::Time,
        "30s",
        "How much the playlist lists: as many of the newest fragments as cover it, at least three of them and \
         three target durations.",
    ),
    row(
        "hls_nested",
        Takes::Flag,
        "off",
        "Gives each stream a directory, NAME/index.m3u8 and NAME/ID.ts, in place of NAME.m3u8 and \
         NAME-ID.ts.",
    ),
    row(
        "hls_fragment_naming",
        Takes::OneOf(&["sequential", "timestamp", "system"]),
        "sequential",
        "What a fragment's ID is: a counter, the publisher's timestamp in 90 kHz, or the time in \
         milliseconds since 1970. It only ever grows.",
    ),
    row(
        "hls_fragment_naming_granularity",
        Takes::Number(0, 1_000_000_000),
        "0",
        "Makes IDs multiples of this; 0 leaves them as they are.",
    ),
    row(
        "hls_fragment_slicing",
        Takes::OneOf(&["plain", "aligned"]),
        "plain",
        "Where fragments end: hls_fragment after they began, or where the publisher's timestamp passes a \
         multiple of it, which is the same place in all variants of a stream.",
    ),
    row(
        "hls_type",
        Takes::OneOf(&["live", "event"]),
        "live",
        "An event's playlist lists all fragments from its beginning, and nothing is ever deleted.",
    ),
    row(
        "hls_fast_start",
        Takes::Flag,
        "on",
        "Ends fragments at every key frame until players can start: until the playlist has three of them and as much as one \
         target duration.",
    ),
    row(
        "hls_endlist",
        Takes::Custom { syntax: settings::ENDLIST_SYNTAX, parse: |args| Custom::of(Ending::parse(args)) },
        "on",
        "How long after its publisher has gone a playlist says, with EXT-X-ENDLIST, that the stream has ended. A stream \
         that comes back before continues its playlist behind a discontinuity, and viewers play on. on waits for \
         publish_grace, at least 30s; off never says it; 0 says it at once.",
    ),
    row(
        "hls_cleanup",
        Takes::Flag,
        "on",
        "Deletes fragments some time after they have left the playlist, and all of a stream's when its publisher has been \
         gone for twice the length of its playlist, or three fragments longer than hls_endlist; also what an earlier run of \
         the server has left.",
    ),
    row(
        "hls_continuous",
        Takes::Flag,
        "on",
        "Keeps the old fragments listed when a stream starts again. When off the list starts anew, unless the stream comes \
         back before its end is told (hls_endlist); the numbers go on in both cases.",
    ),
    Directive {
        repeat: Repeat::Many,
        ..row(
            "hls_variant",
            Takes::Custom { syntax: variant::SYNTAX, parse: |args| Custom::of(Variant::parse(args)) },
            "",
            "Makes a stream whose name ends in the suffix a variant in the master playlist of the name without \
             it, BASE.m3u8. Attributes of EXT-X-STREAM-INF that are not given are measured.",
        )
    },
    row(
        "hls_base_url",
        Takes::Text,
        "",
        "What stands before the fragments' and variants' names in playlists.",
    ),
    row("hls_keys", Takes::Flag, "off", "Encrypts fragments: AES-128, a fresh IV for each."),
    row(
        "hls_key_path",
        Takes::Path,
        "",
        "The directory of the keys, NAME-ID.key or NAME/ID.key; by default hls_path.",
    ),
    row("hls_key_url", Takes::Text, "", "What stands before the keys' names in playlists."),
    row(
        "hls_fragments_per_key",
        Takes::Number(0, 1_000_000),
        "0",
        "How many fragments have the same key; 0 means all, until the stream ends.",
    ),
    row(
        "hls_memory",
        Takes::Flag,
        "off",
        "Keeps playlists, fragments and keys in memory, where this server's HTTP finds them under hls_path, \
         and writes nothing.",
    ),
    Directive {
        contexts: &[Context::Rtmp],
        ..row(
            "hls_memory_size",
            Takes::Size(settings::SMALLEST_MEMORY, u64::MAX),
            "128m",
            "The most that all files of hls_memory take up together, also what is being written, and what has been deleted \
             while somebody is being sent it. Late clients are hung up on; a stream that finds no room lists less.",
        )
    },
    row("hls_max_audio_delay", Takes::Time, "300ms", "How much audio is gathered into one packet at most."),
    row(
        "hls_audio_buffer_size",
        Takes::Size(0, u64::MAX),
        "1m",
        "How many bytes of audio are gathered into one packet at most; 64k is as much as a packet holds.",
    ),
    row(
        "hls_sync",
        Takes::Time,
        "2ms",
        "Audio timestamps this close to where the sample count puts them are put there. 0 leaves all as they \
         are.",
    ),
];

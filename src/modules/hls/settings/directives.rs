//! The module's directives: nginx-rtmp's names, units and defaults, and a few of our own.

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Repeat, Takes};

use crate::modules::hls::settings::tokens::{self, TokenLine};
use crate::modules::hls::settings::variant::{self, Variant};
use crate::modules::hls::settings::{self, Ending};

/// A directive of the usual contexts, given once. It acts at the next publish, as an output keeps the settings it began
/// with.
const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    let (contexts, repeat, acts) = (Context::APPLICATIONS, Repeat::Once, Acts::NextPublish);
    Directive { name, contexts, takes, default, repeat, acts, doc }
}

pub const DIRECTIVES: &[Directive] = &[
    row(
        "hls",
        Takes::Flag,
        "off",
        "Whether streams are written as HLS. The codecs are H.264, H.265, AAC, MP3, AC-3 and E-AC-3.",
    ),
    row(
        "hls_path",
        Takes::Path,
        "",
        "The folder for playlists and fragments. It is created if it does not exist.",
    ),
    row(
        "hls_fragment",
        Takes::Time,
        "5s",
        "The shortest length of a fragment: it ends at the first key frame after this time, and not before it \
         has six video frames. EXT-X-TARGETDURATION is this length, or longer if the distance of key frames \
         makes fragments longer. It is decided with the first fragment and does not change: a fragment that \
         would become longer ends at an earlier key frame, or without one.",
    ),
    row(
        "hls_max_fragment",
        Takes::Time,
        "0",
        "The longest length of a fragment: it ends after this time even if no key frame has come. 0 means ten \
         times hls_fragment. If there are several seconds between two video frames, a fragment may have up to \
         75s.",
    ),
    row(
        "hls_playlist_length",
        Takes::Time,
        "30s",
        "How many seconds the playlist lists: as many of the newest fragments as are needed for this time, \
         and at least three fragments and three target durations.",
    ),
    row(
        "hls_nested",
        Takes::Flag,
        "off",
        "Whether each stream has a folder of its own, with NAME/index.m3u8 and NAME/ID.ts in place of \
         NAME.m3u8 and NAME-ID.ts.",
    ),
    row(
        "hls_fragment_naming",
        Takes::OneOf(&["sequential", "timestamp", "system"]),
        "sequential",
        "How the ID in a fragment's name is made: a counter (sequential), the publisher's timestamp in \
         1/90000 s (timestamp), or the time in milliseconds since 1970 (system). IDs never decrease.",
    ),
    row(
        "hls_fragment_naming_granularity",
        Takes::Number(0, 1_000_000_000),
        "0",
        "Makes the IDs multiples of this number; 0 leaves them as they are.",
    ),
    row(
        "hls_fragment_slicing",
        Takes::OneOf(&["plain", "aligned"]),
        "plain",
        "Where fragments end: with plain, hls_fragment after their beginning; with aligned, where the \
         publisher's timestamp passes a multiple of hls_fragment, which is the same place in all variants of \
         a stream.",
    ),
    row(
        "hls_type",
        Takes::OneOf(&["live", "event"]),
        "live",
        "With event, the playlist lists all fragments from the beginning of the stream on, and none is \
         removed.",
    ),
    row(
        "hls_fast_start",
        Takes::Flag,
        "on",
        "Whether the first fragments are short, so that players can start sooner: fragments end at every key \
         frame until the playlist has three fragments and at least one target duration.",
    ),
    row(
        "hls_endlist",
        Takes::Custom { syntax: settings::ENDLIST_SYNTAX, parse: |args| Custom::of(Ending::parse(args)) },
        "on",
        "How long after the publisher has gone the playlist is ended with EXT-X-ENDLIST, which stops players. \
         If the stream is published again before, it continues its playlist behind a discontinuity, and \
         players continue. on means the time of publish_grace, and at least 30s; off never ends the playlist; \
         0 ends it at once.",
    ),
    row(
        "hls_cleanup",
        Takes::Flag,
        "on",
        "Whether files are removed: a fragment some time after it has left the playlist; all files of a \
         stream after its publisher has been gone for twice the length of the playlist, or for three \
         fragments longer than hls_endlist, if that is longer. Files that an earlier run of the server has \
         left are removed, too.",
    ),
    row(
        "hls_continuous",
        Takes::Flag,
        "on",
        "Whether the old fragments stay in the playlist when a stream is published again. When off, a new \
         playlist begins, unless the stream comes back before its playlist has been ended (hls_endlist). The \
         numbers of fragments continue in both cases.",
    ),
    Directive {
        repeat: Repeat::Many,
        ..row(
            "hls_variant",
            Takes::Custom { syntax: variant::SYNTAX, parse: |args| Custom::of(Variant::parse(args)) },
            "",
            "Streams whose name ends in this suffix are variants in the master playlist BASE.m3u8, where \
             BASE is the name without the suffix. Attributes of EXT-X-STREAM-INF that are not given are \
             measured.",
        )
    },
    row(
        "hls_base_url",
        Takes::Text,
        "",
        "A text that is put before the names of fragments and variants in playlists, such as the URL of a \
         CDN.",
    ),
    row(
        "hls_keys",
        Takes::Flag,
        "off",
        "Whether fragments are encrypted, with AES-128 and a new IV for each.",
    ),
    row(
        "hls_key_path",
        Takes::Path,
        "",
        "The folder for the keys, which are called NAME-ID.key or NAME/ID.key. The default is hls_path.",
    ),
    row("hls_key_url", Takes::Text, "", "A text that is put before the names of keys in playlists."),
    row(
        "hls_fragments_per_key",
        Takes::Number(0, 1_000_000),
        "0",
        "How many fragments are encrypted with the same key; 0 means one key until the stream ends.",
    ),
    row(
        "hls_memory",
        Takes::Flag,
        "off",
        "Whether playlists, fragments and keys are kept in memory and nothing is written to a disk. The HTTP \
         server of Millstream serves them as if they were files in hls_path.",
    ),
    Directive {
        contexts: &[Context::Rtmp],
        acts: Acts::AtOnce,
        ..row(
            "hls_memory_size",
            Takes::Size(settings::SMALLEST_MEMORY, u64::MAX),
            "128m",
            "The maximum memory for all files of hls_memory together, including fragments that are being \
             written, removed ones that are still being sent, and the frames and buffers that streams keep for the next ones. When it is used up, connections that read \
             removed fragments are closed, and a stream that finds no room lists fewer fragments.",
        )
    },
    Directive {
        acts: Acts::AtOnce,
        ..row(
            "hls_max_viewers",
            Takes::Number(0, 0xffff_ffff),
            "0",
            "The maximum number of viewers of an application's HLS; 0 means no limit. Further viewers get 503. A viewer \
             counts until it has asked for no playlist for three target durations.",
        )
    },
    Directive {
        acts: Acts::AtOnce,
        ..row(
            "hls_max_viewers_per_address",
            Takes::Number(0, 0xffff_ffff),
            "0",
            "The same for the viewers from one IP address (from one network of 64 bits with IPv6). Loopback addresses, and \
             proxies that do not tell their clients' addresses (set_real_ip_from), have no limit.",
        )
    },
    Directive {
        acts: Acts::AtOnce,
        ..row(
            "hls_sessions",
            Takes::Flag,
            "off",
            "Whether callbacks are called for viewers of HLS as for players of RTMP: on_play when a viewer begins, \
             on_play_done and on_done when it has asked for no playlist for three target durations.",
        )
    },
    Directive {
        acts: Acts::AtOnce,
        ..row(
            tokens::DIRECTIVE,
            Takes::Custom { syntax: "SECRET|off", parse: |args| Custom::of(TokenLine::parse(args)) },
            "off",
            "The secret of the tokens in playlists, which open fragments and keys to viewers, in applications \
             where a viewer has to show something or a backend is asked. Servers behind one name need the same \
             SECRET. With off, each hls_path has a random one, kept in its file .millstream-tokens.",
        )
    },
    row(
        "hls_max_audio_delay",
        Takes::Time,
        "300ms",
        "The longest time of audio in one packet of the transport stream.",
    ),
    row(
        "hls_audio_buffer_size",
        Takes::Size(0, u64::MAX),
        "1m",
        "How many bytes of audio one packet of the transport stream may have; a packet cannot have more than \
         64k.",
    ),
    row(
        "hls_sync",
        Takes::Time,
        "2ms",
        "If an audio timestamp differs from the one that follows from the number of samples by no more than \
         this time, it is replaced by that one. 0 leaves all timestamps as they are.",
    ),
];

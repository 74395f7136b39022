//! The directives of recording.

use super::interval::{self, Interval};
use super::settings;
use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Label, Repeat, Takes};

/// A row that may stand everywhere. It acts at the next publish, as a recording keeps the settings it began with.
const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    let (contexts, repeat, acts) = (Context::RECORDERS, Repeat::Once, Acts::NextPublish);
    Directive { name, contexts, takes, default, repeat, acts, doc }
}

pub(super) const DIRECTIVES: &[Directive] = &[
    row(
        "record",
        Takes::AnyOf(&["off", "all", "audio", "video", "keyframes", "manual"]),
        "off",
        "What is recorded of each stream; keyframes means the key frames of the video only. With manual, a \
         stream is recorded only when an operator starts the recorder (rtmp_control, or the API), or if its \
         publisher asks for it: the publish type record begins a new file, append continues the existing one.",
    ),
    row("record_path", Takes::Path, "", "The folder for recordings. It is created if it does not exist."),
    row(
        "record_suffix",
        Takes::Text,
        ".flv",
        "The end of a recording's file name, after the stream's name. It may contain the % patterns of \
         strftime, which are replaced by the local time at which the file begins.",
    ),
    row(
        "record_unique",
        Takes::Flag,
        "off",
        "Whether the time, in seconds since 1970, is put between the stream's name and record_suffix.",
    ),
    row(
        "record_append",
        Takes::Flag,
        "off",
        "Whether a stream that is published again continues in its existing file. If a crash has left an \
         incomplete end, that is cut off first. A file that is full, that belongs to another stream, or that \
         is not FLV is not changed; a new file is made under the next free name.",
    ),
    row(
        "record_lock",
        Takes::Flag,
        "off",
        "Whether a file is locked (fcntl write lock) while it is recorded, so that other programs can tell. A \
         file that another program has locked is not appended to.",
    ),
    row(
        "record_max_size",
        Takes::Size(0, u64::MAX),
        "0",
        "The maximum size of a file. The next file begins at the last key frame before the limit, which the \
         server chooses by the size of the GOPs so far. With record_interval the file ends at this size, and \
         nothing is recorded until the interval is over. 0 means no limit.",
    ),
    row(
        "record_max_frames",
        Takes::Number(0, u32::MAX as u64),
        "0",
        "The maximum number of video frames in a file, or of audio frames if there is no video. Codec headers \
         are not counted. The next file begins at a key frame, as with record_max_size. With record_interval \
         the file ends at this number, and nothing is recorded until the interval is over. 0 means no limit.",
    ),
    row(
        "record_interval",
        Takes::Custom { syntax: interval::SYNTAX, parse: |args| Custom::of(Interval::parse(args)) },
        "off",
        "How long a file is: the next one begins at the first key frame after this time. With aligned, files \
         end when the local time is a multiple of it, for example at full hours.",
    ),
    Directive {
        acts: Acts::AtOnce,
        ..row(
            "record_keep",
            Takes::Custom { syntax: "time|off", parse: |args| Custom::of(settings::parse_keep(args)) },
            "off",
            "How long recordings are kept after their end. Older ones are removed, also those of streams that are \
             no longer published. Only files that this recorder has made are removed: they are in record_path, \
             have a name that it gives, and name their stream and recorder in the metadata. A file that is being \
             written is never removed. off keeps all.",
        )
    },
    Directive {
        acts: Acts::AtOnce,
        ..row(
            "record_min_free",
            Takes::Size(0, u64::MAX),
            "0",
            "How much space must be free on the disk of record_path. While less is free, the oldest finished \
             recordings of the recorder are removed, by the same rules as with record_keep. 0 removes nothing.",
        )
    },
    row(
        "record_notify",
        Takes::Flag,
        "off",
        "Whether the publisher is told about its recordings by onStatus: NetStream.Record.Start, Stop and \
         Failed, with the name of the recorder as the description.",
    ),
    Directive {
        name: "recorder",
        contexts: &[Context::Application],
        takes: Takes::Block { opens: Context::Recorder, label: Label::Name },
        default: "",
        repeat: Repeat::Many,
        acts: Acts::NextPublish,
        doc: "An additional recording of each stream in the application. Settings that are not given in the \
              block are those of the application.",
    },
];

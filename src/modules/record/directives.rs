//! The directives of recording.

use super::interval::{self, Interval};
use super::settings;
use crate::conf::value::Custom;
use crate::conf::{Context, Directive, Label, Repeat, Takes};

/// A row that may stand everywhere.
const fn row(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Directive {
    Directive { name, contexts: Context::RECORDERS, takes, default, repeat: Repeat::Once, doc }
}

pub(super) const DIRECTIVES: &[Directive] = &[
    row(
        "record",
        Takes::AnyOf(&["off", "all", "audio", "video", "keyframes", "manual"]),
        "off",
        "What is recorded of each stream; keyframes are video key frames only. With manual, only streams are \
         recorded whose publisher asks for it: by the type record into a new file, by the type append into the one \
         that is there.",
    ),
    row("record_path", Takes::Path, "", "The folder for recordings; made when missing."),
    row(
        "record_suffix",
        Takes::Text,
        ".flv",
        "What follows the stream's name in a file's name; with % signs, a strftime pattern that gets the local time of \
         the file's beginning.",
    ),
    row(
        "record_unique",
        Takes::Flag,
        "off",
        "Whether the time, in seconds since 1970, goes between name and suffix.",
    ),
    row(
        "record_append",
        Takes::Flag,
        "off",
        "Whether a stream that is published again goes on in its file; a torn end, as a crash leaves it, is cut off \
         first. A file that is full, of another stream or no FLV is left alone, and the next name is taken.",
    ),
    row(
        "record_lock",
        Takes::Flag,
        "off",
        "Whether a file has an fcntl write lock while it is recorded, so that other programs can tell. One that \
         another program has locked is not appended to.",
    ),
    row(
        "record_max_size",
        Takes::Size(0, u64::MAX),
        "0",
        "The size at which the next file begins, at a key frame: early enough for a group of pictures as large as \
         those before it to stay below. With record_interval the file ends at this size, and nothing is recorded until \
         the interval is over. 0 is no limit.",
    ),
    row(
        "record_max_frames",
        Takes::Number(0, u32::MAX as u64),
        "0",
        "The number of video frames, or of audio frames without video, at which the next file begins in the same way; \
         codec headers are not counted. With record_interval the file ends there, and nothing is recorded until the \
         interval is over. 0 is no limit.",
    ),
    row(
        "record_interval",
        Takes::Custom { syntax: interval::SYNTAX, parse: |args| Custom::of(Interval::parse(args)) },
        "off",
        "How long a file is: the next one begins at the first key frame from then on. With aligned, files end when \
         the local time is a multiple of it, such as the full hour.",
    ),
    row(
        "record_keep",
        Takes::Custom { syntax: "time|off", parse: |args| Custom::of(settings::parse_keep(args)) },
        "off",
        "How long the recordings of a recorder are kept after their end: older ones are deleted, those of streams that \
         are gone, too. Only files in record_path are, with the recorder's names, whose heads say that it has made them; \
         never one that is being written. off keeps all.",
    ),
    row(
        "record_min_free",
        Takes::Size(0, u64::MAX),
        "0",
        "What is to be free on the disk of record_path: while less is, the recorder's oldest finished recordings are \
         deleted, in the same way. 0 is off.",
    ),
    row(
        "record_notify",
        Takes::Flag,
        "off",
        "Whether publishers are told by onStatus: NetStream.Record.Start, Stop and Failed, with the recorder's name \
         for a description.",
    ),
    Directive {
        name: "recorder",
        contexts: &[Context::Application],
        takes: Takes::Block { opens: Context::Recorder, label: Label::Name },
        default: "",
        repeat: Repeat::Many,
        doc: "One more recording of each stream of the application; what it does not say itself it has from there.",
    },
];

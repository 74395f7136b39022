//! What clients of files do.

use millstream::media::amf::Value;

use crate::play_files::client::{ALL, Heard};

/// An argument of a play.
#[derive(Debug, Clone, Copy)]
pub enum More {
    Number(f64),
    Flag(bool),
}
use More::{Flag, Number};

impl More {
    pub fn value(self) -> Value {
        match self {
            Number(number) => number.into(),
            Flag(flag) => Value::Boolean(flag),
        }
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Play(&'static str, &'static [More]),
    Play2(&'static str),
    Seek(f64),
    Pause(bool),
    Receive(&'static str, bool),
    Buffer(u32),
    Close,
    Listen,
}
use Step::{Buffer, Close, Listen, Pause, Play, Play2, Receive, Seek};

/// The end of what is heard after a step.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// The end of the file, or the refusal. It is told how many frames have come.
    Stop,
    /// The same, where it depends on the clock how many. It is told whether there is sound.
    End,
    /// This status.
    Status(&'static str),
    /// The metadata.
    Metadata,
    /// The first picture. Its time is told, and whether it is a key frame.
    Picture,
    /// The first frame; it is told whether it is of a time before the last one.
    Further,
    /// Nothing comes for a moment.
    Quiet,
    /// A moment has passed.
    Moment,
}
use Until::{End, Further, Metadata, Moment, Picture, Quiet, Status, Stop};

impl Until {
    pub fn holds(self, heard: &[Heard]) -> bool {
        let has =
            |end: &str| heard.iter().any(|heard| matches!(heard, Heard::Status(code) if code.ends_with(end)));
        let mut frames = heard.iter().filter_map(Heard::packet).filter(|packet| !packet.is_header());
        match self {
            Stop | End => has("Play.Stop") || has("StreamNotFound"),
            Status(code) => has(code),
            Metadata => heard.iter().any(|heard| matches!(heard, Heard::Metadata(_))),
            Picture => frames.any(|packet| packet.kind == 9),
            Further => frames.next().is_some(),
            Quiet | Moment => false,
        }
    }
}

/// Its name, the application, the client's buffer in milliseconds, and its steps.
pub type Scenario = (&'static str, &'static str, u32, &'static [(Step, Until)]);

pub const SCENARIOS: &[Scenario] = &[
    ("whole", "vod", ALL, &[(Play("cam", &[]), Stop), (Listen, Quiet)]),
    ("whole MP4", "vod", ALL, &[(Play("mp4:cam.mp4", &[]), Stop), (Listen, Quiet)]),
    ("again", "vod", ALL, &[(Play("cam", &[]), Stop), (Play("other", &[]), Stop)]),
    ("missing", "vod", ALL, &[(Play("none", &[]), Stop), (Play("cam", &[]), Stop)]),
    ("prefix", "vod", ALL, &[(Play("flv:cam", &[]), Stop)]),
    ("suffix", "vod", ALL, &[(Play("cam.flv", &[]), Stop)]),
    ("MP4 by prefix", "vod", ALL, &[(Play("mp4:cam", &[]), Stop)]),
    ("MP4 by suffix", "vod", ALL, &[(Play("cam.mp4", &[]), Stop)]),
    ("folder", "vod", ALL, &[(Play("room/cam", &[]), Stop)]),
    ("out of the folder", "vod", ALL, &[(Play("../vod/cam", &[]), Stop)]),
    ("close", "vod", 500, &[(Play("cam", &[]), Picture), (Close, Status("Play.Stop")), (Listen, Quiet)]),
    (
        "seek",
        "vod",
        500,
        &[
            (Play("cam", &[]), Picture),
            (Seek(5500.0), Status("Seek.Notify")),
            (Listen, Picture),
            (Seek(2000.0), Status("Seek.Notify")),
            (Listen, Picture),
            (Seek(0.0), Status("Seek.Notify")),
            (Listen, Picture),
        ],
    ),
    (
        "seek in MP4",
        "vod",
        500,
        &[
            (Play("mp4:cam", &[]), Picture),
            (Seek(5500.0), Status("Seek.Notify")),
            (Listen, Picture),
            (Seek(2000.0), Status("Seek.Notify")),
            (Listen, Picture),
        ],
    ),
    (
        "seek beyond the end",
        "vod",
        500,
        &[(Play("cam", &[]), Picture), (Seek(60_000.0), Status("Seek.Notify")), (Listen, Stop)],
    ),
    (
        "pause",
        "vod",
        500,
        &[
            (Play("cam", &[]), Moment),
            (Pause(true), Status("Pause.Notify")),
            (Listen, Moment),
            (Listen, Moment),
            (Pause(false), Status("Unpause.Notify")),
            (Listen, Further),
        ],
    ),
    ("start", "vod", ALL, &[(Play("cam", &[Number(5500.0)]), Picture)]),
    ("start in MP4", "vod", ALL, &[(Play("mp4:cam", &[Number(5500.0)]), Picture)]),
    ("any", "vod", ALL, &[(Play("cam", &[Number(-2000.0)]), Stop)]),
    ("live only", "vod", ALL, &[(Play("cam", &[Number(-1000.0)]), Stop)]),
    ("duration", "vod", ALL, &[(Play("cam", &[Number(0.0), Number(2000.0)]), Stop)]),
    ("reset", "vod", ALL, &[(Play("cam", &[Number(-2000.0), Number(-1000.0), Flag(true)]), Stop)]),
    (
        "another one",
        "vod",
        0,
        &[
            (Play("cam", &[]), Picture),
            (Play("other", &[Number(0.0), Number(-1.0), Flag(true)]), Moment),
            (Buffer(ALL), End),
        ],
    ),
    ("switch", "vod", 0, &[(Play("cam", &[]), Picture), (Play2("other"), Metadata)]),
    (
        "without sound",
        "vod",
        0,
        &[(Play("cam", &[]), Picture), (Receive("Audio", false), Moment), (Buffer(ALL), End)],
    ),
    ("both, a file", "both", ALL, &[(Play("cam", &[]), Stop)]),
    ("both, no file", "both", ALL, &[(Play("none", &[]), Quiet)]),
];

//! What both servers are told, what the backend answers, and what clients do there.

use crate::common::backend::{Answer, Request};

/// What both servers get. The first is called with POST, the second with GET.
pub const CONFIGURATION: &str = "rtmp {
    on_disconnect BACKEND/disconnect;
    server {
        listen FIRST;
        on_connect BACKEND/connect;
        application live {
            live on;
            on_publish BACKEND/publish; on_publish_done BACKEND/publish_done;
            on_play BACKEND/play; on_play_done BACKEND/play_done;
            on_done BACKEND/done; on_record_done BACKEND/record_done;
        }
        application recorded {
            live on; record all; record_path FOLDER/rec; record_suffix .flv;
            on_publish BACKEND/publish; on_publish_done BACKEND/publish_done; on_record_done BACKEND/record_done;
            recorder second {
                record all; record_path FOLDER/second; record_suffix .flv; on_record_done BACKEND/second_done;
            }
            recorder third { record video; record_path FOLDER/third; record_suffix .flv; }
        }
        application ends { live on; on_publish_done BACKEND/publish_done; on_play_done BACKEND/play_done; }
        application done { live on; on_done BACKEND/done; }
        application closed { live on; }
        application renamed { live on; }
        application updated {
            live on; notify_update_timeout 1s;
            on_publish BACKEND/publish; on_update BACKEND/update; on_done BACKEND/done;
        }
    }
    server {
        listen SECOND;
        notify_method get;
        on_connect BACKEND/connect;
        application live { live on; on_publish BACKEND/publish?key=1; on_done BACKEND/done; }
    }
}";

/// What the backend says.
pub fn answer(request: &Request) -> Answer {
    match (request.field("call"), request.field("app"), request.field("name")) {
        ("connect", "closed", _) | ("publish" | "play", _, "closed") => Answer::Status(403),
        ("connect", "renamed", _) => Answer::Location(302, "live".into()),
        ("publish" | "play", _, "old") => Answer::Location(302, "new".into()),
        ("update_publish", _, "tired") => Answer::Status(500),
        _ => Answer::Status(200),
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Opens a connection.
    Open,
    /// Opens one, connects to an application, with this `flashVer`, and creates two message streams.
    Connect(&'static str, &'static str),
    /// Publishes a name as this type, if any, on the first message stream.
    Publish(&'static str, &'static str),
    /// Plays a name on the second message stream, with these numbers, and with `reset`, which is true.
    Play(&'static str, &'static [f64]),
    /// Sends two seconds of pictures.
    Send,
    /// Does nothing: a call comes by itself.
    Wait,
    /// FFmpeg publishes a second of pictures at this path, and stops.
    FfmpegPublish(&'static str),
    /// FFmpeg begins to play this path.
    FfmpegPlay(&'static str),
    Close(u32),
    Delete(u32),
    HangUp,
}
use Step::{Close, Connect, Delete, FfmpegPlay, FfmpegPublish, HangUp, Open, Play, Publish, Send, Wait};

/// A client's session: its name in the table of differences, the server that it connects to, and its steps, each with
/// the number of calls that nginx makes for it.
pub type Scenario = (&'static str, usize, &'static [(Step, usize)]);

pub const FLASH: &str = "LNX 9,0,124,2";
pub const LONG: &str = "FMLE/3.0 (compatible; Lavf60.16.100)";

pub const SCENARIOS: &[Scenario] = &[
    (
        "publish and stop",
        0,
        &[
            (Connect("live?token=1&b=x%20y", LONG), 1),
            (Publish("cam?a=1&b=%2F&c=x+y", "live"), 1),
            (Delete(1), 2),
            (HangUp, 1),
        ],
    ),
    ("publish and hang up", 0, &[(Connect("live", FLASH), 1), (Publish("cam", "live"), 1), (HangUp, 3)]),
    (
        "play and stop",
        0,
        &[(Connect("live", FLASH), 1), (Play("cam?k=v", &[]), 1), (Close(2), 2), (HangUp, 1)],
    ),
    ("play from a time", 0, &[(Connect("live", FLASH), 1), (Play("cam", &[1500.0, 2500.0]), 1), (HangUp, 3)]),
    ("play live only", 0, &[(Connect("live", FLASH), 1), (Play("cam", &[-1000.0, -1.0]), 1), (HangUp, 3)]),
    (
        "one after the other",
        0,
        &[
            (Connect("live", FLASH), 1),
            (Publish("a?x=1", "live"), 1),
            (Close(1), 2),
            (Close(1), 0),
            (Publish("b", "record"), 1),
            (Close(1), 2),
            (Play("c", &[]), 1),
            (Close(2), 2),
            (HangUp, 1),
        ],
    ),
    (
        "both at once",
        0,
        &[(Connect("ends", FLASH), 1), (Publish("a?y=1", "live"), 0), (Play("b?y=2", &[]), 0), (HangUp, 3)],
    ),
    ("without a type", 0, &[(Connect("live", FLASH), 1), (Publish("cam", ""), 1), (HangUp, 3)]),
    (
        "characters of names",
        0,
        &[(Connect("live", FLASH), 1), (Publish("a b=c+d@e,f[g](h)!~_.-\u{fc}", "live"), 1), (HangUp, 3)],
    ),
    ("an escaped name", 0, &[(Connect("live", FLASH), 1), (Publish("a%20b", "live"), 1), (HangUp, 3)]),
    ("a slash in a name", 0, &[(Connect("live", FLASH), 1), (Publish("room/cam", "live"), 1), (HangUp, 3)]),
    (
        "forged fields",
        0,
        &[
            (Connect("live?a=1&app=forged&&sp=a b&clientid=7", FLASH), 1),
            (
                Publish(
                    "cam?x&name=forged&&addr=10.0.0.1&Call=play&nl=\r\nX: y&c=%zz\u{fc}?q=2#f&=z",
                    "live",
                ),
                1,
            ),
            (Delete(1), 2),
            (HangUp, 1),
        ],
    ),
    ("refused publish", 0, &[(Connect("live", FLASH), 1), (Publish("closed?a=1", "live"), 2)]),
    ("refused play", 0, &[(Connect("live", FLASH), 1), (Play("closed", &[]), 2)]),
    ("refused connect", 0, &[(Connect("closed?a=1", FLASH), 2)]),
    ("unknown application", 0, &[(Connect("nowhere?a=1", FLASH), 2)]),
    ("only a handshake", 0, &[(Open, 0), (HangUp, 1)]),
    ("only a connect", 0, &[(Connect("live?a=1", FLASH), 1), (HangUp, 1)]),
    (
        "renamed application",
        0,
        &[(Connect("renamed", FLASH), 1), (Publish("cam", "live"), 1), (Delete(1), 2), (HangUp, 1)],
    ),
    (
        "renamed publish",
        0,
        &[
            (Connect("recorded", FLASH), 1),
            (Publish("old?k=1", "live"), 1),
            (Send, 0),
            (Delete(1), 4),
            (HangUp, 1),
        ],
    ),
    (
        "renamed play",
        0,
        &[(Connect("live", FLASH), 1), (Play("old?k=1", &[]), 1), (Close(2), 2), (HangUp, 1)],
    ),
    (
        "recorded",
        0,
        &[
            (Connect("recorded", FLASH), 1),
            (Publish("cam?k=1", "live"), 1),
            (Send, 0),
            (Delete(1), 4),
            (HangUp, 1),
        ],
    ),
    (
        "only ends",
        0,
        &[
            (Connect("ends", FLASH), 1),
            (Publish("cam", "live"), 0),
            (Delete(1), 1),
            (Play("cam", &[]), 0),
            (Close(2), 1),
            (HangUp, 1),
        ],
    ),
    (
        "only done",
        0,
        &[
            (Connect("done", FLASH), 1),
            (Publish("cam", "live"), 0),
            (Delete(1), 1),
            (Play("cam", &[]), 0),
            (HangUp, 2),
        ],
    ),
    (
        "publish with updates",
        0,
        &[
            (Connect("updated", FLASH), 1),
            (Publish("old?k=1", "live"), 1),
            (Send, 0),
            (Wait, 1),
            (Delete(1), 1),
            (HangUp, 1),
        ],
    ),
    (
        "play with updates",
        0,
        &[(Connect("updated", FLASH), 1), (Play("cam?k=1", &[]), 0), (Wait, 1), (Close(2), 1), (HangUp, 1)],
    ),
    (
        "refused update",
        0,
        &[(Connect("updated", FLASH), 1), (Publish("tired", "live"), 1), (Send, 0), (Wait, 3)],
    ),
    ("ffmpeg publishes", 0, &[(FfmpegPublish("live?token=1/cam?k=a%20b"), 5)]),
    ("ffmpeg plays", 0, &[(FfmpegPlay("live/cam?k=1"), 2), (HangUp, 3)]),
    (
        "get",
        1,
        &[(Connect("live?token=1", FLASH), 1), (Publish("cam?k=1", "live"), 1), (Delete(1), 1), (HangUp, 1)],
    ),
];

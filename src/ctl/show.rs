//! What the server has answered, as people read it.

use serde_json::Value;

use super::options::Command;
use super::relays;
use super::table::{Cell, Table, bit_rate, bytes, duration, plain};
use super::values::{field, label, list, number, or_dash, text};

/// The text for the answer to a command.
pub fn answer(command: &Command, answer: &Value) -> String {
    match command {
        Command::Help => String::new(),
        Command::Status => status(answer),
        Command::List => streams(answer),
        Command::Clients => clients(answer),
        Command::Bans => bans(answer),
        Command::Kick { .. } => kicked(answer),
        Command::Redirect { id, name } => {
            let name = plain(name.split('?').next().unwrap_or_default());
            format!(
                "client {id} is to continue with {name}; \"millstream ctl clients\" shows whether it does\n"
            )
        }
        Command::Ban { .. } => format!("{}\n", ban(answer)),
        Command::Unban { id } => format!("ban {id} on {} is lifted\n", text(answer, "address")),
        Command::Record { start, .. } => recorded(answer, *start),
        Command::Relays => relays::table(answer),
        Command::Relay { .. } => format!("{}\n", relays::begun(answer)),
        Command::Unrelay { id } => format!("relay {id} is ended\n"),
        // What has changed, and a line for each warning.
        Command::Reload => {
            let lines = answer.get("text").and_then(Value::as_str).unwrap_or_default().lines();
            lines.map(|line| format!("{}\n", plain(line))).collect()
        }
    }
}

fn status(server: &Value) -> String {
    let (traffic, streams) = (field(server, "traffic"), field(server, "streams"));
    let draining = if field(server, "draining").as_bool() == Some(true) { ", draining" } else { "" };
    let rows = [
        (
            "server",
            format!(
                "{} {}, pid {}{draining}",
                text(server, "server"),
                text(server, "version"),
                number(server, "pid")
            ),
        ),
        (
            "runs",
            format!("{}, since {}", duration(number(server, "uptime_ms") / 1000), text(server, "started")),
        ),
        (
            "streams",
            format!(
                "{} live, {} whose publishers are lost",
                number(streams, "live"),
                number(streams, "lost")
            ),
        ),
        (
            "clients",
            format!(
                "{}, {} of HLS",
                counted(number(server, "players"), "player"),
                counted(number(server, "viewers"), "viewer")
            ),
        ),
        ("in", rate_and_sum(traffic, "bits_in_per_second", "bytes_in")),
        ("out", rate_and_sum(traffic, "bits_out_per_second", "bytes_out")),
    ];
    rows.iter().map(|(name, value)| format!("{name:<8} {value}\n")).collect()
}

fn rate_and_sum(traffic: &Value, rate: &str, sum: &str) -> String {
    format!("{}, {} in all", bit_rate(number(traffic, rate)), bytes(number(traffic, sum)))
}

fn streams(answer: &Value) -> String {
    let mut table = Table::new(&[
        "STREAM", "STATE", "VIDEO", "AUDIO", "IN", "OUT", "PLAYERS", "VIEWERS", "RECORDS", "UP",
    ]);
    let mut warnings = String::new();
    for stream in list(answer, "streams") {
        let state = match number(stream, "ends_in_ms") {
            0 => text(stream, "state"),
            left => format!("{}, {} left", text(stream, "state"), duration(left.div_ceil(1000))),
        };
        let recorders = list(stream, "recordings").iter().filter(|one| text(one, "state") == "recording");
        let recorders: Vec<_> = recorders
            .map(|one| match text(one, "recorder") {
                name if name.is_empty() => "yes".to_owned(),
                name => name,
            })
            .collect();
        table.add(vec![
            Cell::Text(label(stream, "name")),
            Cell::Text(state),
            Cell::Text(or_dash(video(field(stream, "video")))),
            Cell::Text(or_dash(audio(field(stream, "audio")))),
            Cell::Number(bit_rate(number(stream, "bits_in_per_second"))),
            Cell::Number(bit_rate(number(stream, "bits_out_per_second"))),
            Cell::number(number(stream, "players")),
            Cell::number(number(stream, "viewers")),
            Cell::Text(or_dash(recorders.join(","))),
            Cell::Number(duration(number(stream, "uptime_ms") / 1000)),
        ]);
        for warning in list(stream, "warnings").iter().filter_map(Value::as_str) {
            warnings.push_str(&format!("{}: {}\n", label(stream, "name"), plain(warning)));
        }
        warnings.extend(list(stream, "pushes").iter().filter_map(relays::failing));
    }
    let separator = if warnings.is_empty() { "" } else { "\n" };
    format!("{}{separator}{warnings}", table.text("no streams now"))
}

/// "H.264 1280x720 30".
fn video(video: &Value) -> String {
    let (width, height) = (number(video, "width"), number(video, "height"));
    let size = if width > 0 { format!("{width}x{height}") } else { String::new() };
    let rate = field(video, "frame_rate").as_f64().filter(|rate| *rate > 0.0);
    let rate = rate.map_or(String::new(), |rate| format!("{rate:.0}"));
    joined([text(video, "codec"), size, rate])
}

/// "AAC 48 kHz".
fn audio(audio: &Value) -> String {
    let hertz = number(audio, "sample_rate");
    let rate = match hertz % 1000 {
        _ if hertz == 0 => String::new(),
        0 => format!("{} kHz", hertz / 1000),
        _ => format!("{:.1} kHz", hertz as f64 / 1000.0),
    };
    joined([text(audio, "codec"), rate, String::new()])
}

fn joined(parts: [String; 3]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn clients(answer: &Value) -> String {
    let mut table = Table::new(&[
        "ID", "DOES", "STREAM", "PROTOCOL", "ADDRESS", "TLS", "PROGRAM", "FOR", "IN", "OUT", "DROPPED",
        "WAITS",
    ]);
    for client in list(answer, "clients") {
        let roles = list(client, "roles");
        if text(client, "protocol") == "hls" {
            table.add(row(client, ("views", label(client, "stream"), "-".to_owned())));
        } else if roles.is_empty() {
            table.add(row(client, ("nothing", text(client, "app"), "-".to_owned())));
        }
        for role in roles {
            let (does, dropped) = match text(role, "role").as_str() {
                "publish" => ("publishes", "-".to_owned()),
                _ if field(role, "paused").as_bool() == Some(true) => {
                    ("pauses", number(role, "dropped").to_string())
                }
                _ => ("plays", number(role, "dropped").to_string()),
            };
            table.add(row(client, (does, label(role, "stream"), dropped)));
        }
    }
    let more = match number(answer, "viewers_left_out") {
        0 => String::new(),
        more => format!("and {more} more viewers of HLS\n"),
    };
    format!("{}{more}", table.text("no clients now"))
}

fn row(client: &Value, (does, stream, dropped): (&str, String, String)) -> Vec<Cell> {
    let is_viewer = text(client, "protocol") == "hls";
    let of_session = |text: String| if is_viewer { "-".to_owned() } else { text };
    let waits = number(field(client, "queue"), "bytes");
    vec![
        Cell::number(number(client, "id")),
        Cell::Text(does.to_owned()),
        Cell::Text(or_dash(stream)),
        Cell::Text(or_dash(text(client, "protocol"))),
        Cell::Text(or_dash(text(client, "address"))),
        Cell::Text(or_dash(text(field(client, "tls"), "version"))),
        Cell::Text(or_dash(shortened(&text(client, "flash_ver")))),
        Cell::Number(of_session(duration(number(client, "connected_ms") / 1000))),
        Cell::Number(of_session(bytes(number(client, "bytes_in")))),
        Cell::Number(of_session(bytes(number(client, "bytes_out")))),
        Cell::Number(dropped),
        Cell::Number(of_session(bytes(waits))),
    ]
}

/// The beginning of what a client says of itself: one that says a lot does not make the table wide.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_PROGRAM) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The most characters of the name of a client's program.
const MAX_PROGRAM: usize = 48;

fn bans(answer: &Value) -> String {
    let mut table = Table::new(&["ID", "ADDRESS", "FROM", "ENDS IN", "BY", "WHY"]);
    for ban in list(answer, "bans") {
        table.add(vec![
            Cell::number(number(ban, "id")),
            Cell::Text(text(ban, "address")),
            Cell::Text(from(ban)),
            Cell::Number(duration(number(ban, "ends_in"))),
            Cell::Text(text(ban, "by")),
            Cell::Text(text(ban, "why")),
        ]);
    }
    table.text("nobody is banned")
}

/// The stream of a ban.
fn from(ban: &Value) -> String {
    match text(ban, "stream") {
        stream if stream.is_empty() => "all streams".to_owned(),
        stream => stream,
    }
}

/// "192.0.2.7 is banned from live/cam for 10m00s; millstream ctl unban 3 lifts it".
fn ban(ban: &Value) -> String {
    let (address, from, time) = (text(ban, "address"), from(ban), duration(number(ban, "ends_in")));
    format!("{address} is banned from {from} for {time}; millstream ctl unban {} lifts it", number(ban, "id"))
}

fn kicked(answer: &Value) -> String {
    let mut text = format!("{} kicked\n", counted(number(answer, "kicked"), "client"));
    list(answer, "bans").iter().for_each(|one| text.push_str(&format!("{}\n", ban(one))));
    let note = self::text(answer, "note");
    if !note.is_empty() {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

/// "1 client", "2 clients".
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn recorded(answer: &Value, start: bool) -> String {
    let unchanged = if start { "runs already" } else { "does not run" };
    let line = |one: &Value| {
        let recorder = match text(one, "recorder") {
            name if name.is_empty() => "recorder".to_owned(),
            name => format!("recorder {name}"),
        };
        let (stream, path) = (text(one, "stream"), text(one, "path"));
        match text(one, "outcome").as_str() {
            "unchanged" => format!("{stream}: {recorder} {unchanged}\n"),
            outcome if path.is_empty() => format!("{stream}: {recorder} {outcome}\n"),
            outcome => format!("{stream}: {recorder} {outcome}: {path}\n"),
        }
    };
    list(answer, "recorders").iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ctl::options::Whom;

    #[test]
    fn a_reload_has_a_line_for_each_warning() {
        let answer = json!({"text": "reloaded a.conf\nwarning: a.conf:1: \u{1b}x; stays\nwarning: b"});
        assert_eq!(
            super::answer(&Command::Reload, &answer),
            "reloaded a.conf\nwarning: a.conf:1: \\u{1b}x; stays\nwarning: b\n"
        );
    }

    #[test]
    fn streams_have_a_line_each_and_their_warnings_stand_below() {
        let answer = json!({"streams": [
            {"app": "live", "name": "cam", "state": "live", "bits_in_per_second": 2_500_000, "bits_out_per_second": 0,
             "uptime_ms": 65_000, "players": 12, "viewers": 0, "warnings": ["HLS\u{1b} has no URL"], "ends_in_ms": null,
             "video": {"codec": "H.264", "width": 1280, "height": 720, "frame_rate": 29.97},
             "audio": {"codec": "AAC", "sample_rate": 44_100}, "recordings": [{"recorder": "daily", "state": "recording"}]},
            {"app": "live", "name": "b", "state": "lost", "ends_in_ms": 2500, "video": null, "audio": null},
        ]});
        assert_eq!(
            super::answer(&Command::List, &answer),
            "\
STREAM    STATE          VIDEO              AUDIO                 IN      OUT  PLAYERS  VIEWERS  RECORDS     UP
live/cam  live           H.264 1280x720 30  AAC 44.1 kHz  2.5 Mbit/s  0 bit/s       12        0  daily    1m05s
live/b    lost, 3s left  -                  -                0 bit/s  0 bit/s        0        0  -           0s

live/cam: HLS\\u{1b} has no URL
"
        );
        assert_eq!(super::answer(&Command::List, &json!({"streams": []})), "no streams now\n");
    }

    #[test]
    fn clients_have_a_line_for_each_role() {
        let answer = json!({"viewers_left_out": 3, "clients": [
            {"id": 7, "protocol": "rtmp", "address": "192.0.2.7:5000", "connected_ms": 5000, "bytes_in": 1200,
             "bytes_out": 50, "flash_ver": "OBS", "tls": {"version": "TLSv1.3"}, "queue": {"bytes": 0},
             "roles": [{"role": "publish", "app": "live", "stream": "cam"},
                       {"role": "play", "app": "live", "stream": "b", "dropped": 4, "paused": false}]},
            {"id": 9, "protocol": "hls", "app": "live", "stream": "cam"},
            {"id": 10, "protocol": "rtmp", "app": "live", "roles": [], "flash_ver": ""},
            {"id": 11, "protocol": "websocket-flv", "address": "192.0.2.8:5000", "flash_ver": "Mozilla/5.0",
             "roles": [{"role": "play", "app": "live", "stream": "cam", "dropped": 0, "paused": false}]},
        ]});
        let text = super::answer(&Command::Clients, &answer);
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("ID  DOES       STREAM    PROTOCOL       ADDRESS         TLS      PROGRAM"),
            "{text}"
        );
        assert!(
            lines[1].starts_with(" 7  publishes  live/cam  rtmp           192.0.2.7:5000  TLSv1.3  OBS"),
            "{text}"
        );
        assert!(lines[2].starts_with(" 7  plays      live/b "), "{text}");
        assert!(lines[3].starts_with(" 9  views      live/cam  hls            -"), "{text}");
        assert!(lines[4].starts_with("10  nothing    live "), "{text}");
        assert!(lines[5].starts_with("11  plays      live/cam  websocket-flv  "), "{text}");
        assert_eq!(lines[6], "and 3 more viewers of HLS");
    }

    #[test]
    fn an_action_says_what_it_has_done() {
        let kick = Command::Kick { whom: Whom::Client(7), ban: None, why: None, who: None };
        let ban = json!({"id": 3, "address": "192.0.2.7", "stream": "live/cam", "ends_in": 600});
        assert_eq!(
            answer(&kick, &json!({"kicked": 1, "bans": [ban]})),
            "1 client kicked\n192.0.2.7 is banned from live/cam for 10m00s; millstream ctl unban 3 lifts it\n"
        );
        assert_eq!(
            answer(&kick, &json!({"kicked": 2, "bans": [], "note": "so"})),
            "2 clients kicked\nnote: so\n"
        );
        let record = |outcome: &str, path: Option<&str>| json!({"recorders": [{"stream": "live/cam", "recorder": "r", "outcome": outcome, "path": path}]});
        assert_eq!(
            recorded(&record("started", Some("/rec/a.flv")), true),
            "live/cam: recorder r started: /rec/a.flv\n"
        );
        assert_eq!(recorded(&record("unchanged", None), true), "live/cam: recorder r runs already\n");
        assert_eq!(recorded(&record("unchanged", None), false), "live/cam: recorder r does not run\n");
    }
}

//! The rules by which known programs read the statistics of nginx-rtmp. Each is strict where the program is.
#![allow(dead_code, reason = "a program stops at what it cannot read, also if it does not use it")]

use serde::Deserialize;

use super::tree::Element;

/// What NOALBS makes of a stream when it asks each second.
#[derive(Debug, PartialEq)]
pub enum Scene {
    /// It shows the scene for when nobody is live.
    Offline,
    /// It keeps the scene.
    Previous,
    /// It chooses by the bit rate, kbit/s.
    Live(u32),
}

/// NOALBS (v2): one server; `live` and `stream` may be missing; both tracks in `meta`.
pub fn noalbs(document: &str, app: &str, name: &str) -> Scene {
    #[derive(Deserialize)]
    struct Rtmp {
        server: Server,
    }
    #[derive(Deserialize)]
    struct Server {
        application: Vec<Application>,
    }
    #[derive(Deserialize)]
    struct Application {
        name: String,
        live: Option<Live>,
    }
    #[derive(Deserialize)]
    struct Live {
        stream: Option<Vec<Stream>>,
    }
    #[derive(Deserialize)]
    struct Stream {
        name: String,
        bw_video: u32,
        active: Option<String>,
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        video: Video,
        audio: Audio,
    }
    #[derive(Deserialize)]
    struct Video {
        width: u32,
        height: u32,
        frame_rate: f64,
        codec: Option<String>,
        profile: Option<String>,
        compat: Option<u32>,
        level: Option<f64>,
    }
    #[derive(Deserialize)]
    struct Audio {
        codec: Option<String>,
        profile: Option<String>,
        channels: Option<u32>,
        sample_rate: Option<u32>,
    }
    let Ok(rtmp) = quick_xml::de::from_str::<Rtmp>(document) else { return Scene::Offline };
    let found = rtmp.server.application.into_iter().find(|application| application.name == app);
    let streams = found.and_then(|app| app.live).and_then(|live| live.stream).unwrap_or_default();
    match streams.into_iter().find(|stream| stream.name == name) {
        Some(Stream { active: Some(_), bw_video: 0, .. }) => Scene::Previous,
        Some(Stream { active: Some(_), bw_video, .. }) => Scene::Live(bw_video / 1024),
        _ => Scene::Offline,
    }
}

/// nginx-rtmp-exporter (kaylendog): every element is mandatory but for four, and each stream has a client. Returns the
/// number of clients of each stream.
pub fn strict_exporter(document: &str) -> Result<Vec<(String, usize)>, quick_xml::DeError> {
    let rtmp: strict::Rtmp = quick_xml::de::from_str(document)?;
    let streams = rtmp.server.application.into_iter().flat_map(|application| application.live.stream);
    Ok(streams.map(|stream| (stream.name, stream.client.len())).collect())
}

/// What nginx-rtmp-exporter takes.
mod strict {
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub struct Rtmp {
        pub nginx_version: String,
        pub nginx_rtmp_version: String,
        pub compiler: String,
        pub pid: u32,
        pub uptime: u64,
        pub naccepted: u32,
        pub bw_in: u64,
        pub bytes_in: u64,
        pub bw_out: u64,
        pub bytes_out: u64,
        pub server: Server,
    }

    #[derive(Deserialize)]
    pub struct Server {
        pub application: Vec<Application>,
    }

    #[derive(Deserialize)]
    pub struct Application {
        pub name: String,
        pub live: Live,
    }

    #[derive(Deserialize)]
    pub struct Live {
        #[serde(default)]
        pub stream: Vec<Stream>,
    }

    #[derive(Deserialize)]
    pub struct Stream {
        pub name: String,
        pub time: u64,
        pub bw_in: u64,
        pub bytes_in: u64,
        pub bw_out: u64,
        pub bytes_out: u64,
        pub bw_audio: u64,
        pub bw_video: u64,
        pub client: Vec<Client>,
        pub meta: Option<Meta>,
    }

    #[derive(Deserialize)]
    pub struct Client {
        pub id: u32,
        pub address: Option<String>,
        pub time: u64,
        pub flashver: Option<String>,
        pub pageurl: Option<String>,
        pub dropped: u64,
        pub avsync: i64,
        pub timestamp: u32,
        pub publishing: Option<String>,
        pub active: Option<String>,
    }

    #[derive(Deserialize)]
    pub struct Meta {
        pub video: Video,
        pub audio: Audio,
    }

    #[derive(Deserialize)]
    pub struct Video {
        pub width: u16,
        pub height: u16,
        pub frame_rate: u16,
        pub codec: String,
        pub profile: String,
        pub compat: u32,
        pub level: f32,
    }

    #[derive(Deserialize)]
    pub struct Audio {
        pub codec: String,
        pub profile: String,
        pub channels: u8,
        pub sample_rate: u32,
    }
}

/// rtmp_exporter (rfratto): the date of the build in one form, and numbers wherever it has one.
pub fn dated_exporter(document: &Element) -> Result<(), String> {
    let built = document.text_at("built");
    let form = ["%b", "%e", "%Y", "%H:%M:%S"];
    let parts: Vec<_> = built.split_ascii_whitespace().collect();
    let is_date = jiff::fmt::strtime::parse(form.join(" "), parts.join(" ")).is_ok();
    if !is_date || built.len() != "Jan _2 2006 15:04:05".len() {
        return Err(format!("no date: {built:?}"));
    }
    let streams = document.all("server").flat_map(|server| server.all("application"));
    for stream in streams.filter_map(|app| app.at("live")).flat_map(|live| live.all("stream")) {
        for name in ["nclients", "time", "bw_in", "bytes_in", "bw_out", "bytes_out", "bw_audio", "bw_video"] {
            let text = stream.text_at(name);
            text.parse::<u64>().map_err(|_| format!("{name} is {text:?}"))?;
        }
    }
    Ok(())
}

/// nginx_rtmp_prometheus (mauricioabreu): it stops at the first stream, wherever it is, that lacks one of these; and
/// at two with the same application and name.
pub fn simple_exporter(document: &Element) -> Result<usize, String> {
    for name in ["bytes_in", "bytes_out", "bw_in", "bw_out", "uptime"] {
        document.at(name).ok_or(name)?.text.parse::<f64>().map_err(|_| name)?;
    }
    let mut names = Vec::new();
    for app in document.all("server").flat_map(|server| server.all("application")) {
        for stream in app.children.iter().flat_map(|section| section.all("stream")) {
            for name in ["bytes_in", "bytes_out", "bw_in", "bw_out", "time"] {
                stream.at(name).ok_or(name)?.text.parse::<f64>().map_err(|_| name)?;
            }
            names.push(format!("{}-{}", app.text_at("name"), stream.text_at("name")));
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    if names.len() == count { Ok(count) } else { Err("twice".to_owned()) }
}

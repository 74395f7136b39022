//! The document that tells the page what is live.

use std::fmt::Write;
use std::time::Duration;

use crate::engine::{StreamFacts, Warnings};
use crate::media::{Kind, ts};

/// What closes a document.
pub const END: &str = "]}\n";

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Whether it takes streams to be played.
    pub is_live: bool,
    /// The port of its server.
    pub rtmp_port: u16,
    /// Whether its streams are made HLS of.
    pub has_hls: bool,
}

/// One live stream.
#[derive(Debug)]
pub struct Live<'a> {
    /// Its application.
    pub app: &'a App,
    /// Its name.
    pub name: &'a str,
    /// Since its publisher came, ms.
    pub uptime_ms: u128,
    /// From this publisher.
    pub bytes_in: u64,
    /// RTMP players.
    pub players: usize,
    /// Its codecs.
    pub codec: &'a StreamFacts,
    /// From one key frame to the next.
    pub key_interval: Option<Duration>,
    /// Path of its playlist on this server.
    pub hls: Option<String>,
    /// For how long it waits for a publisher that was lost, ms.
    pub ends_in_ms: Option<u128>,
    /// What is wrong with it.
    pub warnings: &'a Warnings,
}

/// The beginning of a document, up to the first of `total` streams.
pub fn begin<'a>(apps: impl Iterator<Item = &'a App>, total: usize) -> String {
    let mut text = format!(
        "{{\"server\":\"Millstream\",\"version\":{},\"total\":{total},\"applications\":[",
        quote(env!("CARGO_PKG_VERSION")),
    );
    for (index, app) in apps.enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        text.push_str(&app_object(app));
    }
    text.push_str("],\"streams\":[");
    text
}

/// Adds a stream, which may follow another one.
pub fn push_stream(text: &mut String, stream: &Live<'_>, follows: bool) {
    text.push_str(if follows { "," } else { "" });
    text.push_str(&stream_object(stream));
}

/// Goes from the live streams to those that have ended and are waited for, the first of `total`: application, name, and
/// for how long, ms.
pub fn push_waiting<'a>(
    text: &mut String,
    waiting: impl Iterator<Item = (&'a str, &'a str, u128)>,
    total: usize,
) {
    // Writing to a String cannot fail.
    let _ = write!(text, "],\"waiting_total\":{total},\"waiting\":[");
    for (index, (app, name, ends_in_ms)) in waiting.enumerate() {
        text.push_str(if index > 0 { "," } else { "" });
        let (app, name) = (quote(app), quote(name));
        let _ = write!(text, "{{\"app\":{app},\"name\":{name},\"ends_in_ms\":{ends_in_ms}}}");
    }
}

fn app_object(app: &App) -> String {
    format!("{{\"name\":{},\"rtmp_port\":{}}}", quote(&app.name), app.rtmp_port)
}

fn stream_object(stream: &Live<'_>) -> String {
    format!(
        "{{\"app\":{},\"name\":{},\"uptime_ms\":{},\"bytes_in\":{},\"players\":{},\"video\":{},\"audio\":{},\
         \"rtmp_port\":{},\"hls\":{}{},\"warnings\":[{}]}}",
        quote(&stream.app.name),
        quote(stream.name),
        stream.uptime_ms,
        stream.bytes_in,
        stream.players,
        video_object(stream),
        audio_object(stream),
        stream.app.rtmp_port,
        stream.hls.as_deref().map_or_else(|| "null".to_owned(), quote),
        stream.ends_in_ms.map_or_else(String::new, |ms| format!(",\"ends_in_ms\":{ms}")),
        stream.warnings.iter().map(quote).collect::<Vec<_>>().join(","),
    )
}

fn video_object(stream: &Live<'_>) -> String {
    let codec = stream.codec;
    let frame_rate = if codec.frame_rate.is_finite() { codec.frame_rate } else { 0.0 };
    let key_interval = stream.key_interval.unwrap_or_default().as_secs_f64();
    format!(
        "{{\"codec\":{},\"width\":{},\"height\":{},\"frame_rate\":{frame_rate},\"key_interval\":{key_interval},\
         \"in_hls\":{}}}",
        quote(&joined(codec.video_codec.name(Kind::Video), codec.video_profile)),
        codec.width,
        codec.height,
        stream.app.has_hls && ts::carries(codec.video_codec),
    )
}

fn audio_object(stream: &Live<'_>) -> String {
    let codec = stream.codec;
    format!(
        "{{\"codec\":{},\"sample_rate\":{},\"channels\":{},\"in_hls\":{}}}",
        quote(&joined(codec.audio_codec.name(Kind::Audio), codec.audio_profile)),
        codec.sample_rate,
        codec.channels,
        stream.app.has_hls && ts::carries(codec.audio_codec),
    )
}

fn joined(codec: &str, profile: &str) -> String {
    [codec, profile].join(" ").trim().to_owned()
}

/// A JSON string (RFC 8259, section 7) that is harmless inside HTML and JavaScript too.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '<' | '>' | '&' | '\'' | '\u{2028}' | '\u{2029}' => push_escape(&mut quoted, c),
            c if c.is_control() => push_escape(&mut quoted, c),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `c` by its number; all that are escaped are in the basic plane.
fn push_escape(text: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\u{:04x}", u32::from(c));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Warning;
    use crate::media::flv::Codec;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quote("test-1"), "\"test-1\"");
        assert_eq!(quote("é€😀"), "\"é€😀\"");
        assert_eq!(quote("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quote("</script>&'"), r#""\u003c/script\u003e\u0026\u0027""#);
        assert_eq!(quote("\0\u{1b}\n\u{7f}\u{85}\u{2028}"), r#""\u0000\u001b\u000a\u007f\u0085\u2028""#);
    }

    #[test]
    fn a_document_lists_what_is_live() {
        let app = App { name: "live".into(), is_live: true, rtmp_port: 1935, has_hls: true };
        let codec = StreamFacts {
            video_codec: Codec::Avc,
            video_profile: "High",
            width: 1280,
            height: 720,
            frame_rate: 29.97,
            audio_codec: Codec::Aac,
            sample_rate: 48000,
            channels: 2,
            ..StreamFacts::default()
        };
        let none = StreamFacts { frame_rate: f64::NAN, ..StreamFacts::default() };
        let (well, mut warnings) = (Warnings::default(), Warnings::default());
        warnings.set(Warning::HlsUnserved, Some("HLS has no \"URL\"".into()));
        warnings.set(Warning::KeyFrames, Some("far apart".into()));
        let live = |name, codec, hls: Option<&str>, warnings| Live {
            app: &app,
            name,
            uptime_ms: 1500,
            bytes_in: 7,
            players: 2,
            codec,
            key_interval: hls.map(|_| Duration::from_millis(1980)),
            hls: hls.map(str::to_owned),
            ends_in_ms: None,
            warnings,
        };
        let mut text = begin([&app].into_iter(), 2);
        push_stream(&mut text, &live("a", &codec, Some("/hls/a.m3u8"), &well), false);
        let lost = Live { ends_in_ms: Some(9000), ..live("b", &none, None, &warnings) };
        push_stream(&mut text, &lost, true);
        push_waiting(&mut text, [("live", "c", 1), ("live", "d", 2)].into_iter(), 3);
        text.push_str(END);
        let expected = r#"{"server":"Millstream","version":"VERSION","total":2,"applications":[{"name":"live","rtmp_port":1935}],"streams":[{"app":"live","name":"a","uptime_ms":1500,"bytes_in":7,"players":2,"video":{"codec":"H.264 High","width":1280,"height":720,"frame_rate":29.97,"key_interval":1.98,"in_hls":true},"audio":{"codec":"AAC","sample_rate":48000,"channels":2,"in_hls":true},"rtmp_port":1935,"hls":"/hls/a.m3u8","warnings":[]},{"app":"live","name":"b","uptime_ms":1500,"bytes_in":7,"players":2,"video":{"codec":"","width":0,"height":0,"frame_rate":0,"key_interval":0,"in_hls":false},"audio":{"codec":"","sample_rate":0,"channels":0,"in_hls":false},"rtmp_port":1935,"hls":null,"ends_in_ms":9000,"warnings":["HLS has no \"URL\"","far apart"]}],"waiting_total":3,"waiting":[{"app":"live","name":"c","ends_in_ms":1},{"app":"live","name":"d","ends_in_ms":2}]}"#;
        assert_eq!(text.trim_end(), expected.replace("VERSION", env!("CARGO_PKG_VERSION")));
    }
}

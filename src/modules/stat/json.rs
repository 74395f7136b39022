//! The document in JSON, as nginx-http-flv-module shapes it, but well-formed: texts are escaped for JSON, and commas stand
//! between the entries.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use crate::engine::{RecordingState, RecordingStatus};
use crate::http::json::push_text;

use super::facts::{
    BUILT, COMPILER, ClientFacts, Flow, Meta, RTMP_VERSION, ServerFacts, StreamEnd, StreamFacts, VERSION,
};
use super::relay;
use super::xml::{push_host, push_number};

pub fn begin(text: &mut String, server: &ServerFacts) {
    text.push_str("{\"http-flv\":{");
    let versions = [
        ("nginx_version", VERSION),
        ("nginx_http_flv_version", RTMP_VERSION),
        ("compiler", COMPILER),
        ("built", BUILT),
    ];
    for (name, value) in versions {
        text.extend(["\"", name, "\":\"", value, "\","]);
    }
    number(text, "pid", server.pid.into());
    number(text, "uptime", server.uptime);
    number(text, "naccepted", server.accepted);
    flows(text, server.input, server.output);
    text.push_str("\"servers\":[");
}

/// The beginning of a server, which is the `index`th one.
pub fn begin_server(text: &mut String, index: usize, port: u16) {
    text.push_str(if index > 0 { ",{" } else { "{" });
    number(text, "port", port.into());
    number(text, "server_index", index as u64);
    text.push_str("\"applications\":[");
}

pub fn end_server(text: &mut String) {
    text.push_str("]}");
}

pub fn end(text: &mut String) {
    text.push_str("]}}\r\n");
}

pub fn begin_app(text: &mut String, name: &str) {
    comma(text);
    text.push_str("{\"name\":");
    push_text(text, name);
}

/// The beginning of the streams of an application, or of its files.
pub fn begin_section(text: &mut String, name: &str) {
    text.extend([",\"", name, "\":{\"streams\":["]);
}

/// Their end, with the number of their clients, and of their viewers of HLS.
pub fn end_section(text: &mut String, (clients, viewers): (usize, Option<usize>)) {
    text.push_str("],\"nclients\":");
    push_number(text, clients as u64);
    push_viewers(text, viewers);
    text.push('}');
}

/// The end of an application, with its recorders.
pub fn end_app(text: &mut String, recorders: Option<&str>) {
    recorders.into_iter().for_each(|recorders| text.extend([",\"recorders\":", recorders]));
    text.push('}');
}

pub fn begin_stream(text: &mut String, stream: &StreamFacts<'_>, has_clients: bool) {
    comma(text);
    text.push_str("{\"name\":");
    push_text(text, stream.name);
    text.push(',');
    number(text, "time", stream.time);
    flows(text, stream.input, stream.output);
    number(text, "bw_audio", stream.audio_rate);
    number(text, "bw_video", stream.video_rate);
    text.push_str(if has_clients { "\"clients\":[" } else { "" });
}

pub fn client(text: &mut String, client: &ClientFacts<'_>) {
    comma(text);
    text.push('{');
    number(text, "id", client.id.into());
    text.push_str("\"address\":\"");
    push_host(text, client.peer);
    text.push_str("\",");
    number(text, "time", client.time);
    for (name, value) in
        [("flashver", client.flash_ver), ("pageurl", &client.page_url), ("swfurl", &client.swf_url)]
    {
        text.extend(["\"", name, "\":"]);
        push_text(text, value);
        text.push(',');
    }
    number(text, "dropped", client.dropped);
    // Writing to a String cannot fail.
    let _ = write!(text, "\"avsync\":{},", client.av_sync);
    number(text, "timestamp", client.timestamp.into());
    let _ = write!(text, "\"publishing\":{},\"active\":{}}}", client.publishes, client.is_active);
}

pub fn end_clients(text: &mut String) {
    text.push_str("],");
}

pub fn records(text: &mut String, recordings: &[RecordingStatus]) {
    text.push_str("\"records\":[");
    for recording in recordings {
        comma(text);
        text.push_str("{\"recorder\":");
        push_text(text, &recording.recorder);
        let since =
            recording.since.and_then(|since| since.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let is_recording = recording.state == RecordingState::Recording;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            ",\"epoch\":{},\"time_shift\":0,\"recording\":{is_recording},\"file\":",
            since.as_millis()
        );
        push_text(text, &recording.path.as_deref().map(|path| path.to_string_lossy()).unwrap_or_default());
        let _ = write!(text, ",\"size\":{},\"nframes\":{}}}", recording.size, recording.frames);
    }
    text.push_str("],");
}

pub fn end_stream(text: &mut String, end: &StreamEnd) {
    relay::push_json(text, &end.relays);
    end.meta.iter().for_each(|meta| push_meta(text, meta));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\"nclients\":{},\"publishing\":{},\"active\":{}",
        end.clients, end.has_publisher, end.is_active
    );
    push_viewers(text, end.viewers);
    text.push('}');
}

fn push_meta(text: &mut String, meta: &Meta) {
    let Meta { width, height, frame_rate, video_codec, video_profile, compat, .. } = meta;
    let level = f64::from(meta.level) / 10.0;
    let _ = write!(
        text,
        "\"meta\":{{\"video\":{{\"width\":{width},\"height\":{height},\"frame_rate\":{frame_rate},\
         \"codec\":\"{video_codec}\",\"profile\":\"{video_profile}\",\"compat\":{compat},\"level\":{level:.1}}},"
    );
    let Meta { audio_codec, audio_profile, channels, sample_rate, .. } = meta;
    let _ = write!(
        text,
        "\"audio\":{{\"codec\":\"{audio_codec}\",\"profile\":\"{audio_profile}\",\"channels\":{channels},\
         \"sample_rate\":{sample_rate}}}}},"
    );
}

fn push_viewers(text: &mut String, viewers: Option<usize>) {
    if let Some(viewers) = viewers {
        text.push_str(",\"nhls\":");
        push_number(text, viewers as u64);
    }
}

fn flows(text: &mut String, input: Flow, output: Flow) {
    number(text, "bw_in", input.rate);
    number(text, "bytes_in", input.bytes);
    number(text, "bw_out", output.rate);
    number(text, "bytes_out", output.bytes);
}

/// A member with a number, and the comma behind it.
fn number(text: &mut String, name: &str, value: u64) {
    text.extend(["\"", name, "\":"]);
    push_number(text, value);
    text.push(',');
}

/// The comma before an element of an array, unless it is the first.
fn comma(text: &mut String) {
    text.push_str(if text.ends_with('[') { "" } else { "," });
}

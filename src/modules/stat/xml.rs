//! The document in XML, as nginx-rtmp writes it: the same elements in the same order.
//!
//! Where nginx leaves an element out or empty for lack of knowledge and a known exporter stops at that, there is a zero.
//! Added are `compiler`, which Debian's nginx lacks, and `nhls`. Every function adds to one text and allocates nothing
//! else.

use std::fmt::Write;

use crate::engine::Peer;
use crate::http::xml;

use super::facts::{
    BUILT, COMPILER, ClientFacts, Flow, Meta, RTMP_VERSION, ServerFacts, StreamEnd, StreamFacts, VERSION,
};
use super::relay;
use super::stylesheet::is_css;

pub fn begin(text: &mut String, stylesheet: &str, server: &ServerFacts) {
    text.push_str("<?xml version=\"1.0\" encoding=\"utf-8\" ?>\r\n");
    if !stylesheet.is_empty() {
        let mime = if is_css(stylesheet) { "text/css" } else { "text/xsl" };
        text.extend(["<?xml-stylesheet type=\"", mime, "\" href=\""]);
        xml::push(text, stylesheet);
        text.push_str("\" ?>\r\n");
    }
    text.push_str("<rtmp>\r\n");
    for (name, value) in [
        ("nginx_version", VERSION),
        ("nginx_rtmp_version", RTMP_VERSION),
        ("compiler", COMPILER),
        ("built", BUILT),
    ] {
        text.extend(["<", name, ">", value, "</", name, ">\r\n"]);
    }
    line(text, "pid", server.pid.into());
    line(text, "uptime", server.uptime);
    line(text, "naccepted", server.accepted);
    flows(text, server.input, server.output);
    text.push_str("<server>\r\n");
}

pub fn end(text: &mut String) {
    text.push_str("</server>\r\n</rtmp>\r\n");
}

pub fn begin_app(text: &mut String, name: &str) {
    text.push_str("<application>\r\n<name>");
    xml::push(text, name);
    text.push_str("</name>\r\n");
}

pub fn end_app(text: &mut String) {
    text.push_str("</application>\r\n");
}

/// The beginning of the streams of an application, or of its files.
pub fn begin_section(text: &mut String, name: &str) {
    text.extend(["<", name, ">\r\n"]);
}

/// Their end, with the number of their clients, and of their viewers of HLS.
pub fn end_section(text: &mut String, name: &str, (clients, viewers): (usize, Option<usize>)) {
    line(text, "nclients", clients as u64);
    viewers.into_iter().for_each(|viewers| line(text, "nhls", viewers as u64));
    text.extend(["</", name, ">\r\n"]);
}

pub fn begin_stream(text: &mut String, stream: &StreamFacts<'_>) {
    text.push_str("<stream>\r\n<name>");
    xml::push(text, stream.name);
    text.push_str("</name>\r\n");
    element(text, "time", stream.time);
    flows(text, stream.input, stream.output);
    line(text, "bw_audio", stream.audio_rate);
    line(text, "bw_video", stream.video_rate);
}

pub fn client(text: &mut String, client: &ClientFacts<'_>) {
    text.push_str("<client>");
    element(text, "id", client.id.into());
    text.push_str("<address>");
    push_host(text, client.peer);
    text.push_str("</address>");
    element(text, "time", client.time);
    for (name, value) in
        [("flashver", client.flash_ver), ("pageurl", &client.page_url), ("swfurl", &client.swf_url)]
    {
        if !value.is_empty() {
            text.extend(["<", name, ">"]);
            xml::push(text, value);
            text.extend(["</", name, ">"]);
        }
    }
    element(text, "dropped", client.dropped);
    text.push_str("<avsync>");
    text.push_str(if client.av_sync < 0 { "-" } else { "" });
    push_number(text, client.av_sync.unsigned_abs());
    text.push_str("</avsync>");
    element(text, "timestamp", client.timestamp.into());
    text.push_str(if client.publishes { "<publishing/>" } else { "" });
    text.push_str(if client.is_active { "<active/>" } else { "" });
    text.push_str("</client>\r\n");
}

pub fn end_stream(text: &mut String, end: &StreamEnd) {
    relay::push_xml(text, &end.relays);
    end.meta.iter().for_each(|meta| push_meta(text, meta));
    line(text, "nclients", end.clients as u64);
    text.push_str(if end.has_publisher { "<publishing/>\r\n" } else { "" });
    text.push_str(if end.is_active { "<active/>\r\n" } else { "" });
    end.viewers.into_iter().for_each(|viewers| line(text, "nhls", viewers as u64));
    text.push_str("</stream>\r\n");
}

/// All elements are always there: NOALBS and two exporters insist on `video` and `audio` with what is in them.
fn push_meta(text: &mut String, meta: &Meta) {
    let or_zero = |name: &'static str| if name.is_empty() { "0" } else { name };
    let Meta { width, height, frame_rate, video_codec, compat, .. } = meta;
    let (profile, level) = (or_zero(meta.video_profile), f64::from(meta.level) / 10.0);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "<meta><video><width>{width}</width><height>{height}</height><frame_rate>{frame_rate}</frame_rate>\
         <codec>{video_codec}</codec><profile>{profile}</profile><compat>{compat}</compat>\
         <level>{level:.1}</level></video>"
    );
    let Meta { audio_codec, audio_profile, channels, sample_rate, .. } = meta;
    let _ = write!(
        text,
        "<audio><codec>{audio_codec}</codec><profile>{audio_profile}</profile><channels>{channels}</channels>\
         <sample_rate>{sample_rate}</sample_rate></audio></meta>\r\n"
    );
}

fn flows(text: &mut String, input: Flow, output: Flow) {
    line(text, "bw_in", input.rate);
    line(text, "bytes_in", input.bytes);
    line(text, "bw_out", output.rate);
    line(text, "bytes_out", output.bytes);
}

fn line(text: &mut String, name: &str, number: u64) {
    element(text, name, number);
    text.push_str("\r\n");
}

fn element(text: &mut String, name: &str, number: u64) {
    text.extend(["<", name, ">"]);
    push_number(text, number);
    text.extend(["</", name, ">"]);
}

/// A client's address without its port.
pub fn push_host(text: &mut String, peer: Peer) {
    // Writing to a String cannot fail.
    let _ = match peer.ip() {
        Some(ip) => write!(text, "{ip}"),
        None => write!(text, "{peer}"),
    };
}

/// The most digits of a number.
const MOST_DIGITS: usize = 20;

/// Adds a number. There are five for each of thousands of clients, and this takes a quarter of the time of a format.
pub fn push_number(text: &mut String, mut number: u64) {
    let (mut digits, mut first) = ([b'0'; MOST_DIGITS], MOST_DIGITS - 1);
    while number > 9 {
        if let Some(digit) = digits.get_mut(first) {
            *digit = b'0' + (number % 10) as u8;
        }
        number /= 10;
        first -= 1;
    }
    if let Some(digit) = digits.get_mut(first) {
        *digit = b'0' + number as u8;
    }
    text.push_str(digits.get(first..).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are() {
        for number in [0, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }
}

//! A client that does what a scenario says.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::media;
use crate::common::raw::Raw;
use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;

/// The URLs that each client gives.
const PAGE_URL: &str = "http://site/page";
const SWF_URL: &str = "http://site/a b.swf";

/// What a client does next.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Opens a connection, and does not shake hands.
    Open,
    /// Shakes hands, and does nothing more.
    ShakeHands,
    /// Connects to an application.
    Connect(&'static str),
    /// The same with these texts: `tcUrl`, `pageUrl`, `flashVer`.
    ConnectWith(&'static str, [&'static str; 3]),
    /// Asks for a name.
    Publish(&'static str),
    /// Asks for a name.
    Play(&'static str),
    /// Sends two seconds of video.
    Send,
    /// Stops what it does.
    Delete,
    /// Waits so many milliseconds.
    Wait(u64),
    /// FFmpeg publishes a second of video to this application and name.
    Ffmpeg(&'static str),
}

/// Does all steps, and hangs up.
pub fn act(address: SocketAddr, steps: &[Step]) {
    let mut raw = None;
    for step in steps {
        match *step {
            Step::Open => raw = Some(Raw::open(address)),
            Step::ShakeHands => raw = Some(Raw::handshaken(address)),
            Step::Connect(app) => {
                let tc_url = format!("rtmp://host/{}", app.split('?').next().unwrap());
                raw = Some(connect(address, app, [&tc_url, PAGE_URL, "FMLE/3.0 (x)"]));
            }
            Step::ConnectWith(app, texts) => raw = Some(connect(address, app, texts)),
            Step::Publish(name) => ask(raw.as_mut().unwrap(), "publish", name),
            Step::Play(name) => ask(raw.as_mut().unwrap(), "play", name),
            Step::Send => {
                media::video_only(0, 2000)
                    .iter()
                    .for_each(|packet| raw.as_mut().unwrap().send_packet(packet));
            }
            Step::Delete => raw.as_mut().unwrap().command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]),
            Step::Wait(time) => sleep(Duration::from_millis(time)),
            Step::Ffmpeg(path) => {
                let url = format!("rtmp://{address}/{path}");
                ffmpeg::run(ffmpeg::command().args(ffmpeg::source(Tracks::Video, 1)).arg(url));
            }
        }
    }
    if let Some(raw) = raw.as_mut()
        && !matches!(steps[0], Step::Open | Step::ShakeHands)
    {
        catch_up(raw);
    }
}

fn connect(address: SocketAddr, app: &str, [tc_url, page_url, flash_ver]: [&str; 3]) -> Raw {
    let mut raw = Raw::handshaken(address);
    let object = Object::default().with("app", app).with("flashVer", flash_ver);
    let object = object.with("swfUrl", SWF_URL).with("tcUrl", tc_url).with("pageUrl", page_url);
    raw.command("connect", 1.0, 0, &[Value::Object(object)]);
    if answer(&mut raw, |values| values[0].as_str() == Some("_result")) {
        raw.command("createStream", 2.0, 0, &[Value::Null]);
        answer(&mut raw, |values| values[0].as_str() == Some("_result"));
    }
    raw
}

fn ask(raw: &mut Raw, verb: &str, name: &str) {
    let mut values = vec![Value::Null, name.into()];
    values.extend((verb == "publish").then(|| "live".into()));
    raw.command(verb, 4.0, 1, &values);
    catch_up(raw);
}

/// Waits until the server has read all: it answers what comes last, unless it has hung up.
fn catch_up(raw: &mut Raw) {
    raw.command("createStream", 9.0, 0, &[Value::Null]);
    answer(raw, |values| values.get(1).and_then(Value::as_number) == Some(9.0));
}

/// Waits for a command that is the answer; false if the server hangs up.
fn answer(raw: &mut Raw, is_it: impl Fn(&[Value]) -> bool) -> bool {
    while let Some(message) = raw.message() {
        let is_command = message.type_id == MessageType::CommandAmf0 as u8;
        if is_command && is_it(&amf0::decode(message.payload()).unwrap()) {
            return true;
        }
    }
    false
}

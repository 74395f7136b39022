//! A client that does what a scenario says.

use std::net::SocketAddr;
use std::process::Child;

use super::scenarios::{FLASH, Step};
use crate::common::ffmpeg::{self, Tracks};
use crate::common::media;
use crate::common::raw::Raw;
use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;

/// A client: its connection, if the server has let it in, or the program that plays for it.
pub struct Client {
    address: SocketAddr,
    raw: Option<Raw>,
    program: Option<Child>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, raw: None, program: None }
    }

    pub fn act(&mut self, step: Step) {
        match step {
            Step::Wait => {}
            Step::Open => self.raw = Some(Raw::handshaken(self.address)),
            Step::Connect(app, flash_ver) => self.connect(app, flash_ver),
            Step::Publish(name, kind) => self.publish(name, kind),
            Step::Play(name, numbers) => self.play(name, numbers),
            Step::Send => media::video_only(0, 2000).iter().for_each(|packet| self.raw().send_packet(packet)),
            Step::Close(number) => self.raw().command("closeStream", 0.0, number, &[Value::Null]),
            Step::Delete(number) => {
                self.raw().command("deleteStream", 0.0, 0, &[Value::Null, f64::from(number).into()]);
            }
            Step::FfmpegPublish(path) => {
                let url = format!("rtmp://{}/{path}", self.address);
                let mut command = ffmpeg::command();
                command.args(ffmpeg::source(Tracks::Video, 1)).args(["-rtmp_flashver", FLASH, &url]);
                ffmpeg::run(&mut command);
            }
            Step::FfmpegPlay(path) => {
                let url = format!("rtmp://{}/{path}", self.address);
                let mut command = ffmpeg::command();
                self.program = Some(ffmpeg::spawn(command.args(["-i", &url, "-f", "null", "-"])));
            }
            Step::HangUp => self.hang_up(),
        }
    }

    fn raw(&mut self) -> &mut Raw {
        self.raw.as_mut().unwrap()
    }

    fn connect(&mut self, app: &str, flash_ver: &str) {
        self.raw = Some(Raw::handshaken(self.address));
        let object = Object::default().with("app", app).with("flashVer", flash_ver);
        let object = object.with("swfUrl", "http://site/a b.swf").with("tcUrl", "rtmp://test/x?y=1&z");
        let object = object.with("pageUrl", "https://site/page?a=1#top");
        self.raw().command("connect", 1.0, 0, &[Value::Object(object)]);
        if self.is_answered("_result") {
            for number in [2.0, 3.0] {
                self.raw().command("createStream", number, 0, &[Value::Null]);
                self.is_answered("_result");
            }
        }
    }

    fn publish(&mut self, name: &str, kind: &str) {
        let kind = (!kind.is_empty()).then(|| kind.into());
        let values: Vec<_> = [Value::Null, name.into()].into_iter().chain(kind).collect();
        self.raw().command("publish", 4.0, 1, &values);
        self.is_answered("NetStream.Publish.Start");
    }

    fn play(&mut self, name: &str, numbers: &[f64]) {
        let mut values = vec![Value::Null, name.into()];
        values.extend(numbers.iter().map(|number| Value::from(*number)));
        values.extend((numbers.len() == 2).then_some(Value::Boolean(true)));
        self.raw().command("play", 5.0, 2, &values);
        self.is_answered("NetStream.Play.Start");
    }

    fn hang_up(&mut self) {
        self.raw = None;
        if let Some(mut program) = self.program.take() {
            program.kill().unwrap();
            program.wait().unwrap();
        }
    }

    /// Waits for a command, or a status with this code; false if another one refuses, or the server hangs up.
    fn is_answered(&mut self, expected: &str) -> bool {
        while let Some(message) = self.raw().message() {
            if message.type_id != MessageType::CommandAmf0 as u8 {
                continue;
            }
            let values = amf0::decode(message.payload()).unwrap();
            let information = values.get(3).and_then(Value::as_object);
            let text = |name| information.and_then(|object| object.str(name)).unwrap_or_default();
            if values[0].as_str() == Some(expected) || text("code") == expected {
                return true;
            }
            if text("level") == "error" {
                break;
            }
        }
        false
    }
}

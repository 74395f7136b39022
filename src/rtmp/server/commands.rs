//! The commands of a client (specification 7.2): answered here, or made an event.

use crate::media::Kind;
use crate::media::amf::Value;

use super::data;
use super::{Control, Event, ServerSession, Stop};
use crate::rtmp::RtmpError;
use crate::rtmp::chunk::Message;
use crate::rtmp::command::{
    Command, Connect, Level, PLAY_REFUSED, PUBLISH_REFUSED, Play, Publish, TooLong, information,
};

impl ServerSession {
    /// Acts on a command message whose values begin at `start`.
    pub(super) fn handle_command(
        &mut self,
        message: &Message,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, RtmpError> {
        // Some encoders send these as commands, with the values of a data message.
        if start == 0 && data::from_name(message.payload()).is_some() {
            return self.handle_data(message, Kind::Data);
        }
        let msid = message.msid;
        let command = Command::read(message.payload().get(start..).unwrap_or_default())?;
        if command.name == "connect" {
            return if self.is_connected() {
                Err(RtmpError::Protocol("connect twice"))
            } else {
                let read = Connect::read(&command).map(Event::Connect);
                Ok(Some(read.unwrap_or_else(|error| self.refuse_too_long(&command, msid, &error, out))))
            };
        }
        self.require_connected()?;
        let control = |control| Some(Event::Control { msid, control });
        let event = match command.name.as_str() {
            "publish" | "play" | "play2" => {
                let read = match command.name.as_str() {
                    "publish" => Publish::read(&command, msid).map(Event::Publish),
                    "play" => Play::read(&command, msid).map(Event::Play),
                    _ => Play::read_play2(&command, msid).map(Event::Play),
                };
                Some(read.unwrap_or_else(|error| self.refuse_too_long(&command, msid, &error, out)))
            }
            "closeStream" => Some(Event::Stop(Stop::Stream(msid))),
            "deleteStream" => {
                let id = command.number(1).map_or(msid, |number| number as u32);
                self.streams.delete(id);
                Some(Event::Stop(Stop::Stream(id)))
            }
            "FCUnpublish" => {
                let info = information(Level::Status, "NetStream.Unpublish.Success", "Stopped publishing");
                self.write_notice(out, "onFCUnpublish", info);
                // A name that is too long is nobody's: it stops what is published, as a wrong one does.
                let name = Publish::read(&command, msid).map(|publish| publish.name);
                Some(Event::Stop(Stop::Published(name.unwrap_or_default())))
            }
            "pause" | "pauseRaw" | "pauseraw" => {
                control(if command.flag(1) { Control::Pause } else { Control::Unpause })
            }
            "seek" => control(Control::Seek { to: command.number(1).unwrap_or_default() as u64 }),
            "receiveAudio" => control(Control::Receive { kind: Kind::Audio, wanted: command.flag(1) }),
            "receiveVideo" => control(Control::Receive { kind: Kind::Video, wanted: command.flag(1) }),
            _ => {
                self.answer_call(&command, out);
                None
            }
        };
        Ok(event)
    }

    /// Refuses a request with a text that is too long.
    fn refuse_too_long(&self, command: &Command, msid: u32, error: &TooLong, out: &mut Vec<u8>) -> Event {
        let why = error.to_string();
        let what = match command.name.as_str() {
            "connect" => {
                self.reject(command.transaction, &why, out);
                "connect"
            }
            "publish" => {
                self.write_status(out, msid, PUBLISH_REFUSED, &why);
                "publish"
            }
            _ => {
                self.write_status(out, msid, PLAY_REFUSED, &why);
                "play"
            }
        };
        Event::Refused { what, why }
    }

    /// Answers what needs no decision.
    fn answer_call(&mut self, command: &Command, out: &mut Vec<u8>) {
        let transaction = command.transaction;
        match command.name.as_str() {
            "createStream" => match self.streams.create() {
                Some(id) => self.write_result(out, transaction, Value::Number(f64::from(id))),
                None => self.write_failure(out, transaction, "no more message streams"),
            },
            // A live stream has no length.
            "getStreamLength" => self.write_result(out, transaction, Value::Number(0.0)),
            // Of a stream that nobody publishes there is nothing to release, which is no error.
            "releaseStream" | "_checkbw" => self.write_result(out, transaction, Value::Undefined),
            "FCPublish" => {
                self.write_result(out, transaction, Value::Undefined);
                let info = information(Level::Status, "NetStream.Publish.Start", "Go on");
                self.write_notice(out, "onFCPublish", info);
            }
            "FCSubscribe" => {
                let info = information(Level::Status, "NetStream.Play.Start", "Go on");
                self.write_notice(out, "onFCSubscribe", info);
            }
            // Answers to what the server asked, which was nothing.
            "_result" | "_error" | "onStatus" => {}
            name if transaction != 0.0 => self.write_failure(out, transaction, &format!("no method {name}")),
            _ => {}
        }
    }
}

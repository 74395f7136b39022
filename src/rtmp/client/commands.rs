//! The commands of a server: answers to the client's, and statuses.

use crate::media::amf::{Object, Value};

use super::requests::{BEGIN, CONNECT, CREATE_STREAM};
use super::said::Said;
use super::{ClientSession, Event, Phase};
use crate::rtmp::RtmpError;
use crate::rtmp::chunk::Message;
use crate::rtmp::command::Command;

/// What a server that wants Adobe's authentication has in the description of its refusal.
const AUTHENTICATION: &str = "authmod=";

/// Ends of codes that refuse, of servers that forget the level.
const REFUSALS: [&str; 8] = [
    ".BadName",
    ".Denied",
    ".Unauthorized",
    ".Rejected",
    ".Failed",
    ".StreamNotFound",
    ".InvalidApp",
    ".BadAuth",
];

/// What a status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Began,
    Ended,
    Reconnect,
    Refused,
    Nothing,
}

impl ClientSession {
    /// Acts on a command message whose values begin at `start`.
    pub(super) fn handle_command(
        &mut self,
        message: &Message,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, RtmpError> {
        let command = Command::read(message.payload().get(start..).unwrap_or_default())?;
        Ok(match command.name.as_str() {
            "_result" => self.handle_result(&command, out)?,
            "_error" => self.handle_error(&command),
            "onStatus" => self.handle_status(&command, message.msid),
            // It tells that the publish will be accepted, or that it will not.
            "onFCPublish" => self.handle_notice(&command),
            "onFCUnpublish" => self.is_running().then(|| self.end(&information(&command))).flatten(),
            "onBWDone" => {
                self.write_check_bandwidth(out);
                None
            }
            "_onbwcheck" | "_onbwdone" if command.transaction != 0.0 => {
                self.write_result(command.transaction, out);
                None
            }
            // Adobe's server closes a connection so.
            "close" => self.end(&Object::default().with("code", "close")),
            _ => None,
        })
    }

    fn handle_result(&mut self, command: &Command, out: &mut Vec<u8>) -> Result<Option<Event>, RtmpError> {
        match self.phase {
            Phase::Connecting if command.transaction == CONNECT => {
                self.input.reader.set_limits_without_media(self.settings.limits);
                self.phase = Phase::Creating;
                self.write_create(out);
            }
            Phase::Creating if command.transaction == CREATE_STREAM => {
                let msid = command.number(1).unwrap_or_default();
                // The message stream 0 is the connection's own.
                if !(1.0..=f64::from(u32::MAX)).contains(&msid) {
                    return Err(RtmpError::Protocol("createStream answered without a message stream"));
                }
                self.phase = Phase::Asking(msid as u32);
                if self.is_player() {
                    self.input.reader.set_limits(self.settings.limits);
                }
                self.write_begin(msid as u32, out);
            }
            _ => {}
        }
        Ok(None)
    }

    /// Errors of what needs no answer, such as `releaseStream`, are none: many servers do not know it.
    fn handle_error(&mut self, command: &Command) -> Option<Event> {
        let awaited = match self.phase {
            Phase::Connecting => CONNECT,
            Phase::Creating => CREATE_STREAM,
            Phase::Asking(_) => BEGIN,
            Phase::Handshake(_) | Phase::Running(_) | Phase::Over => return None,
        };
        if command.transaction != awaited {
            return None;
        }
        let info = information(command);
        let description = info.str("description").unwrap_or_default();
        if awaited == CONNECT && description.contains(AUTHENTICATION) {
            self.phase = Phase::Over;
            return Some(Event::Authenticate(Said::whole(description)));
        }
        self.refuse(&info)
    }

    fn handle_status(&mut self, command: &Command, msid: u32) -> Option<Event> {
        let info = information(command);
        match meaning(&info) {
            Meaning::Began => match self.phase {
                Phase::Asking(own) => {
                    self.phase = Phase::Running(own);
                    Some(Event::Began(own))
                }
                _ => None,
            },
            Meaning::Ended => self.is_running().then(|| self.end(&info)).flatten(),
            Meaning::Reconnect if msid == 0 => {
                Some(Event::Reconnect(Said::whole(info.str("tcUrl").unwrap_or_default())))
            }
            Meaning::Refused => self.refuse(&info),
            Meaning::Reconnect | Meaning::Nothing => None,
        }
    }

    fn handle_notice(&mut self, command: &Command) -> Option<Event> {
        let info = information(command);
        (meaning(&info) == Meaning::Refused).then(|| self.refuse(&info)).flatten()
    }

    fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running(_))
    }

    /// It is refused, which is said once.
    fn refuse(&mut self, info: &Object) -> Option<Event> {
        if matches!(std::mem::replace(&mut self.phase, Phase::Over), Phase::Over) {
            return None;
        }
        let Said { code, description } = Said::of(info, &self.ask);
        Some(Event::Refused { code, description })
    }

    /// It has ended, which is said once.
    pub(super) fn end(&mut self, info: &Object) -> Option<Event> {
        if matches!(std::mem::replace(&mut self.phase, Phase::Over), Phase::Over) {
            return None;
        }
        let Said { code, description } = Said::of(info, &self.ask);
        Some(Event::Ended { code, description })
    }
}

/// The information object of an answer or a status: the last object that has a code. There are servers that send none:
/// ffmpeg in its `onFCPublish`, others a text in its place.
fn information(command: &Command) -> Object {
    let objects = command.arguments.iter().filter_map(Value::as_object);
    let found = objects.rev().find(|object| object.get("code").is_some());
    found.cloned().unwrap_or_else(|| {
        let text = command.arguments.iter().find_map(Value::as_str).unwrap_or_default();
        Object::default().with("code", command.name.as_str()).with("description", text)
    })
}

fn meaning(info: &Object) -> Meaning {
    let code = info.str("code").unwrap_or_default();
    match code {
        "NetStream.Publish.Start" | "NetStream.Play.Start" => Meaning::Began,
        "NetConnection.Connect.ReconnectRequest" => Meaning::Reconnect,
        "NetStream.Unpublish.Success"
        | "NetStream.Play.UnpublishNotify"
        | "NetStream.Play.Stop"
        | "NetStream.Play.Complete"
        | "NetConnection.Connect.Closed" => Meaning::Ended,
        _ if info.str("level") == Some("error") => Meaning::Refused,
        _ if REFUSALS.iter().any(|end| code.ends_with(end)) => Meaning::Refused,
        _ => Meaning::Nothing,
    }
}

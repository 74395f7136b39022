//! The limits of what may be published in an application.

use std::time::Duration;

use crate::conf::{Scope, nearest, value};
use crate::engine::Stream;
use crate::media::flv::Codec;
use crate::media::{Frame, Kind, Packet, Role};

use super::picture::{Size, has_usual_length_size, length_size, sizes, sizes_of_sets, sizes_of_unflagged};

/// The lowest bitrate that can be meant: below, the "k" has been forgotten.
const LOWEST_BITRATE: u64 = 1000;

/// Bytes of a message that is only a command to the client (seek): its header, and one for the kind of command.
const COMMAND_LENGTH: usize = 2;

/// A limit, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit<T> {
    pub value: T,
    /// As the directive has it.
    pub text: String,
}

/// The limits of an application; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublisherLimits {
    /// Bits a second.
    pub bitrate: Option<Limit<u64>>,
    /// Of one publish.
    pub duration: Option<Limit<Duration>>,
    /// The longer and the shorter side.
    resolution: Option<Limit<(u32, u32)>>,
    codecs: Option<Limit<Vec<(Kind, Codec)>>>,
}

impl PublisherLimits {
    /// Reads a checked application.
    pub fn new(scope: &Scope<'_>) -> Self {
        fn limit<T>(scope: &Scope<'_>, name: &str, value: Option<T>) -> Option<Limit<T>> {
            value.map(|value| Limit { value, text: scope.words(name).join(" ") })
        }
        let duration = Some(scope.time("publish_max_duration")).filter(|time| !time.is_zero());
        Self {
            bitrate: limit(scope, "publish_max_bitrate", scope.custom("publish_max_bitrate")),
            duration: limit(scope, "publish_max_duration", duration),
            resolution: limit(scope, "publish_max_resolution", scope.custom("publish_max_resolution")),
            codecs: limit(scope, "publish_codecs", scope.custom("publish_codecs")),
        }
    }

    /// Checks the codecs of a frame and the size of its picture; the error is the reason. Its flags do
    /// not count: players get it whatever that is.
    pub fn check(&self, stream: &Stream, frame: &Frame) -> Result<(), String> {
        let sized = self.resolution.is_some() && frame.kind == Kind::Video;
        let is_checked = sized || self.codecs.is_some();
        if !is_checked || frame.kind.is_data() || frame.payload().len() <= COMMAND_LENGTH {
            return Ok(());
        }
        if frame.codec == Codec::None {
            return Err(self.why_no_codec());
        }
        let configuration = stream.headers.configuration(Kind::Video).map(|header| &**header);
        let length_size = length_size(configuration, frame);
        let mut checked = Ok(());
        frame.for_each_track(|codec, body| {
            if checked.is_ok() {
                checked = self.check_codec(frame.kind, codec);
            }
            if checked.is_ok() && sized {
                checked = self.check_sizes(codec, sizes_in(frame, codec, length_size, body));
            }
        });
        checked
    }

    /// The refusal of a message with media whose codec cannot be read.
    fn why_no_codec(&self) -> String {
        match (&self.resolution, &self.codecs) {
            (_, Some(limit)) => format!("a message without a codec is not taken here, only {}", limit.text),
            (Some(limit), None) => {
                format!("publish_max_resolution is {}, and a message does not tell its codec", limit.text)
            }
            (None, None) => String::new(),
        }
    }

    fn check_codec(&self, kind: Kind, codec: Codec) -> Result<(), String> {
        match &self.codecs {
            Some(limit) if !limit.value.contains(&(kind, codec)) => {
                Err(format!("{} is not taken here, only {}", codec.name(kind), limit.text))
            }
            _ => Ok(()),
        }
    }

    fn check_sizes(&self, codec: Codec, sizes: Option<Vec<Size>>) -> Result<(), String> {
        let Some(Limit { value: (longer, shorter), text }) = &self.resolution else { return Ok(()) };
        let Some(sizes) = sizes else {
            let name = codec.name(Kind::Video);
            return Err(format!("publish_max_resolution is {text}, and this {name} does not tell its size"));
        };
        let mut larger = sizes.iter().filter(|(w, h)| w.max(h) > longer || w.min(h) > shorter);
        match larger.next() {
            Some((width, height)) => {
                Err(format!("{width}x{height} is more than publish_max_resolution {text}"))
            }
            None => Ok(()),
        }
    }
}

/// The size of the pictures in a track's part of a frame; None where it should say one and does not.
fn sizes_in(frame: &Frame, codec: Codec, length_size: Option<usize>, body: &[u8]) -> Option<Vec<Size>> {
    let is_configuration = frame.packet == Packet::Configuration;
    if is_configuration && body.is_empty() {
        return Some(Vec::new()); // it configures nothing
    }
    if is_configuration && frame.is_multitrack() && !has_usual_length_size(codec, body) {
        return None;
    }
    match codec {
        _ if frame.packet == Packet::Description => Some(Vec::new()),
        Codec::Avc | Codec::Hevc if !is_configuration => sizes_of_sets(codec, length_size?, body),
        Codec::Av1 | Codec::Vp8 | Codec::Vp9 if !is_configuration && frame.role != Role::Key => {
            Some(sizes_of_unflagged(codec, body))
        }
        _ => sizes(codec, frame.packet, body),
    }
}

/// Bits a second; `k` and `m` are thousands and millions, as encoders have it, and not nginx's 1024.
pub(super) fn parse_bitrate(args: &[String]) -> Result<Option<u64>, String> {
    let [text] = args else { return Err("one bitrate".to_owned()) };
    if text == "off" {
        return Ok(None);
    }
    let (digits, factor) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 1000),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 1_000_000),
        _ => (Some(text.as_str()), 1),
    };
    let bits = digits.and_then(value::number).and_then(|number| number.checked_mul(factor));
    match bits {
        Some(bits) if bits >= LOWEST_BITRATE => Ok(Some(bits)),
        Some(0) => Err(format!("\"{text}\" lets nothing through; \"off\" is no limit")),
        Some(_) if factor > 1 => Err(format!("\"{text}\" is less than 1k bits a second")),
        Some(_) => Err(format!("\"{text}\" is less than 1k bits a second; did you mean \"{text}k\"?")),
        None => Err(format!("\"{text}\" is no bitrate such as 2500k or 6m")),
    }
}

/// The longer and the shorter side.
pub(super) fn parse_resolution(args: &[String]) -> Result<Option<Size>, String> {
    let [text] = args else { return Err("one resolution".to_owned()) };
    if text == "off" {
        return Ok(None);
    }
    let side =
        |text: &str| value::number(text).and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0);
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let (width, height) = sides.ok_or_else(|| format!("\"{text}\" is no resolution such as 1920x1080"))?;
    Ok(Some((width.max(height), width.min(height))))
}

pub(super) fn parse_codecs(args: &[String]) -> Result<Option<Vec<(Kind, Codec)>>, String> {
    match args {
        [] => return Err("one codec at least".to_owned()),
        [all] if all == "all" => return Ok(None),
        _ => {}
    }
    let mut codecs = Vec::new();
    for name in args {
        let known = codecs.len();
        codecs.extend(Codec::of_name(name));
        if codecs.len() == known {
            let near = nearest(name, Codec::names());
            let hint = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            return Err(format!("no codec \"{}\"{hint}", name.escape_debug()));
        }
    }
    Ok(Some(codecs))
}

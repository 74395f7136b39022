//! The tracks of a stream, as its headers and frames describe them. Of what a transport stream cannot carry, the log
//! has a line for each track.

use std::mem;

use crate::media::aac::{self, Adts, AudioConfig, is_adts};
use crate::media::flv::Codec;
use crate::media::pictures::Configuration;
use crate::media::rfc6381::Coding;
use crate::media::ts::{Audio, MAX_AUDIO_PAYLOAD, Tracks, Video};
use crate::media::{Frame, Kind, Packet, PartsError, Role, ac3, mp3};

use crate::media::segment::writer::audio::AudioFrame;

/// The audio track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioTrack {
    /// AAC, with the fields of its ADTS headers.
    Aac(AudioConfig, Adts),
    /// MPEG audio, whose frames have headers.
    Mp3(mp3::Format),
    /// AC-3 or E-AC-3, whose frames have headers.
    Ac3(ac3::Format),
}

impl AudioTrack {
    /// The codec and its configuration.
    pub fn coding(&self) -> Coding<'_> {
        match self {
            Self::Aac(config, _) => Coding::Aac(config),
            Self::Mp3(_) => Coding::Mp3,
            Self::Ac3(format) => match format.coding {
                ac3::Coding::Ac3 => Coding::Ac3,
                ac3::Coding::Eac3 => Coding::Eac3,
            },
        }
    }

    /// The frame as it is written into a packet; `None` if it cannot be, or is not of this track. `parsed` are the
    /// headers of the frame itself.
    pub fn elementary(self, frame: &Frame, parsed: Option<ParsedAudio>) -> Option<AudioFrame<'_>> {
        let (timestamp, body) = (frame.timestamp, frame.body());
        let (head, body, samples) = match (self, parsed) {
            (_, Some(ParsedAudio { track, samples, length })) if track == self => {
                (None, body.get(..length)?, samples)
            }
            (Self::Aac(config, adts), None) if frame.codec == Codec::Aac && !is_adts(body) => {
                (Some(adts.head(body).ok()?), body, (config.frame_samples, config.sample_rate))
            }
            _ => return None,
        };
        let audio = AudioFrame { timestamp, head, body, samples };
        Some(audio).filter(|audio| audio.length() <= MAX_AUDIO_PAYLOAD)
    }

    /// A silent frame as it is written into a packet, if this codec has one.
    pub fn silence(self) -> Option<Vec<u8>> {
        let Self::Aac(config, adts) = self else { return None };
        let raw = config.silence()?;
        let head = adts.head(&raw).ok()?;
        let [header, program] = head.parts();
        Some([header, program, &raw].concat())
    }

    fn carried(self) -> Audio {
        match self {
            Self::Aac(..) => Audio::Aac,
            Self::Mp3(format) => match format.version {
                mp3::Version::Mpeg1 => Audio::Mpeg1,
                mp3::Version::Mpeg2 => Audio::Mpeg2,
            },
            Self::Ac3(format) => match format.coding {
                ac3::Coding::Ac3 => Audio::Ac3,
                ac3::Coding::Eac3 => Audio::Eac3,
            },
        }
    }
}

/// The headers in a message of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedAudio {
    track: AudioTrack,
    /// Samples and sampling frequency.
    samples: (u32, u32),
    /// Bytes of its frames.
    length: usize,
}

/// The content of a frame, as far as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A picture, or a part of a picture.
    Video,
    /// A frame of audio, parsed if it has headers of its own.
    Audio(Option<ParsedAudio>),
    /// Nothing to write: a header, data, a codec that is not carried.
    Nothing,
}

/// The tracks in use, and those that take over at the next cut.
#[derive(Debug, Default)]
pub struct Codecs {
    /// For the log: the stream and its output, "live/cam: hls".
    output: String,
    video: Option<Configuration>,
    audio: Option<AudioTrack>,
    /// Set by a header that differs from the one in use.
    next_video: Option<Configuration>,
    next_audio: Option<AudioTrack>,
    /// The track of the last AAC header.
    aac_header: Option<AudioTrack>,
    aac_frames: AacFrames,
    named: Named,
}

/// The form of AAC frames. Each frame shows whether it is ADTS, which counts more than the header.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum AacFrames {
    /// None has come.
    #[default]
    Awaited,
    /// The last was what the header says.
    Raw,
    /// The last was ADTS.
    Adts,
}

/// The lines that the log has.
#[derive(Debug, Default)]
struct Named {
    video: bool,
    audio: bool,
    parts: bool,
}

impl Codecs {
    /// No tracks yet.
    pub fn new(label: &str, output: &str) -> Self {
        Self { output: format!("{label}: {output}"), ..Self::default() }
    }

    /// Forgets the tracks: the next frames are another publisher's.
    pub fn restart(&mut self) {
        *self = Self { output: mem::take(&mut self.output), ..Self::default() };
    }

    /// Takes the tracks out of use. They are still known, and take over again when they are found to have frames.
    pub fn stop_using(&mut self) {
        self.next_video = self.next_video.take().or(self.video.take());
        self.next_audio = self.next_audio.take().or(self.audio.take());
    }

    /// Takes in what a frame says of its track; returns its content.
    pub fn learn(&mut self, frame: &Frame) -> Content {
        match (frame.kind, frame.codec, frame.role) {
            (Kind::Data | Kind::DataAmf3, ..) | (_, Codec::None, _) => Content::Nothing,
            _ if !frame.is_default_track() || frame.packet == Packet::Description => Content::Nothing,
            (Kind::Video, Codec::Avc | Codec::Hevc, Role::Header) => self.learn_video(frame),
            (Kind::Audio, Codec::Aac, Role::Header) => self.learn_aac(frame.body()),
            (Kind::Video, Codec::Avc | Codec::Hevc, Role::Empty) => Content::Nothing,
            (Kind::Video, Codec::Avc | Codec::Hevc, _) => Content::Video,
            (Kind::Audio, Codec::Aac, Role::Key) => self.learn_aac_frame(frame.body()),
            (Kind::Audio, Codec::Mp3 | Codec::Ac3 | Codec::Eac3, Role::Key) => self.learn_from_frames(frame),
            (Kind::Audio, Codec::Aac | Codec::Mp3 | Codec::Ac3 | Codec::Eac3, _) => Content::Nothing,
            (kind, ..) => self.drop_track(kind, &describe(frame)),
        }
    }

    /// True when each of both tracks is known, or is dropped. Of AAC a frame must have come.
    pub fn is_complete(&self) -> bool {
        let is_heard = match self.next_audio() {
            Some(AudioTrack::Aac(..)) => self.aac_frames != AacFrames::Awaited,
            track => track.is_some() || self.named.audio,
        };
        is_heard && (self.next_video.is_some() || self.video.is_some() || self.named.video)
    }

    /// True if there is video to come that is not in use yet.
    pub fn announces_video(&self) -> bool {
        self.next_video.is_some()
    }

    /// True if the next cut brings other tracks.
    pub fn is_changing(&self) -> bool {
        self.next_video.is_some() || self.next_audio.is_some()
    }

    /// The video track to which a frame belongs: the next one from a key frame on.
    pub fn video_for(&self, frame: &Frame) -> Option<&Configuration> {
        let next = self.next_video.as_ref().filter(|_| frame.is_video_key());
        next.or(self.video.as_ref()).filter(|track| track.codec() == frame.codec)
    }

    /// Whether a picture has another codec than the configuration that has come.
    pub fn contradicts(&self, frame: &Frame) -> bool {
        let track = self.next_video.as_ref().or(self.video.as_ref());
        frame.kind == Kind::Video && track.is_some_and(|track| track.codec() != frame.codec)
    }

    /// The audio track in use.
    pub fn audio(&self) -> Option<AudioTrack> {
        self.audio
    }

    /// The video track in use.
    pub fn video(&self) -> Option<&Configuration> {
        self.video.as_ref()
    }

    /// True if the fragments have video, so that only video frames start them.
    pub fn has_video(&self) -> bool {
        self.video.is_some()
    }

    /// True if the next cut brings another audio track.
    pub fn is_audio_changing(&self) -> bool {
        self.next_audio.is_some()
    }

    /// The audio track after the next cut.
    pub fn next_audio(&self) -> Option<AudioTrack> {
        self.next_audio.or(self.audio)
    }

    /// Lets the next tracks take over.
    pub fn take_over(&mut self) {
        self.take_over_audio();
        self.take_over_video();
    }

    /// Lets the next video track take over.
    pub fn take_over_video(&mut self) {
        if let Some(next) = self.next_video.take() {
            self.video = Some(next);
        }
    }

    /// Lets the next audio track take over, while video waits for its key frame.
    pub fn take_over_audio(&mut self) {
        self.audio = self.next_audio.take().or(self.audio);
    }

    /// The tracks in use, for the tables.
    pub fn tracks(&self) -> Tracks {
        Tracks { video: self.video.as_ref().map(carried_video), audio: self.audio.map(AudioTrack::carried) }
    }

    fn learn_video(&mut self, frame: &Frame) -> Content {
        match Configuration::parse(frame.codec, frame.body()) {
            Ok(Some(new)) if self.next_video.is_none() && self.continues_with(&new) => self.video = Some(new),
            Ok(new) => self.next_video = new.and_then(|new| changed(&self.video, new)),
            Err(why) => return self.drop_track(Kind::Video, &why),
        }
        Content::Nothing
    }

    /// Whether pictures continue without a break with a new configuration.
    fn continues_with(&self, new: &Configuration) -> bool {
        self.video.as_ref().is_some_and(|video| video.continues(new))
    }

    fn learn_aac(&mut self, body: &[u8]) -> Content {
        let config = match AudioConfig::parse(body) {
            Ok(config) => config,
            Err(error) => return self.drop_track(Kind::Audio, &error.to_string()),
        };
        self.aac_header = config.adts().map(|adts| AudioTrack::Aac(config, adts));
        match self.aac_header {
            _ if self.aac_frames == AacFrames::Adts => {}
            Some(track) => self.next_audio = changed(&self.audio, track),
            None => {
                let (object_type, rate) = (config.object_type, config.sample_rate);
                let (channels, samples) = (config.channel_configuration, config.frame_samples);
                let what = format!(
                    "aac of object type {object_type}, {rate} Hz, channels {channels}, frames of {samples} samples"
                );
                return self.drop_track(Kind::Audio, &what);
            }
        }
        Content::Nothing
    }

    /// ADTS frames have their own header, whatever the stream's says; raw frames are what that says.
    fn learn_aac_frame(&mut self, body: &[u8]) -> Content {
        match aac::Frames::parse(body) {
            Ok(Some(aac::Frames { adts, samples, length })) => {
                self.aac_frames = AacFrames::Adts;
                let track = self.aac_track(adts);
                self.next_audio = changed(&self.audio, track);
                let samples = (samples, adts.config().sample_rate);
                Content::Audio(Some(ParsedAudio { track, samples, length }))
            }
            Ok(None) => {
                if mem::replace(&mut self.aac_frames, AacFrames::Raw) == AacFrames::Adts
                    && let Some(track) = self.aac_header
                {
                    self.next_audio = changed(&self.audio, track);
                }
                Content::Audio(None)
            }
            Err(error) => {
                self.note_dropped(error);
                Content::Audio(None)
            }
        }
    }

    /// The track of ADTS frames: one that is known, if their headers are the same, since more may be known of it.
    fn aac_track(&self, adts: Adts) -> AudioTrack {
        let known = [self.audio, self.next_audio, self.aac_header].into_iter().flatten();
        let mut same =
            known.filter(|track| matches!(track, AudioTrack::Aac(_, known) if known.agrees(&adts)));
        same.next().unwrap_or_else(|| AudioTrack::Aac(adts.config(), adts))
    }

    fn learn_from_frames(&mut self, frame: &Frame) -> Content {
        let parsed = parse_audio(frame);
        match parsed {
            Ok(parsed) => self.next_audio = changed(&self.audio, parsed.track),
            Err(error) => self.note_dropped(error),
        }
        Content::Audio(parsed.ok())
    }

    /// Logs the first message that is dropped for the number of its parts.
    pub fn note_dropped(&mut self, error: PartsError) {
        if error != PartsError::Malformed && !mem::replace(&mut self.named.parts, true) {
            log::warn!("{} drops a {error}, and others of the kind", self.output);
        }
    }

    fn drop_track(&mut self, kind: Kind, what: &str) -> Content {
        let (named, track) = match kind {
            Kind::Video => (&mut self.named.video, "video"),
            _ => (&mut self.named.audio, "audio"),
        };
        if !mem::replace(named, true) {
            log::warn!("{} drops the {track}: {what}", self.output);
        }
        Content::Nothing
    }
}

/// Parses a message of MPEG audio, AC-3 or E-AC-3.
fn parse_audio(frame: &Frame) -> Result<ParsedAudio, PartsError> {
    if frame.codec == Codec::Mp3 {
        let mp3::Frames { format, samples, length } = mp3::Frames::parse(frame.body())?;
        Ok(ParsedAudio { track: AudioTrack::Mp3(format), samples: (samples, format.sample_rate), length })
    } else {
        let ac3::Frames { format, samples, length } = ac3::Frames::parse(frame.body())?;
        Ok(ParsedAudio { track: AudioTrack::Ac3(format), samples: (samples, format.sample_rate), length })
    }
}

fn carried_video(configuration: &Configuration) -> Video {
    match configuration {
        Configuration::Avc(_) => Video::Avc,
        Configuration::Hevc(_) => Video::Hevc,
    }
}

/// The new track if it differs from the one in use.
fn changed<T: PartialEq>(in_use: &Option<T>, new: T) -> Option<T> {
    Some(new).filter(|new| in_use.as_ref() != Some(new))
}

/// The name of a codec, for the log.
fn describe(frame: &Frame) -> String {
    let name = frame.codec.name(frame.kind);
    match frame.codec {
        Codec::Other(number) => format!("codec {name} (FLV's number {number})"),
        Codec::Unknown(four_cc) => format!("codec {}", four_cc.escape_ascii()),
        _ => format!("codec {name}"),
    }
}

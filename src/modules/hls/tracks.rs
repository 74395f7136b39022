//! Which tracks a stream has, as its headers tell, and what is known of each. Codecs that a transport
//! stream cannot carry are named in the log, once each.

use crate::media::aac::{Adts, AudioConfig};
use crate::media::avc::DecoderConfig;
use crate::media::flv::Codec;
use crate::media::ts::{Audio, Tracks, Video};
use crate::media::{Frame, Kind, Packet, Role};

/// The audio track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioTrack {
    /// AAC, and what its ADTS headers say.
    Aac(AudioConfig, Adts),
    /// MPEG audio, which has no header of its own.
    Mp3,
}

/// What a frame is to the segmenter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A picture, or a part of a picture.
    Video,
    /// A frame of sound.
    Audio,
    /// Nothing to write: a header, data, a codec that is not carried.
    Nothing,
}

/// The tracks in use, and those that take over at the next cut.
#[derive(Debug, Default)]
pub struct Codecs {
    /// The stream's name, for the log.
    label: String,
    video: Option<DecoderConfig>,
    audio: Option<AudioTrack>,
    /// Set by a header that differs from the one in use.
    next_video: Option<DecoderConfig>,
    next_audio: Option<AudioTrack>,
    named: Named,
}

/// What has been named in the log, or heard of at all.
#[derive(Debug, Default)]
struct Named {
    video: bool,
    audio: bool,
}

impl Codecs {
    /// No tracks yet.
    pub fn new(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// Takes in what a frame says of its track, and says what it is.
    pub fn learn(&mut self, frame: &Frame) -> Content {
        match (frame.kind, frame.codec, frame.role) {
            (Kind::Data | Kind::DataAmf3, ..) | (_, Codec::None, _) => Content::Nothing,
            _ if !frame.is_default_track() || frame.packet == Packet::Description => Content::Nothing,
            (Kind::Video, Codec::Avc, Role::Header) => self.learn_avc(frame.body()),
            (Kind::Audio, Codec::Aac, Role::Header) => self.learn_aac(frame.body()),
            (Kind::Video, Codec::Avc, Role::Key | Role::Inter | Role::Disposable) => Content::Video,
            (Kind::Video, Codec::Avc, Role::Empty) => Content::Nothing,
            (Kind::Audio, Codec::Aac, Role::Key) => Content::Audio,
            (Kind::Audio, Codec::Mp3, Role::Key) => {
                self.next_audio = changed(&self.audio, AudioTrack::Mp3);
                Content::Audio
            }
            (Kind::Audio, Codec::Aac | Codec::Mp3, _) => Content::Nothing,
            (kind, ..) => self.refuse(kind, &describe(frame)),
        }
    }

    /// True when both tracks are known, or known to be none that is carried.
    pub fn is_complete(&self) -> bool {
        (self.next_video.is_some() || self.video.is_some() || self.named.video)
            && (self.next_audio.is_some() || self.audio.is_some() || self.named.audio)
    }

    /// True if the next cut brings other tracks.
    pub fn is_changing(&self) -> bool {
        self.next_video.is_some() || self.next_audio.is_some()
    }

    /// The video configuration that a frame at this place needs: the next one only from a key frame on.
    pub fn video_for(&self, frame: &Frame) -> Option<&DecoderConfig> {
        match &self.next_video {
            Some(next) => Some(next).filter(|_| frame.is_video_key()),
            None => self.video.as_ref(),
        }
    }

    /// The audio track in use, unless another one is about to take over.
    pub fn audio(&self) -> Option<AudioTrack> {
        if self.next_audio.is_some() { None } else { self.audio }
    }

    /// The video configuration in use.
    pub fn video(&self) -> Option<&DecoderConfig> {
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
        let audio = self.audio.map(|audio| match audio {
            AudioTrack::Aac(..) => Audio::Aac,
            AudioTrack::Mp3 => Audio::Mp3,
        });
        Tracks { video: self.video.as_ref().map(|_| Video::Avc), audio }
    }

    fn learn_avc(&mut self, body: &[u8]) -> Content {
        match DecoderConfig::parse(body) {
            Ok(config) => self.next_video = changed(&self.video, config),
            Err(error) => return self.refuse(Kind::Video, &error.to_string()),
        }
        Content::Nothing
    }

    fn learn_aac(&mut self, body: &[u8]) -> Content {
        let config = match AudioConfig::parse(body) {
            Ok(config) => config,
            Err(error) => return self.refuse(Kind::Audio, &error.to_string()),
        };
        match config.adts() {
            Some(adts) => self.next_audio = changed(&self.audio, AudioTrack::Aac(config, adts)),
            None => {
                let (object_type, rate) = (config.object_type, config.sample_rate);
                let channels = config.channel_configuration;
                let what = format!("aac of object type {object_type}, {rate} Hz, channels {channels}");
                return self.refuse(Kind::Audio, &what);
            }
        }
        Content::Nothing
    }

    fn refuse(&mut self, kind: Kind, what: &str) -> Content {
        let (named, track) = match kind {
            Kind::Video => (&mut self.named.video, "video"),
            _ => (&mut self.named.audio, "audio"),
        };
        if !std::mem::replace(named, true) {
            log::warn!("{}: hls leaves the {track} out: {what}", self.label);
        }
        Content::Nothing
    }
}

/// What is to take over: nothing, if it is what is in use.
fn changed<T: PartialEq>(in_use: &Option<T>, new: T) -> Option<T> {
    Some(new).filter(|new| in_use.as_ref() != Some(new))
}

/// Names a codec that is not carried.
fn describe(frame: &Frame) -> String {
    match frame.codec {
        Codec::Other(number) => format!("flv codec {number}"),
        Codec::Unknown(four_cc) => format!("codec {}", four_cc.escape_ascii()),
        codec => format!("codec {}", codec.name(frame.kind)),
    }
}

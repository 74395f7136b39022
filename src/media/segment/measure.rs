//! The attributes of a stream in a master playlist or a manifest: codecs and resolution by its headers, bit rates and
//! frame rate as measured over the segments.

use std::collections::VecDeque;

use crate::media::pictures::Configuration;
use crate::media::rfc6381::codec_string;
use crate::media::segment::tracks::AudioTrack;

/// A measured value is advertised anew when it has changed by one part in this many, so that a master playlist is not
/// written with each segment.
const STEADY: u32 = 10;
/// The newest segments over which the frame rate is measured. One alone may hold a single picture.
const MEASURED: usize = 8;

/// The tracks of a stream by their headers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// As RFC 6381 has it: one for each track, with commas.
    pub codecs: String,
    /// Width and height in pixels.
    pub resolution: Option<(u32, u32)>,
    /// Frames a second, if the header has them.
    pub frame_rate: Option<f64>,
}

impl Description {
    /// The description of a pair of tracks.
    pub fn new(video: Option<&Configuration>, audio: Option<AudioTrack>) -> Self {
        let picture = video.and_then(Configuration::picture);
        let codings = video.map(Into::into).into_iter().chain(audio.as_ref().map(AudioTrack::coding));
        Self {
            codecs: codings.map(codec_string).collect::<Vec<_>>().join(","),
            resolution: picture.as_ref().map(|picture| (picture.width, picture.height)),
            frame_rate: picture.and_then(|picture| picture.frame_rate),
        }
    }
}

/// A segment as it is listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its size.
    pub bytes: u64,
    /// Its duration in milliseconds.
    pub duration: u64,
}

/// The attributes of a stream in a master playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Advertised {
    /// By the headers, but with the frame rate that was measured if it differs.
    pub description: Description,
    /// Bits a second of the densest stretch.
    pub bandwidth: u64,
    /// Bits a second on average.
    pub average_bandwidth: u64,
}

/// The measurements of a stream.
#[derive(Debug, Clone, Default)]
pub struct Measure {
    description: Description,
    bits: u64,
    milliseconds: u64,
    /// Bits a second of the densest stretch.
    peak: u64,
    /// Pictures and milliseconds of the newest segments, oldest first; at most [`MEASURED`].
    pictures: VecDeque<(u64, u64)>,
    advertised: Option<Advertised>,
}

impl Measure {
    /// Takes in the newest segment, which has `frames` pictures; true if the attributes have changed. `listed` has the
    /// newest segment first, `target` is the target duration in milliseconds.
    pub fn take(
        &mut self,
        listed: impl Iterator<Item = Listed> + Clone,
        target: u64,
        description: &Description,
        frames: u64,
    ) -> bool {
        let Some(newest) = listed.clone().next() else { return false };
        if *description != self.description {
            let advertised = self.advertised.take();
            *self = Self { description: description.clone(), advertised, ..Self::default() };
        }
        self.bits = self.bits.saturating_add(newest.bytes.saturating_mul(8));
        self.milliseconds = self.milliseconds.saturating_add(newest.duration);
        self.peak = self.peak.max(densest(listed, target));
        self.pictures.push_back((frames, newest.duration));
        if self.pictures.len() > MEASURED {
            self.pictures.pop_front();
        }
        let description = Description { frame_rate: self.frame_rate(), ..self.description.clone() };
        let average = rate(self.bits, self.milliseconds);
        if self.advertised.as_ref().is_some_and(|advertised| self.agrees(advertised, &description, average)) {
            return false;
        }
        let bandwidth = round_up(self.peak.max(average));
        self.advertised = Some(Advertised { description, bandwidth, average_bandwidth: average });
        true
    }

    /// The attributes; none before the first segment.
    pub fn advertised(&self) -> Option<&Advertised> {
        self.advertised.as_ref()
    }

    /// Whether the attributes that were advertised still hold.
    fn agrees(&self, advertised: &Advertised, description: &Description, average: u64) -> bool {
        let Advertised { description: before, bandwidth, average_bandwidth } = advertised;
        self.peak <= *bandwidth
            && average.abs_diff(*average_bandwidth) <= average_bandwidth / u64::from(STEADY)
            && (&before.codecs, before.resolution) == (&description.codecs, description.resolution)
            && is_near_rate(description.frame_rate, before.frame_rate)
    }

    /// The header's rate if it agrees with the measured one, else the measured one. Less than two pictures have no
    /// rate.
    fn frame_rate(&self) -> Option<f64> {
        self.description.resolution?;
        let sum =
            |sum: (u64, u64), next: &(u64, u64)| (sum.0.saturating_add(next.0), sum.1.saturating_add(next.1));
        let (frames, milliseconds) = self.pictures.iter().fold((0, 0), sum);
        if frames < 2 {
            return self.description.frame_rate;
        }
        #[expect(clippy::cast_precision_loss, reason = "both are small")]
        let measured = frames as f64 * 1000.0 / milliseconds.max(1) as f64;
        let of_header = self.description.frame_rate.filter(|rate| (rate - measured).abs() <= measured / 20.0);
        of_header.or(Some(measured))
    }
}

/// The peak segment bit rate (RFC 8216 4.3.4.2): of all runs of segments that end with the newest one and last half a
/// target duration to one and a half, or of all segments, if they are shorter.
fn densest(listed: impl Iterator<Item = Listed>, target: u64) -> u64 {
    let (shortest, longest) = (target / 2, target.saturating_mul(3) / 2);
    let (mut bits, mut milliseconds, mut peak) = (0u64, 0u64, 0);
    let mut listed = listed.peekable();
    while let Some(segment) = listed.next() {
        bits = bits.saturating_add(segment.bytes.saturating_mul(8));
        milliseconds = milliseconds.saturating_add(segment.duration);
        if milliseconds > longest && peak > 0 {
            break;
        }
        if milliseconds >= shortest || listed.peek().is_none() {
            peak = peak.max(rate(bits, milliseconds));
        }
    }
    peak
}

fn is_near_rate(new: Option<f64>, old: Option<f64>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => (new - old).abs() * f64::from(STEADY) <= old,
        (new, old) => new == old,
    }
}

fn rate(bits: u64, milliseconds: u64) -> u64 {
    bits.saturating_mul(1000) / milliseconds.max(1)
}

/// Rounds up to two digits, so that a slightly higher rate is not advertised anew.
fn round_up(rate: u64) -> u64 {
    let unit = 10u64.pow(rate.max(1).ilog10().saturating_sub(1));
    rate.div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(resolution: Option<(u32, u32)>) -> Description {
        Description { codecs: "avc1.4d401f,mp4a.40.2".to_owned(), resolution, frame_rate: Some(25.0) }
    }

    /// A stream whose segments are all listed, with a target duration of 2 s.
    #[derive(Default)]
    struct Stream {
        listed: Vec<Listed>,
        measure: Measure,
    }

    impl Stream {
        fn take(&mut self, duration: u64, bytes: u64, description: &Description, frames: u64) -> bool {
            self.listed.push(Listed { bytes, duration });
            self.measure.take(self.listed.iter().rev().copied(), 2000, description, frames)
        }
    }

    #[test]
    fn the_peak_is_that_of_stretches_of_about_a_target_duration() {
        let mut stream = Stream::default();
        // 1 Mbit/s, half a second of 3 Mbit/s, which is no stretch by itself, and 1 Mbit/s again.
        for (duration, bytes) in [(2000, 250_000), (500, 187_500), (2000, 250_000)] {
            stream.take(duration, bytes, &description(Some((640, 360))), duration / 40);
        }
        let advertised = Advertised {
            description: description(Some((640, 360))),
            bandwidth: 1_400_000,
            average_bandwidth: 1_222_222,
        };
        assert_eq!(stream.measure.advertised(), Some(&advertised));
    }

    #[test]
    fn small_changes_are_not_advertised_again() {
        let mut stream = Stream::default();
        let small = description(Some((640, 360)));
        assert!(stream.take(2000, 250_000, &small, 50));
        assert!(!stream.take(2000, 250_000, &small, 50) && !stream.take(2000, 245_000, &small, 50));
        assert!(stream.take(2000, 400_000, &small, 50));
        assert!(stream.take(2000, 400_000, &description(Some((1280, 720))), 50));
    }

    /// The rate that is advertised behind segments of so many pictures and milliseconds.
    fn rate_of(segments: &[(u64, u64)], description: &Description) -> Option<String> {
        let mut stream = Stream::default();
        for &(frames, duration) in segments {
            stream.take(duration, 1000, description, frames);
        }
        let rate = stream.measure.advertised().unwrap().description.frame_rate;
        rate.map(|rate| format!("{rate:.3}"))
    }

    #[test]
    fn the_frame_rate_is_the_headers_if_it_agrees_with_the_measured_one() {
        let rate = |frames, resolution| rate_of(&[(frames, 2000)], &description(resolution));
        assert_eq!(rate(51, Some((1, 1))).as_deref(), Some("25.000"));
        assert_eq!(rate(60, Some((1, 1))).as_deref(), Some("30.000"));
        assert_eq!(rate(0, None), None);
    }

    #[test]
    fn the_frame_rate_is_that_of_several_segments() {
        let description = Description { frame_rate: None, ..description(Some((1, 1))) };
        // A single picture, which counts as 40 ms, ends a stream of 30 pictures a second.
        assert_eq!(rate_of(&[(60, 2000), (60, 2000), (1, 40)], &description).as_deref(), Some("29.950"));
        assert_eq!(rate_of(&[(1, 40)], &description), None, "one picture has no rate");
        // Pictures that come every 5 s, one or two in a segment.
        assert_eq!(rate_of(&[(1, 5000), (2, 10_000), (1, 5000)], &description).as_deref(), Some("0.200"));
        // A change is advertised, though the bits are the same.
        let changing = [[(60, 2000); 8], [(30, 2000); 8]].concat();
        assert_eq!(rate_of(&changing, &description).as_deref(), Some("15.000"));
    }

    #[test]
    fn codecs_are_named_track_by_track() {
        let avc = crate::media::avc::DecoderConfig::parse(&[1, 0x4d, 0x40, 0x1f, 0xff, 0xe0, 0]).unwrap();
        let aac = crate::media::aac::AudioConfig::parse(&[0x11, 0x90]).unwrap();
        let (video, audio) = (Configuration::Avc(avc), AudioTrack::Aac(aac, aac.adts().unwrap()));
        assert_eq!(Description::new(Some(&video), Some(audio)).codecs, "avc1.4d401f,mp4a.40.2");
        assert_eq!(Description::new(None, Some(audio)).codecs, "mp4a.40.2");
    }
}

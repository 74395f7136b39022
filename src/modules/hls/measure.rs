//! What a master playlist says of a stream: codecs and picture as its headers have them, bit rates and
//! frame rate as measured over the fragments.

use std::collections::VecDeque;

use crate::media::pictures::Configuration;
use crate::media::rfc6381::codec_string;

use super::playlist::Playlist;
use crate::media::segment::tracks::AudioTrack;
use crate::modules::hls::settings::attributes::Attributes;

/// A measured value is told anew when it has moved by one part in this many; a master playlist is not
/// written with each fragment.
const STEADY: u32 = 10;
/// The newest fragments over which the frame rate is measured. One alone may hold a single picture.
const MEASURED: usize = 8;

/// What the headers say of the tracks in use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// As RFC 6381 has it: one for each track, with commas.
    codecs: String,
    /// Width and height in pixels.
    resolution: Option<(u32, u32)>,
    /// Frames a second, if the header tells.
    frame_rate: Option<f64>,
}

impl Facts {
    /// The facts of a pair of tracks.
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

/// The measurements of a stream.
#[derive(Debug, Default)]
pub struct Measure {
    facts: Facts,
    bits: u64,
    milliseconds: u64,
    /// Bits a second of the densest stretch.
    peak: u64,
    /// Pictures and milliseconds of the newest fragments, oldest first; at most [`MEASURED`].
    pictures: VecDeque<(u64, u64)>,
    told: Option<Told>,
}

/// What has been said last.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    facts: Facts,
    bandwidth: u64,
    average: u64,
    frame_rate: Option<f64>,
}

impl Measure {
    /// Takes in the newest fragment, in which `frames` pictures were written; true if there is something
    /// new to say.
    pub fn take(&mut self, playlist: &Playlist, facts: &Facts, frames: u64) -> bool {
        let Some(newest) = playlist.fragments().next_back() else { return false };
        if *facts != self.facts {
            *self = Self { facts: facts.clone(), told: self.told.take(), ..Self::default() };
        }
        self.bits = self.bits.saturating_add(newest.bytes.saturating_mul(8));
        self.milliseconds = self.milliseconds.saturating_add(newest.duration);
        self.peak = self.peak.max(densest(playlist));
        self.pictures.push_back((frames, newest.duration));
        if self.pictures.len() > MEASURED {
            self.pictures.pop_front();
        }
        let frame_rate = self.frame_rate();
        let average = rate(self.bits, self.milliseconds);
        let is_near = |new: u64, old: u64| new.abs_diff(old) <= old / u64::from(STEADY);
        if let Some(told) = &self.told
            && told.facts == self.facts
            && self.peak <= told.bandwidth
            && is_near(average, told.average)
            && is_near_rate(frame_rate, told.frame_rate)
        {
            return false;
        }
        let bandwidth = round_up(self.peak.max(average));
        self.told = Some(Told { facts: self.facts.clone(), bandwidth, average, frame_rate });
        true
    }

    /// The header's rate if that is what comes, or what comes. Less than two pictures show no rate.
    fn frame_rate(&self) -> Option<f64> {
        self.facts.resolution?;
        let sum =
            |sum: (u64, u64), next: &(u64, u64)| (sum.0.saturating_add(next.0), sum.1.saturating_add(next.1));
        let (frames, milliseconds) = self.pictures.iter().fold((0, 0), sum);
        if frames < 2 {
            return self.facts.frame_rate;
        }
        #[expect(clippy::cast_precision_loss, reason = "both are small")]
        let measured = frames as f64 * 1000.0 / milliseconds.max(1) as f64;
        let told = self.facts.frame_rate.filter(|told| (told - measured).abs() <= measured / 20.0);
        told.or(Some(measured))
    }

    /// The attributes of EXT-X-STREAM-INF; `None` before the first fragment.
    pub fn attributes(&self) -> Option<String> {
        let told = self.told.as_ref()?;
        let mut list = Attributes::default();
        list.set("BANDWIDTH", &told.bandwidth.to_string());
        list.set("AVERAGE-BANDWIDTH", &told.average.to_string());
        if !told.facts.codecs.is_empty() {
            list.set("CODECS", &told.facts.codecs);
        }
        if let Some((width, height)) = told.facts.resolution {
            list.set("RESOLUTION", &format!("{width}x{height}"));
        }
        if let Some(rate) = told.frame_rate {
            list.set("FRAME-RATE", &format!("{rate:.3}"));
        }
        Some(list.to_string())
    }
}

/// The peak segment bit rate (RFC 8216 4.3.4.2) of the stretches that end with the newest fragment and
/// last half a target duration to one and a half; of all there is, if that is less.
fn densest(playlist: &Playlist) -> u64 {
    let (shortest, longest) = (playlist.target() / 2, playlist.target().saturating_mul(3) / 2);
    let (mut bits, mut milliseconds, mut peak) = (0u64, 0u64, 0);
    for (count, fragment) in playlist.fragments().rev().enumerate() {
        bits = bits.saturating_add(fragment.bytes.saturating_mul(8));
        milliseconds = milliseconds.saturating_add(fragment.duration);
        let is_first = count + 1 == playlist.len();
        if milliseconds > longest && peak > 0 {
            break;
        }
        if milliseconds >= shortest || is_first {
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

/// To two digits, so that a little more than before is not news.
fn round_up(rate: u64) -> u64 {
    let unit = 10u64.pow(rate.max(1).ilog10().saturating_sub(1));
    rate.div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::hls::playlist::{Begins, Fragment};
    use crate::modules::hls::settings::ListKind;

    fn facts(resolution: Option<(u32, u32)>) -> Facts {
        Facts { codecs: "avc1.4d401f,mp4a.40.2".to_owned(), resolution, frame_rate: Some(25.0) }
    }

    fn push(playlist: &mut Playlist, duration: u64, bytes: u64) {
        let id = playlist.next_id();
        let begins = Begins::Independent;
        let fragment = Fragment { id, duration, discontinuity: false, begins, date: None, lock: None, bytes };
        playlist.push(fragment, 60_000, duration);
    }

    #[test]
    fn the_peak_is_that_of_stretches_of_about_a_target_duration() {
        let mut playlist = Playlist::new(ListKind::Live, 4000);
        let mut measure = Measure::default();
        // 1 Mbit/s, a second of 3 Mbit/s, which is no stretch by itself, and 1 Mbit/s again.
        for (duration, bytes) in [(4000, 500_000), (1000, 375_000), (4000, 500_000)] {
            push(&mut playlist, duration, bytes);
            measure.take(&playlist, &facts(Some((640, 360))), duration / 40);
        }
        assert_eq!(
            measure.attributes().unwrap(),
            "BANDWIDTH=1400000,AVERAGE-BANDWIDTH=1222222,CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=640x360,\
             FRAME-RATE=25.000"
        );
    }

    #[test]
    fn what_stays_much_the_same_is_not_told_again() {
        let mut playlist = Playlist::new(ListKind::Live, 2000);
        let mut measure = Measure::default();
        let mut told = |bytes: u64, facts: &Facts| {
            push(&mut playlist, 2000, bytes);
            measure.take(&playlist, facts, 50)
        };
        let facts_of = facts(Some((640, 360)));
        assert!(told(250_000, &facts_of));
        assert!(!told(250_000, &facts_of) && !told(245_000, &facts_of));
        assert!(told(400_000, &facts_of));
        assert!(told(400_000, &facts(Some((1280, 720)))));
    }

    /// The rate that is told behind fragments of so many pictures and milliseconds.
    fn rate_of(fragments: &[(u64, u64)], facts: &Facts) -> Option<String> {
        let mut playlist = Playlist::new(ListKind::Live, 2000);
        let mut measure = Measure::default();
        for &(frames, duration) in fragments {
            push(&mut playlist, duration, 1000);
            measure.take(&playlist, facts, frames);
        }
        Attributes::parse(&measure.attributes().unwrap()).unwrap().get("FRAME-RATE").map(str::to_owned)
    }

    #[test]
    fn the_frame_rate_is_the_headers_if_that_is_what_comes() {
        let rate = |frames, resolution| rate_of(&[(frames, 2000)], &facts(resolution));
        assert_eq!(rate(51, Some((1, 1))).as_deref(), Some("25.000"));
        assert_eq!(rate(60, Some((1, 1))).as_deref(), Some("30.000"));
        assert_eq!(rate(0, None), None);
    }

    #[test]
    fn the_frame_rate_is_that_of_several_fragments() {
        let facts = Facts { frame_rate: None, ..facts(Some((1, 1))) };
        // A single picture, which counts as 40 ms, ends a stream of 30 pictures a second.
        assert_eq!(rate_of(&[(60, 2000), (60, 2000), (1, 40)], &facts).as_deref(), Some("29.950"));
        assert_eq!(rate_of(&[(1, 40)], &facts), None, "one picture has no rate");
        // Pictures that come every 5 s, one or two in a fragment.
        assert_eq!(rate_of(&[(1, 5000), (2, 10_000), (1, 5000)], &facts).as_deref(), Some("0.200"));
        // What changes is told, though the bits are the same.
        let changing = [[(60, 2000); 8], [(30, 2000); 8]].concat();
        assert_eq!(rate_of(&changing, &facts).as_deref(), Some("15.000"));
    }

    #[test]
    fn codecs_are_named_track_by_track() {
        let avc = crate::media::avc::DecoderConfig::parse(&[1, 0x4d, 0x40, 0x1f, 0xff, 0xe0, 0]).unwrap();
        let aac = crate::media::aac::AudioConfig::parse(&[0x11, 0x90]).unwrap();
        let (video, audio) = (Configuration::Avc(avc), AudioTrack::Aac(aac, aac.adts().unwrap()));
        assert_eq!(Facts::new(Some(&video), Some(audio)).codecs, "avc1.4d401f,mp4a.40.2");
        assert_eq!(Facts::new(None, Some(audio)).codecs, "mp4a.40.2");
    }
}

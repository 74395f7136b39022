//! What a document says of the server, a stream and a client, in nginx-rtmp's terms, whatever its format.

use std::borrow::Cow;

use super::relay::{FLASH_VER, RelayFacts};
use crate::auth::mask;
use crate::engine::{Ctx, Peer, Player, Session, SessionRole, Stream};
use crate::media::Kind;
use crate::media::flv::Codec;

/// Stands for nginx's version.
pub const VERSION: &str = concat!("Millstream ", env!("CARGO_PKG_VERSION"));

/// The version of nginx-rtmp whose documents these are: what nginx-rtmp 1.2.2 says of itself.
pub const RTMP_VERSION: &str = "1.1.4";

pub const COMPILER: &str = "rustc";

/// The day of the release, in the form of C's `__DATE__ __TIME__`, which an exporter insists on.
pub const BUILT: &str = "Nov 30 2026 00:00:00";

/// The whole server. Rates are bits a second.
#[derive(Debug)]
pub struct ServerFacts {
    pub pid: u32,
    /// Seconds.
    pub uptime: u64,
    /// Connections of RTMP.
    pub accepted: u64,
    pub input: Flow,
    pub output: Flow,
}

/// Bytes so far, and bits a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flow {
    pub bytes: u64,
    pub rate: u64,
}

/// A stream before its clients. Rates are bits a second.
#[derive(Debug)]
pub struct StreamFacts<'a> {
    pub name: &'a str,
    /// Milliseconds since it began.
    pub time: u64,
    pub input: Flow,
    pub output: Flow,
    pub audio_rate: u64,
    pub video_rate: u64,
}

/// A client of a stream.
#[derive(Debug)]
pub struct ClientFacts<'a> {
    pub id: u32,
    pub peer: Peer,
    /// Milliseconds since it connected.
    pub time: u64,
    pub flash_ver: &'a str,
    pub page_url: Cow<'a, str>,
    pub swf_url: Cow<'a, str>,
    pub dropped: u64,
    /// Its sound is so many milliseconds ahead of its picture.
    pub av_sync: i64,
    /// The newest time, milliseconds; 32 bits of it, as on the wire.
    pub timestamp: u32,
    pub publishes: bool,
    pub is_active: bool,
}

/// The media of a stream, as far as it is known.
#[derive(Debug)]
pub struct Meta {
    pub width: u32,
    pub height: u32,
    /// Pictures a second.
    pub frame_rate: u64,
    pub video_codec: &'static str,
    pub video_profile: &'static str,
    /// The flags of compatibility in the configuration of H.264.
    pub compat: u8,
    /// Times ten.
    pub level: u8,
    pub audio_codec: &'static str,
    pub audio_profile: &'static str,
    pub channels: u8,
    pub sample_rate: u32,
}

/// A stream behind its clients.
#[derive(Debug)]
pub struct StreamEnd {
    pub meta: Option<Meta>,
    pub clients: usize,
    pub has_publisher: bool,
    pub is_active: bool,
    /// Viewers of HLS; none without it.
    pub viewers: Option<usize>,
    pub relays: Vec<RelayFacts>,
}

impl ServerFacts {
    pub fn new(cx: &Ctx) -> Self {
        let now = cx.now.instant;
        let (input, output) = (&cx.totals.bytes_in, &cx.totals.bytes_out);
        Self {
            pid: std::process::id(),
            uptime: now.saturating_duration_since(cx.started.instant).as_secs(),
            accepted: cx.totals.rtmp_connections,
            input: Flow { bytes: input.total, rate: 8 * input.per_second(now) },
            output: Flow { bytes: output.total, rate: 8 * output.per_second(now) },
        }
    }
}

impl<'a> StreamFacts<'a> {
    pub fn new(cx: &Ctx, stream: &'a Stream) -> Self {
        let (now, traffic) = (cx.now.instant, &stream.traffic);
        let time = stream.started.map_or(0, |since| now.saturating_duration_since(since).as_millis());
        Self {
            name: stream.name.as_str(),
            time: u64::try_from(time).unwrap_or(u64::MAX),
            input: Flow { bytes: stream.bytes_in, rate: 8 * traffic.all_in.per_second(now) },
            output: Flow { bytes: traffic.bytes_out, rate: 8 * traffic.out.per_second(now) },
            audio_rate: 8 * traffic.audio.per_second(now),
            video_rate: 8 * traffic.video.per_second(now),
        }
    }
}

impl<'a> ClientFacts<'a> {
    /// None for what neither publishes nor plays.
    pub fn new(cx: &Ctx, stream: &Stream, session: &'a Session, role: &SessionRole) -> Option<Self> {
        let (client, now) = (session.client()?, cx.now.instant);
        let player = if let SessionRole::Player(player) = role { Some(player) } else { None };
        let time = now.saturating_duration_since(session.opened).as_millis();
        Some(Self {
            id: session.id.serial(),
            peer: session.peer,
            time: u64::try_from(time).unwrap_or(u64::MAX),
            flash_ver: if session.is_relay() { FLASH_VER } else { client.flash_ver() },
            page_url: web_page(client.page_url()),
            swf_url: web_page(client.swf_url()),
            dropped: player.map_or(0, Player::dropped),
            av_sync: stream.traffic.av_sync(),
            timestamp: player.and_then(Player::file_time).or(stream.newest_time()).unwrap_or_default() as u32,
            publishes: player.is_none(),
            is_active: is_active(stream),
        })
    }
}

impl StreamEnd {
    pub fn new(cx: &Ctx, stream: &Stream, clients: usize, viewers: Option<usize>) -> Self {
        let relays = RelayFacts::of(cx, stream);
        let has_publisher = stream.publisher.is_some();
        let meta = Some(Meta::new(stream)).filter(|_| (has_publisher || stream.is_file) && has_media(stream));
        Self { meta, clients, has_publisher, is_active: is_active(stream), viewers, relays }
    }

    /// The end of a stream that has gone while its clients were written.
    pub fn gone(clients: usize) -> Self {
        Self {
            meta: None,
            clients,
            has_publisher: false,
            is_active: false,
            viewers: None,
            relays: Vec::new(),
        }
    }
}

impl Meta {
    fn new(stream: &Stream) -> Self {
        let facts = &stream.facts;
        let header = stream.headers.configuration(Kind::Video).filter(|_| facts.video_codec == Codec::Avc);
        let frame_rate = if facts.frame_rate.is_finite() { facts.frame_rate.round() } else { 0.0 };
        Self {
            width: facts.width,
            height: facts.height,
            frame_rate: frame_rate.max(0.0) as u64,
            video_codec: codec_name(facts.video_codec, Kind::Video),
            video_profile: facts.video_profile,
            // ISO/IEC 14496-15, 5.2.4.1: `profile_compatibility`.
            compat: header.and_then(|header| header.body().get(2)).copied().unwrap_or_default(),
            level: facts.video_level,
            audio_codec: codec_name(facts.audio_codec, Kind::Audio),
            audio_profile: facts.audio_profile,
            channels: facts.channels,
            sample_rate: facts.sample_rate,
        }
    }
}

/// Whether anything is known of its media.
fn has_media(stream: &Stream) -> bool {
    let facts = &stream.facts;
    facts.video_codec != Codec::None || facts.audio_codec != Codec::None || facts.width > 0
}

/// Whether media comes. Not in grace: switchers show another scene from then on.
fn is_active(stream: &Stream) -> bool {
    stream.is_file || stream.publisher.is_some() && stream.frames_in > 0
}

/// nginx's name of a codec.
fn codec_name(codec: Codec, kind: Kind) -> &'static str {
    match codec {
        Codec::Avc => "H264",
        Codec::Hevc => "H265",
        Codec::Vvc => "H266",
        other => other.name(kind),
    }
}

/// A URL that may become a link, without what may be secret; empty for one that is no address of the web.
fn web_page(url: &str) -> Cow<'_, str> {
    let has_scheme =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let is_web = has_scheme("http://") || has_scheme("https://");
    if is_web { mask::page(url) } else { Cow::Borrowed("") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_an_address_of_the_web_without_its_query() {
        for (url, page) in [
            ("http://a/b", "http://a/b"),
            ("HTTPS://a/b?token=x", "HTTPS://a/b"),
            ("http://a#token", "http://a"),
            ("http://user:secret@a/b", "http://a/b"),
            ("javascript:alert(1)", ""),
            ("data:text/html,x", ""),
            (" http://a", ""),
            ("http", ""),
            ("é://", ""),
            ("", ""),
        ] {
            assert_eq!(web_page(url), page);
        }
    }

    #[test]
    fn the_day_of_the_release_has_the_form_of_c() {
        let [month, day, year, time] = BUILT.split(' ').collect::<Vec<_>>()[..] else { panic!("{BUILT}") };
        let months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
        assert!(months.split(' ').any(|known| known == month));
        assert!(
            (1..=31).contains(&day.parse::<u8>().unwrap())
                && year.parse::<u16>().is_ok_and(|year| year > 2025)
        );
        assert_eq!(time.split(':').filter_map(|part| part.parse::<u8>().ok()).count(), 3);
    }
}

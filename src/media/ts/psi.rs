//! The two tables of a transport stream of one program (ISO 13818-1 2.4.4), and their checksum.

use super::tracks::{Audio, PID_AUDIO, PID_VIDEO, Tracks, Video};

/// PID of the program association table.
pub const PID_PAT: u16 = 0;
/// PID of the program map table.
pub const PID_PMT: u16 = 0x1000;
/// PCR_PID of a program without a clock.
const PID_NONE: u16 = 0x1fff;

/// Tag of the registration descriptor (2.6.8).
const REGISTRATION: u8 = 5;

const TABLE_PAT: u8 = 0;
const TABLE_PMT: u8 = 2;
/// `transport_stream_id` of the one, `program_number` of the other.
const NUMBER: u16 = 1;

/// 2.4.4.3: one program and where its map is.
pub fn program_association() -> Vec<u8> {
    let [number_high, number_low] = NUMBER.to_be_bytes();
    let [pid_high, pid_low] = PID_PMT.to_be_bytes();
    section(TABLE_PAT, 0, &[number_high, number_low, 0xe0 | pid_high, pid_low])
}

/// 2.4.4.8: the tracks, and which of them carries the clock.
pub fn program_map(tracks: Tracks, version: u8) -> Vec<u8> {
    let video = tracks.video.map(|video| (PID_VIDEO, video_type(video), None));
    let audio = tracks.audio.map(|audio| (PID_AUDIO, audio_type(audio), registration(audio)));
    let clock = video.or(audio).map_or(PID_NONE, |(pid, ..)| pid);
    let [clock_high, clock_low] = clock.to_be_bytes();
    let mut body = vec![0xe0 | clock_high, clock_low, 0xf0, 0];
    for (pid, stream_type, registration) in video.into_iter().chain(audio) {
        let [pid_high, pid_low] = pid.to_be_bytes();
        body.extend([stream_type, 0xe0 | pid_high, pid_low, 0xf0]);
        match registration {
            Some([a, b, c, d]) => body.extend([6, REGISTRATION, 4, a, b, c, d]),
            None => body.push(0),
        }
    }
    section(TABLE_PMT, version, &body)
}

/// `stream_type` (table 2-34).
fn video_type(video: Video) -> u8 {
    match video {
        Video::Avc => 0x1b,
        Video::Hevc => 0x24,
    }
}

/// `stream_type` (table 2-34); the last two are ATSC's (A/52 A3.1, G3.1), which HLS has taken over.
fn audio_type(audio: Audio) -> u8 {
    match audio {
        Audio::Mpeg1 => 0x03,
        Audio::Mpeg2 => 0x04,
        Audio::Aac => 0x0f,
        Audio::Ac3 => 0x81,
        Audio::Eac3 => 0x87,
    }
}

/// The `format_identifier` that says whose private stream type it is.
fn registration(audio: Audio) -> Option<[u8; 4]> {
    match audio {
        Audio::Ac3 => Some(*b"AC-3"),
        Audio::Eac3 => Some(*b"EAC3"),
        Audio::Mpeg1 | Audio::Mpeg2 | Audio::Aac => None,
    }
}

/// A section in long form with its checksum: only one, and valid now.
fn section(table: u8, version: u8, body: &[u8]) -> Vec<u8> {
    // Behind the length: 5 bytes of header and 4 of checksum. Both bodies are below 32 bytes.
    let [_, length] = u16::try_from(body.len() + 9).unwrap_or(0).to_be_bytes();
    let [number_high, number_low] = NUMBER.to_be_bytes();
    let mut section = vec![table, 0xb0, length, number_high, number_low, 0xc1 | version << 1, 0, 0];
    section.extend(body);
    section.extend(crc32(&section).to_be_bytes());
    section
}

/// The CRC of annex A: polynomial 0x04c11db7, all ones at the start, nothing reflected or inverted.
fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, &byte| {
        let [top, ..] = crc.to_be_bytes();
        crc << 8 ^ CRC_TABLE[usize::from(top ^ byte)]
    })
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 << 31 == 0 { crc << 1 } else { crc << 1 ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32_mpeg_2() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn a_section_with_its_checksum_has_the_checksum_zero() {
        let both = Tracks { video: Some(Video::Avc), audio: Some(Audio::Aac) };
        let long = Tracks { audio: Some(Audio::Eac3), ..both };
        for section in [
            program_association(),
            program_map(both, 3),
            program_map(long, 0),
            program_map(Tracks::default(), 0),
        ] {
            assert_eq!(crc32(&section), 0);
            assert_eq!(usize::from(section[2]) + 3, section.len());
        }
    }

    #[test]
    fn the_map_names_what_exists_and_the_clock() {
        let map = |video, audio| program_map(Tracks { video, audio }, 0);
        let avc_aac = map(Some(Video::Avc), Some(Audio::Aac));
        assert_eq!(avc_aac[8..22], [0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 0, 0xf0, 0, 0x0f, 0xe1, 1, 0xf0, 0]);
        let mp3 = map(None, Some(Audio::Mpeg1));
        assert_eq!(mp3[8..17], [0xe1, 1, 0xf0, 0, 0x03, 0xe1, 1, 0xf0, 0]);
        assert_eq!(mp3.len(), 21);
        assert_eq!(map(None, Some(Audio::Mpeg2))[12], 0x04);
    }

    #[test]
    fn private_stream_types_are_registered() {
        let map = |audio| program_map(Tracks { video: Some(Video::Hevc), audio: Some(audio) }, 0);
        let ac3 = map(Audio::Ac3);
        assert_eq!(ac3[12..17], [0x24, 0xe1, 0, 0xf0, 0]);
        assert_eq!(ac3[17..28], *b"\x81\xe1\x01\xf0\x06\x05\x04AC-3");
        assert_eq!(map(Audio::Eac3)[17..28], *b"\x87\xe1\x01\xf0\x06\x05\x04EAC3");
        assert_eq!((usize::from(ac3[2]) + 3, ac3.len()), (32, 32));
    }
}

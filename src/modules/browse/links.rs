//! Links to recordings: an argument by which whoever was shown a recording may have it, without showing again what opened
//! it. Players ask for hundreds of segments, and no backend is asked about each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::auth::segment_token::SegmentSigner;
use crate::engine::AppId;

/// How long a link is good: longer than people watch without opening the page again.
const GOOD_FOR: Duration = Duration::from_secs(12 * 3600);

/// Whom a link was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Who may play the stream.
    Player,
    /// Who has shown a token of the API.
    Operator,
}

/// Makes and verifies links.
#[derive(Debug, Clone)]
pub struct Links(SegmentSigner);

impl Links {
    /// Links under a secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(SegmentSigner::new(secret))
    }

    /// The value of the argument `t` for a recording, from now on.
    pub fn link(&self, whose: For, of: (AppId, &str), now: SystemTime) -> String {
        let end = seconds(now).saturating_add(GOOD_FOR.as_secs());
        let (path, file) = signed(whose, of, end);
        format!("{end:x}.{}", self.0.token(&path, &file))
    }

    /// Whom a link was made for, if it is right and still good for a recording.
    pub fn verify(&self, shown: &str, of: (AppId, &str), now: SystemTime) -> Option<For> {
        let (end, token) = shown.split_once('.')?;
        let end = u64::from_str_radix(end, 16).ok().filter(|end| *end > seconds(now))?;
        [For::Player, For::Operator].into_iter().find(|whose| {
            let (path, file) = signed(*whose, of, end);
            self.0.verify(&path, &file, token)
        })
    }
}

fn signed(whose: For, (AppId(app), file): (AppId, &str), end: u64) -> (String, String) {
    (format!("{app}/{file}"), format!("{whose:?} {end:x}"))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_one_recording_and_for_a_time() {
        let links = Links::new(b"secret");
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let of = (AppId(1), "hd/cam.flv");
        for whose in [For::Player, For::Operator] {
            let link = links.link(whose, of, now);
            assert_eq!(links.verify(&link, of, now), Some(whose));
            assert_eq!(links.verify(&link, of, now + GOOD_FOR), None);
            assert_eq!(links.verify(&link, (AppId(1), "hd/cam2.flv"), now), None);
            assert_eq!(links.verify(&link, (AppId(2), "hd/cam.flv"), now), None);
            assert_eq!(Links::new(b"other").verify(&link, of, now), None);
            assert_eq!(links.verify(&link.replace('.', "1."), of, now), None);
        }
        assert_eq!(links.verify("", of, now).or(links.verify("ffffffffff.", of, now)), None);
    }
}

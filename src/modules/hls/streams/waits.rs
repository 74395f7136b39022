//! The times between the end of a stream, the end of its playlist and the removal of its files.

use std::time::Duration;

use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::settings::{Cleanup, Ending};

/// The time between two steps of a removal.
pub const NEXT_TURN: Duration = Duration::from_millis(1);

/// The time between the end of a stream and the removal of its files. `listed` is the duration of its playlist. Players
/// must have seen the end of the playlist before.
pub fn removal_delay(naming: &Naming, listed: Duration) -> Duration {
    let settings = naming.settings();
    let until_end = open_for(naming).unwrap_or_default().saturating_add(settings.three_fragments());
    settings.removal_delay().max(listed.saturating_mul(2)).max(until_end)
}

/// The time between the end of a stream and the end of its playlist; `None` if that is never written.
pub fn open_for(naming: &Naming) -> Option<Duration> {
    match naming.settings().ending {
        Ending::After(wait) => Some(wait),
        Ending::Never => None,
    }
}

/// The same for a playlist of an earlier run. Where `hls_endlist` is 0, encoders have until the removal of the files to
/// come back after a restart.
pub fn open_after_restart(naming: &Naming) -> Option<Duration> {
    let settings = naming.settings();
    match open_for(naming) {
        Some(Duration::ZERO) if settings.cleanup == Cleanup::Remove => None,
        Some(Duration::ZERO) => Some(settings.removal_delay()),
        wait => wait,
    }
}

//! The time zone of the machine, for local times in logs, lists and names of recordings.
//!
//! The library would read the file again every five minutes, on the loop. So it is read at the start, at a reload and
//! when the logs are opened again, each time by a thread that may wait for a disk.

use std::env;
use std::fs;
use std::sync::{PoisonError, RwLock};

use jiff::tz::TimeZone;

const FILE: &str = "/etc/localtime";

/// Threads write local times, too.
static READ: RwLock<Option<TimeZone>> = RwLock::new(None);

/// Reads the time zone; this may wait.
pub fn read() {
    let zone = of_file().unwrap_or_else(TimeZone::system);
    *READ.write().unwrap_or_else(PoisonError::into_inner) = Some(zone);
}

/// The time zone that has been read last.
pub fn local() -> TimeZone {
    let read = READ.read().unwrap_or_else(PoisonError::into_inner).clone();
    read.unwrap_or_else(TimeZone::system)
}

/// The time zone as it is now: the library would return what it has read less than five minutes ago.
fn of_file() -> Option<TimeZone> {
    if env::var_os("TZ").is_some() {
        return None;
    }
    TimeZone::tzif("", &fs::read(FILE).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_time_zone_that_has_been_read_is_that_of_the_machine() {
        read();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(local().to_offset(now), TimeZone::system().to_offset(now));
    }
}

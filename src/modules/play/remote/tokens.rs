//! The numbers by which the module tells the jobs, timers and downloads of spools from its others.

/// The name of the module.
pub const MODULE: &str = "play";

/// The mark of a number of spools.
const MARK: u64 = 1 << 63;
/// The bits of the number of a request.
const ATTEMPTS: u32 = 16;

/// A number for a spool and one of its requests.
pub fn of(spool: u64, attempt: u16) -> u64 {
    MARK | spool << ATTEMPTS | u64::from(attempt)
}

/// The spool and the request of a number; none if it is no number of spools.
pub fn read(token: u64) -> Option<(u64, u16)> {
    let rest = token.checked_sub(MARK)?;
    Some((rest >> ATTEMPTS, (rest & u64::from(u16::MAX)) as u16))
}

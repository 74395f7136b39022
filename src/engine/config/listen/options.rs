//! The options of `listen` that concern the listening socket.
//!
//! Accepted connections inherit keepalive and the sizes of the buffers. What nginx has besides is accepted without
//! effect, or is the default here: `bind`, `deferred`, `fastopen` and `setfib`.

use crate::conf::value;

/// The options of a listening socket; what is not given is the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// Whether an IPv6 address is for IPv6 only.
    pub ipv6_only: bool,
    /// Whether another process may listen there as well.
    pub reuse_port: bool,
    /// Connections that may wait to be accepted; 1024 if it is not given.
    pub backlog: Option<u32>,
    /// The size of the buffer for receiving, bytes.
    pub receive_buffer: Option<usize>,
    /// The size of the buffer for sending, bytes.
    pub send_buffer: Option<usize>,
    /// Whether silent connections are probed.
    pub keepalive: Option<KeepAliveProbes>,
}

/// `so_keepalive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAliveProbes {
    /// They are not.
    Off,
    /// They are; what is not given is the system's.
    On {
        /// Seconds of silence before the first probe.
        idle: Option<u32>,
        /// Seconds between two probes.
        interval: Option<u32>,
        /// Probes without an answer after which the connection fails.
        count: Option<u32>,
    },
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            ipv6_only: true,
            reuse_port: false,
            backlog: None,
            receive_buffer: None,
            send_buffer: None,
            keepalive: None,
        }
    }
}

impl SocketOptions {
    /// Takes an option. False if it is none of a socket.
    pub(in crate::engine) fn take(&mut self, option: &str) -> Result<bool, String> {
        let (name, value) =
            option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let bad = |what: &str| format!("\"{option}\": {what}");
        match (name, value) {
            ("bind" | "deferred", None) => {}
            ("reuseport", None) => self.reuse_port = true,
            ("ipv6only", Some(value)) => self.ipv6_only = flag(value).ok_or_else(|| bad("on or off"))?,
            ("backlog", Some(value)) => {
                let most = number(value, 1, MAX_BACKLOG);
                self.backlog = Some(most.ok_or_else(|| bad("a number from 1 to 65535"))?);
            }
            ("rcvbuf" | "sndbuf", Some(value)) => {
                let size = value::size(value).and_then(|size| usize::try_from(size).ok());
                let size = size.filter(|size| (1..=MAX_BUFFER).contains(size));
                let size = size.ok_or_else(|| bad("a size such as 64k, at most 1g"))?;
                let own = if name == "rcvbuf" { &mut self.receive_buffer } else { &mut self.send_buffer };
                *own = Some(size);
            }
            ("so_keepalive", Some(value)) => {
                let probes = probes(value);
                self.keepalive =
                    Some(probes.ok_or_else(|| bad("on, off, or such as 30m::10 (idle:interval:count)"))?);
            }
            ("fastopen" | "setfib", Some(value)) => {
                number(value, 0, u32::MAX).ok_or_else(|| bad("a number"))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    let number = value::number(text).and_then(|number| u32::try_from(number).ok())?;
    (least..=most).contains(&number).then_some(number)
}

/// Reads `on`, `off`, or `idle:interval:count`, of which one at least is given.
fn probes(text: &str) -> Option<KeepAliveProbes> {
    match text {
        "off" => return Some(KeepAliveProbes::Off),
        "on" => return Some(KeepAliveProbes::On { idle: None, interval: None, count: None }),
        _ => {}
    }
    let parts: Vec<_> = text.split(':').collect();
    let [idle, interval, count] = parts.as_slice() else { return None };
    let given = |part: &str, read: fn(&str) -> Option<u32>| {
        if part.is_empty() { Some(None) } else { read(part).map(Some) }
    };
    let (idle, interval) = (given(idle, seconds)?, given(interval, seconds)?);
    let count = given(count, |text| number(text, 1, MAX_PROBES))?;
    let has_one = idle.is_some() || interval.is_some() || count.is_some();
    has_one.then_some(KeepAliveProbes::On { idle, interval, count })
}

fn seconds(text: &str) -> Option<u32> {
    let seconds = u32::try_from(value::time(text)?.as_secs()).ok()?;
    (1..=MAX_SECONDS).contains(&seconds).then_some(seconds)
}

const MAX_BACKLOG: u32 = 65_535;
const MAX_BUFFER: usize = 1 << 30;
/// The kernel takes no more (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPCNT).
const MAX_SECONDS: u32 = 32_767;
const MAX_PROBES: u32 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(option: &str) -> Result<SocketOptions, String> {
        let mut options = SocketOptions::default();
        options.take(option).and_then(|known| if known { Ok(options) } else { Err("unknown".to_owned()) })
    }

    #[test]
    fn each_option_is_read_with_its_value() {
        let on = |idle, interval, count| Some(KeepAliveProbes::On { idle, interval, count });
        let own = SocketOptions::default();
        for (option, expected) in [
            ("bind", own),
            ("deferred", own),
            ("fastopen=3", own),
            ("reuseport", SocketOptions { reuse_port: true, ..own }),
            ("ipv6only=off", SocketOptions { ipv6_only: false, ..own }),
            ("backlog=65535", SocketOptions { backlog: Some(65_535), ..own }),
            ("rcvbuf=64k", SocketOptions { receive_buffer: Some(65_536), ..own }),
            ("sndbuf=1g", SocketOptions { send_buffer: Some(1 << 30), ..own }),
            ("so_keepalive=off", SocketOptions { keepalive: Some(KeepAliveProbes::Off), ..own }),
            ("so_keepalive=on", SocketOptions { keepalive: on(None, None, None), ..own }),
            ("so_keepalive=30m::10", SocketOptions { keepalive: on(Some(1800), None, Some(10)), ..own }),
            ("so_keepalive=:5s:", SocketOptions { keepalive: on(None, Some(5), None), ..own }),
        ] {
            assert_eq!(read(option), Ok(expected), "{option}");
        }
    }

    #[test]
    fn a_wrong_value_is_an_error_that_says_what_is_right() {
        for option in [
            "backlog=0",
            "backlog=65536",
            "backlog=-1",
            "rcvbuf=0",
            "sndbuf=2g",
            "ipv6only=yes",
            "so_keepalive=",
            "so_keepalive=::",
            "so_keepalive=1:2",
            "so_keepalive=10h::",
            "so_keepalive=::128",
            "fastopen=x",
        ] {
            assert!(read(option).unwrap_err().starts_with(&format!("\"{option}\": ")), "{option}");
        }
        assert_eq!(read("backlog"), Err("unknown".to_owned()));
    }
}

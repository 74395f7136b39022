//! An RTMP server with the settings of its sessions: protocol, time limits, queue.
//!
//! They are read once, from the server's block, and shared by its sessions; copied to each is only what it needs for each
//! message. The settings of streams, which an application has, are in `policy.rs`.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conf::Scope;
use crate::conf::value::or_never;
use crate::engine::config::listener::ListenAddress;
use crate::engine::config::real_address::TrustedProxies;
use crate::engine::config::tls::PlacedTls;
use crate::engine::ids::{AppId, ServerId};
use crate::engine::session::out_queue::QueueLimits;
use crate::rtmp::chunk::{Chunking, Extended, ExtendedHabit};

/// One RTMP server.
#[derive(Debug, Clone)]
pub(in crate::engine) struct RtmpServer {
    /// The settings of new sessions. Each session keeps those that it has begun with.
    pub settings: Rc<ServerSettings>,
    pub addresses: Vec<ListenAddress>,
    /// The proxies that may tell the address of a client.
    pub trusted: TrustedProxies,
    /// The settings of its encrypted connections.
    pub tls: Option<PlacedTls>,
    /// The application of `stream_from_app`.
    pub stream_from_app: Option<AppId>,
    /// When the sessions end that are not connected to an application, as the server is gone since a reload.
    pub ends_at: Option<Instant>,
}

/// The settings of the sessions of one RTMP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct ServerSettings {
    pub server: ServerId,
    pub rtmp: crate::rtmp::server::Settings,
    pub timeout: Duration,
    pub ping: Duration,
    pub ping_timeout: Duration,
    /// Whether a silent client is closed instead of pinged.
    pub busy: bool,
    pub queue: QueueLimits,
}

impl ServerSettings {
    pub(in crate::engine) fn new(server: ServerId, scope: &Scope<'_>) -> Self {
        let message = scope.size("max_message").min(MAX_MESSAGE) as u32;
        let limits = crate::rtmp::chunk::Limits {
            message,
            streams: scope.number("max_streams") as usize,
            // One message and what may be interleaved with it.
            held: message as usize + (1 << 20),
        };
        Self {
            server,
            rtmp: crate::rtmp::server::Settings {
                chunking: Chunking {
                    size: scope.number("chunk_size") as u32,
                    extended: if scope.flag("play_time_fix") { Extended::Repeated } else { Extended::Once },
                },
                ack_window: scope.number("ack_window") as u32,
                extended_habit: if scope.flag("publish_time_fix") {
                    ExtendedHabit::Unknown
                } else {
                    ExtendedHabit::Omits
                },
                limits,
            },
            timeout: or_never(scope.time("timeout")),
            ping: or_never(scope.time("ping")),
            ping_timeout: or_never(scope.time("ping_timeout")),
            busy: scope.flag("busy"),
            queue: QueueLimits {
                messages: scope.number("out_queue") as u32,
                cork: match scope.number("out_cork") {
                    0 => scope.number("out_queue") as u32 / 8,
                    messages => messages as u32,
                },
            },
        }
    }
}

/// The longest RTMP message, bytes: its length has 24 bits.
pub(in crate::engine) const MAX_MESSAGE: u64 = 0xff_ffff;

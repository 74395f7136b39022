//! The memory of all sessions together, in two budgets: input, and what waits to be sent. Here it is counted; `relief`
//! frees memory beyond a budget.
//!
//! The limits of one session bound one client; there may be ten thousand of them.

use std::time::Instant;

use crate::conf::value::{self, Custom};
use crate::conf::{Acts, Context, Directive, Repeat, Scope, Takes};
use crate::engine::session::Session;
use crate::media::Meter;

const SIZE_OR_AUTO: Takes = Takes::Custom { syntax: "size|auto", parse: |args| Custom::of(parse_size(args)) };

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[
    Directive {
        name: "input_memory_size",
        contexts: &[Context::Main],
        takes: SIZE_OR_AUTO,
        default: "auto",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Memory for all incomplete messages and requests of all clients. When it is used up, clients are \
              closed: those that do not publish first, beginning with the longest incomplete message, and \
              publishers last. auto is a sixteenth of the memory of the machine or of the server's control \
              group, at most 256m.",
    },
    Directive {
        name: "media_memory_size",
        contexts: &[Context::Main],
        takes: SIZE_OR_AUTO,
        default: "auto",
        repeat: Repeat::Once,
        acts: Acts::AtOnce,
        doc: "Memory for all frames that are cached or wait for players, and for all responses that wait for \
              clients. When it is used up, GOP caches are emptied, the largest first; then frames that wait \
              for slow players are dropped; then the clients for which most data is waiting are closed. auto \
              is the same as for input_memory_size.",
    },
];

/// `auto` is the memory of the machine divided by this, with an upper bound in bytes.
const AUTO_DIVISOR: u64 = 16;
const LARGEST_AUTO: u64 = 256 << 20;
/// The smallest budget, bytes: less would not do for a few clients.
const SMALLEST: u64 = 1 << 20;

/// Both budgets with their counts.
#[derive(Debug)]
pub(in crate::engine) struct Budgets {
    /// Unprocessed input, suspended requests included, and the texts of each `connect`.
    pub input: Budget,
    /// Replies; `frames` count for it, too.
    pub media: Budget,
    /// All frames in memory.
    pub frames: Meter,
    /// The size of media beyond which memory is freed: the limit, or more where outputs hold frames.
    pub media_bound: usize,
    /// Bytes of memory of the machine, where they are known.
    machine: Option<u64>,
    /// The time until which no more clients are closed for their input.
    pub input_relief_paused_until: Option<Instant>,
    /// Freed memory of media.
    pub relief: MediaRelief,
}

/// Freed memory of media that has not been logged yet.
#[derive(Debug, Default)]
pub(in crate::engine) struct MediaRelief {
    pub paused_until: Option<Instant>,
    pub next_report: Option<Instant>,
    pub caches: usize,
    pub frames: usize,
    pub clients: usize,
}

/// One budget, in bytes.
#[derive(Debug)]
pub(in crate::engine) struct Budget {
    pub limit: usize,
    /// Whether `limit` is derived from the machine's memory.
    is_auto: bool,
    /// Bytes that all sessions use.
    pub used: usize,
}

impl Budget {
    fn new(root: &Scope<'_>, name: &str) -> Self {
        let size: Option<u64> = root.custom(name);
        let limit = usize::try_from(size.unwrap_or(LARGEST_AUTO)).unwrap_or(usize::MAX);
        Self { limit, is_auto: size.is_none(), used: 0 }
    }

    fn limit_to_share_of(&mut self, memory: u64) {
        if self.is_auto {
            let share = (memory / AUTO_DIVISOR).clamp(SMALLEST, LARGEST_AUTO);
            self.limit = usize::try_from(share).unwrap_or(usize::MAX);
        }
    }

    fn adopt(&mut self, next: &Self) {
        (self.limit, self.is_auto) = (next.limit, next.is_auto);
    }

    /// Changes the part that is counted for a session.
    fn replace(&mut self, counted: &mut usize, now: usize) {
        self.used = (self.used + now).saturating_sub(*counted);
        *counted = now;
    }
}

impl Budgets {
    /// Reads a checked configuration.
    pub fn new(root: &Scope<'_>) -> Self {
        let media = Budget::new(root, "media_memory_size");
        Self {
            input: Budget::new(root, "input_memory_size"),
            media_bound: media.limit,
            media,
            frames: Meter::default(),
            machine: None,
            input_relief_paused_until: None,
            relief: MediaRelief::default(),
        }
    }

    /// Sets the limits that are derived from the memory of the machine, in bytes.
    pub fn set_memory(&mut self, memory: u64) {
        self.machine = Some(memory);
        self.input.limit_to_share_of(memory);
        self.media.limit_to_share_of(memory);
        self.media_bound = self.media.limit;
    }

    /// Takes the limits of another configuration; what is counted stays so.
    pub fn adopt(&mut self, next: &Self) {
        self.input.adopt(&next.input);
        self.media.adopt(&next.media);
        self.media_bound = self.media.limit;
        if let Some(memory) = next.machine.or(self.machine) {
            self.set_memory(memory);
        }
    }

    /// Counts the input of a session.
    #[inline]
    pub fn count_input(&mut self, session: &mut Session) {
        let held = session.held_input();
        if held != session.counted_input {
            self.input.replace(&mut session.counted_input, held);
        }
    }

    /// Counts the replies that wait for a session.
    #[inline]
    pub fn count_replies(&mut self, session: &mut Session) {
        let waiting = session.waiting_bytes();
        if waiting != session.counted_replies {
            self.media.replace(&mut session.counted_replies, waiting);
        }
    }

    /// Counts a session no more, as it is freed.
    pub fn count_out(&mut self, session: &mut Session) {
        self.input.replace(&mut session.counted_input, 0);
        self.media.replace(&mut session.counted_replies, 0);
    }

    /// Bytes of frames and replies.
    pub fn media_used(&self) -> usize {
        self.frames.bytes() + self.media.used
    }
}

/// Bytes; none for `auto`.
fn parse_size(args: &[String]) -> Result<Option<u64>, String> {
    match args {
        [word] if word == "auto" => Ok(None),
        [size] => match value::size(size) {
            Some(bytes) if bytes >= SMALLEST => Ok(Some(bytes)),
            Some(_) => Err(format!("\"{size}\" is less than 1m")),
            None => Err(format!("\"{size}\" is no size")),
        },
        _ => Err("one size such as 64m, or auto".into()),
    }
}

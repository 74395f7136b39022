//! Streams that travel between servers, over real sockets: other servers made by hand, which behave as those of the large
//! services do, or lie, hang, die and come back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

pub mod bytes;
mod other;
mod protocol;
mod session;
mod sources;
mod targets;

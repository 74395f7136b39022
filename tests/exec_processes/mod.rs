//! The processes of commands: what they inherit, how they end, and what is left of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod launcher;
mod output;
mod processes;
mod server;

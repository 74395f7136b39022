//! The processes of commands: what they inherit, how they end, and what is left of them.

mod launcher;
mod processes;
mod server;

//! The outer ring: sockets, signals and the loop. The only code that names mio.

mod accepting;
mod agenda;
mod listener;
mod server;
mod socket;
mod transfer;

pub use listener::bind;
pub use server::{Server, now};

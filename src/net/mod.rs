//! The outer ring: sockets, signals and the loop. The only code that names mio.

mod listener;
mod server;
mod socket;

pub use listener::bind;
pub use server::{Server, now};

//! The outer ring: sockets, signals and the loop, the only code that names mio; and all threads, for logs and for jobs.

mod accepting;
mod adopting;
mod agenda;
mod backlog;
mod cached_parts;
mod connecting;
mod listener;
mod listeners;
mod log_writer;
mod read_ahead;
mod server;
mod socket;
mod stream;
mod transfer;
mod workers;

pub use adopting::Background;
pub use listener::{bind, probe};
pub use listeners::{ListenerChanges, Prepared};
pub use log_writer::{Format, LogFile, LogWriter};
pub use server::{Server, Wish, now};

//! The outer ring: sockets, TLS, signals and the loop, the only code that names mio and rustls; and all threads, for logs
//! and for jobs.

mod accepting;
mod adopting;
mod agenda;
mod backlog;
mod cached_parts;
mod commands;
mod connecting;
mod handshakes;
mod listener;
mod listeners;
mod log_writer;
mod read_ahead;
mod server;
mod socket;
mod stream;
mod tls;
mod transfer;
mod workers;

pub use adopting::Background;
pub use commands::family;
pub use commands::launching::LAUNCHER_NAME;
pub use commands::protocol::{Incoming, LaunchRequest, OPEN_SECONDS, Order, event_line};
pub use listener::{bind, probe, try_unix};
pub use listeners::{ListenerChanges, Prepared};
pub use log_writer::{Format, LogOutput, LogWriter};
pub use server::{Server, Wish, now};
pub use tls::certificates::examination::{Examination, examine_tls};
pub use tls::client::check_tls;
pub use tls::servers::LoadedTls;

//! What the API tells: the server, its streams, its clients, its recorders and its relays, in JSON.
//!
//! Each answer is composed in steps, as there may be thousands of clients. The fields are described in docs/statistics.md,
//! and a change of one is a change for every script. Secrets are left out: arguments of URLs, and what stands in a URL
//! in place of an application.

mod client;
mod clients;
mod parts;
mod recorders;
mod relay;
mod status;
mod stream;
mod streams;

pub use clients::{Clients, OneClient};
pub use recorders::Recorders;
pub use relay::RelayFacts;
pub use status::Status;
pub use streams::{OneStream, Streams};

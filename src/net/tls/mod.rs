//! TLS: the only code that names rustls.
//!
//! `stream.rs` is an encrypted connection, for either side; `client.rs` makes what a client needs for one, of files that
//! it reads in a thread; `clients.rs` is the table of those, which belongs to the loop; `verifier.rs` says which
//! certificates are trusted; `reasons.rs` says what is wrong, in words for the log.

pub mod client;
pub mod clients;
mod reasons;
pub mod stream;
#[cfg(test)]
mod tests;
mod verifier;

//! The client without a connection.

mod requests;
mod responses;

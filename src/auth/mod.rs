//! Who a client is: keys, signed URLs, passwords, and the masking of all of them.
//!
//! Only computation: texts and bytes go in, answers come out. Who may do what is decided by the module `access` and by
//! locations; files, clocks and randomness are theirs. A secret of the configuration is never shown.

pub mod adobe;
pub mod basic;
pub mod mask;
pub mod password;
pub mod query;
pub mod secret;
pub mod secure_link;
pub mod segment_token;
pub mod signature;
pub mod tokens;

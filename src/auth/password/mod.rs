//! Files of users and passwords, as `htpasswd` of Apache makes them: lines of `user:hash`.
//!
//! Only texts and computation: who reads the file, and when, is decided elsewhere. A password of a client and a hash of
//! a file are never shown.

mod apr1;
mod bcrypt;
mod encoding;
mod hash;
mod sha;
mod users;

pub use hash::{Format, Hash, HashError};
pub use users::{Answer, FileError, LineError, MAX_BYTES, MAX_PASSWORD, Users};

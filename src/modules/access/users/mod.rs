//! `publish_user_file` and `play_user_file`: users and passwords in a file, which a job reads for each password that is
//! verified, since it may have changed.

mod adobe;
mod checks;
mod file;
mod probe;

pub use adobe::Encoders;
pub use checks::{Checks, MODULE, Purpose, timed_out};
pub use file::{UserFile, UserLine};
pub use probe::check as probe;

//! Which representation of a resource a client gets, whole or in part, or that it has it already (RFC 9110, sections 8 and
//! 12 to 14).

pub mod accept;
pub mod conditional;
pub mod mime;
pub mod range;

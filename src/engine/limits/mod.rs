//! What bounds all sessions together: how many there may be, how much memory and how many file descriptors they take.

pub(in crate::engine) mod admission;
pub(in crate::engine) mod budgets;
pub(in crate::engine) mod connections;
pub(in crate::engine) mod descriptors;
pub(in crate::engine) mod refusals;
pub(in crate::engine) mod relief;

//! Limits on all sessions together: connections, memory, file descriptors. Limits of one session stand beside their
//! users.
//!
//! `admission` lets connections and clients in by the counts of `connections`, and counts `refusals`; `budgets` counts
//! memory and `relief` frees it; `guesses` slows down who shows wrong keys, by `tries`; `descriptors` divides the numbers of file descriptors.

pub(in crate::engine) mod admission;
pub(in crate::engine) mod bans;
pub(in crate::engine) mod budgets;
pub(in crate::engine) mod connections;
pub(in crate::engine) mod descriptors;
pub(in crate::engine) mod guesses;
pub(in crate::engine) mod origin;
pub(in crate::engine) mod refusals;
pub(in crate::engine) mod relief;
pub(in crate::engine) mod tokens;
pub(in crate::engine) mod tries;

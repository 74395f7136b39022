//! Statistics: numbers of what the server does, for operators and their tools, and the walk over what there is.
//!
//! Here are the kinds of numbers (`rate`, `histogram`, `longest`), and [`Totals`](totals::Totals), the numbers of the
//! whole server. Those of one stream are in `stream/traffic.rs` and `history`; `present` and `audience` look up what needs not be kept, and `walk` goes
//! over all that there is. Whoever does something counts it in place; nothing here reads a clock or has a timer, and rates
//! are computed when they are asked for.

pub(in crate::engine) mod audience;
pub(in crate::engine) mod flv_players;
pub(in crate::engine) mod histogram;
pub(in crate::engine) mod history;
pub(in crate::engine) mod longest;
pub(in crate::engine) mod present;
pub(in crate::engine) mod rate;
pub(in crate::engine) mod states;
pub(in crate::engine) mod totals;
pub(in crate::engine) mod walk;

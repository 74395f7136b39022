//! Callbacks: a backend decides about clients, or hears of them, over HTTP.
//!
//! [`event`] is what has happened, and to whom; the formats write it as a backend reads it, and
//! [`decision`] is what the backend answers. Those files only compute:
//! they open no connection, read no clock and know no session.

#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod arguments;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod decision;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod event;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod form;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod format;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod json;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod mediamtx;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod signature;
#[cfg_attr(not(test), expect(dead_code, reason = "the hooks of the module are not connected yet"))]
mod srs;

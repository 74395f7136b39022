//! Operations: what an operator has the server do to what runs, whoever passes it on: to end clients, to move them to
//! another stream, to start and stop recordings, to reload.
//!
//! A module queues what does not need an outcome ([`Ctx::kick`], [`Ctx::kick_viewers`], [`Ctx::redirect`]), and answers an
//! HTTP request by an [`Operation`](crate::engine::Operation) whose outcome it wants to tell. Each is carried out in steps
//! of its own. Who may do this is decided by the modules; nothing here asks.
//!
//! [`Ctx::kick`]: crate::engine::Ctx::kick
//! [`Ctx::kick_viewers`]: crate::engine::Ctx::kick_viewers
//! [`Ctx::redirect`]: crate::engine::Ctx::redirect

pub(in crate::engine) mod carrying;
pub(in crate::engine) mod kick;
pub(in crate::engine) mod operation;
pub(in crate::engine) mod order;
pub(in crate::engine) mod redirect;
pub(in crate::engine) mod running;
pub(in crate::engine) mod waiting;

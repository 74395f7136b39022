//! The way of a viewer's request to its admission.

use crate::engine::Engine;
use crate::engine::request::{Refusal, Request};

impl Engine {
    /// A viewer's request has passed all gates.
    pub(in crate::engine) fn grant_view(&mut self, _request: &Request) {}

    /// A viewer's request is refused.
    pub(in crate::engine) fn refuse_view(&mut self, _request: &Request, _refusal: &Refusal) {}
}

//! Carries out orders, each in a step of its own.

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::operations::order::Order;

impl Engine {
    /// Carries out one order.
    pub(in crate::engine) fn carry_out(&mut self, order: Order) {
        let (session, stream) = (order.session(), order.stream());
        let done = self.contain(|engine| match order {
            Order::Kick(id, why) => engine.end_kicked(id, &why),
            Order::EndViewers(kicked) => engine.end_kicked_viewers(*kicked),
            Order::EndGrace(stream) => engine.end_kicked_grace(stream),
            Order::Redirect(endpoint, name) => engine.begin_redirect(endpoint, &name),
            Order::Operate(id) => engine.continue_operation(id),
            Order::Began(stream, recorder, result) => engine.note_began(stream, &recorder, &result),
        });
        if let (None, Some(id)) = (done, session) {
            self.cx.close_after_panic(id);
        }
        if let (None, Some(id)) = (done, stream) {
            self.end_stream_after_panic(id);
        }
    }
}

impl Ctx {
    /// The number of orders so far: what has been composed when it was lower does not show what they do.
    pub fn orders_so_far(&self) -> u64 {
        self.work.orders_so_far
    }

    pub(in crate::engine) fn order(&mut self, order: Order) {
        self.work.orders_so_far += 1;
        self.work.orders.push_back(order);
    }
}

//! Reclaims memory of files: from streams beyond their shares, and from readers that are late.
//!
//! Called before each step; `memory/mod.rs` only notes what is wanted.

use std::collections::HashMap;

use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;

impl Ctx {
    /// Has sinks and late readers give back memory that others want.
    pub(in crate::engine) fn reclaim_memory(&mut self) {
        if self.memory.is_crowded() {
            let (streams, mut outlet, panics) = self.streams_and_outlet();
            streams.iter_mut().for_each(|stream| stream.let_sinks_give_way(&mut outlet, panics));
            self.memory.clear_crowded();
        }
        let wanted = self.memory.take_wanted();
        if wanted > 0 {
            self.close_late_readers(wanted);
        }
    }

    /// Closes clients that are still being sent removed files, until enough is free: those of the file first that was
    /// removed first. Whoever still reads that is slower than all others.
    fn close_late_readers(&mut self, wanted: u64) {
        let mut readers: HashMap<u32, Vec<SessionId>> = HashMap::new();
        for session in self.sessions.iter() {
            for extent in session.out.extents() {
                readers.entry(extent.number()).or_default().push(session.id);
            }
        }
        let (mut late, mut freed) = (Vec::new(), 0);
        for (extent, bytes) in self.memory.removed() {
            if freed >= wanted {
                break;
            }
            late.extend(readers.remove(&extent.number()).unwrap_or_default());
            freed += bytes;
        }
        for id in late {
            self.close(id, "is late with a file whose memory is wanted");
        }
    }
}

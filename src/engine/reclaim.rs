//! Memory that is wanted back from those who are late with it.

use std::collections::HashMap;

use super::ctx::Ctx;
use super::session::SessionId;

impl Ctx {
    /// Hangs up on clients that are still being sent files that are gone from memory, until as much is free as is wanted:
    /// those of the file first that has been gone for longest. Who reads it then is slower than all others.
    pub(super) fn reclaim_memory(&mut self) {
        let wanted = self.memory.take_wanted();
        if wanted == 0 {
            return;
        }
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

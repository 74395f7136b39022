//! The message streams of a session: what `createStream` hands out and `deleteStream` takes back.

/// Message streams of one session. Flash players use one or two.
const MAX_STREAMS: u32 = 16;

/// The message stream ids in use, of 1 to 16.
#[derive(Debug, Default)]
pub(super) struct MessageStreams(u16);

impl MessageStreams {
    /// The lowest id that is free.
    pub fn create(&mut self) -> Option<u32> {
        let free = self.0.trailing_ones();
        if free >= MAX_STREAMS {
            return None;
        }
        self.0 |= 1 << free;
        Some(free + 1)
    }

    /// Frees an id.
    pub fn delete(&mut self, id: u32) {
        if (1..=MAX_STREAMS).contains(&id) {
            self.0 &= !(1 << (id - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_lowest_free_ones_up_to_the_limit() {
        let mut streams = MessageStreams::default();
        assert!((1..=MAX_STREAMS).all(|id| streams.create() == Some(id)));
        assert_eq!(streams.create(), None);
        streams.delete(3);
        streams.delete(0);
        streams.delete(99);
        assert_eq!((streams.create(), streams.create()), (Some(3), None));
    }
}

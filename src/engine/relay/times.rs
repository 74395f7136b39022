//! The times of a push: they begin at 0 with each connection and never go back, whatever those of its stream do.

/// The times of the frames of a player, compared to those of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Times {
    /// The same, as for a client.
    OfStream,
    /// They count from the player's first frame.
    FromZero {
        /// The time of its stream then; none before it.
        first: Option<u64>,
    },
    /// Those of a file, of which messages up to this time have been sent.
    OfFile {
        /// Milliseconds.
        sent: u64,
    },
}

impl Times {
    /// Those of a connection that begins.
    pub const FROM_ZERO: Self = Self::FromZero { first: None };

    /// The next frame has this time in its stream.
    pub fn begin(&mut self, timestamp: u64) {
        if let Self::FromZero { first } = self {
            first.get_or_insert(timestamp);
        }
    }

    /// The time at which a frame is sent; none if it is that of the stream. (A frame of the other track may be a little
    /// before the first one.)
    #[inline]
    pub fn place(&self, timestamp: u64) -> Option<u64> {
        match *self {
            Self::OfStream | Self::OfFile { .. } | Self::FromZero { first: None | Some(0) } => None,
            Self::FromZero { first: Some(first) } => Some(timestamp.saturating_sub(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_begin_at_zero() {
        let mut times = Times::FROM_ZERO;
        times.begin(5000);
        let placed = [5000, 4990, 5040].map(|time| times.place(time));
        assert_eq!(placed, [Some(0), Some(0), Some(40)]);
        times.begin(9000);
        assert_eq!(times.place(9000), Some(4000), "it has begun");
    }

    #[test]
    fn a_stream_that_begins_at_zero_and_a_client_need_no_other_times() {
        let mut times = Times::FROM_ZERO;
        times.begin(0);
        assert_eq!([times.place(0), times.place(40)], [None; 2]);
        let mut times = Times::OfStream;
        times.begin(7);
        assert_eq!(times.place(9), None);
    }
}

//! Times of 32 bits, as RTMP and FLV have them: milliseconds, which begin anew after 49.7 days.

/// The time that has these lower 32 bits and is the nearest to another one; none if it would be below zero.
pub fn nearest(near: u64, low: u32) -> Option<u64> {
    let step = low.wrapping_sub((near & u64::from(u32::MAX)) as u32).cast_signed();
    near.checked_add_signed(step.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_nearest_to_another() {
        assert_eq!(nearest(0, 1000), Some(1000));
        assert_eq!(nearest(1 << 32, 5), Some((1 << 32) + 5));
        assert_eq!(nearest((1 << 32) + 5, u32::MAX), Some((1 << 32) - 1));
        assert_eq!(nearest(5, u32::MAX), None);
    }
}

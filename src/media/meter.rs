//! The bytes of memory of all frames, whoever holds them.
//!
//! Frames are shared: by the cached group, by the queues of players, by outputs that wait. The sum of what each of
//! these holds says nothing, so a frame counts itself from when it is made until its last owner lets it go.

use std::cell::Cell;
use std::rc::Rc;

/// A count of bytes, of which all clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    bytes: Rc<Cell<usize>>,
    /// The meter that it is counted on.
    whole: Option<Rc<Cell<usize>>>,
}

impl Meter {
    /// A meter for a part of what this one counts; this one counts it, too.
    pub fn part(&self) -> Self {
        Self { bytes: Rc::default(), whole: Some(Rc::clone(&self.bytes)) }
    }

    /// Bytes of what lives.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn all(&self) -> impl Iterator<Item = &Cell<usize>> {
        self.whole.iter().chain([&self.bytes]).map(Rc::as_ref)
    }

    /// Counts so many bytes for as long as the charge lives.
    pub fn charge(&self, bytes: usize) -> Charge {
        let charge = Charge { meter: self.clone(), bytes: Cell::new(0) };
        charge.add(bytes);
        charge
    }
}

/// The bytes that one owner has on a meter; subtracted when this is dropped.
#[derive(Debug)]
pub struct Charge {
    meter: Meter,
    bytes: Cell<usize>,
}

impl Charge {
    /// Counts more.
    pub fn add(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
        self.meter.all().for_each(|count| count.set(count.get() + bytes));
    }

    /// Counts so many bytes of another owner on the same meter.
    pub fn another(&self, bytes: usize) -> Self {
        self.meter.charge(bytes)
    }

    /// Bytes of all that is counted on the meter.
    pub fn of_all(&self) -> usize {
        self.meter.bytes()
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.all().for_each(|count| count.set(count.get().saturating_sub(self.bytes.get())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_shows_what_lives() {
        let meter = Meter::default();
        let first = meter.charge(10);
        let second = meter.clone().charge(5);
        first.add(1);
        assert_eq!(meter.bytes(), 16);
        drop(first);
        assert_eq!(meter.bytes(), 5);
        drop(second);
        assert_eq!(meter.bytes(), 0);
    }

    #[test]
    fn bytes_of_a_part_count_in_the_whole() {
        let whole = Meter::default();
        let (one, other) = (whole.part(), whole.part());
        let charges = [one.charge(3), other.charge(4), one.charge(5)];
        assert_eq!((one.bytes(), other.bytes(), whole.bytes()), (8, 4, 12));
        drop(charges);
        assert_eq!((one.bytes(), other.bytes(), whole.bytes()), (0, 0, 0));
    }
}

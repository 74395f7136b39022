//! How many bytes all frames take that live, whoever holds them.
//!
//! Frames are shared: by the cached group, by the queues of players, by outputs that wait. The sum of what each of these
//! holds says nothing, so a frame counts itself from when it is made until its last owner lets it go.

use std::cell::Cell;
use std::rc::Rc;

/// A count of bytes, of which all clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Meter(Rc<Cell<usize>>);

impl Meter {
    /// Bytes of what lives.
    pub fn bytes(&self) -> usize {
        self.0.get()
    }

    /// Counts so many bytes for as long as the charge lives.
    pub fn charge(&self, bytes: usize) -> Charge {
        let charge = Charge { meter: self.clone(), bytes: Cell::new(0) };
        charge.add(bytes);
        charge
    }
}

/// What one owner has on a meter; taken off when it is dropped.
#[derive(Debug)]
pub struct Charge {
    meter: Meter,
    bytes: Cell<usize>,
}

impl Charge {
    /// Counts more.
    pub fn add(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
        self.meter.0.set(self.meter.0.get() + bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.0.set(self.meter.0.get().saturating_sub(self.bytes.get()));
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
}

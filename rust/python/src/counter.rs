//! Counts and other numbers that only threads holding the GIL change.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only threads holding the GIL change, so that it needs no locked instruction.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.set(self.get() + count);
    }

    /// Adds one; gives the new count.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        let next = self.get() + 1;
        self.set(next);
        next
    }
}

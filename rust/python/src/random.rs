//! Random numbers, different in every process.

use std::cell::Cell;

use crate::event;

thread_local! {
    /// The process generation in which this thread's generator was seeded.
    static SEEDED_IN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A float in [0, 1).
pub(crate) fn unit() -> f64 {
    let generation = event::generation();
    if SEEDED_IN.replace(Some(generation)) != Some(generation) {
        // A forked child has its parent's generator, and would repeat its numbers.
        let seed = fastrand::Rng::with_seed(u64::from(std::process::id()) ^ event::now().to_bits())
            .u64(..);
        fastrand::seed(seed);
    }
    fastrand::f64()
}

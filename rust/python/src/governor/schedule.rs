//! Which of the hits of a probe are timed: each while they are few, fewer the more there are.

use crate::counter::Counter;

/// The mean distance of timed hits is at most two to the power of this.
const SPARSEST: u64 = 6;
/// Timed hits come less often when they come more often than this, in nanoseconds.
const TOO_OFTEN: u64 = 250_000;
/// Timed hits come more often when they come less often than this.
const TOO_SELDOM: u64 = 1_000_000;
/// After so long each hit is timed again.
const QUIET: u64 = 16_000_000;

/// Which of the hits, or of the bodies, are timed.
#[derive(Default)]
pub(super) struct Schedule {
    /// The one that is timed next, counted from 1.
    pub(super) next: Counter,
    /// The last one that was timed, and when.
    pub(super) last: Counter,
    timed_at: Counter,
    /// The mean distance, as a power of two.
    sparsity: Counter,
}

impl Schedule {
    /// Begins to time number `count`; gives how many it stands for.
    pub(super) fn begin(&self, count: u64) -> u64 {
        let stands_for = count.saturating_sub(self.last.get()).max(1);
        self.last.set(count);
        stands_for
    }

    /// Chooses the next one.
    pub(super) fn plan(&self, now: u64) {
        let apart = now.saturating_sub(self.timed_at.get());
        self.timed_at.set(now);
        let sparsity = match apart {
            QUIET.. => 0,
            TOO_SELDOM.. => self.sparsity.get().saturating_sub(1),
            TOO_OFTEN.. => self.sparsity.get(),
            _ => (self.sparsity.get() + 1).min(SPARSEST),
        };
        self.sparsity.set(sparsity);
        // Any pattern in the calls of the application must not meet a pattern here.
        let random = now.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let distance = (random & ((2 << sparsity) - 1)).max(1);
        self.next.set(self.last.get() + distance);
    }
}

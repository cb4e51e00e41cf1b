//! The clock by which runs are timed.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since the process first asked.
pub(super) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// About how long it takes to look at the clock.
pub(super) fn cost() -> u64 {
    static COST: OnceLock<u64> = OnceLock::new();
    *COST.get_or_init(|| {
        let mut least = u64::MAX;
        for _ in 0..64 {
            let before = now();
            least = least.min(now() - before);
        }
        least
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of more than a hundred days"
)]
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

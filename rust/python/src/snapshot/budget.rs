//! What one event may still hold: values, bytes, time.

use std::time::{Duration, Instant};

use super::limits::Limits;

/// The clock is looked at after so many values, or as much work on strings as they make.
const CLOCK_EVERY: usize = 32;
/// So many bytes of a string are as much work as one value.
const BYTES_PER_VALUE: usize = 256;
/// Of the bytes of a copy, so many are kept for the marks of what does not fit.
pub(super) const RESERVE: usize = 4096;

/// Between two looks at the clock no more than this counts: it is far more than the work in between takes, so that the
/// rest is time in which the thread did not run.
const LONGEST_STEP: Duration = Duration::from_micros(250);

/// The time that the copies of one run have left.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// There is no end to it.
    Stopped,
    /// So much.
    Left(Duration),
}

/// What one event may still hold.
pub(super) struct Budget {
    values: usize,
    most_values: usize,
    most_bytes: usize,
    clock: Clock,
    /// When the clock was looked at last.
    looked: Option<Instant>,
    /// Work since then.
    work: usize,
    late: bool,
}

impl Budget {
    pub(super) fn new(limits: &Limits, clock: Clock) -> Self {
        let (looked, late) = match clock {
            Clock::Stopped => (None, false),
            Clock::Left(left) => (Some(Instant::now()), left.is_zero()),
        };
        Self {
            values: 0,
            most_values: limits.values,
            most_bytes: limits.bytes,
            clock,
            looked,
            work: 0,
            late,
        }
    }

    /// Counts one value.
    pub(super) fn value(&mut self) {
        self.values += 1;
        self.work += 1;
    }

    /// Counts work on a string of so many bytes.
    pub(super) fn bytes(&mut self, bytes: usize) {
        self.work += bytes / BYTES_PER_VALUE;
    }

    /// Whether time has run out.
    pub(super) fn is_late(&mut self) -> bool {
        if self.work >= CLOCK_EVERY && !self.late {
            self.look();
        }
        self.late
    }

    fn look(&mut self) {
        self.work = 0;
        if let (Clock::Left(left), Some(looked)) = (&mut self.clock, &mut self.looked) {
            let now = Instant::now();
            *left = left.saturating_sub(now.duration_since(*looked).min(LONGEST_STEP));
            *looked = now;
            self.late = left.is_zero();
        }
    }

    /// What is left for the next copy of the same run.
    pub(super) fn rest(mut self) -> Clock {
        self.look();
        self.clock
    }

    /// Whether a copy that takes `length` bytes by now may take no more values.
    pub(super) fn is_full(&mut self, length: usize) -> bool {
        self.values >= self.most_values
            || length.saturating_add(RESERVE) >= self.most_bytes
            || self.is_late()
    }

    /// How many bytes of a string may be added to a copy that takes `length` bytes by now.
    pub(super) fn room(&self, length: usize) -> usize {
        self.most_bytes
            .saturating_sub(length.saturating_add(RESERVE))
    }

    /// Whether it was time that ran out.
    pub(super) fn was_late(&self) -> bool {
        self.late
    }
}

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

/// The time that the copies of one run have left. It runs from the moment when they have done as much work as lies between
/// two looks at the clock: to look at it takes longer than most events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Without an end if there is none.
    left: Option<Duration>,
    /// Work since it was looked at last.
    work: usize,
    /// Whether the clock runs while a copy is made.
    runs: bool,
}

impl Clock {
    /// There is no end to it.
    pub(crate) const ENDLESS: Self = Self {
        left: None,
        work: 0,
        runs: false,
    };

    /// So much time.
    pub(crate) const fn of(time: Duration) -> Self {
        Self {
            left: Some(time),
            work: 0,
            runs: false,
        }
    }

    /// Whether time has run out.
    #[inline]
    pub(crate) fn is_out(&self) -> bool {
        self.left.is_some_and(|left| left.is_zero())
    }
}

/// What one event may still hold.
pub(super) struct Budget {
    values: usize,
    most_values: usize,
    most_bytes: usize,
    clock: Clock,
    /// When the clock was looked at last.
    looked: Option<Instant>,
    late: bool,
}

impl Budget {
    /// What is left when so many values were copied, and so much time.
    pub(super) fn new(limits: &Limits, values: usize, clock: Clock) -> Self {
        Self {
            values,
            most_values: limits.values,
            most_bytes: limits.bytes,
            clock,
            looked: clock.runs.then(Instant::now),
            late: clock.is_out(),
        }
    }

    /// Counts one value.
    #[inline]
    pub(super) fn value(&mut self) {
        self.values += 1;
        self.clock.work += 1;
    }

    /// Counts work on a string of so many bytes.
    pub(super) fn bytes(&mut self, bytes: usize) {
        self.clock.work += bytes / BYTES_PER_VALUE;
    }

    /// Whether time has run out.
    pub(super) fn is_late(&mut self) -> bool {
        if self.clock.work >= CLOCK_EVERY && !self.late {
            self.look();
        }
        self.late
    }

    fn look(&mut self) {
        self.clock.work = 0;
        if let Some(left) = &mut self.clock.left {
            let now = Instant::now();
            if let Some(looked) = self.looked {
                *left = left.saturating_sub(now.duration_since(looked).min(LONGEST_STEP));
            }
            self.clock.runs = true;
            self.looked = Some(now);
            self.late = left.is_zero();
        }
    }

    /// What is left for the next copy of the same run.
    #[inline]
    pub(super) fn rest(&mut self) -> Clock {
        if self.looked.is_some() {
            self.look();
        }
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
    #[inline]
    pub(super) fn was_late(&self) -> bool {
        self.late
    }
}

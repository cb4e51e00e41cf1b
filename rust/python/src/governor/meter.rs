//! What one probe costs, and what is measured of its runs.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::Governor;
use super::clock::{self, now, seconds};
use super::schedule::Schedule;
use super::spending::{self, WINDOW};
use crate::counter::Counter;

/// What one run took beyond this, in nanoseconds, does not stand for other runs.
const OUTLIER: u64 = 50_000;

/// What is measured of one run.
#[derive(Default)]
pub(crate) struct Stopwatch {
    /// When the run, and when its body, began to be timed, and for how many each stands; 0 is not at all.
    look: (u64, u64),
    body: (u64, u64),
    /// When the predicate had passed, if it was looked at the clock then.
    passed: u64,
    /// Whether a look at the predicate settled the hit.
    is_look_alone: bool,
}

impl Stopwatch {
    /// Of a hit that a look at the predicate settled.
    pub(crate) fn without_run(mut self) -> Self {
        self.is_look_alone = true;
        self
    }
}

/// What one probe costs.
pub(crate) struct Meter {
    governor: Option<Py<Governor>>,
    hits: Schedule,
    bodies: Schedule,
    /// The hits since the last timed one that did not lead to a run.
    left_out: Counter,
    /// All that it took, in nanoseconds.
    spent: Counter,
    /// The most that it took of one thread in the latest window in which it was timed, and in the one before.
    epoch: Counter,
    most: Counter,
    most_before: Counter,
    /// What it had taken when it was tripped, and what all had, or 0.
    tripped_own: Counter,
    tripped_together: Counter,
}

impl Meter {
    /// Without a governor nothing is ever timed.
    pub(crate) fn new(governor: Option<Py<Governor>>) -> Self {
        let meter = Self {
            governor,
            hits: Schedule::default(),
            bodies: Schedule::default(),
            left_out: Counter::default(),
            spent: Counter::default(),
            epoch: Counter::default(),
            most: Counter::default(),
            most_before: Counter::default(),
            tripped_own: Counter::default(),
            tripped_together: Counter::default(),
        };
        if meter.governor.is_none() {
            meter.hits.next.set(u64::MAX);
            meter.bodies.next.set(u64::MAX);
        }
        meter
    }

    /// Whether hit number `hit` is timed.
    #[inline]
    pub(crate) fn is_due(&self, hit: u64) -> bool {
        hit >= self.hits.next.get()
    }

    /// Begins hit number `hit`.
    #[inline]
    pub(crate) fn begin(&self, hit: u64) -> Stopwatch {
        let mut watch = Stopwatch::default();
        if self.is_due(hit) {
            watch.look = (now(), self.hits.begin(hit));
        }
        watch
    }

    /// A hit was counted that does not lead to a run: it costs the hook alone, and no run stands for it.
    pub(crate) fn leave_out(&self) {
        let next = &self.hits.next;
        next.set(next.get().saturating_add(1));
        self.hits.last.set(self.hits.last.get() + 1);
        self.left_out.set(self.left_out.get() + 1);
    }

    /// The predicate has passed, for the time number `pass`, and the body begins.
    #[inline]
    pub(crate) fn begin_body(&self, watch: &mut Stopwatch, pass: u64) {
        let is_due = pass >= self.bodies.next.get();
        if is_due || watch.look.1 > 0 {
            watch.passed = now();
            if is_due {
                watch.body = (watch.passed, self.bodies.begin(pass));
            }
        }
    }

    /// Ends a run of the probe of that number; gives whether the probe has to go.
    #[inline]
    pub(crate) fn end(&self, watch: &Stopwatch, number: impl FnOnce() -> u64) -> bool {
        (watch.look.1 > 0 || watch.body.1 > 0) && self.settle(watch, number())
    }

    #[inline(never)]
    fn settle(&self, watch: &Stopwatch, number: u64) -> bool {
        let Some(governor) = self.governor.as_ref().map(Py::get) else {
            return false;
        };
        let clock = clock::cost();
        let now = now();
        // Each look at the clock is paid once; what was measured holds one of them.
        let mut cost = clock * 2;
        let mut began = now;
        let (started, stands_for) = watch.look;
        if stands_for > 0 {
            let ended = if watch.passed > 0 { watch.passed } else { now };
            let took = ended.saturating_sub(started).saturating_sub(clock);
            let hook = if watch.is_look_alone {
                governor.look
            } else {
                governor.hook
            };
            cost += weighted(took + hook, stands_for);
            cost += governor.hook * self.left_out.get();
            self.left_out.set(0);
            began = started;
            self.hits.plan(now);
        }
        let (started, stands_for) = watch.body;
        if stands_for > 0 {
            let took = now.saturating_sub(started).saturating_sub(clock);
            cost += weighted(took, stands_for);
            began = began.min(started);
            self.bodies.plan(now);
        }
        self.spent.set(self.spent.get() + cost);
        let Some((spent, trip)) = spending::charge(governor, number, (cost, began, now)) else {
            return false;
        };
        self.publish(now / WINDOW, spent);
        let Some(trip) = trip else {
            return false;
        };
        self.tripped_own.set(trip.own);
        self.tripped_together.set(trip.together.unwrap_or_default());
        true
    }

    /// Notes what the probe has taken of this thread in a window.
    fn publish(&self, epoch: u64, spent: u64) {
        self.advance(epoch);
        self.most.set(self.most.get().max(spent));
    }

    fn advance(&self, epoch: u64) {
        let known = self.epoch.get();
        if epoch > known {
            self.most_before.set(if epoch == known + 1 {
                self.most.get()
            } else {
                0
            });
            self.most.set(0);
            self.epoch.set(epoch);
        }
    }

    /// All that its hits took, in seconds; nothing if that is not measured.
    pub(crate) fn spent(&self) -> Option<f64> {
        self.governor.as_ref()?;
        Some(seconds(self.spent.get()))
    }

    /// The share that it took of a thread's time, of that where it took most, in this window or the one before.
    pub(crate) fn overhead(&self) -> Option<f64> {
        self.governor.as_ref()?;
        self.advance(now() / WINDOW);
        Some(seconds(self.most.get().max(self.most_before.get())) / seconds(WINDOW))
    }

    /// What it, and what all probes, took of a window when it was tripped, in seconds; nothing in place of the latter if
    /// its own budget was the reason.
    pub(crate) fn trip(&self) -> (f64, Option<f64>) {
        let together = self.tripped_together.get();
        (
            seconds(self.tripped_own.get()),
            (together > 0).then(|| seconds(together)),
        )
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.governor
            .as_ref()
            .map_or(Ok(()), |governor| visit.call(governor))
    }

    /// Tells the tracer that the probe was tripped.
    pub(crate) fn call_for_help(&self, py: Python<'_>) {
        if let Some(governor) = &self.governor {
            governor.get().call(py);
        }
    }
}

/// What a run that took so long, and those that it stands for, took together.
fn weighted(took: u64, stands_for: u64) -> u64 {
    let usual = took.min(OUTLIER);
    usual * stands_for + (took - usual)
}

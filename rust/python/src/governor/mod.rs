//! The overhead budget: what the hits of a probe take of each thread's time, and the end of a probe that takes too much.
//!
//! Not every hit is timed. A [`Meter`] times each hit while they are few, and one in up to 64, at random distances, when
//! they are many; what a timed hit took stands for those before it that were not timed. The bodies that run after a
//! predicate has passed have a schedule of their own, because they are rarer and dearer than the look before. A hit that
//! is not timed pays one comparison.
//!
//! The clock is that of the wall: time in which the thread waits for the system or for the interpreter's lock counts. As
//! that is chance, a long run is multiplied only up to a bound, and the dearest run of a window is left out of the
//! judgement, unless the windows before were over the budget as well.

mod clock;
mod meter;
mod schedule;
mod spending;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

pub(crate) use meter::{Meter, Stopwatch};
use spending::WINDOW;

use crate::running::keep_interruption;

/// The budgets of a tracer's probes.
///
/// `max_overhead` is the share of each thread's time that one probe may take, `max_total_overhead` that of all probes of
/// this governor; None is any share. `hook_cost` is what a hook takes besides the runs of its probes, in seconds, and
/// `look_cost` what it takes where looks at the predicates settle a hit.
///
/// A probe that is over is tripped: its hits are not looked at any more, and `start` is called, without arguments, if
/// nobody looks after tripped probes, else `wake`. Whoever `start` has started ends only after `rest()` has given True.
/// Both are called in the middle of the application, and must be quick C code.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct Governor {
    number: u64,
    budget: u64,
    total: u64,
    hook: u64,
    look: u64,
    start: Py<PyAny>,
    wake: Py<PyAny>,
    /// Whether nobody looks after tripped probes.
    armed: AtomicBool,
    /// Whether one was tripped since somebody looked.
    called: AtomicBool,
}

impl Governor {
    fn call(&self, py: Python<'_>) {
        self.called.store(true, Ordering::Relaxed);
        let is_first = self.armed.swap(false, Ordering::Relaxed);
        let what = if is_first { &self.start } else { &self.wake };
        // It is no error to wake who is awake. Where no thread can be started, status() looks after what was tripped.
        if let Err(error) = what.bind(py).call0() {
            keep_interruption(py, &error);
            if is_first {
                self.armed.store(true, Ordering::Relaxed);
            }
        }
    }
}

#[pymethods]
impl Governor {
    /// The length of a window, in seconds.
    #[classattr]
    const WINDOW: f64 = 1.0;

    #[new]
    #[pyo3(signature = (max_overhead, max_total_overhead=None, *, hook_cost, look_cost, start, wake))]
    fn new(
        max_overhead: f64,
        max_total_overhead: Option<f64>,
        hook_cost: f64,
        look_cost: f64,
        start: Py<PyAny>,
        wake: Py<PyAny>,
    ) -> PyResult<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        clock::cost();
        Ok(Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            budget: budget(max_overhead)?,
            total: max_total_overhead.map_or(Ok(u64::MAX), budget)?,
            hook: budget(hook_cost)?,
            look: budget(look_cost)?,
            start,
            wake,
            armed: AtomicBool::new(true),
            called: AtomicBool::new(false),
        })
    }

    /// Whether a probe was tripped since this was last asked.
    fn take_call(&self) -> bool {
        self.called.swap(false, Ordering::Relaxed)
    }

    /// Arms the governor, so that the next trip calls `start`; gives False if one has come meanwhile, and whoever asks has to
    /// go on.
    fn rest(&self) -> bool {
        let may = !self.called.load(Ordering::Relaxed);
        self.armed.store(may, Ordering::Relaxed);
        may
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.start)?;
        visit.call(&self.wake)
    }
}

/// The nanoseconds of a window that a share of it is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share, which was checked"
)]
fn budget(share: f64) -> PyResult<u64> {
    if share > 0.0 && share <= 1.0 {
        Ok((share * WINDOW as f64) as u64)
    } else {
        Err(PyValueError::new_err(
            "a share of time is above 0 and at most 1",
        ))
    }
}

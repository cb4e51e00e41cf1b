//! One probe of one installation, linked to its tracer's queue, with the counters that its status shows.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hogtrace_core::bytecode::Input;
use hogtrace_core::vm::{Fault, FaultKind, Outcome};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::counter::Counter;
use crate::governor::{Governor, Meter, Stopwatch};
use crate::linked::Linked;
use crate::losses::Losses;
use crate::program::{Probe, Program};
use crate::queue::EventQueue;
use crate::redact::Redaction;
use crate::snapshot::{CopyLimits, Limits};
use crate::trust::TrustList;

/// So many hits in a row whose predicate failed, and a probe is throttled: only one hit in `LOOKS` is looked at, until one
/// does not fail.
const FAILURES: u32 = 1_000;
const LOOKS: u64 = 100;

/// Why a probe's hits are not looked at, as bits.
const REMOVED: u8 = 1;
const DEFECT: u8 = 2;
const TRIPPED: u8 = 4;
const THROTTLED: u8 = 8;

/// What became of the hits of one probe: `hits = skipped + throttled + sampled_out + not_passed + failed + passed`.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) passed: Counter,
    pub(crate) not_passed: Counter,
    pub(crate) failed: Counter,
    pub(crate) skipped: Counter,
    pub(crate) throttled: Counter,
    pub(crate) sampled_out: Counter,
    pub(crate) captured: Counter,
    pub(crate) errors: Counter,
    pub(crate) dropped_writes: Counter,
}

/// One probe of one installation; all sites of the probe share it.
#[pyclass(frozen, module = "hogtrace._engine")]
pub(crate) struct LinkedProbe {
    pub(crate) linked: Linked,
    pub(crate) queue: Py<EventQueue>,
    pub(crate) counters: Counters,
    pub(crate) losses: Arc<Losses>,
    pub(crate) meter: Meter,
    /// Unique in the process, and greater than those of all that were linked before.
    number: u64,
    /// Nothing while hits are looked at, else the reasons why not.
    off: AtomicU8,
    /// How many hits in a row have failed.
    failures: AtomicU32,
    first_error: OnceLock<String>,
    last_error: Mutex<Option<Fault>>,
    defect: OnceLock<String>,
    program: Arc<hogtrace_core::verify::VerifiedProgram>,
    index: usize,
}

impl LinkedProbe {
    /// Whether each hit is looked at.
    pub(crate) fn is_on(&self) -> bool {
        self.off.load(Ordering::Relaxed) == 0
    }

    /// Whether hits count.
    pub(crate) fn is_live(&self) -> bool {
        self.off.load(Ordering::Relaxed) & !THROTTLED == 0
    }

    fn switch(&self, reason: u8, is_off: bool) {
        let others = self.off.load(Ordering::Relaxed) & !reason;
        let off = if is_off { others | reason } else { others };
        self.off.store(off, Ordering::Relaxed);
    }

    /// Whether a hit is looked at although the probe is not on; if not, and it is throttled, the hit is counted.
    #[cold]
    pub(crate) fn is_looked_at(&self) -> bool {
        if !self.is_live() {
            return false;
        }
        if (self.counters.hits.get() + 1).is_multiple_of(LOOKS) {
            return true;
        }
        self.leave_out(&self.counters.throttled);
        false
    }

    /// Counts a hit that is not looked at, for this reason.
    pub(crate) fn leave_out(&self, reason: &Counter) {
        self.counters.hits.add(1);
        reason.add(1);
        self.meter.leave_out();
    }

    /// Ends a run; takes the probe out if it is over its budget.
    #[inline]
    pub(crate) fn settle(&self, py: Python<'_>, watch: &Stopwatch) {
        if self.meter.end(watch, || self.number) {
            self.switch(TRIPPED, true);
            self.meter.call_for_help(py);
        }
    }

    /// Takes the probe out for good: a defect of the engine showed itself in it, at that place.
    pub(crate) fn give_up(&self, place: &str) {
        self.switch(DEFECT, true);
        let defect = format!("the engine failed in this probe, at {place}; it was taken out");
        self.remember_error(Fault::new(FaultKind::Internal, defect.clone()));
        // One is enough.
        let _ = self.defect.set(defect);
    }

    /// Keeps the first fault, and the last, whose text is made when somebody asks.
    pub(crate) fn remember_error(&self, fault: Fault) {
        self.first_error.get_or_init(|| fault.to_string());
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        let counters = &self.counters;
        match outcome {
            Outcome::SampledOut => return counters.sampled_out.add(1),
            Outcome::NotPassed => counters.not_passed.add(1),
            Outcome::Failed => {
                counters.failed.add(1);
                return self.count_failure();
            }
            Outcome::Passed => counters.passed.add(1),
        }
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.switch(THROTTLED, false);
        }
    }

    #[cold]
    fn count_failure(&self) {
        let failures = self.failures.load(Ordering::Relaxed).saturating_add(1);
        self.failures.store(failures, Ordering::Relaxed);
        if failures >= FAILURES {
            self.switch(THROTTLED, true);
        }
    }

    /// Whether a hit has only to be counted if a look shows that the predicate does not pass: it is not timed, and no
    /// failure came before it.
    #[inline]
    pub(crate) fn may_be_passed_by(&self) -> bool {
        self.is_on()
            && self.failures.load(Ordering::Relaxed) == 0
            && !self.meter.is_due(self.counters.hits.get() + 1)
    }

    /// Counts a hit that ended in a look at the predicate, unless the probe is out.
    #[inline]
    pub(crate) fn count_passed_by(&self) {
        if self.is_on() {
            self.counters.hits.add(1);
            self.counters.not_passed.add(1);
        }
    }

    pub(crate) fn probe_ref(&self) -> Probe {
        Probe {
            program: Arc::clone(&self.program),
            index: self.index,
        }
    }
}

#[pymethods]
impl LinkedProbe {
    #[new]
    #[pyo3(signature = (program, probe, queue, *, access, trust, redaction, limits=None, governor=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "what a tracer settles for its probes"
    )]
    fn new(
        py: Python<'_>,
        program: &Program,
        probe: &Probe,
        queue: Py<EventQueue>,
        access: &str,
        trust: Py<TrustList>,
        redaction: Py<Redaction>,
        limits: Option<&CopyLimits>,
        governor: Option<Py<Governor>>,
    ) -> PyResult<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let verified = Arc::clone(&program.verified);
        let linked = Linked::new(
            Arc::clone(&verified),
            program.tables(py)?,
            probe.index,
            access,
            trust,
            Some(redaction),
            limits.map_or_else(Limits::default, |limits| limits.limits),
        )?;
        Ok(Self {
            linked,
            queue,
            counters: Counters::default(),
            losses: Arc::default(),
            meter: Meter::new(governor),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            off: AtomicU8::new(0),
            failures: AtomicU32::new(0),
            first_error: OnceLock::new(),
            last_error: Mutex::new(None),
            defect: OnceLock::new(),
            program: verified,
            index: probe.index,
        })
    }

    /// The probe that this is an installation of.
    #[getter]
    fn probe(&self) -> Probe {
        self.probe_ref()
    }

    /// `entry`, `exit` or `entry+N`.
    #[getter]
    fn point(&self) -> String {
        self.linked.plain().point.to_string()
    }

    /// What the probe reads of a call, as pairs of a kind and its argument.
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for input in self.linked.inputs() {
            match input {
                Input::Args => list.append(("args", py.None()))?,
                Input::Arg(position) => list.append(("arg", *position))?,
                Input::Kwargs => list.append(("kwargs", py.None()))?,
                Input::SelfArgument => list.append(("self", py.None()))?,
                Input::Name(name) => list.append(("name", self.linked.name_text(*name)))?,
                Input::Locals => list.append(("locals", py.None()))?,
                Input::Globals => list.append(("globals", py.None()))?,
                Input::Retval => list.append(("retval", py.None()))?,
                Input::Exception => list.append(("exception", py.None()))?,
                Input::Duration => list.append(("duration", py.None()))?,
            }
        }
        Ok(list)
    }

    /// Unique in the process, and greater than those of all probes that were linked before.
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    /// Whether hits of the probe are looked at, unless something else keeps them from it; a probe that is not enabled does
    /// nothing, wherever it is woven.
    #[getter]
    fn enabled(&self) -> bool {
        self.off.load(Ordering::Relaxed) & (REMOVED | DEFECT) == 0
    }

    #[setter]
    fn set_enabled(&self, value: bool) {
        self.switch(REMOVED, !value);
    }

    /// What it, and what all probes, took of a window, in seconds, when the governor tripped it, which is why its hits are
    /// not looked at; None in place of the latter if its own budget was the reason, and altogether if it is not tripped.
    #[getter]
    fn tripped(&self) -> Option<(f64, Option<f64>)> {
        let is_tripped = self.off.load(Ordering::Relaxed) & TRIPPED != 0;
        is_tripped.then(|| self.meter.trip())
    }

    /// Has hits looked at again that are not because the probe was tripped.
    fn restore(&self) {
        self.switch(TRIPPED, false);
    }

    /// Whether its predicate has failed so often in a row that only some hits are looked at.
    #[getter]
    fn throttles(&self) -> bool {
        self.off.load(Ordering::Relaxed) & THROTTLED != 0
    }

    /// About how many seconds of the application's threads it took; None if that is not measured.
    #[getter]
    fn spent(&self) -> Option<f64> {
        self.meter.spent()
    }

    /// About which share it took of a thread's time lately; None if that is not measured.
    #[getter]
    fn overhead(&self) -> Option<f64> {
        self.meter.overhead()
    }

    /// How many times a call reached it.
    #[getter]
    fn hits(&self) -> u64 {
        self.counters.hits.get()
    }

    /// How many times its predicate passed.
    #[getter]
    fn passed(&self) -> u64 {
        self.counters.passed.get()
    }

    /// How many times its predicate gave anything but `True`.
    #[getter]
    fn not_passed(&self) -> u64 {
        self.counters.not_passed.get()
    }

    /// How many times its predicate could not be evaluated.
    #[getter]
    fn failed(&self) -> u64 {
        self.counters.failed.get()
    }

    /// How many hits were not looked at, because the thread was in a probe or in the exporter already.
    #[getter]
    fn skipped(&self) -> u64 {
        self.counters.skipped.get()
    }

    /// How many hits were not looked at, because its predicate kept failing.
    #[getter]
    fn throttled(&self) -> u64 {
        self.counters.throttled.get()
    }

    /// How many times its sampling rate left a request, or a call, out.
    #[getter]
    fn sampled_out(&self) -> u64 {
        self.counters.sampled_out.get()
    }

    /// How many events it made.
    #[getter]
    fn captured(&self) -> u64 {
        self.counters.captured.get()
    }

    /// How many of its events were given up, by cause: a new dict.
    #[getter]
    fn dropped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (cause, count) in self.losses.counts() {
            dict.set_item(cause, count)?;
        }
        Ok(dict)
    }

    /// How many errors its expressions met.
    #[getter]
    fn errors(&self) -> u64 {
        self.counters.errors.get()
    }

    /// How many of its writes to `$req` went nowhere, outside any request.
    #[getter]
    fn dropped_writes(&self) -> u64 {
        self.counters.dropped_writes.get()
    }

    /// Which defect of the engine took it out, if one did.
    #[getter]
    fn defect(&self) -> Option<&str> {
        self.defect.get().map(String::as_str)
    }

    /// The first of its errors.
    #[getter]
    fn first_error(&self) -> Option<&str> {
        self.first_error.get().map(String::as_str)
    }

    /// The last of its errors.
    #[getter]
    fn last_error(&self) -> Option<String> {
        let last = self.last_error.lock();
        let last = last.unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(Fault::to_string)
    }

    // The governor leads to the tracer, which has all its probes.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.queue)?;
        self.meter.traverse(&visit)
    }

    fn __repr__(&self) -> String {
        format!("<hogtrace._engine.LinkedProbe {}>", self.linked.plain().id)
    }
}

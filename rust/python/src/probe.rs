//! One probe of one installation, linked to its tracer's queue, with the counters that its status shows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hogtrace_core::bytecode::Input;
use hogtrace_core::vm::Outcome;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::linked::Linked;
use crate::program::{Probe, Program};
use crate::queue::EventQueue;
use crate::redact::Redaction;
use crate::snapshot::{CopyLimits, Limits};
use crate::trust::TrustList;

/// A count that only threads holding the GIL change, so that it needs no locked instruction.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed) + count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of the hits of one probe: `hits = skipped + sampled_out + not_passed + failed + passed`.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) passed: Counter,
    pub(crate) not_passed: Counter,
    pub(crate) failed: Counter,
    pub(crate) skipped: Counter,
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
    enabled: AtomicBool,
    last_error: Mutex<Option<String>>,
    defect: OnceLock<String>,
    program: Arc<hogtrace_core::verify::VerifiedProgram>,
    index: usize,
}

impl LinkedProbe {
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Takes the probe out for good: a defect of the engine showed itself in it, at that place.
    pub(crate) fn give_up(&self, place: &str) {
        self.enabled.store(false, Ordering::Relaxed);
        let defect = format!("the engine failed in this probe, at {place}; it was taken out");
        self.remember_error(defect.clone());
        // One is enough.
        let _ = self.defect.set(defect);
    }

    pub(crate) fn remember_error(&self, message: String) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        let counters = &self.counters;
        match outcome {
            Outcome::SampledOut => counters.sampled_out.add(1),
            Outcome::NotPassed => counters.not_passed.add(1),
            Outcome::Failed => counters.failed.add(1),
            Outcome::Passed => counters.passed.add(1),
        }
    }

    /// Counts a hit that ended in a look at the predicate, unless the probe is out.
    #[inline]
    pub(crate) fn count_passed_by(&self) {
        if self.is_enabled() {
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
    #[pyo3(signature = (program, probe, queue, *, access, trust, redaction, limits=None))]
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
    ) -> PyResult<Self> {
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
            enabled: AtomicBool::new(true),
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

    /// Whether hits of the probe are looked at; a probe that is not enabled does nothing, wherever it is woven.
    #[getter]
    fn enabled(&self) -> bool {
        self.is_enabled()
    }

    #[setter]
    fn set_enabled(&self, value: bool) {
        self.enabled.store(value, Ordering::Relaxed);
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

    /// The last of its errors.
    #[getter]
    fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn __repr__(&self) -> String {
        format!("<hogtrace._engine.LinkedProbe {}>", self.linked.plain().id)
    }
}

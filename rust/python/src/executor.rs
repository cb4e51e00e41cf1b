//! `execute_probe` and `ProbeExecutor`: one run over a frame that the caller has in hand.

use std::sync::{Arc, Mutex, PoisonError};

use hogtrace_core::vm::{self};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFrame, PyList};

use crate::event::{Failure, error_dicts};
use crate::frame_world::FrameWorld;
use crate::host::PythonHost;
use crate::linked::Linked;
use crate::program::{Probe, Program};
use crate::redact::Redaction;
use crate::running::{Running, guarded};
use crate::snapshot::Limits;
use crate::store::RequestLocalStore;
use crate::trust::TrustList;

/// Runs one probe over a frame and gives its first capture, or `None`.
#[pyfunction]
#[pyo3(signature = (program, probe, frame, store, retval = None, exception = None, *, redact = false, access = "safe"))]
#[expect(clippy::too_many_arguments, reason = "the public signature")]
pub(crate) fn execute_probe<'py>(
    py: Python<'py>,
    program: &Program,
    probe: &Probe,
    frame: &Bound<'py, PyFrame>,
    store: &Bound<'py, RequestLocalStore>,
    retval: Option<Bound<'py, PyAny>>,
    exception: Option<Bound<'py, PyAny>>,
    redact: bool,
    access: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let linked = link(py, program, probe, redact, access)?;
    Ok(execute(py, &linked, frame, store, retval, exception)?.0)
}

/// A probe bound to a store, to run over many frames.
#[pyclass(frozen, module = "hogtrace")]
pub(crate) struct ProbeExecutor {
    linked: Linked,
    store: Py<RequestLocalStore>,
    /// What went wrong in the last run.
    errors: Mutex<Vec<Failure>>,
}

#[pymethods]
impl ProbeExecutor {
    #[new]
    #[pyo3(signature = (program, probe, store, *, redact = false, access = "safe"))]
    fn new(
        py: Python<'_>,
        program: &Program,
        probe: &Probe,
        store: Py<RequestLocalStore>,
        redact: bool,
        access: &str,
    ) -> PyResult<Self> {
        Ok(Self {
            linked: link(py, program, probe, redact, access)?,
            store,
            errors: Mutex::default(),
        })
    }

    /// What went wrong in the last run, in the form of an event's `errors`.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        error_dicts(py, &errors)
    }

    /// Runs the probe over a frame and gives its first capture, or `None`.
    #[pyo3(signature = (frame, retval = None, exception = None))]
    fn execute<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyFrame>,
        retval: Option<Bound<'py, PyAny>>,
        exception: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let store = self.store.bind(py);
        let (captured, errors) = execute(py, &self.linked, frame, store, retval, exception)?;
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner) = errors;
        Ok(captured)
    }
}

fn link(
    py: Python<'_>,
    program: &Program,
    probe: &Probe,
    redact: bool,
    access: &str,
) -> PyResult<Linked> {
    if !Arc::ptr_eq(&program.verified, &probe.program) {
        return Err(PyValueError::new_err(
            "the probe is not one of this program's",
        ));
    }
    let redaction = if redact {
        Some(Py::new(py, Redaction::new(Vec::new(), Vec::new(), true))?)
    } else {
        None
    };
    let trust = Py::new(py, TrustList::empty())?;
    Linked::new(
        Arc::clone(&program.verified),
        program.tables(py)?,
        probe.index,
        access,
        trust,
        redaction,
        Limits::default(),
    )
}

fn execute<'py>(
    py: Python<'py>,
    linked: &Linked,
    frame: &Bound<'py, PyFrame>,
    store: &Bound<'py, RequestLocalStore>,
    retval: Option<Bound<'py, PyAny>>,
    exception: Option<Bound<'py, PyAny>>,
) -> PyResult<(Option<Bound<'py, PyAny>>, Vec<Failure>)> {
    let world = FrameWorld::new(linked, frame, store, retval, exception)?;
    let running = Running::begin();
    let ran = guarded(|| {
        let mut host = PythonHost::new(py, linked, world);
        vm::run(linked.verified(), &mut host);
        let mut errors = std::mem::take(&mut host.world.errors);
        errors.extend(host.take_failures(|_| None));
        (host.world.first, errors)
    });
    running.map_or(Ok(()), Running::end)?;
    match ran {
        Ok((first, errors)) => {
            let captured = first
                .map(|fields| Ok::<_, PyErr>(fields.to_python(py)?.into_any()))
                .transpose()?;
            Ok((captured, errors))
        }
        Err(place) => {
            let message = format!("the engine failed in this probe, at {place}");
            Err(PyRuntimeError::new_err(message))
        }
    }
}

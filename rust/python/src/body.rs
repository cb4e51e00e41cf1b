//! The body of a WSGI response, made inside the scope of its request, which ends with it.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyException, PyStopIteration};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::scope::{RequestScope, inside};

/// A body that an application has given, each part of which is made inside `scope`; it ends the scope when it is closed.
///
/// Iterating asks `body` for its iterator when the first part is wanted, and gives what that gives. What else a server may
/// do with a body is for whoever derives from this.
#[pyclass(frozen, subclass, module = "hogtrace._engine")]
pub(crate) struct ScopedBody {
    scope: Py<RequestScope>,
    held: Mutex<Held>,
    /// Whether a part that is not empty was made.
    begun: AtomicBool,
}

struct Held {
    /// None once the collector has taken it apart.
    body: Option<Py<PyAny>>,
    parts: Option<Py<PyAny>>,
}

impl ScopedBody {
    /// The lock is never held while Python code could run.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let held = self.held();
        held.body.as_ref().map(|body| body.bind(py).clone())
    }

    /// What makes the parts, which is asked for at the first one.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(parts) = &self.held().parts {
            return Ok(Some(parts.bind(py).clone()));
        }
        let Some(body) = self.given(py) else {
            return Ok(None);
        };
        let parts = body.try_iter()?.into_any();
        let old = self.held().parts.replace(parts.clone().unbind());
        drop(old);
        Ok(Some(parts))
    }
}

#[pymethods]
impl ScopedBody {
    #[new]
    const fn new(body: Py<PyAny>, scope: Py<RequestScope>) -> Self {
        Self {
            scope,
            held: Mutex::new(Held {
                body: Some(body),
                parts: None,
            }),
            begun: AtomicBool::new(false),
        }
    }

    /// What the application has given.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.given(py)
    }

    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let scope = self.scope.get();
        let made = inside(scope.store.bind(py), || {
            self.parts(py)?.map_or(Ok(None), |parts| next(&parts))
        });
        match made {
            Ok(Some(part)) => {
                if !self.begun.load(Relaxed) && part.is_truthy()? {
                    self.begun.store(true, Relaxed);
                }
                Ok(Some(part))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                if !error.is_instance_of::<PyStopIteration>(py) {
                    let is_exception = error.is_instance_of::<PyException>(py);
                    scope.note_failure(is_exception, self.begun.load(Relaxed));
                }
                Err(error)
            }
        }
    }

    /// Close the application's body if it can be closed, and end the request.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = self.close_given(py);
        let ended = self.scope.get().end(py);
        if let (Err(error), Err(later)) = (&closed, &ended) {
            later.set_context(py, Some(error.clone_ref(py)));
        }
        ended.and(closed)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.scope)?;
        if let Ok(held) = self.held.try_lock() {
            for object in held.body.iter().chain(&held.parts) {
                visit.call(object)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let mut held = self.held();
        let old = (held.body.take(), held.parts.take());
        drop(held);
        drop(old);
    }
}

impl ScopedBody {
    fn close_given(&self, py: Python<'_>) -> PyResult<()> {
        let Some(body) = self.given(py) else {
            return Ok(());
        };
        // What most applications give; looking for what is not there makes an exception.
        if body.is_exact_instance_of::<PyList>() || body.is_exact_instance_of::<PyTuple>() {
            return Ok(());
        }
        let Some(close) = body.getattr_opt(intern!(py, "close"))? else {
            return Ok(());
        };
        if close.is_none() {
            return Ok(());
        }
        inside(self.scope.get().store.bind(py), || close.call0().map(drop))
    }
}

/// The next part, or nothing at the end. An end that gives a value is an error, as in `next()`.
fn next<'py>(parts: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = parts.py();
    // SAFETY: what `iter()` has given is an iterator, which has that slot; it gives a new reference, or null, at the end
    // without an error.
    unsafe {
        let Some(slot) = (*parts.get_type_ptr()).tp_iternext else {
            return Ok(None);
        };
        let part = slot(parts.as_ptr());
        if !part.is_null() {
            return Ok(Some(Bound::from_owned_ptr(py, part)));
        }
        if ffi::PyErr_Occurred().is_null() {
            return Ok(None);
        }
    }
    Err(PyErr::fetch(py))
}

//! The life of one request's store: where it is the current one, and when it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyException, PyIndexError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyType};

use crate::answer::AnswerNote;
use crate::current;
use crate::store::RequestLocalStore;

/// Runs a part while a store is the current one. What was current is so again after it, however it ends.
///
/// # Errors
/// That of the part. Making the store current fails only where memory runs out.
pub(crate) fn inside<T>(
    store: &Bound<'_, RequestLocalStore>,
    part: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    let token = current::make(store)?;
    let outcome = part();
    leave(store, &token.into_bound(store.py()))?;
    outcome
}

/// Puts back what was current before `store` became it.
fn leave(store: &Bound<'_, RequestLocalStore>, token: &Bound<'_, PyAny>) -> PyResult<()> {
    match current::put_back(token) {
        Err(error) if error.is_instance_of::<PyValueError>(store.py()) => {
            leave_elsewhere(store, token)
        }
        outcome => outcome,
    }
}

/// Leaves a store in another context than it became current in, as a generator may be that is closed by the collector or
/// by another task. That context is not ours to change, unless it is a copy that has our store.
#[cold]
fn leave_elsewhere(store: &Bound<'_, RequestLocalStore>, token: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = store.py();
    if !current::store(py).is_some_and(|current| current.is(store)) {
        return Ok(());
    }
    let old = token.getattr(intern!(py, "old_value"))?;
    let is_missing = old.is(&token.get_type().getattr(intern!(py, "MISSING"))?);
    let none = py.None().into_bound(py);
    current::make_again(if is_missing { &none } else { &old })
}

/// Makes a store current in the context that enters it, and puts back what was current at its exit.
#[pyclass(frozen, module = "hogtrace._engine")]
pub(crate) struct Activation {
    store: Py<RequestLocalStore>,
    token: Mutex<Option<Py<PyAny>>>,
}

impl Activation {
    const fn new(store: Py<RequestLocalStore>) -> Self {
        Self {
            store,
            token: Mutex::new(None),
        }
    }

    fn token(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Activation {
    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<RequestLocalStore>> {
        let token = current::make(self.store.bind(py))?;
        let old = self.token().replace(token);
        drop(old);
        Ok(self.store.clone_ref(py))
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        #[allow(unused_variables, reason = "what the protocol hands over")] kind: &Bound<'_, PyAny>,
        #[allow(unused_variables, reason = "the same")] value: &Bound<'_, PyAny>,
        #[allow(unused_variables, reason = "the same")] traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let token = self.token().take();
        token.map_or(Ok(()), |token| {
            leave(self.store.bind(py), &token.into_bound(py))
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)?;
        match self.token.try_lock() {
            Ok(token) => token.as_ref().map_or(Ok(()), |token| visit.call(token)),
            Err(_) => Ok(()),
        }
    }
}

/// The life of one request's store; `request_scope` and `scope_for` make them.
///
/// `with scope as store:` makes the store current and ends the scope when it leaves. A response whose body is
/// made later needs the two apart: `with scope.active():` around each part of the work, and `scope.close()`
/// at the end.
///
/// Takes the `store`; with `owns=False` it is somebody else's and stays open when the scope ends.
#[pyclass(frozen, subclass, module = "hogtrace.request_store")]
pub(crate) struct RequestScope {
    /// The variables of the request.
    #[pyo3(get)]
    pub(crate) store: Py<RequestLocalStore>,
    owns: bool,
    /// Where it was entered, and not left yet.
    tokens: Mutex<Vec<Py<PyAny>>>,
}

impl RequestScope {
    fn tokens(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the request, if it is this scope's to end.
    pub(crate) fn end(&self, py: Python<'_>) -> PyResult<()> {
        if self.owns {
            self.store.get().end(py)
        } else {
            Ok(())
        }
    }

    /// Notes that an exception has left the application; `begun` says whether the response had begun.
    pub(crate) fn note_failure(&self, is_exception: bool, begun: bool) {
        if self.owns && is_exception && !begun {
            self.store.get().answered(500);
        }
    }
}

#[pymethods]
impl RequestScope {
    #[new]
    #[pyo3(signature = (store, *, owns=true))]
    const fn new(store: Py<RequestLocalStore>, owns: bool) -> Self {
        Self {
            store,
            owns,
            tokens: Mutex::new(Vec::new()),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let kind: Bound<'_, PyType> = slf.get_type();
        let store = slf.get().store.get();
        let state = if store.has_ended() { "closed" } else { "open" };
        let id = store.id().unwrap_or("None");
        Ok(format!("<{} {id} {state}>", kind.name()?))
    }

    /// Give a context manager that makes the store current for a while; ask as often as needed.
    fn active(&self, py: Python<'_>) -> Activation {
        Activation::new(self.store.clone_ref(py))
    }

    /// Give what to hand to the application in place of `call`, WSGI's `start_response` or ASGI's `send`.
    ///
    /// It does the same, and notes the status of the request. Where the scope is not the request's outermost one, it is
    /// `call` itself.
    fn answering(&self, py: Python<'_>, call: Py<PyAny>) -> PyResult<Py<PyAny>> {
        if self.owns {
            let note = AnswerNote::new(self.store.clone_ref(py), call);
            Ok(Py::new(py, note)?.into_any())
        } else {
            Ok(call)
        }
    }

    /// Note the status of the request, an int; the last one counts. Anything else is no status, and left out.
    fn answered(&self, status: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.owns && status.is_instance_of::<PyInt>() {
            self.store.get().answered(status.extract()?);
        }
        Ok(())
    }

    /// Note that `error` left the application: servers answer 500 then, if the response has not begun.
    ///
    /// `begun` says whether it has. None means that it has if there is a status.
    #[pyo3(signature = (error, *, begun=None))]
    fn failed(&self, error: &Bound<'_, PyAny>, begun: Option<bool>) {
        let begun = begun.unwrap_or_else(|| self.store.get().has_status());
        self.note_failure(error.is_instance_of::<PyException>(), begun);
    }

    /// End the request: its variables can still be read, no longer be set. Twice is the same as once.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.end(py)
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<RequestLocalStore>> {
        let token = current::make(self.store.bind(py))?;
        self.tokens().push(token);
        Ok(self.store.clone_ref(py))
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        #[allow(unused_variables, reason = "what the protocol hands over")] kind: &Bound<'_, PyAny>,
        #[allow(unused_variables, reason = "the same")] value: &Bound<'_, PyAny>,
        #[allow(unused_variables, reason = "the same")] traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let mut tokens = self.tokens();
        let token = tokens.pop();
        let is_last = tokens.is_empty();
        drop(tokens);
        let token = token
            .ok_or_else(|| PyIndexError::new_err("the scope is left without being entered"))?;
        leave(self.store.bind(py), &token.into_bound(py))?;
        if is_last { self.end(py) } else { Ok(()) }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.store)?;
        if let Ok(tokens) = self.tokens.try_lock() {
            for token in tokens.iter() {
                visit.call(token)?;
            }
        }
        Ok(())
    }
}

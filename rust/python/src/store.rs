//! The variables of one request, and the context variable that says which request is the current one.

use std::borrow::Cow;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyIterator, PyList, PyMapping, PyString};

use crate::event;
use crate::random;
use crate::redact::{REDACTED, Redaction};
use crate::running::release;
use crate::snapshot::{Packed, pack_scalars};

/// How many variables one request may have.
const VARIABLES: usize = 256;

static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What an event says about the request in which it happened.
#[derive(Debug)]
pub(crate) struct RequestInfo {
    /// The request's id.
    pub(crate) id: Option<Box<str>>,
    /// Scalars that describe the request: method, path, framework, …
    info: Packed,
    /// The same without secrets, if there are any.
    shown: Option<Packed>,
}

impl RequestInfo {
    /// A request of that description.
    pub(crate) fn new(id: Option<String>, info: Packed, shown: Option<Packed>) -> Self {
        Self {
            id: id.map(String::into_boxed_str),
            info,
            shown,
        }
    }

    /// What events may show of the description.
    pub(crate) fn shown(&self) -> &Packed {
        self.shown.as_ref().unwrap_or(&self.info)
    }
}

/// The request has as many variables as it may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreFull;

impl fmt::Display for StoreFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a request holds at most {VARIABLES} variables")
    }
}

/// The variables of one request: what probes know as `$req.name`.
///
/// Holds up to 256 values under their names, in the order in which they were first set, and keeps them alive. After
/// `close()` reads still give what was there; writes are dropped and counted in `dropped_writes`.
///
/// `request_id` names the request in events; `info` is a mapping of names to scalars (None, bool, int, float, str)
/// that describes it there. Anything else in it raises `TypeError`.
#[pyclass(frozen, mapping, weakref, module = "hogtrace._engine")]
pub(crate) struct RequestLocalStore {
    request: Arc<RequestInfo>,
    inner: Mutex<Inner>,
    draw: Draw,
}

/// The number by which a request is sampled, drawn when it is first asked for. Only threads holding the GIL ask.
#[derive(Debug, Default)]
struct Draw {
    /// The process generation in which it was drawn, plus one: a forked child goes on with a draw of its own.
    drawn_in: AtomicU64,
    number: AtomicU64,
}

impl Draw {
    fn number(&self) -> f64 {
        let generation = event::generation() + 1;
        if self.drawn_in.load(Relaxed) != generation {
            self.number.store(random::unit().to_bits(), Relaxed);
            self.drawn_in.store(generation, Relaxed);
        }
        f64::from_bits(self.number.load(Relaxed))
    }
}

/// What a variable holds.
pub(crate) struct Held<'py> {
    pub(crate) value: Bound<'py, PyAny>,
    /// Whether it was read through something secret. What Python code sets is judged by the variable's name alone.
    pub(crate) is_secret: bool,
}

/// One variable of a request or a call.
pub(crate) struct Variable {
    /// Interned.
    pub(crate) name: Py<PyString>,
    pub(crate) value: Py<PyAny>,
    pub(crate) is_secret: bool,
}

impl Variable {
    pub(crate) fn new(name: &Bound<'_, PyString>, held: Held<'_>) -> Self {
        Self {
            name: name.clone().unbind(),
            value: held.value.unbind(),
            is_secret: held.is_secret,
        }
    }

    /// What it holds now.
    pub(crate) fn held<'py>(&self, py: Python<'py>) -> Held<'py> {
        Held {
            value: self.value.bind(py).clone(),
            is_secret: self.is_secret,
        }
    }

    /// Sets it, and gives what it held before: to be dropped where its finaliser may run.
    pub(crate) fn replace(&mut self, held: Held<'_>) -> Py<PyAny> {
        self.is_secret = held.is_secret;
        std::mem::replace(&mut self.value, held.value.unbind())
    }
}

/// Names are interned, so one name is one object, and a lookup compares addresses.
#[derive(Default)]
struct Inner {
    variables: Vec<Variable>,
    closed: bool,
    dropped_writes: u64,
}

impl Inner {
    fn position(&self, name: *mut ffi::PyObject) -> Option<usize> {
        self.variables
            .iter()
            .position(|variable| ptr::eq(variable.name.as_ptr(), name))
    }
}

impl RequestLocalStore {
    /// The lock is never held while Python code could run, so it is free whenever the interpreter forks.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The variable of that interned name.
    pub(crate) fn variable<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> Option<Held<'py>> {
        let inner = self.lock();
        inner
            .position(name.as_ptr())
            .map(|index| inner.variables[index].held(py))
    }

    /// Sets the variable of that interned name; after `close()` it is dropped and counted. Gives whether it was set.
    pub(crate) fn assign(
        &self,
        name: &Bound<'_, PyString>,
        held: Held<'_>,
    ) -> Result<bool, StoreFull> {
        let mut inner = self.lock();
        if inner.closed {
            inner.dropped_writes += 1;
            return Ok(false);
        }
        let old = match inner.position(name.as_ptr()) {
            Some(index) => Some(inner.variables[index].replace(held)),
            None if inner.variables.len() >= VARIABLES => return Err(StoreFull),
            None => {
                inner.variables.push(Variable::new(name, held));
                None
            }
        };
        drop(inner);
        // Its finaliser may run code that uses this store.
        if let Some(old) = old {
            release(old);
        }
        Ok(true)
    }

    /// What events say about this request.
    pub(crate) const fn request(&self) -> &Arc<RequestInfo> {
        &self.request
    }

    /// The number in [0, 1) by which this request is sampled: the same for all of its threads and tasks.
    pub(crate) fn draw(&self) -> f64 {
        self.draw.number()
    }

    fn remove(&self, name: &Bound<'_, PyString>) -> bool {
        let name = intern(name);
        let mut inner = self.lock();
        let Some(index) = inner.position(name.as_ptr()) else {
            return false;
        };
        if inner.closed {
            inner.dropped_writes += 1;
            return true;
        }
        let old = inner.variables.remove(index);
        drop(inner);
        drop(old);
        true
    }
}

#[pymethods]
impl RequestLocalStore {
    #[new]
    #[pyo3(signature = (request_id=None, info=None))]
    fn new(request_id: Option<String>, info: Option<&Bound<'_, PyMapping>>) -> PyResult<Self> {
        let (info, shown) = match info {
            Some(info) => scalars(info)?,
            None => (Packed::empty(), None),
        };
        Ok(Self {
            request: Arc::new(RequestInfo::new(request_id, info, shown)),
            inner: Mutex::default(),
            draw: Draw::default(),
        })
    }

    /// The request's id, or None.
    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.request.id.as_deref()
    }

    /// A new dict of what describes the request.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.request.info.to_python(py)
    }

    /// Whether the request has ended.
    #[getter]
    fn closed(&self) -> bool {
        self.lock().closed
    }

    /// How many writes came after the end of the request.
    #[getter]
    fn dropped_writes(&self) -> u64 {
        self.lock().dropped_writes
    }

    /// The variable of that name, or `default` when it was never set.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
        default: Option<Bound<'py, PyAny>>,
    ) -> Option<Bound<'py, PyAny>> {
        self.variable(py, &intern(name))
            .map(|held| held.value)
            .or(default)
    }

    /// Sets a variable. Raises `ValueError` when the request has 256 others.
    fn set(&self, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let held = Held {
            value: value.clone(),
            is_secret: false,
        };
        self.assign(&intern(name), held)
            .map(|_| ())
            .map_err(|full| PyValueError::new_err(full.to_string()))
    }

    /// Whether the variable was set.
    fn has(&self, name: &Bound<'_, PyString>) -> bool {
        let name = intern(name);
        self.lock().position(name.as_ptr()).is_some()
    }

    /// Removes a variable; gives whether it was there.
    fn delete(&self, name: &Bound<'_, PyString>) -> bool {
        self.remove(name)
    }

    /// Removes all variables.
    fn clear(&self) {
        let mut inner = self.lock();
        if inner.closed {
            inner.dropped_writes += 1;
            return;
        }
        let old = std::mem::take(&mut inner.variables);
        drop(inner);
        drop(old);
    }

    /// A new dict of all variables, in the order in which they were first set.
    fn all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let variables: Vec<_> = self
            .lock()
            .variables
            .iter()
            .map(|variable| (variable.name.clone_ref(py), variable.value.clone_ref(py)))
            .collect();
        let dict = PyDict::new(py);
        for (name, value) in variables {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// Ends the request: later writes are dropped and counted. May be called again.
    fn close(&self) {
        self.lock().closed = true;
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.variable(py, &intern(name))
            .map(|held| held.value)
            .ok_or_else(|| PyKeyError::new_err(name.clone().unbind()))
    }

    fn __setitem__(&self, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set(name, value)
    }

    fn __delitem__(&self, name: &Bound<'_, PyString>) -> PyResult<()> {
        if self.remove(name) {
            Ok(())
        } else {
            Err(PyKeyError::new_err(name.clone().unbind()))
        }
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.cast::<PyString>().is_ok_and(|name| self.has(name))
    }

    fn __len__(&self) -> usize {
        self.lock().variables.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let names: Vec<_> = self
            .lock()
            .variables
            .iter()
            .map(|variable| variable.name.clone_ref(py))
            .collect();
        PyList::new(py, names)?.try_iter()
    }

    fn __repr__(&self) -> String {
        let inner = self.lock();
        let state = if inner.closed { ", closed" } else { "" };
        let id = self.request.id.as_deref().unwrap_or("None");
        format!(
            "<RequestLocalStore {id}, {} variables{state}>",
            inner.variables.len()
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Taken only if this very thread is inside one of the methods above, and then the values count as in use.
        if let Ok(inner) = self.inner.try_lock() {
            for variable in &inner.variables {
                visit.call(&variable.value)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let old = std::mem::take(&mut self.lock().variables);
        drop(old);
    }
}

/// The store of the current request, if there is one.
pub(crate) fn current(py: Python<'_>) -> Option<Bound<'_, RequestLocalStore>> {
    let variable = CURRENT.get(py)?;
    let mut value = ptr::null_mut();
    // SAFETY: `variable` is a context variable; on success `value` is a new reference or null.
    let store = unsafe {
        if ffi::PyContextVar_Get(variable.as_ptr(), ptr::null_mut(), &raw mut value) != 0 {
            ffi::PyErr_Clear();
            return None;
        }
        Bound::from_owned_ptr_or_opt(py, value)?
    };
    store.cast_into_exact().ok()
}

/// The context variable that holds the current request's store.
pub(crate) fn variable(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let variable = CURRENT.get_or_try_init(py, || {
        // SAFETY: the name is a C string; there is no default; the result is a new reference or null with an error.
        unsafe {
            let variable =
                ffi::PyContextVar_New(c"hogtrace_current_store".as_ptr(), ffi::Py_None());
            Bound::from_owned_ptr_or_err(py, variable).map(Bound::unbind)
        }
    })?;
    Ok(variable.bind(py).clone())
}

/// The one interned string that is equal to `name`.
fn intern<'py>(name: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    let py = name.py();
    // SAFETY: `exact` is an exact string that this function owns; interning it may put another in its place and keeps
    // the ownership. The copy of a subclass can fail only for lack of memory, and then `name` itself serves.
    unsafe {
        let mut exact = ffi::PyUnicode_FromObject(name.as_ptr());
        if exact.is_null() {
            ffi::PyErr_Clear();
            return name.clone();
        }
        ffi::PyUnicode_InternInPlace(&raw mut exact);
        Bound::from_owned_ptr(py, exact).cast_into_unchecked()
    }
}

/// Packs the description of a request: as it is, and without secrets if it has some. Programs with other settings
/// share the request, so the list without settings says what is one.
fn scalars(info: &Bound<'_, PyMapping>) -> PyResult<(Packed, Option<Packed>)> {
    let py = info.py();
    let judge = Redaction::standard();
    let dict = PyDict::new(py);
    dict.update(info)?;
    let shown = PyDict::new(py);
    let mut has_secrets = false;
    for (name, value) in &dict {
        let text = |object: &Bound<'_, PyAny>| {
            let text = object.cast::<PyString>().ok()?;
            Some(text.to_string_lossy().into_owned())
        };
        let clean = if text(&name).is_some_and(|name| judge.is_secret(&name)) {
            Some(REDACTED.to_owned())
        } else {
            text(&value).and_then(|value| match judge.scrub(&value) {
                Cow::Borrowed(_) => None,
                Cow::Owned(clean) => Some(clean),
            })
        };
        match clean {
            Some(clean) => {
                has_secrets = true;
                shown.set_item(name, clean)?;
            }
            None => shown.set_item(name, value)?,
        }
    }
    let packed = pack_scalars(&dict)?;
    let shown = has_secrets.then(|| pack_scalars(&shown)).transpose()?;
    Ok((packed, shown))
}

//! The variables of one request.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyMapping, PyString};

use crate::event;
use crate::queue::EventQueue;
use crate::random;
use crate::request_info::{ROUTE, RequestInfo};
use crate::route::{Route, RouteWays};
use crate::running::{Running, release};
use crate::tally::Tally;

/// How many variables one request may have.
const VARIABLES: usize = 256;
/// How many names may describe one request.
const DESCRIPTIONS: usize = 64;

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
/// that describes it there. Anything else in it raises `TypeError`. With `record`, each queue that takes an event of the
/// request gets one more when the request ends: its record.
#[pyclass(frozen, mapping, weakref, module = "hogtrace._engine")]
pub(crate) struct RequestLocalStore {
    id: Option<Arc<str>>,
    /// When it began, if a record is wanted.
    began: Option<Instant>,
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
struct Inner {
    /// What events say about the request, but for the route that was found last: ask `request()`.
    request: Arc<RequestInfo>,
    variables: Vec<Variable>,
    closed: bool,
    dropped_writes: u64,
    route: Route,
    tally: Tally,
    /// What the application has answered.
    status: Option<i64>,
}

impl Inner {
    /// What events say about the request, with the route if that was found.
    #[inline]
    fn request(&mut self, py: Python<'_>) -> &Arc<RequestInfo> {
        if let Some(route) = self.route.take_news(py)
            && let Some(routed) = self.request.routed(&route)
        {
            self.request = Arc::new(routed);
        }
        &self.request
    }

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

    /// Counts an event of this request that goes into `queue` with so many errors, and gives what it says about the
    /// request. Where the queue does not take it after all, [`Self::not_taken`] takes that back.
    #[inline]
    pub(crate) fn taken(
        &self,
        py: Python<'_>,
        queue: &Py<EventQueue>,
        errors: usize,
    ) -> Arc<RequestInfo> {
        let mut inner = self.lock();
        if inner.route.is_sought() {
            drop(inner);
            self.seek_route(py);
            inner = self.lock();
        }
        if self.began.is_some() && !inner.closed && queue.get().wants_records() {
            inner.tally.add(py, queue, errors);
        }
        Arc::clone(inner.request(py))
    }

    /// Takes back what [`Self::taken`] has counted.
    #[cold]
    pub(crate) fn not_taken(&self, queue: &Py<EventQueue>, errors: usize) {
        self.lock().tally.take_back(queue, errors);
    }

    /// Looks where the framework keeps the route, if that is not known yet.
    pub(crate) fn seek_route(&self, py: Python<'_>) {
        let mut back = 0;
        let (place, pattern) = loop {
            let Some(place) = self.lock().route.place(py, back) else {
                return;
            };
            if let Some(pattern) = place.pattern(py) {
                break (place, pattern);
            }
            back += 1;
        };
        if self.lock().route.knows(&pattern) {
            return;
        }
        let mount = place.mount(py);
        let mut inner = self.lock();
        let left = inner.route.note(pattern, mount, place.is_final());
        drop(inner);
        left.release();
    }

    /// Notes what the application has answered: the last answer counts.
    pub(crate) fn answered(&self, status: i64) {
        let mut inner = self.lock();
        if !inner.closed {
            inner.status = Some(status);
        }
    }

    /// Ends the request, if it has not ended yet, and gives each queue that wants a record of it that.
    pub(crate) fn end(&self, py: Python<'_>) -> PyResult<()> {
        if self.lock().route.is_sought() {
            self.seek_route(py);
        }
        let mut inner = self.lock();
        if std::mem::replace(&mut inner.closed, true) {
            return Ok(());
        }
        let left = inner.route.end();
        let tally = std::mem::take(&mut inner.tally);
        let (Some(began), false) = (self.began, tally.is_empty()) else {
            drop(inner);
            left.release();
            return Ok(());
        };
        let request = Arc::clone(inner.request(py));
        let status = inner.status;
        drop(inner);
        left.release();
        let running = Running::begin();
        tally.send(py, &request, status, began.elapsed());
        running.map_or(Ok(()), Running::end)
    }

    /// The request's id, if it has one.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the request has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().closed
    }

    /// Whether the application has answered.
    pub(crate) fn has_status(&self) -> bool {
        self.lock().status.is_some()
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
    #[pyo3(signature = (request_id=None, info=None, *, record=false))]
    fn new(
        request_id: Option<String>,
        info: Option<&Bound<'_, PyMapping>>,
        record: bool,
    ) -> PyResult<Self> {
        let id = request_id.map(Arc::from);
        let request = Arc::new(RequestInfo::of(id, info)?);
        Ok(Self {
            id: request.id.clone(),
            began: record.then(Instant::now),
            inner: Mutex::new(Inner {
                request,
                variables: Vec::new(),
                closed: false,
                dropped_writes: 0,
                route: Route::default(),
                tally: Tally::default(),
                status: None,
            }),
            draw: Draw::default(),
        })
    }

    /// The request's id, or None.
    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.id()
    }

    /// A new dict of what describes the request.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let request = Arc::clone(self.lock().request(py));
        request.to_python(py)
    }

    /// Adds to what describes the request, or changes it: names and scalars (None, bool, int, float, str), which go
    /// with each event that is captured from then on. Those that were captured before keep what they had.
    ///
    /// Raises `TypeError` for other values, and `ValueError` for more than 64 names. After the end of the request it does
    /// nothing.
    #[pyo3(signature = (**info))]
    fn describe(&self, py: Python<'_>, info: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let Some(info) = info else {
            return Ok(());
        };
        let is_routed = info.get_item(ROUTE)?.is_some_and(|route| !route.is_none());
        loop {
            let old = Arc::clone(self.lock().request(py));
            let dict = old.to_python(py)?;
            dict.update(info.as_mapping())?;
            if dict.len() > DESCRIPTIONS {
                let message = format!("at most {DESCRIPTIONS} names describe a request");
                return Err(PyValueError::new_err(message));
            }
            let described = RequestInfo::of(old.id.clone(), Some(dict.as_mapping()))?;
            let mut inner = self.lock();
            if inner.closed {
                return Ok(());
            }
            // Another thread may have described it in the meantime.
            if !Arc::ptr_eq(inner.request(py), &old) {
                continue;
            }
            inner.request = Arc::new(described);
            // What the application says counts, and is not looked for any more.
            let left = is_routed.then(|| inner.route.end());
            drop(inner);
            if let Some(left) = left {
                left.release();
            }
            return Ok(());
        }
    }

    /// Has the route of the request looked for, on the `ways` from `carrier`, until it is found or the request ends.
    ///
    /// Of nested applications each may say where it keeps its route; the innermost is asked first.
    fn find_route(&self, carrier: Py<PyAny>, ways: Py<RouteWays>) {
        self.lock().route.seek(carrier, ways);
    }

    /// What the application has answered, such as 200: None until it is known.
    #[getter]
    fn status(&self) -> Option<i64> {
        self.lock().status
    }

    #[setter]
    fn set_status(&self, status: Option<i64>) {
        let mut inner = self.lock();
        if !inner.closed {
            inner.status = status;
        }
    }

    /// Whether the request has ended.
    #[getter]
    fn closed(&self) -> bool {
        self.has_ended()
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
    ///
    /// Where a record is wanted, each queue that has taken an event of the request gets one now.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.end(py)
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
        let id = self.id.as_deref().unwrap_or("None");
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
            inner.route.traverse(&visit)?;
            inner.tally.traverse(&visit)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let mut inner = self.lock();
        let variables = std::mem::take(&mut inner.variables);
        let left = inner.route.end();
        let tally = std::mem::take(&mut inner.tally);
        drop(inner);
        drop((variables, left, tally));
    }
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

//! `CaptureEvent`: an event as exporters see it.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyMapping, PyString};

use super::draft::{Draft, to_dict};
use super::{Event, Failure, SCHEMA};
use crate::snapshot::Form;

/// One capture of one probe, or the record that ends a request: `kind` says which.
///
/// Exporters get these. `values` is what was captured, by name, with the types that it had (objects of the application
/// become dicts with their type's name under `$type`); `errors` tells, per expression that had no value, `field`,
/// `kind`, `message`, `line` and `column`. `timestamp` is Unix time in seconds.
///
/// Made by hand it takes a bounded copy of `values`; `id`, `process` and `thread` default to new and current ones,
/// `function` to `target`, `kind` to that of the point. Raises `ValueError` for a `point` that is not "entry", "exit" or "entry+N", or "request" for
/// the kind "request", and for a `trace_id` or `span_id` that is not so many hexadecimal digits.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct CaptureEvent {
    event: Arc<Event>,
}

impl CaptureEvent {
    /// Wraps an event.
    pub(crate) const fn new(event: Arc<Event>) -> Self {
        Self { event }
    }

    /// The event itself.
    pub(crate) fn event(&self) -> Arc<Event> {
        Arc::clone(&self.event)
    }
}

#[pymethods]
impl CaptureEvent {
    #[new]
    #[pyo3(
        signature = (**fields),
        text_signature = "(*, timestamp, program, probe, target, point, function=None, id=None, request_id=None, \
            request=None, process=None, thread=None, values=None, errors=None, kind=None, service=None, \
            release=None, environment=None, host=None, thread_name=None, task=None, trace_id=None, span_id=None)"
    )]
    fn make(fields: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut draft = Draft::default();
        if let Some(fields) = fields {
            draft.take(fields, "CaptureEvent")?;
        }
        Ok(Self::new(Arc::new(draft.finish()?)))
    }

    /// Unique among all events of all processes.
    #[getter]
    fn id(&self) -> String {
        self.event.id()
    }

    /// When it happened: Unix time in seconds.
    #[getter]
    fn timestamp(&self) -> f64 {
        self.event.timestamp
    }

    /// The program's name.
    #[getter]
    fn program(&self) -> &str {
        &self.event.origin.program
    }

    /// The probe's id, unique in its program.
    #[getter]
    fn probe(&self) -> &str {
        &self.event.origin.probe
    }

    /// The target as the probe names it.
    #[getter]
    fn target(&self) -> &str {
        &self.event.origin.target
    }

    /// The function in which it happened: module and qualified name.
    #[getter]
    fn function(&self) -> &str {
        &self.event.origin.function
    }

    /// "entry", "exit" or "entry+N"; "request" for the record that ends a request.
    #[getter]
    fn point(&self) -> Cow<'static, str> {
        self.event.origin.moment.point()
    }

    /// The id of the request in which it happened, or None.
    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.event.request_id()
    }

    /// What describes that request: a new dict of scalars, empty outside any request.
    #[getter]
    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match &self.event.request {
            Some(request) => request.shown().to_python(py),
            None => Ok(PyDict::new(py)),
        }
    }

    /// The number of the process in which it happened.
    #[getter]
    fn process(&self) -> u32 {
        self.event.runner.process
    }

    /// The number of the thread in which it happened, as `threading.get_ident()` gives it.
    #[getter]
    fn thread(&self) -> u64 {
        self.event.runner.thread
    }

    /// What was captured: a new dict, with the types that the values had.
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.event.values.to_python(py)
    }

    /// The expressions that had no value: a new list of dicts.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        error_dicts(py, &self.event.errors)
    }

    /// "capture", or "request" for the record that ends a request in which something was captured.
    #[getter]
    fn kind(&self) -> &'static str {
        self.event.origin.moment.kind()
    }

    /// The name of the service, or None.
    #[getter]
    fn service(&self) -> Option<&str> {
        self.event.origin.resource.service.as_deref()
    }

    /// The release of the service, or None.
    #[getter]
    fn release(&self) -> Option<&str> {
        self.event.origin.resource.release.as_deref()
    }

    /// Where the service is deployed, or None.
    #[getter]
    fn environment(&self) -> Option<&str> {
        self.event.origin.resource.environment.as_deref()
    }

    /// The name of the machine, or None.
    #[getter]
    fn host(&self) -> Option<&str> {
        self.event.origin.resource.host.as_deref()
    }

    /// The name of the thread in which it happened, or None.
    #[getter]
    fn thread_name(&self) -> Option<&str> {
        self.event.runner.thread_name.as_deref()
    }

    /// The name of the asyncio task in which it happened, or None.
    #[getter]
    fn task(&self) -> Option<&str> {
        self.event.context.task.as_deref()
    }

    /// The trace of OpenTelemetry's span in which it happened, 32 hexadecimal digits, or None.
    #[getter]
    fn trace_id(&self) -> Option<String> {
        self.event.context.trace_text()
    }

    /// That span, 16 hexadecimal digits, or None.
    #[getter]
    fn span_id(&self) -> Option<String> {
        self.event.context.span_text()
    }

    /// About how many bytes of memory it takes.
    #[getter]
    fn size(&self) -> usize {
        self.event.size()
    }

    /// The event as `json.loads(event.to_json())` would give it: a new dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("schema", SCHEMA)?;
        dict.set_item("id", self.id())?;
        if self.event.timestamp.is_finite() {
            dict.set_item("timestamp", PyFloat::new(py, self.event.timestamp))?;
        } else {
            return Err(PyValueError::new_err("the timestamp is not finite"));
        }
        dict.set_item("program", self.program())?;
        dict.set_item("probe", self.probe())?;
        dict.set_item("target", self.target())?;
        dict.set_item("function", self.function())?;
        dict.set_item("point", self.point())?;
        dict.set_item("request_id", self.request_id())?;
        let request = match &self.event.request {
            Some(request) => request.shown().to_form(py, Form::Json)?,
            None => PyDict::new(py),
        };
        dict.set_item("request", request)?;
        dict.set_item("process", self.process())?;
        dict.set_item("thread", self.thread())?;
        dict.set_item("values", self.event.values.to_form(py, Form::Json)?)?;
        dict.set_item("errors", self.errors(py)?)?;
        dict.set_item("kind", self.kind())?;
        for (name, text) in self.event.origin.resource.fields() {
            dict.set_item(name, text)?;
        }
        dict.set_item("thread_name", self.thread_name())?;
        dict.set_item("task", self.task())?;
        dict.set_item("trace_id", self.trace_id())?;
        dict.set_item("span_id", self.span_id())?;
        Ok(dict)
    }

    /// The event as one line of JSON, valid UTF-8. Written without the GIL.
    fn to_json(&self, py: Python<'_>) -> String {
        py.detach(|| {
            let mut out = String::with_capacity(self.event.json_size());
            self.event.write_json(&mut out);
            out
        })
    }

    /// An event that differs from this one in the given fields, which are those that the constructor takes. What is given
    /// as None is as it is for the constructor. Raises `TypeError` and `ValueError` as that does.
    #[pyo3(signature = (**fields))]
    fn replace(&self, fields: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut draft = Draft::of(&self.event);
        if let Some(fields) = fields {
            draft.take(fields, "replace")?;
        }
        Ok(Self::new(Arc::new(draft.finish()?)))
    }

    /// An event does not change, so it is its own copy.
    fn __copy__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: PyRef<'py, Self>, _memo: &Bound<'py, PyAny>) -> PyRef<'py, Self> {
        slf
    }

    /// Another process makes it from what `to_dict` gives.
    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let make = py.get_type::<Self>().getattr(intern!(py, "from_dict"))?;
        Ok((make, (self.to_dict(py)?,)))
    }

    /// The event that `to_dict` gave. Tuples come back as lists. Raises `TypeError` or `ValueError` for anything else.
    #[staticmethod]
    fn from_dict(data: &Bound<'_, PyMapping>) -> PyResult<Self> {
        let data = to_dict(data)?;
        let schema = data
            .get_item("schema")?
            .map_or(Ok(SCHEMA), |schema| schema.extract())?;
        if schema != SCHEMA {
            return Err(PyValueError::new_err(format!(
                "an event of schema {schema}; this version reads {SCHEMA}"
            )));
        }
        let mut draft = Draft::default();
        draft.read(&data)?;
        Ok(Self::new(Arc::new(draft.finish()?)))
    }

    /// The event that `to_json` wrote. Raises as `from_dict` and `json.loads` do.
    #[staticmethod]
    fn from_json(text: &Bound<'_, PyString>) -> PyResult<Self> {
        let data = text.py().import("json")?.call_method1("loads", (text,))?;
        match data.cast::<PyMapping>() {
            Ok(data) => Self::from_dict(data),
            Err(_) => Err(PyTypeError::new_err(
                "the text of an event is one JSON object",
            )),
        }
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.event == other.event
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.event.id().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!(
            "<CaptureEvent {} {}>",
            self.event.id(),
            self.event.origin.probe
        )
    }
}

/// Each failure as a dict.
pub(crate) fn error_dicts<'py>(
    py: Python<'py>,
    failures: &[Failure],
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for failure in failures {
        let dict = PyDict::new(py);
        dict.set_item("field", failure.field.as_deref())?;
        dict.set_item("kind", &*failure.kind)?;
        dict.set_item("message", &*failure.message)?;
        dict.set_item("line", failure.line)?;
        dict.set_item("column", failure.column)?;
        list.append(dict)?;
    }
    Ok(list)
}

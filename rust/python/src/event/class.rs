//! `CaptureEvent`: an event as exporters see it.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hogtrace_core::bytecode::Point;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyList, PyMapping, PyString};

use super::{Event, Failure, Id, Origin, SCHEMA, ids, thread_number};
use crate::losses::Account;
use crate::snapshot::{Clock, Form, Limits, Names, Packed, Room, Writer, pack_json, pack_scalars};
use crate::store::RequestInfo;

/// One capture of one probe.
///
/// Exporters get these. `values` is what was captured, by name, with the types that it had (objects of the application
/// become dicts with their type's name under `$type`); `errors` tells, per expression that had no value, `field`,
/// `kind`, `message`, `line` and `column`. `timestamp` is Unix time in seconds.
///
/// Made by hand it takes a bounded copy of `values`; `id`, `process` and `thread` default to new and current ones,
/// `function` to `target`. Raises `ValueError` for a `point` that is not "entry", "exit" or "entry+N".
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
    #[pyo3(signature = (
        *, timestamp, program, probe, target, point, function=None, id=None, request_id=None, request=None,
        process=None, thread=None, values=None, errors=None
    ))]
    #[allow(
        clippy::too_many_arguments,
        reason = "one for each field; they are keyword-only in Python"
    )]
    fn make(
        timestamp: f64,
        program: String,
        probe: String,
        target: String,
        point: &str,
        function: Option<String>,
        id: Option<String>,
        request_id: Option<String>,
        request: Option<&Bound<'_, PyMapping>>,
        process: Option<u32>,
        thread: Option<u64>,
        values: Option<&Bound<'_, PyMapping>>,
        errors: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let values = match values {
            Some(values) => copy(values)?,
            None => Packed::empty(),
        };
        let request = match (request_id, request) {
            (None, None) => None,
            (id, request) => {
                let info = match request {
                    Some(request) => pack_scalars(&to_dict(request)?)?,
                    None => Packed::empty(),
                };
                Some(Arc::new(RequestInfo::new(id, info, None)))
            }
        };
        let function = function.unwrap_or_else(|| target.clone());
        let origin = Origin {
            program: program.into(),
            probe: probe.into(),
            target: target.into(),
            function: function.into(),
            point: parse_point(point)?,
            account: Account::default(),
        };
        let event = Event {
            id: id.map_or_else(
                || Id::Made(ids::new_id(timestamp)),
                |id| Id::Given(id.into()),
            ),
            timestamp,
            origin: Arc::new(origin),
            request,
            process: process.unwrap_or_else(ids::process_number),
            thread: thread.unwrap_or_else(thread_number),
            values,
            errors: errors.map_or_else(|| Ok(Box::default()), failures)?,
        };
        Ok(Self::new(Arc::new(event)))
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

    /// "entry" or "exit".
    #[getter]
    fn point(&self) -> Cow<'static, str> {
        self.event.point()
    }

    /// The id of the request in which it happened, or None.
    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.event
            .request
            .as_ref()
            .and_then(|request| request.id.as_deref())
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
        self.event.process
    }

    /// The number of the thread in which it happened, as `threading.get_ident()` gives it.
    #[getter]
    fn thread(&self) -> u64 {
        self.event.thread
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
        Ok(dict)
    }

    /// The event as one line of JSON, valid UTF-8. Written without the GIL.
    fn to_json(&self, py: Python<'_>) -> String {
        py.detach(|| self.event.to_json())
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
        let request = match data.get_item("request")? {
            Some(request) => pack_json(&request.cast_into()?)?,
            None => Packed::empty(),
        };
        let request_id: Option<String> = data
            .get_item("request_id")?
            .map_or(Ok(None), |id| id.extract())?;
        let request = if request_id.is_some() || request != Packed::empty() {
            Some(Arc::new(RequestInfo::new(request_id, request, None)))
        } else {
            None
        };
        let values = match data.get_item("values")? {
            Some(values) => pack_json(&values.cast_into()?)?,
            None => Packed::empty(),
        };
        let errors = data.get_item("errors")?;
        let origin = Origin {
            program: text(&data, "program")?,
            probe: text(&data, "probe")?,
            target: text(&data, "target")?,
            function: text(&data, "function")?,
            point: parse_point(&text(&data, "point")?)?,
            account: Account::default(),
        };
        let event = Event {
            id: Id::Given(text(&data, "id")?),
            timestamp: required(&data, "timestamp")?.extract()?,
            origin: Arc::new(origin),
            request,
            process: required(&data, "process")?.extract()?,
            thread: required(&data, "thread")?.extract()?,
            values,
            errors: errors.map_or_else(|| Ok(Box::default()), |errors| failures(&errors))?,
        };
        Ok(Self::new(Arc::new(event)))
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

fn parse_point(point: &str) -> PyResult<Point> {
    point.parse().map_err(|_| {
        PyValueError::new_err(format!(
            "point: \"entry\", \"exit\" or \"entry+N\", not {point:?}"
        ))
    })
}

fn to_dict<'py>(mapping: &Bound<'py, PyMapping>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(mapping.py());
    dict.update(mapping)?;
    Ok(dict)
}

/// A bounded copy of live values.
fn copy(values: &Bound<'_, PyMapping>) -> PyResult<Packed> {
    let values = to_dict(values)?;
    let names: Arc<Names> = values
        .iter()
        .map(|(name, _)| Ok(name.extract::<String>()?.into_boxed_str()))
        .collect::<PyResult<_>>()?;
    let (mut room, limits) = (Room::new(), Limits::default());
    let mut writer = Writer::new(&mut room, &names, &limits, None, Clock::ENDLESS);
    for value in values.values() {
        writer.field(false);
        writer.object(&value);
    }
    writer
        .finish()
        .map(|finished| Packed::of_fields(Arc::clone(&names), finished.values))
        .map_err(|fault| PyValueError::new_err(fault.to_string()))
}

fn required<'py>(data: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    data.get_item(name)?
        .ok_or_else(|| PyValueError::new_err(format!("an event without {name:?}")))
}

fn text(data: &Bound<'_, PyDict>, name: &str) -> PyResult<Box<str>> {
    Ok(required(data, name)?.extract::<String>()?.into_boxed_str())
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

/// Reads the dicts that `errors` gives.
fn failures(errors: &Bound<'_, PyAny>) -> PyResult<Box<[Failure]>> {
    let mut failures = Vec::new();
    for error in errors.try_iter()? {
        let error = to_dict(error?.cast()?)?;
        let optional = |name: &str| {
            error
                .get_item(name)
                .map(|found| found.filter(|value| !value.is_none()))
        };
        failures.push(Failure {
            field: optional("field")?
                .map(|field| field.extract::<String>().map(String::into_boxed_str))
                .transpose()?,
            kind: text(&error, "kind")?.into_string().into(),
            message: text(&error, "message")?.into_string().into(),
            line: optional("line")?.map(|line| line.extract()).transpose()?,
            column: optional("column")?
                .map(|column| column.extract())
                .transpose()?,
        });
    }
    Ok(failures.into_boxed_slice())
}

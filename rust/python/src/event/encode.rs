//! Many events at a time in the forms that exporters write, made without the GIL.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::origin::Moment;
use super::{CaptureEvent, Event};

/// The names of what `encode_rows` gives, in order.
pub(crate) const COLUMNS: [&str; 26] = [
    "id",
    "timestamp",
    "kind",
    "program",
    "probe",
    "target",
    "function",
    "point",
    "request_id",
    "method",
    "path",
    "route",
    "status",
    "process",
    "thread",
    "thread_name",
    "task",
    "trace_id",
    "span_id",
    "service",
    "release",
    "environment",
    "host",
    "fields",
    "errors",
    "request",
];

/// The events as lines of JSON, each with its end, in one piece.
#[pyfunction]
pub(crate) fn encode_lines<'py>(
    py: Python<'py>,
    events: Vec<PyRef<'py, CaptureEvent>>,
) -> Bound<'py, PyBytes> {
    let events = taken(events);
    let lines = py.detach(|| {
        let size = events.iter().map(|event| event.json_size()).sum();
        let mut out = String::with_capacity(size);
        for event in &events {
            event.write_json(&mut out);
            out.push('\n');
        }
        out
    });
    PyBytes::new(py, lines.as_bytes())
}

/// The events as rows of `ROW_COLUMNS`: texts, numbers and None; `fields`, `errors` and `request` as JSON, `thread` as a
/// signed number of 64 bits: one of 2**63 or more becomes negative.
#[pyfunction]
pub(crate) fn encode_rows<'py>(
    py: Python<'py>,
    events: Vec<PyRef<'py, CaptureEvent>>,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let events = taken(events);
    let rows: Vec<Row> = py.detach(|| events.iter().map(|event| Row::of(event)).collect());
    let pairs = events.iter().zip(&rows);
    pairs.map(|(event, row)| row.tuple(py, event)).collect()
}

fn taken(events: Vec<PyRef<'_, CaptureEvent>>) -> Vec<Arc<Event>> {
    events.into_iter().map(|event| event.event()).collect()
}

/// What has to be made of an event for its row.
struct Row {
    id: String,
    method: Option<String>,
    path: Option<String>,
    route: Option<String>,
    status: Option<i64>,
    trace_id: Option<String>,
    span_id: Option<String>,
    fields: String,
    errors: String,
    request: String,
}

impl Row {
    fn of(event: &Event) -> Self {
        let described = |name: &str| {
            let request = event.request.as_ref()?;
            request.shown().text(name)
        };
        let mut fields = String::with_capacity(2 * event.values.size());
        event.values.write_json(&mut fields);
        let (mut errors, mut request) = (String::new(), String::new());
        event.write_errors(&mut errors);
        event.write_request(&mut request);
        Self {
            id: event.id(),
            method: described("method"),
            path: described("path"),
            route: described("route"),
            status: match event.origin.moment {
                Moment::RequestEnd => event.values.integer("status"),
                Moment::Point(_) => None,
            },
            trace_id: event.context.trace_text(),
            span_id: event.context.span_text(),
            fields,
            errors,
            request,
        }
    }

    /// The row, in the order of `COLUMNS`.
    fn tuple<'py>(&self, py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
        let (origin, runner) = (&event.origin, &event.runner);
        let none = || py.None().into_bound(py);
        let text = |text: &str| PyString::new(py, text).into_any();
        let maybe = |found: Option<&str>| found.map_or_else(none, text);
        let number = |number: Option<i64>| -> PyResult<_> {
            number.map_or_else(
                || Ok(none()),
                |number| Ok(number.into_pyobject(py)?.into_any()),
            )
        };
        let [service, release, environment, host] =
            origin.resource.fields().map(|(_, found)| maybe(found));
        let row: [Bound<'py, PyAny>; COLUMNS.len()] = [
            text(&self.id),
            event.timestamp.into_pyobject(py)?.into_any(),
            text(origin.moment.kind()),
            text(&origin.program),
            text(&origin.probe),
            text(&origin.target),
            text(&origin.function),
            text(&origin.moment.point()),
            maybe(event.request_id()),
            maybe(self.method.as_deref()),
            maybe(self.path.as_deref()),
            maybe(self.route.as_deref()),
            number(self.status)?,
            runner.process.into_pyobject(py)?.into_any(),
            // A column of SQLite's has no greater numbers.
            runner.thread.cast_signed().into_pyobject(py)?.into_any(),
            maybe(runner.thread_name.as_deref()),
            maybe(event.context.task.as_deref()),
            maybe(self.trace_id.as_deref()),
            maybe(self.span_id.as_deref()),
            service,
            release,
            environment,
            host,
            text(&self.fields),
            text(&self.errors),
            text(&self.request),
        ];
        PyTuple::new(py, row)
    }
}

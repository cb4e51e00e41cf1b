//! Events made by hand: of fields that Python gives, of their JSON form, and of other events with some fields changed.

use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};

use super::context::{Context, Runner, Span};
use super::origin::{Moment, Origin, REQUEST, Resource};
use super::{Event, Failure, Id, ids, thread_number};
use crate::losses::Account;
use crate::request_info::RequestInfo;
use crate::snapshot::{Clock, Form, Limits, Names, Packed, Room, Writer, pack_json, pack_scalars};

/// What must be given.
const NEEDED: [&str; 5] = ["timestamp", "program", "probe", "target", "point"];
/// What is in the JSON form of every event besides that.
const WRITTEN: [&str; 4] = ["id", "function", "process", "thread"];

/// An event in the making. What is `None` was not given, or given as `None`.
#[derive(Default)]
pub(super) struct Draft {
    id: Option<Id>,
    timestamp: Option<f64>,
    program: Option<String>,
    probe: Option<String>,
    target: Option<String>,
    function: Option<String>,
    point: Option<String>,
    kind: Option<String>,
    request_id: Option<String>,
    request: Option<Packed>,
    process: Option<u32>,
    thread: Option<u64>,
    thread_name: Option<String>,
    task: Option<String>,
    trace_id: Option<NonZeroU128>,
    span_id: Option<NonZeroU64>,
    service: Option<String>,
    release: Option<String>,
    environment: Option<String>,
    host: Option<String>,
    values: Option<Packed>,
    errors: Box<[Failure]>,
    account: Account,
}

impl Draft {
    /// An event that has all of another.
    pub(super) fn of(event: &Event) -> Self {
        let (origin, runner, context) = (&event.origin, &event.runner, &event.context);
        let resource = &origin.resource;
        let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            id: Some(event.id.clone()),
            timestamp: Some(event.timestamp),
            program: Some(origin.program.to_string()),
            probe: Some(origin.probe.to_string()),
            target: Some(origin.target.to_string()),
            function: Some(origin.function.to_string()),
            point: Some(origin.moment.point().into_owned()),
            kind: Some(origin.moment.kind().to_owned()),
            request_id: event.request_id().map(str::to_owned),
            request: event
                .request
                .as_ref()
                .map(|request| request.shown().clone()),
            process: Some(runner.process),
            thread: Some(runner.thread),
            thread_name: owned(&runner.thread_name),
            task: context.task.as_deref().map(str::to_owned),
            trace_id: context.span.and_then(|span| span.trace_id),
            span_id: context.span.and_then(|span| span.span_id),
            service: owned(&resource.service),
            release: owned(&resource.release),
            environment: owned(&resource.environment),
            host: owned(&resource.host),
            values: Some(event.values.clone()),
            errors: event.errors.clone(),
            account: origin.account.clone(),
        }
    }

    /// Takes fields by their names, with live values. Raises `TypeError` for a name that no field has.
    pub(super) fn take(&mut self, fields: &Bound<'_, PyDict>, taker: &str) -> PyResult<()> {
        for (name, value) in fields {
            let name: String = name.extract()?;
            if !self.set(&name, &value, Form::Typed)? {
                return Err(PyTypeError::new_err(format!(
                    "{taker}() got an unexpected keyword argument '{name}'"
                )));
            }
        }
        Ok(())
    }

    /// Takes the JSON form of an event; what is in it besides the fields is passed over.
    pub(super) fn read(&mut self, data: &Bound<'_, PyDict>) -> PyResult<()> {
        for name in NEEDED.into_iter().chain(WRITTEN) {
            if data.get_item(name)?.is_none_or(|value| value.is_none()) {
                return Err(PyValueError::new_err(format!("an event without {name:?}")));
            }
        }
        for (name, value) in data {
            if let Ok(name) = name.extract::<String>() {
                self.set(&name, &value, Form::Json)?;
            }
        }
        Ok(())
    }

    /// Sets a field; `form` is that of captured values. Gives whether there is a field of that name.
    fn set(&mut self, name: &str, value: &Bound<'_, PyAny>, form: Form) -> PyResult<bool> {
        match name {
            "id" => {
                let id: Option<String> = value.extract()?;
                self.id = id.map(|id| Id::Given(id.into()));
            }
            "timestamp" => self.timestamp = seconds(value)?,
            "program" => self.program = value.extract()?,
            "probe" => self.probe = value.extract()?,
            "target" => self.target = value.extract()?,
            "function" => self.function = value.extract()?,
            "point" => self.point = value.extract()?,
            "kind" => self.kind = value.extract()?,
            "request_id" => self.request_id = value.extract()?,
            "request" => {
                self.request = mapping(value)?
                    .map(|request| match form {
                        Form::Typed => pack_scalars(&request),
                        Form::Json => pack_json(&request),
                    })
                    .transpose()?;
            }
            "process" => self.process = value.extract()?,
            "thread" => self.thread = value.extract()?,
            "thread_name" => self.thread_name = value.extract()?,
            "task" => self.task = value.extract()?,
            "trace_id" => {
                self.trace_id = hexadecimal(name, value, 32)?.and_then(NonZeroU128::new);
            }
            "span_id" => {
                let id = hexadecimal(name, value, 16)?;
                self.span_id = id
                    .and_then(|id| u64::try_from(id).ok())
                    .and_then(NonZeroU64::new);
            }
            "service" => self.service = value.extract()?,
            "release" => self.release = value.extract()?,
            "environment" => self.environment = value.extract()?,
            "host" => self.host = value.extract()?,
            "values" => {
                self.values = mapping(value)?
                    .map(|values| match form {
                        Form::Typed => copy(&values),
                        Form::Json => pack_json(&values),
                    })
                    .transpose()?;
            }
            "errors" if value.is_none() => self.errors = Box::default(),
            "errors" => self.errors = failures(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The event. Raises `TypeError` where something is missing that it must have, and `ValueError` for a point or a
    /// kind that there is not.
    pub(super) fn finish(self) -> PyResult<Event> {
        let (Some(timestamp), Some(program), Some(probe), Some(target), Some(point)) = (
            self.timestamp,
            self.program,
            self.probe,
            self.target,
            self.point,
        ) else {
            return Err(PyTypeError::new_err(format!(
                "an event must have {}",
                NEEDED.join(", ")
            )));
        };
        let boxed = |text: Option<String>| text.map(String::into_boxed_str);
        let moment = moment(&point, self.kind.as_deref())?;
        let function = self.function.unwrap_or_else(|| target.clone());
        let origin = Origin {
            program: program.into(),
            probe: probe.into(),
            target: target.into(),
            function: function.into(),
            moment,
            resource: Arc::new(Resource {
                service: boxed(self.service),
                release: boxed(self.release),
                environment: boxed(self.environment),
                host: boxed(self.host),
            }),
            account: self.account,
        };
        let request = self.request.unwrap_or_else(Packed::empty);
        let is_outside = self.request_id.is_none() && request == Packed::empty();
        Ok(Event {
            id: self.id.unwrap_or_else(|| Id::Made(ids::new_id(timestamp))),
            timestamp,
            origin: Arc::new(origin),
            request: (!is_outside).then(|| Arc::new(RequestInfo::new(self.request_id, request))),
            runner: Arc::new(Runner {
                process: self.process.unwrap_or_else(ids::process_number),
                thread: self.thread.unwrap_or_else(thread_number),
                thread_name: boxed(self.thread_name),
            }),
            context: Context {
                task: self.task.map(Arc::from),
                span: (self.trace_id.is_some() || self.span_id.is_some()).then_some(Span {
                    trace_id: self.trace_id,
                    span_id: self.span_id,
                }),
            },
            values: self.values.unwrap_or_else(Packed::empty),
            errors: self.errors,
        })
    }
}

/// The moment of that name, which says of which kind the event is.
fn moment(point: &str, kind: Option<&str>) -> PyResult<Moment> {
    let moment = Moment::parse(point).ok_or_else(|| {
        PyValueError::new_err(format!(
            "point: \"entry\", \"exit\" or \"entry+N\", or {REQUEST:?}, not {point:?}"
        ))
    })?;
    match kind.filter(|&kind| kind != moment.kind()) {
        None => Ok(moment),
        Some(kind) => Err(PyValueError::new_err(format!(
            "an event of point {point:?} is of kind {:?}, not {kind:?}",
            moment.kind()
        ))),
    }
}

/// A time: no backend has a place for one that is no number, or not finite.
fn seconds(value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let seconds: Option<f64> = value.extract()?;
    if seconds.is_none_or(f64::is_finite) {
        Ok(seconds)
    } else {
        Err(PyValueError::new_err(
            "timestamp: a finite number of seconds",
        ))
    }
}

/// A number that is given as so many hexadecimal digits, not all of them 0.
fn hexadecimal(name: &str, value: &Bound<'_, PyAny>, digits: usize) -> PyResult<Option<u128>> {
    let Some(text) = value.extract::<Option<String>>()? else {
        return Ok(None);
    };
    let is_right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(&text, 16)
        .ok()
        .filter(|&number| is_right && number != 0);
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(PyValueError::new_err(format!(
            "{name}: {digits} hexadecimal digits, not all of them 0"
        ))),
    }
}

fn mapping<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    if value.is_none() {
        return Ok(None);
    }
    to_dict(value.cast::<PyMapping>()?).map(Some)
}

/// A new dict of what a mapping holds.
pub(super) fn to_dict<'py>(mapping: &Bound<'py, PyMapping>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(mapping.py());
    dict.update(mapping)?;
    Ok(dict)
}

/// A bounded copy of live values.
fn copy(values: &Bound<'_, PyDict>) -> PyResult<Packed> {
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
        let text = |name: &str| -> PyResult<String> {
            let found = error.get_item(name)?;
            found
                .ok_or_else(|| PyValueError::new_err(format!("an error without {name:?}")))?
                .extract()
        };
        failures.push(Failure {
            field: optional("field")?
                .map(|field| field.extract::<String>().map(String::into_boxed_str))
                .transpose()?,
            kind: text("kind")?.into(),
            message: text("message")?.into(),
            line: optional("line")?.map(|line| line.extract()).transpose()?,
            column: optional("column")?
                .map(|column| column.extract())
                .transpose()?,
        });
    }
    Ok(failures.into_boxed_slice())
}

//! What is sent: one capture of one probe, and its Python face.

mod captured;
mod class;
mod ids;

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use hogtrace_core::bytecode::Point;
use hogtrace_core::vm::Fault;
use pyo3::ffi;

pub(crate) use captured::{Captured, Source};
pub(crate) use class::{CaptureEvent, error_dicts};
pub(crate) use ids::{generation, now, register_fork_hook};

use crate::losses::{Account, Losses};
use crate::snapshot::{Packed, write_json_float, write_json_string};
use crate::store::RequestInfo;

/// The version of the JSON form of events.
const SCHEMA: u32 = 1;
/// What an event takes in memory besides its values: itself, its place in the queue, the allocator's share.
const OVERHEAD: usize = 256;

/// Where events come from: the same for all events of one probe in one function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The program's name.
    pub(crate) program: Box<str>,
    /// The probe's id.
    pub(crate) probe: Box<str>,
    /// The target as the probe names it.
    pub(crate) target: Box<str>,
    /// The function that was instrumented: `module.qualname`.
    pub(crate) function: Box<str>,
    /// Where in the call.
    pub(crate) point: Point,
    /// What is given up of them is counted here.
    pub(crate) account: Account,
}

/// An expression that had no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The captured field that it spoiled, if it was in one.
    pub(crate) field: Option<Box<str>>,
    /// One lower-case word: see `FaultKind::as_str`.
    pub(crate) kind: Cow<'static, str>,
    /// What happened.
    pub(crate) message: Cow<'static, str>,
    /// Where the expression stands in the probe's source, 1-based.
    pub(crate) line: Option<u32>,
    /// Its column, 1-based.
    pub(crate) column: Option<u32>,
}

impl Failure {
    /// A fault of the machine as an event tells it.
    pub(crate) fn new(fault: &Fault, field: Option<&str>) -> Self {
        Self {
            field: field.map(Box::from),
            kind: Cow::Borrowed(fault.kind.as_str()),
            message: fault.message.clone(),
            line: fault.position.map(|(line, _)| line),
            column: fault.position.map(|(_, column)| column),
        }
    }
}

/// An event's name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    /// Made here.
    Made(u128),
    /// Read back.
    Given(Box<str>),
}

/// One capture. Holds nothing of Python.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    id: Id,
    timestamp: f64,
    origin: Arc<Origin>,
    request: Option<Arc<RequestInfo>>,
    process: u32,
    thread: u64,
    values: Packed,
    errors: Box<[Failure]>,
}

impl Event {
    /// About how many bytes of memory it takes.
    pub(crate) fn size(&self) -> usize {
        OVERHEAD + self.values.size() + captured::size_of_errors(&self.errors)
    }

    /// The account of what is given up of its probe's events.
    pub(crate) fn losses(&self) -> Option<&Losses> {
        self.origin.account.0.as_deref()
    }

    fn id(&self) -> String {
        match &self.id {
            Id::Made(number) => format!("{number:032x}"),
            Id::Given(id) => id.to_string(),
        }
    }

    fn point(&self) -> Cow<'static, str> {
        match self.origin.point {
            Point::Entry => Cow::Borrowed("entry"),
            Point::Exit => Cow::Borrowed("exit"),
            point @ Point::Line(_) => Cow::Owned(point.to_string()),
        }
    }

    /// The event as one line of JSON. Needs no Python.
    fn to_json(&self) -> String {
        let mut out = String::with_capacity(512 + 2 * self.values.size());
        let _ = write!(out, "{{\"schema\":{SCHEMA},\"id\":");
        write_json_string(&mut out, &self.id());
        out.push_str(",\"timestamp\":");
        write_json_float(&mut out, self.timestamp);
        for (name, text) in [
            (",\"program\":", &*self.origin.program),
            (",\"probe\":", &*self.origin.probe),
            (",\"target\":", &*self.origin.target),
            (",\"function\":", &*self.origin.function),
            (",\"point\":", &*self.point()),
        ] {
            out.push_str(name);
            write_json_string(&mut out, text);
        }
        out.push_str(",\"request_id\":");
        write_optional(
            &mut out,
            self.request
                .as_ref()
                .and_then(|request| request.id.as_deref()),
        );
        out.push_str(",\"request\":");
        match &self.request {
            Some(request) => request.shown().write_json(&mut out),
            None => out.push_str("{}"),
        }
        let _ = write!(
            out,
            ",\"process\":{},\"thread\":{},\"values\":",
            self.process, self.thread
        );
        self.values.write_json(&mut out);
        out.push_str(",\"errors\":[");
        for (index, error) in self.errors.iter().enumerate() {
            out.push_str(if index == 0 {
                "{\"field\":"
            } else {
                ",{\"field\":"
            });
            write_optional(&mut out, error.field.as_deref());
            out.push_str(",\"kind\":");
            write_json_string(&mut out, &error.kind);
            out.push_str(",\"message\":");
            write_json_string(&mut out, &error.message);
            for (name, number) in [(",\"line\":", error.line), (",\"column\":", error.column)] {
                out.push_str(name);
                match number {
                    Some(number) => _ = write!(out, "{number}"),
                    None => out.push_str("null"),
                }
            }
            out.push('}');
        }
        out.push_str("]}");
        out
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let request = |event: &Self| {
            event
                .request
                .as_ref()
                .map(|request| (request.id.clone(), request.shown().clone()))
        };
        self.id() == other.id()
            && self.timestamp.to_bits() == other.timestamp.to_bits()
            && self.origin == other.origin
            && self.process == other.process
            && self.thread == other.thread
            && self.values == other.values
            && self.errors == other.errors
            && request(self) == request(other)
    }
}

fn write_optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => write_json_string(out, text),
        None => out.push_str("null"),
    }
}

/// The number that `threading.get_ident()` gives.
#[allow(clippy::useless_conversion, reason = "it has 32 bits on some systems")]
fn thread_number() -> u64 {
    // SAFETY: takes nothing and only asks the system.
    u64::from(unsafe { ffi::PyThread_get_thread_ident() })
}

//! What is sent: one capture of one probe, and its Python face.

mod captured;
mod class;
mod context;
mod draft;
mod encode;
mod ids;
mod json;
mod origin;

use std::borrow::Cow;
use std::sync::Arc;

use hogtrace_core::vm::Fault;
use pyo3::ffi;

pub(crate) use captured::{Captured, Source};
pub(crate) use class::{CaptureEvent, error_dicts};
pub(crate) use context::{Context, NOTHING, Runner, Span};
pub(crate) use encode::{COLUMNS, encode_lines, encode_rows};
pub(crate) use ids::{generation, now, process_number, register_fork_hook};
pub(crate) use origin::{Moment, Origin, Resource, ResourceClass};

use crate::losses::Losses;
use crate::request_info::RequestInfo;
use crate::snapshot::Packed;

/// The version of the JSON form of events.
const SCHEMA: u32 = 1;
/// What an event takes in memory besides its values: itself, its place in the queue, the allocator's share.
const OVERHEAD: usize = 256;

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
    runner: Arc<Runner>,
    context: Context,
    values: Packed,
    errors: Box<[Failure]>,
}

impl Event {
    /// About how many bytes of memory it takes.
    pub(crate) fn size(&self) -> usize {
        OVERHEAD
            + self.values.size()
            + captured::size_of_errors(&self.errors)
            + self.runner.size()
            + self.context.size()
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

    fn request_id(&self) -> Option<&str> {
        self.request
            .as_ref()
            .and_then(|request| request.id.as_deref())
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let nothing = Packed::empty();
        let request = |event: &Self| {
            let request = event.request.as_ref();
            request.map_or_else(|| nothing.clone(), |request| request.shown().clone())
        };
        self.id() == other.id()
            && self.timestamp.to_bits() == other.timestamp.to_bits()
            && self.origin == other.origin
            && self.runner == other.runner
            && self.context == other.context
            && self.values == other.values
            && self.errors == other.errors
            && self.request_id() == other.request_id()
            && request(self) == request(other)
    }
}

/// The number that `threading.get_ident()` gives.
#[allow(clippy::useless_conversion, reason = "it has 32 bits on some systems")]
pub(crate) fn thread_number() -> u64 {
    // SAFETY: takes nothing and only asks the system.
    u64::from(unsafe { ffi::PyThread_get_thread_ident() })
}

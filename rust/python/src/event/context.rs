//! What runs where an event happens: the process and the thread, the task, the span of a trace.

use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

/// The process and the thread: the same for all events of one thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    /// The number of the process.
    pub(crate) process: u32,
    /// The number of the thread.
    pub(crate) thread: u64,
    /// The name of the thread, if it has one.
    pub(crate) thread_name: Option<Box<str>>,
}

impl Runner {
    /// About how many bytes an event's part in it takes.
    pub(super) fn size(&self) -> usize {
        self.thread_name.as_deref().map_or(0, str::len)
    }
}

/// What else is going on there, as far as anything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// The name of asyncio's task.
    pub(crate) task: Option<Arc<str>>,
    /// OpenTelemetry's current span.
    pub(crate) span: Option<Span>,
}

/// A span of a trace: what is known of the ids of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The trace's.
    pub(crate) trace_id: Option<NonZeroU128>,
    /// Its own.
    pub(crate) span_id: Option<NonZeroU64>,
}

/// Where nothing is going on.
pub(crate) static NOTHING: Context = Context {
    task: None,
    span: None,
};

impl Context {
    /// Whether nothing is going on.
    pub(crate) const fn is_empty(&self) -> bool {
        self.task.is_none() && self.span.is_none()
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        size_of::<Self>() + self.task.as_deref().map_or(0, str::len)
    }

    /// The trace's id as text: 32 hexadecimal digits.
    pub(super) fn trace_text(&self) -> Option<String> {
        self.span?.trace_id.map(|id| format!("{id:032x}"))
    }

    /// The span's id as text: 16 hexadecimal digits.
    pub(super) fn span_text(&self) -> Option<String> {
        self.span?.span_id.map(|id| format!("{id:016x}"))
    }
}

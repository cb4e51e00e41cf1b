//! What the thread of the application notes of one capture. The event is made of it when it is taken for an exporter.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Context, Event, Failure, Id, OVERHEAD, Origin, Runner, ids};
use crate::request_info::RequestInfo;
use crate::snapshot::{Names, Packed, size_of_names};

/// What is the same for all events of one capture in one function.
#[derive(Debug)]
pub(crate) struct Source {
    origin: Arc<Origin>,
    /// The names of the fields.
    names: Arc<Names>,
    /// About how many bytes of memory an event without values takes.
    size: usize,
}

impl Source {
    /// A capture of fields of those names.
    pub(crate) fn new(origin: Arc<Origin>, names: Arc<Names>) -> Self {
        Self {
            origin,
            size: OVERHEAD + size_of_names(&names),
            names,
        }
    }
}

/// One capture: what is its own, and references to what it shares with others.
pub(crate) struct Captured<'a> {
    pub(crate) source: &'a Arc<Source>,
    pub(crate) request: Option<&'a Arc<RequestInfo>>,
    pub(crate) time: SystemTime,
    pub(crate) runner: &'a Arc<Runner>,
    pub(crate) context: &'a Context,
    /// The values of the fields, packed.
    pub(crate) values: &'a [u8],
    pub(crate) errors: Vec<Failure>,
}

impl<'a> Captured<'a> {
    /// A capture that happens now, there.
    #[inline]
    pub(crate) fn now(
        source: &'a Arc<Source>,
        request: Option<&'a Arc<RequestInfo>>,
        runner: &'a Arc<Runner>,
        context: &'a Context,
        values: &'a [u8],
        errors: Vec<Failure>,
    ) -> Self {
        Self {
            source,
            request,
            time: SystemTime::now(),
            runner,
            context,
            values,
            errors,
        }
    }

    /// About how many bytes of memory its event takes.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.source.size
            + self.values.len()
            + size_of_errors(&self.errors)
            + self.runner.size()
            + self.context.size()
    }

    /// The event of it, which gets its id here: events have ids in the order in which they are taken.
    pub(crate) fn into_event(self) -> Event {
        let timestamp = seconds(self.time);
        Event {
            id: Id::Made(ids::new_id(timestamp)),
            timestamp,
            origin: Arc::clone(&self.source.origin),
            request: self.request.map(Arc::clone),
            runner: Arc::clone(self.runner),
            context: self.context.clone(),
            values: Packed::of_fields(Arc::clone(&self.source.names), self.values),
            errors: self.errors.into_boxed_slice(),
        }
    }
}

/// About how many bytes the errors of an event take.
#[inline]
pub(super) fn size_of_errors(errors: &[Failure]) -> usize {
    errors
        .iter()
        .map(|error| size_of::<Failure>() + error.message.len())
        .sum()
}

/// Unix time in seconds.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

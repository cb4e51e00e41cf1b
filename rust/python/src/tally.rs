//! How many events of one request each queue has taken, and the record that each gets when the request ends.

use std::sync::Arc;
use std::time::Duration;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::event;
use crate::queue::EventQueue;
use crate::request_info::RequestInfo;
use crate::snapshot::pack_record;

/// What one queue has taken.
struct Taken {
    queue: Py<EventQueue>,
    captured: i64,
    /// Errors in those events.
    errors: i64,
}

/// What all queues have taken of one request, in this process.
#[derive(Default)]
pub(crate) struct Tally {
    taken: Vec<Taken>,
    /// The process generation in which it was counted: what the parent of a fork has counted is the parent's to tell.
    counted_in: u64,
}

impl Tally {
    /// Counts an event with so many errors. Asks for memory at the first one of each queue alone.
    #[inline]
    pub(crate) fn add(&mut self, py: Python<'_>, queue: &Py<EventQueue>, errors: usize) {
        let generation = event::generation();
        if self.counted_in != generation {
            self.begin_anew(generation);
        }
        let errors = i64::try_from(errors).unwrap_or(i64::MAX);
        if let Some(taken) = self.taken.iter_mut().find(|taken| taken.queue.is(queue)) {
            taken.captured += 1;
            taken.errors += errors;
        } else if self.taken.try_reserve(1).is_ok() {
            self.taken.push(Taken {
                queue: queue.clone_ref(py),
                captured: 1,
                errors,
            });
        }
    }

    #[cold]
    fn begin_anew(&mut self, generation: u64) {
        self.counted_in = generation;
        for taken in &mut self.taken {
            (taken.captured, taken.errors) = (0, 0);
        }
    }

    /// Takes back an event that was counted.
    pub(crate) fn take_back(&mut self, queue: &Py<EventQueue>, errors: usize) {
        if let Some(taken) = self.taken.iter_mut().find(|taken| taken.queue.is(queue)) {
            taken.captured -= 1;
            taken.errors -= i64::try_from(errors).unwrap_or(i64::MAX);
        }
    }

    /// Whether nothing was counted at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Gives each queue that has taken an event in this process the record of the request, which took `duration`.
    pub(crate) fn send(
        self,
        py: Python<'_>,
        request: &Arc<RequestInfo>,
        status: Option<i64>,
        duration: Duration,
    ) {
        if self.counted_in != event::generation() {
            return;
        }
        for taken in self.taken.iter().filter(|taken| taken.captured > 0) {
            let packed = pack_record(
                request.shown(),
                status,
                duration.as_secs_f64(),
                taken.captured,
                taken.errors,
            );
            if let Some(values) = packed {
                taken.queue.get().record(py, request, &values);
            }
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for taken in &self.taken {
            visit.call(&taken.queue)?;
        }
        Ok(())
    }
}

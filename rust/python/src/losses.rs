//! What became of those events of one probe that were given up, by cause.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::event::CaptureEvent;

/// How many events of a probe were given up, by cause.
///
/// The lock is taken only by threads that hold the GIL and given back before any of them can lose it.
#[derive(Debug, Default)]
pub(crate) struct Losses(Mutex<Vec<(Cow<'static, str>, u64)>>);

impl Losses {
    pub(crate) fn add(&self, cause: Cow<'static, str>) {
        let mut losses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = losses.iter_mut().find(|(known, _)| *known == cause) {
            *count += 1;
        } else if losses.try_reserve(1).is_ok() {
            losses.push((cause, 1));
        }
    }

    pub(crate) fn counts(&self) -> Vec<(Cow<'static, str>, u64)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The account of a probe, if it is one that is installed here. Two events from one place are the same, whatever became
/// of the others from there, so all of these are equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(pub(crate) Option<Arc<Losses>>);

impl PartialEq for Account {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Account {}

/// Counts events that were given up for `cause` in the status of their probes.
#[pyfunction]
pub(crate) fn count_lost(events: Vec<PyRef<'_, CaptureEvent>>, cause: &str) {
    for event in events {
        if let Some(losses) = event.event().losses() {
            losses.add(Cow::Owned(cause.to_owned()));
        }
    }
}

//! What goes on where an event happens: the thread and its name, asyncio's task, OpenTelemetry's span.
//!
//! All of it is read from where the libraries keep it, in modules that are in the process already, and by C code alone:
//! nothing is imported, and no code of the application runs.

mod asyncio;
mod modules;
mod spans;
mod threads;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;

pub(crate) use modules::know_modules;

use crate::access::{short_ascii, text_of};
use crate::event::{Context, Runner, generation, process_number, thread_number};
use crate::redact::Redaction;

/// Characters of a name that are kept.
const LONGEST_NAME: usize = 200;

/// What a thread knows of itself, and the process generation in which it learnt that.
struct Known {
    generation: u64,
    runner: Arc<Runner>,
    /// The task that was met last.
    task: Option<TaskName>,
}

/// A task's name: as it is, and as events show it.
struct TaskName {
    raw: Box<str>,
    shown: Arc<str>,
}

thread_local! {
    static KNOWN: Cell<Option<Box<Known>>> = const { Cell::new(None) };
}

/// Hands over who runs on this thread, and what else goes on there.
#[inline]
pub(crate) fn here<T>(py: Python<'_>, part: impl FnOnce(&Arc<Runner>, &Context) -> T) -> T {
    let generation = generation();
    // It is out of its place meanwhile, so that nothing is borrowed if `part` comes back here.
    let mut known = KNOWN
        .try_with(Cell::take)
        .ok()
        .flatten()
        .filter(|known| known.generation == generation)
        .unwrap_or_else(|| Box::new(learn(py, generation)));
    modules::look(py);
    let context = Context {
        task: asyncio::task_name(py).map(|name| task(&name, &mut known.task)),
        span: spans::current(py),
    };
    let outcome = part(&known.runner, &context);
    // A thread that is about to end has no place for it any more.
    let _ = KNOWN.try_with(|place| place.set(Some(known)));
    outcome
}

/// What a thread has to learn of itself once, and again when it has come out of a fork.
#[cold]
fn learn(py: Python<'_>, generation: u64) -> Known {
    let thread = thread_number();
    let name = threads::name(py, thread);
    Known {
        generation,
        runner: Arc::new(Runner {
            process: process_number(),
            thread,
            thread_name: name.map(|name| shown(&name).into()),
        }),
        task: None,
    }
}

/// The name of a task as events show it: mostly that of the task that was met last.
#[inline]
fn task(name: &Bound<'_, PyString>, last: &mut Option<TaskName>) -> Arc<str> {
    let raw = match short_ascii(name, LONGEST_NAME) {
        Some(raw) => Cow::Borrowed(raw),
        None => Cow::Owned(text_of(name)),
    };
    match last {
        Some(last) if *last.raw == *raw => Arc::clone(&last.shown),
        _ => {
            let shown: Arc<str> = shown(&raw).into();
            *last = Some(TaskName {
                raw: raw.into(),
                shown: Arc::clone(&shown),
            });
            shown
        }
    }
}

/// A name without what is secret by its form, and not longer than need be.
#[cold]
fn shown(name: &str) -> String {
    let clean = Redaction::standard().scrub(name);
    match clean.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}

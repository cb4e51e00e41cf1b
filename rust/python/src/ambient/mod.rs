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
    /// What went on at the last look.
    context: Context,
    /// The name of the task in it, as asyncio has it: a string that does not change.
    task: Option<Py<PyString>>,
    /// Where asyncio's task was found.
    running: asyncio::Met,
    /// Where OpenTelemetry's span in it was found.
    span: spans::Met,
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
    known.look_for_task(py);
    known.context.span = spans::current(py, &mut known.span);
    let outcome = part(&known.runner, &known.context);
    // A thread that is about to end has no place for it any more.
    let _ = KNOWN.try_with(|place| place.set(Some(known)));
    outcome
}

impl Known {
    /// Finds out in which task this is: mostly it is the one that was met last, whose name is the same object.
    #[inline]
    fn look_for_task(&mut self, py: Python<'_>) {
        match asyncio::task_name(py, &mut self.running) {
            None if self.context.task.is_none() => {}
            Some(name) if self.task.as_ref().is_some_and(|known| known.is(&name)) => {}
            name => self.note_task(name),
        }
    }

    #[cold]
    fn note_task(&mut self, name: Option<Bound<'_, PyString>>) {
        self.context.task = name.as_ref().map(|name| {
            let raw = match short_ascii(name, LONGEST_NAME) {
                Some(raw) => Cow::Borrowed(raw),
                None => Cow::Owned(text_of(name)),
            };
            shown(&raw).into()
        });
        // What derives from `str` may be anything: it is looked at each time.
        self.task = name
            .and_then(|name| name.cast_into_exact().ok())
            .map(Bound::unbind);
    }
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
        context: Context::default(),
        task: None,
        running: asyncio::Met::default(),
        span: spans::Met::default(),
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

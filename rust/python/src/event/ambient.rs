//! What runs on the calling thread now, as events tell it.

use std::cell::Cell;
use std::sync::Arc;

use pyo3::prelude::*;

use super::context::{Context, Runner};
use super::{ids, thread_number};

/// What a thread knows of itself, and the process generation in which it learnt that.
struct Known {
    generation: u64,
    runner: Arc<Runner>,
}

thread_local! {
    static KNOWN: Cell<Option<Known>> = const { Cell::new(None) };
}

/// Hands over who runs on this thread, and what else is going on there.
///
/// Reads what is stored and runs no code of anybody.
#[inline]
pub(crate) fn at_this_place<T>(
    _py: Python<'_>,
    part: impl FnOnce(&Arc<Runner>, Context) -> T,
) -> T {
    let generation = ids::generation();
    // It is out of its place meanwhile, so that nothing is borrowed if `part` comes back here.
    let known = KNOWN
        .try_with(Cell::take)
        .ok()
        .flatten()
        .filter(|known| known.generation == generation)
        .unwrap_or_else(|| learn(generation));
    let outcome = part(&known.runner, Context::default());
    // A thread that is about to end has no place for it any more.
    let _ = KNOWN.try_with(|place| place.set(Some(known)));
    outcome
}

#[cold]
fn learn(generation: u64) -> Known {
    Known {
        generation,
        runner: Arc::new(Runner {
            process: ids::process_number(),
            thread: thread_number(),
            thread_name: None,
        }),
    }
}

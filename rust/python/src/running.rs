//! Whether this thread is running a probe, and what such a run leaves to be done when it is over.
//!
//! A run lets go of objects, whose finalisers are code of the application, and meets exceptions that are none of its own:
//! those of signal handlers, which CPython calls in the middle of C code, and, where a program's author allowed code of
//! the application to run, what is no `Exception`. Both wait here until the run is over.

use std::cell::{Cell, RefCell};
use std::panic;

use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyFunction, PyTraceback};

use crate::access::kind_of;

/// Signals are numbered from 1 to less than this, on every system that CPython knows.
const SIGNALS: u8 = 65;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    /// Running, and something waits for the end.
    Awaited,
}

/// What each hook asks about its thread; together, because each thread-local costs a call of its own.
struct Flags {
    state: Cell<State>,
    muted: Cell<bool>,
}

/// What waits for the end of a run.
#[derive(Default)]
struct Left {
    objects: Vec<Py<PyAny>>,
    exception: Option<PyErr>,
}

thread_local! {
    static FLAGS: Flags = const { Flags { state: Cell::new(State::Idle), muted: Cell::new(false) } };
    static LEFT: RefCell<Left> = const { RefCell::new(Left { objects: Vec::new(), exception: None }) };
    /// Where the last panic of this thread was.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn state() -> State {
    FLAGS.with(|flags| flags.state.get())
}

fn set_state(state: State) {
    FLAGS.with(|flags| flags.state.set(state));
}

/// Says that hooks do nothing on the calling thread, or that they work again.
pub(crate) fn mute(muted: bool) {
    FLAGS.with(|flags| flags.muted.set(muted));
}

/// Marks the thread as running a probe until it is ended or dropped: a probed function that is reached from there (a
/// finaliser that an allocation set off, a signal handler, a property in mode `python`) is left alone.
pub(crate) struct Running(());

impl Running {
    /// Gives nothing where the thread is running a probe already.
    pub(crate) fn begin() -> Option<Self> {
        FLAGS.with(|flags| {
            if flags.state.get() != State::Idle {
                return None;
            }
            flags.state.set(State::Running);
            Some(Self(()))
        })
    }

    /// The same for a hook, which does nothing on a muted thread either.
    pub(crate) fn begin_hook() -> Option<Self> {
        if FLAGS.with(|flags| flags.muted.get()) {
            return None;
        }
        Self::begin()
    }

    /// Ends the run and does what waited for that.
    ///
    /// # Errors
    /// With an exception that came up in the run and is the application's.
    pub(crate) fn end(self) -> PyResult<()> {
        let awaited = state() == State::Awaited;
        drop(self);
        if awaited { settle() } else { Ok(()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        set_state(State::Idle);
    }
}

/// Does what waited for the end of a run.
#[cold]
fn settle() -> PyResult<()> {
    let left = LEFT.with_borrow_mut(std::mem::take);
    // Any finaliser runs now, with nothing borrowed and the run over.
    drop(left.objects);
    left.exception.map_or(Ok(()), Err)
}

/// Lets go of an object: at once, or when the run of a probe on this thread is over.
pub(crate) fn release(object: Py<PyAny>) {
    if state() == State::Idle {
        return drop(object);
    }
    set_state(State::Awaited);
    LEFT.with_borrow_mut(|left| left.objects.push(object));
}

/// Whether an exception of the application waits for the end of the run.
pub(crate) fn is_interrupted() -> bool {
    state() == State::Awaited && LEFT.with_borrow(|left| left.exception.is_some())
}

/// Keeps an exception that C code of built-in types ended with, if it is none of that code's own: such code runs nothing in
/// Python but the handlers of signals, and an exception from Python has a traceback.
pub(crate) fn keep_foreign(py: Python<'_>, error: &PyErr) {
    if error.traceback(py).is_some() || !error.is_instance_of::<PyException>(py) {
        keep(py, error);
    }
}

/// Keeps an exception that code in Python ended with, if it is not that code's affair: what is no `Exception`
/// (`KeyboardInterrupt`, `SystemExit`, a cancellation), and what a signal handler raised.
pub(crate) fn keep_interruption(py: Python<'_>, error: &PyErr) {
    if !error.is_instance_of::<PyException>(py) || passed_a_signal_handler(py, error) {
        keep(py, error);
    }
}

fn keep(py: Python<'_>, error: &PyErr) {
    if state() == State::Idle {
        return;
    }
    set_state(State::Awaited);
    LEFT.with_borrow_mut(|left| {
        left.exception.get_or_insert_with(|| error.clone_ref(py));
    });
}

/// Whether a frame of a signal handler is among those that the exception left.
fn passed_a_signal_handler(py: Python<'_>, error: &PyErr) -> bool {
    let Some(traceback) = error.traceback(py) else {
        return false;
    };
    let handlers = handlers(py).unwrap_or_default();
    !handlers.is_empty()
        && codes(traceback).any(|code| handlers.iter().any(|known| known.is(&code)))
}

/// The code objects of the frames in a traceback.
fn codes(traceback: Bound<'_, PyTraceback>) -> impl Iterator<Item = Bound<'_, PyAny>> {
    let py = traceback.py();
    let mut next = Some(traceback.into_any());
    std::iter::from_fn(move || {
        let this = next.take()?;
        next = this
            .getattr(intern!(py, "tb_next"))
            .ok()
            .filter(|next| !next.is_none());
        this.getattr(intern!(py, "tb_frame"))
            .and_then(|frame| frame.getattr(intern!(py, "f_code")))
            .ok()
    })
}

/// The code objects of the functions and methods that handle signals now.
fn handlers(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let get = py
        .import(intern!(py, "_signal"))?
        .getattr(intern!(py, "getsignal"))?
        .cast_into::<PyCFunction>()?;
    Ok((1..SIGNALS)
        .filter_map(|number| get.call1((number,)).ok())
        .filter_map(|handler| code_of(&handler))
        .collect())
}

fn code_of<'py>(handler: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let kind = kind_of(handler);
    let function = if kind.is_native() && kind.c_name() == c"method" {
        &handler.getattr(intern!(handler.py(), "__func__")).ok()?
    } else {
        handler
    };
    let function = function.cast_exact::<PyFunction>().ok()?;
    // SAFETY: a function that lives; its code is borrowed and taken at once.
    unsafe {
        Bound::from_borrowed_ptr_or_opt(handler.py(), ffi::PyFunction_GetCode(function.as_ptr()))
    }
}

/// Runs a part of the engine so that a panic ends that part alone; gives where it was.
pub(crate) fn guarded<T>(part: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(panic::AssertUnwindSafe(part)).map_err(|_| place_of_panic())
}

#[cold]
fn place_of_panic() -> String {
    PANIC
        .take()
        .unwrap_or_else(|| "an unknown place".to_owned())
}

/// Runs a part of a hook that lets go of nothing and calls nothing, as a run of its own; gives what it gave, or where it
/// panicked. On a thread that is in a run already, or muted, the part is left out, and `false` given.
#[inline]
pub(crate) fn looking(part: impl FnOnce() -> bool) -> Result<bool, String> {
    FLAGS.with(|flags| {
        if flags.state.get() != State::Idle || flags.muted.get() {
            return Ok(false);
        }
        flags.state.set(State::Running);
        let outcome = guarded(part);
        flags.state.set(State::Idle);
        outcome
    })
}

/// Keeps panics in the run of a probe off the application's standard error: the probe's status tells them. The hook is
/// that of this module's own Rust code; other extension modules have their own.
pub(crate) fn silence_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if state() == State::Idle {
            return before(info);
        }
        let place = info.location().map(ToString::to_string);
        PANIC.set(place);
    }));
}

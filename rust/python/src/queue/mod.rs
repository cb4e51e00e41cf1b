//! The bounded hand-over from the threads of the application to the one that exports, and the accounts of it.

mod backlog;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::ambient;
use crate::event::{
    CaptureEvent, Captured, Event, Moment, Origin, Resource, ResourceClass, Source,
};
use crate::losses::Account;
use crate::request_info::RequestInfo;
use crate::running::{Running, keep_interruption, mute};
use crate::snapshot::RECORD;

use backlog::{Backlog, Chunk};

/// No wait is longer: what is beyond it is as good as for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Says that hooks do nothing on the calling thread (`True`), or that they work again (`False`).
///
/// The thread that exports mutes itself, so that probes on what exporters use cannot feed themselves.
#[pyfunction]
pub(crate) fn mute_thread(muted: bool) {
    mute(muted);
}

/// Events that wait for the exporter, bounded by count and bytes; what does not fit is dropped and counted.
///
/// At all times captured = exported + queued + the sum of dropped, where queued are the waiting events and those that
/// were taken and are not settled yet.
///
/// `on_first` is called, without arguments, when an event arrives while the queue is armed, which it is at first and
/// after `rearm()`; it has to be quick, and starts whoever exports. If it raises, the queue is armed again and the event
/// stays. `wake_at` is how many waiting events end a `wait()`. `resource` is whose events it takes: those of probes that
/// are linked to it say so. With `request_records` a request of which the queue takes an event ends with one more, its
/// record. Raises `ValueError` for bounds below 1.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct EventQueue {
    max_events: usize,
    max_bytes: usize,
    wake_at: usize,
    on_first: Py<PyAny>,
    resource: Arc<Resource>,
    /// What the records of requests say of where they come from, if any are wanted.
    records: Option<Arc<Source>>,
    /// Set when the waiting thread shall look again.
    signal: Arc<AtomicBool>,
    state: Mutex<State>,
    /// The chunk that events are taken from: who takes them needs the state for an instant only, however many there are.
    /// Always locked before the state.
    taking: Mutex<Option<Chunk>>,
}

/// The queue and its accounts.
///
/// Both locks are taken only by threads that hold the GIL and given back before any of them can lose it: nobody ever
/// waits for them, and they are free in the child of a fork. The thread that waits for events sleeps on its own token,
/// not on them.
#[derive(Default)]
struct State {
    backlog: Backlog,
    /// How many events wait: those of the backlog, and those in the chunk that is taken from.
    waiting: usize,
    /// About how many bytes those take.
    bytes: usize,
    captured: u64,
    exported: u64,
    in_flight: u64,
    dropped: Vec<(Cow<'static, str>, u64)>,
    disarmed: bool,
    waiter: Option<Thread>,
}

impl State {
    fn drop_events(&mut self, cause: Cow<'static, str>, count: u64) {
        match self.dropped.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, total)) => *total += count,
            None => self.dropped.push((cause, count)),
        }
    }
}

impl EventQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose events it takes.
    pub(crate) const fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// Queues a capture; gives false when it was dropped because the queue is full.
    #[inline]
    pub(crate) fn capture(&self, py: Python<'_>, captured: Captured<'_>) -> bool {
        let size = captured.size();
        self.push(py, size, |backlog| backlog.add(captured))
    }

    /// Whether it wants the records of requests.
    #[inline]
    pub(crate) const fn wants_records(&self) -> bool {
        self.records.is_some()
    }

    /// Queues the record of a request, with those values, if it wants any.
    pub(crate) fn record(&self, py: Python<'_>, request: &Arc<RequestInfo>, values: &[u8]) {
        if let Some(source) = &self.records {
            ambient::here(py, |runner, context| {
                let captured =
                    Captured::now(source, Some(request), runner, context, values, Vec::new());
                self.capture(py, captured)
            });
        }
    }

    /// Queues what `add` adds, which takes so many bytes.
    fn push(&self, py: Python<'_>, size: usize, add: impl FnOnce(&mut Backlog) -> bool) -> bool {
        let mut state = self.lock();
        state.captured += 1;
        if state.waiting >= self.max_events
            || state.bytes + size > self.max_bytes
            || !add(&mut state.backlog)
        {
            state.drop_events(Cow::Borrowed("queue_full"), 1);
            drop(state);
            return false;
        }
        state.bytes += size;
        state.waiting += 1;
        let first = !std::mem::replace(&mut state.disarmed, true);
        let waiter = if state.waiting >= self.wake_at {
            state.waiter.take()
        } else {
            None
        };
        drop(state);
        if let Some(waiter) = waiter {
            self.signal.store(true, Ordering::Release);
            waiter.unpark();
        }
        if first {
            self.start(py);
        }
        true
    }

    /// Calls who exports.
    #[cold]
    fn start(&self, py: Python<'_>) {
        if let Err(error) = self.on_first.bind(py).call0() {
            keep_interruption(py, &error);
            self.lock().disarmed = false;
        }
    }

    /// Takes up to `count` events, the oldest first.
    fn take_events(&self, count: usize) -> Vec<Arc<Event>> {
        let mut taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        let mut bytes = 0;
        let mut emptied = None;
        while taken.len() < count {
            if let Some((event, size)) = taking.as_mut().and_then(Chunk::take) {
                bytes += size;
                taken.push(event);
                continue;
            }
            if let Some(mut chunk) = taking.take() {
                chunk.clear();
                emptied = Some(chunk);
            }
            *taking = self.lock().backlog.oldest();
            if taking.is_none() {
                break;
            }
        }
        let mut state = self.lock();
        state.waiting -= taken.len();
        state.bytes -= bytes;
        state.in_flight += taken.len() as u64;
        let unneeded = emptied.and_then(|chunk| state.backlog.keep(chunk));
        drop(state);
        drop(unneeded);
        taken
    }
}

#[pymethods]
impl EventQueue {
    #[new]
    #[pyo3(signature = (
        max_events=10_000, max_bytes=16_777_216, *, wake_at=512, on_first, resource=None, request_records=false
    ))]
    fn new(
        max_events: usize,
        max_bytes: usize,
        wake_at: usize,
        on_first: Py<PyAny>,
        resource: Option<&Bound<'_, ResourceClass>>,
        request_records: bool,
    ) -> PyResult<Self> {
        for (name, value) in [
            ("max_events", max_events),
            ("max_bytes", max_bytes),
            ("wake_at", wake_at),
        ] {
            if value == 0 {
                return Err(PyValueError::new_err(format!("{name}: at least 1")));
            }
        }
        let signal = Arc::default();
        let resource =
            resource.map_or_else(Arc::default, |given| Arc::clone(&given.get().resource));
        // More than fits would never come together.
        let wake_at = wake_at.min(max_events);
        Ok(Self {
            max_events,
            max_bytes,
            wake_at,
            on_first,
            records: request_records.then(|| source_of_records(&resource)),
            resource,
            signal,
            state: Mutex::default(),
            taking: Mutex::default(),
        })
    }

    /// Queues an event without ever blocking; gives False when it was dropped because the queue is full.
    fn put(&self, py: Python<'_>, event: &CaptureEvent) -> PyResult<bool> {
        let running = Running::begin();
        let event = event.event();
        let queued = self.push(py, event.size(), |backlog| backlog.add_made(event));
        running.map_or(Ok(()), Running::end)?;
        Ok(queued)
    }

    /// Waits at most `timeout` seconds, without the GIL, until `wake_at` events wait or `wake()` is called; gives whether
    /// that came. One thread at a time may wait.
    fn wait(&self, py: Python<'_>, timeout: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(timeout.max(0.0))
            .unwrap_or(LONGEST_WAIT)
            .min(LONGEST_WAIT);
        let mut state = self.lock();
        if self.signal.swap(false, Ordering::Acquire) || state.waiting >= self.wake_at {
            return true;
        }
        state.waiter = Some(thread::current());
        drop(state);
        let deadline = Instant::now() + timeout;
        let signal = &self.signal;
        let woken = py.detach(|| {
            loop {
                if signal.swap(false, Ordering::Acquire) {
                    return true;
                }
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                thread::park_timeout(left);
            }
        });
        let mut state = self.lock();
        state.waiter = None;
        // What came between the end of the wait and the lock is seen here, and must not end the next wait.
        let woken = self.signal.swap(false, Ordering::Acquire) || woken;
        woken || state.waiting >= self.wake_at
    }

    /// Ends the current `wait()`, or the next one if nobody waits.
    fn wake(&self) {
        let waiter = self.lock().waiter.take();
        self.signal.store(true, Ordering::Release);
        if let Some(waiter) = waiter {
            waiter.unpark();
        }
    }

    /// Arms the queue: the next event calls `on_first`.
    fn rearm(&self) {
        self.lock().disarmed = false;
    }

    /// Takes up to `count` events, the oldest first. Each has to be settled.
    fn take<'py>(&self, py: Python<'py>, count: usize) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for event in self.take_events(count) {
            list.append(CaptureEvent::new(event))?;
        }
        Ok(list)
    }

    /// Says what became of taken events: so many were exported, so many dropped for `cause`. Raises `ValueError` when more
    /// are settled than were taken.
    #[pyo3(signature = (*, exported=0, dropped=0, cause="exporter_failed"))]
    fn settle(&self, exported: u64, dropped: u64, cause: &str) -> PyResult<()> {
        let mut state = self.lock();
        let Some(left) = exported
            .checked_add(dropped)
            .and_then(|settled| state.in_flight.checked_sub(settled))
        else {
            let message = format!(
                "{exported} + {dropped} settled of {} taken events",
                state.in_flight
            );
            drop(state);
            return Err(PyValueError::new_err(message));
        };
        state.in_flight = left;
        state.exported += exported;
        if dropped > 0 {
            state.drop_events(Cow::Owned(cause.to_owned()), dropped);
        }
        Ok(())
    }

    /// Makes the queue as new: for the child of a fork, whose parent exports what was queued.
    fn reset_after_fork(&self) {
        // The waiting thread was one of the parent's; it is forgotten with all the rest.
        let taking = self
            .taking
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let old = (taking, std::mem::take(&mut *self.lock()));
        self.signal.store(false, Ordering::Release);
        drop(old);
    }

    /// How many events ever arrived.
    #[getter]
    fn captured(&self) -> u64 {
        self.lock().captured
    }

    /// How many were exported.
    #[getter]
    fn exported(&self) -> u64 {
        self.lock().exported
    }

    /// How many wait or are taken and not settled.
    #[getter]
    fn queued(&self) -> u64 {
        let state = self.lock();
        state.waiting as u64 + state.in_flight
    }

    /// How many wait.
    #[getter]
    fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// About how many bytes of memory the waiting ones take.
    #[getter]
    fn waiting_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// How many were dropped, by cause: a new dict.
    #[getter]
    fn dropped<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dropped = self.lock().dropped.clone();
        let dict = PyDict::new(py);
        for (cause, count) in dropped {
            dict.set_item(cause, count)?;
        }
        Ok(dict)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_first)
    }
}

/// What is the same for all records of requests that go into one queue.
fn source_of_records(resource: &Arc<Resource>) -> Arc<Source> {
    let origin = Origin {
        program: "hogtrace".into(),
        probe: "request".into(),
        target: "request".into(),
        function: "request".into(),
        moment: Moment::RequestEnd,
        resource: Arc::clone(resource),
        account: Account::default(),
    };
    let names = RECORD.iter().map(|name| (*name).into()).collect();
    Arc::new(Source::new(Arc::new(origin), names))
}

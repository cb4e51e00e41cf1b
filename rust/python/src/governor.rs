//! The overhead budget: what the hits of a probe take of each thread's time, and the end of a probe that takes too much.
//!
//! Not every hit is timed. A [`Meter`] times each hit while they are few, and one in up to 64, at random distances, when
//! they are many; what a timed hit took stands for those before it that were not timed. The bodies that run after a
//! predicate has passed have a schedule of their own, because they are rarer and dearer than the look before. A hit that
//! is not timed pays one comparison.
//!
//! The clock is that of the wall: time in which the thread waits for the system or for the interpreter's lock counts. As
//! that is chance, a long run is multiplied only up to [`OUTLIER`], and the dearest run of a window is left out of the
//! judgement, unless the windows before were over the budget as well.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use crate::running::keep_interruption;

/// The length of a window, in nanoseconds. All windows of all threads begin at the same moments.
const WINDOW: u64 = 1_000_000_000;
/// The mean distance of timed hits is at most two to the power of this.
const SPARSEST: u64 = 6;
/// Timed hits come less often when they come more often than this, in nanoseconds.
const TOO_OFTEN: u64 = 250_000;
/// Timed hits come more often when they come less often than this.
const TOO_SELDOM: u64 = 1_000_000;
/// After so long each hit is timed again.
const QUIET: u64 = 16_000_000;
/// What one run took beyond this, in nanoseconds, does not stand for other runs.
const OUTLIER: u64 = 50_000;
/// So many windows in a row over the budget before the dearest run of a window counts, too.
const PATIENCE: u32 = 2;
/// A probe that has not been charged for so long, in nanoseconds, is not what takes the time now.
const LATELY: u64 = 20_000_000;
/// Above so many probes a thread looks for windows that are long over before it begins another one.
const MANY: usize = 64;

/// Nanoseconds since the process first asked.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// About how long it takes to look at the clock.
fn clock_cost() -> u64 {
    static COST: OnceLock<u64> = OnceLock::new();
    *COST.get_or_init(|| {
        let mut least = u64::MAX;
        for _ in 0..64 {
            let before = now();
            least = least.min(now() - before);
        }
        least
    })
}

/// A number that only threads holding the GIL change, so that it needs no locked instruction.
#[derive(Default)]
struct Number(AtomicU64);

impl Number {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Which of the hits, or of the bodies, are timed.
#[derive(Default)]
struct Schedule {
    /// The one that is timed next, counted from 1.
    next: Number,
    /// The last one that was timed, and when.
    last: Number,
    timed_at: Number,
    /// The mean distance, as a power of two.
    sparsity: Number,
}

impl Schedule {
    /// Begins to time number `count`; gives how many it stands for.
    fn begin(&self, count: u64) -> u64 {
        let stands_for = count.saturating_sub(self.last.get()).max(1);
        self.last.set(count);
        stands_for
    }

    /// Chooses the next one.
    fn plan(&self, now: u64) {
        let apart = now.saturating_sub(self.timed_at.get());
        self.timed_at.set(now);
        let sparsity = match apart {
            QUIET.. => 0,
            TOO_SELDOM.. => self.sparsity.get().saturating_sub(1),
            TOO_OFTEN.. => self.sparsity.get(),
            _ => (self.sparsity.get() + 1).min(SPARSEST),
        };
        self.sparsity.set(sparsity);
        // Any pattern in the calls of the application must not meet a pattern here.
        let random = now.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let distance = (random & ((2 << sparsity) - 1)).max(1);
        self.next.set(self.last.get() + distance);
    }
}

/// What is measured of one run.
#[derive(Default)]
pub(crate) struct Stopwatch {
    /// When the run, and when its body, began to be timed, and for how many each stands; 0 is not at all.
    look: (u64, u64),
    body: (u64, u64),
    /// When the predicate had passed, if it was looked at the clock then.
    passed: u64,
    /// Whether a look at the predicate settled the hit.
    is_look_alone: bool,
}

impl Stopwatch {
    /// Of a hit that a look at the predicate settled.
    pub(crate) fn without_run(mut self) -> Self {
        self.is_look_alone = true;
        self
    }
}

/// What became of one thread's time in one window.
#[derive(Default)]
struct Window {
    epoch: u64,
    /// The nanoseconds that runs took, as far as is known, and those of the dearest single one.
    spent: u64,
    dearest: u64,
    /// How many windows in a row, up to the one before this, were over the budget.
    streak: u32,
    over: bool,
    charged_at: u64,
}

impl Window {
    /// Adds what a run took that lasted from `began` to `now`.
    fn add(&mut self, cost: u64, budget: u64, began: u64, now: u64) {
        let epoch = now / WINDOW;
        if epoch != self.epoch {
            let follows = began / WINDOW <= self.epoch + 1;
            self.streak = if self.over && follows {
                self.streak + 1
            } else {
                0
            };
            (self.spent, self.dearest) = (0, 0);
            self.epoch = epoch;
        }
        self.spent += cost;
        self.dearest = self.dearest.max(cost);
        self.over = self.spent > budget;
        self.charged_at = now;
    }

    /// What is held against the budget.
    fn judged(&self) -> u64 {
        if self.streak >= PATIENCE {
            self.spent
        } else {
            self.spent - self.dearest
        }
    }
}

/// What became of one thread's time in one window, for all probes of a governor together.
#[derive(Default)]
struct Together {
    window: Window,
    /// What those took of the window that have been tripped in it.
    gone: u64,
    /// The probe that has to go, and when it was chosen.
    doomed: Option<(u64, u64)>,
}

impl Together {
    fn add(&mut self, cost: u64, budget: u64, began: u64, now: u64) {
        if self.window.epoch != now / WINDOW {
            self.gone = 0;
        }
        self.window.add(cost, budget, began, now);
    }

    /// Whether one has to go: those that are in are over the budget, or all are far over it.
    fn is_over(&self, budget: u64) -> bool {
        let judged = self.window.judged();
        judged > budget || judged.saturating_add(self.gone) > budget.saturating_mul(2)
    }

    /// A probe goes.
    fn lose(&mut self, cost: u64) {
        self.gone += cost;
        self.window.spent = self.window.spent.saturating_sub(cost);
        self.window.dearest = self.window.dearest.min(self.window.spent);
    }
}

/// The time of one thread.
#[derive(Default)]
struct Spending {
    /// The windows of the probes, by their numbers, with the numbers of their governors.
    probes: FxHashMap<u64, (u64, Window)>,
    /// Those of all probes of a governor together, by its number.
    governors: FxHashMap<u64, Together>,
}

thread_local! {
    static SPENDING: RefCell<Spending> = RefCell::default();
}

/// Why a probe was tripped.
struct Trip {
    /// What it took in the window.
    own: u64,
    /// What all probes took, if that is why.
    together: Option<u64>,
}

impl Spending {
    /// Charges a run to a probe; gives why that one has to go, if it has to.
    fn charge(
        &mut self,
        governor: &Governor,
        probe: u64,
        (cost, began, now): (u64, u64, u64),
    ) -> Option<Trip> {
        self.make_room(now / WINDOW)?;
        let (_, own) = self
            .probes
            .entry(probe)
            .or_insert_with(|| (governor.number, Window::default()));
        own.add(cost, governor.budget, began, now);
        let (own_spent, own_over) = (own.spent, own.judged() > governor.budget);
        let all = self.governors.entry(governor.number).or_default();
        all.add(cost, governor.total, began, now);
        let together = all.window.spent + all.gone;
        if !own_over {
            if !all.is_over(governor.total) {
                return None;
            }
            if all
                .doomed
                .is_none_or(|(_, chosen_at)| now.saturating_sub(chosen_at) > LATELY)
            {
                let lately = self.probes.iter().filter(|(_, (owner, window))| {
                    *owner == governor.number
                        && window.epoch == all.window.epoch
                        && now.saturating_sub(window.charged_at) <= LATELY
                });
                let dearest = lately.max_by_key(|(_, (_, window))| window.spent);
                all.doomed = dearest.map(|(&number, _)| (number, now));
            }
            if all.doomed.is_none_or(|(number, _)| number != probe) {
                // It goes at its own next timed run.
                return None;
            }
            all.doomed = None;
        }
        all.lose(own_spent);
        self.probes.remove(&probe);
        Some(Trip {
            own: own_spent,
            together: (!own_over).then_some(together),
        })
    }

    /// Sees to it that there is room for one more; gives nothing if there is none to be had.
    fn make_room(&mut self, epoch: u64) -> Option<()> {
        if self.probes.len() >= MANY && self.probes.len() == self.probes.capacity() {
            self.probes
                .retain(|_, (_, window)| window.epoch + 60 > epoch);
            self.governors
                .retain(|_, all| all.window.epoch + 60 > epoch);
        }
        self.probes.try_reserve(1).ok()?;
        self.governors.try_reserve(1).ok()
    }
}

/// What one probe costs.
pub(crate) struct Meter {
    governor: Option<Py<Governor>>,
    hits: Schedule,
    bodies: Schedule,
    /// The hits since the last timed one that did not lead to a run.
    left_out: Number,
    /// All that it took, in nanoseconds.
    spent: Number,
    /// The most that it took of one thread in the latest window in which it was timed, and in the one before.
    epoch: Number,
    most: Number,
    most_before: Number,
    /// What it had taken when it was tripped, and what all had, or 0.
    tripped_own: Number,
    tripped_together: Number,
}

impl Meter {
    /// Without a governor nothing is ever timed.
    pub(crate) fn new(governor: Option<Py<Governor>>) -> Self {
        let meter = Self {
            governor,
            hits: Schedule::default(),
            bodies: Schedule::default(),
            left_out: Number::default(),
            spent: Number::default(),
            epoch: Number::default(),
            most: Number::default(),
            most_before: Number::default(),
            tripped_own: Number::default(),
            tripped_together: Number::default(),
        };
        if meter.governor.is_none() {
            meter.hits.next.set(u64::MAX);
            meter.bodies.next.set(u64::MAX);
        }
        meter
    }

    /// Whether hit number `hit` is timed.
    #[inline]
    pub(crate) fn is_due(&self, hit: u64) -> bool {
        hit >= self.hits.next.get()
    }

    /// Begins hit number `hit`.
    #[inline]
    pub(crate) fn begin(&self, hit: u64) -> Stopwatch {
        let mut watch = Stopwatch::default();
        if self.is_due(hit) {
            watch.look = (now(), self.hits.begin(hit));
        }
        watch
    }

    /// A hit was counted that does not lead to a run: it costs the hook alone, and no run stands for it.
    pub(crate) fn leave_out(&self) {
        let next = &self.hits.next;
        next.set(next.get().saturating_add(1));
        self.hits.last.set(self.hits.last.get() + 1);
        self.left_out.set(self.left_out.get() + 1);
    }

    /// The predicate has passed, for the time number `pass`, and the body begins.
    #[inline]
    pub(crate) fn begin_body(&self, watch: &mut Stopwatch, pass: u64) {
        let is_due = pass >= self.bodies.next.get();
        if is_due || watch.look.1 > 0 {
            watch.passed = now();
            if is_due {
                watch.body = (watch.passed, self.bodies.begin(pass));
            }
        }
    }

    /// Ends a run of the probe of that number; gives whether the probe has to go.
    #[inline]
    pub(crate) fn end(&self, watch: &Stopwatch, number: impl FnOnce() -> u64) -> bool {
        (watch.look.1 > 0 || watch.body.1 > 0) && self.settle(watch, number())
    }

    #[inline(never)]
    fn settle(&self, watch: &Stopwatch, number: u64) -> bool {
        let Some(governor) = self.governor.as_ref().map(Py::get) else {
            return false;
        };
        let clock = clock_cost();
        let now = now();
        // Each look at the clock is paid once; what was measured holds one of them.
        let mut cost = clock * 2;
        let mut began = now;
        let (started, stands_for) = watch.look;
        if stands_for > 0 {
            let ended = if watch.passed > 0 { watch.passed } else { now };
            let took = ended.saturating_sub(started).saturating_sub(clock);
            let hook = if watch.is_look_alone {
                governor.look
            } else {
                governor.hook
            };
            cost += weighted(took + hook, stands_for);
            cost += governor.hook * self.left_out.get();
            self.left_out.set(0);
            began = started;
            self.hits.plan(now);
        }
        let (started, stands_for) = watch.body;
        if stands_for > 0 {
            let took = now.saturating_sub(started).saturating_sub(clock);
            cost += weighted(took, stands_for);
            began = began.min(started);
            self.bodies.plan(now);
        }
        self.spent.set(self.spent.get() + cost);
        let trip = SPENDING.try_with(|spending| {
            let mut spending = spending.try_borrow_mut().ok()?;
            let trip = spending.charge(governor, number, (cost, began, now));
            let window = spending.probes.get(&number).map(|(_, window)| window.spent);
            let spent = window.or(trip.as_ref().map(|trip| trip.own));
            self.publish(now / WINDOW, spent.unwrap_or_default());
            trip
        });
        let Ok(Some(trip)) = trip else {
            return false;
        };
        self.tripped_own.set(trip.own);
        self.tripped_together.set(trip.together.unwrap_or_default());
        true
    }

    /// Notes what the probe has taken of this thread in a window.
    fn publish(&self, epoch: u64, spent: u64) {
        self.advance(epoch);
        self.most.set(self.most.get().max(spent));
    }

    fn advance(&self, epoch: u64) {
        let known = self.epoch.get();
        if epoch > known {
            self.most_before.set(if epoch == known + 1 {
                self.most.get()
            } else {
                0
            });
            self.most.set(0);
            self.epoch.set(epoch);
        }
    }

    /// All that its hits took, in seconds; nothing if that is not measured.
    pub(crate) fn spent(&self) -> Option<f64> {
        self.governor.as_ref()?;
        Some(seconds(self.spent.get()))
    }

    /// The share that it took of a thread's time, of that where it took most, in this window or the one before.
    pub(crate) fn overhead(&self) -> Option<f64> {
        self.governor.as_ref()?;
        self.advance(now() / WINDOW);
        Some(seconds(self.most.get().max(self.most_before.get())) / seconds(WINDOW))
    }

    /// What it, and what all probes, took of a window when it was tripped, in seconds; nothing in place of the latter if
    /// its own budget was the reason.
    pub(crate) fn trip(&self) -> (f64, Option<f64>) {
        let together = self.tripped_together.get();
        (
            seconds(self.tripped_own.get()),
            (together > 0).then(|| seconds(together)),
        )
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.governor
            .as_ref()
            .map_or(Ok(()), |governor| visit.call(governor))
    }

    /// Tells the tracer that the probe was tripped.
    pub(crate) fn call_for_help(&self, py: Python<'_>) {
        if let Some(governor) = &self.governor {
            governor.get().call(py);
        }
    }
}

/// What a run that took so long, and those that it stands for, took together.
fn weighted(took: u64, stands_for: u64) -> u64 {
    let usual = took.min(OUTLIER);
    usual * stands_for + (took - usual)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of more than a hundred days"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// The nanoseconds of a window that a share of it is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share, which was checked"
)]
fn budget(share: f64) -> PyResult<u64> {
    if share > 0.0 && share <= 1.0 {
        Ok((share * WINDOW as f64) as u64)
    } else {
        Err(PyValueError::new_err(
            "a share of time is above 0 and at most 1",
        ))
    }
}

/// The budgets of a tracer's probes.
///
/// `max_overhead` is the share of each thread's time that one probe may take, `max_total_overhead` that of all probes of
/// this governor; None is any share. `hook_cost` is what a hook takes besides the runs of its probes, in seconds, and
/// `look_cost` what it takes where looks at the predicates settle a hit.
///
/// A probe that is over is tripped: its hits are not looked at any more, and `start` is called, without arguments, if
/// nobody looks after tripped probes, else `wake`. Whoever `start` has started ends only after `rest()` has given True.
/// Both are called in the middle of the application, and must be quick C code.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct Governor {
    number: u64,
    budget: u64,
    total: u64,
    hook: u64,
    look: u64,
    start: Py<PyAny>,
    wake: Py<PyAny>,
    /// Whether nobody looks after tripped probes.
    armed: AtomicBool,
    /// Whether one was tripped since somebody looked.
    called: AtomicBool,
}

impl Governor {
    fn call(&self, py: Python<'_>) {
        self.called.store(true, Ordering::Relaxed);
        let is_first = self.armed.swap(false, Ordering::Relaxed);
        let what = if is_first { &self.start } else { &self.wake };
        // It is no error to wake who is awake. Where no thread can be started, status() looks after what was tripped.
        if let Err(error) = what.bind(py).call0() {
            keep_interruption(py, &error);
            if is_first {
                self.armed.store(true, Ordering::Relaxed);
            }
        }
    }
}

#[pymethods]
impl Governor {
    /// The length of a window, in seconds.
    #[classattr]
    const WINDOW: f64 = 1.0;

    #[new]
    #[pyo3(signature = (max_overhead, max_total_overhead=None, *, hook_cost, look_cost, start, wake))]
    fn new(
        max_overhead: f64,
        max_total_overhead: Option<f64>,
        hook_cost: f64,
        look_cost: f64,
        start: Py<PyAny>,
        wake: Py<PyAny>,
    ) -> PyResult<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        clock_cost();
        Ok(Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            budget: budget(max_overhead)?,
            total: max_total_overhead.map_or(Ok(u64::MAX), budget)?,
            hook: budget(hook_cost)?,
            look: budget(look_cost)?,
            start,
            wake,
            armed: AtomicBool::new(true),
            called: AtomicBool::new(false),
        })
    }

    /// Whether a probe was tripped since this was last asked.
    fn take_call(&self) -> bool {
        self.called.swap(false, Ordering::Relaxed)
    }

    /// Arms the governor, so that the next trip calls `start`; gives False if one has come meanwhile, and whoever asks has to
    /// go on.
    fn rest(&self) -> bool {
        let may = !self.called.load(Ordering::Relaxed);
        self.armed.store(may, Ordering::Relaxed);
        may
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.start)?;
        visit.call(&self.wake)
    }
}

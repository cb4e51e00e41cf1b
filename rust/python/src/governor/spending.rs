//! What probes take of each thread's time, window by window, and which of them has to go.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::Governor;

/// The length of a window, in nanoseconds. All windows of all threads begin at the same moments.
pub(super) const WINDOW: u64 = 1_000_000_000;
/// So many windows in a row over the budget before the dearest run of a window counts, too.
const PATIENCE: u32 = 2;
/// A probe that has not been charged for so long, in nanoseconds, is not what takes the time now.
const LATELY: u64 = 20_000_000;
/// Above so many probes a thread looks for windows that are long over before it begins another one.
const MANY: usize = 64;

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
pub(super) struct Trip {
    /// What it took in the window.
    pub(super) own: u64,
    /// What all probes took, if that is why.
    pub(super) together: Option<u64>,
}

/// Charges a run of this cost to a probe, from when it began to now. Gives what the probe has taken of this thread in the
/// window, and why it has to go, if it has to; nothing where the thread is ending, or in the middle of this already.
pub(super) fn charge(
    governor: &Governor,
    probe: u64,
    run: (u64, u64, u64),
) -> Option<(u64, Option<Trip>)> {
    let charge = |spending: &RefCell<Spending>| {
        let mut spending = spending.try_borrow_mut().ok()?;
        let trip = spending.charge(governor, probe, run);
        let window = spending.probes.get(&probe).map(|(_, window)| window.spent);
        let spent = window.or(trip.as_ref().map(|trip| trip.own));
        Some((spent.unwrap_or_default(), trip))
    };
    SPENDING.try_with(charge).ok()?
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

//! One instrumented function: the hook object that is woven into its code, and what the hooks do.
//!
//! The woven code reaches the hooks through type slots, which add no frame, no recursion check and no profile event:
//! `site[values]` when the body begins, which gives the call's token; `token[values] = result` when it returns;
//! `del token[exception, …]` when an exception leaves it. The token is the site itself, or a [`Call`] where something of
//! the call must be remembered until its end. A hook never unwinds, and raises nothing but what is the application's own:
//! an exception of a signal handler that ran meanwhile, for one (see `running`).
//!
//! A call that no probe fires in costs a look at the predicates where scalars settle them (see `hooks`); all else is a
//! run.

use std::cell::Cell;
use std::time::Instant;

use hogtrace_core::bytecode::Input;
use hogtrace_core::vm::{self, FaultKind, Outcome};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::call_world::{CallWorld, End};
use crate::current;
use crate::host::PythonHost;
use crate::place::{Handed, Loads};
use crate::probe::LinkedProbe;
use crate::running::{Running, guarded, looking};
use crate::site_probe::SiteProbe;
use crate::store::{RequestLocalStore, Variable};

/// The hook object of one woven function.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each says on its own what calls of the function have to remember"
)]
#[pyclass(frozen, module = "hogtrace._engine")]
pub(crate) struct Site {
    entry: Vec<SiteProbe>,
    exit: Vec<SiteProbe>,
    /// Which of the values loaded at entry live until the call ends.
    keep: Vec<usize>,
    /// How many values the woven code loads at entry and at exit.
    loads: (usize, usize),
    /// Whether an exit probe reads `duration`.
    timed: bool,
    /// Whether calls carry a token of their own.
    has_calls: bool,
    /// Whether probes at both ends are sampled, so that a draw at the entry has to be remembered.
    remembers_draw: bool,
    /// Whether the request of the entry has to be remembered: the call may end outside of any.
    remembers_request: bool,
    /// How many probes at lines share what calls carry.
    lines: usize,
    /// Whether looks at the predicates may be all that there is to do at the entry, and at the exit.
    glances: (bool, bool),
}

/// The token of one call: what must be remembered until it ends.
#[pyclass(module = "hogtrace._engine")]
pub(crate) struct Call {
    site: Py<Site>,
    started: Option<Instant>,
    pub(crate) kept: Vec<Py<PyAny>>,
    /// The number by which the call is sampled, if it was drawn.
    pub(crate) drawn: Option<f64>,
    /// The store of the request in which the call began, if it is remembered.
    pub(crate) store: Option<Py<RequestLocalStore>>,
    pub(crate) variables: Vec<Variable>,
}

#[pymethods]
impl Site {
    #[new]
    #[pyo3(signature = (function, entry, exit, *, lines=Vec::new(), parameters, star=None, keep, loads, suspends=false))]
    #[allow(
        clippy::too_many_arguments,
        reason = "what the binding settles for its hooks"
    )]
    #[expect(clippy::needless_pass_by_value, reason = "an argument from Python")]
    fn new(
        function: &str,
        entry: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>,
        exit: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>,
        lines: Vec<Py<LinkedProbe>>,
        parameters: Vec<String>,
        star: Option<&str>,
        keep: Vec<usize>,
        loads: (usize, usize),
        suspends: bool,
    ) -> PyResult<Self> {
        let read = |probes: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>| {
            probes
                .into_iter()
                .map(|(linked, places)| {
                    SiteProbe::new(function, (&parameters, star), linked, &places)
                })
                .collect::<PyResult<Vec<_>>>()
        };
        let (entry, exit) = (read(entry)?, read(exit)?);
        let probes = || entry.iter().chain(&exit).map(|probe| probe.linked.get());
        let timed = probes().any(|probe| probe.linked.inputs().contains(&Input::Duration));
        let at_lines = || lines.iter().map(Py::get);
        let uses_call_scope = probes()
            .chain(at_lines())
            .any(|probe| probe.linked.verified().uses_call_scope());
        // A line may be reached many times in one call, which draws once.
        let samples_lines = at_lines().any(|probe| probe.linked.verified().sample().is_some());
        // A generator or coroutine may be closed by anybody, in no request or in another one.
        let of_request = |probe: &LinkedProbe| {
            let verified = probe.linked.verified();
            verified.uses_request_scope() || verified.sample().is_some()
        };
        // An event names its request, too. Only where each call makes one is it worth what remembering costs each call.
        let always_captures = |probe: &LinkedProbe| {
            !probe.linked.verified().has_predicate() && probe.linked.captures() > 0
        };
        let ends_in_request = |probe: &SiteProbe| {
            let probe = probe.linked.get();
            of_request(probe) || always_captures(probe)
        };
        let lines_use_request = suspends && at_lines().any(of_request);
        let remembers_request = lines_use_request || (suspends && exit.iter().any(ends_in_request));
        let has_calls =
            timed || uses_call_scope || samples_lines || lines_use_request || !keep.is_empty();
        let sampled = |probe: &SiteProbe| probe.linked.get().linked.verified().sample().is_some();
        let remembers_draw = entry.iter().any(sampled) && exit.iter().any(sampled);
        let settled = |probes: &[SiteProbe]| !has_calls && probes.iter().all(SiteProbe::has_glance);
        let glances = (settled(&entry), settled(&exit));
        Ok(Self {
            entry,
            exit,
            keep,
            loads,
            timed,
            has_calls,
            remembers_draw,
            remembers_request,
            lines: lines.len(),
            glances,
        })
    }

    /// Whether its entry hook has anything to do; if not, the site itself is the token of every call.
    #[getter]
    fn enters(&self) -> bool {
        !self.entry.is_empty() || self.has_calls || self.remembers_request
    }

    /// Whether its exit hooks have anything to do, or calls a token that lines look at; if not, calls need no token.
    #[getter]
    fn leaves(&self) -> bool {
        !self.exit.is_empty() || (self.has_calls && self.lines > 0)
    }

    /// Whether calls carry a token of their own, which hooks of lines are handed.
    #[getter]
    pub(crate) fn remembers(&self) -> bool {
        self.has_calls
    }

    /// The hook of entry: gives the token of the call.
    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        values: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        enter(slf, values)
    }

    /// The hook of a return.
    fn __setitem__(
        slf: &Bound<'_, Self>,
        values: &Bound<'_, PyAny>,
        result: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        leave_by_return(slf, None, values, result)
    }

    /// The hook of an exception that leaves the body.
    fn __delitem__(slf: &Bound<'_, Self>, raised: &Bound<'_, PyAny>) -> PyResult<()> {
        leave_by_exception(slf, None, raised)
    }

    /// A pickler that copies code by value gets a hook that does nothing.
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let make = slf.py().import("hogtrace._engine")?.getattr("inert_site")?;
        Ok((make, PyTuple::empty(slf.py())))
    }
}

/// A hook without probes, which leaves every call alone.
#[pyfunction]
pub(crate) fn inert_site() -> Site {
    Site {
        entry: Vec::new(),
        exit: Vec::new(),
        keep: Vec::new(),
        loads: (0, 0),
        timed: false,
        has_calls: false,
        remembers_draw: false,
        remembers_request: false,
        lines: 0,
        glances: (false, false),
    }
}

impl Site {
    /// Does what there is to do when the body begins, if looks at the predicates settle that; gives whether they did.
    #[inline]
    pub(crate) fn settles_entry(slf: &Bound<'_, Self>, values: &Bound<'_, PyAny>) -> bool {
        let this = slf.get();
        this.glances.0
            && !(this.remembers_request && current::store(slf.py()).is_some())
            && settle(slf, &this.entry, Loads::handed(values, this.loads.0), None)
    }

    /// The same for a return.
    #[inline]
    pub(crate) fn settles_return(
        slf: &Bound<'_, Self>,
        values: &Bound<'_, PyAny>,
        result: &Bound<'_, PyAny>,
    ) -> bool {
        let this = slf.get();
        let end = Some(End::Returned(result));
        this.glances.1 && settle(slf, &this.exit, Loads::handed(values, this.loads.1), end)
    }

    /// The same for an exception that leaves the body.
    pub(crate) fn settles_exception(slf: &Bound<'_, Self>, raised: &Bound<'_, PyAny>) -> bool {
        let this = slf.get();
        let Some((tuple, exception)) = unpack(raised) else {
            return false;
        };
        let loads = Loads::Packed { tuple, skip: 1 };
        this.glances.1 && settle(slf, &this.exit, loads, Some(End::Raised(&exception)))
    }
}

/// Looks at the predicates of `probes`, and counts the hits if none of them needs a run; gives whether that is so.
#[inline]
fn settle<'py>(
    site: &Bound<'py, Site>,
    probes: &[SiteProbe],
    loads: Loads<'_, 'py>,
    end: Option<End<'_, 'py>>,
) -> bool {
    let handed = Handed {
        loads,
        kept: &[],
        unbound: site.as_any(),
    };
    let is_passed_by = |probe: &SiteProbe| {
        let linked = probe.linked.get();
        !linked.is_live()
            || (linked.may_be_passed_by() && probe.glance(&handed, end, None) == Some(false))
    };
    let look = || {
        // Nothing is counted before all are settled: a run looks at each of them anew.
        if let [probe] = probes {
            return is_passed_by(probe) && {
                probe.linked.get().count_passed_by();
                true
            };
        }
        let settles = probes.iter().all(is_passed_by);
        if settles {
            for probe in probes {
                probe.linked.get().count_passed_by();
            }
        }
        settles
    };
    looking(look).unwrap_or_else(|place| {
        give_up(probes, &place);
        false
    })
}

#[pymethods]
impl Call {
    /// The hook of a return.
    fn __setitem__(
        slf: &Bound<'_, Self>,
        values: &Bound<'_, PyAny>,
        result: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let site = slf.borrow().site.bind(slf.py()).clone();
        if Site::settles_return(&site, values, result) {
            return Ok(());
        }
        leave_by_return(&site, Some(slf), values, result)
    }

    /// The hook of an exception that leaves the body.
    fn __delitem__(slf: &Bound<'_, Self>, raised: &Bound<'_, PyAny>) -> PyResult<()> {
        let site = slf.borrow().site.bind(slf.py()).clone();
        if Site::settles_exception(&site, raised) {
            return Ok(());
        }
        leave_by_exception(&site, Some(slf), raised)
    }

    // A suspended generator keeps its token, which may keep the generator.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for value in &self.kept {
            visit.call(value)?;
        }
        for variable in &self.variables {
            visit.call(&variable.value)?;
        }
        visit.call(&self.store)
    }

    fn __clear__(&mut self) {
        self.kept.clear();
        self.variables.clear();
        self.store = None;
    }
}

/// What a part of a hook gives; after a panic in it, which takes `probes` out, nothing.
pub(crate) fn unless_defect<T>(probes: &[SiteProbe], part: impl FnOnce() -> T) -> Option<T> {
    guarded(part).map_err(|place| give_up(probes, &place)).ok()
}

#[cold]
fn give_up(probes: &[SiteProbe], place: &str) {
    for probe in probes {
        probe.linked.get().give_up(place);
    }
}

fn enter<'py>(site: &Bound<'py, Site>, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let this = site.get();
    let Some(running) = Running::begin_hook() else {
        skip(&this.entry);
        return Ok(site.clone().into_any());
    };
    let token = unless_defect(&this.entry, || run_entry(site, values)).flatten();
    running.end()?;
    Ok(token.unwrap_or_else(|| site.clone().into_any()))
}

/// Runs the probes of the entry; gives the call's own token, if it has one.
fn run_entry<'py>(
    site: &Bound<'py, Site>,
    values: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    let this = site.get();
    let loads = Loads::handed(values, this.loads.0);
    let drawn = Cell::new(None);
    let mut call = if this.has_calls {
        start_call(site, loads)
    } else {
        None
    };
    if !this.entry.is_empty() {
        let handed = Handed {
            loads,
            kept: &[],
            unbound: site.as_any(),
        };
        for probe in &this.entry {
            run(probe, handed, None, None, call.as_ref(), &drawn);
        }
    }
    if this.remembers_draw && drawn.get().is_some() {
        // Outside any request: the probes of the exit go by the same number.
        if call.is_none() {
            call = start_call(site, Loads::Nothing);
        }
        if let Some(call) = &call {
            call.borrow_mut().drawn = drawn.get();
        }
    }
    if this.remembers_request
        && let Some(store) = current::store(site.py())
    {
        if call.is_none() {
            call = start_call(site, Loads::Nothing);
        }
        if let Some(call) = &call {
            call.borrow_mut().store = Some(store.unbind());
        }
    }
    let call = call?;
    if this.timed {
        // After the probes of the entry: what they took is not the call's time.
        call.borrow_mut().started = Some(Instant::now());
    }
    Some(call.into_any())
}

fn start_call<'py>(site: &Bound<'py, Site>, loads: Loads<'_, 'py>) -> Option<Bound<'py, Call>> {
    let kept = site
        .get()
        .keep
        .iter()
        .filter_map(|&index| loads.get(index).map(Borrowed::to_owned).map(Bound::unbind))
        .collect();
    let call = Call {
        site: site.clone().unbind(),
        started: None,
        kept,
        drawn: None,
        store: None,
        variables: Vec::new(),
    };
    Bound::new(site.py(), call).ok()
}

fn leave_by_return<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    values: &Bound<'py, PyAny>,
    result: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let loads = Loads::handed(values, site.get().loads.1);
    leave(site, call, End::Returned(result), loads)
}

fn leave_by_exception<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    raised: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let Some((tuple, exception)) = unpack(raised) else {
        return Ok(());
    };
    let loads = Loads::Packed { tuple, skip: 1 };
    leave(site, call, End::Raised(&exception), loads).inspect_err(|error| {
        // As if it had come up while that one was handled.
        let py = site.py();
        if error.context(py).is_none() && !error.value(py).is(&*exception) {
            error.set_context(py, Some(PyErr::from_value(exception.to_owned())));
        }
    })
}

/// The tuple that woven code hands over when an exception leaves the body, and the exception, which is its first item.
fn unpack<'a, 'py>(
    raised: &'a Bound<'py, PyAny>,
) -> Option<(&'a Bound<'py, PyTuple>, Borrowed<'a, 'py, PyAny>)> {
    let tuple = raised.cast_exact::<PyTuple>().ok()?;
    Some((tuple, tuple.get_borrowed_item(0).ok()?))
}

fn leave<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    end: End<'_, 'py>,
    loads: Loads<'_, 'py>,
) -> PyResult<()> {
    let this = site.get();
    if this.exit.is_empty() {
        return Ok(());
    }
    let Some(running) = Running::begin_hook() else {
        skip(&this.exit);
        return Ok(());
    };
    unless_defect(&this.exit, || run_exit(site, call, end, loads));
    running.end()
}

/// Runs the probes of the exit.
fn run_exit<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    end: End<'_, 'py>,
    loads: Loads<'_, 'py>,
) {
    let this = site.get();
    let mut kept = Vec::new();
    let mut duration = None;
    let drawn = Cell::new(None);
    match call {
        Some(call) => {
            let mut call = call.borrow_mut();
            drawn.set(call.drawn);
            duration = call.started.map(|started| started.elapsed().as_secs_f64());
            // Lent for the run, which may set variables of the call.
            kept = std::mem::take(&mut call.kept);
        }
        // The entry was not looked at, so this call has nothing to measure against.
        None if this.has_calls => return skip(&this.exit),
        None => {}
    }
    let handed = Handed {
        loads,
        kept: &kept,
        unbound: site.as_any(),
    };
    for probe in &this.exit {
        run(probe, handed, Some(end), duration, call, &drawn);
    }
    if let Some(call) = call {
        // Not dropped here: what finalises them may run only when the hook is done.
        call.borrow_mut().kept = kept;
    }
}

pub(crate) fn skip(probes: &[SiteProbe]) {
    for probe in probes {
        let linked = probe.linked.get();
        if linked.is_live() {
            linked.leave_out(&linked.counters.skipped);
        }
    }
}

pub(crate) fn run<'py>(
    probe: &SiteProbe,
    handed: Handed<'_, 'py>,
    end: Option<End<'_, 'py>>,
    duration: Option<f64>,
    call: Option<&Bound<'py, Call>>,
    drawn: &Cell<Option<f64>>,
) {
    let linked = probe.linked.get();
    if !linked.is_on() && !linked.is_looked_at() {
        return;
    }
    let py = handed.unbound.py();
    let watch = linked.meter.begin(linked.counters.hits.next());
    let passes = probe.glance(&handed, end, duration);
    if passes == Some(false) {
        linked.count(Outcome::NotPassed);
        return linked.settle(py, &watch.without_run());
    }
    let world = CallWorld::new(probe, handed, end, duration, call, drawn, watch);
    let mut host = PythonHost::new(py, &linked.linked, world);
    let outcome = guarded(|| match passes {
        Some(_) => vm::perform(linked.linked.verified(), &mut host),
        None => vm::run(linked.linked.verified(), &mut host),
    });
    if host.dropped_writes > 0 {
        linked.counters.dropped_writes.add(host.dropped_writes);
    }
    if host.faults > 0 {
        linked.counters.errors.add(host.faults);
        if let Some(fault) = host.last_fault.take() {
            let is_defect = fault.kind == FaultKind::Internal;
            linked.remember_error(fault);
            if is_defect {
                linked.give_up("its own machine");
            }
        }
    }
    match outcome {
        Ok(outcome) => linked.count(outcome),
        Err(place) => {
            linked.counters.failed.add(1);
            linked.give_up(&place);
        }
    }
    linked.settle(py, &host.world.watch);
}

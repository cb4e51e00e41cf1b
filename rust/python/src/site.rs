//! One instrumented function: the hook object that is woven into its code, and what the hooks do.
//!
//! The woven code reaches the hooks through type slots, which add no frame, no recursion check and no profile event:
//! `site[values]` when the body begins, which gives the call's token; `del token[…]` when it returns; `token[…] = e`
//! when an exception leaves it. The token is the site itself, or a [`Call`] where something of the call must be
//! remembered until its end. A hook never raises and never unwinds.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use hogtrace_core::bytecode::Input;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{self, Fault};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::event::{Event, Failure, Origin};
use crate::host::{PythonHost, Secrecy, World, no_name};
use crate::number::to_value;
use crate::place::{Handed, Loads, Place};
use crate::probe::LinkedProbe;
use crate::queue;
use crate::snapshot::Packed;
use crate::store::{self, RequestLocalStore};

thread_local! {
    /// Whether this thread is in a hook: a probed function that is reached from there (a finaliser that an
    /// allocation set off, a signal handler) is left alone.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread as being in a hook until it is dropped.
struct InHook;

impl InHook {
    /// Gives nothing where the thread is in a hook already, or is the exporter's.
    fn enter() -> Option<Self> {
        if IN_HOOK.get() || queue::muted() {
            return None;
        }
        IN_HOOK.set(true);
        Some(Self)
    }
}

impl Drop for InHook {
    fn drop(&mut self) {
        IN_HOOK.set(false);
    }
}

/// One probe at this site.
struct SiteProbe {
    linked: Py<LinkedProbe>,
    places: Vec<Place>,
    origin: Arc<Origin>,
    /// Per capture and field: what the names of the function's parameters make of it.
    secrecy: Vec<Vec<ByParameter>>,
}

/// What the names of the function's parameters say about a captured field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ByParameter {
    Open,
    /// It was read through a parameter whose name is secret.
    Hidden,
    /// It was read through `args`, and some parameter's name is secret.
    Mixed,
}

/// The hook object of one woven function.
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
    /// Which positional parameters have secret names.
    secret_parameters: Vec<bool>,
}

/// The token of one call: what must be remembered until it ends.
#[pyclass(module = "hogtrace._engine")]
pub(crate) struct Call {
    site: Py<Site>,
    started: Option<Instant>,
    kept: Vec<Py<PyAny>>,
    variables: Vec<(Py<PyString>, Py<PyAny>)>,
}

/// How a call ended.
#[derive(Clone, Copy)]
enum End<'a, 'py> {
    Returned(&'a Bound<'py, PyAny>),
    Raised(&'a Bound<'py, PyAny>),
}

#[pymethods]
impl Site {
    #[new]
    #[pyo3(signature = (function, entry, exit, *, parameters, keep, loads))]
    fn new(
        function: &str,
        entry: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>,
        exit: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>,
        parameters: Vec<String>,
        keep: Vec<usize>,
        loads: (usize, usize),
    ) -> PyResult<Self> {
        let read = |probes: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>| {
            probes
                .into_iter()
                .map(|(linked, places)| SiteProbe::new(function, &parameters, linked, &places))
                .collect::<PyResult<Vec<_>>>()
        };
        let (entry, exit) = (read(entry)?, read(exit)?);
        let probes = || entry.iter().chain(&exit).map(|probe| probe.linked.get());
        let timed = probes().any(|probe| probe.linked.inputs().contains(&Input::Duration));
        let uses_call_scope = probes().any(|probe| probe.linked.verified().uses_call_scope());
        let secret_parameters = parameters
            .iter()
            .map(|name| {
                probes().any(|probe| {
                    probe
                        .linked
                        .redaction()
                        .is_some_and(|redaction| redaction.is_secret(name))
                })
            })
            .collect();
        let has_calls = timed || uses_call_scope || !keep.is_empty();
        Ok(Self {
            entry,
            exit,
            keep,
            loads,
            timed,
            has_calls,
            secret_parameters,
        })
    }

    /// The hook of entry: gives the token of the call.
    fn __getitem__<'py>(slf: &Bound<'py, Self>, values: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        enter(slf, values)
    }

    /// The hook of a return.
    fn __delitem__(slf: &Bound<'_, Self>, ended: &Bound<'_, PyAny>) {
        leave_by_return(slf, None, ended);
    }

    /// The hook of an exception that leaves the body.
    fn __setitem__(slf: &Bound<'_, Self>, values: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) {
        leave_by_exception(slf, None, values, exception);
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
        secret_parameters: Vec::new(),
    }
}

#[pymethods]
impl Call {
    /// The hook of a return.
    fn __delitem__(slf: &Bound<'_, Self>, ended: &Bound<'_, PyAny>) {
        let site = slf.borrow().site.bind(slf.py()).clone();
        leave_by_return(&site, Some(slf), ended);
    }

    /// The hook of an exception that leaves the body.
    fn __setitem__(slf: &Bound<'_, Self>, values: &Bound<'_, PyAny>, exception: &Bound<'_, PyAny>) {
        let site = slf.borrow().site.bind(slf.py()).clone();
        leave_by_exception(&site, Some(slf), values, exception);
    }

    // A suspended generator keeps its token, which may keep the generator.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for value in &self.kept {
            visit.call(value)?;
        }
        for (_, value) in &self.variables {
            visit.call(value)?;
        }
        Ok(())
    }

    fn __clear__(&mut self) {
        self.kept.clear();
        self.variables.clear();
    }
}

impl SiteProbe {
    fn new(
        function: &str,
        parameters: &[String],
        linked: Py<LinkedProbe>,
        places: &[Bound<'_, PyAny>],
    ) -> PyResult<Self> {
        let probe = linked.get();
        let plain = probe.linked.plain();
        let origin = Origin {
            program: probe.linked.program_name().into(),
            probe: plain.id.as_str().into(),
            target: plain.target.as_str().into(),
            function: function.into(),
            point: plain.point,
        };
        let is_secret = |name: &String| {
            probe
                .linked
                .redaction()
                .is_some_and(|redaction| redaction.is_secret(name))
        };
        let secrecy = probe
            .linked
            .verified()
            .flows()
            .iter()
            .map(|fields| {
                fields
                    .iter()
                    .map(|flow| {
                        let inputs = || {
                            flow.inputs
                                .iter()
                                .map(|&slot| &plain.inputs[usize::from(slot)])
                        };
                        let through_secret = inputs().any(|input| match input {
                            Input::Arg(position) => parameters
                                .get(usize::from(*position))
                                .is_some_and(is_secret),
                            _ => false,
                        });
                        if through_secret {
                            ByParameter::Hidden
                        } else if inputs().any(|input| *input == Input::Args)
                            && parameters.iter().any(is_secret)
                        {
                            ByParameter::Mixed
                        } else {
                            ByParameter::Open
                        }
                    })
                    .collect()
            })
            .collect();
        let places = places
            .iter()
            .map(Place::parse)
            .collect::<PyResult<Vec<_>>>()?;
        Ok(Self {
            linked,
            places,
            origin: Arc::new(origin),
            secrecy,
        })
    }
}

fn enter<'py>(site: &Bound<'py, Site>, values: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let this = site.get();
    let Some(_in_hook) = InHook::enter() else {
        skip(&this.entry);
        return site.clone().into_any();
    };
    let py = site.py();
    let loads = Loads::handed(values, this.loads.0);
    let call = if this.has_calls {
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
        let store = store::current(py);
        for probe in &this.entry {
            run(
                this,
                probe,
                handed,
                None,
                None,
                call.as_ref(),
                store.as_ref(),
            );
        }
    }
    match call {
        Some(call) => {
            if this.timed {
                // After the probes of the entry: what they took is not the call's time.
                call.borrow_mut().started = Some(Instant::now());
            }
            call.into_any()
        }
        None => site.clone().into_any(),
    }
}

fn start_call<'py>(site: &Bound<'py, Site>, loads: Loads<'_, 'py>) -> Option<Bound<'py, Call>> {
    let kept = site
        .get()
        .keep
        .iter()
        .filter_map(|&index| loads.get(index).map(Bound::unbind))
        .collect();
    let call = Call {
        site: site.clone().unbind(),
        started: None,
        kept,
        variables: Vec::new(),
    };
    Bound::new(site.py(), call).ok()
}

fn leave_by_return<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    ended: &Bound<'py, PyAny>,
) {
    if site.get().loads.1 == 0 {
        leave(site, call, End::Returned(ended), Loads::Nothing);
    } else if let Ok(packed) = ended.cast_exact::<PyTuple>() {
        if let Ok(retval) = packed.get_item(0) {
            leave(
                site,
                call,
                End::Returned(&retval),
                Loads::Packed {
                    tuple: packed,
                    skip: 1,
                },
            );
        }
    }
}

fn leave_by_exception<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    values: &Bound<'py, PyAny>,
    exception: &Bound<'py, PyAny>,
) {
    let loads = match values.cast_exact::<PyTuple>() {
        Ok(tuple) if site.get().loads.1 > 0 => Loads::Packed { tuple, skip: 0 },
        _ => Loads::Nothing,
    };
    leave(site, call, End::Raised(exception), loads);
}

fn leave<'py>(
    site: &Bound<'py, Site>,
    call: Option<&Bound<'py, Call>>,
    end: End<'_, 'py>,
    loads: Loads<'_, 'py>,
) {
    let this = site.get();
    if this.exit.is_empty() {
        return;
    }
    let Some(_in_hook) = InHook::enter() else {
        return skip(&this.exit);
    };
    let py = site.py();
    let mut kept = Vec::new();
    let mut duration = None;
    match call {
        Some(call) => {
            let call = call.borrow();
            duration = call.started.map(|started| started.elapsed().as_secs_f64());
            kept.extend(call.kept.iter().map(|value| value.clone_ref(py)));
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
    let store = store::current(py);
    for probe in &this.exit {
        run(
            this,
            probe,
            handed,
            Some(end),
            duration,
            call,
            store.as_ref(),
        );
    }
}

fn skip(probes: &[SiteProbe]) {
    for probe in probes {
        let counters = &probe.linked.get().counters;
        counters.hits.add(1);
        counters.skipped.add(1);
    }
}

fn run<'py>(
    site: &Site,
    probe: &SiteProbe,
    handed: Handed<'_, 'py>,
    end: Option<End<'_, 'py>>,
    duration: Option<f64>,
    call: Option<&Bound<'py, Call>>,
    store: Option<&Bound<'py, RequestLocalStore>>,
) {
    let linked = probe.linked.get();
    if !linked.is_enabled() {
        return;
    }
    let py = handed.unbound.py();
    linked.counters.hits.add(1);
    let world = CallWorld {
        py,
        site,
        probe,
        handed,
        end,
        duration,
        call,
        store,
        args: None,
    };
    let mut host = PythonHost::new(py, &linked.linked, world, store.cloned());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        vm::run(linked.linked.verified(), &mut host)
    }));
    if host.faults > 0 {
        linked.counters.errors.add(host.faults);
        if let Some(fault) = &host.last_fault {
            linked.remember_error(fault.to_string());
        }
    }
    match outcome {
        Ok(outcome) => linked.count(outcome),
        Err(_) => {
            linked.counters.failed.add(1);
            linked.give_up("the engine failed on this probe; it was taken out".to_owned());
        }
    }
}

/// The values of one call of a woven function.
struct CallWorld<'a, 'py> {
    py: Python<'py>,
    site: &'a Site,
    probe: &'a SiteProbe,
    handed: Handed<'a, 'py>,
    end: Option<End<'a, 'py>>,
    duration: Option<f64>,
    call: Option<&'a Bound<'py, Call>>,
    store: Option<&'a Bound<'py, RequestLocalStore>>,
    /// `args`, once it was asked for.
    args: Option<Bound<'py, PyTuple>>,
}

impl<'py> CallWorld<'_, 'py> {
    fn single(
        &self,
        place: &Place,
        what: impl FnOnce() -> String,
    ) -> Result<Value<Bound<'py, PyAny>>, Fault> {
        self.handed
            .value(self.py, place)
            .map(to_value)
            .ok_or_else(|| no_name(what()))
    }
}

impl<'py> World<'py> for CallWorld<'_, 'py> {
    fn input(&mut self, slot: u16) -> Result<Value<Bound<'py, PyAny>>, Fault> {
        let py = self.py;
        let slot = usize::from(slot);
        let place = &self.probe.places[slot];
        match place {
            Place::Load(_) | Place::Kept(_) | Place::Item(..) => self.single(place, || {
                let linked = &self.probe.linked.get().linked;
                match &linked.inputs()[slot] {
                    Input::Name(name) => {
                        format!("the local {:?} has no value now", linked.name_text(*name))
                    }
                    Input::Arg(position) => format!("arg{position} was not passed"),
                    _ => "it has no value now".to_owned(),
                }
            }),
            Place::Args(places, rest) => {
                let args = match &self.args {
                    Some(args) => args.clone(),
                    None => self
                        .args
                        .insert(self.handed.args(py, places, rest.as_deref())?)
                        .clone(),
                };
                Ok(Value::Object(args.into_any()))
            }
            Place::Kwargs(places, rest) => Ok(Value::Object(
                self.handed.named(py, places, rest.as_deref())?.into_any(),
            )),
            Place::Locals(places) => Ok(Value::Object(
                self.handed.named(py, places, None)?.into_any(),
            )),
            Place::Globals => match running_globals(py) {
                Some(globals) => Ok(Value::Object(globals.into_any())),
                None => Err(no_name("the function's globals are not to be had")),
            },
            Place::Global(name) => running_globals(py)
                .and_then(|globals| globals.get_item(name).ok().flatten())
                .map(to_value)
                .ok_or_else(|| {
                    no_name(format!(
                        "the name {:?} is neither a local nor a global here",
                        name.bind(py)
                    ))
                }),
            Place::Retval => match self.end {
                Some(End::Returned(value)) => Ok(to_value(value.clone())),
                _ => Ok(Value::None),
            },
            Place::Exception => match self.end {
                Some(End::Raised(exception)) => Ok(Value::Object(exception.clone())),
                _ => Ok(Value::None),
            },
            Place::Duration => Ok(self.duration.map_or(Value::None, Value::Float)),
            Place::Missing(why) => Err(no_name(why.clone())),
        }
    }

    fn call_variable(&self, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        let call = self.call?.borrow();
        // Names are interned, so that identity is equality.
        call.variables
            .iter()
            .find(|(known, _)| known.is(name))
            .map(|(_, value)| value.bind(self.py).clone())
    }

    fn set_call_variable(
        &mut self,
        name: &Bound<'py, PyString>,
        value: Bound<'py, PyAny>,
    ) -> Result<(), Fault> {
        let Some(call) = self.call else {
            return Ok(());
        };
        let mut call = call.borrow_mut();
        let old =
            if let Some((_, slot)) = call.variables.iter_mut().find(|(known, _)| known.is(name)) {
                Some(std::mem::replace(slot, value.unbind()))
            } else {
                call.variables.push((name.clone().unbind(), value.unbind()));
                None
            };
        // Dropped after the borrow ends: the last reference to an object may run its finaliser.
        drop(call);
        drop(old);
        Ok(())
    }

    fn secrecy(
        &self,
        capture: usize,
        field: usize,
        value: &Value<Bound<'py, PyAny>>,
    ) -> Secrecy<'py> {
        match self.probe.secrecy[capture][field] {
            ByParameter::Open => Secrecy::Open,
            ByParameter::Hidden => Secrecy::Hidden,
            ByParameter::Mixed => match (&self.args, value) {
                // `args` as a whole: hide the secret ones and show the others.
                (Some(args), Value::Object(object)) if object.is(args) => {
                    let shown = args.iter().enumerate().map(|(position, value)| {
                        if self
                            .site
                            .secret_parameters
                            .get(position)
                            .copied()
                            .unwrap_or(false)
                        {
                            PyString::intern(self.py, crate::redact::REDACTED).into_any()
                        } else {
                            value
                        }
                    });
                    PyTuple::new(self.py, shown.collect::<Vec<_>>())
                        .map_or(Secrecy::Hidden, |shown| Secrecy::Replaced(shown.into_any()))
                }
                _ => Secrecy::Hidden,
            },
        }
    }

    fn emit(&mut self, fields: Packed, errors: Vec<Failure>) {
        let linked = self.probe.linked.get();
        linked.counters.captured.add(1);
        let request = self.store.map(|store| store.get().request());
        let event = Event::new(self.py, &self.probe.origin, request, fields, errors);
        linked.queue.get().push(self.py, Arc::new(event));
    }
}

/// The globals of the frame that runs: a hook adds no frame, so it is the woven function's.
fn running_globals(py: Python<'_>) -> Option<Bound<'_, PyDict>> {
    // SAFETY: gives a borrowed reference, or null without a running frame.
    let globals = unsafe { Bound::from_borrowed_ptr_or_opt(py, pyo3::ffi::PyEval_GetGlobals()) };
    globals.and_then(|globals| globals.cast_into_exact::<PyDict>().ok())
}

//! The values of one call of a woven function, as a probe sees them.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use hogtrace_core::bytecode::Input;
use hogtrace_core::value::{Scalar, Value};
use hogtrace_core::vm::Fault;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrame, PyString, PyTuple};

use crate::access::named;
use crate::ambient;
use crate::current;
use crate::event::{Captured, Failure};
use crate::frames;
use crate::governor::Stopwatch;
use crate::host::{World, no_name};
use crate::number::{to_scalar, to_value};
use crate::place::{Handed, Place};
use crate::random;
use crate::running::release;
use crate::secrecy::{ByParameter, Secrecy, Settled};
use crate::site::Call;
use crate::site_probe::SiteProbe;
use crate::snapshot::Plain;
use crate::store::{Held, RequestLocalStore, Variable};

/// How a call ended.
#[derive(Clone, Copy)]
pub(crate) enum End<'a, 'py> {
    Returned(&'a Bound<'py, PyAny>),
    Raised(&'a Bound<'py, PyAny>),
}

/// The input at `place`, if it is a scalar that is there already: what [`CallWorld`] would give, without a run.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "it is most of what a call costs that no probe fires in"
)]
pub(crate) fn scalar(
    place: &Place,
    handed: &Handed<'_, '_>,
    end: Option<End<'_, '_>>,
    duration: Option<f64>,
) -> Option<Scalar> {
    match place {
        Place::Load(index) => handed.loads.get(*index).and_then(|value| to_scalar(&value)),
        Place::Kept(index) => to_scalar(handed.kept.get(*index)?.bind(handed.unbound.py())),
        Place::Retval => match end {
            Some(End::Returned(value)) => to_scalar(value),
            _ => Some(Scalar::None),
        },
        Place::Exception => match end {
            Some(End::Raised(_)) => None,
            _ => Some(Scalar::None),
        },
        Place::Duration => Some(duration.map_or(Scalar::None, Scalar::Float)),
        _ => None,
    }
}

/// What one run of a probe sees of one call of a woven function.
pub(crate) struct CallWorld<'a, 'py> {
    py: Python<'py>,
    probe: &'a SiteProbe,
    handed: Handed<'a, 'py>,
    end: Option<End<'a, 'py>>,
    duration: Option<f64>,
    call: Option<&'a Bound<'py, Call>>,
    /// The number by which the call is sampled outside any request, once it was drawn.
    drawn: &'a Cell<Option<f64>>,
    /// The store of the request, if there is one, once it was asked for.
    store: OnceCell<Option<Bound<'py, RequestLocalStore>>>,
    /// `args`, once it was asked for.
    args: Option<Bound<'py, PyTuple>>,
    /// What the governor measures of the run.
    pub(crate) watch: Stopwatch,
}

impl<'a, 'py> CallWorld<'a, 'py> {
    pub(crate) fn new(
        probe: &'a SiteProbe,
        handed: Handed<'a, 'py>,
        end: Option<End<'a, 'py>>,
        duration: Option<f64>,
        call: Option<&'a Bound<'py, Call>>,
        drawn: &'a Cell<Option<f64>>,
        watch: Stopwatch,
    ) -> Self {
        let py = handed.unbound.py();
        Self {
            py,
            probe,
            handed,
            end,
            duration,
            call,
            drawn,
            store: OnceCell::new(),
            args: None,
            watch,
        }
    }

    /// The store that is current, or the one that was when the call began, if the call remembers that. It is the end of a
    /// call that may come in somebody else's request; its lines may stand in a scope of their own.
    fn find_store(&self) -> Option<Bound<'py, RequestLocalStore>> {
        let of_entry = || {
            let call = self.call?.borrow();
            Some(call.store.as_ref()?.bind(self.py).clone())
        };
        let current = || current::store(self.py);
        match self.end {
            Some(_) => of_entry().or_else(current),
            None => current().or_else(of_entry),
        }
    }

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
                .and_then(|globals| named(&globals, name.bind(py)))
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

    fn call_variable(&self, name: &Bound<'py, PyString>) -> Option<Held<'py>> {
        let call = self.call?.borrow();
        // Names are interned, so that identity is equality.
        call.variables
            .iter()
            .find(|variable| variable.name.is(name))
            .map(|variable| variable.held(self.py))
    }

    fn set_call_variable(
        &mut self,
        name: &Bound<'py, PyString>,
        held: Held<'py>,
    ) -> Result<(), Fault> {
        let Some(call) = self.call else {
            return Ok(());
        };
        let mut call = call.borrow_mut();
        let known = call
            .variables
            .iter_mut()
            .find(|variable| variable.name.is(name));
        let old = if let Some(variable) = known {
            Some(variable.replace(held))
        } else {
            call.variables.push(Variable::new(name, held));
            None
        };
        drop(call);
        if let Some(old) = old {
            release(old);
        }
        Ok(())
    }

    fn settled(&self, capture: usize) -> &[Settled] {
        &self.probe.captures[capture].settled
    }

    fn secrecy(
        &self,
        capture: usize,
        field: usize,
        value: &Value<Bound<'py, PyAny>>,
    ) -> Secrecy<'py> {
        let judged = self.probe.secrecy.fields[capture][field];
        self.probe
            .parameters
            .shown(judged, self.args.as_ref(), value)
    }

    fn stores_secret(&self, store: usize) -> bool {
        self.probe.secrecy.stores[store] != ByParameter::Open
    }

    fn store(&mut self) -> Option<&Bound<'py, RequestLocalStore>> {
        self.store.get_or_init(|| self.find_store()).as_ref()
    }

    fn draw(&mut self) -> f64 {
        if let Some(store) = self.store() {
            return store.get().draw();
        }
        let drawn = self.drawn.get().unwrap_or_else(random::unit);
        self.drawn.set(Some(drawn));
        drawn
    }

    fn begin_body(&mut self) {
        let linked = self.probe.linked.get();
        let pass = linked.counters.passed.get() + 1;
        linked.meter.begin_body(&mut self.watch, pass);
    }

    fn frame(&self) -> Option<(Bound<'py, PyFrame>, Option<u32>)> {
        let frame = frames::running(self.py)?;
        let line = match self.end {
            Some(End::Raised(exception)) => frames::line_of_raise(&frame, exception),
            _ => None,
        };
        Some((frame, line))
    }

    fn plain_fields(&self, plain: &mut Plain<'_>) -> Option<usize> {
        let probe = self.probe;
        let direct = probe.direct.as_ref()?;
        let mut bound =
            |value: &Bound<'py, PyAny>| !value.is(self.handed.unbound) && plain.object(value);
        let are_plain =
            direct
                .slots
                .iter()
                .all(|&slot| match (&probe.places[usize::from(slot)], self.end) {
                    (Place::Load(index), _) => {
                        let value = self.handed.loads.get(*index);
                        value.is_some_and(|value| bound(&value))
                    }
                    (Place::Kept(index), _) => {
                        let value = self.handed.kept.get(*index);
                        value.is_some_and(|value| bound(value.bind(self.py)))
                    }
                    (Place::Retval, Some(End::Returned(value))) => bound(value),
                    _ => false,
                });
        are_plain.then_some(direct.capture)
    }

    fn emit(&mut self, capture: usize, values: &[u8], errors: Vec<Failure>) {
        let (py, probe) = (self.py, self.probe);
        let linked = probe.linked.get();
        linked.counters.captured.add(1);
        // Mostly nobody has asked for it, and nobody will again.
        let current;
        let store = if let Some(known) = self.store.get() {
            known.as_ref()
        } else {
            current = self.find_store();
            current.as_ref()
        };
        let failed = errors.len();
        let request = store.map(|store| store.get().taken(py, &linked.queue, failed));
        let queued = ambient::here(py, |runner, context| {
            let captured = Captured::now(
                &probe.captures[capture].source,
                request.as_ref(),
                runner,
                context,
                values,
                errors,
            );
            linked.queue.get().capture(py, captured)
        });
        if !queued {
            linked.losses.add(Cow::Borrowed("queue_full"));
            if let Some(store) = store {
                store.get().not_taken(&linked.queue, failed);
            }
        }
    }
}

/// The globals of the frame that runs: a hook adds no frame, so it is the woven function's.
fn running_globals(py: Python<'_>) -> Option<Bound<'_, PyDict>> {
    // SAFETY: gives a borrowed reference, or null without a running frame.
    let globals = unsafe { Bound::from_borrowed_ptr_or_opt(py, pyo3::ffi::PyEval_GetGlobals()) };
    globals.and_then(|globals| globals.cast_into_exact::<PyDict>().ok())
}

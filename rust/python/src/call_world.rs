//! The values of one call of a woven function, as a probe sees them.

use std::cell::OnceCell;
use std::sync::Arc;

use hogtrace_core::bytecode::Input;
use hogtrace_core::value::Value;
use hogtrace_core::vm::Fault;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::event::{Event, Failure};
use crate::host::{Secrecy, World, no_name};
use crate::number::to_value;
use crate::place::{Handed, Place};
use crate::redact::REDACTED;
use crate::site::Call;
use crate::site_probe::{ByParameter, SiteProbe};
use crate::snapshot::Packed;
use crate::store::{self, RequestLocalStore};

/// How a call ended.
#[derive(Clone, Copy)]
pub(crate) enum End<'a, 'py> {
    Returned(&'a Bound<'py, PyAny>),
    Raised(&'a Bound<'py, PyAny>),
}

/// What one run of a probe sees of one call of a woven function.
pub(crate) struct CallWorld<'a, 'py> {
    py: Python<'py>,
    probe: &'a SiteProbe,
    handed: Handed<'a, 'py>,
    end: Option<End<'a, 'py>>,
    duration: Option<f64>,
    call: Option<&'a Bound<'py, Call>>,
    /// The store of the request, if there is one, once it was asked for.
    store: OnceCell<Option<Bound<'py, RequestLocalStore>>>,
    /// `args`, once it was asked for.
    args: Option<Bound<'py, PyTuple>>,
}

impl<'a, 'py> CallWorld<'a, 'py> {
    pub(crate) fn new(
        probe: &'a SiteProbe,
        handed: Handed<'a, 'py>,
        end: Option<End<'a, 'py>>,
        duration: Option<f64>,
        call: Option<&'a Bound<'py, Call>>,
    ) -> Self {
        let py = handed.unbound.py();
        Self {
            py,
            probe,
            handed,
            end,
            duration,
            call,
            store: OnceCell::new(),
            args: None,
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
                            .probe
                            .secret_parameters
                            .get(position)
                            .copied()
                            .unwrap_or(false)
                        {
                            PyString::intern(self.py, REDACTED).into_any()
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

    fn store(&mut self) -> Option<&Bound<'py, RequestLocalStore>> {
        let py = self.py;
        self.store.get_or_init(|| store::current(py)).as_ref()
    }

    fn emit(&mut self, fields: Packed, errors: Vec<Failure>) {
        let linked = self.probe.linked.get();
        linked.counters.captured.add(1);
        let request = self.store().map(|store| store.get().request());
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

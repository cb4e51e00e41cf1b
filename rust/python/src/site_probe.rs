//! One probe at one site: its inputs bound to the function's slots, and what the parameters' names hide.

use std::sync::Arc;

use hogtrace_core::verify::Glance;
use hogtrace_core::vm;
use pyo3::prelude::*;

use crate::call_world::{End, scalar};
use crate::event::{Moment, Origin, Source};
use crate::linked::Linked;
use crate::losses::Account;
use crate::place::{Handed, Place};
use crate::probe::LinkedProbe;
use crate::secrecy::{ByParameter, Parameters, PerFlow, Settled};

/// One probe at this site.
pub(crate) struct SiteProbe {
    pub(crate) linked: Py<LinkedProbe>,
    pub(crate) places: Vec<Place>,
    /// What its captures are, in the order of the program.
    pub(crate) captures: Vec<SiteCapture>,
    /// What its body is, if it is nothing but one capture of what the woven code hands over.
    pub(crate) direct: Option<Direct>,
    /// Its predicate, if a look may settle it.
    glance: Option<Glance>,
    pub(crate) parameters: Parameters,
    /// What the names of the function's parameters make of the values that the probe captures and stores.
    pub(crate) secrecy: PerFlow<ByParameter>,
}

/// A body that is one capture of inputs, none of which has to be made or can be secret.
pub(crate) struct Direct {
    pub(crate) capture: usize,
    /// The inputs, in the order of the fields.
    pub(crate) slots: Box<[u16]>,
}

impl Direct {
    fn of(linked: &Linked, places: &[Place], captures: &[SiteCapture]) -> Option<Self> {
        let (capture, slots) = linked.verified().captures_inputs()?;
        let capture = usize::from(capture);
        let is_open = |settled: &Settled| *settled == Settled::Open;
        let is_there = |slot: &u16| {
            let place = &places.get(usize::from(*slot));
            matches!(place, Some(Place::Load(_) | Place::Kept(_) | Place::Retval))
        };
        (captures[capture].settled.iter().all(is_open) && slots.iter().all(is_there)).then(|| {
            Self {
                capture,
                slots: slots.into(),
            }
        })
    }
}

/// One capture of a probe at this site: what all its events share, and what is secret in each of them.
pub(crate) struct SiteCapture {
    pub(crate) source: Arc<Source>,
    /// For each field.
    pub(crate) settled: Box<[Settled]>,
}

impl SiteCapture {
    fn all(linked: &Linked, origin: Origin, secrecy: &PerFlow<ByParameter>) -> Vec<Self> {
        let origin = Arc::new(origin);
        let capture = |index: usize| {
            let names = linked.fields(index);
            let settle = |field: usize| {
                if linked.hides() {
                    Settled::of(
                        linked.secret().fields[index][field],
                        secrecy.fields[index][field],
                        &linked.verified().flows()[index][field],
                    )
                } else {
                    Settled::Open
                }
            };
            Self {
                settled: (0..names.len()).map(settle).collect(),
                source: Arc::new(Source::new(Arc::clone(&origin), Arc::clone(names))),
            }
        };
        (0..linked.captures()).map(capture).collect()
    }
}

impl SiteProbe {
    /// `parameters` are the names of the positional parameters, and that of `*args`.
    pub(crate) fn new(
        function: &str,
        (parameters, star): (&[String], Option<&str>),
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
            moment: Moment::Point(plain.point),
            resource: Arc::clone(probe.queue.get().resource()),
            account: Account(Some(Arc::clone(&probe.losses))),
        };
        let names = parameters.iter().map(String::as_str);
        let parameters = Parameters::new(names, star, probe.linked.judge());
        let secrecy = parameters.judge(plain, probe.linked.verified());
        let glance = probe.linked.verified().glance().cloned();
        let places = places
            .iter()
            .map(Place::parse)
            .collect::<PyResult<Vec<_>>>()?;
        let captures = SiteCapture::all(&probe.linked, origin, &secrecy);
        let direct = Direct::of(&probe.linked, &places, &captures);
        Ok(Self {
            linked,
            places,
            captures,
            direct,
            glance,
            parameters,
            secrecy,
        })
    }

    /// Whether a look at the predicate may settle it.
    pub(crate) const fn has_glance(&self) -> bool {
        self.glance.is_some()
    }

    /// Whether the predicate passes, as far as a look at scalars tells: nothing is called, made or let go of for that.
    #[inline]
    pub(crate) fn glance(
        &self,
        handed: &Handed<'_, '_>,
        end: Option<End<'_, '_>>,
        duration: Option<f64>,
    ) -> Option<bool> {
        vm::glance(self.glance.as_ref()?, |slot| {
            scalar(self.places.get(usize::from(slot))?, handed, end, duration)
        })
    }
}

//! One probe at one site: its inputs bound to the function's slots, and what the parameters' names hide.

use std::sync::Arc;

use hogtrace_core::bytecode::Input;
use pyo3::prelude::*;

use crate::event::Origin;
use crate::place::Place;
use crate::probe::LinkedProbe;

/// One probe at this site.
pub(crate) struct SiteProbe {
    pub(crate) linked: Py<LinkedProbe>,
    pub(crate) places: Vec<Place>,
    pub(crate) origin: Arc<Origin>,
    /// Per capture and field: what the names of the function's parameters make of it.
    pub(crate) secrecy: Vec<Vec<ByParameter>>,
    /// Which positional parameters have secret names.
    pub(crate) secret_parameters: Vec<bool>,
}

/// What the names of the function's parameters say about a captured field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByParameter {
    Open,
    /// It was read through a parameter whose name is secret.
    Hidden,
    /// It was read through `args`, and some parameter's name is secret.
    Mixed,
}

impl SiteProbe {
    pub(crate) fn new(
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
        let secret_parameters = parameters.iter().map(is_secret).collect();
        Ok(Self {
            linked,
            places,
            origin: Arc::new(origin),
            secrecy,
            secret_parameters,
        })
    }
}

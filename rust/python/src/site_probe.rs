//! One probe at one site: its inputs bound to the function's slots, and what the parameters' names hide.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::event::Origin;
use crate::place::Place;
use crate::probe::LinkedProbe;
use crate::secrecy::{ByParameter, Parameters, PerFlow};

/// One probe at this site.
pub(crate) struct SiteProbe {
    pub(crate) linked: Py<LinkedProbe>,
    pub(crate) places: Vec<Place>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) parameters: Parameters,
    /// What the names of the function's parameters make of the values that the probe captures and stores.
    pub(crate) secrecy: PerFlow<ByParameter>,
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
            point: plain.point,
        };
        let names = parameters.iter().map(String::as_str);
        let parameters = Parameters::new(names, star, probe.linked.judge());
        let secrecy = parameters.judge(plain, probe.linked.verified());
        let places = places
            .iter()
            .map(Place::parse)
            .collect::<PyResult<Vec<_>>>()?;
        Ok(Self {
            linked,
            places,
            origin: Arc::new(origin),
            parameters,
            secrecy,
        })
    }
}

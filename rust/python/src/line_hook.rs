//! The hook of one line of a woven function: `del hook[token, *values]` before the statement that starts there.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::place::{Handed, Loads};
use crate::probe::LinkedProbe;
use crate::running::Running;
use crate::site::{self, Call, Site};
use crate::site_probe::SiteProbe;

/// The hook object of one line, woven into the code beside that of its [`Site`].
#[pyclass(frozen, module = "hogtrace._engine")]
pub(crate) struct LineHook {
    site: Py<Site>,
    probes: Vec<SiteProbe>,
    /// Whether the woven code loads values of the frame.
    loads: bool,
}

#[pymethods]
impl LineHook {
    #[new]
    #[pyo3(signature = (site, function, probes, *, parameters, star=None, loads))]
    #[expect(clippy::needless_pass_by_value, reason = "an argument from Python")]
    fn new(
        site: Py<Site>,
        function: &str,
        probes: Vec<(Py<LinkedProbe>, Vec<Bound<'_, PyAny>>)>,
        parameters: Vec<String>,
        star: Option<&str>,
        loads: usize,
    ) -> PyResult<Self> {
        let probes = probes
            .into_iter()
            .map(|(linked, places)| SiteProbe::new(function, (&parameters, star), linked, &places))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            site,
            probes,
            loads: loads > 0,
        })
    }

    /// The hook: `handed` is the call's token where calls have one to remember something, and the values that are
    /// loaded; a tuple if there are such.
    fn __delitem__(slf: &Bound<'_, Self>, handed: &Bound<'_, PyAny>) -> PyResult<()> {
        let this = slf.get();
        let Some(running) = Running::begin_hook() else {
            site::skip(&this.probes);
            return Ok(());
        };
        site::unless_defect(&this.probes, || this.run(handed));
        running.end()
    }

    /// A pickler that copies code by value gets a hook that does nothing.
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let engine = slf.py().import("hogtrace._engine")?;
        Ok((engine.getattr("inert_line_hook")?, PyTuple::empty(slf.py())))
    }
}

impl LineHook {
    /// Runs the probes of the line.
    fn run(&self, handed: &Bound<'_, PyAny>) {
        let py = handed.py();
        let site = self.site.bind(py);
        let values = handed.cast_exact::<PyTuple>().ok().filter(|_| self.loads);
        let remembers = site.get().remembers();
        let call = if remembers {
            let token =
                values.map_or_else(|| Some(handed.clone()), |values| values.get_item(0).ok());
            let Some(Ok(call)) = token.map(Bound::cast_into::<Call>) else {
                // The entry was not looked at, so nothing of this call was remembered.
                return site::skip(&self.probes);
            };
            Some(call)
        } else {
            None
        };
        let loads = values.map_or(Loads::Nothing, |tuple| Loads::Packed {
            tuple,
            skip: usize::from(remembers),
        });
        let mut kept = Vec::new();
        let drawn = Cell::new(None);
        if let Some(call) = &call {
            let call = call.borrow();
            kept.extend(call.kept.iter().map(|value| value.clone_ref(py)));
            drawn.set(call.drawn);
        }
        let handed = Handed {
            loads,
            kept: &kept,
            unbound: site.as_any(),
        };
        for probe in &self.probes {
            site::run(probe, handed, None, None, call.as_ref(), &drawn);
        }
        if let Some(call) = &call {
            // Its other lines, its next pass and its end go by the same number.
            call.borrow_mut().drawn = drawn.get();
        }
    }
}

/// A hook of a line without probes, which leaves every call alone.
#[pyfunction]
pub(crate) fn inert_line_hook(py: Python<'_>) -> PyResult<LineHook> {
    Ok(LineHook {
        site: Py::new(py, site::inert_site())?,
        probes: Vec::new(),
        loads: false,
    })
}

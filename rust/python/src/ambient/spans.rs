//! OpenTelemetry's current span, from the context variable in which that library keeps it.

use std::num::{NonZeroU64, NonZeroU128};
use std::ptr;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBoolMethods, PyDict, PyInt, PyString, PyType, PyWeakrefMethods, PyWeakrefReference,
};

use super::modules;
use crate::access::{named, plain_attribute, stored_item};
use crate::event::Span;

static OPEN_TELEMETRY: PyOnceLock<OpenTelemetry> = PyOnceLock::new();

/// What is asked of the modules of `opentelemetry`.
struct OpenTelemetry {
    /// The names of `opentelemetry.context`.
    context: Py<PyDict>,
    context_type: Py<PyType>,
    span_key: Py<PyString>,
    span_context_type: Py<PyType>,
    /// What was found in place as the keeper of contexts, and the variable in which it keeps them.
    keeper: PyOnceLock<(Py<PyAny>, Py<PyAny>)>,
}

/// Finds the modules, if they are in the process.
pub(super) fn find(py: Python<'_>) {
    if OPEN_TELEMETRY.get(py).is_none()
        && let Some(found) = OpenTelemetry::find(py)
    {
        let _ = OPEN_TELEMETRY.set(py, found);
    }
}

/// What one of OpenTelemetry's contexts tells of its span, if it has a valid one. Contexts do not change.
#[derive(Default)]
pub(super) struct Met {
    /// Weak, so that no span lives longer for having been looked at: what is found there is that very context.
    context: Option<Py<PyWeakrefReference>>,
    span: Option<Span>,
    /// The version of the names of `opentelemetry.context` at which its keeper was the known one.
    #[cfg(not(Py_3_12))]
    names: Option<u64>,
}

impl Met {
    #[inline]
    fn is(&self, context: &Bound<'_, PyAny>) -> bool {
        self.context.as_ref().is_some_and(|known| {
            let known = known.bind(context.py()).upgrade();
            known.is_some_and(|known| known.is(context))
        })
    }
}

/// The span that is current on this thread, if there is a valid one; `met` is what was found there last.
#[inline]
pub(super) fn current(py: Python<'_>, met: &mut Met) -> Option<Span> {
    OPEN_TELEMETRY.get(py)?.current(py, met)
}

impl OpenTelemetry {
    fn find(py: Python<'_>) -> Option<Self> {
        let propagation = modules::names(intern!(py, "opentelemetry.trace.propagation"))?;
        let span = modules::names(intern!(py, "opentelemetry.trace.span"))?;
        let types = modules::names(intern!(py, "opentelemetry.context.context"))?;
        let span_key = named(&propagation, intern!(py, "_SPAN_KEY"))?;
        Some(Self {
            context: modules::names(intern!(py, "opentelemetry.context"))?.unbind(),
            context_type: type_of_name(&types, intern!(py, "Context"))?,
            span_key: span_key.cast_into_exact().ok()?.unbind(),
            span_context_type: type_of_name(&span, intern!(py, "SpanContext"))?,
            keeper: PyOnceLock::new(),
        })
    }

    fn current(&self, py: Python<'_>, met: &mut Met) -> Option<Span> {
        let variable = &self.variable(py, met)?;
        let mut value = ptr::null_mut();
        // SAFETY: a context variable; on success `value` is a new reference or null.
        let context = unsafe {
            if ffi::PyContextVar_Get(variable.as_ptr(), ptr::null_mut(), &raw mut value) != 0 {
                ffi::PyErr_Clear();
                return None;
            }
            Bound::from_owned_ptr_or_opt(py, value)?
        };
        if !is_exactly(&context, self.context_type.bind(py)) {
            return None;
        }
        if !met.is(&context) {
            self.meet(&context, met);
        }
        met.span
    }

    #[cold]
    fn meet(&self, context: &Bound<'_, PyAny>, met: &mut Met) {
        met.context = PyWeakrefReference::new(context).ok().map(Bound::unbind);
        met.span = self.span_of(context);
    }

    /// The variable in which contexts are kept.
    #[inline]
    fn variable<'py>(
        &self,
        py: Python<'py>,
        #[cfg_attr(Py_3_12, allow(unused_variables, reason = "dicts have no versions"))]
        met: &mut Met,
    ) -> Option<Bound<'py, PyAny>> {
        let names = self.context.bind(py);
        #[cfg(not(Py_3_12))]
        let version = Some(modules::version(names));
        #[cfg(not(Py_3_12))]
        if version == met.names
            && let Some((_, variable)) = self.keeper.get(py)
        {
            return Some(variable.bind(py).clone());
        }
        let keeper = named(names, intern!(py, "_RUNTIME_CONTEXT"))?;
        let Some((known, variable)) = self.keeper.get(py) else {
            return self.variable_of(&keeper);
        };
        if !keeper.is(known) {
            return self.variable_of(&keeper);
        }
        #[cfg(not(Py_3_12))]
        {
            met.names = version;
        }
        Some(variable.bind(py).clone())
    }

    /// The span that a context has, if that is a valid one.
    fn span_of(&self, context: &Bound<'_, PyAny>) -> Option<Span> {
        let py = context.py();
        let context = context.cast::<PyDict>().ok()?;
        let span = named(context, self.span_key.bind(py))?;
        let ids = plain_attribute(&span, intern!(py, "_context"))?;
        if !is_exactly(&ids, self.span_context_type.bind(py)) {
            return None;
        }
        // A tuple: trace, span, whether it is remote, flags, state, whether it is valid.
        let is_valid = stored_item(&ids, 5)?;
        if !is_valid
            .cast_exact::<PyBool>()
            .is_ok_and(PyBoolMethods::is_true)
        {
            return None;
        }
        let (trace, span) = (stored_item(&ids, 0)?, stored_item(&ids, 1)?);
        let trace: u128 = trace.cast_exact::<PyInt>().ok()?.extract().ok()?;
        let span: u64 = span.cast_exact::<PyInt>().ok()?.extract().ok()?;
        Some(Span {
            trace_id: NonZeroU128::new(trace),
            span_id: NonZeroU64::new(span),
        })
    }

    /// The variable in which that keeper keeps contexts, if it is the library's own keeper.
    #[cold]
    fn variable_of<'py>(&self, keeper: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let py = keeper.py();
        let own = modules::names(intern!(py, "opentelemetry.context.contextvars_context"))?;
        let own = type_of_name(&own, intern!(py, "ContextVarsRuntimeContext"))?;
        if !is_exactly(keeper, own.bind(py)) {
            return None;
        }
        let variable = plain_attribute(keeper, intern!(py, "_current_context"))?;
        // SAFETY: an object that lives.
        if unsafe { ffi::PyContextVar_CheckExact(variable.as_ptr()) } == 0 {
            return None;
        }
        let found = (keeper.clone().unbind(), variable.clone().unbind());
        let _ = self.keeper.set(py, found);
        Some(variable)
    }
}

fn type_of_name(names: &Bound<'_, PyDict>, name: &Bound<'_, PyString>) -> Option<Py<PyType>> {
    let found = named(names, name)?.cast_into::<PyType>().ok()?;
    Some(found.unbind())
}

/// Whether an object is of that very type, whatever it says of itself.
fn is_exactly(object: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> bool {
    ptr::eq(object.get_type_ptr(), class.as_type_ptr())
}

//! Where the object is that a context-local proxy stands for, as Flask's `request` and `g` are, or what a thread-local
//! property has, as Bottle's `request` is made of, without running them.

use hogtrace_core::vm::FaultKind;
use pyo3::exceptions::PyLookupError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use pyo3::{ffi, intern};

use super::attribute::attribute;
use super::names::short_name;
use super::refusal::{Safe, Stop};
use super::slots::{Kind, kind_of};

/// What holds the object now, and the name of the attribute under which.
///
/// Werkzeug's `LocalProxy` keeps under `_get_current_object` a function whose closure has the context variable and what
/// takes the object out of the variable's value. The function does not run; its two parts are looked at.
pub(super) fn kept_by<'py>(
    proxy: &Bound<'py, PyAny>,
) -> Safe<'py, (Bound<'py, PyAny>, Bound<'py, PyString>)> {
    let py = proxy.py();
    let finder = attribute(proxy, intern!(py, "_get_current_object"))?;
    let unknown = || Stop::words(proxy, "no proxy of a context variable with a name");
    let (variable, name) = parts(&finder).ok_or_else(unknown)?;
    let value = match variable.call_method0(intern!(py, "get")) {
        Ok(value) => value,
        Err(error) if error.is_instance_of::<PyLookupError>(py) => {
            let message = format!(
                "'{}' stands for nothing here: no such context",
                short_name(proxy)
            );
            return Err(Stop::fault(FaultKind::Lookup, message));
        }
        Err(error) => return Err(Stop::raised(py, &error)),
    };
    Ok((value, name))
}

/// The context variable in a function's closure, and the name for which an `attrgetter` there asks.
fn parts<'py>(finder: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyString>)> {
    let py = finder.py();
    let (mut variable, mut name) = (None, None);
    for content in closed_over(finder)? {
        let kind = kind_of(&content);
        if kind == Kind::of_static(&raw mut ffi::PyContextVar_Type) {
            variable = Some(content);
        } else if kind.is_native() && kind.c_name().to_bytes() == b"operator.attrgetter" {
            // The type itself, and the names that it was made with.
            let made_of = content.call_method0(intern!(py, "__reduce__")).ok()?;
            let names = made_of
                .get_item(1)
                .ok()?
                .cast_into_exact::<PyTuple>()
                .ok()?;
            let [only] = names.iter().collect::<Vec<_>>().try_into().ok()?;
            name = only.cast_into_exact::<PyString>().ok();
        }
    }
    Some((variable?, name?))
}

/// What the cells of a function hold. These are members of exact types of CPython's, for which it runs no other code.
fn closed_over<'py>(function: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let py = function.py();
    if kind_of(function) != Kind::of_static(&raw mut ffi::PyFunction_Type) {
        return None;
    }
    let closure = function.getattr(intern!(py, "__closure__")).ok()?;
    let cells = closure.cast_into_exact::<PyTuple>().ok()?;
    let content = |cell: Bound<'py, PyAny>| cell.getattr(intern!(py, "cell_contents")).ok();
    Some(cells.iter().filter_map(content).collect())
}

/// What this thread has under a property whose getter closes over a `threading.local`, which keeps it as `variable`.
pub(super) fn kept_by_thread<'py>(
    object: &Bound<'py, PyAny>,
    property: &str,
    variable: &str,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let local = || {
        let found = kind_of(object)
            .lookup(&PyString::intern(py, property))
            .ok()??;
        if kind_of(&found) != Kind::of_static(&raw mut ffi::PyProperty_Type) {
            return None;
        }
        let getter = found.getattr(intern!(py, "fget")).ok()?;
        closed_over(&getter)?.into_iter().find(|content| {
            let kind = kind_of(content);
            kind.is_native() && kind.c_name().to_bytes() == b"_thread._local"
        })
    };
    let Some(local) = local() else {
        return Err(Stop::words(
            object,
            "no property over a thread's own variable",
        ));
    };
    // The type itself, whose instances have nothing but a dict for each thread.
    local.getattr(PyString::intern(py, variable)).map_err(|_| {
        let message = format!(
            "'{}' stands for nothing here: no such context",
            short_name(object)
        );
        Stop::fault(FaultKind::Lookup, message)
    })
}

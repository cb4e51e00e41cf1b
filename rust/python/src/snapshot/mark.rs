//! Marks: what stands in a copy where something was left out. They cannot be mistaken for strings of the application,
//! which are written differently where they look like one.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::redact::REDACTED;

/// What begins the mark of a cut.
pub(super) const CUT: &str = "…truncated";
/// What begins the mark of a value that contains itself.
pub(super) const CYCLE: &str = "…cycle";
/// What begins the mark of an object that was copied already.
pub(super) const SAME: &str = "…same";
/// What else a mark of a cut says when time ran out.
pub(super) const LATE: &str = ", out of time";

/// Whether a string could be taken for a mark.
pub(super) fn looks_like_mark(text: &str) -> bool {
    if text.starts_with('…') {
        return [CUT, CYCLE, SAME]
            .iter()
            .any(|begin| text.starts_with(begin));
    }
    text == REDACTED || text.ends_with(')') && ends_in_cut(text)
}

/// Whether a string ends in the mark that a cut string has.
fn ends_in_cut(text: &str) -> bool {
    let inner = &text[..text.len() - 1];
    let inner = inner.strip_suffix(LATE).unwrap_or(inner);
    inner
        .strip_suffix(" characters")
        .map(|head| head.trim_end_matches(|c: char| c.is_ascii_digit()))
        .and_then(|head| head.strip_suffix(" ("))
        .is_some_and(|head| head.ends_with(CUT))
}

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// `hogtrace.events.Mark`: a subclass of `str` that adds nothing.
pub(crate) fn mark_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let make = || -> PyResult<Py<PyType>> {
        let body = PyDict::new(py);
        body.set_item("__module__", "hogtrace._engine")?;
        body.set_item("__slots__", PyTuple::empty(py))?;
        body.set_item(
            "__doc__",
            "What stands in a captured value where something was left out: a cut, a cycle, a secret.",
        )?;
        let bases = PyTuple::new(py, [py.get_type::<PyString>()])?;
        let made = py.get_type::<PyType>().call1(("Mark", bases, body))?;
        Ok(made.cast_into::<PyType>()?.unbind())
    };
    Ok(CLASS.get_or_try_init(py, make)?.bind(py))
}

/// A mark as Python sees it.
pub(super) fn mark<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    mark_class(py)?.call1((text,))
}

/// Whether an object is a mark, from a copy that was read back.
pub(super) fn is_mark(value: &Bound<'_, PyAny>) -> bool {
    CLASS.get(value.py()).is_some_and(|class| {
        // SAFETY: an object that lives.
        unsafe { ffi::Py_TYPE(value.as_ptr()) == class.as_ptr().cast() }
    })
}

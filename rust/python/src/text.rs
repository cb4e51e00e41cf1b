//! Text for people: the canonical text of a source, and the page of an error code.

use hogtrace_core::error::Code;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;

use crate::errors::compile_error;

/// Gives the canonical text of a program's source.
#[pyfunction]
#[pyo3(signature = (source, *, name = "<string>"))]
pub(crate) fn format(py: Python<'_>, source: &str, name: &str) -> PyResult<String> {
    py.detach(|| hogtrace_core::format(source, name))
        .map_err(|errors| compile_error(py, &errors))
}

/// Gives the page of an error code, in Markdown; `KeyError` if there is no such code.
#[pyfunction]
#[pyo3(signature = (code, /))]
pub(crate) fn explain(code: &str) -> PyResult<String> {
    match Code::named(code) {
        Some(code) => Ok(hogtrace_core::explain(code)),
        None => Err(PyKeyError::new_err(code.to_owned())),
    }
}

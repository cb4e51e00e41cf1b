//! The engine's errors as the Python exceptions of `hogtrace.errors`.

use hogtrace_core::error::CompileErrors;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// Builds `hogtrace.errors.CompileError` with its report and its diagnostics.
pub(crate) fn compile_error(py: Python<'_>, errors: &CompileErrors) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let diagnostics = PyList::empty(py);
        for error in errors.diagnostics() {
            diagnostics.append((
                error.code.as_str(),
                &*error.message,
                error.line,
                error.column,
                error.end_line,
                error.end_column,
                error.help.as_deref(),
            ))?;
        }
        let class = py.import("hogtrace.errors")?.getattr("CompileError")?;
        Ok(PyErr::from_value(
            class.call1((errors.render(false), diagnostics))?,
        ))
    };
    build().unwrap_or_else(|error| error)
}

/// Builds `hogtrace.errors.ProgramError` for bytes that were refused.
pub(crate) fn program_error(py: Python<'_>, message: &str, offset: Option<usize>) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let class = py.import("hogtrace.errors")?.getattr("ProgramError")?;
        Ok(PyErr::from_value(class.call1((message, offset))?))
    };
    build().unwrap_or_else(|error| error)
}

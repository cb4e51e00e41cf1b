//! What an exception carries besides its arguments: notes, cause, context, and where it was raised.
//!
//! As in `slots`, the layouts are those of CPython 3.11 to 3.14, and nothing here runs code of the application.

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyCode;

use super::slots::{Kind, kind_of};

/// What an exception came from.
pub(crate) enum Origin<'py> {
    /// `raise … from cause`
    Cause(Bound<'py, PyAny>),
    /// It was raised while this one was handled.
    Context(Bound<'py, PyAny>),
}

/// What an exception came from, as a printed traceback tells it: its cause, else its context unless that is suppressed.
pub(crate) fn origin<'py>(exception: &Bound<'py, PyAny>) -> Option<Origin<'py>> {
    let raw = fields(exception)?;
    // SAFETY: an exception that lives keeps its cause and its context alive, or has null there.
    unsafe {
        let py = exception.py();
        if let Some(cause) = Bound::from_borrowed_ptr_or_opt(py, (*raw).cause) {
            return Some(Origin::Cause(cause));
        }
        // One byte in C, whatever the binding makes of it.
        if *(&raw const (*raw).suppress_context).cast::<u8>() != 0 {
            return None;
        }
        Bound::from_borrowed_ptr_or_opt(py, (*raw).context).map(Origin::Context)
    }
}

/// The place where a traceback ends, and what led there.
pub(crate) struct Frames {
    /// `file:line function`, the innermost first.
    pub(crate) innermost: Vec<String>,
    /// How many frames there are in all.
    pub(crate) total: usize,
}

/// The innermost `most` frames of an exception's traceback. `goes_on` is asked every so often; where it says no, what was
/// counted until then is given.
pub(crate) fn frames(
    exception: &Bound<'_, PyAny>,
    most: usize,
    mut goes_on: impl FnMut() -> bool,
) -> Frames {
    const ASK_EVERY: usize = 1024;
    let py = exception.py();
    let mut last: Vec<*mut ffi::PyTracebackObject> = Vec::new();
    let mut total = 0;
    // SAFETY: an exception that lives keeps its traceback alive, whose entries are a list that each entry keeps alive.
    unsafe {
        let mut entry = fields(exception).map_or(std::ptr::null_mut(), |raw| (*raw).traceback);
        while !entry.is_null()
            && ffi::Py_TYPE(entry) == &raw mut ffi::PyTraceBack_Type
            && (total % ASK_EVERY != ASK_EVERY - 1 || goes_on())
        {
            let raw = entry.cast::<ffi::PyTracebackObject>();
            if last.len() < most {
                last.push(raw);
            } else if most > 0 {
                last[total % most] = raw;
            }
            total += 1;
            entry = (*raw).tb_next.cast();
        }
    }
    let kept = last.len();
    let innermost = (0..kept)
        .map(|back| {
            // A ring: the entry before `total` is the innermost one.
            let raw = last[(total - 1 - back) % most];
            // SAFETY: see above; the code object is a new reference.
            unsafe {
                let code = ffi::PyFrame_GetCode((*raw).tb_frame);
                let line = if (*raw).tb_lineno > 0 {
                    (*raw).tb_lineno
                } else {
                    ffi::PyCode_Addr2Line(code, (*raw).tb_lasti)
                };
                Bound::from_owned_ptr_or_opt(py, code.cast::<PyObject>())
                    .and_then(|code| code.cast_into_exact::<PyCode>().ok())
                    .map_or_else(
                        || "?".to_owned(),
                        |code| crate::frames::place(&code, u32::try_from(line).unwrap_or(0)),
                    )
            }
        })
        .collect();
    Frames { innermost, total }
}

fn fields(exception: &Bound<'_, PyAny>) -> Option<*mut ffi::PyBaseExceptionObject> {
    kind_of(exception)
        .has(ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS)
        .then(|| exception.as_ptr().cast())
}

/// Where a function begins: `file:line`.
pub(crate) fn beginning(code: &Bound<'_, PyAny>) -> Option<String> {
    code.cast_exact::<PyCode>()
        .ok()
        .map(crate::frames::beginning_of)
}

/// The code object of a function.
pub(crate) fn code_of<'py>(function: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if kind_of(function) != Kind::of_static(&raw mut ffi::PyFunction_Type) {
        return None;
    }
    // SAFETY: a function that lives; its code is borrowed and taken at once.
    unsafe {
        let code = ffi::PyFunction_GetCode(function.as_ptr());
        Bound::from_borrowed_ptr_or_opt(function.py(), code)
    }
}

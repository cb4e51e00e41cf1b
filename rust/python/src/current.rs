//! The context variable that says which request is the current one.

use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::store::RequestLocalStore;

static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The store of the current request, if there is one.
pub(crate) fn store(py: Python<'_>) -> Option<Bound<'_, RequestLocalStore>> {
    let variable = CURRENT.get(py)?;
    let mut value = ptr::null_mut();
    // SAFETY: `variable` is a context variable; on success `value` is a new reference or null.
    let store = unsafe {
        if ffi::PyContextVar_Get(variable.as_ptr(), ptr::null_mut(), &raw mut value) != 0 {
            ffi::PyErr_Clear();
            return None;
        }
        Bound::from_owned_ptr_or_opt(py, value)?
    };
    store.cast_into_exact().ok()
}

/// Makes a store the current one of this context; gives what [`put_back`] takes.
pub(crate) fn make(store: &Bound<'_, RequestLocalStore>) -> PyResult<Py<PyAny>> {
    set(store.as_any()).map(Bound::unbind)
}

/// Makes what was current before the current one again: a store, or None.
pub(crate) fn make_again(old: &Bound<'_, PyAny>) -> PyResult<()> {
    set(old).map(drop)
}

fn set<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let variable = variable(py)?;
    // SAFETY: a context variable and a value that live; the result is a new reference, or null with an error.
    unsafe {
        let token = ffi::PyContextVar_Set(variable.as_ptr(), value.as_ptr());
        Bound::from_owned_ptr_or_err(py, token)
    }
}

/// Puts back what was current before that token was given.
///
/// # Errors
/// `ValueError` in another context than that in which it was given.
pub(crate) fn put_back(token: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = token.py();
    let variable = variable(py)?;
    // SAFETY: a context variable and a token that live.
    match unsafe { ffi::PyContextVar_Reset(variable.as_ptr(), token.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// The context variable that holds the current request's store.
pub(crate) fn variable(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let variable = CURRENT.get_or_try_init(py, || {
        // SAFETY: the name is a C string; there is no default; the result is a new reference or null with an error.
        unsafe {
            let variable =
                ffi::PyContextVar_New(c"hogtrace_current_store".as_ptr(), ffi::Py_None());
            Bound::from_owned_ptr_or_err(py, variable).map(Bound::unbind)
        }
    })?;
    Ok(variable.bind(py).clone())
}

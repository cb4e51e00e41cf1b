//! Modules that are in the process, found without importing any.

use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use super::{asyncio, spans};
use crate::access::named;

/// How many modules there were at the last look.
static SEEN: AtomicIsize = AtomicIsize::new(0);
/// `sys.modules`, kept because the interpreter takes it for a fatal error to be asked for it at its very end, when
/// finalisers still run.
static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// Notes where the modules are. Called when the engine is imported.
pub(crate) fn know_modules(py: Python<'_>) {
    // SAFETY: gives a borrowed reference to what the interpreter keeps.
    let modules = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyImport_GetModuleDict()) };
    if let Some(Ok(modules)) = modules.map(Bound::cast_into_exact) {
        MODULES.get_or_init(py, || modules.unbind());
    }
}

/// Finds out which of the libraries are there, if modules have come since the last time.
#[inline]
pub(super) fn look(py: Python<'_>) {
    let Some(modules) = MODULES.get(py) else {
        return;
    };
    // SAFETY: an exact dict; how many it holds stands in its head.
    let count = unsafe { (*modules.as_ptr().cast::<ffi::PyDictObject>()).ma_used };
    if SEEN.load(Relaxed) != count {
        look_again(py, count);
    }
}

#[cold]
fn look_again(py: Python<'_>, count: isize) {
    SEEN.store(count, Relaxed);
    asyncio::find(py);
    spans::find(py);
}

/// A number that no other dict and no other state of that dict has.
#[cfg(not(Py_3_12))]
#[inline]
pub(super) fn version(dict: &Bound<'_, PyDict>) -> u64 {
    // SAFETY: an exact dict, or one of a type that derives from it: that stands in its head.
    unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_version_tag }
}

/// The names of a module and their values.
pub(super) fn names<'py>(name: &Bound<'py, PyString>) -> Option<Bound<'py, PyDict>> {
    let py = name.py();
    let module = named(MODULES.get(py)?.bind(py), name)?;
    // SAFETY: what lives; a borrowed reference if it is a module, else null with an error, which is cleared.
    unsafe {
        let names = ffi::PyModule_GetDict(module.as_ptr());
        if names.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_borrowed_ptr_or_opt(py, names)?
            .cast_into_exact()
            .ok()
    }
}

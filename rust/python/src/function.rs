//! Exchanging a function's code object.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyFunction};

/// Gives `function` another code object.
///
/// CPython 3.13 and later forget a function's version when its code is assigned, and never give it a new one, which
/// leaves its calls unspecialised for good. A function whose version was its code's, as `def` makes it, gets that of
/// its new code.
#[pyfunction]
pub(crate) fn swap_code(
    function: &Bound<'_, PyFunction>,
    code: &Bound<'_, PyCode>,
) -> PyResult<()> {
    #[cfg(Py_3_13)]
    let known = version::is_intact(function)?;
    function.setattr(intern!(function.py(), "__code__"), code)?;
    #[cfg(Py_3_13)]
    if known {
        version::set(function, version::of_code(code));
    }
    Ok(())
}

#[cfg(Py_3_13)]
mod version {
    use pyo3::prelude::*;
    use pyo3::types::PyFunction;
    use pyo3::{ffi, intern};

    /// Byte offset of `co_version` in a code object: behind its header (24), three pointers, and the eleven
    /// integers from `co_flags` to `co_nfreevars`; so in 3.13 and 3.14.
    const CO_VERSION: usize = 24 + 3 * 8 + 11 * 4;

    /// Versions from here on are real ones: 3.14 keeps 1 for "cleared", and 0 is "none" everywhere.
    const FIRST: u32 = 2;

    /// Whether nobody has cleared the function's version yet.
    pub(super) fn is_intact(function: &Bound<'_, PyFunction>) -> PyResult<bool> {
        let version = of_function(function);
        Ok(version >= FIRST
            && version == of_code(&function.getattr(intern!(function.py(), "__code__"))?))
    }

    pub(super) fn of_code(code: &Bound<'_, PyAny>) -> u32 {
        // SAFETY: `code` is a code object, which is larger than that offset, and the field is aligned.
        unsafe {
            code.as_ptr()
                .cast::<u8>()
                .add(CO_VERSION)
                .cast::<u32>()
                .read()
        }
    }

    fn of_function(function: &Bound<'_, PyFunction>) -> u32 {
        // SAFETY: `function` is a function object, so its layout is PyO3's for this version.
        unsafe { (*function.as_ptr().cast::<ffi::PyFunctionObject>()).func_version }
    }

    pub(super) fn set(function: &Bound<'_, PyFunction>, version: u32) {
        // SAFETY: as above, and the GIL is held.
        unsafe { (*function.as_ptr().cast::<ffi::PyFunctionObject>()).func_version = version }
    }
}

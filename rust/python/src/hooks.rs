//! The type slots by which woven code reaches a site, in front of those that PyO3 makes.
//!
//! Most calls end in predicates that a look settles. For those, what PyO3 does around every slot (its count of the
//! thread's attachments, references that wait to be dropped, the conversion of errors) would cost more than the look. So
//! these slots look first, which needs none of that: it makes nothing, lets go of nothing, calls nothing and raises
//! nothing. Whatever a look does not settle goes to the slots behind, as if these were not there.

use std::sync::OnceLock;

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::{PyTypeInfo, ffi};

use crate::site::Site;

/// The slots that PyO3 made.
struct Behind {
    subscript: ffi::binaryfunc,
    assign: ffi::objobjargproc,
}

static BEHIND: OnceLock<Behind> = OnceLock::new();

/// Puts the slots of this file into the type of sites.
///
/// # Errors
/// With `SystemError` if PyO3 made the type in a way that it does not on any version known.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let kind = Site::type_object_raw(py);
    // SAFETY: the type lives for ever, and is a heap type: its table of slots is a part of itself, which nothing else looks
    // at meanwhile, as the GIL is held.
    let table = unsafe { (*kind).tp_as_mapping.as_mut() };
    let Some(table) = table else {
        return Err(PySystemError::new_err("the type of sites has no slots"));
    };
    let (Some(subscript), Some(assign)) = (table.mp_subscript, table.mp_ass_subscript) else {
        return Err(PySystemError::new_err("the type of sites lacks a slot"));
    };
    if BEHIND.set(Behind { subscript, assign }).is_ok() {
        table.mp_subscript = Some(enter);
        table.mp_ass_subscript = Some(leave);
    }
    Ok(())
}

/// `site[values]`, when the body begins.
unsafe extern "C" fn enter(
    site: *mut ffi::PyObject,
    values: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a slot with the GIL held, with objects that live until it returns, the first of which has the
    // type of the slot; there is no other than `Site`, which cannot be subclassed.
    let is_settled = unsafe {
        let py = Python::assume_attached();
        let this = Borrowed::from_ptr(py, site).cast_unchecked::<Site>();
        Site::settles_entry(&this, &Borrowed::from_ptr(py, values))
    };
    if is_settled {
        // SAFETY: `site` lives. It is the token of the call.
        unsafe { ffi::Py_INCREF(site) };
        return site;
    }
    match BEHIND.get() {
        // SAFETY: the slot that this one stands for, with its arguments.
        Some(behind) => unsafe { (behind.subscript)(site, values) },
        // It is set before this slot is.
        None => std::ptr::null_mut(),
    }
}

/// `site[values] = result`, when the body returns, and `del site[exception, …]`, when an exception leaves it.
unsafe extern "C" fn leave(
    site: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    result: *mut ffi::PyObject,
) -> std::ffi::c_int {
    // SAFETY: as above; `result` is null where something is deleted.
    let is_settled = unsafe {
        let py = Python::assume_attached();
        let this = Borrowed::from_ptr(py, site).cast_unchecked::<Site>();
        let key = Borrowed::from_ptr(py, key);
        match Borrowed::from_ptr_or_opt(py, result) {
            Some(result) => Site::settles_return(&this, &key, &result),
            None => Site::settles_exception(&this, &key),
        }
    };
    if is_settled {
        return 0;
    }
    match BEHIND.get() {
        // SAFETY: the slot that this one stands for, with its arguments.
        Some(behind) => unsafe { (behind.assign)(site, key, result) },
        // It is set before this slot is.
        None => -1,
    }
}

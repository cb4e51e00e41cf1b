//! Calls of the C functions of known types on objects of those types.
//!
//! As in `slots`, nothing here runs code of the application: the callers know the functions for what they are.

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::slots::{Kind, Slot, kind_of};
use crate::running::keep_foreign;

/// The iterator that `base`'s own `tp_iter` makes over an object of that type or one derived from it. Only for bases whose
/// iterators are C code that runs nothing of the application.
pub(crate) fn iterate<'py>(base: Kind<'_>, object: &Bound<'py, PyAny>) -> Option<Iterated<'py>> {
    debug_assert!(kind_of(object).derives_from(base));
    // SAFETY: the object is of the type to which the function belongs; the result is a new reference or null.
    unsafe {
        let iterator = (*base.raw).tp_iter?(object.as_ptr());
        if iterator.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(object.py(), iterator).map(Iterated)
    }
}

/// What `iterate` gives. Ends when the object changes meanwhile.
pub(crate) struct Iterated<'py>(Bound<'py, PyAny>);

impl<'py> Iterator for Iterated<'py> {
    type Item = Bound<'py, PyAny>;

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: an iterator that lives; the result is a new reference, or null, perhaps with an error.
        unsafe {
            let next = ffi::PyIter_Next(self.0.as_ptr());
            if next.is_null() {
                ffi::PyErr_Clear();
            }
            Bound::from_owned_ptr_or_opt(self.0.py(), next)
        }
    }
}

/// How many elements the length function of `base` itself counts in an object of that type or one derived from it.
pub(crate) fn base_length(base: Kind<'_>, object: &Bound<'_, PyAny>) -> usize {
    debug_assert!(kind_of(object).derives_from(base));
    // SAFETY: the object is of the type to which the function belongs; a negative result comes with an error.
    let length = unsafe {
        let length = (*base.raw)
            .tp_as_sequence
            .as_ref()
            .and_then(|table| table.sq_length)
            .map_or(0, |function| function(object.as_ptr()));
        if length < 0 {
            ffi::PyErr_Clear();
        }
        length
    };
    usize::try_from(length).unwrap_or(0)
}

/// Calls a descriptor's own `__get__`, which the caller knows to be C code that runs nothing of the application.
pub(crate) fn descriptor_get<'py>(
    descriptor: &Bound<'py, PyAny>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let kind = kind_of(descriptor);
    // SAFETY: the function is that of the descriptor's type; the result is a new reference or null with an error.
    unsafe {
        match (*kind.raw).tp_descr_get {
            Some(get) => {
                let value = get(
                    descriptor.as_ptr(),
                    object.as_ptr(),
                    kind_of(object).raw.cast(),
                );
                Bound::from_owned_ptr_or_err(py, value)
            }
            None => Ok(descriptor.clone()),
        }
    }
}

/// Calls the method of that name that `base` itself has, whatever a type derived from it or the object have.
pub(crate) fn call_own<'py>(
    base: Kind<'_>,
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    debug_assert!(kind_of(object).derives_from(base));
    match base.lookup(name) {
        Ok(Some(method)) => method.call1((object,)),
        _ => Err(PyAttributeError::new_err(name.clone().unbind())),
    }
}

/// `object.__getattribute__(object, name)` itself, for a name whose descriptor the caller knows to be harmless, or to be
/// none; `None` when there is no such attribute.
pub(crate) fn generic_get<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: an object and a string that live; the result is a new reference or null with an error, which is cleared.
    unsafe {
        let value = ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(object.py(), value)
    }
}

/// Calls the function of `base` for `slot`, one of those that take one object and give an object.
pub(crate) fn call_unary<'py>(
    base: Kind<'_>,
    slot: Slot,
    object: &Bound<'py, PyAny>,
) -> Option<PyResult<Bound<'py, PyAny>>> {
    // SAFETY: the object is of the type to which the function belongs; the result is a new reference or null with an
    // error.
    unsafe {
        let function = match slot {
            Slot::Str => (*base.raw).tp_str,
            Slot::Repr => (*base.raw).tp_repr,
            _ => None,
        }?;
        let result = Bound::from_owned_ptr_or_err(object.py(), function(object.as_ptr()));
        Some(result.inspect_err(|error| keep_foreign(object.py(), error)))
    }
}

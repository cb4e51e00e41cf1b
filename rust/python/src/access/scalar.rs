//! Numbers of `numpy`: one value each, asked of the C functions of its own types.
//!
//! The module is never imported: a type that C made and named so is proof enough, as in `shape`.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::calls::call_unary;
use super::slots::{Kind, Slot, kind_of};

/// A scalar of `numpy` as the value of Python that says the same.
pub(crate) enum Scalar<'py> {
    Bool(bool),
    /// An exact int or float.
    Number(Bound<'py, PyAny>),
    /// What has no number of Python's: complex numbers, moments, spans of time.
    Text(String),
}

/// The value of a `numpy` scalar; `None` for anything else.
pub(crate) fn numpy_scalar<'py>(object: &Bound<'py, PyAny>) -> Option<Scalar<'py>> {
    let native = kind_of(object).native();
    let name = native.c_name().to_bytes().strip_prefix(b"numpy.")?;
    if name.starts_with(b"bool") {
        return truth(native, object).map(Scalar::Bool);
    }
    let is_told = [
        &b"complex"[..],
        b"clongdouble",
        b"datetime64",
        b"timedelta64",
    ]
    .iter()
    .any(|begin| name.starts_with(begin));
    if is_told {
        let text = call_unary(native, Slot::Str, object)?.ok()?;
        let text = text.cast_into::<PyString>().ok()?;
        return Some(Scalar::Text(text.to_string_lossy().into_owned()));
    }
    let is_number = [
        "byte", "short", "int", "long", "ubyte", "ushort", "uint", "ulong", "half", "float",
    ]
    .iter()
    .any(|begin| name.starts_with(begin.as_bytes()));
    if !is_number {
        return None;
    }
    number(native, object).map(Scalar::Number)
}

fn truth(base: Kind<'_>, object: &Bound<'_, PyAny>) -> Option<bool> {
    // SAFETY: the object is of the type to which the function belongs; a negative result comes with an error.
    unsafe {
        let function = (*base.raw).tp_as_number.as_ref()?.nb_bool?;
        match function(object.as_ptr()) {
            0 => Some(false),
            1 => Some(true),
            _ => {
                ffi::PyErr_Clear();
                None
            }
        }
    }
}

/// An int where the type can be an index, else a float.
fn number<'py>(base: Kind<'_>, object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the object is of the type to which the functions belong; the result is a new reference, or null with an
    // error.
    let made = unsafe {
        let table = (*base.raw).tp_as_number.as_ref()?;
        let function = table.nb_index.or(table.nb_float)?;
        Bound::from_owned_ptr_or_err(object.py(), function(object.as_ptr()))
    };
    made.ok()
}

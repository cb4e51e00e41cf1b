//! Values of the machine to Python objects and back: what fits in a register is taken out of its object.

use hogtrace_core::value::{Scalar, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};
use pyo3::{IntoPyObjectExt, ffi};

/// Unboxes `None`, booleans, floats and 64-bit integers of exactly the built-in types; everything else stays itself.
///
/// A NaN stays an object too: containers take it for equal to itself, which only the object can tell.
pub(crate) fn to_value(object: Bound<'_, PyAny>) -> Value<Bound<'_, PyAny>> {
    match to_scalar(&object) {
        Some(scalar) => scalar.into(),
        None => Value::Object(object),
    }
}

/// The same for what becomes no object; `None` for what does.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "it is most of what a call costs that no probe fires in"
)]
pub(crate) fn to_scalar(object: &Bound<'_, PyAny>) -> Option<Scalar> {
    if object.is_exact_instance_of::<PyInt>() {
        let mut overflow = 0;
        // SAFETY: `object` is an exact int, so the call runs no code of anybody and cannot fail but by overflow,
        // which it reports through the flag.
        let value =
            unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
        return (overflow == 0).then_some(Scalar::Int(value));
    }
    if object.is_exact_instance_of::<PyFloat>() {
        // SAFETY: `object` is an exact float.
        let value = unsafe { ffi::PyFloat_AS_DOUBLE(object.as_ptr()) };
        return (!value.is_nan()).then_some(Scalar::Float(value));
    }
    if object.is_none() {
        return Some(Scalar::None);
    }
    object
        .cast_exact::<PyBool>()
        .ok()
        .map(|value| Scalar::Bool(value.is_true()))
}

/// The Python object of a value.
pub(crate) fn from_value<'py>(
    py: Python<'py>,
    value: &Value<Bound<'py, PyAny>>,
) -> Bound<'py, PyAny> {
    let boxed = match value {
        Value::None => return py.None().into_bound(py),
        Value::Bool(value) => return PyBool::new(py, *value).to_owned().into_any(),
        Value::Object(object) => return object.clone(),
        Value::Int(value) => value.into_bound_py_any(py),
        Value::Float(value) => return PyFloat::new(py, *value).into_any(),
    };
    // Boxing an integer fails only when memory is out, and then `None` is the value that harms least.
    boxed.unwrap_or_else(|_| py.None().into_bound(py))
}

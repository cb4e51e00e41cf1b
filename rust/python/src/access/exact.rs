//! Copies of values as objects of the built-in type itself.
//!
//! C code of the built-in types asks methods of an operand by name, or makes objects of the operand's class, where the
//! operand is of a subclass: `as_integer_ratio` of a float, `toordinal` of a datetime, `__buffer__` of a byte string, an
//! object with a finaliser for the difference of two sets. With a copy in its place none of that happens.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDateTime, PyFloat, PyTime, PyTzInfo};

use super::arithmetic::exact_int;
use super::part::byte_head;
use super::refusal::{Safe, Stop};
use super::shape::{Family, Shape};
use super::time::zone_of;

/// `object` itself where it is of the built-in type, or where no C code would take its class into account; a copy otherwise.
/// It is not larger than the object: the caller has looked at that.
pub(super) fn exact<'py>(
    object: &Bound<'py, PyAny>,
    shape: &Shape<'_>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    if shape.is_exact() {
        return Ok(object.clone());
    }
    let copy = match shape.family {
        Family::Int => exact_int(object),
        Family::Float => object
            .extract::<f64>()
            .map(|value| PyFloat::new(py, value).into_any()),
        Family::Bytes => {
            let (bytes, _) = byte_head(object, usize::MAX);
            Ok(PyBytes::new(py, &bytes).into_any())
        }
        Family::ByteArray => {
            let (bytes, _) = byte_head(object, usize::MAX);
            Ok(PyByteArray::new(py, &bytes).into_any())
        }
        Family::DateTime | Family::Time => moment(object, shape.family),
        _ => Ok(object.clone()),
    };
    copy.map_err(|error| Stop::raised(py, &error))
}

/// A set or frozenset with the same members, which nobody else knows.
pub(super) fn set_copy<'py>(
    set: &Bound<'py, PyAny>,
    family: Family,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = set.py();
    // SAFETY: a set or frozenset that lives; its members are copied with their hashes, and none is compared as the copy
    // begins empty. The result is a new reference or null with an error.
    let copy = unsafe {
        let copy = match family {
            Family::FrozenSet => ffi::PyFrozenSet_New(set.as_ptr()),
            _ => ffi::PySet_New(set.as_ptr()),
        };
        Bound::from_owned_ptr_or_err(py, copy)
    };
    copy.map_err(|error| Stop::raised(py, &error))
}

fn moment<'py>(moment: &Bound<'py, PyAny>, family: Family) -> PyResult<Bound<'py, PyAny>> {
    let (py, raw) = (moment.py(), moment.as_ptr());
    let zone = zone_of(moment)
        .map(Bound::cast_into::<PyTzInfo>)
        .transpose()?;
    // SAFETY: by its family the object is a datetime or a time in C, whose fields these are; they are all in range.
    unsafe {
        let small = |field: std::ffi::c_int| u8::try_from(field).unwrap_or(0);
        let large = |field: std::ffi::c_int| u32::try_from(field).unwrap_or(0);
        if family == Family::Time {
            return PyTime::new_with_fold(
                py,
                small(ffi::PyDateTime_TIME_GET_HOUR(raw)),
                small(ffi::PyDateTime_TIME_GET_MINUTE(raw)),
                small(ffi::PyDateTime_TIME_GET_SECOND(raw)),
                large(ffi::PyDateTime_TIME_GET_MICROSECOND(raw)),
                zone.as_ref(),
                ffi::PyDateTime_TIME_GET_FOLD(raw) != 0,
            )
            .map(Bound::into_any);
        }
        PyDateTime::new_with_fold(
            py,
            ffi::PyDateTime_GET_YEAR(raw),
            small(ffi::PyDateTime_GET_MONTH(raw)),
            small(ffi::PyDateTime_GET_DAY(raw)),
            small(ffi::PyDateTime_DATE_GET_HOUR(raw)),
            small(ffi::PyDateTime_DATE_GET_MINUTE(raw)),
            small(ffi::PyDateTime_DATE_GET_SECOND(raw)),
            large(ffi::PyDateTime_DATE_GET_MICROSECOND(raw)),
            zone.as_ref(),
            ffi::PyDateTime_DATE_GET_FOLD(raw) != 0,
        )
        .map(Bound::into_any)
    }
}

//! `object[key]`, `object[start:stop]` and `len(object)`.

use hogtrace_core::vm::FaultKind;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::arithmetic::{check_bits, exact_int};
use super::fields::Fields;
use super::names::short_name;
use super::part::string_size;
use super::refusal::{Safe, Stop};
use super::search::find;
use super::shape::{Family, Shape, shape_of};
use super::slots::Slot;
use super::storage::stored_length;
use super::work::{BYTES, ITEMS};

/// `object[key]`
pub(super) fn item<'py>(
    object: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let shape = shape_of(object);
    if !keeps_items(object.py(), &shape) {
        return Err(Stop::item(object, "__getitem__"));
    }
    match shape.family {
        Family::Dict => {
            let found = match object.cast::<PyDict>() {
                Ok(dict) => find(dict, key)?,
                Err(_) => None,
            };
            found.map_or_else(|| Err(no_key(object, &shape)), Ok)
        }
        Family::Fields => {
            let found = match object.cast::<Fields>() {
                Ok(headers) => headers.get().find(key)?,
                Err(_) => None,
            };
            found.ok_or_else(Stop::no_key)
        }
        Family::List
        | Family::Tuple
        | Family::Str
        | Family::Bytes
        | Family::ByteArray
        | Family::Range
        | Family::Deque => {
            let key_shape = shape_of(key);
            if !matches!(key_shape.family, Family::Int | Family::Bool) {
                if key_shape.family == Family::Other && !key_shape.keeps(Slot::Index) {
                    return Err(Stop::method(key, "__index__"));
                }
                let (what, name) = (indexed(&shape), short_name(key));
                return Err(Stop::fault(
                    FaultKind::Type,
                    format!("{what} must be integers or slices, not {name}"),
                ));
            }
            let py = object.py();
            if shape.family == Family::Range {
                check_range(object)?;
            }
            let index = exact_int(key).map_err(|error| Stop::raised(py, &error))?;
            object
                .get_item(index)
                .map_err(|error| Stop::raised(py, &error))
        }
        Family::Type => Err(Stop::item(object, "__class_getitem__")),
        _ => {
            let message = format!("'{}' object is not subscriptable", short_name(object));
            Err(Stop::fault(FaultKind::Type, message))
        }
    }
}

/// Whether items are read by the built-in type's own code. That of lists and dicts is a method too, and then CPython
/// fills the functions of every subclass with calls by name, so that the name decides.
fn keeps_items(py: Python<'_>, shape: &Shape<'_>) -> bool {
    shape.keeps_first([Slot::MappingSubscript, Slot::SequenceItem])
        || shape.keeps_method(intern!(py, "__getitem__"))
}

/// What CPython calls the indices of a sequence.
fn indexed(shape: &Shape<'_>) -> &'static str {
    match shape.family {
        Family::List => "list indices",
        Family::Tuple => "tuple indices",
        Family::Str => "string indices",
        Family::Bytes => "byte indices",
        Family::ByteArray => "bytearray indices",
        Family::Range => "range indices",
        _ => "sequence indices",
    }
}

/// The fault of a key that a dict does not have; a subclass may have a method for that.
fn no_key<'py>(object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Stop<'py> {
    let missing = intern!(object.py(), "__missing__");
    if !shape.is_exact() && !matches!(shape.kind.lookup(missing), Ok(None)) {
        return Stop::item(object, "__missing__");
    }
    Stop::no_key()
}

/// `object[start:stop]`; `None` is an open end.
pub(super) fn slice<'py>(
    object: &Bound<'py, PyAny>,
    start: &Bound<'py, PyAny>,
    stop: &Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let shape = shape_of(object);
    if !keeps_items(py, &shape) {
        return Err(Stop::item(object, "__getitem__"));
    }
    let (length, limit) = match shape.family {
        Family::List | Family::Tuple => (stored_length(object), ITEMS),
        Family::Bytes | Family::ByteArray => (stored_length(object), BYTES),
        // A slice of a range is a range: nothing is copied.
        Family::Range => {
            check_range(object)?;
            (0, ITEMS)
        }
        Family::Str => {
            let (length, width) = object
                .cast::<PyString>()
                .map_or((0, 1), |text| string_size(text));
            (length, BYTES / width)
        }
        Family::Other | Family::Fields | Family::Dict | Family::Deque => {
            return Err(Stop::fault(
                FaultKind::Type,
                format!("'{}' object cannot be sliced", short_name(object)),
            ));
        }
        _ => {
            let message = format!("'{}' object is not subscriptable", short_name(object));
            return Err(Stop::fault(FaultKind::Type, message));
        }
    };
    let (from, to) = (bound(start)?, bound(stop)?);
    let taken = to
        .as_ref()
        .map_or(length, |to| place(to, length))
        .saturating_sub(from.as_ref().map_or(0, |from| place(from, length)));
    if taken > limit {
        let message = format!("a slice of {taken} items; there are at most {limit}");
        return Err(Stop::fault(FaultKind::Limit, message));
    }
    // SAFETY: three ends that live, or null where they are open; the result is a new reference or null with an error.
    let slice = unsafe {
        let end = |end: &Option<Bound<'_, PyAny>>| {
            end.as_ref().map_or(std::ptr::null_mut(), Bound::as_ptr)
        };
        let slice = ffi::PySlice_New(end(&from), end(&to), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, slice)
    };
    slice
        .and_then(|slice| object.get_item(slice))
        .map_err(|error| Stop::raised(py, &error))
}

/// Checks that the numbers of a range are small enough to work with.
pub(super) fn check_range<'py>(range: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    let py = range.py();
    for name in [
        intern!(py, "start"),
        intern!(py, "stop"),
        intern!(py, "step"),
    ] {
        let number = range
            .getattr(name)
            .map_err(|error| Stop::raised(py, &error))?;
        check_bits(&number, &shape_of(&number))?;
    }
    Ok(())
}

/// One end of a slice, as an exact int.
fn bound<'py>(end: &Bound<'py, PyAny>) -> Safe<'py, Option<Bound<'py, PyAny>>> {
    let shape = shape_of(end);
    match shape.family {
        Family::None => Ok(None),
        Family::Int | Family::Bool => exact_int(end)
            .map(Some)
            .map_err(|error| Stop::raised(end.py(), &error)),
        Family::Other if !shape.keeps(Slot::Index) => Err(Stop::method(end, "__index__")),
        _ => {
            let message = "slice indices must be integers or None or have an __index__ method";
            Err(Stop::fault(FaultKind::Type, message))
        }
    }
}

/// Where one end of a slice lies in a sequence.
fn place(end: &Bound<'_, PyAny>, length: usize) -> usize {
    // Beyond 64 bits it is beyond every sequence, on the side of its sign.
    let beyond = || {
        if end.lt(0).unwrap_or(false) {
            i64::MIN
        } else {
            i64::MAX
        }
    };
    let end: i64 = end.extract().unwrap_or_else(|_| beyond());
    let distance = usize::try_from(end.unsigned_abs()).unwrap_or(usize::MAX);
    if end < 0 {
        length.saturating_sub(distance)
    } else {
        length.min(distance)
    }
}

/// `len(object)`
pub(super) fn length<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, usize> {
    let shape = shape_of(object);
    if !shape.keeps_first([Slot::MappingLength, Slot::SequenceLength]) {
        return Err(Stop::item(object, "__len__"));
    }
    if shape.family == Family::Fields
        && let Ok(headers) = object.cast::<Fields>()
    {
        return Ok(headers.get().count(object.py()));
    }
    if shape.base.slot(Slot::SequenceLength) == 0 && shape.base.slot(Slot::MappingLength) == 0 {
        let message = format!("object of type '{}' has no len()", short_name(object));
        return Err(Stop::fault(FaultKind::Type, message));
    }
    object
        .len()
        .map_err(|error| Stop::raised(object.py(), &error))
}

//! Membership: `item in container`. Containers are searched here, element by element; only what C code alone decides is
//! left to CPython.

use hogtrace_core::vm::FaultKind;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arithmetic::exact_int;
use super::calls::iterate;
use super::compare::same_or_equal;
use super::exact::exact;
use super::fields::Fields;
use super::item::check_range;
use super::names::short_name;
use super::part::byte_length;
use super::refusal::{Safe, Stop};
use super::search::{check_key, find, is_member};
use super::shape::{Family, shape_of};
use super::slots::{Kind, Slot};
use super::storage::stored_item;
use super::work::{SEARCH, Work, check_bytes, search};

/// `item in container`
pub(super) fn contains<'py>(
    container: &Bound<'py, PyAny>,
    item: &Bound<'py, PyAny>,
) -> Safe<'py, bool> {
    let py = container.py();
    let shape = shape_of(container);
    // That of dicts and sets is a method too, see `keeps_items`.
    let kept =
        shape.keeps(Slot::SequenceContains) || shape.keeps_method(intern!(py, "__contains__"));
    if !kept {
        return Err(Stop::item(container, "__contains__"));
    }
    match shape.family {
        Family::Str => contains_text(container, item),
        Family::Bytes | Family::ByteArray => contains_bytes(container, item),
        Family::Range => contains_number(container, item),
        Family::List | Family::Tuple => {
            let mut work = Work::new();
            for index in 0.. {
                let Some(element) = stored_item(container, index) else {
                    break;
                };
                work.touch()?;
                if work.inside(|work| same_or_equal(&element, item, work))? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Family::Deque | Family::DictView => {
            let mut work = Work::new();
            if shape.base == Kind::of_static(&raw mut ffi::PyDictKeys_Type) {
                check_key(item, &mut work)?;
            }
            for element in iterate(shape.base, container).into_iter().flatten() {
                work.touch()?;
                if work.inside(|work| same_or_equal(&element, item, work))? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Family::Dict => match container.cast::<PyDict>() {
            Ok(dict) => find(dict, item).map(|found| found.is_some()),
            Err(_) => Ok(false),
        },
        Family::Set | Family::FrozenSet => is_member(container, &shape, item),
        Family::Fields => match container.cast::<Fields>() {
            Ok(headers) => headers.get().find(item).map(|found| found.is_some()),
            Err(_) => Ok(false),
        },
        Family::Other | Family::Type | Family::Module | Family::Exception => {
            let native = shape.kind.native();
            let own = [Slot::SequenceContains, Slot::Iter, Slot::SequenceItem]
                .iter()
                .any(|&slot| shape.kind.slot(slot) != 0 || native.slot(slot) != 0);
            if own {
                return Err(Stop::item(container, "__contains__"));
            }
            Err(not_iterable(container))
        }
        _ => Err(not_iterable(container)),
    }
}

fn not_iterable<'py>(container: &Bound<'py, PyAny>) -> Stop<'py> {
    Stop::fault(
        FaultKind::Type,
        format!(
            "argument of type '{}' is not iterable",
            short_name(container)
        ),
    )
}

fn contains_text<'py>(container: &Bound<'py, PyAny>, item: &Bound<'py, PyAny>) -> Safe<'py, bool> {
    if shape_of(item).family != Family::Str {
        let message = format!(
            "'in <string>' requires string as left operand, not {}",
            short_name(item)
        );
        return Err(Stop::fault(FaultKind::Type, message));
    }
    check_bytes(container, byte_length(container))?;
    check_bytes(item, byte_length(item))?;
    search(byte_length(container), SEARCH)?;
    container
        .contains(item)
        .map_err(|error| Stop::raised(container.py(), &error))
}

fn contains_bytes<'py>(container: &Bound<'py, PyAny>, item: &Bound<'py, PyAny>) -> Safe<'py, bool> {
    let shape = shape_of(item);
    let outcome = match shape.family {
        Family::Int | Family::Bool if shape.keeps(Slot::Index) => {
            check_bytes(container, byte_length(container))?;
            container.contains(item)
        }
        Family::Bytes | Family::ByteArray if shape.keeps(Slot::Index) => {
            check_bytes(container, byte_length(container))?;
            check_bytes(item, byte_length(item))?;
            search(byte_length(container), SEARCH)?;
            container.contains(exact(item, &shape)?)
        }
        Family::Other | Family::Int | Family::Bool | Family::Bytes | Family::ByteArray => {
            return Err(Stop::words(
                item,
                "what it is as bytes only code of the application knows",
            ));
        }
        _ => {
            let message = format!(
                "a bytes-like object is required, not '{}'",
                short_name(item)
            );
            return Err(Stop::fault(FaultKind::Type, message));
        }
    };
    outcome.map_err(|error| Stop::raised(container.py(), &error))
}

fn contains_number<'py>(range: &Bound<'py, PyAny>, item: &Bound<'py, PyAny>) -> Safe<'py, bool> {
    let py = range.py();
    let shape = shape_of(item);
    if !shape.keeps(Slot::Compare) {
        return Err(Stop::method(item, "__eq__"));
    }
    check_range(range)?;
    let number = match shape.family {
        Family::Int | Family::Bool => exact_int(item),
        Family::Float | Family::Complex => {
            // SAFETY: reads a float, or the parts of a complex number; for these types that cannot fail.
            let (value, imaginary) = unsafe {
                match shape.family {
                    Family::Float => (ffi::PyFloat_AsDouble(item.as_ptr()), 0.0),
                    _ => (
                        ffi::PyComplex_RealAsDouble(item.as_ptr()),
                        ffi::PyComplex_ImagAsDouble(item.as_ptr()),
                    ),
                }
            };
            if value.fract() != 0.0 || !value.is_finite() || imaginary != 0.0 {
                return Ok(false);
            }
            // SAFETY: takes a finite float; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromDouble(value)) }
        }
        Family::Decimal => return Err(Stop::words(item, "in a range; use int(…)")),
        _ => return Ok(false),
    };
    number
        .and_then(|number| range.contains(number))
        .map_err(|error| Stop::raised(py, &error))
}

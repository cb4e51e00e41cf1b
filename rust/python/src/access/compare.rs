//! Comparisons. Containers are compared here, element by element; only what C code alone decides is left
//! to CPython.

use hogtrace_core::bytecode::CompareOp;
use hogtrace_core::vm::FaultKind;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::arithmetic::{check_bits, decimal_from_float};
use super::calls::{base_length, call_own, iterate};
use super::contains::contains;
use super::exact::exact;
use super::item::check_range;
use super::names::short_name;
use super::part::{bits, byte_length, string_size};
use super::refusal::{Safe, Stop};
use super::search::{Searched, checked_members};
use super::shape::{Family, Shape, shape_of};
use super::slots::Slot;
use super::storage::{entries, stored_item, stored_length};
use super::text::check_decimal;
use super::time::check_zone;
use super::work::{BITS, Work};

/// A comparison of two values.
pub(super) fn compare<'py>(
    op: CompareOp,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
) -> Safe<'py, bool> {
    match op {
        CompareOp::In => contains(right, left),
        CompareOp::NotIn => contains(right, left).map(|found| !found),
        CompareOp::NotEqual => equal(left, right, &mut Work::new()).map(|equal| !equal),
        CompareOp::Equal => equal(left, right, &mut Work::new()),
        _ => order(op, left, right, &mut Work::new()),
    }
}

/// Whether two elements of containers count as equal.
pub(super) fn same_or_equal<'py>(
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
    work: &mut Work,
) -> Safe<'py, bool> {
    if left.is(right) {
        Ok(true)
    } else {
        equal(left, right, work)
    }
}

/// Checks that neither side has a comparison of its own.
fn check_methods<'py>(
    (left, right): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
    (left_shape, right_shape): (&Shape<'_>, &Shape<'_>),
    method: &'static str,
) -> Safe<'py, ()> {
    for (object, shape) in [(left, left_shape), (right, right_shape)] {
        if !shape.keeps(Slot::Compare) {
            return Err(Stop::method(object, method));
        }
    }
    Ok(())
}

/// `left == right`
fn equal<'py>(
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
    work: &mut Work,
) -> Safe<'py, bool> {
    if let (Ok(left), Ok(right)) = (
        left.cast_exact::<PyString>(),
        right.cast_exact::<PyString>(),
    ) && string_size(left).0 != string_size(right).0
    {
        // By far the most frequent comparison, and its most frequent outcome.
        return Ok(false);
    }
    let shapes @ (left_shape, right_shape) = (&shape_of(left), &shape_of(right));
    check_methods((left, right), shapes, "__eq__")?;
    match (left_shape.family, right_shape.family) {
        (Family::List, Family::List)
        | (Family::Tuple, Family::Tuple)
        | (Family::Deque, Family::Deque) => {
            let same_length =
                sequence_length(left, left_shape) == sequence_length(right, right_shape);
            let (left, right) = ((left, left_shape), (right, right_shape));
            Ok(same_length && first_difference(left, right, work)?.is_none())
        }
        (Family::Dict, Family::Dict) => equal_dicts(left, right, work),
        (Family::Set | Family::FrozenSet, Family::Set | Family::FrozenSet) => {
            Ok(set_length(left) == set_length(right) && is_subset(left, right, work)?)
        }
        (Family::DictView, Family::DictView | Family::Set | Family::FrozenSet)
        | (Family::Set | Family::FrozenSet, Family::DictView)
            if !left.is(right) =>
        {
            let view = if left_shape.family == Family::DictView {
                left
            } else {
                right
            };
            Err(Stop::method(view, "__eq__"))
        }
        _ if by_c(left_shape) && by_c(right_shape) => plain(
            CompareOp::Equal,
            (left, left_shape),
            (right, right_shape),
            work,
        ),
        // What is not of one kind is equal only to itself.
        _ => Ok(left.is(right)),
    }
}

/// `left < right` and so on.
fn order<'py>(
    op: CompareOp,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
    work: &mut Work,
) -> Safe<'py, bool> {
    let shapes @ (left_shape, right_shape) = (&shape_of(left), &shape_of(right));
    check_methods((left, right), shapes, method(op))?;
    match (left_shape.family, right_shape.family) {
        (Family::List, Family::List)
        | (Family::Tuple, Family::Tuple)
        | (Family::Deque, Family::Deque) => {
            let difference = first_difference((left, left_shape), (right, right_shape), work)?;
            if let Some((left, right)) = difference {
                return work.inside(|work| order(op, &left, &right, work));
            }
            let length = sequence_length(left, left_shape);
            Ok(holds(op, length.cmp(&sequence_length(right, right_shape))))
        }
        (Family::Set | Family::FrozenSet, Family::Set | Family::FrozenSet) => {
            let (small, large) = match op {
                CompareOp::Less | CompareOp::LessEqual => (left, right),
                _ => (right, left),
            };
            let proper = matches!(op, CompareOp::Less | CompareOp::Greater);
            let (inner, outer) = (set_length(small), set_length(large));
            Ok(inner <= outer && !(proper && inner == outer) && is_subset(small, large, work)?)
        }
        (Family::DictView, _) | (_, Family::DictView) => {
            let view = if left_shape.family == Family::DictView {
                left
            } else {
                right
            };
            Err(Stop::method(view, method(op)))
        }
        _ if by_c(left_shape) && by_c(right_shape) => {
            plain(op, (left, left_shape), (right, right_shape), work)
        }
        _ => Err(not_supported(op, left, right)),
    }
}

const fn method(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Less => "__lt__",
        CompareOp::LessEqual => "__le__",
        CompareOp::Greater => "__gt__",
        CompareOp::GreaterEqual => "__ge__",
        CompareOp::In | CompareOp::NotIn => "__contains__",
        CompareOp::Equal | CompareOp::NotEqual => "__eq__",
    }
}

fn holds(op: CompareOp, ordering: std::cmp::Ordering) -> bool {
    match op {
        CompareOp::Less => ordering.is_lt(),
        CompareOp::LessEqual => ordering.is_le(),
        CompareOp::Greater => ordering.is_gt(),
        _ => ordering.is_ge(),
    }
}

fn not_supported<'py>(
    op: CompareOp,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
) -> Stop<'py> {
    let sign = match op {
        CompareOp::Less => "<",
        CompareOp::LessEqual => "<=",
        CompareOp::Greater => ">",
        _ => ">=",
    };
    let message = format!(
        "'{sign}' not supported between instances of '{}' and '{}'",
        short_name(left),
        short_name(right)
    );
    Stop::fault(FaultKind::Type, message)
}

/// Whether C code that runs nothing else compares values of this family with each other.
fn by_c(shape: &Shape<'_>) -> bool {
    shape.is_scalar()
        || matches!(
            shape.family,
            Family::ByteArray | Family::Range | Family::Zone
        )
}

/// A comparison that C code of built-in types decides.
fn plain<'py>(
    op: CompareOp,
    (left, left_shape): (&Bound<'py, PyAny>, &Shape<'_>),
    (right, right_shape): (&Bound<'py, PyAny>, &Shape<'_>),
    work: &mut Work,
) -> Safe<'py, bool> {
    let py = left.py();
    if left_shape.family == Family::Decimal || right_shape.family == Family::Decimal {
        return decimals(op, (left, left_shape.family), (right, right_shape.family));
    }
    for (object, shape) in [(left, left_shape), (right, right_shape)] {
        match shape.family {
            Family::Date | Family::DateTime | Family::Time => check_zone(object)?,
            Family::Int if bits(object) > BITS => work.bytes(object, bits(object) / 8)?,
            Family::Range => check_range(object)?,
            _ => {}
        }
    }
    if left_shape.is_bytes() != right_shape.is_bytes() {
        // CPython would ask the other side for a buffer, and warn of strings where the interpreter was told to.
        return if op == CompareOp::Equal {
            Ok(false)
        } else {
            Err(not_supported(op, left, right))
        };
    }
    let (length, other) = (byte_length(left), byte_length(right));
    if op != CompareOp::Equal || length == other {
        work.bytes(left, length.min(other))?;
    }
    if op == CompareOp::Equal && left_shape.is_bytes() && length != other {
        return Ok(false);
    }
    let (left, right) = (harmless(left, left_shape)?, harmless(right, right_shape)?);
    run(op, &left, &right).map_err(|error| Stop::raised(py, &error))
}

/// A value whose comparison asks no methods of its class.
fn harmless<'py>(object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Safe<'py, Bound<'py, PyAny>> {
    match shape.family {
        Family::Bytes | Family::ByteArray | Family::DateTime | Family::Time => exact(object, shape),
        _ => Ok(object.clone()),
    }
}

fn run(op: CompareOp, left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> PyResult<bool> {
    let op = match op {
        CompareOp::Less => ffi::Py_LT,
        CompareOp::LessEqual => ffi::Py_LE,
        CompareOp::Greater => ffi::Py_GT,
        CompareOp::GreaterEqual => ffi::Py_GE,
        _ => ffi::Py_EQ,
    };
    // SAFETY: two objects that live; the result is a new reference or null with an error. Both are of built-in types.
    let outcome = unsafe {
        let outcome = ffi::PyObject_RichCompare(left.as_ptr(), right.as_ptr(), op);
        Bound::from_owned_ptr_or_err(left.py(), outcome)?
    };
    outcome.is_truthy()
}

/// Decimals with each other and with numbers. CPython's own comparison with a float sets a flag in the application's
/// decimal context, one with a NaN may raise, and one with any other type asks that type.
fn decimals<'py>(
    op: CompareOp,
    (left, left_family): (&Bound<'py, PyAny>, Family),
    (right, right_family): (&Bound<'py, PyAny>, Family),
) -> Safe<'py, bool> {
    let py = left.py();
    for (object, family) in [(left, left_family), (right, right_family)] {
        // A comparison makes a decimal of an integer, which takes the longer the larger it is.
        match family {
            Family::Decimal => check_decimal(object)?,
            Family::Int => check_bits(object, &shape_of(object))?,
            _ => {}
        }
    }
    let number = |object: &Bound<'py, PyAny>, family| match family {
        Family::Decimal | Family::Int | Family::Bool => Ok(Some(object.clone())),
        Family::Float => {
            let decimal = if left_family == Family::Decimal {
                left
            } else {
                right
            };
            decimal_from_float(decimal, object).map(Some)
        }
        _ => Ok(None),
    };
    let (Some(left_number), Some(right_number)) =
        (number(left, left_family)?, number(right, right_family)?)
    else {
        return if op == CompareOp::Equal {
            Ok(false)
        } else {
            Err(not_supported(op, left, right))
        };
    };
    for (object, family) in [(&left_number, left_family), (&right_number, right_family)] {
        if matches!(family, Family::Decimal | Family::Float) {
            let base = shape_of(object).base;
            let nan = call_own(base, object, intern!(py, "is_nan")).and_then(|nan| nan.is_truthy());
            if nan.map_err(|error| Stop::raised(py, &error))? {
                return Ok(false);
            }
        }
    }
    run(op, &left_number, &right_number).map_err(|error| Stop::raised(py, &error))
}

/// How many elements a list, tuple or deque stores.
fn sequence_length(object: &Bound<'_, PyAny>, shape: &Shape<'_>) -> usize {
    match shape.family {
        Family::Deque => base_length(shape.base, object),
        _ => stored_length(object),
    }
}

/// The first pair of elements of two lists, tuples or deques that differ.
fn first_difference<'py>(
    (left, left_shape): (&Bound<'py, PyAny>, &Shape<'_>),
    (right, right_shape): (&Bound<'py, PyAny>, &Shape<'_>),
    work: &mut Work,
) -> Safe<'py, Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let mut differs = |one: &Bound<'py, PyAny>, other: &Bound<'py, PyAny>| {
        work.touch()?;
        work.inside(|work| same_or_equal(one, other, work))
            .map(|equal| !equal)
    };
    if left_shape.family == Family::Deque {
        let left = iterate(left_shape.base, left).into_iter().flatten();
        for (one, other) in left.zip(iterate(right_shape.base, right).into_iter().flatten()) {
            if differs(&one, &other)? {
                return Ok(Some((one, other)));
            }
        }
        return Ok(None);
    }
    for index in 0.. {
        let (Some(one), Some(other)) = (stored_item(left, index), stored_item(right, index)) else {
            break;
        };
        if differs(&one, &other)? {
            return Ok(Some((one, other)));
        }
    }
    Ok(None)
}

fn equal_dicts<'py>(
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
    work: &mut Work,
) -> Safe<'py, bool> {
    let (Ok(left), Ok(right)) = (left.cast::<PyDict>(), right.cast::<PyDict>()) else {
        return Ok(false);
    };
    if left.len() != right.len() {
        return Ok(false);
    }
    let right = Searched::new(right, work)?;
    for (key, value) in entries(left) {
        work.touch()?;
        let equal = match right.get(&key, work)? {
            Some(other) => work.inside(|work| same_or_equal(&value, &other, work))?,
            None => false,
        };
        if !equal {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set_length(set: &Bound<'_, PyAny>) -> usize {
    // SAFETY: a set or frozenset that lives.
    usize::try_from(unsafe { ffi::PySet_Size(set.as_ptr()) }).unwrap_or(0)
}

/// Whether all members of `inner` are in `outer`.
fn is_subset<'py>(
    inner: &Bound<'py, PyAny>,
    outer: &Bound<'py, PyAny>,
    work: &mut Work,
) -> Safe<'py, bool> {
    checked_members(outer, work)?;
    for member in checked_members(inner, work)? {
        // SAFETY: a set and a key that live; all members run C code alone, see above.
        match unsafe { ffi::PySet_Contains(outer.as_ptr(), member.as_ptr()) } {
            1 => {}
            0 => return Ok(false),
            _ => return Err(Stop::raised(inner.py(), &PyErr::fetch(inner.py()))),
        }
    }
    Ok(true)
}

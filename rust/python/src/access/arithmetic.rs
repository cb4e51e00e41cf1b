//! Operators and conversions of numbers, strings and sequences: checked for size first, then done by CPython.

use hogtrace_core::bytecode::{BinaryOp, UnaryOp};
use hogtrace_core::vm::FaultKind;
use pyo3::ffi::{self, PyObject};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};

use super::exact::{exact, set_copy};
use super::names::short_name;
use super::part::{bits, string_size};
use super::refusal::{Safe, Stop};
use super::search::checked_members;
use super::shape::{Family, Shape, shape_of};
use super::slots::Slot;
use super::storage::stored_length;
use super::time::{is_plain_zone, zone_of};
use super::work::{BITS, BYTES, ITEMS, Work};

/// Rounding to more digits before the point makes 0 of every integer within the limit, which has at most 1,234 digits.
const ROUNDED: i64 = 1300;

/// `-a` and `+a`
pub(super) fn unary<'py>(op: UnaryOp, operand: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let shape = shape_of(operand);
    let (slot, method, function): (_, _, unsafe extern "C" fn(*mut PyObject) -> *mut PyObject) =
        match op {
            UnaryOp::Negate => (Slot::Negative, "__neg__", ffi::PyNumber_Negative),
            UnaryOp::Plus => (Slot::Positive, "__pos__", ffi::PyNumber_Positive),
        };
    check_family(operand, &shape, method)?;
    if !shape.keeps(slot) {
        return Err(Stop::method(operand, method));
    }
    check_bits(operand, &shape)?;
    // SAFETY: an object that lives, whose function is that of a built-in type; the result is new or null with an error.
    new(operand.py(), unsafe { function(operand.as_ptr()) })
}

/// `abs(a)`
pub(super) fn absolute<'py>(operand: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let shape = shape_of(operand);
    check_family(operand, &shape, "__abs__")?;
    if !shape.keeps(Slot::Absolute) {
        return Err(Stop::method(operand, "__abs__"));
    }
    check_bits(operand, &shape)?;
    // SAFETY: as in `unary`.
    new(operand.py(), unsafe {
        ffi::PyNumber_Absolute(operand.as_ptr())
    })
}

/// `left op right`
pub(super) fn binary<'py>(
    op: BinaryOp,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    type Function = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;
    let (method, function): (_, Function) = match op {
        BinaryOp::Add => ("__add__", ffi::PyNumber_Add),
        BinaryOp::Subtract => ("__sub__", ffi::PyNumber_Subtract),
        BinaryOp::Multiply => ("__mul__", ffi::PyNumber_Multiply),
        BinaryOp::Divide => ("__truediv__", ffi::PyNumber_TrueDivide),
        BinaryOp::FloorDivide => ("__floordiv__", ffi::PyNumber_FloorDivide),
        BinaryOp::Modulo => ("__mod__", ffi::PyNumber_Remainder),
    };
    let (left_shape, right_shape) = (shape_of(left), shape_of(right));
    if op == BinaryOp::Modulo
        && matches!(
            left_shape.family,
            Family::Str | Family::Bytes | Family::ByteArray
        )
    {
        return Err(Stop::fault(
            FaultKind::Type,
            "% is arithmetic here: it does not format strings",
        ));
    }
    for (object, shape) in [(left, &left_shape), (right, &right_shape)] {
        check_family(object, shape, method)?;
        if !keeps_operator(op, object.py(), shape) {
            return Err(Stop::method(object, method));
        }
    }
    if op == BinaryOp::Add && left_shape.is_bytes() != right_shape.is_bytes() {
        // A byte string would ask it for a buffer.
        for (object, shape) in [(left, &left_shape), (right, &right_shape)] {
            if !shape.is_bytes() && !shape.keeps(Slot::Buffer) {
                return Err(Stop::method(object, "__buffer__"));
            }
        }
    }
    check_size(op, (left, &left_shape), (right, &right_shape))?;
    check_moments(left, right)?;
    let mut work = Work::new();
    let (left, right) = match op {
        BinaryOp::Subtract => (
            &operand(left, &left_shape, &mut work)?,
            &operand(right, &right_shape, &mut work)?,
        ),
        _ => (&exact(left, &left_shape)?, &exact(right, &right_shape)?),
    };
    // SAFETY: two objects that live, whose functions are those of built-in types; the result is a new reference or null
    // with an error.
    let result = new(left.py(), unsafe {
        function(left.as_ptr(), right.as_ptr())
    })?;
    check_bits(&result, &shape_of(&result))?;
    Ok(result)
}

/// Whether an operand's type has the operator of its built-in type.
///
/// Where the functions differ the names decide: CPython fills those of a subclass of a sequence with calls by name.
fn keeps_operator(op: BinaryOp, py: Python<'_>, shape: &Shape<'_>) -> bool {
    let kept = |slots: &[Slot]| slots.iter().all(|&slot| shape.keeps(slot));
    match op {
        BinaryOp::Add => {
            kept(&[Slot::Add, Slot::SequenceConcat])
                || shape.keeps_methods(&[intern!(py, "__add__"), intern!(py, "__radd__")])
        }
        BinaryOp::Multiply => {
            shape.keeps(Slot::Index)
                && (kept(&[Slot::Multiply, Slot::SequenceRepeat])
                    || shape.keeps_methods(&[intern!(py, "__mul__"), intern!(py, "__rmul__")]))
        }
        BinaryOp::Subtract => kept(&[Slot::Subtract]),
        BinaryOp::Divide => kept(&[Slot::TrueDivide]),
        BinaryOp::FloorDivide => kept(&[Slot::FloorDivide]),
        BinaryOp::Modulo => kept(&[Slot::Remainder]),
    }
}

/// Takes a new reference, or the exception that is set.
fn new(py: Python<'_>, result: *mut PyObject) -> Safe<'_, Bound<'_, PyAny>> {
    // SAFETY: the callers pass what a function of the C API gave: a new reference, or null with an error.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }.map_err(|error| Stop::raised(py, &error))
}

/// Checks that an operand's arithmetic is known.
fn check_family<'py>(
    object: &Bound<'py, PyAny>,
    shape: &Shape<'_>,
    method: &'static str,
) -> Safe<'py, ()> {
    match shape.family {
        Family::Decimal => Err(Stop::words(
            object,
            "arithmetic would change the application's decimal context; use float(…), or access=\"python\"",
        )),
        // Arithmetic on subclasses of these calls the class to make the result.
        Family::Date | Family::DateTime | Family::TimeDelta | Family::Time if !shape.is_exact() => {
            Err(Stop::method(object, method))
        }
        Family::DictView | Family::Deque => Err(Stop::method(object, method)),
        _ => Ok(()),
    }
}

/// Refuses integers that are too large to work with.
pub(super) fn check_bits<'py>(object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Safe<'py, ()> {
    if shape.family != Family::Int {
        return Ok(());
    }
    let bits = bits(object);
    if bits <= BITS {
        return Ok(());
    }
    Err(Stop::fault(
        FaultKind::Limit,
        format!("an integer of {bits} bits; there are at most {BITS}"),
    ))
}

/// Checks the size of the result, before it is made.
fn check_size<'py>(
    op: BinaryOp,
    (left, left_shape): (&Bound<'py, PyAny>, &Shape<'_>),
    (right, right_shape): (&Bound<'py, PyAny>, &Shape<'_>),
) -> Safe<'py, ()> {
    check_bits(left, left_shape)?;
    check_bits(right, right_shape)?;
    let (left_size, right_size) = (size(left, left_shape), size(right, right_shape));
    let are_bytes = [left_shape, right_shape]
        .iter()
        .all(|shape| matches!(shape.family, Family::Bytes | Family::ByteArray));
    let made = match (op, left_size, right_size) {
        // Of unlike sequences nothing is made: CPython says so.
        (BinaryOp::Add, Some(left_size), Some(right_size))
            if left_shape.family == right_shape.family || are_bytes =>
        {
            left_size.plus(right_size)
        }
        (BinaryOp::Multiply, Some(size), None) => size.times(right),
        (BinaryOp::Multiply, None, Some(size)) => size.times(left),
        (BinaryOp::Multiply, None, None)
            if left_shape.family == Family::Int && right_shape.family == Family::Int =>
        {
            // The product has that many bits or one less.
            let bits = bits(left) + bits(right);
            if bits > BITS + 1 {
                let message = format!("an integer of {bits} bits; there are at most {BITS}");
                return Err(Stop::fault(FaultKind::Limit, message));
            }
            return Ok(());
        }
        _ => return Ok(()),
    };
    if made.units > made.limit {
        let message = match made.limit {
            BYTES => format!(
                "a string of {} bytes; there are at most {BYTES}",
                made.units
            ),
            _ => format!(
                "a sequence of {} items; there are at most {ITEMS}",
                made.units
            ),
        };
        return Err(Stop::fault(FaultKind::Limit, message));
    }
    Ok(())
}

/// How large a string or sequence is, and may be.
#[derive(Clone, Copy)]
struct Size {
    units: usize,
    /// Bytes per unit.
    width: usize,
    limit: usize,
}

impl Size {
    fn plus(self, other: Self) -> Self {
        let width = self.width.max(other.width);
        let length = (self.units / self.width).saturating_add(other.units / other.width);
        Self {
            units: length.saturating_mul(width),
            width,
            limit: self.limit,
        }
    }

    fn times(self, factor: &Bound<'_, PyAny>) -> Self {
        // A negative number of times is none, and what is no number or beyond 64 bits CPython refuses itself.
        let factor = factor.extract::<i64>().unwrap_or(0);
        let factor = usize::try_from(factor).unwrap_or(0);
        Self {
            units: self.units.saturating_mul(factor),
            ..self
        }
    }
}

fn size(object: &Bound<'_, PyAny>, shape: &Shape<'_>) -> Option<Size> {
    match shape.family {
        Family::Str => {
            let (length, width) = string_size(object.cast::<PyString>().ok()?);
            Some(Size {
                units: length * width,
                width,
                limit: BYTES,
            })
        }
        Family::Bytes | Family::ByteArray => Some(Size {
            units: stored_length(object),
            width: 1,
            limit: BYTES,
        }),
        Family::List | Family::Tuple => Some(Size {
            units: stored_length(object),
            width: 1,
            limit: ITEMS,
        }),
        _ => None,
    }
}

/// Checks that the difference of two moments asks no time zone of the application's. Only two different zones are asked.
fn check_moments<'py>(left: &Bound<'py, PyAny>, right: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    if shape_of(left).family != Family::DateTime || shape_of(right).family != Family::DateTime {
        return Ok(());
    }
    match (zone_of(left), zone_of(right)) {
        (Some(one), Some(other)) if !one.is(&other) => {
            for zone in [one, other] {
                if !is_plain_zone(&zone) {
                    return Err(Stop::method(&zone, "utcoffset"));
                }
            }
            Ok(())
        }
        (Some(zone), None) | (None, Some(zone)) if !is_plain_zone(&zone) => {
            Err(Stop::method(&zone, "utcoffset"))
        }
        _ => Ok(()),
    }
}

/// An operand of a difference. Of a set that is a copy whose members are compared by C code alone.
fn operand<'py>(
    object: &Bound<'py, PyAny>,
    shape: &Shape<'_>,
    work: &mut Work,
) -> Safe<'py, Bound<'py, PyAny>> {
    if !matches!(shape.family, Family::Set | Family::FrozenSet) {
        return exact(object, shape);
    }
    checked_members(object, work)?;
    // Looked at again, as nobody can change the copy.
    let copy = set_copy(object, shape.family)?;
    checked_members(&copy, &mut Work::new())?;
    Ok(copy)
}

/// An int, bool or subclass of int as an exact int, by its stored value.
pub(super) fn exact_int<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    debug_assert!(matches!(
        shape_of(object).family,
        Family::Int | Family::Bool
    ));
    // SAFETY: an int that lives; for one the function only copies. The result is a new reference or null with an error.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), ffi::PyNumber_Index(object.as_ptr())) }
}

/// A float as a decimal of the type of `decimal`: exact, so that no context has a part in it.
pub(super) fn decimal_from_float<'py>(
    decimal: &Bound<'py, PyAny>,
    float: &Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = decimal.py();
    let class = shape_of(decimal).base.object(py);
    let made = float
        .extract::<f64>()
        .and_then(|value| class.call_method1("from_float", (value,)));
    made.map_err(|error| Stop::raised(py, &error))
}

/// `round(number)` and `round(number, digits)`
pub(super) fn round<'py>(
    number: &Bound<'py, PyAny>,
    digits: Option<&Bound<'py, PyAny>>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = number.py();
    let shape = shape_of(number);
    let exact = match shape.family {
        Family::Int | Family::Bool => exact_int(number),
        Family::Float => number
            .extract::<f64>()
            .map(|value| PyFloat::new(py, value).into_any()),
        Family::Other | Family::Decimal => return Err(Stop::method(number, "__round__")),
        _ => {
            let message = format!(
                "type {} doesn't define __round__ method",
                short_name(number)
            );
            return Err(Stop::fault(FaultKind::Type, message));
        }
    };
    if shape.family != Family::Bool && !shape.keeps_method(intern!(py, "__round__")) {
        return Err(Stop::method(number, "__round__"));
    }
    let exact = exact.map_err(|error| Stop::raised(py, &error))?;
    check_bits(&exact, &shape_of(&exact))?;
    let rounded = match digits.filter(|digits| !digits.is_none()) {
        None => exact.call_method0("__round__"),
        Some(digits) => {
            if !matches!(shape_of(digits).family, Family::Int | Family::Bool) {
                let message = format!(
                    "'{}' object cannot be interpreted as an integer",
                    short_name(digits)
                );
                return Err(Stop::fault(FaultKind::Type, message));
            }
            let digits = exact_int(digits).map_err(|error| Stop::raised(py, &error))?;
            // An integer is rounded with a power of ten of so many digits.
            if shape.family != Family::Float && digits.lt(-ROUNDED).unwrap_or(false) {
                exact.call_method1("__round__", (-ROUNDED,))
            } else {
                exact.call_method1("__round__", (digits,))
            }
        }
    };
    let rounded = rounded.map_err(|error| Stop::raised(py, &error))?;
    check_bits(&rounded, &shape_of(&rounded))?;
    Ok(rounded)
}

//! The functions of the language, and the truth of values.

use hogtrace_core::bytecode::{CompareOp, Function};
use hogtrace_core::pattern::Pattern;
use hogtrace_core::vm::FaultKind;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyString};
use pyo3::{IntoPyObjectExt, intern};

use super::arithmetic::{absolute, check_bits, exact_int, round};
use super::calls::call_own;
use super::compare::compare;
use super::exact::exact;
use super::fields::Fields;
use super::item::length;
use super::names::{name_of, short_name};
use super::part::{byte_head, byte_length, string_size};
use super::refusal::{Safe, Stop};
use super::shape::{Family, Shape, shape_of};
use super::slots::Slot;
use super::storage::{stored_item, stored_length};
use super::text::{decimal_fits, str_of};
use super::work::{BITS, BYTES, MATCH, Work, check_bytes, search};

/// Digits before the point of a decimal that becomes an integer, but for the first: more make more than 4,096 bits.
const DIGITS: i64 = 1233;

/// Digits of a text that is read as an integer.
pub(super) const READ_DIGITS: usize = 4300;

/// A call of a function whose number of arguments was checked when the program was.
pub(super) fn call<'py>(
    py: Python<'py>,
    function: Function,
    arguments: &[Bound<'py, PyAny>],
) -> Safe<'py, Bound<'py, PyAny>> {
    match (function, arguments) {
        (Function::Len, [object]) => length(object)?
            .into_bound_py_any(py)
            .map_err(|error| Stop::raised(py, &error)),
        (Function::Str, [object]) => str_of(object),
        (Function::Int, [object]) => int(object),
        (Function::Float, [object]) => float(object),
        (Function::Bool, [object]) => Ok(PyBool::new(py, truth(object)?).to_owned().into_any()),
        (Function::Type, [object]) => Ok(PyString::new(py, &name_of(object)).into_any()),
        (Function::StartsWith, [text, part]) => tail_match(text, part, "startswith", -1),
        (Function::EndsWith, [text, part]) => tail_match(text, part, "endswith", 1),
        (Function::Lower, [text]) => lower(text),
        (Function::Abs, [number]) => absolute(number),
        (Function::Min, [first, rest @ ..]) => extreme(CompareOp::Less, first, rest),
        (Function::Max, [first, rest @ ..]) => extreme(CompareOp::Greater, first, rest),
        (Function::Round, [number]) => round(number, None),
        (Function::Round, [number, digits]) => round(number, Some(digits)),
        _ => Err(Stop::fault(
            FaultKind::Internal,
            format!("{function:?} with {} arguments", arguments.len()),
        )),
    }
}

/// The truth of a value.
pub(super) fn truth<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, bool> {
    if let Ok(value) = object.cast_exact::<PyBool>() {
        return Ok(value.is_true());
    }
    let shape = shape_of(object);
    if !shape.keeps(Slot::Bool) {
        return Err(Stop::item(object, "__bool__"));
    }
    if !shape.keeps_first([Slot::MappingLength, Slot::SequenceLength]) {
        return Err(Stop::item(object, "__len__"));
    }
    match shape.family {
        Family::Fields => Ok(object
            .cast::<Fields>()
            .is_ok_and(|headers| headers.get().count(object.py()) > 0)),
        _ => object
            .is_truthy()
            .map_err(|error| Stop::raised(object.py(), &error)),
    }
}

/// An exact string of the same characters.
pub(super) fn exact_str<'py>(text: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyString>> {
    let py = text.py();
    // SAFETY: a string that lives; the result is a new reference to an exact string, or null with an error.
    unsafe {
        Bound::from_owned_ptr_or_err(py, ffi::PyUnicode_FromObject(text.as_ptr()))
            .map(|text| text.cast_into_unchecked())
            .map_err(|error| Stop::raised(py, &error))
    }
}

fn check_text<'py>(text: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    let (length, width) = text
        .cast::<PyString>()
        .map_or((0, 1), |text| string_size(text));
    check_bytes(text, length * width)
}

/// Checks that none of the methods is the type's own by which a conversion would ask it.
fn check_conversion<'py>(object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Safe<'py, ()> {
    for (slot, method) in [
        (Slot::Int, "__int__"),
        (Slot::Float, "__float__"),
        (Slot::Index, "__index__"),
    ] {
        if !shape.keeps(slot) {
            return Err(Stop::method(object, method));
        }
    }
    // Looked for by `int` where there is none of the above, until Python 3.14.
    if shape.family == Family::Other
        && !matches!(
            shape.kind.lookup(intern!(object.py(), "__trunc__")),
            Ok(None)
        )
    {
        return Err(Stop::method(object, "__trunc__"));
    }
    Ok(())
}

/// Refuses to read more digits than CPython reads by default: the time it takes grows with their square.
fn check_digits<'py>(digits: usize) -> Safe<'py, ()> {
    if digits <= READ_DIGITS {
        return Ok(());
    }
    Err(Stop::fault(
        FaultKind::Limit,
        format!("an integer of {digits} digits; there are at most {BITS} bits"),
    ))
}

/// `int(object)`
fn int<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let shape = shape_of(object);
    check_conversion(object, &shape)?;
    let number = match shape.family {
        Family::Int | Family::Bool => exact_int(object),
        Family::Float => {
            let value: f64 = object.extract().map_err(|error| Stop::raised(py, &error))?;
            // SAFETY: takes any float; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromDouble(value)) }
        }
        Family::Str => {
            check_text(object)?;
            let text = exact_str(object)?;
            let digits = text
                .to_string_lossy()
                .chars()
                .filter(|&character| character.is_numeric())
                .count();
            check_digits(digits)?;
            // SAFETY: an exact string that lives; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyNumber_Long(text.as_ptr())) }
        }
        Family::Bytes | Family::ByteArray => {
            check_bytes(object, stored_length(object))?;
            let (bytes, _) = byte_head(object, BYTES);
            check_digits(bytes.iter().filter(|byte| byte.is_ascii_digit()).count())?;
            // What is no number is shown in the message, by a method of a subclass.
            let exact = exact(object, &shape)?;
            // SAFETY: a byte string or byte array that lives, without the methods of a number; the result is a new
            // reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyNumber_Long(exact.as_ptr())) }
        }
        Family::Decimal => {
            let digits: i64 = call_own(shape.base, object, intern!(py, "adjusted"))
                .and_then(|digits| digits.extract())
                .map_err(|error| Stop::raised(py, &error))?;
            if digits > DIGITS || !decimal_fits(object) {
                return Err(Stop::fault(
                    FaultKind::Limit,
                    format!("an integer of more than {BITS} bits"),
                ));
            }
            // SAFETY: a decimal of C's own type, by its slots; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyNumber_Long(object.as_ptr())) }
        }
        _ => {
            let message = format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                short_name(object)
            );
            return Err(Stop::fault(FaultKind::Type, message));
        }
    };
    let number = number.map_err(|error| not_converted(object, "int", &error))?;
    check_bits(&number, &shape_of(&number))?;
    Ok(number)
}

/// `float(object)`
fn float<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let shape = shape_of(object);
    check_conversion(object, &shape)?;
    let number = match shape.family {
        // The same object, as in CPython: a NaN is told by that.
        Family::Float if shape.is_exact() => Ok(object.clone()),
        Family::Float => object
            .extract::<f64>()
            .map(|value| PyFloat::new(py, value).into_any()),
        Family::Int | Family::Bool => exact_int(object)
            .and_then(|exact| exact.extract::<f64>())
            .map(|value| PyFloat::new(py, value).into_any()),
        Family::Str => {
            check_text(object)?;
            let text = exact_str(object)?;
            // SAFETY: an exact string that lives; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromString(text.as_ptr())) }
        }
        Family::Bytes | Family::ByteArray => {
            check_bytes(object, stored_length(object))?;
            let exact = exact(object, &shape)?;
            // SAFETY: a byte string or byte array that lives; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyFloat_FromString(exact.as_ptr())) }
        }
        Family::Decimal if decimal_fits(object) => {
            // SAFETY: a decimal of C's own type, by its slots; the result is a new reference or null with an error.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyNumber_Float(object.as_ptr())) }
        }
        Family::Decimal => return Err(Stop::words(object, "too many digits")),
        _ => {
            let message = format!(
                "float() argument must be a string or a real number, not '{}'",
                short_name(object)
            );
            return Err(Stop::fault(FaultKind::Type, message));
        }
    };
    number.map_err(|error| not_converted(object, "float", &error))
}

/// The fault of a conversion. CPython's words for a string that is no number repeat it; these do not.
fn not_converted<'py>(object: &Bound<'py, PyAny>, function: &str, error: &PyErr) -> Stop<'py> {
    let py = object.py();
    if shape_of(object).family == Family::Str && error.is_instance_of::<PyValueError>(py) {
        let message = format!("{function}() of a string that is no number it can read");
        return Stop::fault(FaultKind::Value, message);
    }
    Stop::raised(py, error)
}

/// `startswith` and `endswith`; the direction is that of `PyUnicode_Tailmatch`.
fn tail_match<'py>(
    text: &Bound<'py, PyAny>,
    part: &Bound<'py, PyAny>,
    name: &str,
    direction: std::ffi::c_int,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = text.py();
    let mut work = Work::new();
    if shape_of(part).family == Family::Tuple {
        check_is_text(text, name)?;
        for index in 0.. {
            let Some(part) = stored_item(part, index) else {
                break;
            };
            work.touch()?;
            if is_tail(text, &part, (name, direction), &mut work)? {
                return Ok(PyBool::new(py, true).to_owned().into_any());
            }
        }
        return Ok(PyBool::new(py, false).to_owned().into_any());
    }
    let found = is_tail(text, part, (name, direction), &mut work)?;
    Ok(PyBool::new(py, found).to_owned().into_any())
}

fn check_is_text<'py>(argument: &Bound<'py, PyAny>, name: &str) -> Safe<'py, ()> {
    if shape_of(argument).family == Family::Str {
        return Ok(());
    }
    let message = format!("{name}() takes strings, not '{}'", short_name(argument));
    Err(Stop::fault(FaultKind::Type, message))
}

fn is_tail<'py>(
    text: &Bound<'py, PyAny>,
    part: &Bound<'py, PyAny>,
    (name, direction): (&str, std::ffi::c_int),
    work: &mut Work,
) -> Safe<'py, bool> {
    check_is_text(text, name)?;
    check_is_text(part, name)?;
    work.bytes(part, byte_length(part))?;
    // SAFETY: two strings that live; -1 comes with an error.
    match unsafe {
        ffi::PyUnicode_Tailmatch(
            text.as_ptr(),
            part.as_ptr(),
            0,
            ffi::Py_ssize_t::MAX,
            direction,
        )
    } {
        -1 => Err(Stop::raised(text.py(), &PyErr::fetch(text.py()))),
        found => Ok(found == 1),
    }
}

/// Whether a pattern is found in a string.
pub(super) fn matches<'py>(pattern: &Pattern, text: &Bound<'py, PyAny>) -> Safe<'py, bool> {
    if shape_of(text).family != Family::Str {
        let message = format!("matches() takes a string, not '{}'", short_name(text));
        return Err(Stop::fault(FaultKind::Type, message));
    }
    check_text(text)?;
    search(byte_length(text), MATCH)?;
    let exact = exact_str(text)?;
    let found = utf8(&exact, |text| pattern.is_in(text))?;
    found.map_err(|gave_up| Stop::fault(FaultKind::Limit, gave_up.to_string()))
}

/// What `look` sees in the UTF-8 of an exact string. Beyond ASCII it is a copy: CPython's own would stay with the
/// application's string, and show in its size.
fn utf8<'py, T>(text: &Bound<'py, PyString>, look: impl FnOnce(&str) -> T) -> Safe<'py, T> {
    let (length, width) = string_size(text);
    if width == 1 {
        // SAFETY: a string of one byte a character that lives, and is not changed.
        let latin: &[u8] = unsafe {
            std::slice::from_raw_parts(ffi::PyUnicode_DATA(text.as_ptr()).cast(), length)
        };
        if let Ok(ascii) = std::str::from_utf8(latin)
            && latin.is_ascii()
        {
            return Ok(look(ascii));
        }
    }
    // SAFETY: a string that lives; the result is a new byte string, or null with an error, which is cleared.
    let bytes = unsafe {
        let bytes = ffi::PyUnicode_AsUTF8String(text.as_ptr());
        if bytes.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(text.py(), bytes).ok_or_else(no_utf8)?
    };
    let bytes = bytes.cast::<PyBytes>().map_err(|_| no_utf8())?;
    let text = std::str::from_utf8(bytes.as_bytes()).map_err(|_| no_utf8())?;
    Ok(look(text))
}

fn no_utf8<'py>() -> Stop<'py> {
    Stop::fault(
        FaultKind::Value,
        "the string holds half of a surrogate pair, so that no pattern can be searched for in it",
    )
}

fn lower<'py>(text: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = text.py();
    let shape = shape_of(text);
    if shape.family != Family::Str {
        return Err(Stop::fault(
            FaultKind::Type,
            format!("lower() takes a string, not '{}'", short_name(text)),
        ));
    }
    check_text(text)?;
    let lower = exact_str(text)?
        .call_method0(intern!(py, "lower"))
        .map_err(|error| Stop::raised(py, &error))?;
    // A few characters become two.
    check_text(&lower)?;
    Ok(lower)
}

/// The first of the arguments that none other surpasses.
fn extreme<'py>(
    op: CompareOp,
    first: &Bound<'py, PyAny>,
    rest: &[Bound<'py, PyAny>],
) -> Safe<'py, Bound<'py, PyAny>> {
    let mut best = first;
    for argument in rest {
        if compare(op, argument, best)? {
            best = argument;
        }
    }
    Ok(best.clone())
}

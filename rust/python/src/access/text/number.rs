//! The text of decimals, fractions and UUIDs, which are numbers that hold others.

use hogtrace_core::vm::FaultKind;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::stored;
use crate::access::arithmetic::exact_int;
use crate::access::calls::call_unary;
use crate::access::part::{bits, int_digits};
use crate::access::refusal::{Safe, Stop};
use crate::access::shape::{Family, shape_of};
use crate::access::slots::Slot;
use crate::access::work::{BITS, BYTES, check_bytes};

/// Whether a decimal has few enough digits to work with.
pub(crate) fn decimal_fits(decimal: &Bound<'_, PyAny>) -> bool {
    let py = decimal.py();
    let size = shape_of(decimal)
        .base
        .lookup(intern!(py, "__sizeof__"))
        .ok()
        .flatten()
        .and_then(|method| method.call1((decimal,)).ok())
        .and_then(|size| size.extract::<usize>().ok());
    size.is_some_and(|size| size <= BYTES / 4)
}

/// Refuses to work with a decimal of very many digits.
pub(in crate::access) fn check_decimal<'py>(decimal: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    if decimal_fits(decimal) {
        return check_bytes(decimal, BYTES / 16);
    }
    Err(Stop::fault(
        FaultKind::Limit,
        "a decimal of very many digits; comparing and hashing it takes too long",
    ))
}

/// The digits of a decimal.
pub(crate) fn decimal_text(decimal: &Bound<'_, PyAny>) -> Option<String> {
    if !decimal_fits(decimal) {
        return None;
    }
    let text = call_unary(shape_of(decimal).base, Slot::Str, decimal)?.ok()?;
    Some(
        text.cast_into::<PyString>()
            .ok()?
            .to_string_lossy()
            .into_owned(),
    )
}

/// A fraction as `str` shows it.
pub(crate) fn fraction_text(fraction: &Bound<'_, PyAny>) -> Option<String> {
    let numerator = small_number(fraction, "_numerator")?;
    let denominator = small_number(fraction, "_denominator")?;
    Some(if denominator == "1" {
        numerator
    } else {
        format!("{numerator}/{denominator}")
    })
}

/// The digits of an int, subclasses included, that an object stores.
pub(super) fn small_number(object: &Bound<'_, PyAny>, name: &str) -> Option<String> {
    let number = stored(object, name)?;
    (shape_of(&number).family == Family::Int && bits(&number) <= BITS)
        .then(|| int_digits(&number))
        .flatten()
}

/// A UUID in its usual form.
pub(crate) fn uuid_text(uuid: &Bound<'_, PyAny>) -> Option<String> {
    let number = stored(uuid, "int")?;
    if shape_of(&number).family != Family::Int || bits(&number) > 128 {
        return None;
    }
    let number: u128 = exact_int(&number).ok()?.extract().ok()?;
    let digits = format!("{number:032x}");
    Some(
        [
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        ]
        .join("-"),
    )
}

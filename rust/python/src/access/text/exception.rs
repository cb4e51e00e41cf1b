//! The text of exceptions.

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::access::calls::call_unary;
use crate::access::part::{bits, string_size};
use crate::access::shape::{Family, shape_of};
use crate::access::slots::{Kind, Slot, kind_of};
use crate::access::storage::{exception_arguments, member, stored_item, stored_length};
use crate::access::work::{BITS, BYTES};

/// `str` of an exception whose text C code makes of plain values.
pub(crate) fn exception_text(exception: &Bound<'_, PyAny>) -> Option<String> {
    const FIELDS: [&str; 10] = [
        "errno",
        "strerror",
        "filename",
        "filename2",
        "msg",
        "name",
        "path",
        "object",
        "reason",
        "encoding",
    ];
    let kind = kind_of(exception);
    let native = kind.native();
    let built_in = !native.c_name().to_bytes().contains(&b'.') && native.c_name() != c"SyntaxError";
    if !built_in || !kind.shares(Slot::Str, native) {
        return None;
    }
    let fields = FIELDS
        .iter()
        .filter_map(|name| native_field(exception, native, name));
    if !arguments(exception)?
        .iter()
        .chain(&fields.collect::<Vec<_>>())
        .all(is_plain)
    {
        return None;
    }
    let text = call_unary(native, Slot::Str, exception)?.ok()?;
    Some(
        text.cast_into::<PyString>()
            .ok()?
            .to_string_lossy()
            .into_owned(),
    )
}

/// The arguments of an exception, unless they are many.
fn arguments<'py>(exception: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let arguments = exception_arguments(exception)?;
    (stored_length(&arguments) <= 10).then(|| {
        (0..10)
            .map_while(|index| stored_item(&arguments, index))
            .collect()
    })
}

/// Whether `str` and `repr` of a value run no code of the application and stay small.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    let shape = shape_of(value);
    let small = match shape.family {
        Family::None | Family::Bool | Family::Float => true,
        Family::Int => bits(value) <= BITS,
        Family::Str => value
            .cast::<PyString>()
            .is_ok_and(|text| string_size(text).0 <= BYTES),
        Family::Bytes => stored_length(value) <= BYTES / 4,
        _ => false,
    };
    small && shape.is_exact()
}

/// What a native exception type keeps in the object itself under that name.
fn native_field<'py>(
    exception: &Bound<'py, PyAny>,
    native: Kind<'_>,
    name: &str,
) -> Option<Bound<'py, PyAny>> {
    let descriptor = native
        .lookup(&PyString::intern(exception.py(), name))
        .ok()
        .flatten()?;
    member(&descriptor, exception)
}

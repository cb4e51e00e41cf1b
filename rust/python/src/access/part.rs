//! Strings, byte strings and integers: their size, their beginning, their text.

use std::borrow::Cow;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::calls::call_unary;
use super::shape::{Family, shape_of};
use super::slots::{Kind, Slot, kind_of};
use super::storage::stored_length;

unsafe extern "C" {
    /// How many bits an int has, its sign left out.
    fn _PyLong_NumBits(number: *mut ffi::PyObject) -> usize;
}

/// The first `length` characters of a string.
pub(crate) fn head<'py>(
    text: &Bound<'py, PyString>,
    length: usize,
) -> Option<Bound<'py, PyString>> {
    let length = ffi::Py_ssize_t::try_from(length).ok()?;
    // SAFETY: a string that lives; the result is a new exact string, or null with an error, which is cleared.
    unsafe {
        let head = ffi::PyUnicode_Substring(text.as_ptr(), 0, length);
        if head.is_null() {
            ffi::PyErr_Clear();
        }
        Some(Bound::from_owned_ptr_or_opt(text.py(), head)?.cast_into_unchecked())
    }
}

/// UTF-8 of a string in which lone surrogates are encoded as if they were characters.
pub(crate) fn surrogates_passed(text: &Bound<'_, PyString>) -> Option<Vec<u8>> {
    // SAFETY: a string that lives; encoding and handler are built in, and found without a look at any registry; the
    // result is a new byte string, or null with an error, which is cleared.
    unsafe {
        let bytes = ffi::PyUnicode_AsEncodedString(
            text.as_ptr(),
            c"utf-8".as_ptr(),
            c"surrogatepass".as_ptr(),
        );
        if bytes.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(text.py(), bytes)?
            .extract()
            .ok()
    }
}

/// The UTF-8 of a string; `None` where it has lone surrogates. Beyond ASCII it is a copy: CPython's own would stay with
/// the application's string, and show in its size.
pub(crate) fn utf8_of<'a>(text: &'a Bound<'_, PyString>) -> Option<Cow<'a, str>> {
    if is_ascii(text) {
        return text.to_str().ok().map(Cow::Borrowed);
    }
    String::from_utf8(surrogates_passed(text)?)
        .ok()
        .map(Cow::Owned)
}

/// The text of a string of ASCII alone and of at most so many characters.
#[inline]
pub(crate) fn short_ascii<'a>(text: &'a Bound<'_, PyString>, most: usize) -> Option<&'a str> {
    if string_size(text).0 <= most && is_ascii(text) {
        text.to_str().ok()
    } else {
        None
    }
}

/// The text of a string, lone surrogates replaced; nothing stays with the string, as in `utf8_of`.
pub(crate) fn text_of(text: &Bound<'_, PyString>) -> String {
    if is_ascii(text) {
        return text.to_string_lossy().into_owned();
    }
    surrogates_passed(text).map_or_else(String::new, |bytes| {
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whether a string is ASCII alone: then its characters are its UTF-8.
#[cfg(not(Py_3_14))]
fn is_ascii(text: &Bound<'_, PyString>) -> bool {
    // SAFETY: a string that lives.
    unsafe { ffi::PyUnicode_IS_ASCII(text.as_ptr()) != 0 }
}

/// Whether a string is ASCII alone: then its characters are its UTF-8.
///
/// The mark of it is no part of the C interface. But the characters of a `str` itself follow its head, which is the
/// smaller one if they are ASCII. Those of a subclass lie elsewhere and are looked at.
#[cfg(Py_3_14)]
fn is_ascii(text: &Bound<'_, PyString>) -> bool {
    let object = text.as_ptr();
    let (length, width) = string_size(text);
    // SAFETY: a string that lives, which does not change while it is looked at; its data are `length` units of `width`
    // bytes.
    unsafe {
        let data = ffi::PyUnicode_DATA(object).cast::<u8>();
        if object
            .cast::<u8>()
            .wrapping_add(size_of::<ffi::PyASCIIObject>())
            == data
        {
            return true;
        }
        let is_subclass = ffi::PyUnicode_CheckExact(object) == 0;
        is_subclass && width == 1 && std::slice::from_raw_parts(data, length).is_ascii()
    }
}

/// The first bytes of a byte string or byte array, at most `length`, and how many there are in all.
pub(crate) fn byte_head(bytes: &Bound<'_, PyAny>, length: usize) -> (Vec<u8>, usize) {
    let array = kind_of(bytes).derives_from(Kind::of_static(&raw mut ffi::PyByteArray_Type));
    // SAFETY: a byte string or byte array that lives; its data are read before anything could change them.
    unsafe {
        let (data, total) = if array {
            (
                ffi::PyByteArray_AsString(bytes.as_ptr()),
                ffi::PyByteArray_Size(bytes.as_ptr()),
            )
        } else {
            (
                ffi::PyBytes_AsString(bytes.as_ptr()),
                ffi::PyBytes_Size(bytes.as_ptr()),
            )
        };
        let total = usize::try_from(total).unwrap_or(0);
        if data.is_null() {
            ffi::PyErr_Clear();
            return (Vec::new(), total);
        }
        (
            std::slice::from_raw_parts(data.cast(), total.min(length)).to_vec(),
            total,
        )
    }
}

/// The decimal digits of an int, subclasses included.
pub(crate) fn int_digits(number: &Bound<'_, PyAny>) -> Option<String> {
    native_text(Kind::of_static(&raw mut ffi::PyLong_Type), number)
}

/// `repr` of a complex number, subclasses included.
pub(crate) fn complex_text(number: &Bound<'_, PyAny>) -> Option<String> {
    native_text(Kind::of_static(&raw mut ffi::PyComplex_Type), number)
}

fn native_text(base: Kind<'_>, object: &Bound<'_, PyAny>) -> Option<String> {
    let text = call_unary(base, Slot::Repr, object)?.ok()?;
    Some(
        text.cast_into::<PyString>()
            .ok()?
            .to_string_lossy()
            .into_owned(),
    )
}

/// How many bits an int has, subclasses included.
pub(crate) fn bits(number: &Bound<'_, PyAny>) -> usize {
    debug_assert!(kind_of(number).has(ffi::Py_TPFLAGS_LONG_SUBCLASS));
    // SAFETY: an int that lives.
    unsafe { _PyLong_NumBits(number.as_ptr()) }
}

/// The length of a string in characters, and how many bytes each takes.
pub(crate) fn string_size(text: &Bound<'_, PyString>) -> (usize, usize) {
    // SAFETY: a string that lives.
    let (length, width) = unsafe {
        (
            ffi::PyUnicode_GET_LENGTH(text.as_ptr()),
            ffi::PyUnicode_KIND(text.as_ptr()),
        )
    };
    (usize::try_from(length).unwrap_or(0), width as usize)
}

/// How many bytes of data a string, byte string or byte array holds; 0 for other objects.
pub(crate) fn byte_length(object: &Bound<'_, PyAny>) -> usize {
    match shape_of(object).family {
        Family::Str => object.cast::<PyString>().map_or(0, |text| {
            let (length, width) = string_size(text);
            length * width
        }),
        Family::Bytes | Family::ByteArray => stored_length(object),
        _ => 0,
    }
}

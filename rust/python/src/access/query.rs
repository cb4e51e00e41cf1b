//! The parameters of a query string, by a parser of our own: the framework's would keep what it has found.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::fields::{Fields, Kept};
use super::part::{byte_head, byte_length, text_of};
use super::refusal::{Safe, Stop};
use super::shape::{Family, shape_of};
use super::work::{Work, check_bytes};

/// The parameters in a query string, as a mapping of which the first or the last value of a name is asked for.
///
/// Bytes, or a string with a character for each byte as WSGI has it. What is escaped is UTF-8; what is not valid in it
/// becomes U+FFFD.
pub(super) fn parameters<'py>(
    query: &Bound<'py, PyAny>,
    kept: Kept,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = query.py();
    let parsed = PyDict::new(py);
    let mut work = Work::new();
    for pair in octets(query)?.split(|&octet| octet == b'&') {
        if pair.is_empty() {
            continue;
        }
        work.touch()?;
        let (name, value) = match pair.iter().position(|&octet| octet == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        add(&parsed, &unescaped(name), &unescaped(value))
            .map_err(|error| Stop::raised(py, &error))?;
    }
    Fields::view(kept, parsed.into_any())
}

fn add(parsed: &Bound<'_, PyDict>, name: &str, value: &str) -> PyResult<()> {
    match parsed.get_item(name)? {
        Some(values) => values.cast_into::<PyList>()?.append(value),
        None => parsed.set_item(name, PyList::new(parsed.py(), [value])?),
    }
}

/// The bytes of a byte string, or those that a string of WSGI's stands for.
fn octets<'py>(text: &Bound<'py, PyAny>) -> Safe<'py, Vec<u8>> {
    check_bytes(text, byte_length(text))?;
    match shape_of(text).family {
        Family::Bytes => Ok(byte_head(text, usize::MAX).0),
        Family::Str => {
            let text = text.cast::<PyString>().map(text_of).unwrap_or_default();
            let latin: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char).ok()).collect();
            Ok(latin.unwrap_or_else(|| text.into_bytes()))
        }
        _ => Err(Stop::words(text, "neither a string nor bytes")),
    }
}

/// What octets mean in which `+` is a blank and `%41` an `A`.
fn unescaped(escaped: &[u8]) -> String {
    let digit = |at: usize| {
        escaped
            .get(at)
            .and_then(|&octet| char::from(octet).to_digit(16))
    };
    let mut plain = Vec::with_capacity(escaped.len());
    let mut at = 0;
    while let Some(&octet) = escaped.get(at) {
        let code = match (digit(at + 1), digit(at + 2)) {
            (Some(high), Some(low)) if octet == b'%' => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        plain.push(match octet {
            b'+' => b' ',
            other => code.unwrap_or(other),
        });
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The text of a value in a WSGI environment: the characters stand for bytes of UTF-8.
pub(super) fn environ_text<'py>(value: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let octets = octets(value)?;
    Ok(PyString::new(value.py(), &String::from_utf8_lossy(&octets)).into_any())
}

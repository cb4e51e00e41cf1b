//! Objects that stand in for one that a framework would make when it is asked: plain attributes, nothing else.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};
use pyo3::{IntoPyObjectExt, intern};

use super::part::{byte_head, byte_length};
use super::refusal::{Safe, Stop};
use super::search::find;
use super::shape::{Family, shape_of};
use super::storage::{entries, stored_item, stored_length};
use super::work::{Work, check_bytes};

static NAMESPACE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A new `types.SimpleNamespace` with these attributes.
fn made<'py>(attributes: &Bound<'py, PyDict>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = attributes.py();
    let make = || {
        // `sys.implementation` is one, which no application replaces.
        let kind = NAMESPACE.get_or_try_init(py, || {
            let one = py.import("sys")?.getattr("implementation")?;
            Ok::<_, PyErr>(one.get_type().unbind())
        })?;
        kind.bind(py).call((), Some(attributes))
    };
    make().map_err(|error| Stop::raised(py, &error))
}

/// What a dict with names as keys holds, as attributes.
pub(super) fn namespace<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let Ok(dict) = object.cast::<PyDict>() else {
        return Err(Stop::words(object, "no dict of names"));
    };
    let attributes = PyDict::new(py);
    let mut work = Work::new();
    for (key, value) in entries(dict) {
        work.touch()?;
        let Ok(name) = key.cast_exact::<PyString>() else {
            return Err(Stop::words(object, "no dict of names"));
        };
        attributes
            .set_item(name, value)
            .map_err(|error| Stop::raised(py, &error))?;
    }
    made(&attributes)
}

/// A pair of a host and a port as an object with these attributes; `None` stays what it is.
pub(super) fn address<'py>(pair: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = pair.py();
    if pair.is_none() {
        return Ok(pair.clone());
    }
    let is_pair =
        matches!(shape_of(pair).family, Family::List | Family::Tuple) && stored_length(pair) == 2;
    let (Some(host), Some(port), true) = (stored_item(pair, 0), stored_item(pair, 1), is_pair)
    else {
        return Err(Stop::words(pair, "no pair of a host and a port"));
    };
    let attributes = PyDict::new(py);
    attributes
        .set_item(intern!(py, "host"), host)
        .and_then(|()| attributes.set_item(intern!(py, "port"), port))
        .map_err(|error| Stop::raised(py, &error))?;
    made(&attributes)
}

/// `scheme`, `path` and `query` of an ASGI scope, as the parts of a URL are called.
pub(super) fn url_of_scope<'py>(scope: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = scope.py();
    let Ok(dict) = scope.cast::<PyDict>() else {
        return Err(Stop::words(scope, "no ASGI scope"));
    };
    let attributes = PyDict::new(py);
    for (key, name) in [
        ("scheme", "scheme"),
        ("path", "path"),
        ("query_string", "query"),
    ] {
        let found = find(dict, PyString::intern(py, key).as_any())?;
        let value = match found {
            None if key == "path" => return Err(Stop::words(scope, "no ASGI scope with a path")),
            None if key == "scheme" => PyString::intern(py, "http").into_any(),
            None => PyString::intern(py, "").into_any(),
            Some(value) => latin_text(value)?,
        };
        attributes
            .set_item(name, value)
            .map_err(|error| Stop::raised(py, &error))?;
    }
    made(&attributes)
}

/// Bytes as a string of as many characters; anything else as it is.
fn latin_text(value: Bound<'_, PyAny>) -> Safe<'_, Bound<'_, PyAny>> {
    if shape_of(&value).family != Family::Bytes {
        return Ok(value);
    }
    check_bytes(&value, byte_length(&value))?;
    let text: String = byte_head(&value, usize::MAX)
        .0
        .into_iter()
        .map(char::from)
        .collect();
    text.into_bound_py_any(value.py())
        .map_err(|error| Stop::raised(value.py(), &error))
}

/// The byte strings of a list or tuple, put together.
pub(super) fn joined<'py>(parts: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let no_parts = || Stop::words(parts, "no list of byte strings");
    if !matches!(shape_of(parts).family, Family::List | Family::Tuple) {
        return Err(no_parts());
    }
    let mut work = Work::new();
    let mut all = Vec::new();
    let length = stored_length(parts);
    for index in 0..length {
        work.touch()?;
        let Some(part) =
            stored_item(parts, index).filter(PyAnyMethods::is_exact_instance_of::<PyBytes>)
        else {
            return Err(no_parts());
        };
        if length == 1 {
            return Ok(part);
        }
        check_bytes(parts, all.len() + byte_length(&part))?;
        all.extend(byte_head(&part, usize::MAX).0);
    }
    Ok(PyBytes::new(parts.py(), &all).into_any())
}

//! Packed values as Python objects.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

use super::json::write_json_float;
use super::mark::{looks_like_mark, mark};
use super::packed::{Packed, Reader, Token};

/// How packed values become Python objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With the types that they had: tuples, sets, bytes, integers of any size, floats that are not finite.
    Typed,
    /// As `json.loads` would give the JSON text.
    Json,
}

impl Packed {
    /// The copy with the types that it had.
    pub(crate) fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.to_form(py, Form::Typed)
    }

    /// The copy as Python objects.
    pub(crate) fn to_form<'py>(&self, py: Python<'py>, form: Form) -> PyResult<Bound<'py, PyDict>> {
        let (count, mut fields) = self.fields();
        let dict = PyDict::new(py);
        for _ in 0..count {
            let name = name(py, fields.name(), form)?;
            dict.set_item(name, value(py, &mut fields.values, form)?)?;
        }
        Ok(dict)
    }
}

fn value<'py>(py: Python<'py>, reader: &mut Reader<'_>, form: Form) -> PyResult<Bound<'py, PyAny>> {
    let typed = form == Form::Typed;
    Ok(match reader.next() {
        None | Some(Token::None) => py.None().into_bound(py),
        Some(Token::Bool(value)) => value.into_pyobject(py)?.to_owned().into_any(),
        Some(Token::Int(value)) => value.into_pyobject(py)?.into_any(),
        Some(Token::BigInt(digits)) if typed => integer(py, digits)?,
        Some(Token::BigInt(digits)) => tagged(py, "$int", digits)?,
        Some(Token::Float(value)) if typed || value.is_finite() => {
            PyFloat::new(py, value).into_any()
        }
        Some(Token::Float(value)) => {
            let mut text = String::new();
            write_json_float(&mut text, value);
            let name = text.split('"').nth(3).unwrap_or("nan").to_owned();
            tagged(py, "$float", name)?
        }
        Some(Token::Str(text)) if !typed && looks_like_mark(text) => tagged(py, "$str", text)?,
        Some(Token::Mark(text)) if typed => mark(py, text)?,
        Some(Token::Str(text) | Token::Mark(text)) => PyString::new(py, text).into_any(),
        Some(Token::Surrogates(bytes)) => surrogates(py, bytes)?,
        Some(Token::Bytes(bytes)) if typed => PyBytes::new(py, bytes).into_any(),
        Some(Token::Bytes(bytes)) => {
            let encoded = py
                .import("base64")?
                .call_method1("b64encode", (PyBytes::new(py, bytes),))?;
            tagged(py, "$bytes", encoded.call_method1("decode", ("ascii",))?)?
        }
        Some(Token::List(count)) => list(py, reader, count, form)?.into_any(),
        Some(Token::Tuple(count)) => {
            let items = list(py, reader, count, form)?;
            if typed {
                PyTuple::new(py, items)?.into_any()
            } else {
                items.into_any()
            }
        }
        Some(token @ (Token::Set(count) | Token::FrozenSet(count))) => {
            let items = list(py, reader, count, form)?;
            if !typed {
                return tagged(py, "$set", items);
            }
            return unordered(items, matches!(token, Token::FrozenSet(_)));
        }
        Some(Token::Record(count)) => fields(py, reader, count, None, form)?.into_any(),
        Some(Token::Object(name, count)) => fields(py, reader, count, Some(name), form)?.into_any(),
        Some(Token::Dict(count)) if typed => {
            let dict = PyDict::new(py);
            for _ in 0..count {
                let key = value(py, reader, form)?;
                let item = value(py, reader, form)?;
                set_distinct(&dict, key, &item)?;
            }
            dict.into_any()
        }
        Some(Token::Dict(count)) => {
            let pairs = PyList::empty(py);
            for _ in 0..count {
                let key = value(py, reader, form)?;
                pairs.append(PyList::new(py, [key, value(py, reader, form)?])?)?;
            }
            tagged(py, "$dict", pairs)?
        }
    })
}

fn list<'py>(
    py: Python<'py>,
    reader: &mut Reader<'_>,
    count: usize,
    form: Form,
) -> PyResult<Bound<'py, PyList>> {
    let items = PyList::empty(py);
    for _ in 0..count {
        items.append(value(py, reader, form)?)?;
    }
    Ok(items)
}

/// A set of the items; a list where one of them, once copied, cannot be in a set.
fn unordered(items: Bound<'_, PyList>, frozen: bool) -> PyResult<Bound<'_, PyAny>> {
    let py = items.py();
    let made = if frozen {
        PyFrozenSet::new(py, &items).map(Bound::into_any)
    } else {
        PySet::new(py, &items).map(Bound::into_any)
    };
    match made {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Ok(items.into_any()),
        made => made,
    }
}

fn fields<'py>(
    py: Python<'py>,
    reader: &mut Reader<'_>,
    count: usize,
    type_name: Option<&str>,
    form: Form,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    if let Some(name) = type_name {
        dict.set_item("$type", name)?;
    }
    for _ in 0..count {
        let key = name(py, reader.next(), form)?;
        dict.set_item(key, value(py, reader, form)?)?;
    }
    Ok(dict)
}

/// A field's name, or a key that is a plain string.
fn name<'py>(py: Python<'py>, token: Option<Token<'_>>, form: Form) -> PyResult<Bound<'py, PyAny>> {
    Ok(match token {
        Some(Token::Mark(text)) if form == Form::Typed => mark(py, text)?,
        Some(Token::Str(text) | Token::Mark(text)) => PyString::new(py, text).into_any(),
        Some(Token::Surrogates(bytes)) => surrogates(py, bytes)?,
        _ => PyString::new(py, "").into_any(),
    })
}

/// Sets a key that, once copied, may not be hashable or may be there already.
fn set_distinct<'py>(
    dict: &Bound<'py, PyDict>,
    key: Bound<'py, PyAny>,
    item: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let key = if key.hash().is_ok() {
        key
    } else {
        key.repr()?.into_any()
    };
    if !dict.contains(&key)? {
        return dict.set_item(key, item);
    }
    let mut number = 2;
    loop {
        let other = format!("{} ({number})", key.str()?);
        if !dict.contains(&other)? {
            return dict.set_item(other, item);
        }
        number += 1;
    }
}

fn tagged<'py>(
    py: Python<'py>,
    tag: &str,
    content: impl IntoPyObject<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let dict = PyDict::new(py);
    dict.set_item(tag, content)?;
    Ok(dict.into_any())
}

fn integer<'py>(py: Python<'py>, digits: &str) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyInt>().call1((digits,))
}

/// A string with lone surrogates.
fn surrogates<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let length = ffi::Py_ssize_t::try_from(bytes.len())?;
    // SAFETY: pointer and length are those of `bytes`; the handler's name is a C string; the result is a new reference.
    unsafe {
        let text =
            ffi::PyUnicode_DecodeUTF8(bytes.as_ptr().cast(), length, c"surrogatepass".as_ptr());
        Bound::from_owned_ptr_or_err(py, text)
    }
}

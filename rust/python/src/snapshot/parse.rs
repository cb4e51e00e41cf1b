//! Python data that is already plain, packed: descriptions of requests, and events read back from their JSON form.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::buffer::{Buffer, Room};
use super::mark::looks_like_mark;
use super::packed::{Packed, Tag};

/// How deep the JSON form of an event may nest.
const DEPTH: usize = 64;

/// Packs a dict of names and scalars. Raises `TypeError` for other keys and values.
pub(crate) fn pack_scalars(dict: &Bound<'_, PyDict>) -> PyResult<Packed> {
    let mut room = Room::new();
    let mut buffer = Buffer::new(&mut room);
    let open = buffer.open(Tag::Record);
    let mut plain = true;
    for (name, value) in dict {
        let Ok(name) = name.cast::<PyString>() else {
            return Err(PyTypeError::new_err(format!(
                "names are strings, not {}",
                name.get_type().name()?
            )));
        };
        plain &= !name.to_string_lossy().starts_with('$');
        write_string(&mut buffer, name)?;
        if !write_scalar(&mut buffer, &value)? {
            let (name, kind) = (name.repr()?, value.get_type());
            let message = format!(
                "{name}: None, bool, int, float or str, not {}",
                kind.name()?
            );
            return Err(PyTypeError::new_err(message));
        }
    }
    buffer.close_dict(open, dict.len(), plain);
    finish(&buffer)
}

/// Packs a dict of named values in their JSON form (`{"$set": […]}` and so on). Raises `TypeError` or `ValueError` for
/// what is not of that form.
pub(crate) fn pack_json(dict: &Bound<'_, PyDict>) -> PyResult<Packed> {
    let mut room = Room::new();
    let mut buffer = Buffer::new(&mut room);
    write_record(&mut buffer, dict, 0)?;
    finish(&buffer)
}

fn finish(buffer: &Buffer<'_>) -> PyResult<Packed> {
    buffer
        .finish()
        .map(Packed::of_dict)
        .ok_or_else(|| PyValueError::new_err("too large"))
}

fn write_value(buffer: &mut Buffer<'_>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
    if depth > DEPTH {
        return Err(PyValueError::new_err(format!(
            "nested more than {DEPTH} deep"
        )));
    }
    if let Ok(text) = value.cast::<PyString>() {
        write_text(buffer, text)
    } else if write_scalar(buffer, value)? {
        Ok(())
    } else if let Ok(items) = value.cast::<PyList>() {
        write_items(buffer, Tag::List, &items.iter().collect::<Vec<_>>(), depth)
    } else if let Ok(items) = value.cast::<PyTuple>() {
        write_items(buffer, Tag::List, &items.iter().collect::<Vec<_>>(), depth)
    } else if let Ok(dict) = value.cast::<PyDict>() {
        write_dict(buffer, dict, depth)
    } else {
        Err(PyTypeError::new_err(format!(
            "a value of JSON, not {}",
            value.get_type().name()?
        )))
    }
}

fn write_items(
    buffer: &mut Buffer<'_>,
    tag: Tag,
    items: &[Bound<'_, PyAny>],
    depth: usize,
) -> PyResult<()> {
    let open = buffer.open(tag);
    for item in items {
        write_value(buffer, item, depth + 1)?;
    }
    buffer.close(open, items.len());
    Ok(())
}

fn write_dict(buffer: &mut Buffer<'_>, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<()> {
    if let Some(type_name) = dict.get_item("$type")? {
        let type_name = type_name.cast::<PyString>()?.to_cow()?.into_owned();
        let open = buffer.open_object(&type_name);
        let mut count = 0;
        for (name, value) in dict {
            let name = name.cast_into::<PyString>()?;
            if name.to_string_lossy() != "$type" {
                write_string(buffer, &name)?;
                write_value(buffer, &value, depth + 1)?;
                count += 1;
            }
        }
        buffer.close(open, count);
        return Ok(());
    }
    let mut only = dict.iter();
    let (Some((tag, content)), None) = (only.next(), only.next()) else {
        return write_record(buffer, dict, depth);
    };
    let tag = tag.cast_into::<PyString>()?;
    // A name may have lone surrogates, but none of these has.
    match &*tag.to_string_lossy() {
        "$str" => write_string(buffer, content.cast::<PyString>()?),
        "$set" => write_items(
            buffer,
            Tag::Set,
            &content.cast::<PyList>()?.iter().collect::<Vec<_>>(),
            depth,
        ),
        "$int" => {
            let digits = content.cast::<PyString>()?.to_cow()?.into_owned();
            let number = digits.strip_prefix('-').unwrap_or(&digits);
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(PyValueError::new_err(
                    "\"$int\": not an integer in decimal digits",
                ));
            }
            buffer.big_integer(&digits);
            Ok(())
        }
        "$float" => {
            buffer.float(match &*content.cast::<PyString>()?.to_cow()? {
                "nan" => f64::NAN,
                "inf" => f64::INFINITY,
                "-inf" => f64::NEG_INFINITY,
                _ => return Err(PyValueError::new_err("\"$float\": nan, inf or -inf")),
            });
            Ok(())
        }
        "$bytes" => {
            let base64 = dict.py().import("base64")?;
            let decoded = base64.call_method1("b64decode", (content, dict.py().None(), true))?;
            buffer.bytes_value(decoded.cast::<PyBytes>()?.as_bytes());
            Ok(())
        }
        "$dict" => {
            let pairs = content.cast::<PyList>()?;
            let open = buffer.open(Tag::Dict);
            for pair in pairs {
                let [key, value] = pair.extract::<[Bound<'_, PyAny>; 2]>()?;
                write_value(buffer, &key, depth + 1)?;
                write_value(buffer, &value, depth + 1)?;
            }
            buffer.close(open, pairs.len());
            Ok(())
        }
        _ => write_record(buffer, dict, depth),
    }
}

fn write_record(buffer: &mut Buffer<'_>, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<()> {
    let open = buffer.open(Tag::Record);
    let mut plain = true;
    for (name, value) in dict {
        let name = name.cast_into::<PyString>()?;
        plain &= !name.to_string_lossy().starts_with('$');
        write_text(buffer, &name)?;
        write_value(buffer, &value, depth + 1)?;
    }
    buffer.close_dict(open, dict.len(), plain);
    Ok(())
}

/// Writes a scalar; gives false for anything else.
fn write_scalar(buffer: &mut Buffer<'_>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_none() {
        buffer.none();
    } else if let Ok(value) = value.cast::<PyBool>() {
        buffer.boolean(value.is_true());
    } else if let Ok(value) = value.cast::<PyInt>() {
        match value.extract::<i64>() {
            Ok(value) => buffer.integer(value),
            Err(_) => buffer.big_integer(&value.str()?.to_cow()?),
        }
    } else if let Ok(value) = value.cast::<PyFloat>() {
        buffer.float(value.value());
    } else if let Ok(value) = value.cast::<PyString>() {
        write_string(buffer, value)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Writes a string of the JSON form: a mark where it looks like one, since other strings that do are tagged.
fn write_text(buffer: &mut Buffer<'_>, text: &Bound<'_, PyString>) -> PyResult<()> {
    match text.to_str() {
        Ok(text) if looks_like_mark(text) => {
            buffer.mark(text);
            Ok(())
        }
        _ => write_string(buffer, text),
    }
}

/// Writes a string, lone surrogates included.
fn write_string(buffer: &mut Buffer<'_>, text: &Bound<'_, PyString>) -> PyResult<()> {
    if let Ok(text) = text.to_str() {
        buffer.string(text);
    } else {
        let encoded = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
        buffer.surrogates(encoded.cast::<PyBytes>()?.as_bytes());
    }
    Ok(())
}

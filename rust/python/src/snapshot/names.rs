//! Names of fields and keys: which are shown as they are, and by which name a key says whether its value is secret.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::mark::looks_like_mark;
use super::objects::each_field;
use crate::access::{
    Family, Kind, Known, byte_head, enum_name, known_class, shape_of, stored, stored_item,
    stored_length, string_head, string_size, text_of, type_name, utf8_of,
};

/// Of longer names the first so many characters are looked at for secrets.
const LONGEST_NAME: usize = 1024;
/// Strings longer than any copy keeps.
const BEYOND: usize = 65_536;
/// Parts of a key that are looked at.
const PARTS: usize = 16;

/// The text of a string that is short and has no lone surrogates.
pub(super) fn short_text<'a>(text: &'a Bound<'_, PyString>) -> Option<Cow<'a, str>> {
    if string_size(text).0 > LONGEST_NAME {
        return None;
    }
    utf8_of(text)
}

/// The text of a string, or its beginning.
pub(super) fn head_text(value: &Bound<'_, PyAny>) -> Option<String> {
    let text = value.cast::<PyString>().ok()?;
    if string_size(text).0 <= LONGEST_NAME {
        return Some(text_of(text));
    }
    string_head(text, LONGEST_NAME).map(|head| text_of(&head))
}

/// Whether an attribute is one of the application's, by its name.
pub(super) fn is_field_name(name: &Bound<'_, PyAny>) -> bool {
    let Ok(name) = name.cast::<PyString>() else {
        return false;
    };
    !short_text(name).is_some_and(|name| name.starts_with("__") && name.ends_with("__"))
}

/// Whether JSON can have a dict's key of that text as it is.
pub(super) fn is_plain_name(text: &str) -> bool {
    !text.starts_with('$') && !looks_like_mark(text)
}

/// Whether JSON can have a dict's key as it is.
pub(super) fn is_plain_key(key: &Bound<'_, PyString>) -> bool {
    if let Some(text) = short_text(key) {
        return is_plain_name(&text);
    }
    if string_size(key).0 > BEYOND {
        // It is cut, so that only its beginning matters.
        return string_head(key, 1).is_some_and(|head| text_of(&head) != "$");
    }
    is_plain_name(&text_of(key))
}

/// The name by which a key says whether its value is secret: that of a string, of bytes, of a class, of a member of an
/// enumeration, and of the strings in a tuple, a frozen set or an object.
pub(super) fn key_name(key: &Bound<'_, PyAny>) -> Option<String> {
    let py = key.py();
    let shape = shape_of(key);
    let joined = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join(" "));
    if known_class(py, shape.kind) == Some(Known::Enum) {
        let value = stored(key, "_value_").and_then(|value| head_text(&value));
        return joined([enum_name(key), value].into_iter().flatten().collect());
    }
    match shape.family {
        Family::Str => head_text(key),
        Family::Bytes | Family::ByteArray => {
            let (head, _) = byte_head(key, LONGEST_NAME);
            Some(head.into_iter().map(char::from).collect())
        }
        Family::Tuple => joined(
            (0..stored_length(key).min(PARTS))
                .filter_map(|index| stored_item(key, index))
                .filter_map(|part| head_text(&part))
                .collect(),
        ),
        Family::FrozenSet => joined(
            crate::access::iterate(shape.base, key)
                .into_iter()
                .flatten()
                .take(PARTS)
                .filter_map(|part| head_text(&part))
                .collect(),
        ),
        Family::Type => key
            .cast()
            .ok()
            .map(|class| type_name(py, Kind::from_type(class))),
        Family::Other => {
            let mut parts = Vec::new();
            each_field(key, PARTS, |_, value| parts.extend(head_text(value)));
            joined(parts)
        }
        _ => None,
    }
}

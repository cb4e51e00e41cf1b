//! Secrets that a value's place in another one tells: what is lost once a part is taken out.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::names::key_name;
use crate::access::{
    Family, Shape, entries, iterate, kind_of, shape_of, stored_item, stored_length, type_name,
};
use crate::redact::Redaction;

/// Whether what stands under a key is secret.
pub(crate) fn is_secret_key(judge: &Redaction, key: &Bound<'_, PyAny>) -> bool {
    key_name(key).is_some_and(|name| judge.is_secret(&name))
}

/// Whether an object is of a type whose values are secret.
pub(crate) fn is_of_secret_type(judge: &Redaction, value: &Bound<'_, PyAny>) -> bool {
    judge.names_types()
        && kind_of(value)
            .lineage()
            .any(|kind| judge.is_secret_type(&type_name(value.py(), kind)))
}

/// Whether an item of a sequence is secret because of where it stands: behind a secret's name, in a pair, or in a field
/// of that name, in a named tuple. A negative index counts from the end.
pub(crate) fn is_secret_part(judge: &Redaction, value: &Bound<'_, PyAny>, index: i64) -> bool {
    let shape = shape_of(value);
    if !matches!(shape.family, Family::List | Family::Tuple) {
        return false;
    }
    let length = stored_length(value);
    let position = if index < 0 {
        usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| length.checked_sub(back))
    } else {
        usize::try_from(index).ok()
    };
    position.is_some_and(|position| is_secret_at(judge, value, &shape, position))
}

/// Whether any item of a sequence is.
pub(crate) fn holds_secret_parts(judge: &Redaction, value: &Bound<'_, PyAny>) -> bool {
    let shape = shape_of(value);
    match shape.family {
        Family::List | Family::Tuple if shape.is_exact() => is_secret_at(judge, value, &shape, 1),
        Family::List | Family::Tuple => {
            (0..stored_length(value)).any(|index| is_secret_at(judge, value, &shape, index))
        }
        _ => false,
    }
}

/// Whether a text of a container and of all that it holds would tell a secret.
pub(crate) fn tells_secret(judge: &Redaction, value: &Bound<'_, PyAny>) -> bool {
    is_told(judge, value, DEEPEST, &mut { MOST })
}

/// How deep the text of a container goes, and how much it holds: what is beyond has no text.
const DEEPEST: u32 = 32;
const MOST: usize = 10_000;

fn is_told(judge: &Redaction, value: &Bound<'_, PyAny>, depth: u32, left: &mut usize) -> bool {
    if is_of_secret_type(judge, value) || holds_secret_parts(judge, value) {
        return true;
    }
    let shape = shape_of(value);
    let mut inside = |inner: &Bound<'_, PyAny>| {
        *left = left.saturating_sub(1);
        *left == 0 || depth == 0 || is_told(judge, inner, depth - 1, left)
    };
    match shape.family {
        Family::List | Family::Tuple => (0..)
            .map_while(|index| stored_item(value, index))
            .any(|item| inside(&item)),
        Family::Set | Family::FrozenSet => iterate(shape.base, value)
            .into_iter()
            .flatten()
            .any(|member| inside(&member)),
        Family::Dict => value.cast::<PyDict>().is_ok_and(|dict| {
            entries(dict)
                .any(|(key, item)| is_secret_key(judge, &key) || inside(&key) || inside(&item))
        }),
        _ => false,
    }
}

fn is_secret_at(
    judge: &Redaction,
    value: &Bound<'_, PyAny>,
    shape: &Shape<'_>,
    position: usize,
) -> bool {
    let length = stored_length(value);
    if !shape.is_exact()
        && let Ok(Some(names)) = shape.kind.lookup(intern!(value.py(), "_fields"))
        && let Ok(names) = names.cast_exact::<PyTuple>()
        && names.len() == length
    {
        return stored_item(names, position).is_some_and(|name| is_secret_key(judge, &name));
    }
    let first = || stored_item(value, 0);
    length == 2
        && position == 1
        && first().is_some_and(|first| {
            matches!(shape_of(&first).family, Family::Str | Family::Bytes)
                && is_secret_key(judge, &first)
        })
}

//! Names of types, read without asking the types.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::part::{head, string_size, text_of};
use super::slots::{Kind, kind_of};
use super::storage::{has_plain_keys, plain_get};

/// Characters of a type's name, and of its module's, that are shown.
const SHOWN: usize = 256;

/// A type's module and qualified name, each cut where it is very long.
pub(crate) fn names(py: Python<'_>, kind: Kind<'_>) -> (String, String) {
    let text = |name: Bound<'_, PyAny>| {
        let name = name.cast_into::<PyString>().ok()?;
        if string_size(&name).0 > SHOWN {
            return head(&name, SHOWN).map(|head| format!("{}…", text_of(&head)));
        }
        Some(text_of(&name))
    };
    if let Some(name) = kind.heap_name(py).and_then(text) {
        let module = kind
            .dict(py)
            .filter(has_plain_keys)
            .and_then(|dict| plain_get(&dict, intern!(py, "__module__")))
            .and_then(text);
        return (module.unwrap_or_default(), name);
    }
    // That of a heap type may have no end, and counting it would take as long.
    let c_name = kind.c_name().to_string_lossy();
    match c_name.rsplit_once('.') {
        Some((module, name)) => (module.to_owned(), name.to_owned()),
        None => ("builtins".to_owned(), c_name.into_owned()),
    }
}

/// A type's qualified name with its module, which built-in types go without: `app.models.User`, `int`.
pub(crate) fn type_name(py: Python<'_>, kind: Kind<'_>) -> String {
    let (module, name) = names(py, kind);
    if module.is_empty() || module == "builtins" {
        name
    } else {
        format!("{module}.{name}")
    }
}

/// The qualified name of an object's type.
pub(crate) fn name_of(object: &Bound<'_, PyAny>) -> String {
    type_name(object.py(), kind_of(object))
}

/// The name of an object's type as CPython's own messages have it: without module and outer classes.
pub(crate) fn short_name(object: &Bound<'_, PyAny>) -> String {
    let name = kind_of(object).c_name().to_string_lossy();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The first of a type's lineage whose own dict has `name`; the type itself when none shows it.
pub(crate) fn definer<'a>(kind: Kind<'a>, name: &Bound<'_, PyString>) -> Kind<'a> {
    kind.lineage()
        .find(|kind| kind.defines(name))
        .unwrap_or(kind)
}

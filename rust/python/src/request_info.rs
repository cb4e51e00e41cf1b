//! What events say about the request in which they happened.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

use crate::redact::{REDACTED, Redaction};
use crate::snapshot::{Packed, pack_scalars};

/// What the route is called there.
pub(crate) const ROUTE: &str = "route";

/// What an event says about the request in which it happened.
#[derive(Debug)]
pub(crate) struct RequestInfo {
    /// The request's id.
    pub(crate) id: Option<Arc<str>>,
    /// Scalars that describe the request: method, path, framework, …
    info: Packed,
    /// The same without secrets, if there are any.
    shown: Option<Packed>,
}

impl RequestInfo {
    /// A request of that description, which is told as it is.
    pub(crate) fn new(id: Option<String>, info: Packed) -> Self {
        Self {
            id: id.map(Arc::from),
            info,
            shown: None,
        }
    }

    /// A request that names and scalars describe, some of which may be secret. Programs with other settings share the
    /// request, so the list without settings says which.
    ///
    /// # Errors
    /// `TypeError` for other keys and values.
    pub(crate) fn of(id: Option<Arc<str>>, info: Option<&Bound<'_, PyMapping>>) -> PyResult<Self> {
        let Some(info) = info else {
            return Ok(Self {
                id,
                info: Packed::empty(),
                shown: None,
            });
        };
        let copied;
        let dict = if let Ok(dict) = info.cast_exact::<PyDict>() {
            dict
        } else {
            copied = PyDict::new(info.py());
            copied.update(info)?;
            &copied
        };
        let shown = without_secrets(dict)?;
        Ok(Self {
            id,
            info: pack_scalars(dict)?,
            shown: shown.map(|shown| pack_scalars(&shown)).transpose()?,
        })
    }

    /// The same request, of which the route is known now; `None` when memory ran out.
    pub(crate) fn routed(&self, route: &str) -> Option<Self> {
        let clean = Redaction::standard().scrub(route);
        let shown = if self.shown.is_some() || matches!(clean, Cow::Owned(_)) {
            Some(self.shown().with_text(ROUTE, &clean)?)
        } else {
            None
        };
        Some(Self {
            id: self.id.clone(),
            info: self.info.with_text(ROUTE, route)?,
            shown,
        })
    }

    /// What events may show of the description.
    pub(crate) fn shown(&self) -> &Packed {
        self.shown.as_ref().unwrap_or(&self.info)
    }

    /// The description as it was given: a new dict.
    pub(crate) fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.info.to_python(py)
    }
}

/// A copy of the dict without what is secret, if anything is.
fn without_secrets<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let judge = Redaction::standard();
    let mut shown: Option<Bound<'py, PyDict>> = None;
    for (name, value) in dict {
        let is_secret = name
            .cast::<PyString>()
            .is_ok_and(|name| judge.is_secret(&name.to_string_lossy()));
        let clean = if is_secret {
            Some(REDACTED.to_owned())
        } else if let Ok(text) = value.cast::<PyString>() {
            match judge.scrub(&text.to_string_lossy()) {
                Cow::Borrowed(_) => None,
                Cow::Owned(clean) => Some(clean),
            }
        } else {
            None
        };
        if let Some(clean) = clean {
            let shown = match &mut shown {
                Some(shown) => shown,
                None => shown.insert(dict.copy()?),
            };
            shown.set_item(name, clean)?;
        }
    }
    Ok(shown)
}

//! The names of threads, as `threading` has them.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use super::modules;
use crate::access::{entries, named, plain_attribute, text_of};

/// The name of the thread of that number, if `threading` knows it.
pub(super) fn name(py: Python<'_>, number: u64) -> Option<String> {
    let threading = modules::names(intern!(py, "threading"))?;
    let active = named(&threading, intern!(py, "_active"))?
        .cast_into_exact::<PyDict>()
        .ok()?;
    // Looking the number up would compare it with keys that may be of any type.
    let (_, thread) = entries(&active).find(|(key, _)| {
        let key = key.cast_exact::<PyInt>();
        key.is_ok_and(|key| key.extract::<u64>().is_ok_and(|key| key == number))
    })?;
    let name = plain_attribute(&thread, intern!(py, "_name"))?;
    name.cast_exact::<PyString>().ok().map(text_of)
}

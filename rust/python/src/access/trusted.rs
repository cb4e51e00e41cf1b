//! Reads that the trust list allows: our own readers of what frameworks store, and the user's own real accesses.

use hogtrace_core::vm::FaultKind;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Policy;
use super::attribute::attribute;
use super::headers::{Headers, Kept, of_scope};
use super::refusal::{Safe, Stop, real};
use super::slots::kind_of;
use crate::trust::{Entry, ITEMS, Reader};

/// What a trusted access is done on.
pub(super) enum Trusted<'py> {
    /// On this stand-in, by the safe rules.
    StandIn(Bound<'py, PyAny>),
    /// On the object itself, as Python does it.
    Real,
}

/// A refused attribute, if the trust list has it.
pub(super) fn trusted_attribute<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Safe<'py, Bound<'py, PyAny>>> {
    let entry = policy
        .trust
        .find(object.py(), kind_of(object), name.to_str().ok()?)?;
    Some(match read(entry, object) {
        Ok(Trusted::StandIn(value)) => Ok(value),
        Ok(Trusted::Real) => real(|| object.getattr(name))
            .map_err(|error| Stop::raised_by_application(object.py(), &error)),
        Err(stop) => Err(stop),
    })
}

/// What stands in for an object whose items, length or membership were refused, if the trust list has it.
pub(super) fn trusted_items<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
) -> Option<Safe<'py, Trusted<'py>>> {
    let entry = policy.trust.find(object.py(), kind_of(object), ITEMS)?;
    Some(read(entry, object))
}

fn read<'py>(entry: &Entry, object: &Bound<'py, PyAny>) -> Safe<'py, Trusted<'py>> {
    let headers = |kept| Headers::view(kept, follow(object, &entry.argument)?);
    Ok(Trusted::StandIn(match entry.reader {
        Reader::Call => return Ok(Trusted::Real),
        Reader::Stored => follow(object, &entry.argument)?,
        Reader::WsgiHeaders => headers(Kept::Environ)?,
        Reader::HeaderList => headers(Kept::Pairs)?,
        Reader::HeaderStore => headers(Kept::Store)?,
        Reader::AsgiHeaders => of_scope(&follow(object, &entry.argument)?)?,
    }))
}

/// What a dotted path of stored attributes leads to.
fn follow<'py>(object: &Bound<'py, PyAny>, path: &str) -> Safe<'py, Bound<'py, PyAny>> {
    let mut current = object.clone();
    for name in path.split('.').filter(|name| !name.is_empty()) {
        current =
            attribute(&current, &PyString::intern(object.py(), name)).map_err(
                |stop| match stop {
                    Stop::Fault(mut fault) if fault.kind == FaultKind::Attribute => {
                        fault.message = format!("{}, which TRUST names", fault.message).into();
                        Stop::Fault(fault)
                    }
                    stop => stop,
                },
            )?;
    }
    Ok(current)
}

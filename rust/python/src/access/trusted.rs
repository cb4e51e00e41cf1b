//! Reads that the trust list allows: our own readers of what frameworks store, and the user's own real accesses.

use hogtrace_core::vm::FaultKind;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::Policy;
use super::attribute::{attribute, cached};
use super::headers::{Headers, Kept, of_scope};
use super::item::item;
use super::part::{string_size, text_of};
use super::proxy::kept_by;
use super::refusal::{Safe, Stop, real};
use super::shape::{Family, shape_of};
use super::slots::kind_of;
use super::storage::{entries, stored_item, stored_length};
use super::work::Work;
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
    let text = name.to_str().ok()?;
    let entry = policy.trust.find(object.py(), kind_of(object), text)?;
    if entry.reader == Reader::ContextProxy {
        return Some(
            proxied(policy, object).and_then(|current| beyond_proxies(policy, &current, name)),
        );
    }
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
    if entry.reader != Reader::ContextProxy {
        return Some(read(entry, object));
    }
    Some(proxied(policy, object).and_then(|current| {
        match policy.trust.find(object.py(), kind_of(&current), ITEMS) {
            Some(entry) if entry.reader != Reader::ContextProxy => read(entry, &current),
            _ => Ok(Trusted::StandIn(current)),
        }
    }))
}

/// What a proxy stands for here. What holds it keeps it as an attribute, which the trust list may have to find.
fn proxied<'py>(policy: Policy<'_>, proxy: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let (holder, name) = kept_by(proxy)?;
    beyond_proxies(policy, &holder, &name)
}

/// An attribute by the plain rules, or else by the trust list; but a proxy of a proxy is not followed.
fn beyond_proxies<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let stop = match attribute(object, name) {
        Err(Stop::Fault(fault)) if fault.kind != FaultKind::Attribute => {
            return Err(Stop::Fault(fault));
        }
        Err(stop) => stop,
        found => return found,
    };
    let py = object.py();
    let text = name.to_str().unwrap_or_default();
    match policy.trust.find(py, kind_of(object), text) {
        Some(entry) if entry.reader != Reader::ContextProxy => match read(entry, object)? {
            Trusted::StandIn(value) => Ok(value),
            Trusted::Real => real(|| object.getattr(name))
                .map_err(|error| Stop::raised_by_application(py, &error)),
        },
        _ => Err(stop),
    }
}

fn read<'py>(entry: &Entry, object: &Bound<'py, PyAny>) -> Safe<'py, Trusted<'py>> {
    let headers = |kept| Headers::view(kept, follow(object, &entry.argument)?);
    Ok(Trusted::StandIn(match entry.reader {
        Reader::Call => return Ok(Trusted::Real),
        Reader::Stored => follow(object, &entry.argument)?,
        Reader::Cached => cached(object, &PyString::intern(object.py(), &entry.attribute))?,
        Reader::WsgiHeaders => headers(Kept::Environ)?,
        Reader::HeaderList => headers(Kept::Pairs)?,
        Reader::HeaderStore => headers(Kept::Store)?,
        Reader::AsgiHeaders => of_scope(&follow(object, &entry.argument)?)?,
        Reader::Item => {
            let (path, key) = entry
                .argument
                .rsplit_once('.')
                .unwrap_or(("", &entry.argument));
            item(
                &follow(object, path)?,
                PyString::intern(object.py(), key).as_any(),
            )?
        }
        Reader::FirstValues => one_of_each(&follow(object, &entry.argument)?, false)?,
        Reader::LastValues => one_of_each(&follow(object, &entry.argument)?, true)?,
        Reader::StatusLine => status_code(&follow(object, &entry.argument)?)?,
        // An entry for all attributes and items is followed by those who ask for them.
        Reader::ContextProxy => return Err(Stop::words(object, "a proxy of a proxy")),
    }))
}

/// A new dict with one of the values that each key of a dict of lists has: what a form or a query string is asked for.
/// A key without values is left out.
fn one_of_each<'py>(object: &Bound<'py, PyAny>, last: bool) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let Ok(dict) = object.cast::<PyDict>() else {
        return Err(Stop::words(object, "no dict of lists"));
    };
    let made = PyDict::new(py);
    let mut work = Work::new();
    for (key, values) in entries(dict) {
        work.touch()?;
        let fits = shape_of(&key).family == Family::Str
            && matches!(shape_of(&values).family, Family::List | Family::Tuple);
        if !fits {
            return Err(Stop::words(object, "no dict of names and lists"));
        }
        let index = if last {
            stored_length(&values).wrapping_sub(1)
        } else {
            0
        };
        // A new string, since one of a subclass could have a hash of its own.
        let key = key.cast::<PyString>().map(text_of).unwrap_or_default();
        if let Some(value) = stored_item(&values, index) {
            made.set_item(key, value)
                .map_err(|error| Stop::raised(py, &error))?;
        }
    }
    Ok(made.into_any())
}

/// Characters of a status line; a longer text is none.
const LONGEST_STATUS: usize = 1024;

/// The number that a line as `404 Not Found` begins with; a number is one already.
fn status_code<'py>(status: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let number = match shape_of(status).family {
        Family::Int => return Ok(status.clone()),
        Family::Str => status
            .cast::<PyString>()
            .ok()
            .filter(|line| string_size(line).0 <= LONGEST_STATUS)
            .and_then(|line| text_of(line).split(' ').next()?.parse::<u16>().ok()),
        _ => None,
    };
    match number {
        Some(number) => number
            .into_pyobject(status.py())
            .map(Bound::into_any)
            .map_err(|never| match never {}),
        None => Err(Stop::words(status, "no status line")),
    }
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

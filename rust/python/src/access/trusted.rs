//! Reads that the trust list allows: our own readers of what frameworks store, and the user's own real accesses.

use hogtrace_core::vm::FaultKind;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{ffi, intern};

use super::Policy;
use super::attribute::{attribute, cached};
use super::fields::{Fields, Kept, of_scope};
use super::item::item;
use super::names::names;
use super::part::{string_size, text_of};
use super::proxy::{kept_by, kept_by_thread};
use super::query::{environ_text, parameters};
use super::refusal::{Hurdle, NO_KEY, Safe, Stop, real};
use super::search::find;
use super::shape::{Family, shape_of};
use super::slots::{Kind, kind_of, object_kind};
use super::stand_in::{address, joined, namespace, url_of_scope};
use super::storage::stored_item;
use crate::trust::{Entry, ITEMS, Reader};

/// What a trusted access is done on.
pub(super) enum Trusted<'py> {
    /// On this stand-in, by the safe rules.
    StandIn(Bound<'py, PyAny>),
    /// On the object itself, as Python does it.
    Real,
}

/// A refused attribute, by the trust list if that has it.
pub(super) fn trusted_attribute<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    stop: Stop<'py>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let Ok(text) = name.to_str() else {
        return Err(stop);
    };
    let entry = policy.trust.find(object.py(), kind_of(object), text);
    match entry {
        None => Err(stop),
        Some(entry) if entry.is_for_all() => {
            let current = stood_for(policy, entry, object)?;
            beyond_stand_ins(policy, &current, name)
        }
        Some(entry) => match read(policy, entry, object, stop)? {
            Trusted::StandIn(value) => Ok(value),
            Trusted::Real => real(|| object.getattr(name))
                .map_err(|error| Stop::raised_by_application(object.py(), &error)),
        },
    }
}

/// What stands in for an object whose items, length or membership were refused, by the trust list if that has it.
pub(super) fn trusted_items<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    stop: Stop<'py>,
) -> Safe<'py, Trusted<'py>> {
    let py = object.py();
    match policy.trust.find(py, kind_of(object), ITEMS) {
        None => Err(stop),
        Some(entry) if entry.is_for_all() => {
            let current = stood_for(policy, entry, object)?;
            match policy.trust.find(py, kind_of(&current), ITEMS) {
                Some(entry) if !entry.is_for_all() => read(policy, entry, &current, stop),
                _ => Ok(Trusted::StandIn(current)),
            }
        }
        Some(entry) => read(policy, entry, object, stop),
    }
}

/// What an object stands for here of which all is asked of something else.
fn stood_for<'py>(
    policy: Policy<'_>,
    entry: &Entry,
    object: &Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    match entry.reader {
        Reader::ContextProxy => {
            // What holds it keeps it as an attribute, which the trust list may have to find.
            let (holder, name) = kept_by(object)?;
            beyond_stand_ins(policy, &holder, &name)
        }
        Reader::LazyObject => wrapped(object, &entry.argument),
        _ => namespace(&follow(policy, entry, object)?),
    }
}

/// What a lazy object has found already. Its own accessor would look for it.
fn wrapped<'py>(object: &Bound<'py, PyAny>, attribute: &str) -> Safe<'py, Bound<'py, PyAny>> {
    let name = PyString::intern(object.py(), attribute);
    match cached(object, &name)? {
        found if is_unset(&found) => Err(Stop::words(
            object,
            "it has not been looked up yet, and only access=\"python\" would look it up",
        )),
        found => Ok(found),
    }
}

/// An attribute by the plain rules, or else by the trust list; but a stand-in of a stand-in is not followed.
fn beyond_stand_ins<'py>(
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
        Some(entry) if !entry.is_for_all() => match read(policy, entry, object, stop)? {
            Trusted::StandIn(value) => Ok(value),
            Trusted::Real => real(|| object.getattr(name))
                .map_err(|error| Stop::raised_by_application(py, &error)),
        },
        _ => Err(stop),
    }
}

/// Reads by one entry; `stop` says why the plain rules do not.
fn read<'py>(
    policy: Policy<'_>,
    entry: &Entry,
    object: &Bound<'py, PyAny>,
    stop: Stop<'py>,
) -> Safe<'py, Trusted<'py>> {
    let py = object.py();
    let kept = || follow(policy, entry, object);
    let view = |form| Fields::view(form, kept()?);
    Ok(Trusted::StandIn(match entry.reader {
        Reader::Call => return Ok(Trusted::Real),
        Reader::Instead => return Err(stop.with_hint(&entry.argument)),
        Reader::Stored | Reader::Item => kept()?,
        Reader::Cached => cached(object, &PyString::intern(py, &entry.attribute))?,
        Reader::ThreadLocal => kept_by_thread(object, &entry.attribute, &entry.argument)?,
        Reader::WsgiHeaders => view(Kept::Environ)?,
        Reader::HeaderList => view(Kept::Pairs)?,
        Reader::HeaderStore => view(Kept::Store)?,
        Reader::HeaderDict => view(Kept::Named)?,
        Reader::FirstValues => view(Kept::First)?,
        Reader::LastValues => view(Kept::Last)?,
        Reader::AsgiHeaders => of_scope(&kept()?)?,
        Reader::Header => header(&kept()?, &entry.attribute)?,
        Reader::FirstOfQuery => parameters(&kept()?, Kept::First)?,
        Reader::LastOfQuery => parameters(&kept()?, Kept::Last)?,
        Reader::WsgiText => environ_text(&kept()?)?,
        Reader::StatusLine => status_code(&kept()?)?,
        Reader::StatusPhrase => phrase(object, kept()?)?,
        Reader::AsgiUrl => url_of_scope(&kept()?)?,
        Reader::Address => address(&kept()?)?,
        Reader::Namespace => namespace(&kept()?)?,
        Reader::Joined => joined(&kept()?)?,
        // Entries for all attributes and items are followed by those who ask for them.
        Reader::ContextProxy | Reader::LazyObject => return Err(stop),
    }))
}

/// The header that an attribute is named after, in a WSGI environment or a list of pairs; `None` where there is none.
fn header<'py>(kept: &Bound<'py, PyAny>, attribute: &str) -> Safe<'py, Bound<'py, PyAny>> {
    let py = kept.py();
    let form = match shape_of(kept).family {
        Family::Dict => Kept::Environ,
        _ => Kept::Pairs,
    };
    let name = PyString::new(py, &attribute.replace('_', "-"));
    let headers = Fields::view(form, kept.clone())?;
    let found = match headers.cast::<Fields>() {
        Ok(headers) => headers.get().find(name.as_any())?,
        Err(_) => None,
    };
    Ok(found.unwrap_or_else(|| py.None().into_bound(py)))
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

/// The phrase that is stored, or if that is `None` what `http.client` has for the object's status.
fn phrase<'py>(
    object: &Bound<'py, PyAny>,
    stored: Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    if !stored.is_none() {
        return Ok(stored);
    }
    let status = attribute(object, intern!(py, "status_code"))?;
    // SAFETY: a string that lives; a look into the modules that are imported gives a new reference, or null, perhaps with
    // an error, which is cleared.
    let module = unsafe {
        let found = ffi::PyImport_GetModule(intern!(py, "http.client").as_ptr());
        if found.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(py, found)
    };
    let Some(module) = module else {
        return Err(Stop::words(object, "no table of phrases is loaded"));
    };
    let table = attribute(&module, intern!(py, "responses"))?;
    let found = match table.cast::<PyDict>() {
        Ok(table) => find(table, &status)?,
        Err(_) => None,
    };
    Ok(found.unwrap_or_else(|| intern!(py, "Unknown Status Code").clone().into_any()))
}

/// What the path of an entry leads to: attributes, then perhaps a key of a dict or an index of a tuple. An attribute on
/// the way may be one that the trust list has, but not one of those further on.
fn follow<'py>(
    policy: Policy<'_>,
    entry: &Entry,
    object: &Bound<'py, PyAny>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let mut current = object.clone();
    let mut rest = &*entry.argument;
    while !rest.is_empty() {
        let mut step = rest.split_once('.').unwrap_or((rest, ""));
        if shape_of(&current).family == Family::Dict {
            // Keys may have dots in them.
            step = (rest, "");
        }
        current = match part(policy, &current, step.0) {
            Err(Stop::Fault(fault))
                if fault.kind == FaultKind::Attribute || fault.message == NO_KEY =>
            {
                return Err(unset(entry, object));
            }
            found => found?,
        };
        rest = step.1;
    }
    if is_unset(&current) {
        return Err(unset(entry, object));
    }
    Ok(current)
}

/// One step of a path.
fn part<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    name: &str,
) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let key = PyString::intern(py, name);
    match (shape_of(object).family, name.parse::<u8>()) {
        (Family::Dict, _) => return item(object, key.as_any()),
        (Family::Tuple | Family::List, Ok(index)) => {
            return stored_item(object, index.into()).ok_or_else(Stop::no_key);
        }
        _ => {}
    }
    let refusal = match attribute(object, &key) {
        Err(refusal @ Stop::Refused(_)) => refusal,
        found => return found,
    };
    match policy.trust.find(py, kind_of(object), name) {
        Some(entry) if entry.reader != Reader::Call => {
            match read(policy.without_trust(), entry, object, refusal)? {
                Trusted::StandIn(value) => Ok(value),
                Trusted::Real => Err(Stop::no_key()),
            }
        }
        _ => Err(refusal),
    }
}

fn unset<'py>(entry: &Entry, object: &Bound<'py, PyAny>) -> Stop<'py> {
    let hurdle = Hurdle::Unset(entry.argument.clone());
    Stop::attribute(
        object,
        &PyString::new(object.py(), &entry.attribute),
        hurdle,
    )
}

/// Whether a value is one of those by which frameworks say that there is none yet: `...`, a bare `object()`, and a class or
/// a member of an enumeration that is called so.
fn is_unset(value: &Bound<'_, PyAny>) -> bool {
    let kind = kind_of(value);
    if kind.is_native() {
        let is_class = kind.has(ffi::Py_TPFLAGS_TYPE_SUBCLASS);
        return kind == object_kind()
            || value.is(value.py().Ellipsis())
            || (is_class
                && value
                    .cast()
                    .is_ok_and(|class| says_unset(Kind::from_type(class), value.py())));
    }
    says_unset(kind, value.py())
}

fn says_unset(kind: Kind<'_>, py: Python<'_>) -> bool {
    matches!(&*names(py, kind).1, "Empty" | "_EmptyEnum" | "_Unset")
}

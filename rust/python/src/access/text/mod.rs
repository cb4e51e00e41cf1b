//! The text of values, made from what is stored in them.

mod exception;
mod location;
mod moment;
mod number;

use hogtrace_core::vm::FaultKind;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::access::attribute::attribute;
use crate::access::calls::call_unary;
use crate::access::functions::exact_str;
use crate::access::names::{definer, names, short_name};
use crate::access::part::{bits, byte_length, string_size};
use crate::access::refusal::{Safe, Stop};
use crate::access::representation::repr_of;
use crate::access::shape::{Family, Shape, shape_of};
use crate::access::slots::{Kind, Slot};
use crate::access::work::{BITS, check_bytes};

pub(crate) use exception::exception_text;
pub(crate) use location::{network_text, path_text};
pub(crate) use moment::{moment_text, span_text, zone_text};
pub(super) use number::check_decimal;
pub(crate) use number::{decimal_fits, decimal_text, fraction_text, uuid_text};

/// Characters of the longest name of a known class.
const LONGEST_KNOWN: usize = 16;
/// Characters of the name of a member of an enumeration that are shown.
const LONGEST_NAME: usize = 1024;

/// A class of the standard library whose objects are told by a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// `uuid.UUID`
    Uuid,
    /// `pathlib.PurePath`
    Path,
    /// `enum.Enum`
    Enum,
    /// `fractions.Fraction`
    Fraction,
    /// An address of `ipaddress`, with a network or without, or a network.
    Network,
}

/// Which of those classes a type is or derives from.
pub(crate) fn known_class(py: Python<'_>, kind: Kind<'_>) -> Option<Known> {
    let is_candidate = |kind: &Kind<'_>| {
        kind.heap_name(py).is_some_and(|name| {
            let name = name.cast::<PyString>().ok();
            let name = name.filter(|name| string_size(name).0 <= LONGEST_KNOWN);
            name.is_some_and(|name| {
                matches!(
                    &*name.to_string_lossy(),
                    "UUID"
                        | "PurePath"
                        | "Enum"
                        | "Fraction"
                        | "IPv4Address"
                        | "IPv6Address"
                        | "IPv4Network"
                        | "IPv6Network"
                )
            })
        })
    };
    kind.lineage()
        .filter(is_candidate)
        .find_map(|kind| known_name(&names(py, kind)))
}

fn known_name((module, name): &(String, String)) -> Option<Known> {
    match (module.as_str(), name.as_str()) {
        ("uuid", "UUID") => Some(Known::Uuid),
        ("pathlib" | "pathlib._local", "PurePath") => Some(Known::Path),
        ("enum", "Enum") => Some(Known::Enum),
        ("fractions", "Fraction") => Some(Known::Fraction),
        ("ipaddress", "IPv4Address" | "IPv6Address" | "IPv4Network" | "IPv6Network") => {
            Some(Known::Network)
        }
        _ => None,
    }
}

/// `str(object)`, for what has a text that is not code of the application's.
pub(super) fn str_of<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    let shape = shape_of(object);
    let text = match shape.family {
        Family::Other => return known_text(object, &shape),
        Family::Exception => match exception_text(object) {
            Some(text) => text,
            None => return Err(Stop::method(object, "__str__")),
        },
        _ if !shape.keeps(Slot::Str) || !shape.keeps(Slot::Repr) && shape.family != Family::Str => {
            return Err(Stop::method(object, "__str__"));
        }
        Family::Str if shape.is_exact() => return Ok(object.clone()),
        Family::Str => {
            check_bytes(object, byte_length(object))?;
            return exact_str(object).map(Bound::into_any);
        }
        Family::Int if bits(object) > BITS => {
            let message = format!(
                "an integer of {} bits; there are at most {BITS}",
                bits(object)
            );
            return Err(Stop::fault(FaultKind::Limit, message));
        }
        Family::None | Family::Bool | Family::Int | Family::Float | Family::Complex => {
            return native_repr(object, &shape);
        }
        // `str` of bytes is their `repr`, but warns where the interpreter was told to.
        Family::Bytes
        | Family::ByteArray
        | Family::List
        | Family::Tuple
        | Family::Dict
        | Family::Set
        | Family::FrozenSet
        | Family::Range => return repr_of(object),
        Family::Date | Family::DateTime | Family::Time => match moment_text(object, ' ') {
            Some(text) => text,
            None => return Err(Stop::method(object, "__str__")),
        },
        Family::TimeDelta => span_text(object),
        Family::Decimal => match decimal_text(object) {
            Some(text) => text,
            None => return Err(Stop::words(object, "too many digits")),
        },
        _ => return Err(no_text(object)),
    };
    Ok(PyString::new(py, &text).into_any())
}

/// What the built-in type itself shows of its value. `PyObject_Str` would look for signals first, and so run their handlers.
fn native_repr<'py>(object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Safe<'py, Bound<'py, PyAny>> {
    match call_unary(shape.base, Slot::Repr, object) {
        Some(text) => text.map_err(|error| Stop::raised(object.py(), &error)),
        None => Err(no_text(object)),
    }
}

fn no_text<'py>(object: &Bound<'py, PyAny>) -> Stop<'py> {
    let message = format!(
        "str() takes None, booleans, numbers, strings, dates, built-in containers and the like, not '{}'",
        short_name(object)
    );
    Stop::fault(FaultKind::Type, message)
}

/// The text of an object of one of the known classes whose `__str__` is still that class's.
fn known_text<'py>(object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = object.py();
    if shape.keeps(Slot::Str) && shape.keeps(Slot::Repr) {
        return Err(no_text(object));
    }
    let text = match known_name(&names(py, definer(shape.kind, intern!(py, "__str__")))) {
        Some(Known::Uuid) => uuid_text(object),
        Some(Known::Path) => path_text(object),
        Some(Known::Enum) => enum_name(object).map(|name| format!("{}.{name}", short_name(object))),
        Some(Known::Fraction | Known::Network) | None => None,
    };
    match text {
        Some(text) => Ok(PyString::new(py, &text).into_any()),
        None => Err(Stop::method(object, "__str__")),
    }
}

/// What an object stores under `name`.
pub(crate) fn stored<'py>(object: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    attribute(object, &PyString::intern(object.py(), name)).ok()
}

/// The name of a member of an enumeration.
pub(crate) fn enum_name(member: &Bound<'_, PyAny>) -> Option<String> {
    let name = stored(member, "_name_")?.cast_into::<PyString>().ok()?;
    (string_size(&name).0 <= LONGEST_NAME).then(|| name.to_string_lossy().into_owned())
}

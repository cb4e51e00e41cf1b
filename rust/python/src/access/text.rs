//! The text of values, made from what is stored in them.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use hogtrace_core::vm::FaultKind;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::arithmetic::exact_int;
use super::attribute::attribute;
use super::calls::call_unary;
use super::functions::exact_str;
use super::names::{definer, name_of, names, short_name};
use super::part::{bits, byte_length, int_digits, string_size};
use super::refusal::{Safe, Stop};
use super::representation::repr_of;
use super::shape::{Family, Shape, shape_of};
use super::slots::{Kind, Slot, kind_of};
use super::storage::{exception_arguments, member, stored_item, stored_length};
use super::time::{is_plain_zone, zone_of};
use super::work::{BITS, BYTES, check_bytes};

/// Characters of the longest name of a known class.
const LONGEST_KNOWN: usize = 16;
/// Characters of a path, or of one of its parts, that are shown.
const LONGEST_PATH: usize = 4096;
/// Parts of a path that are looked at.
const MOST_PARTS: usize = 256;
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

/// A date, time or datetime in ISO 8601, with `separator` between the day and the hour. An offset that only code of the
/// application knows is replaced by the name of the zone's type in brackets.
pub(crate) fn moment_text(moment: &Bound<'_, PyAny>, separator: char) -> Option<String> {
    let raw = moment.as_ptr();
    let mut text = String::new();
    let family = shape_of(moment).family;
    // SAFETY: by its shape `moment` is a date, datetime or time in C, whose fields these are.
    let (day, hour) = unsafe {
        let day = matches!(family, Family::Date | Family::DateTime).then(|| {
            (
                ffi::PyDateTime_GET_YEAR(raw),
                ffi::PyDateTime_GET_MONTH(raw),
                ffi::PyDateTime_GET_DAY(raw),
            )
        });
        let hour = match family {
            Family::DateTime => Some((
                ffi::PyDateTime_DATE_GET_HOUR(raw),
                ffi::PyDateTime_DATE_GET_MINUTE(raw),
                ffi::PyDateTime_DATE_GET_SECOND(raw),
                ffi::PyDateTime_DATE_GET_MICROSECOND(raw),
            )),
            Family::Time => Some((
                ffi::PyDateTime_TIME_GET_HOUR(raw),
                ffi::PyDateTime_TIME_GET_MINUTE(raw),
                ffi::PyDateTime_TIME_GET_SECOND(raw),
                ffi::PyDateTime_TIME_GET_MICROSECOND(raw),
            )),
            _ => None,
        };
        (day, hour)
    };
    if let Some((year, month, day)) = day {
        let _ = write!(text, "{year:04}-{month:02}-{day:02}");
    }
    if day.is_some() && hour.is_some() {
        text.push(separator);
    }
    if let Some((hour, minute, second, microsecond)) = hour {
        let _ = write!(text, "{hour:02}:{minute:02}:{second:02}");
        if microsecond != 0 {
            let _ = write!(text, ".{microsecond:06}");
        }
    }
    if let Some(zone) = zone_of(moment) {
        match offset(moment, &zone) {
            Some(offset) => text.push_str(&offset),
            None => _ = write!(text, "[{}]", name_of(&zone)),
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The offset of a moment in a plain zone, as ISO 8601 has it; empty where the zone has none.
fn offset(moment: &Bound<'_, PyAny>, zone: &Bound<'_, PyAny>) -> Option<String> {
    let shape = shape_of(moment);
    // A zone in C asks methods of a subclass of datetime.
    if !is_plain_zone(zone) || !shape.is_exact() {
        return None;
    }
    let asked = if shape.family == Family::DateTime {
        moment.clone()
    } else {
        moment.py().None().into_bound(moment.py())
    };
    let offset = zone
        .call_method1(intern!(moment.py(), "utcoffset"), (asked,))
        .ok()?;
    if shape_of(&offset).family != Family::TimeDelta {
        return Some(String::new());
    }
    let (days, seconds, microseconds) = span(&offset);
    let total = i64::from(days) * 86_400 + i64::from(seconds);
    let sign = if total < 0 { '-' } else { '+' };
    let total = total.abs();
    let mut text = format!("{sign}{:02}:{:02}", total / 3600, total / 60 % 60);
    if total % 60 != 0 || microseconds != 0 {
        let _ = write!(text, ":{:02}", total % 60);
    }
    Some(text)
}

/// Days, seconds and microseconds of a timedelta.
fn span(span: &Bound<'_, PyAny>) -> (i32, i32, i32) {
    let raw = span.as_ptr();
    // SAFETY: the callers know it for a timedelta in C, whose fields these are.
    unsafe {
        (
            ffi::PyDateTime_DELTA_GET_DAYS(raw),
            ffi::PyDateTime_DELTA_GET_SECONDS(raw),
            ffi::PyDateTime_DELTA_GET_MICROSECONDS(raw),
        )
    }
}

/// A timedelta as `str` shows it.
pub(crate) fn span_text(object: &Bound<'_, PyAny>) -> String {
    let (days, seconds, microseconds) = span(object);
    let mut text = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    let _ = write!(
        text,
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if microseconds != 0 {
        let _ = write!(text, ".{microseconds:06}");
    }
    text
}

/// Whether a decimal has few enough digits to work with.
pub(crate) fn decimal_fits(decimal: &Bound<'_, PyAny>) -> bool {
    let py = decimal.py();
    let size = shape_of(decimal)
        .base
        .lookup(intern!(py, "__sizeof__"))
        .ok()
        .flatten()
        .and_then(|method| method.call1((decimal,)).ok())
        .and_then(|size| size.extract::<usize>().ok());
    size.is_some_and(|size| size <= BYTES / 4)
}

/// Refuses to work with a decimal of very many digits.
pub(super) fn check_decimal<'py>(decimal: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    if decimal_fits(decimal) {
        return check_bytes(decimal, BYTES / 16);
    }
    Err(Stop::fault(
        FaultKind::Limit,
        "a decimal of very many digits; comparing and hashing it takes too long",
    ))
}

/// The digits of a decimal.
pub(crate) fn decimal_text(decimal: &Bound<'_, PyAny>) -> Option<String> {
    if !decimal_fits(decimal) {
        return None;
    }
    let text = call_unary(shape_of(decimal).base, Slot::Str, decimal)?.ok()?;
    Some(
        text.cast_into::<PyString>()
            .ok()?
            .to_string_lossy()
            .into_owned(),
    )
}

/// What an object stores under `name`.
pub(crate) fn stored<'py>(object: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    attribute(object, &PyString::intern(object.py(), name)).ok()
}

/// A UUID in its usual form.
pub(crate) fn uuid_text(uuid: &Bound<'_, PyAny>) -> Option<String> {
    let number = stored(uuid, "int")?;
    if shape_of(&number).family != Family::Int || bits(&number) > 128 {
        return None;
    }
    let number: u128 = exact_int(&number).ok()?.extract().ok()?;
    let digits = format!("{number:032x}");
    Some(
        [
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        ]
        .join("-"),
    )
}

/// A fraction as `str` shows it.
pub(crate) fn fraction_text(fraction: &Bound<'_, PyAny>) -> Option<String> {
    let numerator = small_number(fraction, "_numerator")?;
    let denominator = small_number(fraction, "_denominator")?;
    Some(if denominator == "1" {
        numerator
    } else {
        format!("{numerator}/{denominator}")
    })
}

/// The digits of an int, subclasses included, that an object stores.
fn small_number(object: &Bound<'_, PyAny>, name: &str) -> Option<String> {
    let number = stored(object, name)?;
    (shape_of(&number).family == Family::Int && bits(&number) <= BITS)
        .then(|| int_digits(&number))
        .flatten()
}

/// An address or a network of `ipaddress` as `str` shows it.
pub(crate) fn network_text(object: &Bound<'_, PyAny>) -> Option<String> {
    let prefix = small_number(object, "_prefixlen");
    let address = match stored(object, "network_address") {
        Some(address) => address_text(&address)?,
        None => address_text(object)?,
    };
    Some(match prefix {
        Some(prefix) => format!("{address}/{prefix}"),
        None => address,
    })
}

fn address_text(address: &Bound<'_, PyAny>) -> Option<String> {
    let number = stored(address, "_ip")?;
    if shape_of(&number).family != Family::Int || bits(&number) > 128 {
        return None;
    }
    let number: u128 = exact_int(&number).ok()?.extract().ok()?;
    let is_v6 = kind_of(address)
        .lineage()
        .any(|kind| names(address.py(), kind).1 == "IPv6Address");
    if !is_v6 {
        return u32::try_from(number)
            .ok()
            .map(|number| Ipv4Addr::from(number).to_string());
    }
    let text = Ipv6Addr::from(number).to_string();
    let scope = stored(address, "_scope_id")
        .filter(|scope| shape_of(scope).family == Family::Str)
        .and_then(|scope| scope.cast_into::<PyString>().ok())
        .filter(|scope| string_size(scope).0 <= 64);
    Some(match scope {
        Some(scope) => format!("{text}%{}", scope.to_string_lossy()),
        None => text,
    })
}

/// The name of a time zone in C.
pub(crate) fn zone_text(zone: &Bound<'_, PyAny>) -> Option<String> {
    if let Some(key) = stored(zone, "key").filter(|key| shape_of(key).family == Family::Str) {
        let key = key.cast_into::<PyString>().ok()?;
        return (string_size(&key).0 <= 256).then(|| key.to_string_lossy().into_owned());
    }
    let base = shape_of(zone).base;
    if base.c_name() != c"datetime.timezone" {
        return None;
    }
    let name = call_unary(base, Slot::Str, zone)?.ok()?;
    let name = name.cast_into::<PyString>().ok()?;
    (string_size(&name).0 <= 256).then(|| name.to_string_lossy().into_owned())
}

/// A path as `str` shows it.
pub(crate) fn path_text(path: &Bound<'_, PyAny>) -> Option<String> {
    let text = |value: Bound<'_, PyAny>| {
        let text = value.cast_into::<PyString>().ok()?;
        (string_size(&text).0 <= LONGEST_PATH).then(|| text.to_string_lossy().into_owned())
    };
    // Made at the first `str()`.
    if let Some(known) = stored(path, "_str").and_then(text) {
        return Some(known);
    }
    let separator = if short_name(path).contains("Windows") {
        "\\"
    } else {
        "/"
    };
    // Python 3.11 parses at once, later ones keep what they were given.
    let (parts, parsed) = match stored(path, "_parts") {
        Some(parts) => (parts, true),
        None => (stored(path, "_raw_paths")?, false),
    };
    if !matches!(shape_of(&parts).family, Family::List | Family::Tuple) {
        return None;
    }
    let parts: Vec<String> = (0..stored_length(&parts).min(MOST_PARTS))
        .filter_map(|index| stored_item(&parts, index))
        .filter_map(text)
        .collect();
    if parsed {
        // The first part is the anchor, which ends in a separator already.
        let anchored = parts
            .first()
            .is_some_and(|first| first.ends_with(separator));
        return Some(match parts.split_first() {
            Some((anchor, rest)) if anchored => anchor.clone() + &rest.join(separator),
            Some(_) => parts.join(separator),
            None => ".".to_owned(),
        });
    }
    if separator != "/" {
        return Some(parts.join(separator));
    }
    Some(joined(&parts))
}

/// The POSIX path that pieces make: the last absolute one begins it, and single dots and double separators are nothing.
fn joined(pieces: &[String]) -> String {
    let begin = pieces
        .iter()
        .rposition(|piece| piece.starts_with('/'))
        .unwrap_or(0);
    let whole = pieces[begin..].join("/");
    // Exactly two slashes at the beginning mean something of their own.
    let root = match whole.bytes().take_while(|&byte| byte == b'/').count() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let names: Vec<_> = whole
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    if root.is_empty() && names.is_empty() {
        ".".to_owned()
    } else {
        root.to_owned() + &names.join("/")
    }
}

/// The name of a member of an enumeration.
pub(crate) fn enum_name(member: &Bound<'_, PyAny>) -> Option<String> {
    let name = stored(member, "_name_")?.cast_into::<PyString>().ok()?;
    (string_size(&name).0 <= LONGEST_NAME).then(|| name.to_string_lossy().into_owned())
}

/// `str` of an exception whose text C code makes of plain values.
pub(crate) fn exception_text(exception: &Bound<'_, PyAny>) -> Option<String> {
    const FIELDS: [&str; 10] = [
        "errno",
        "strerror",
        "filename",
        "filename2",
        "msg",
        "name",
        "path",
        "object",
        "reason",
        "encoding",
    ];
    let kind = kind_of(exception);
    let native = kind.native();
    let built_in = !native.c_name().to_bytes().contains(&b'.') && native.c_name() != c"SyntaxError";
    if !built_in || !kind.shares(Slot::Str, native) {
        return None;
    }
    let fields = FIELDS
        .iter()
        .filter_map(|name| native_field(exception, native, name));
    if !arguments(exception)?
        .iter()
        .chain(&fields.collect::<Vec<_>>())
        .all(is_plain)
    {
        return None;
    }
    let text = call_unary(native, Slot::Str, exception)?.ok()?;
    Some(
        text.cast_into::<PyString>()
            .ok()?
            .to_string_lossy()
            .into_owned(),
    )
}

/// The arguments of an exception, unless they are many.
fn arguments<'py>(exception: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let arguments = exception_arguments(exception)?;
    (stored_length(&arguments) <= 10).then(|| {
        (0..10)
            .map_while(|index| stored_item(&arguments, index))
            .collect()
    })
}

/// Whether `str` and `repr` of a value run no code of the application and stay small.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    let shape = shape_of(value);
    let small = match shape.family {
        Family::None | Family::Bool | Family::Float => true,
        Family::Int => bits(value) <= BITS,
        Family::Str => value
            .cast::<PyString>()
            .is_ok_and(|text| string_size(text).0 <= BYTES),
        Family::Bytes => stored_length(value) <= BYTES / 4,
        _ => false,
    };
    small && shape.is_exact()
}

/// What a native exception type keeps in the object itself under that name.
fn native_field<'py>(
    exception: &Bound<'py, PyAny>,
    native: Kind<'_>,
    name: &str,
) -> Option<Bound<'py, PyAny>> {
    let descriptor = native
        .lookup(&PyString::intern(exception.py(), name))
        .ok()
        .flatten()?;
    member(&descriptor, exception)
}

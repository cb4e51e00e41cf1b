//! The text of dates and times, spans of time and time zones.

use std::fmt::Write;

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::stored;
use crate::access::calls::call_unary;
use crate::access::names::name_of;
use crate::access::part::string_size;
use crate::access::shape::{Family, shape_of};
use crate::access::slots::Slot;
use crate::access::time::{is_plain_zone, zone_of};

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

//! Dates and times whose offsets can be had without running code of the application.

use pyo3::ffi;
use pyo3::prelude::*;

use super::refusal::{Safe, Stop};
use super::shape::{Family, shape_of};

/// The time zone that a datetime or time holds; `None` for naive ones and other objects.
pub(crate) fn zone_of<'py>(moment: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: by its shape the object is a datetime or a time in C; the zone is borrowed and taken at once.
    unsafe {
        let zone = match shape_of(moment).family {
            Family::DateTime => ffi::PyDateTime_DATE_GET_TZINFO(moment.as_ptr()),
            Family::Time => ffi::PyDateTime_TIME_GET_TZINFO(moment.as_ptr()),
            _ => return None,
        };
        Bound::from_borrowed_ptr_or_opt(moment.py(), zone).filter(|zone| !zone.is_none())
    }
}

/// Whether a time zone is C code: `datetime.timezone`, or `zoneinfo.ZoneInfo` itself.
pub(crate) fn is_plain_zone(zone: &Bound<'_, PyAny>) -> bool {
    let shape = shape_of(zone);
    shape.family == Family::Zone && shape.is_exact()
}

/// Checks that the offset of a datetime or time can be had.
pub(super) fn check_zone<'py>(moment: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    match zone_of(moment) {
        Some(zone) if !is_plain_zone(&zone) => Err(Stop::method(&zone, "utcoffset")),
        _ => Ok(()),
    }
}

/// Checks that the hash of a date, datetime or time can be had, and that it can be compared where it stands.
///
/// A zone asks methods of a subclass of datetime, and CPython makes an object of the subclass where an hour comes twice.
pub(super) fn check_hash<'py>(moment: &Bound<'py, PyAny>) -> Safe<'py, ()> {
    let shape = shape_of(moment);
    // SAFETY: by its shape the object is a datetime or a time in C.
    let fold = unsafe {
        match shape.family {
            Family::DateTime => ffi::PyDateTime_DATE_GET_FOLD(moment.as_ptr()),
            Family::Time => ffi::PyDateTime_TIME_GET_FOLD(moment.as_ptr()),
            _ => 0,
        }
    };
    if !shape.is_exact() && (fold != 0 || zone_of(moment).is_some()) {
        return Err(Stop::method(moment, "__hash__"));
    }
    check_zone(moment)
}

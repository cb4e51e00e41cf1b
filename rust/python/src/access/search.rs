//! Finding keys and members, where hashing and comparing them runs no code of the application.

use hogtrace_core::vm::FaultKind;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PySet, PyString};

use super::calls::iterate;
use super::compare::same_or_equal;
use super::names::short_name;
use super::part::{bits, byte_length};
use super::refusal::{Safe, Stop};
use super::shape::{Family, Shape, shape_of};
use super::slots::{Kind, Slot};
use super::storage::{entries, has_plain_keys, plain_get, stored_item, stored_length};
use super::text::check_decimal;
use super::time::check_hash;
use super::work::{BITS, ELEMENTS, Work};

/// Checks that hashing and comparing `key` runs C code alone. What is a key already has the hashes of its strings at hand.
pub(super) fn check_key<'py>(key: &Bound<'py, PyAny>, work: &mut Work) -> Safe<'py, ()> {
    check(key, false, work)
}

/// Checks that hashing and comparing `key`, which is looked for, runs C code alone and takes no time.
fn check_asked<'py>(key: &Bound<'py, PyAny>, work: &mut Work) -> Safe<'py, ()> {
    check(key, true, work)
}

/// Whether hashing and comparing what is a key already runs C code alone.
fn is_plain<'py>(key: &Bound<'py, PyAny>, work: &mut Work) -> Safe<'py, bool> {
    match check_key(key, work) {
        Ok(()) => Ok(true),
        Err(Stop::Fault(fault)) if fault.kind == FaultKind::Limit => Err(Stop::Fault(fault)),
        Err(_) => Ok(false),
    }
}

fn check<'py>(key: &Bound<'py, PyAny>, asked: bool, work: &mut Work) -> Safe<'py, ()> {
    let shape = shape_of(key);
    if !shape.keeps(Slot::Hash) {
        return Err(Stop::method(key, "__hash__"));
    }
    if !shape.keeps(Slot::Compare) {
        return Err(Stop::method(key, "__eq__"));
    }
    match shape.family {
        Family::List
        | Family::Dict
        | Family::Set
        | Family::ByteArray
        | Family::Deque
        | Family::DictView => Err(Stop::fault(
            FaultKind::Type,
            format!("unhashable type: '{}'", short_name(key)),
        )),
        Family::Date | Family::DateTime | Family::Time => check_hash(key),
        Family::Tuple => work.inside(|work| {
            for index in 0..stored_length(key) {
                work.touch()?;
                if let Some(element) = stored_item(key, index) {
                    check(&element, asked, work)?;
                }
            }
            Ok(())
        }),
        Family::FrozenSet => work.inside(|work| {
            for element in iterate(shape.base, key).into_iter().flatten() {
                work.touch()?;
                check(&element, asked, work)?;
            }
            Ok(())
        }),
        Family::Int if bits(key) > BITS => work.bytes(key, bits(key) / 8),
        Family::Str | Family::Bytes if asked => work.bytes(key, byte_length(key)),
        Family::Decimal if asked => check_decimal(key),
        _ => Ok(()),
    }
}

fn too_many<'py>(object: &Bound<'py, PyAny>, length: usize) -> Stop<'py> {
    let name = short_name(object);
    let message = format!(
        "a {name} of {length} whose keys are not all strings; one operation touches at most {ELEMENTS} elements"
    );
    Stop::fault(FaultKind::Limit, message)
}

/// A dict whose keys were looked at once, so that many can be looked up.
pub(super) struct Searched<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    /// Whether hashing and comparing the keys runs C code alone.
    plain: bool,
}

impl<'a, 'py> Searched<'a, 'py> {
    /// Looks at the keys of `dict`: at all of them, unless CPython says that they are strings.
    pub(super) fn new(dict: &'a Bound<'py, PyDict>, work: &mut Work) -> Safe<'py, Self> {
        if has_plain_keys(dict) {
            return Ok(Self { dict, plain: true });
        }
        if dict.len() > ELEMENTS {
            return Err(too_many(dict.as_any(), dict.len()));
        }
        for (key, _) in entries(dict) {
            work.touch()?;
            if !is_plain(&key, work)? {
                return Ok(Self { dict, plain: false });
            }
        }
        Ok(Self { dict, plain: true })
    }

    /// The value of `key`, by what is stored there: methods of a subclass are not asked.
    pub(super) fn get(
        &self,
        key: &Bound<'py, PyAny>,
        work: &mut Work,
    ) -> Safe<'py, Option<Bound<'py, PyAny>>> {
        check_asked(key, work)?;
        if !self.plain {
            return self.get_among(key, work);
        }
        let py = key.py();
        // SAFETY: a dict and a key that live; the result is borrowed, or null, perhaps with an error. All keys that could
        // be compared run C code alone.
        unsafe {
            let found = ffi::PyDict_GetItemWithError(self.dict.as_ptr(), key.as_ptr());
            if found.is_null()
                && let Some(error) = PyErr::take(py)
            {
                return Err(Stop::raised(py, &error));
            }
            Ok(Bound::from_borrowed_ptr_or_opt(py, found))
        }
    }

    /// Looks through all keys, of which some are of the application's own types.
    fn get_among(
        &self,
        key: &Bound<'py, PyAny>,
        work: &mut Work,
    ) -> Safe<'py, Option<Bound<'py, PyAny>>> {
        let mut unknown = None;
        for (known, value) in entries(self.dict) {
            work.touch()?;
            if known.is(key) {
                return Ok(Some(value));
            }
            if !is_plain(&known, work)? {
                unknown = Some(known);
            } else if same_or_equal(&known, key, work)? {
                return Ok(Some(value));
            }
        }
        match unknown {
            Some(known) => Err(Stop::method(&known, "__eq__")),
            None => Ok(None),
        }
    }
}

/// The value of `key` in a dict, by what is stored there.
pub(super) fn find<'py>(
    dict: &Bound<'py, PyDict>,
    key: &Bound<'py, PyAny>,
) -> Safe<'py, Option<Bound<'py, PyAny>>> {
    let mut work = Work::new();
    Searched::new(dict, &mut work)?.get(key, &mut work)
}

/// The value of a name in a dict, where no code of the application compares keys; a fault-free look for what should be a
/// dict of names, such as a module's.
pub(crate) fn named<'py>(
    dict: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    if has_plain_keys(dict) {
        return plain_get(dict, name);
    }
    find(dict, name.as_any()).ok().flatten()
}

/// Puts what `added` has into `dict`. Gives false, and may have put in a part of it, when comparing its keys could run code
/// of the application.
pub(crate) fn add_all<'py>(
    dict: &Bound<'py, PyDict>,
    added: &Bound<'py, PyDict>,
) -> PyResult<bool> {
    let plain = has_plain_keys(added);
    for (key, value) in entries(added) {
        if !plain && check_key(&key, &mut Work::new()).is_err() {
            return Ok(false);
        }
        dict.set_item(key, value)?;
    }
    Ok(true)
}

/// Whether `item` is in a set or frozenset, by what is stored there.
pub(super) fn is_member<'py>(
    set: &Bound<'py, PyAny>,
    shape: &Shape<'_>,
    item: &Bound<'py, PyAny>,
) -> Safe<'py, bool> {
    let mut work = Work::new();
    if shape_of(item).family == Family::Set {
        // As in CPython, a set is looked for as its frozen copy; hashing that runs the same code as hashing its members.
        let frozen = PyFrozenSet::new(set.py(), checked_members(item, &mut work)?)
            .map_err(|error| Stop::raised(set.py(), &error))?;
        return is_member(set, shape, frozen.as_any());
    }
    check_asked(item, &mut work)?;
    // SAFETY: a set or frozenset that lives.
    let length = unsafe { ffi::PySet_Size(set.as_ptr()) };
    let length = usize::try_from(length).unwrap_or(0);
    if length > ELEMENTS {
        return Err(too_many(set, length));
    }
    for known in members(set, shape.base) {
        work.touch()?;
        if !is_plain(&known, &mut work)? {
            return if known.is(item) {
                Ok(true)
            } else {
                Err(Stop::method(&known, "__eq__"))
            };
        }
    }
    // SAFETY: a set and a key that live. All elements that could be compared run C code alone.
    match unsafe { ffi::PySet_Contains(set.as_ptr(), item.as_ptr()) } {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Stop::raised(set.py(), &PyErr::fetch(set.py()))),
    }
}

/// The elements of a set or frozenset, all of which can be compared without code of the application.
pub(super) fn checked_members<'py>(
    set: &Bound<'py, PyAny>,
    work: &mut Work,
) -> Safe<'py, Vec<Bound<'py, PyAny>>> {
    let mut checked = Vec::new();
    for member in members(set, shape_of(set).base) {
        work.touch()?;
        check_key(&member, work)?;
        checked.push(member);
    }
    Ok(checked)
}

/// The elements of a set or frozenset.
pub(super) fn members<'py>(
    set: &Bound<'py, PyAny>,
    base: Kind<'_>,
) -> impl Iterator<Item = Bound<'py, PyAny>> {
    debug_assert!(base == Kind::of::<PySet>(set.py()) || base == Kind::of::<PyFrozenSet>(set.py()));
    iterate(base, set).into_iter().flatten()
}

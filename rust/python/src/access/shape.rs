//! What an object is at bottom: the built-in type that its class derives from, and what that class kept of it.
//!
//! Neither `__class__` nor any method is asked: a type's C functions are compared with those of the built-in type. A
//! subclass that overrides nothing counts as the built-in.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::fields::Fields;
use super::slots::{Kind, Slot, kind_of, object_kind};

/// The built-in types whose behaviour is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    None,
    Bool,
    Int,
    Float,
    Complex,
    Str,
    Bytes,
    ByteArray,
    List,
    Tuple,
    Dict,
    Set,
    FrozenSet,
    Range,
    Deque,
    /// `dict.keys()`, `dict.items()` or `dict.values()`
    DictView,
    Decimal,
    Date,
    DateTime,
    Time,
    TimeDelta,
    /// `datetime.timezone`, or a `ZoneInfo` in C.
    Zone,
    /// Our own view of a request's headers.
    Fields,
    Exception,
    Type,
    Module,
    /// Everything else.
    Other,
}

/// An object's family, its type, and the built-in type that stands for the family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    /// What it is at bottom.
    pub(crate) family: Family,
    /// Its own type.
    pub(crate) kind: Kind<'a>,
    /// The built-in type whose code is known; `object` where there is none.
    pub(crate) base: Kind<'a>,
}

/// The shape of `object`.
pub(crate) fn shape_of<'a>(object: &'a Bound<'_, PyAny>) -> Shape<'a> {
    let kind = kind_of(object);
    macro_rules! exact {
        ($($family:ident = $type:ident),+ $(,)?) => {
            $(
                let base = Kind::of_static(&raw mut ffi::$type);
                if kind == base {
                    return Shape { family: Family::$family, kind, base };
                }
            )+
        };
    }
    exact!(
        Str = PyUnicode_Type,
        Int = PyLong_Type,
        Bool = PyBool_Type,
        Float = PyFloat_Type,
        Dict = PyDict_Type,
        List = PyList_Type,
        Tuple = PyTuple_Type,
    );
    if object.is_none() {
        return Shape {
            family: Family::None,
            kind,
            base: kind,
        };
    }
    let flags = kind.flags();
    for (flag, family, base) in [
        (
            ffi::Py_TPFLAGS_UNICODE_SUBCLASS,
            Family::Str,
            &raw mut ffi::PyUnicode_Type,
        ),
        (
            ffi::Py_TPFLAGS_LONG_SUBCLASS,
            Family::Int,
            &raw mut ffi::PyLong_Type,
        ),
        (
            ffi::Py_TPFLAGS_DICT_SUBCLASS,
            Family::Dict,
            &raw mut ffi::PyDict_Type,
        ),
        (
            ffi::Py_TPFLAGS_LIST_SUBCLASS,
            Family::List,
            &raw mut ffi::PyList_Type,
        ),
        (
            ffi::Py_TPFLAGS_TUPLE_SUBCLASS,
            Family::Tuple,
            &raw mut ffi::PyTuple_Type,
        ),
        (
            ffi::Py_TPFLAGS_BYTES_SUBCLASS,
            Family::Bytes,
            &raw mut ffi::PyBytes_Type,
        ),
        (
            ffi::Py_TPFLAGS_TYPE_SUBCLASS,
            Family::Type,
            &raw mut ffi::PyType_Type,
        ),
    ] {
        if flags & flag != 0 {
            return Shape {
                family,
                kind,
                base: Kind::of_static(base),
            };
        }
    }
    if flags & ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0 {
        return Shape {
            family: Family::Exception,
            kind,
            base: object_kind(),
        };
    }
    match known_base(kind) {
        Some((family, base)) => Shape { family, kind, base },
        None if kind == Kind::of::<Fields>(object.py()) => Shape {
            family: Family::Fields,
            kind,
            base: kind,
        },
        None => Shape {
            family: Family::Other,
            kind,
            base: object_kind(),
        },
    }
}

/// The nearest type among a type's bases whose behaviour is known. A type that C derived from one of those, such as
/// `numpy.float64` from `float`, has what that one stores where that one has it.
fn known_base(kind: Kind<'_>) -> Option<(Family, Kind<'_>)> {
    let mut base = kind.native();
    loop {
        if let Some(family) = by_address(base).or_else(|| by_name(base)) {
            return Some((family, base));
        }
        base = base.base()?;
    }
}

fn by_address(base: Kind<'_>) -> Option<Family> {
    [
        (Family::Float, &raw mut ffi::PyFloat_Type),
        (Family::Complex, &raw mut ffi::PyComplex_Type),
        (Family::Set, &raw mut ffi::PySet_Type),
        (Family::FrozenSet, &raw mut ffi::PyFrozenSet_Type),
        (Family::ByteArray, &raw mut ffi::PyByteArray_Type),
        (Family::Range, &raw mut ffi::PyRange_Type),
        (Family::DictView, &raw mut ffi::PyDictKeys_Type),
        (Family::DictView, &raw mut ffi::PyDictValues_Type),
        (Family::DictView, &raw mut ffi::PyDictItems_Type),
        (Family::Module, &raw mut ffi::PyModule_Type),
    ]
    .into_iter()
    .find(|&(_, known)| base == Kind::of_static(known))
    .map(|(family, _)| family)
}

/// Types in extension modules of the standard library. Python code cannot make a type that counts as native, so the name
/// that C gave it is proof enough, and no module has to be imported to know.
fn by_name(base: Kind<'_>) -> Option<Family> {
    match base.c_name().to_bytes() {
        b"datetime.datetime" => Some(Family::DateTime),
        b"datetime.date" => Some(Family::Date),
        b"datetime.time" => Some(Family::Time),
        b"datetime.timedelta" => Some(Family::TimeDelta),
        b"datetime.timezone" | b"zoneinfo.ZoneInfo" => Some(Family::Zone),
        b"decimal.Decimal" => Some(Family::Decimal),
        b"collections.deque" => Some(Family::Deque),
        _ => None,
    }
}

impl Shape<'_> {
    /// Whether the object's type has the built-in type's own function for `slot`.
    pub(crate) fn keeps(&self, slot: Slot) -> bool {
        self.kind == self.base || self.kind.shares(slot, self.base)
    }

    /// Whether the first of those functions that the built-in type has, the one that CPython uses, is still its own. Where
    /// it has none, the object's type must have none either.
    ///
    /// Only the one in use is looked at: CPython fills the others of a subclass with calls by name.
    pub(crate) fn keeps_first(&self, slots: [Slot; 2]) -> bool {
        match slots.into_iter().find(|&slot| self.base.slot(slot) != 0) {
            Some(slot) => self.keeps(slot),
            None => slots.into_iter().all(|slot| self.keeps(slot)),
        }
    }

    /// Whether the object's type has the built-in type's own methods of those names.
    pub(crate) fn keeps_methods(&self, names: &[&Bound<'_, PyString>]) -> bool {
        names.iter().all(|name| self.keeps_method(name))
    }

    /// Whether the object's type has the built-in type's own method of that name.
    pub(crate) fn keeps_method(&self, name: &Bound<'_, PyString>) -> bool {
        let method = |kind: Kind<'_>| {
            kind.lookup(name)
                .map(|method| method.map(|method| method.as_ptr()))
        };
        match (method(self.kind), method(self.base)) {
            (Ok(method), Ok(built_in)) => method == built_in,
            // What cannot be looked up may be anything.
            _ => self.is_exact(),
        }
    }

    /// Whether the object is of the built-in type itself.
    pub(crate) fn is_exact(&self) -> bool {
        self.kind == self.base
    }

    /// Whether it is a byte string or byte array.
    pub(crate) const fn is_bytes(&self) -> bool {
        matches!(self.family, Family::Bytes | Family::ByteArray)
    }

    /// Whether it is one value rather than many, with C code to compare and hash it.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(
            self.family,
            Family::None
                | Family::Bool
                | Family::Int
                | Family::Float
                | Family::Complex
                | Family::Str
                | Family::Bytes
                | Family::Date
                | Family::DateTime
                | Family::Time
                | Family::TimeDelta
                | Family::Decimal
        )
    }
}

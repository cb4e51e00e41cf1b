//! Types, read in CPython's own structures. With `storage`, `calls` and `part` these files are all that reads them.
//!
//! The layouts are those of CPython 3.11 to 3.14. Every function takes objects that live and the GIL that their `Bound`
//! proves; none runs code of the application.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use pyo3::PyTypeInfo;
use pyo3::ffi::{self, PyObject, PyTypeObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use super::storage::{has_plain_keys, plain_get};

unsafe extern "C" {
    /// What the attribute of that name is in the type or its bases; borrowed, and no error set when there is none.
    fn _PyType_Lookup(kind: *mut PyTypeObject, name: *mut PyObject) -> *mut PyObject;
}

/// An entry of a type's tables of C functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Getattro,
    Compare,
    Hash,
    Str,
    Repr,
    Iter,
    DescrGet,
    DescrSet,
    Add,
    Subtract,
    Multiply,
    Remainder,
    FloorDivide,
    TrueDivide,
    Negative,
    Positive,
    Absolute,
    Bool,
    Int,
    Float,
    Index,
    SequenceLength,
    SequenceConcat,
    SequenceRepeat,
    SequenceItem,
    SequenceContains,
    MappingLength,
    MappingSubscript,
    Buffer,
}

/// The type of an object that lives at least as long as `'a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    pub(super) raw: *mut PyTypeObject,
    lives: PhantomData<&'a ()>,
}

impl PartialEq for Kind<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.raw, other.raw)
    }
}

/// The type of `object`.
pub(crate) fn kind_of<'a>(object: &'a Bound<'_, PyAny>) -> Kind<'a> {
    // SAFETY: the object lives, and it keeps its type alive while no Python code runs that could change it.
    Kind {
        raw: unsafe { ffi::Py_TYPE(object.as_ptr()) },
        lives: PhantomData,
    }
}

impl<'a> Kind<'a> {
    /// One of the interpreter's own static types.
    pub(crate) const fn of_static(raw: *mut PyTypeObject) -> Self {
        Self {
            raw,
            lives: PhantomData,
        }
    }

    /// The type that PyO3 knows by that Rust type.
    pub(crate) fn of<T: PyTypeInfo>(py: Python<'a>) -> Self {
        Self {
            raw: T::type_object_raw(py),
            lives: PhantomData,
        }
    }

    /// A type that is given as an object.
    pub(crate) fn from_type(class: &'a Bound<'_, PyType>) -> Self {
        Self {
            raw: class.as_type_ptr(),
            lives: PhantomData,
        }
    }

    /// The type as an object.
    pub(crate) fn object(self, py: Python<'_>) -> Bound<'_, PyType> {
        // SAFETY: a type that lives is an object that lives, and a type.
        unsafe { Bound::from_borrowed_ptr(py, self.raw.cast()).cast_into_unchecked() }
    }

    /// Its flags, `Py_TPFLAGS_…`.
    pub(crate) fn flags(self) -> std::ffi::c_ulong {
        // SAFETY: a type that lives.
        unsafe { ffi::PyType_GetFlags(self.raw) }
    }

    /// Whether it has that flag.
    pub(crate) fn has(self, flag: std::ffi::c_ulong) -> bool {
        self.flags() & flag != 0
    }

    /// Whether C made it, and Python code cannot change it.
    pub(crate) fn is_native(self) -> bool {
        let flags = self.flags();
        flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || flags & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0
    }

    /// The type that it was made from; `None` for `object`.
    pub(crate) fn base(self) -> Option<Self> {
        // SAFETY: a type that lives keeps its base alive.
        let raw = unsafe { (*self.raw).tp_base };
        if raw.is_null() {
            None
        } else {
            Some(Self { raw, ..self })
        }
    }

    /// The nearest of itself and its bases that C made.
    pub(crate) fn native(self) -> Self {
        let mut kind = self;
        while !kind.is_native() {
            match kind.base() {
                Some(base) => kind = base,
                None => break,
            }
        }
        kind
    }

    /// Whether it is `other` or derives from it.
    pub(crate) fn derives_from(self, other: Kind<'_>) -> bool {
        // SAFETY: two types that live.
        ptr::eq(self.raw, other.raw) || unsafe { ffi::PyType_IsSubtype(self.raw, other.raw) } != 0
    }

    /// The name that C gave it, with its module unless it is a built-in: `datetime.date`, `int`.
    pub(crate) fn c_name(self) -> &'a CStr {
        // SAFETY: a type's name is a C string that lives as long as the type.
        unsafe { CStr::from_ptr((*self.raw).tp_name) }
    }

    /// The qualified name of a type that a `class` statement or `PyType_FromSpec` made.
    pub(crate) fn heap_name(self, py: Python<'_>) -> Option<Bound<'_, PyAny>> {
        if !self.has(ffi::Py_TPFLAGS_HEAPTYPE) {
            return None;
        }
        // SAFETY: a heap type is a `PyHeapTypeObject`; its qualified name is an object or null.
        unsafe {
            let name = (*self.raw.cast::<ffi::PyHeapTypeObject>()).ht_qualname;
            Bound::from_borrowed_ptr_or_opt(py, name)
        }
    }

    /// Its own attributes; `None` for static types that keep them elsewhere.
    pub(crate) fn dict(self, py: Python<'_>) -> Option<Bound<'_, PyDict>> {
        // SAFETY: `tp_dict` is null or a dict, which the type keeps alive.
        #[cfg(not(Py_3_12))]
        let dict = unsafe { Bound::from_borrowed_ptr_or_opt(py, (*self.raw).tp_dict) };
        // Since 3.12 CPython keeps the dicts of its own static types elsewhere.
        // SAFETY: a type that lives; gives null or a new reference to its dict, and runs nothing.
        #[cfg(Py_3_12)]
        let dict = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyType_GetDict(self.raw)) };
        dict?.cast_into_exact().ok()
    }

    /// The types in which attributes are looked up, in order.
    pub(crate) fn lineage(self) -> impl Iterator<Item = Kind<'a>> {
        // SAFETY: `tp_mro` is null or a tuple of types; it and they live as long as the type is not changed, for which
        // Python code would have to run.
        let (mro, length) = unsafe {
            let mro = (*self.raw).tp_mro;
            (
                mro,
                if mro.is_null() {
                    0
                } else {
                    ffi::PyTuple_GET_SIZE(mro)
                },
            )
        };
        (0..length).map(move |index| {
            // SAFETY: the index is in range, see above.
            let raw = unsafe { ffi::PyTuple_GET_ITEM(mro, index) };
            Kind {
                raw: raw.cast(),
                lives: PhantomData,
            }
        })
    }

    /// Whether its own dict has that name.
    pub(crate) fn defines(self, name: &Bound<'_, PyString>) -> bool {
        self.dict(name.py())
            .is_some_and(|dict| has_plain_keys(&dict) && plain_get(&dict, name).is_some())
    }

    /// The address of a C function of it; 0 where it has none.
    pub(crate) fn slot(self, slot: Slot) -> usize {
        macro_rules! direct {
            ($field:ident) => {
                // SAFETY: a type that lives.
                unsafe { (*self.raw).$field }.map_or(0, |function| function as usize)
            };
        }
        macro_rules! table {
            ($table:ident, $field:ident) => {
                // SAFETY: a type that lives; its tables are null or live as long.
                unsafe { (*self.raw).$table.as_ref() }
                    .and_then(|table| table.$field)
                    .map_or(0, |function| function as usize)
            };
        }
        match slot {
            Slot::Getattro => direct!(tp_getattro),
            Slot::Compare => direct!(tp_richcompare),
            Slot::Hash => direct!(tp_hash),
            Slot::Str => direct!(tp_str),
            Slot::Repr => direct!(tp_repr),
            Slot::Iter => direct!(tp_iter),
            Slot::DescrGet => direct!(tp_descr_get),
            Slot::DescrSet => direct!(tp_descr_set),
            Slot::Add => table!(tp_as_number, nb_add),
            Slot::Subtract => table!(tp_as_number, nb_subtract),
            Slot::Multiply => table!(tp_as_number, nb_multiply),
            Slot::Remainder => table!(tp_as_number, nb_remainder),
            Slot::FloorDivide => table!(tp_as_number, nb_floor_divide),
            Slot::TrueDivide => table!(tp_as_number, nb_true_divide),
            Slot::Negative => table!(tp_as_number, nb_negative),
            Slot::Positive => table!(tp_as_number, nb_positive),
            Slot::Absolute => table!(tp_as_number, nb_absolute),
            Slot::Bool => table!(tp_as_number, nb_bool),
            Slot::Int => table!(tp_as_number, nb_int),
            Slot::Float => table!(tp_as_number, nb_float),
            Slot::Index => table!(tp_as_number, nb_index),
            Slot::SequenceLength => table!(tp_as_sequence, sq_length),
            Slot::SequenceConcat => table!(tp_as_sequence, sq_concat),
            Slot::SequenceRepeat => table!(tp_as_sequence, sq_repeat),
            Slot::SequenceItem => table!(tp_as_sequence, sq_item),
            Slot::SequenceContains => table!(tp_as_sequence, sq_contains),
            Slot::MappingLength => table!(tp_as_mapping, mp_length),
            Slot::MappingSubscript => table!(tp_as_mapping, mp_subscript),
            Slot::Buffer => table!(tp_as_buffer, bf_getbuffer),
        }
    }

    /// Whether its function for `slot` is the very one that `other` has.
    pub(crate) fn shares(self, slot: Slot, other: Kind<'_>) -> bool {
        self.slot(slot) == other.slot(slot)
    }

    /// What `name`, an exact string, is in the type or its bases.
    ///
    /// `Err` when one of them has keys that are not plain strings, which could run code as they are compared.
    pub(crate) fn lookup<'py>(
        self,
        name: &Bound<'py, PyString>,
    ) -> Result<Option<Bound<'py, PyAny>>, OddKeys> {
        let py = name.py();
        for kind in self.lineage() {
            if !kind.is_native() && !kind.dict(py).is_some_and(|dict| has_plain_keys(&dict)) {
                return Err(OddKeys);
            }
        }
        // SAFETY: a type that lives and an exact string; the result is borrowed from a dict that lives. The dicts of the
        // types have plain strings as keys, so nothing of the application compares them.
        Ok(unsafe { Bound::from_borrowed_ptr_or_opt(py, _PyType_Lookup(self.raw, name.as_ptr())) })
    }
}

/// A dict that should have only plain strings as keys has others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OddKeys;

/// `object`
pub(crate) fn object_kind<'a>() -> Kind<'a> {
    Kind::of_static(&raw mut ffi::PyBaseObject_Type)
}

/// The address of `object.__getattribute__`.
pub(crate) fn generic_getattro() -> usize {
    object_kind().slot(Slot::Getattro)
}

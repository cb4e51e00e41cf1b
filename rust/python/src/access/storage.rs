//! What objects store, read from where they store it.
//!
//! As in `slots`, the layouts are those of CPython 3.11 to 3.14, and nothing here runs code of the application.

use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::slots::{Kind, kind_of};

/// Whether all keys of a dict are exact strings, so that looking up an exact string runs no code. CPython keeps that as
/// the kind of the dict's key table; a table once of the general kind may stay so.
pub(crate) fn has_plain_keys(dict: &Bound<'_, PyDict>) -> bool {
    /// The head of `PyDictKeysObject`, the same from 3.11 to 3.14.
    #[repr(C)]
    struct Keys {
        references: ffi::Py_ssize_t,
        log2_size: u8,
        log2_index_bytes: u8,
        kind: u8,
    }
    const GENERAL: u8 = 0;
    // SAFETY: a dict that lives always has a key table, which begins with these fields.
    unsafe {
        let keys = (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_keys;
        (*keys.cast::<Keys>()).kind != GENERAL
    }
}

/// The value of an exact string in a dict whose keys are all exact strings.
pub(crate) fn plain_get<'py>(
    dict: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    debug_assert!(has_plain_keys(dict));
    // SAFETY: a dict and a string that live; the result is borrowed, or null, perhaps with an error.
    unsafe {
        let found = ffi::PyDict_GetItemWithError(dict.as_ptr(), name.as_ptr());
        if found.is_null() && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_borrowed_ptr_or_opt(dict.py(), found)
    }
}

/// The value of an exact string in a dict, if all its keys are exact strings.
pub(crate) fn plain_item<'py>(
    dict: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    has_plain_keys(dict).then(|| plain_get(dict, name))?
}

/// Where the attributes of an instance are.
pub(crate) enum Instance<'py> {
    /// It has none of its own.
    None,
    /// In the object itself; its keys are plain strings.
    Inline,
    /// In a dict, perhaps of a subclass of dict.
    Dict(Bound<'py, PyDict>),
}

/// Where the attributes of `object` are, without making a dict of them.
pub(crate) fn instance<'py>(object: &Bound<'py, PyAny>) -> Instance<'py> {
    let kind = kind_of(object);
    let py = object.py();
    if kind.has(ffi::Py_TPFLAGS_MANAGED_DICT) {
        // The word that is three before the object: null or a dict, but on 3.12 with its lowest bit set the values
        // themselves. Where it is null the values are inline, or there are none.
        // SAFETY: the flag says that the words before the object are there.
        let word = unsafe { *object.as_ptr().cast::<usize>().sub(3) };
        if word & 1 == 1 || word == 0 {
            return Instance::Inline;
        }
        let dict = ptr::with_exposed_provenance_mut(word);
        // SAFETY: see above.
        let dict = unsafe { Bound::from_borrowed_ptr(py, dict) };
        return dict.cast_into().map_or(Instance::None, Instance::Dict);
    }
    // SAFETY: the offset says where in the object a pointer to a dict is, or null; a negative one counts from the end of
    // an object of variable size, for which CPython's own function knows the way. That makes no dict here.
    unsafe {
        let offset = (*kind.raw).tp_dictoffset;
        let place = match offset {
            0 => return Instance::None,
            1.. => object.as_ptr().byte_offset(offset).cast::<*mut PyObject>(),
            _ => dict_place(object),
        };
        match place
            .as_ref()
            .and_then(|&dict| Bound::from_borrowed_ptr_or_opt(py, dict))
        {
            Some(dict) => dict.cast_into().map_or(Instance::None, Instance::Dict),
            None => Instance::None,
        }
    }
}

/// Where the pointer to an object's dict is; makes the dict if the values are inline.
fn dict_place(object: &Bound<'_, PyAny>) -> *mut *mut PyObject {
    unsafe extern "C" {
        fn _PyObject_GetDictPtr(object: *mut PyObject) -> *mut *mut PyObject;
    }
    // SAFETY: an object that lives.
    unsafe { _PyObject_GetDictPtr(object.as_ptr()) }
}

/// The dict of an instance, made now if its values are inline.
pub(crate) fn instance_dict<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    match instance(object) {
        Instance::None => None,
        Instance::Dict(dict) => Some(dict),
        Instance::Inline => {
            // SAFETY: the place is null or holds null or a dict that lives.
            let dict = unsafe {
                let place = dict_place(object);
                let dict = place
                    .as_ref()
                    .and_then(|&dict| Bound::from_borrowed_ptr_or_opt(object.py(), dict));
                if dict.is_none() && !ffi::PyErr_Occurred().is_null() {
                    ffi::PyErr_Clear();
                }
                dict
            };
            dict?.cast_into().ok()
        }
    }
}

/// Iterates over a dict by position: it may change meanwhile, and then an entry may be missed or met twice.
pub(crate) struct Entries<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    position: ffi::Py_ssize_t,
}

/// The entries of a dict.
pub(crate) const fn entries<'a, 'py>(dict: &'a Bound<'py, PyDict>) -> Entries<'a, 'py> {
    Entries { dict, position: 0 }
}

impl<'py> Iterator for Entries<'_, 'py> {
    type Item = (Bound<'py, PyAny>, Bound<'py, PyAny>);

    fn next(&mut self) -> Option<Self::Item> {
        let py = self.dict.py();
        let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a dict that lives; the position is checked by the callee; key and value are borrowed and taken at once.
        unsafe {
            let more = ffi::PyDict_Next(
                self.dict.as_ptr(),
                &raw mut self.position,
                &raw mut key,
                &raw mut value,
            );
            if more == 0 {
                return None;
            }
            Some((
                Bound::from_borrowed_ptr(py, key),
                Bound::from_borrowed_ptr(py, value),
            ))
        }
    }
}

/// Item `index` of a list or tuple, subclasses included, by what is stored there.
pub(crate) fn stored_item<'py>(
    sequence: &Bound<'py, PyAny>,
    index: usize,
) -> Option<Bound<'py, PyAny>> {
    let index = ffi::Py_ssize_t::try_from(index).ok()?;
    let list = kind_of(sequence).has(ffi::Py_TPFLAGS_LIST_SUBCLASS);
    // SAFETY: a list or tuple that lives; the index is checked; the item is borrowed and taken at once.
    unsafe {
        let item = if list {
            if index >= ffi::PyList_GET_SIZE(sequence.as_ptr()) {
                return None;
            }
            ffi::PyList_GET_ITEM(sequence.as_ptr(), index)
        } else {
            if index >= ffi::PyTuple_GET_SIZE(sequence.as_ptr()) {
                return None;
            }
            ffi::PyTuple_GET_ITEM(sequence.as_ptr(), index)
        };
        Bound::from_borrowed_ptr_or_opt(sequence.py(), item)
    }
}

/// How many items a list or tuple has, subclasses included.
pub(crate) fn stored_length(sequence: &Bound<'_, PyAny>) -> usize {
    // SAFETY: lists and tuples are objects of variable size, whose size is the number of their items.
    let length = unsafe { ffi::Py_SIZE(sequence.as_ptr()) };
    usize::try_from(length).unwrap_or(0)
}

/// Reads a member descriptor of `object`'s type; `None` where the descriptor is not for such objects, where reading it
/// would raise an audit event, and where nothing is stored.
pub(crate) fn member<'py>(
    descriptor: &Bound<'py, PyAny>,
    object: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    let py = object.py();
    if kind_of(descriptor) != Kind::of_static(&raw mut ffi::PyMemberDescr_Type) {
        return None;
    }
    // SAFETY: an exact member descriptor, whose owner is checked to be a type of the object, so that the member is
    // there; the result is a new reference, or null with an error, which is cleared.
    unsafe {
        let descriptor = descriptor.as_ptr().cast::<ffi::PyMemberDescrObject>();
        let owner = Kind::of_static((*descriptor).d_common.d_type);
        let definition = (*descriptor).d_member;
        if !kind_of(object).derives_from(owner) || (*definition).flags & ffi::Py_AUDIT_READ != 0 {
            return None;
        }
        let value = ffi::PyMember_GetOne(object.as_ptr().cast(), definition);
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(py, value)
    }
}

/// The type for which a descriptor of C's was made.
pub(crate) fn descriptor_owner<'a>(descriptor: &'a Bound<'_, PyAny>) -> Option<Kind<'a>> {
    let kind = kind_of(descriptor);
    let known = kind == Kind::of_static(&raw mut ffi::PyMemberDescr_Type)
        || kind == Kind::of_static(&raw mut ffi::PyGetSetDescr_Type);
    // SAFETY: both kinds of descriptor begin with the common part, which keeps its type alive.
    known.then(|| {
        Kind::of_static(unsafe { (*descriptor.as_ptr().cast::<ffi::PyDescrObject>()).d_type })
    })
}

/// The arguments of an exception.
pub(crate) fn exception_arguments<'py>(exception: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if !kind_of(exception).has(ffi::Py_TPFLAGS_BASE_EXC_SUBCLASS) {
        return None;
    }
    // SAFETY: by its flag an exception, whose arguments are null or a tuple that it keeps alive.
    unsafe {
        let arguments = (*exception.as_ptr().cast::<ffi::PyBaseExceptionObject>()).args;
        Bound::from_borrowed_ptr_or_opt(exception.py(), arguments)
    }
}

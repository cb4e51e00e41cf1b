//! Raw reads of types and objects: all that asks CPython's structures directly stands here.
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

unsafe extern "C" {
    /// What the attribute of that name is in the type or its bases; borrowed, and no error set when there is none.
    fn _PyType_Lookup(kind: *mut PyTypeObject, name: *mut PyObject) -> *mut PyObject;
    /// How many bits an int has, its sign left out.
    fn _PyLong_NumBits(number: *mut PyObject) -> usize;
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
}

/// The type of an object that lives at least as long as `'a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    raw: *mut PyTypeObject,
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
        unsafe {
            let dict = Bound::from_borrowed_ptr_or_opt(py, (*self.raw).tp_dict)?;
            dict.cast_into_exact().ok()
        }
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

/// The iterator that `base`'s own `tp_iter` makes over an object of that type or one derived from it. Only for bases whose
/// iterators are C code that runs nothing of the application.
pub(crate) fn iterate<'py>(base: Kind<'_>, object: &Bound<'py, PyAny>) -> Option<Iterated<'py>> {
    debug_assert!(kind_of(object).derives_from(base));
    // SAFETY: the object is of the type to which the function belongs; the result is a new reference or null.
    unsafe {
        let iterator = (*base.raw).tp_iter?(object.as_ptr());
        if iterator.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(object.py(), iterator).map(Iterated)
    }
}

/// What `iterate` gives. Ends when the object changes meanwhile.
pub(crate) struct Iterated<'py>(Bound<'py, PyAny>);

impl<'py> Iterator for Iterated<'py> {
    type Item = Bound<'py, PyAny>;

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: an iterator that lives; the result is a new reference, or null, perhaps with an error.
        unsafe {
            let next = ffi::PyIter_Next(self.0.as_ptr());
            if next.is_null() {
                ffi::PyErr_Clear();
            }
            Bound::from_owned_ptr_or_opt(self.0.py(), next)
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

/// How many elements the length function of `base` itself counts in an object of that type or one derived from it.
pub(crate) fn base_length(base: Kind<'_>, object: &Bound<'_, PyAny>) -> usize {
    debug_assert!(kind_of(object).derives_from(base));
    // SAFETY: the object is of the type to which the function belongs; a negative result comes with an error.
    let length = unsafe {
        let length = (*base.raw)
            .tp_as_sequence
            .as_ref()
            .and_then(|table| table.sq_length)
            .map_or(0, |function| function(object.as_ptr()));
        if length < 0 {
            ffi::PyErr_Clear();
        }
        length
    };
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

/// Calls a descriptor's own `__get__`, which the caller knows to be C code that runs nothing of the application.
pub(crate) fn descriptor_get<'py>(
    descriptor: &Bound<'py, PyAny>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let kind = kind_of(descriptor);
    // SAFETY: the function is that of the descriptor's type; the result is a new reference or null with an error.
    unsafe {
        match (*kind.raw).tp_descr_get {
            Some(get) => {
                let value = get(
                    descriptor.as_ptr(),
                    object.as_ptr(),
                    kind_of(object).raw.cast(),
                );
                Bound::from_owned_ptr_or_err(py, value)
            }
            None => Ok(descriptor.clone()),
        }
    }
}

/// `object.__getattribute__(object, name)` itself, for a name whose descriptor the caller knows to be harmless, or to be
/// none; `None` when there is no such attribute.
pub(crate) fn generic_get<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: an object and a string that live; the result is a new reference or null with an error, which is cleared.
    unsafe {
        let value = ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(object.py(), value)
    }
}

/// Calls the function of `base` for `slot`, one of those that take one object and give an object.
pub(crate) fn call_unary<'py>(
    base: Kind<'_>,
    slot: Slot,
    object: &Bound<'py, PyAny>,
) -> Option<PyResult<Bound<'py, PyAny>>> {
    // SAFETY: the object is of the type to which the function belongs; the result is a new reference or null with an
    // error.
    unsafe {
        let function = match slot {
            Slot::Str => (*base.raw).tp_str,
            Slot::Repr => (*base.raw).tp_repr,
            _ => None,
        }?;
        Some(Bound::from_owned_ptr_or_err(
            object.py(),
            function(object.as_ptr()),
        ))
    }
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

/// How many bits an int has, subclasses included.
pub(crate) fn bits(number: &Bound<'_, PyAny>) -> usize {
    debug_assert!(kind_of(number).has(ffi::Py_TPFLAGS_LONG_SUBCLASS));
    // SAFETY: an int that lives.
    unsafe { _PyLong_NumBits(number.as_ptr()) }
}

/// The length of a string in characters, and how many bytes each takes.
pub(crate) fn string_size(text: &Bound<'_, PyString>) -> (usize, usize) {
    // SAFETY: a string that lives.
    let (length, width) = unsafe {
        (
            ffi::PyUnicode_GET_LENGTH(text.as_ptr()),
            ffi::PyUnicode_KIND(text.as_ptr()),
        )
    };
    (usize::try_from(length).unwrap_or(0), width as usize)
}

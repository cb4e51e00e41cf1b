//! `object.name`, found as `object.__getattribute__` finds it, without running code of the application.

use hogtrace_core::vm::FaultKind;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{ffi, intern};

use super::calls::{descriptor_get, generic_get};
use super::names::{short_name, type_name};
use super::refusal::{Hurdle, Safe, Stop};
use super::search::find;
use super::slots::{Kind, Slot, generic_getattro, kind_of, object_kind};
use super::storage::{
    Instance, descriptor_owner, has_plain_keys, instance, instance_dict, member, plain_get,
};

/// Attributes behind getset descriptors of CPython's own types whose C code was read and runs nothing else.
const GETTERS: &[(&[u8], &[&str])] = &[
    (b"int", &["real", "imag", "numerator", "denominator"]),
    (b"float", &["real", "imag"]),
    (b"BaseException", &["args"]),
    (b"OSError", &["characters_written"]),
    (b"datetime.date", &["year", "month", "day"]),
    (
        b"datetime.datetime",
        &["hour", "minute", "second", "microsecond", "tzinfo", "fold"],
    ),
    (
        b"datetime.time",
        &["hour", "minute", "second", "microsecond", "tzinfo", "fold"],
    ),
    (b"decimal.Decimal", &["real", "imag"]),
    (b"collections.deque", &["maxlen"]),
    (b"array.array", &["typecode", "itemsize"]),
    (b"cell", &["cell_contents"]),
    (
        b"memoryview",
        &["nbytes", "itemsize", "format", "ndim", "readonly"],
    ),
    (b"re.Match", &["lastindex", "lastgroup"]),
];

/// Types whose objects would lead out of the values of the program, into its running code.
fn is_closed(kind: Kind<'_>) -> bool {
    [
        &raw mut ffi::PyFrame_Type,
        &raw mut ffi::PyCode_Type,
        &raw mut ffi::PyTraceBack_Type,
        &raw mut ffi::PyGen_Type,
        &raw mut ffi::PyCoro_Type,
        &raw mut ffi::PyAsyncGen_Type,
    ]
    .into_iter()
    .any(|closed| kind == Kind::of_static(closed))
}

/// What stands under a name.
enum Found<'py> {
    Value(Bound<'py, PyAny>),
    Missing,
}

/// `object.name`; `name` is an exact string.
pub(super) fn attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Bound<'py, PyAny>> {
    if is_dunder(name) {
        return Err(Stop::fault(
            FaultKind::Refused,
            "names with two underscores at both ends cannot be read",
        ));
    }
    let kind = kind_of(object);
    if is_closed(kind) {
        return Err(Stop::attribute(object, name, Hurdle::Closed));
    }
    let getattro = kind.slot(Slot::Getattro);
    let found = if getattro == generic_getattro() {
        stored(object, kind, name)?
    } else if kind.has(ffi::Py_TPFLAGS_TYPE_SUBCLASS) && getattro == own(&raw mut ffi::PyType_Type)
    {
        of_type(object, kind, name)?
    } else if getattro == own(&raw mut ffi::PyModule_Type) && kind.derives_from(module_kind()) {
        of_module(object, kind, name)?
    } else {
        behind_methods(object, kind, name)?
    };
    match found {
        Found::Value(value) => Ok(value),
        Found::Missing => Err(missing(object, name)),
    }
}

/// `object.name`, if it can be read without running code of the application, and is there.
pub(crate) fn plain_attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    attribute(object, name).ok()
}

fn own(raw: *mut ffi::PyTypeObject) -> usize {
    Kind::of_static(raw).slot(Slot::Getattro)
}

fn module_kind<'a>() -> Kind<'a> {
    Kind::of_static(&raw mut ffi::PyModule_Type)
}

fn is_dunder(name: &Bound<'_, PyString>) -> bool {
    name.to_str()
        .is_ok_and(|name| name.len() > 4 && name.starts_with("__") && name.ends_with("__"))
}

/// The fault of an attribute that is not there, in CPython's words.
fn missing<'py>(object: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> Stop<'py> {
    let name = name.to_string_lossy();
    let kind = kind_of(object);
    let subject = if kind.has(ffi::Py_TPFLAGS_TYPE_SUBCLASS) {
        match object.cast() {
            Ok(class) => format!(
                "type object '{}'",
                type_name(object.py(), Kind::from_type(class))
            ),
            Err(_) => "type object".to_owned(),
        }
    } else if kind.derives_from(module_kind()) {
        "module".to_owned()
    } else {
        format!("'{}' object", short_name(object))
    };
    Stop::fault(
        FaultKind::Attribute,
        format!("{subject} has no attribute '{name}'"),
    )
}

/// The rule of `object.__getattribute__`: a data descriptor of the type, then the instance, then the type.
fn stored<'py>(
    object: &Bound<'py, PyAny>,
    kind: Kind<'_>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Found<'py>> {
    let odd = |_| Stop::attribute(object, name, Hurdle::OddKeys);
    let Some(descriptor) = kind.lookup(name).map_err(odd)? else {
        return in_instance(object, name, false);
    };
    let descriptor_kind = kind_of(&descriptor);
    if descriptor_kind.slot(Slot::DescrSet) != 0 {
        return by_data_descriptor(object, &descriptor, name);
    }
    if descriptor_kind.slot(Slot::DescrGet) == 0 {
        return match in_instance(object, name, false)? {
            Found::Missing => Ok(Found::Value(descriptor)),
            found @ Found::Value(_) => Ok(found),
        };
    }
    match in_instance(object, name, true)? {
        Found::Missing => by_method(object, &descriptor, name).map(Found::Value),
        found @ Found::Value(_) => Ok(found),
    }
}

/// What the instance itself stores under `name`. `shadowed` says that the type has something there which must not be
/// asked, so that CPython's own search cannot be used.
fn in_instance<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    shadowed: bool,
) -> Safe<'py, Found<'py>> {
    let found = match instance(object) {
        Instance::None => None,
        Instance::Dict(dict) => return in_dict(object, &dict, name),
        Instance::Inline if shadowed => match instance_dict(object) {
            Some(dict) => return in_dict(object, &dict, name),
            None => None,
        },
        Instance::Inline => generic_get(object, name),
    };
    Ok(found.map_or(Found::Missing, Found::Value))
}

/// What the instance itself stores under `name`, where the type's own descriptor would keep a value that it has found.
pub(super) fn cached<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Bound<'py, PyAny>> {
    match in_instance(object, name, true)? {
        Found::Value(value) => Ok(value),
        Found::Missing => Err(Stop::attribute(object, name, Hurdle::CachedProperty)),
    }
}

fn in_dict<'py>(
    object: &Bound<'py, PyAny>,
    dict: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Found<'py>> {
    let found = if has_plain_keys(dict) {
        plain_get(dict, name)
    } else {
        match find(dict, name.as_any()) {
            Err(Stop::Refused(_)) => return Err(Stop::attribute(object, name, Hurdle::OddKeys)),
            found => found?,
        }
    };
    Ok(found.map_or(Found::Missing, Found::Value))
}

/// Reads a data descriptor, if its code is known to be C that runs nothing else.
fn by_data_descriptor<'py>(
    object: &Bound<'py, PyAny>,
    descriptor: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Found<'py>> {
    let py = object.py();
    let kind = kind_of(descriptor);
    if kind == Kind::of_static(&raw mut ffi::PyMemberDescr_Type) {
        return Ok(member(descriptor, object).map_or(Found::Missing, Found::Value));
    }
    let known = if kind == Kind::of_static(&raw mut ffi::PyGetSetDescr_Type) {
        descriptor_owner(descriptor).is_some_and(|owner| {
            owner.is_native()
                && kind_of(object).derives_from(owner)
                && GETTERS.iter().any(|(type_name, names)| {
                    owner.c_name().to_bytes() == *type_name
                        && names
                            .iter()
                            .any(|known| name.to_str().is_ok_and(|name| name == *known))
                })
        })
    } else {
        // What `namedtuple` makes for its fields: takes the item out of the tuple.
        kind.is_native()
            && kind
                .c_name()
                .to_bytes()
                .ends_with(b"collections._tuplegetter")
    };
    if known {
        return match descriptor_get(descriptor, object) {
            Ok(value) => Ok(Found::Value(value)),
            Err(error) => Err(Stop::raised(py, &error)),
        };
    }
    Err(Stop::attribute(object, name, hurdle(descriptor)))
}

/// Binds a method, if that is what stands there.
fn by_method<'py>(
    object: &Bound<'py, PyAny>,
    descriptor: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Bound<'py, PyAny>> {
    let kind = kind_of(descriptor);
    let binds = [
        &raw mut ffi::PyFunction_Type,
        &raw mut ffi::PyMethodDescr_Type,
        &raw mut ffi::PyStaticMethod_Type,
    ];
    if binds
        .into_iter()
        .any(|known| kind == Kind::of_static(known))
    {
        return descriptor_get(descriptor, object)
            .map_err(|error| Stop::raised(object.py(), &error));
    }
    Err(Stop::attribute(object, name, hurdle(descriptor)))
}

fn hurdle(descriptor: &Bound<'_, PyAny>) -> Hurdle {
    let kind = kind_of(descriptor);
    if kind.derives_from(Kind::of_static(&raw mut ffi::PyProperty_Type)) {
        return Hurdle::Property;
    }
    let cached = kind
        .lineage()
        .any(|kind| super::names::names(descriptor.py(), kind).1 == "cached_property");
    if cached {
        Hurdle::CachedProperty
    } else {
        Hurdle::Descriptor
    }
}

/// A type shows what stands in its own dict, plain values and functions alone.
fn of_type<'py>(
    object: &Bound<'py, PyAny>,
    kind: Kind<'_>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Found<'py>> {
    let py = object.py();
    let Ok(class) = object.cast() else {
        return Ok(Found::Missing);
    };
    let odd = |_| Stop::attribute(object, name, Hurdle::OddKeys);
    if kind
        .lookup(name)
        .map_err(odd)?
        .is_some_and(|descriptor| kind_of(&descriptor).slot(Slot::DescrSet) != 0)
    {
        return Err(Stop::attribute(object, name, Hurdle::Descriptor));
    }
    let Some(dict) = Kind::from_type(class).dict(py) else {
        return Ok(Found::Missing);
    };
    if !has_plain_keys(&dict) {
        return Err(Stop::attribute(object, name, Hurdle::OddKeys));
    }
    let Some(value) = plain_get(&dict, name) else {
        return Ok(Found::Missing);
    };
    let value_kind = kind_of(&value);
    if value_kind.slot(Slot::DescrGet) == 0
        || value_kind == Kind::of_static(&raw mut ffi::PyFunction_Type)
    {
        return Ok(Found::Value(value));
    }
    Err(Stop::attribute(object, name, hurdle(&value)))
}

/// A module shows what stands in its dict.
fn of_module<'py>(
    object: &Bound<'py, PyAny>,
    kind: Kind<'_>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Found<'py>> {
    let odd = |_| Stop::attribute(object, name, Hurdle::OddKeys);
    if kind
        .lookup(name)
        .map_err(odd)?
        .is_some_and(|descriptor| kind_of(&descriptor).slot(Slot::DescrSet) != 0)
    {
        return Err(Stop::attribute(object, name, Hurdle::Descriptor));
    }
    match instance_dict(object) {
        Some(dict) => in_dict(object, &dict, name),
        None => Ok(Found::Missing),
    }
}

/// An object whose type has an accessor of its own. `__getattr__` alone leaves alone what is stored; only what is not
/// would be asked of it.
fn behind_methods<'py>(
    object: &Bound<'py, PyAny>,
    kind: Kind<'_>,
    name: &Bound<'py, PyString>,
) -> Safe<'py, Found<'py>> {
    let dunder = intern!(object.py(), "__getattribute__");
    let odd = |_| Stop::attribute(object, name, Hurdle::OddKeys);
    let accessor = kind.lookup(dunder).map_err(odd)?;
    let is_that_of = |base: Kind<'_>| {
        let plain = base.lookup(dunder).ok().flatten();
        matches!((&accessor, &plain), (Some(accessor), Some(plain)) if accessor.is(plain))
    };
    let found = if kind.is_native() {
        return Err(Stop::attribute(object, name, Hurdle::GetAttribute));
    } else if is_that_of(object_kind()) {
        stored(object, kind, name)?
    } else if kind.has(ffi::Py_TPFLAGS_TYPE_SUBCLASS)
        && is_that_of(Kind::of_static(&raw mut ffi::PyType_Type))
    {
        of_type(object, kind, name)?
    } else {
        return Err(Stop::attribute(object, name, Hurdle::GetAttribute));
    };
    match found {
        Found::Missing => Err(Stop::attribute(object, name, Hurdle::GetAttr)),
        found @ Found::Value(_) => Ok(found),
    }
}

//! Why a read did not happen, in words for the author of the probe.

use hogtrace_core::vm::{Fault, FaultKind};
use pyo3::exceptions::{
    PyArithmeticError, PyAttributeError, PyLookupError, PyMemoryError, PyOverflowError,
    PyRecursionError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::Mode;
use super::names::{definer, names, short_name, type_name};
use super::slots::{Kind, kind_of};
use super::storage::{exception_arguments, stored_item, stored_length};
use crate::running::{is_interrupted, keep_foreign, keep_interruption};
use crate::trust::ITEMS;

/// What the fault of a key that is not there says.
pub(crate) const NO_KEY: &str = "no such key";

/// What a read by the safe rules gives.
pub(super) type Safe<'py, T> = Result<T, Stop<'py>>;

/// Why it gave nothing.
pub(super) enum Stop<'py> {
    /// The rules do not allow it.
    Refused(Refusal<'py>),
    /// It failed, as it would have in Python, or a limit stands against it.
    Fault(Fault),
}

/// What the rules do not allow. Put into words only when nothing else helps.
pub(super) struct Refusal<'py> {
    class: Bound<'py, PyType>,
    why: Why<'py>,
    /// What can be read in its place.
    hint: Option<String>,
}

enum Why<'py> {
    /// This method may be the application's; the type's `"[]"` can be trusted.
    Item(&'static str),
    /// This method may be the application's; nothing short of `access="python"` runs it.
    Method(&'static str),
    /// This attribute, because it is or leads to that.
    Attribute(Bound<'py, PyString>, Hurdle),
    /// Something of its own.
    Words(&'static str),
}

/// What stands between a name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hurdle {
    /// A `property`.
    Property,
    /// A `cached_property` without a value yet.
    CachedProperty,
    /// Another descriptor.
    Descriptor,
    /// `__getattr__`, which would be asked for it.
    GetAttr,
    /// `__getattribute__`, which is asked for everything.
    GetAttribute,
    /// Keys of a dict on the way that are not plain strings.
    OddKeys,
    /// An object that shows nothing of itself.
    Closed,
    /// Nothing is stored there yet, at this path.
    Unset(String),
}

impl<'py> Stop<'py> {
    /// A failure.
    pub(super) fn fault(
        kind: FaultKind,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Self {
        Self::Fault(Fault::new(kind, message))
    }

    /// An access to items that only a trust entry or `access="python"` allows.
    pub(super) fn item(object: &Bound<'py, PyAny>, method: &'static str) -> Self {
        Self::refused(object, Why::Item(method))
    }

    /// An operation that only `access="python"` allows.
    pub(super) fn method(object: &Bound<'py, PyAny>, method: &'static str) -> Self {
        Self::refused(object, Why::Method(method))
    }

    /// A refusal in words of its own, after the name of the object's type.
    pub(super) fn words(object: &Bound<'py, PyAny>, words: &'static str) -> Self {
        Self::refused(object, Why::Words(words))
    }

    /// An attribute that is not just stored.
    pub(super) fn attribute(
        object: &Bound<'py, PyAny>,
        name: &Bound<'py, PyString>,
        hurdle: Hurdle,
    ) -> Self {
        Self::refused(object, Why::Attribute(name.clone(), hurdle))
    }

    fn refused(object: &Bound<'py, PyAny>, why: Why<'py>) -> Self {
        Self::Refused(Refusal {
            class: kind_of(object).object(object.py()),
            why,
            hint: None,
        })
    }

    /// The same with what can be read in its place, if it is a refusal.
    pub(super) fn with_hint(mut self, hint: &str) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.hint = Some(hint.to_owned());
        }
        self
    }

    /// The fault of an exception that C code of a built-in type raised, whose text repeats no value.
    pub(super) fn raised(py: Python<'py>, error: &PyErr) -> Self {
        Self::Fault(fault_of(py, error))
    }

    /// The fault of an exception that code of the application may have raised.
    pub(super) fn raised_by_application(py: Python<'py>, error: &PyErr) -> Self {
        Self::Fault(fault_of_application(py, error))
    }

    /// The fault of a key that is not there. A key may be a secret, so only who knows where it came from may tell it.
    pub(super) fn no_key() -> Self {
        Self::fault(FaultKind::Lookup, NO_KEY)
    }
}

impl Refusal<'_> {
    /// The refusal as the fault that the author of the probe sees.
    pub(super) fn into_fault(self) -> Fault {
        let py = self.class.py();
        let kind = Kind::from_type(&self.class);
        let hint = self
            .hint
            .map_or_else(String::new, |hint| format!("{hint} can be read instead; "));
        let message = match self.why {
            Why::Item(method) => {
                let name = PyString::new(py, method);
                let (class, full) = owner(kind, &name);
                let reason = reason(kind, &name);
                format!(
                    "`{class}.{method}` {reason}; {hint}{}",
                    way_out(&full, ITEMS)
                )
            }
            Why::Method(method) => {
                let name = PyString::new(py, method);
                let (class, _) = owner(kind, &name);
                let reason = reason(kind, &name);
                format!("`{class}.{method}` {reason}; only access=\"python\" allows it")
            }
            Why::Words(words) => format!("{}: {words}", type_name(py, kind)),
            Why::Attribute(name, hurdle) => attribute_words(kind, &name, &hurdle, &hint),
        };
        Fault::new(FaultKind::Refused, message)
    }
}

/// What a method is that may not be called.
fn reason(kind: Kind<'_>, name: &Bound<'_, PyString>) -> &'static str {
    if definer(kind, name).is_native() {
        "is C code that may run code of the application"
    } else {
        "may run code of the application"
    }
}

/// How to have it read all the same.
fn way_out(type_name: &str, attribute: &str) -> String {
    format!(
        "to allow it add (\"{type_name}\", \"{attribute}\", \"call\") to TRUST, or set access=\"python\""
    )
}

/// The name of the class that defines `name`, alone and with its module.
fn owner(kind: Kind<'_>, name: &Bound<'_, PyString>) -> (String, String) {
    let (module, class) = names(name.py(), definer(kind, name));
    let full = format!("{module}.{class}");
    (class, full)
}

fn attribute_words(
    kind: Kind<'_>,
    name: &Bound<'_, PyString>,
    hurdle: &Hurdle,
    hint: &str,
) -> String {
    let py = name.py();
    let text = name.to_string_lossy();
    let method = match hurdle {
        Hurdle::GetAttr => Some("__getattr__"),
        Hurdle::GetAttribute => Some("__getattribute__"),
        _ => None,
    };
    let (class, full) = match method {
        Some(method) => owner(kind, &PyString::new(py, method)),
        None => owner(kind, name),
    };
    let reason = match hurdle {
        Hurdle::Closed => {
            return format!(
                "objects of type {} have no readable attributes; only access=\"python\" reads them",
                type_name(py, kind)
            );
        }
        Hurdle::Property => {
            "is a property: reading it would run code of the application".to_owned()
        }
        Hurdle::CachedProperty => {
            "is a cached property without a value yet: reading it would run code of the application"
                .to_owned()
        }
        Hurdle::Descriptor => {
            "is a descriptor: reading it may run code of the application".to_owned()
        }
        Hurdle::GetAttr | Hurdle::GetAttribute => {
            format!(
                "is not just stored: `{class}.{}` would run for it",
                method.unwrap_or_default()
            )
        }
        Hurdle::OddKeys => {
            "may run code of the application: not all names there are plain strings".to_owned()
        }
        Hurdle::Unset(path) => format!(
            "has no value yet (nothing is stored as `{path}`): reading it would run code of the application"
        ),
    };
    format!("`{class}.{text}` {reason}; {hint}{}", way_out(&full, &text))
}

/// What remains of a read: its value, what `fallback` gives where the rules refuse and the mode lifts them, or a fault.
pub(super) fn settle<'py, T>(
    mode: Mode,
    py: Python<'py>,
    outcome: Safe<'py, T>,
    fallback: impl FnOnce() -> PyResult<T>,
) -> Result<T, Fault> {
    match outcome {
        Ok(value) => Ok(value),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(Stop::Refused(_)) if mode == Mode::Python => {
            real(fallback).map_err(|error| fault_of_application(py, &error))
        }
        Err(Stop::Refused(refusal)) => Err(refusal.into_fault()),
    }
}

/// Runs code of the application, unless what it ended with before in this run is on its way to the application.
pub(super) fn real<T>(access: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    if is_interrupted() {
        return Err(PyRuntimeError::new_err("the run was interrupted"));
    }
    access()
}

/// The kind of fault that an exception is.
fn kind_of_fault(py: Python<'_>, error: &PyErr) -> FaultKind {
    let value = error.value(py);
    let is = |class: Bound<'_, PyType>| kind_of(value).derives_from(Kind::from_type(&class));
    if is(py.get_type::<PyAttributeError>()) {
        FaultKind::Attribute
    } else if is(py.get_type::<PyLookupError>()) {
        FaultKind::Lookup
    } else if is(py.get_type::<PyTypeError>()) {
        FaultKind::Type
    } else if is(py.get_type::<PyOverflowError>()) || is(py.get_type::<PyArithmeticError>()) {
        FaultKind::Arithmetic
    } else if is(py.get_type::<PyMemoryError>()) || is(py.get_type::<PyRecursionError>()) {
        FaultKind::Limit
    } else {
        FaultKind::Value
    }
}

/// An exception of C code that runs nothing of the application as a fault, in CPython's words where they are plain.
pub(super) fn fault_of(py: Python<'_>, error: &PyErr) -> Fault {
    keep_foreign(py, error);
    let value = error.value(py);
    let kind = kind_of_fault(py, error);
    let message = exception_arguments(value)
        .filter(|arguments| stored_length(arguments) == 1)
        .and_then(|arguments| stored_item(&arguments, 0))
        .and_then(|message| message.cast_into_exact::<PyString>().ok())
        .map(|message| message.to_string_lossy().into_owned());
    let name = short_name(value);
    let message = match message {
        Some(message)
            if kind != FaultKind::Value || value.is_exact_instance_of::<PyValueError>() =>
        {
            message
        }
        Some(message) => format!("{name}: {message}"),
        None => name,
    };
    Fault::new(kind, message)
}

/// An exception of the application as a fault: its text may repeat any value, so only its type is told. What is not the
/// affair of the code that was run waits for the end of the run.
fn fault_of_application(py: Python<'_>, error: &PyErr) -> Fault {
    keep_interruption(py, error);
    let name = type_name(py, kind_of(error.value(py)));
    Fault::new(kind_of_fault(py, error), format!("{name} was raised"))
}

//! Copies of what C keeps in its own way: numbers and arrays of `numpy`, functions, views of other objects.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString, PyWeakrefMethods, PyWeakrefReference};

use super::mark::CUT;
use super::names::head_text;
use super::packed::Tag;
use super::walk::Step;
use super::write::Writer;
use crate::access::{
    Element, Elements, Kind, Scalar, beginning, code_of, elements, generic_get, kind_of, name_of,
    numpy_scalar,
};
use crate::redact::REDACTED;

impl Writer<'_> {
    /// Copies a number of `numpy`, or one of another type that C derived from float or complex; gives whether it is one.
    pub(super) fn scalar(&mut self, value: &Bound<'_, PyAny>) -> bool {
        let Some(scalar) = numpy_scalar(value) else {
            return false;
        };
        let open = self.buffer.open_object(&name_of(value));
        self.buffer.string("$value");
        match scalar {
            Scalar::Bool(truth) => self.buffer.boolean(truth),
            Scalar::Number(number) => self.value(&number),
            Scalar::Text(text) => self.told_text(&text),
        }
        self.buffer.close(open, 1);
        true
    }

    /// Copies an array of plain numbers, or of objects.
    pub(super) fn array(&mut self, value: &Bound<'_, PyAny>, base: Kind<'_>, class: &str) {
        let found = match elements(base, value, self.limits.items.max(1)) {
            Ok(found) => found,
            Err(why) => return self.unread(class, why),
        };
        self.inside(
            value,
            true,
            || format!("{class} of {} items", found.total),
            |writer| {
                writer.object_of(class, |writer| {
                    writer.buffer.string("$shape");
                    let shape = writer.buffer.open(Tag::Tuple);
                    for &length in &found.shape {
                        writer
                            .buffer
                            .integer(i64::try_from(length).unwrap_or(i64::MAX));
                    }
                    writer.buffer.close(shape, found.shape.len());
                    writer.buffer.string("$items");
                    writer.buffer.string(&found.kind);
                    let at = writer.buffer.len();
                    writer.buffer.string("$value");
                    writer.elements(&found, class == "memoryview", at);
                    (3, 3)
                });
            },
        );
    }

    fn elements(&mut self, found: &Elements<'_>, is_view: bool, at: usize) {
        // A view of bytes is bytes.
        if is_view && found.kind == "uint8" && found.shape.len() == 1 {
            let bytes: Vec<u8> = found
                .first
                .iter()
                .filter_map(|element| match element {
                    Element::Int(byte) => u8::try_from(*byte).ok(),
                    _ => None,
                })
                .collect();
            return self.some_bytes(&bytes, found.total, "bytes");
        }
        // Of a pair that has a secret's name the other one is the secret.
        let secret = matches!(&found.first[..], [Element::Object(name), _]
            if found.total == 2 && self.names_a_secret(name));
        let open = self.buffer.open(Tag::List);
        let mut count = 0;
        for element in found.first.iter().take(self.limits.items) {
            if self.is_full() {
                break;
            }
            self.budget.value();
            match element {
                _ if secret && count == 1 => self.buffer.mark(REDACTED),
                Element::None => self.buffer.none(),
                Element::Bool(value) => self.buffer.boolean(*value),
                Element::Int(value) => self.buffer.integer(*value),
                Element::Large(value) => self.buffer.big_integer(&value.to_string()),
                Element::Float(value) => self.buffer.float(*value),
                Element::Complex(real, imaginary) => {
                    self.told("complex", &format!("({real}{imaginary:+}j)"));
                }
                Element::Text(text) => self.told_text(text),
                Element::Bytes(bytes) => self.buffer.bytes_value(bytes),
                Element::Object(object) => {
                    self.walk.step = Step::Field(at);
                    self.value(object);
                }
            }
            count += 1;
        }
        if count < found.total {
            let mark = self.counted(found.total, "items");
            self.buffer.mark(&format!("{CUT} ({mark})"));
            count += 1;
        }
        self.buffer.close(open, count);
    }

    /// Copies a function, a method, a generator or a lock: its name and where it begins, or its state; gives whether it
    /// is one.
    pub(super) fn callable(&mut self, value: &Bound<'_, PyAny>, class: &str) -> bool {
        let py = value.py();
        let kind = kind_of(value);
        let is = |raw: *mut ffi::PyTypeObject| kind == Kind::of_static(raw);
        if is(&raw mut ffi::PyFunction_Type) {
            let name = qualified_name(value);
            self.code(class, name.as_deref(), value, None);
        } else if class == "method" && kind.is_native() {
            // Both are fields of the C object.
            let function = generic_get(value, intern!(py, "__func__"));
            let object = generic_get(value, intern!(py, "__self__"));
            let name = function.as_ref().and_then(qualified_name);
            let place = function.as_ref().unwrap_or(value);
            self.code(class, name.as_deref(), place, object.as_ref());
        } else if is(&raw mut ffi::PyCFunction_Type) {
            // Its qualified name would ask the type of its object.
            let name =
                generic_get(value, intern!(py, "__name__")).and_then(|name| head_text(&name));
            self.told(class, name.as_deref().unwrap_or("?"));
        } else if is(&raw mut ffi::PyGen_Type)
            || is(&raw mut ffi::PyCoro_Type)
            || is(&raw mut ffi::PyAsyncGen_Type)
        {
            let name =
                generic_get(value, intern!(py, "__qualname__")).and_then(|name| head_text(&name));
            self.told(class, name.as_deref().unwrap_or("?"));
        } else if class == "_thread.lock" && kind.is_native() {
            // C's own method, which only looks.
            let locked = generic_get(value, intern!(py, "locked"))
                .and_then(|method| method.call0().ok())
                .is_some_and(|locked| locked.is(PyBool::new(py, true)));
            let open = self.buffer.open_object(class);
            self.buffer.string("locked");
            self.buffer.boolean(locked);
            self.buffer.close(open, 1);
        } else {
            return false;
        }
        true
    }

    /// Writes a function or method.
    fn code(
        &mut self,
        class: &str,
        name: Option<&str>,
        function: &Bound<'_, PyAny>,
        object: Option<&Bound<'_, PyAny>>,
    ) {
        let open = self.buffer.open_object(class);
        self.buffer.string("$value");
        self.told_text(name.unwrap_or("?"));
        let mut count = 1;
        if let Some(object) = object {
            self.buffer.string("$of");
            self.told_text(&name_of(object));
            count += 1;
        }
        if let Some(place) = code_of(function).as_ref().and_then(beginning) {
            self.buffer.string("$at");
            self.told_text(&place);
            count += 1;
        }
        self.buffer.close(open, count);
    }

    /// Copies what stands for another object: a read-only view of a mapping, a weak reference; gives whether it is one.
    pub(super) fn view(&mut self, value: &Bound<'_, PyAny>, class: &str) -> bool {
        let kind = kind_of(value);
        let seen = if kind == Kind::of_static(&raw mut ffi::PyDictProxy_Type) {
            /// The same from 3.11 to 3.14.
            #[repr(C)]
            struct Proxy {
                head: ffi::PyObject,
                mapping: *mut ffi::PyObject,
            }
            // SAFETY: an exact `mappingproxy`, which keeps the mapping alive; taken at once.
            unsafe {
                let proxy = value.as_ptr().cast::<Proxy>();
                Bound::from_borrowed_ptr_or_opt(value.py(), (*proxy).mapping)
            }
        } else if let Ok(reference) = value.cast_exact::<PyWeakrefReference>() {
            reference.upgrade()
        } else {
            return false;
        };
        self.inside(
            value,
            true,
            || class.to_owned(),
            |writer| {
                writer.object_of(class, |writer| {
                    let at = writer.buffer.len();
                    writer.buffer.string("$value");
                    match &seen {
                        Some(seen) => writer.reached(Step::Field(at), seen),
                        None => writer.buffer.none(),
                    }
                    (1, 1)
                });
            },
        );
        true
    }
}

/// A function's name with its module.
fn qualified_name(function: &Bound<'_, PyAny>) -> Option<String> {
    let py = function.py();
    if kind_of(function) != Kind::of_static(&raw mut ffi::PyFunction_Type) {
        // A method may be made of anything that can be called; its type says what.
        return Some(name_of(function));
    }
    let text =
        |name: &Bound<'_, PyString>| generic_get(function, name).and_then(|name| head_text(&name));
    let name = text(intern!(py, "__qualname__"))?;
    Some(match text(intern!(py, "__module__")) {
        Some(module) => format!("{module}.{name}"),
        None => name,
    })
}

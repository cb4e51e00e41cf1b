//! Copies of objects: their type's name, and what is stored in them.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::write::Writer;
use crate::access::{
    Family, Kind, Known, Shape, byte_head, complex_text, decimal_text, entries, enum_name,
    exception_arguments, exception_message, generic_get, instance_dict, kind_of, known_class,
    member, moment_text, name_of, named, path_text, shape_of, span_text, stored, stored_item,
    stored_length, string_size, type_name, uuid_text,
};

/// Names of more characters are not looked at for secrets.
const LONGEST_NAME: usize = 1024;

impl Writer<'_> {
    /// Copies an object of a class that derives from a built-in type, where it is more than that type tells; gives
    /// whether it did.
    pub(super) fn special(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>) -> bool {
        let py = value.py();
        // Only enumerations and the like have a metaclass.
        let metaclass = shape.kind.object(py).into_any();
        if kind_of(&metaclass) != Kind::of_static(&raw mut ffi::PyType_Type)
            && known_class(py, shape.kind) == Some(Known::Enum)
        {
            self.enumeration(value);
            return true;
        }
        if shape.family == Family::Tuple
            && let Ok(Some(names)) = shape.kind.lookup(intern!(py, "_fields"))
            && let Ok(names) = names.cast_exact::<PyTuple>()
            && names.len() == stored_length(value)
        {
            self.named_tuple(value, names);
            return true;
        }
        false
    }

    fn enumeration(&mut self, value: &Bound<'_, PyAny>) {
        let class = name_of(value);
        self.fields(value, &class, |writer| {
            let mut count = 0;
            if let Some(content) = stored(value, "_value_") {
                writer.buffer.string("$value");
                writer.value(&content);
                count += 1;
            }
            if let Some(name) = enum_name(value) {
                writer.buffer.string("$name");
                writer.buffer.string(&name);
                count += 1;
            }
            (count, count)
        });
    }

    fn named_tuple(&mut self, value: &Bound<'_, PyAny>, names: &Bound<'_, PyTuple>) {
        let class = name_of(value);
        let length = stored_length(value);
        self.fields(value, &class, |writer| {
            let mut count = 0;
            for index in 0..length.min(writer.limits.fields) {
                let (Some(name), Some(item)) =
                    (stored_item(names, index), stored_item(value, index))
                else {
                    break;
                };
                if writer.is_full() {
                    break;
                }
                count += writer.field_of(&name, &item);
            }
            (count, length)
        });
    }

    /// Copies what is no scalar and no container.
    pub(super) fn described(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>) {
        let py = value.py();
        let class = name_of(value);
        let text = match shape.family {
            Family::Date | Family::DateTime | Family::Time => moment_text(value, 'T'),
            Family::TimeDelta => Some(span_text(value)),
            Family::Decimal => decimal_text(value),
            Family::Complex => complex_text(value),
            Family::Zone => stored(value, "key").and_then(|key| plain_text(&key)),
            Family::Type => value
                .cast()
                .ok()
                .map(|class| type_name(py, Kind::from_type(class))),
            Family::Module => instance_dict(value)
                .and_then(|dict| named(&dict, intern!(py, "__name__")))
                .and_then(|name| plain_text(&name)),
            Family::Range => return self.range(value, &class),
            Family::Exception => return self.exception(value, &class),
            Family::Other => match known_class(py, shape.kind) {
                Some(Known::Uuid) => uuid_text(value),
                Some(Known::Path) => path_text(value),
                Some(Known::Enum) => return self.enumeration(value),
                None if shape.kind == Kind::of_static(&raw mut ffi::PyFunction_Type) => {
                    generic_get(value, intern!(py, "__qualname__"))
                        .and_then(|name| plain_text(&name))
                }
                None => return self.plain_object(value, &class),
            },
            _ => None,
        };
        match text {
            Some(text) => self.told(&class, &text),
            None => self.opaque(&class),
        }
    }

    fn range(&mut self, value: &Bound<'_, PyAny>, class: &str) {
        self.fields(value, class, |writer| {
            let mut count = 0;
            for name in ["start", "stop", "step"] {
                if let Some(end) = stored(value, name) {
                    writer.buffer.string(name);
                    writer.named(name, &end);
                    count += 1;
                }
            }
            (count, count)
        });
    }

    fn exception(&mut self, value: &Bound<'_, PyAny>, class: &str) {
        self.fields(value, class, |writer| {
            let mut count = 0;
            if let Some(message) = exception_message(value) {
                writer.buffer.string("$message");
                writer.told_text(&message);
                count += 1;
            }
            if let Some(arguments) = exception_arguments(value) {
                writer.buffer.string("$args");
                writer.value(&arguments);
                count += 1;
            }
            let (written, total) = writer.stored_fields(value);
            (count + written, count + total)
        });
    }

    fn plain_object(&mut self, value: &Bound<'_, PyAny>, class: &str) {
        self.fields(value, class, |writer| writer.stored_fields(value));
    }

    /// Writes what an object stores, in its dict and in slots; gives how many fields it wrote, and how many there are.
    fn stored_fields(&mut self, value: &Bound<'_, PyAny>) -> (usize, usize) {
        let (mut written, mut total) = (0, 0);
        let mut put = |writer: &mut Self, name: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>| {
            total += 1;
            if written < writer.limits.fields && !writer.is_full() {
                written += writer.field_of(name, item);
            }
        };
        if let Some(dict) = instance_dict(value) {
            for (name, item) in entries(&dict).filter(|(name, _)| is_field_name(name)) {
                put(self, &name, &item);
            }
        }
        for (name, item) in slots(value) {
            put(self, &name, &item);
        }
        (written, total)
    }

    /// Writes one field; gives how many it wrote.
    fn field_of(&mut self, name: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> usize {
        let Some(text) = plain_text(name) else {
            return 0;
        };
        self.buffer.string(&text);
        self.named(&text, item);
        1
    }
}

/// What the slots of an object hold, by name.
fn slots<'py>(value: &Bound<'py, PyAny>) -> Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = value.py();
    let marker = intern!(py, "__slots__");
    let mut found = Vec::new();
    for kind in kind_of(value).lineage() {
        if kind.is_native() || !kind.defines(marker) {
            continue;
        }
        let Some(dict) = kind.dict(py) else { continue };
        let members = entries(&dict).filter(|(name, _)| is_field_name(name));
        found.extend(
            members.filter_map(|(name, descriptor)| Some((name, member(&descriptor, value)?))),
        );
    }
    found
}

fn is_field_name(name: &Bound<'_, PyAny>) -> bool {
    let Ok(name) = name.cast::<PyString>() else {
        return false;
    };
    !name
        .to_str()
        .is_ok_and(|name| name.starts_with("__") && name.ends_with("__"))
}

/// The text of a string that is not too long.
fn plain_text(value: &Bound<'_, PyAny>) -> Option<String> {
    let text = value.cast::<PyString>().ok()?;
    (string_size(text).0 <= LONGEST_NAME).then(|| text.to_string_lossy().into_owned())
}

/// The name by which a key says whether its value is secret: that of a string, of bytes, of a member of an enumeration,
/// and of the strings in a tuple.
pub(super) fn key_name(key: &Bound<'_, PyAny>) -> Option<String> {
    let shape = shape_of(key);
    match shape.family {
        Family::Str => plain_text(key),
        Family::Bytes => {
            let (head, length) = byte_head(key, LONGEST_NAME);
            (head.len() == length).then(|| head.into_iter().map(char::from).collect())
        }
        Family::Tuple => {
            let names: Vec<_> = (0..stored_length(key).min(16))
                .filter_map(|index| stored_item(key, index))
                .filter(|part| shape_of(part).family == Family::Str)
                .filter_map(|part| plain_text(&part))
                .collect();
            (!names.is_empty()).then(|| names.join(" "))
        }
        Family::Other if known_class(key.py(), shape.kind) == Some(Known::Enum) => {
            let value = stored(key, "_value_").and_then(|value| plain_text(&value));
            Some(
                [
                    enum_name(key).unwrap_or_default(),
                    value.unwrap_or_default(),
                ]
                .join(" "),
            )
        }
        _ => None,
    }
}

//! Copies of objects: their type's name, and what is stored in them.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::mark::CUT;
use super::names::{head_text, is_field_name};
use super::walk::Step;
use super::write::Writer;
use crate::access::{
    Family, Kind, Known, Shape, array_type, complex_text, decimal_text, entries, enum_name,
    fraction_text, instance_dict, kind_of, known_class, member, moment_text, name_of, named,
    network_text, path_text, shape_of, span_text, stored, stored_item, stored_length, type_name,
    uuid_text, zone_text,
};

/// Types whose objects would lead out of the values of the program, into its running code.
fn leads_into_code(kind: Kind<'_>) -> bool {
    [
        &raw mut ffi::PyFrame_Type,
        &raw mut ffi::PyCode_Type,
        &raw mut ffi::PyTraceBack_Type,
    ]
    .into_iter()
    .any(|closed| kind == Kind::of_static(closed))
}

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
        match shape.family {
            Family::Tuple => {
                if let Ok(Some(names)) = shape.kind.lookup(intern!(py, "_fields"))
                    && let Ok(names) = names.cast_exact::<PyTuple>()
                    && names.len() == stored_length(value)
                {
                    self.named_tuple(value, shape, names);
                    return true;
                }
                if matches!(
                    shape.kind.lookup(intern!(py, "n_sequence_fields")),
                    Ok(Some(_))
                ) {
                    // A record of C's, such as `os.stat_result`.
                    self.plain_object(value, shape);
                    return true;
                }
                self.with_fields(value, shape)
            }
            Family::List | Family::Dict | Family::Set | Family::FrozenSet | Family::Deque => {
                self.with_fields(value, shape)
            }
            Family::Float | Family::Complex => self.scalar(value),
            _ => false,
        }
    }

    /// Copies a container whose class adds fields that are not private; gives whether it is one.
    fn with_fields(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>) -> bool {
        let mut is_more = false;
        if !shape.kind.is_native() {
            each_field(value, 16, |name, _| is_more |= !name.starts_with('_'));
        }
        if !is_more {
            return false;
        }
        let class = name_of(value);
        self.fields(value, shape, &class, |writer| {
            writer.buffer.string("$value");
            // Not another level: it is the same object.
            match value.cast() {
                Ok(dict) => writer.entries_of(dict),
                Err(_) => writer.items_of(value, shape),
            }
            let (written, total) = writer.stored_fields(value);
            (1 + written, 1 + total)
        });
        true
    }

    fn enumeration(&mut self, value: &Bound<'_, PyAny>) {
        let class = name_of(value);
        let name = enum_name(value);
        let secret = name.as_deref().is_some_and(|name| self.is_secret(name));
        self.entering(
            value,
            false,
            true,
            false,
            || class.clone(),
            |writer| {
                writer.object_of(&class, |writer| {
                    let mut count = 0;
                    if let Some(content) = stored(value, "_value_") {
                        let at = writer.buffer.len();
                        writer.buffer.string("$value");
                        if secret {
                            writer.hidden();
                        } else {
                            writer.reached(Step::Field(at), &content);
                        }
                        count += 1;
                    }
                    if let Some(name) = name {
                        writer.buffer.string("$name");
                        writer.told_text(&name);
                        count += 1;
                    }
                    (count, count)
                });
            },
        );
    }

    fn named_tuple(
        &mut self,
        value: &Bound<'_, PyAny>,
        shape: &Shape<'_>,
        names: &Bound<'_, PyTuple>,
    ) {
        let class = name_of(value);
        let length = stored_length(value);
        self.fields(value, shape, &class, |writer| {
            let mut count = 0;
            for index in 0..length.min(writer.limits.fields) {
                let (Some(name), Some(item)) =
                    (stored_item(names, index), stored_item(value, index))
                else {
                    break;
                };
                let Some(name) = head_text(&name) else { break };
                if writer.is_full() {
                    break;
                }
                writer.field_of(&name, &item);
                count += 1;
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
            Family::Decimal => match decimal_text(value) {
                Some(text) => Some(text),
                None => return self.unread(&class, "it has very many digits"),
            },
            Family::Complex => complex_text(value),
            Family::Zone => zone_text(value),
            Family::Type => value
                .cast()
                .ok()
                .map(|class| type_name(py, Kind::from_type(class))),
            Family::Module => instance_dict(value)
                .and_then(|dict| named(&dict, intern!(py, "__name__")))
                .and_then(|name| head_text(&name)),
            Family::Range => return self.range(value, shape, &class),
            Family::Exception => return self.exception(value, &class),
            Family::Other => match known_class(py, shape.kind) {
                Some(Known::Uuid) => uuid_text(value),
                Some(Known::Path) => path_text(value),
                Some(Known::Enum) => return self.enumeration(value),
                Some(Known::Fraction) => fraction_text(value),
                Some(Known::Network) => network_text(value),
                None => return self.other(value, shape, &class),
            },
            _ => None,
        };
        match text {
            Some(text) => self.told(&class, &text),
            None => self.unread(&class, "what tells it is not stored as its class stores it"),
        }
    }

    /// Copies an object of which nothing is known but its type.
    fn other(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>, class: &str) {
        if self.scalar(value) || self.callable(value, class) || self.view(value, class) {
            return;
        }
        if let Some(base) = array_type(value) {
            return self.array(value, base, class);
        }
        if leads_into_code(shape.kind) {
            return self.unread(class, "it leads into running code");
        }
        self.plain_object(value, shape);
    }

    fn range(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>, class: &str) {
        self.fields(value, shape, class, |writer| {
            let mut count = 0;
            for name in ["start", "stop", "step"] {
                if let Some(end) = stored(value, name) {
                    writer.field_of(name, &end);
                    count += 1;
                }
            }
            (count, count)
        });
    }

    /// Copies an object by what it stores; one of a type in C that shows nothing says so.
    pub(super) fn plain_object(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>) {
        let class = name_of(value);
        let hides = shape.kind.is_native()
            && shape.kind != Kind::of_static(&raw mut ffi::PyBaseObject_Type)
            && instance_dict(value).is_none();
        if hides && !has_field(value) {
            return self.unread(&class, "stored in C");
        }
        self.fields(value, shape, &class, |writer| writer.stored_fields(value));
    }

    /// Writes what an object stores, in its dict and in slots; gives how many fields it wrote, and how many there are.
    pub(super) fn stored_fields(&mut self, value: &Bound<'_, PyAny>) -> (usize, usize) {
        let most = self.limits.fields;
        let mut written = 0;
        let total = each_field(value, most, |name, item| {
            if !self.is_full() {
                self.field_of(name, item);
                written += 1;
            }
        });
        (written, total)
    }

    /// Writes one field.
    pub(super) fn field_of(&mut self, name: &str, item: &Bound<'_, PyAny>) {
        let at = self.buffer.len();
        // What begins so is ours.
        if name.starts_with('$') || name.starts_with(CUT) {
            self.buffer.string(&format!("${name}"));
        } else {
            self.buffer.string(name);
        }
        self.named(name, at, item);
    }
}

/// Hands on the first `most` fields that an object stores, in its dict and in slots; gives how many there are.
pub(super) fn each_field(
    value: &Bound<'_, PyAny>,
    most: usize,
    mut take: impl FnMut(&str, &Bound<'_, PyAny>),
) -> usize {
    let (mut taken, mut total) = (0, 0);
    if let Some(dict) = instance_dict(value) {
        let mut seen = 0;
        for (name, item) in entries(&dict) {
            if taken == most {
                break;
            }
            seen += 1;
            // A name that is no string is no attribute, but it is there.
            total += usize::from(is_field_name(&name) || head_text(&name).is_none());
            if is_field_name(&name)
                && let Some(name) = head_text(&name)
            {
                take(&name, &item);
                taken += 1;
            }
        }
        total += dict.len().saturating_sub(seen);
    }
    each_slot(value, |name, item| {
        total += 1;
        if taken < most {
            take(&name, &item);
            taken += 1;
        }
    });
    total
}

fn has_field(value: &Bound<'_, PyAny>) -> bool {
    let mut found = false;
    each_field(value, 1, |_, _| found = true);
    found
}

/// Hands on what the slots of an object hold, and the members that C gave its type.
fn each_slot(value: &Bound<'_, PyAny>, mut take: impl FnMut(String, Bound<'_, PyAny>)) {
    let py = value.py();
    let marker = intern!(py, "__slots__");
    let record = intern!(py, "n_sequence_fields");
    let exception = shape_of(value).family == Family::Exception;
    for kind in kind_of(value).lineage() {
        let has_members = if kind.is_native() {
            // What exceptions of C's own have is told otherwise.
            !exception
        } else {
            kind.defines(marker) || kind.defines(record)
        };
        if !has_members {
            continue;
        }
        let Some(dict) = kind.dict(py) else { continue };
        for (name, descriptor) in entries(&dict) {
            if is_field_name(&name)
                && let Some(held) = member(&descriptor, value)
                && let Some(name) = head_text(&name)
            {
                take(name, held);
            }
        }
    }
}

//! The text of containers and of what they hold, as `repr` shows it: made here, element by element.

use hogtrace_core::vm::FaultKind;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::arithmetic::check_bits;
use super::calls::{call_unary, iterate};
use super::item::check_range;
use super::names::short_name;
use super::part::byte_length;
use super::refusal::{Safe, Stop};
use super::shape::{Family, Shape, shape_of};
use super::slots::Slot;
use super::storage::{entries, stored_item};
use super::work::{BYTES, Work, check_bytes};

/// `repr(object)` of built-in values and containers of them.
pub(super) fn repr_of<'py>(object: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let mut writer = Writer {
        out: String::new(),
        open: Vec::new(),
    };
    writer.write(object, &mut Work::new())?;
    let text = PyString::new(object.py(), &writer.out).into_any();
    check_bytes(&text, byte_length(&text))?;
    Ok(text)
}

struct Writer {
    out: String,
    /// The containers that are being written: one that holds itself is not followed.
    open: Vec<*mut PyObject>,
}

impl Writer {
    fn write<'py>(&mut self, object: &Bound<'py, PyAny>, work: &mut Work) -> Safe<'py, ()> {
        let shape = shape_of(object);
        match shape.family {
            Family::None
            | Family::Bool
            | Family::Int
            | Family::Float
            | Family::Complex
            | Family::Str
            | Family::Bytes
            | Family::ByteArray
            | Family::List
            | Family::Tuple
            | Family::Dict
            | Family::Set
            | Family::FrozenSet
            | Family::Range => {}
            _ => {
                let message = format!(
                    "str() does not show a '{}' in a container",
                    short_name(object)
                );
                return Err(Stop::fault(FaultKind::Type, message));
            }
        }
        if !shape.keeps(Slot::Repr) {
            return Err(Stop::method(object, "__repr__"));
        }
        let (begin, end, recursive) = match shape.family {
            Family::List => ("[", "]", "[...]"),
            Family::Tuple => ("(", ")", "(...)"),
            Family::Dict => ("{", "}", "{...}"),
            Family::Set | Family::FrozenSet => return self.set(object, &shape, work),
            _ => return self.single(object, &shape),
        };
        if self.open.contains(&object.as_ptr()) {
            return self.push(recursive);
        }
        self.open.push(object.as_ptr());
        self.push(begin)?;
        work.inside(|work| match object.cast::<PyDict>() {
            Ok(dict) => self.pairs(dict, work),
            Err(_) => self.items(object, work),
        })?;
        self.open.pop();
        self.push(end)
    }

    fn push<'py>(&mut self, text: &str) -> Safe<'py, ()> {
        self.out.push_str(text);
        // A character takes at most twice as many bytes here as in Python; what is too long by less is seen at the end.
        if self.out.len() <= 2 * BYTES {
            return Ok(());
        }
        Err(Stop::fault(
            FaultKind::Limit,
            format!("a text of more than {BYTES} bytes"),
        ))
    }

    /// One value, by the C function of its built-in type.
    fn single<'py>(&mut self, object: &Bound<'py, PyAny>, shape: &Shape<'_>) -> Safe<'py, ()> {
        check_bits(object, shape)?;
        check_bytes(object, byte_length(object))?;
        if shape.family == Family::Range {
            check_range(object)?;
        }
        match call_unary(shape.base, Slot::Repr, object) {
            Some(Ok(text)) => {
                let text = text.cast_into::<PyString>();
                let text = text.map(|text| text.to_string_lossy().into_owned());
                self.push(&text.unwrap_or_default())
            }
            Some(Err(error)) => Err(Stop::raised(object.py(), &error)),
            None => Err(Stop::method(object, "__repr__")),
        }
    }

    fn items<'py>(&mut self, sequence: &Bound<'py, PyAny>, work: &mut Work) -> Safe<'py, ()> {
        let mut written = 0;
        while let Some(element) = stored_item(sequence, written) {
            work.touch()?;
            if written > 0 {
                self.push(", ")?;
            }
            self.write(&element, work)?;
            written += 1;
        }
        let lonely = written == 1 && shape_of(sequence).family == Family::Tuple;
        self.push(if lonely { "," } else { "" })
    }

    fn pairs<'py>(&mut self, dict: &Bound<'py, PyDict>, work: &mut Work) -> Safe<'py, ()> {
        for (position, (key, value)) in entries(dict).enumerate() {
            work.touch()?;
            if position > 0 {
                self.push(", ")?;
            }
            self.write(&key, work)?;
            self.push(": ")?;
            self.write(&value, work)?;
        }
        Ok(())
    }

    /// A set is shown with the name of its type unless it is exactly `set` and not empty.
    fn set<'py>(
        &mut self,
        set: &Bound<'py, PyAny>,
        shape: &Shape<'_>,
        work: &mut Work,
    ) -> Safe<'py, ()> {
        let members: Vec<_> = iterate(shape.base, set)
            .into_iter()
            .flatten()
            .map(|member| work.touch().map(|()| member))
            .collect::<Result<_, _>>()?;
        let bare = shape.family == Family::Set && shape.is_exact();
        if members.is_empty() {
            return self.push(&format!("{}()", short_name(set)));
        }
        let (begin, end) = if bare {
            ("{".to_owned(), "}")
        } else {
            (format!("{}({{", short_name(set)), "})")
        };
        self.push(&begin)?;
        work.inside(|work| {
            for (position, member) in members.iter().enumerate() {
                if position > 0 {
                    self.push(", ")?;
                }
                self.write(member, work)?;
            }
            Ok(())
        })?;
        self.push(end)
    }
}

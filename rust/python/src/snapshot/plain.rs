//! What most events consist of: scalars and short strings, which need no walk.

use hogtrace_core::value::{Scalar, Value};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::budget::Clock;
use super::buffer::{Buffer, Room};
use super::limits::Limits;
use super::packed::Names;
use super::write::Writer;
use crate::access::short_ascii;
use crate::number::to_scalar;
use crate::redact::{REDACTED, Redaction};

/// Characters of a string that are still shown when nothing more fits.
pub(super) const SHORT: usize = 64;

/// Makes a copy of fields for as long as they need no walk; a [`Writer`] goes on where one does.
pub(crate) struct Plain<'r> {
    buffer: Buffer<'r>,
    limits: &'r Limits,
    redaction: Option<&'r Redaction>,
    /// How many fields were written.
    fields: usize,
}

impl<'r> Plain<'r> {
    /// Begins a copy; without `redaction` nothing is redacted.
    #[inline]
    pub(crate) fn new(
        room: &'r mut Room,
        limits: &'r Limits,
        redaction: Option<&'r Redaction>,
    ) -> Self {
        Self {
            buffer: Buffer::new(room),
            limits,
            redaction: redaction.filter(|redaction| redaction.enabled()),
            fields: 0,
        }
    }

    /// Writes the next field, if it needs no walk; gives whether it did.
    #[inline]
    pub(crate) fn field(&mut self, value: &Value<Bound<'_, PyAny>>) -> bool {
        match value {
            Value::None => self.scalar(Scalar::None),
            Value::Bool(value) => self.scalar(Scalar::Bool(*value)),
            Value::Int(value) => self.scalar(Scalar::Int(*value)),
            Value::Float(value) => self.scalar(Scalar::Float(*value)),
            Value::Object(object) => return self.string(object),
        }
        true
    }

    /// Writes the next field, which is that object, if it needs no walk; gives whether it did.
    #[inline]
    pub(crate) fn object(&mut self, value: &Bound<'_, PyAny>) -> bool {
        match to_scalar(value) {
            Some(scalar) => {
                self.scalar(scalar);
                true
            }
            None => self.string(value),
        }
    }

    #[inline]
    fn scalar(&mut self, scalar: Scalar) {
        match scalar {
            Scalar::None => self.buffer.none(),
            Scalar::Bool(value) => self.buffer.boolean(value),
            Scalar::Int(value) => self.buffer.integer(value),
            Scalar::Float(value) => self.buffer.float(value),
        }
        self.fields += 1;
    }

    #[inline]
    fn string(&mut self, value: &Bound<'_, PyAny>) -> bool {
        let most = self.limits.characters;
        let is_plain = short_string(&mut self.buffer, value, most, self.redaction);
        self.fields += usize::from(is_plain);
        is_plain
    }

    /// The values that were written; `None` when memory ran out.
    #[inline]
    pub(crate) fn finish(&self) -> Option<&[u8]> {
        self.buffer.finish()
    }

    /// How many fields were written, and what goes on with the others.
    pub(crate) fn walk(self, names: &'r Names, clock: Clock) -> (usize, Writer<'r>) {
        let (fields, limits) = (self.fields, self.limits);
        let writer = Writer::going_on(self.buffer, fields, names, limits, self.redaction, clock);
        (fields, writer)
    }
}

/// Writes a string as most are: short, ASCII, and without a secret in it. Gives whether it is one.
///
/// So short a string is kept whole even where nothing else fits any more.
#[inline]
pub(super) fn short_string(
    buffer: &mut Buffer<'_>,
    value: &Bound<'_, PyAny>,
    most: usize,
    redaction: Option<&Redaction>,
) -> bool {
    let Ok(text) = value.cast_exact::<PyString>() else {
        return false;
    };
    let Some(ascii) = short_ascii(text, most.min(SHORT)) else {
        return false;
    };
    let is_shown = ascii != REDACTED
        && redaction.is_none_or(|redaction| !redaction.names_types() && redaction.is_clean(ascii));
    if is_shown {
        buffer.string(ascii);
    }
    is_shown
}

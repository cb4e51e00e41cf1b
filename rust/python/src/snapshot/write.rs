//! Copies live objects into the packed form, within bounds and without running code of the application.

use hogtrace_core::vm::{Fault, FaultKind};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::budget::{Budget, Clock};
use super::buffer::{Buffer, Room};
use super::limits::Limits;
use super::mark::{CUT, CYCLE, LATE, SAME};
use super::packed::Names;
use super::plain::short_string;
use super::walk::{Met, Step, Walk};
use crate::access::{Family, Shape, kind_of, shape_of, type_name};
use crate::redact::{REDACTED, Redaction};

/// Makes one bounded copy: the values of named fields, each given as a scalar or as a live object.
pub(crate) struct Writer<'r> {
    pub(super) buffer: Buffer<'r>,
    pub(super) limits: &'r Limits,
    pub(super) redaction: Option<&'r Redaction>,
    pub(super) budget: Budget,
    pub(super) walk: Walk,
    /// How many exceptions the copy is inside of, one having come from the other.
    pub(super) chain: usize,
    names: &'r Names,
    /// How many fields were begun.
    fields: usize,
    secret: bool,
    /// In which field time ran out.
    late_in: Option<usize>,
}

/// A finished copy.
pub(crate) struct Finished<'w> {
    /// The values of the fields, in the order of their names.
    pub(crate) values: &'w [u8],
    /// The number of the field in which time ran out, if it did; it and later ones may be cut.
    pub(crate) late_in: Option<usize>,
    /// The time that the next copy of the same run has.
    pub(crate) clock: Clock,
}

impl<'r> Writer<'r> {
    /// Begins a copy of as many fields as there are names; without `redaction` nothing is redacted.
    pub(crate) fn new(
        room: &'r mut Room,
        names: &'r Names,
        limits: &'r Limits,
        redaction: Option<&'r Redaction>,
        clock: Clock,
    ) -> Self {
        let redaction = redaction.filter(|redaction| redaction.enabled());
        Self::going_on(Buffer::new(room), 0, names, limits, redaction, clock)
    }

    /// Goes on with a copy of which so many fields are written.
    pub(super) fn going_on(
        buffer: Buffer<'r>,
        fields: usize,
        names: &'r Names,
        limits: &'r Limits,
        redaction: Option<&'r Redaction>,
        clock: Clock,
    ) -> Self {
        Self {
            buffer,
            limits,
            redaction,
            budget: Budget::new(limits, fields, clock),
            walk: Walk::new(),
            chain: 0,
            names,
            fields,
            secret: false,
            late_in: None,
        }
    }

    /// Begins the next field; exactly one value follows. It becomes `[redacted]` if it is `secret`, unless nothing is
    /// redacted at all. The caller knows whether the field's own name is secret: it does not change from one copy to the
    /// next.
    pub(crate) fn field(&mut self, secret: bool) {
        self.fields += 1;
        self.secret = secret && self.redaction.is_some();
    }

    /// Whether the field's value may be shown; writes the substitute if not.
    fn shown(&mut self) -> bool {
        self.budget.value();
        if self.secret {
            self.secret = false;
            self.buffer.mark(REDACTED);
            return false;
        }
        true
    }

    /// The field is `None`.
    pub(crate) fn none(&mut self) {
        if self.shown() {
            self.buffer.none();
        }
    }

    /// The field is a boolean.
    pub(crate) fn boolean(&mut self, value: bool) {
        if self.shown() {
            self.buffer.boolean(value);
        }
    }

    /// The field is an integer.
    pub(crate) fn integer(&mut self, value: i64) {
        if self.shown() {
            self.buffer.integer(value);
        }
    }

    /// The field is a float.
    pub(crate) fn float(&mut self, value: f64) {
        if self.shown() {
            self.buffer.float(value);
        }
    }

    /// The field is a copy of that object.
    pub(crate) fn object(&mut self, value: &Bound<'_, PyAny>) {
        if self.shown() {
            let most = self.limits.characters;
            if self.budget.was_late()
                || !short_string(&mut self.buffer, value, most, self.redaction)
            {
                self.walked(value);
            }
        }
    }

    /// Copies a field's value that is no scalar.
    fn walked(&mut self, value: &Bound<'_, PyAny>) {
        self.walk.begin(self.fields - 1);
        self.value(value);
        if self.budget.was_late() {
            self.late_in.get_or_insert(self.fields - 1);
        }
    }

    /// The finished copy.
    ///
    /// # Errors
    /// When memory ran out.
    pub(crate) fn finish(&mut self) -> Result<Finished<'_>, Fault> {
        let (late_in, clock) = (self.late_in, self.budget.rest());
        match self.buffer.finish() {
            Some(values) => Ok(Finished {
                values,
                late_in,
                clock,
            }),
            None => Err(Fault::new(FaultKind::Limit, "out of memory")),
        }
    }

    /// Whether no more values may be written.
    pub(super) fn is_full(&mut self) -> bool {
        self.budget.is_full(self.buffer.len())
    }

    /// Whether a value of that name is secret.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        self.redaction
            .is_some_and(|redaction| redaction.is_secret(name))
    }

    /// Writes a value under a name that the copy shows at `name_at`, or what stands in its place.
    pub(super) fn named(&mut self, name: &str, name_at: usize, value: &Bound<'_, PyAny>) {
        if self.is_secret(name) {
            self.hidden();
        } else {
            self.reached(Step::Field(name_at), value);
        }
    }

    /// Writes what stands in place of a secret.
    pub(super) fn hidden(&mut self) {
        self.budget.value();
        self.buffer.mark(REDACTED);
    }

    /// Copies a part of the value that the copy is in.
    pub(super) fn reached(&mut self, step: Step, value: &Bound<'_, PyAny>) {
        self.budget.value();
        self.walk.step = step;
        self.value(value);
    }

    /// Copies any value.
    pub(super) fn value(&mut self, value: &Bound<'_, PyAny>) {
        let shape = shape_of(value);
        if self.redaction.is_some_and(Redaction::names_types) && self.is_secret_type(value) {
            return self.buffer.mark(REDACTED);
        }
        if !shape.is_exact() && self.special(value, &shape) {
            return;
        }
        match shape.family {
            Family::None => self.buffer.none(),
            Family::Bool => self.buffer.boolean(value.is(PyBool::new(value.py(), true))),
            Family::Int => self.int(value),
            Family::Float => self.buffer.float(value.extract().unwrap_or(f64::NAN)),
            Family::Str => self.text(value),
            Family::Bytes => self.bytes(value, "bytes"),
            Family::ByteArray => self.bytes(value, "bytearray"),
            Family::List
            | Family::Tuple
            | Family::Set
            | Family::FrozenSet
            | Family::Deque
            | Family::DictView => self.contents(value, &shape),
            Family::Dict => self.dict(value),
            Family::Fields => self.request_fields(value),
            _ => self.described(value, &shape),
        }
    }

    fn is_secret_type(&self, value: &Bound<'_, PyAny>) -> bool {
        let py = value.py();
        self.redaction.is_some_and(|redaction| {
            kind_of(value)
                .lineage()
                .any(|kind| redaction.is_secret_type(&type_name(py, kind)))
        })
    }

    /// Writes the mark of a cut alone.
    pub(super) fn cut(&mut self, what: &str) {
        let late = if self.budget.is_late() { LATE } else { "" };
        self.buffer.mark(&format!("{CUT} ({what}{late})"));
    }

    /// What the mark of a cut says of `count` things that there are.
    pub(super) fn counted(&mut self, count: usize, what: &str) -> String {
        let late = if self.budget.is_late() { LATE } else { "" };
        format!("{count} {what}{late}")
    }

    /// Does something inside a container or an object, unless it was met already or is too deep. What is `shared` gets a
    /// mark when it is met again.
    pub(super) fn inside(
        &mut self,
        value: &Bound<'_, PyAny>,
        shared: bool,
        what: impl FnOnce() -> String,
        inner: impl FnOnce(&mut Self),
    ) {
        let too_deep = self.walk.depth() >= self.limits.depth;
        self.entering(value, shared, true, too_deep, what, inner);
    }

    /// As `inside`; `deeper` says whether it counts for the depth, and `too_deep` that it is not entered.
    pub(super) fn entering(
        &mut self,
        value: &Bound<'_, PyAny>,
        shared: bool,
        deeper: bool,
        too_deep: bool,
        what: impl FnOnce() -> String,
        inner: impl FnOnce(&mut Self),
    ) {
        let address = value.as_ptr() as usize;
        match self.walk.meet(address, &self.buffer, self.names) {
            Met::Inside(place) => self.buffer.mark(&format!("{CYCLE} ({place})")),
            Met::Copied(place) => self.buffer.mark(&format!("{SAME} ({place})")),
            Met::New if too_deep => {
                self.walk.too_deep();
                self.cut(&what());
            }
            Met::New if self.is_full() => self.cut(&what()),
            Met::New => {
                if !self.walk.enter(address, shared, deeper) {
                    self.buffer.fail();
                    return self.buffer.none();
                }
                inner(self);
                self.walk.leave(deeper);
            }
        }
    }

    /// Writes an object: its type's name and the fields that `fields` gives, which says how many it wrote and how many
    /// there are.
    pub(super) fn fields(
        &mut self,
        value: &Bound<'_, PyAny>,
        shape: &Shape<'_>,
        type_name: &str,
        fields: impl FnOnce(&mut Self) -> (usize, usize),
    ) {
        let shared = shape.family != Family::Tuple;
        self.inside(
            value,
            shared,
            || type_name.to_owned(),
            |writer| writer.object_of(type_name, fields),
        );
    }

    /// The same, when the object has been entered.
    pub(super) fn object_of(
        &mut self,
        type_name: &str,
        fields: impl FnOnce(&mut Self) -> (usize, usize),
    ) {
        let open = self.buffer.open_object(type_name);
        let (mut written, total) = fields(self);
        if written < total {
            let mark = self.counted(total, "fields");
            self.buffer.string(CUT);
            self.buffer.string(&mark);
            written += 1;
        }
        self.buffer.close(open, written);
    }
}

//! Copies live objects into the packed form, within bounds and without running code of the application.

use hogtrace_core::vm::{Fault, FaultKind};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};

use super::buffer::{Buffer, Open};
use super::limits::Limits;
use super::objects::key_name;
use super::packed::{Packed, Tag};
use crate::access::{
    Family, Headers, Shape, base_length, bits, byte_head, entries, int_digits, iterate, kind_of,
    name_of, shape_of, stored_item, stored_length, string_head, string_size, surrogates_passed,
    type_name,
};
use crate::redact::{REDACTED, Redaction};

/// What begins every mark of a cut.
const CUT: &str = "…truncated";
/// What stands where a value contains itself.
const CYCLE: &str = "…cycle";
/// Of the bytes of a copy, so many are kept for the marks of what does not fit.
const RESERVE: usize = 4096;
/// Integers of more bits are not written out in digits.
const BITS: usize = 4096;
/// How many characters are searched for secrets for each one that is kept: a secret that the cut would split must be
/// seen whole.
const SEARCHED: usize = 2;

/// Makes one bounded copy: named fields, each given as a scalar or as a live object.
pub(crate) struct Writer<'r> {
    pub(super) buffer: Buffer,
    pub(super) limits: Limits,
    pub(super) redaction: Option<&'r Redaction>,
    record: Open,
    fields: usize,
    plain: bool,
    secret: bool,
    nodes: usize,
    /// The addresses of the containers that are being copied, the outermost first.
    path: Vec<usize>,
}

impl<'r> Writer<'r> {
    /// Begins a copy; without `redaction` nothing is redacted.
    pub(crate) fn new(limits: Limits, redaction: Option<&'r Redaction>) -> Self {
        let mut buffer = Buffer::with_room();
        let record = buffer.open(Tag::Record);
        let redaction = redaction.filter(|redaction| redaction.enabled());
        Self {
            buffer,
            limits,
            redaction,
            record,
            fields: 0,
            plain: true,
            secret: false,
            nodes: 0,
            path: Vec::new(),
        }
    }

    /// Begins a field; exactly one value follows. It becomes `[redacted]` if it is `secret`, unless nothing is redacted
    /// at all. The caller knows whether the field's own name is secret: it does not change from one copy to the next.
    pub(crate) fn field(&mut self, name: &str, secret: bool) {
        self.fields += 1;
        self.plain &= !name.starts_with('$');
        self.buffer.string(name);
        self.secret = secret && self.redaction.is_some();
    }

    /// Whether the field's value may be shown; writes the substitute if not.
    fn shown(&mut self) -> bool {
        self.nodes += 1;
        if self.secret {
            self.secret = false;
            self.buffer.string(REDACTED);
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
            self.value(value);
        }
    }

    /// The finished copy.
    ///
    /// # Errors
    /// When memory ran out.
    pub(crate) fn finish(mut self) -> Result<Packed, Fault> {
        self.buffer.close_dict(self.record, self.fields, self.plain);
        self.buffer
            .finish()
            .ok_or_else(|| Fault::new(FaultKind::Limit, "out of memory"))
    }

    /// Whether no more values may be written.
    pub(super) fn is_full(&self) -> bool {
        self.nodes >= self.limits.nodes || self.buffer.len() + RESERVE >= self.limits.bytes
    }

    /// Whether a value of that name is secret.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        self.redaction
            .is_some_and(|redaction| redaction.is_secret(name))
    }

    /// Writes a value under a name, or what stands in its place.
    pub(super) fn named(&mut self, name: &str, value: &Bound<'_, PyAny>) {
        self.nodes += 1;
        if self.is_secret(name) {
            self.buffer.string(REDACTED);
        } else {
            self.value(value);
        }
    }

    /// Copies any value.
    pub(super) fn value(&mut self, value: &Bound<'_, PyAny>) {
        let shape = shape_of(value);
        if self.redaction.is_some_and(Redaction::names_types) && self.is_secret_type(value) {
            return self.buffer.string(REDACTED);
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
            Family::List => self.sequence(value, Tag::List, "list"),
            Family::Tuple => self.sequence(value, Tag::Tuple, "tuple"),
            Family::Set => self.iterated(value, &shape, Tag::Set),
            Family::FrozenSet => self.iterated(value, &shape, Tag::FrozenSet),
            Family::Deque | Family::DictView => self.iterated(value, &shape, Tag::List),
            Family::Dict => self.dict(value),
            Family::Headers => self.headers(value),
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
        self.buffer.string(&format!("{CUT} ({what})"));
    }

    fn int(&mut self, value: &Bound<'_, PyAny>) {
        let bits = bits(value);
        // Of the numbers of 64 bits only the most negative one fits.
        if bits <= 64
            && let Ok(small) = value.extract::<i64>()
        {
            return self.buffer.integer(small);
        }
        if bits > BITS {
            return self.cut(&format!("integer of {bits} bits"));
        }
        match int_digits(value) {
            Some(digits) => self.buffer.big_integer(&digits),
            None => self.cut(&format!("integer of {bits} bits")),
        }
    }

    /// Copies the first characters of a string.
    pub(super) fn text(&mut self, value: &Bound<'_, PyAny>) {
        let Ok(text) = value.cast::<PyString>() else {
            return self.buffer.none();
        };
        let (length, _) = string_size(text);
        let limit = self.limits.characters;
        let seen = if self.redaction.is_some() {
            limit.saturating_mul(SEARCHED)
        } else {
            limit
        };
        let head = if length > seen {
            string_head(text, seen)
        } else {
            Some(text.clone())
        };
        let Some(head) = head else {
            return self.cut(&format!("{length} characters"));
        };
        match head.to_str() {
            Ok(utf8) => self.utf8(utf8, length),
            Err(_) => self.broken(&head, length),
        }
    }

    /// Writes the first characters of a string of `length` characters, of which `utf8` is all or the beginning.
    fn utf8(&mut self, utf8: &str, length: usize) {
        let scrubbed = match self.redaction {
            Some(redaction) => redaction.scrub(utf8),
            None => utf8.into(),
        };
        if length <= self.limits.characters {
            return self.buffer.string(&scrubbed);
        }
        let end = scrubbed
            .char_indices()
            .nth(self.limits.characters)
            .map_or(scrubbed.len(), |(index, _)| index);
        self.buffer
            .string(&format!("{}{CUT} ({length} characters)", &scrubbed[..end]));
    }

    /// Writes a string with lone surrogates.
    fn broken(&mut self, head: &Bound<'_, PyString>, length: usize) {
        let limit = self.limits.characters;
        let kept = if length > limit {
            string_head(head, limit)
        } else {
            Some(head.clone())
        };
        let Some(mut bytes) = kept.and_then(|kept| surrogates_passed(&kept)) else {
            return self.cut(&format!("{length} characters"));
        };
        if let Some(redaction) = self.redaction {
            let lossy = String::from_utf8_lossy(&bytes);
            let scrubbed = redaction.scrub(&lossy);
            if scrubbed != lossy {
                return self.buffer.string(&scrubbed);
            }
        }
        if length > limit {
            bytes.extend_from_slice(format!("{CUT} ({length} characters)").as_bytes());
        }
        self.buffer.surrogates(&bytes);
    }

    /// Writes bytes; where they are cut, as an object with a mark, since bytes cannot hold one.
    fn bytes(&mut self, value: &Bound<'_, PyAny>, type_name: &str) {
        let (head, length) = byte_head(value, self.limits.characters);
        if head.len() == length {
            return self.buffer.bytes(&head);
        }
        let open = self.buffer.open_object(type_name);
        self.buffer.string("$value");
        self.buffer.bytes(&head);
        self.buffer.string(CUT);
        self.buffer.string(&format!("{length} bytes"));
        self.buffer.close(open, 2);
    }

    /// Does something inside a container, unless it is inside itself or too deep.
    pub(super) fn inside(
        &mut self,
        value: &Bound<'_, PyAny>,
        what: impl Fn() -> String,
        inner: impl FnOnce(&mut Self),
    ) {
        let address = value.as_ptr() as usize;
        if self.path.contains(&address) {
            return self.buffer.string(CYCLE);
        }
        if self.path.len() >= self.limits.depth || self.is_full() {
            return self.cut(&what());
        }
        self.path.push(address);
        inner(self);
        self.path.pop();
    }

    fn sequence(&mut self, value: &Bound<'_, PyAny>, tag: Tag, name: &str) {
        let length = stored_length(value);
        let items = (0..length).map_while(|index| stored_item(value, index));
        self.items(value, (tag, name), length, items);
    }

    fn iterated(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>, tag: Tag) {
        let length = base_length(shape.base, value);
        let name = name_of(value);
        self.items(
            value,
            (tag, &name),
            length,
            iterate(shape.base, value).into_iter().flatten(),
        );
    }

    fn items<'py>(
        &mut self,
        value: &Bound<'py, PyAny>,
        (tag, name): (Tag, &str),
        length: usize,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
    ) {
        if length == 0 {
            let open = self.buffer.open(tag);
            return self.buffer.close(open, 0);
        }
        self.inside(
            value,
            || format!("{name} of {length} items"),
            |writer| {
                // Of a pair that has a secret's name the other one is the secret.
                let pair = length == 2 && matches!(tag, Tag::List | Tag::Tuple);
                let open = writer.buffer.open(tag);
                let mut count = 0;
                let mut secret = false;
                for item in items.take(writer.limits.items) {
                    if writer.is_full() {
                        break;
                    }
                    writer.nodes += 1;
                    if pair && count == 1 && secret {
                        writer.buffer.string(REDACTED);
                    } else {
                        writer.value(&item);
                    }
                    let named = matches!(shape_of(&item).family, Family::Str | Family::Bytes);
                    secret = pair && count == 0 && named && writer.is_secret_key(&item);
                    count += 1;
                }
                if count < length {
                    writer.cut(&format!("{length} items"));
                    count += 1;
                }
                writer.buffer.close(open, count);
            },
        );
    }

    /// Whether what stands under a key is secret.
    fn is_secret_key(&self, key: &Bound<'_, PyAny>) -> bool {
        self.redaction.is_some() && key_name(key).is_some_and(|name| self.is_secret(&name))
    }

    fn dict(&mut self, value: &Bound<'_, PyAny>) {
        let Ok(dict) = value.cast::<PyDict>() else {
            return self.buffer.none();
        };
        let length = dict.len();
        if length == 0 {
            let open = self.buffer.open(Tag::Record);
            return self.buffer.close(open, 0);
        }
        self.inside(
            value,
            || format!("dict of {length} items"),
            |writer| {
                let open = writer.buffer.open(Tag::Record);
                let mut plain = true;
                let mut count = 0;
                for (key, item) in entries(dict).take(writer.limits.items) {
                    if writer.is_full() {
                        break;
                    }
                    plain &= writer.key(&key);
                    writer.nodes += 1;
                    if writer.is_secret_key(&key) {
                        writer.buffer.string(REDACTED);
                    } else {
                        writer.value(&item);
                    }
                    count += 1;
                }
                let cut = count < length;
                if cut {
                    writer.buffer.string(CUT);
                    writer.buffer.string(&format!("{length} items"));
                }
                writer
                    .buffer
                    .close_dict(open, count + usize::from(cut), plain);
            },
        );
    }

    /// Writes a dict's key; gives whether JSON can have it as it is.
    fn key(&mut self, key: &Bound<'_, PyAny>) -> bool {
        let shape = shape_of(key);
        if shape.family == Family::Str && shape.is_exact() {
            self.text(key);
            return !key
                .cast::<PyString>()
                .is_ok_and(|key| key.to_string_lossy().starts_with('$'));
        }
        self.value(key);
        false
    }

    fn headers(&mut self, value: &Bound<'_, PyAny>) {
        let Ok(headers) = value.cast::<Headers>() else {
            return self.buffer.none();
        };
        let all = headers.get().all(value.py());
        let open = self.buffer.open(Tag::Record);
        let kept = all.len().min(self.limits.items);
        let mut written = 0;
        for (name, header) in all.iter().take(kept) {
            if self.is_full() {
                break;
            }
            self.buffer.string(name);
            self.named(name, header);
            written += 1;
        }
        let cut = written < all.len();
        if cut {
            self.buffer.string(CUT);
            self.buffer.string(&format!("{} items", all.len()));
        }
        self.buffer.close(open, written + usize::from(cut));
    }

    /// Writes an object: its type's name and the fields that `fields` gives.
    pub(super) fn fields(
        &mut self,
        value: &Bound<'_, PyAny>,
        type_name: &str,
        fields: impl FnOnce(&mut Self) -> (usize, usize),
    ) {
        self.inside(
            value,
            || type_name.to_owned(),
            |writer| {
                let open = writer.buffer.open_object(type_name);
                let (mut written, total) = fields(writer);
                if written < total {
                    writer.buffer.string(CUT);
                    writer.buffer.string(&format!("{total} fields"));
                    written += 1;
                }
                writer.buffer.close(open, written);
            },
        );
    }

    /// Writes a text that was made for the copy.
    pub(super) fn told_text(&mut self, text: &str) {
        self.utf8(text, text.chars().count());
    }

    /// Writes an object that is told by one text.
    pub(super) fn told(&mut self, type_name: &str, text: &str) {
        let open = self.buffer.open_object(type_name);
        self.buffer.string("$value");
        self.told_text(text);
        self.buffer.close(open, 1);
    }

    /// Writes an object of which only the type is told.
    pub(super) fn opaque(&mut self, type_name: &str) {
        let open = self.buffer.open_object(type_name);
        self.buffer.close(open, 0);
    }
}

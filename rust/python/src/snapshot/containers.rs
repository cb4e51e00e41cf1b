//! Copies of containers.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::mark::CUT;
use super::names::{is_plain_key, is_plain_name, key_name, short_text};
use super::packed::Tag;
use super::walk::Step;
use super::write::Writer;
use crate::access::{
    Family, Fields, Shape, base_length, entries, iterate, name_of, shape_of, stored_item,
    stored_length,
};
use crate::redact::Judged;

impl Writer<'_> {
    /// Copies what holds items in an order, or in none.
    pub(super) fn contents(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>) {
        let (tag, length) = measure(value, shape);
        if length == 0 {
            let open = self.buffer.open(tag);
            return self.buffer.close(open, 0);
        }
        let shared = !matches!(tag, Tag::Tuple | Tag::FrozenSet);
        self.inside(
            value,
            shared,
            || format!("{} of {length} items", name_of(value)),
            |writer| writer.items_of(value, shape),
        );
    }

    /// Writes the items of a container that has been entered.
    pub(super) fn items_of(&mut self, value: &Bound<'_, PyAny>, shape: &Shape<'_>) {
        let (tag, length) = measure(value, shape);
        if matches!(shape.family, Family::List | Family::Tuple) {
            let items = (0..length).map_while(|index| stored_item(value, index));
            self.items(tag, length, items);
        } else {
            let items = iterate(shape.base, value).into_iter().flatten();
            self.items(tag, length, items);
        }
    }

    fn items<'py>(
        &mut self,
        tag: Tag,
        length: usize,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
    ) {
        // Of a pair that has a secret's name the other one is the secret.
        let pair = length == 2 && matches!(tag, Tag::List | Tag::Tuple);
        let open = self.buffer.open(tag);
        let mut count = 0;
        let mut secret = false;
        for item in items.take(self.limits.items) {
            if self.is_full() {
                break;
            }
            if pair && count == 1 && secret {
                self.hidden();
            } else {
                self.reached(Step::Index(count), &item);
            }
            secret = pair && count == 0 && self.names_a_secret(&item);
            count += 1;
        }
        if count < length {
            let mark = self.counted(length, "items");
            self.buffer.mark(&format!("{CUT} ({mark})"));
            count += 1;
        }
        self.buffer.close(open, count);
    }

    /// Whether the first of a pair says that the second one is secret.
    pub(super) fn names_a_secret(&self, item: &Bound<'_, PyAny>) -> bool {
        matches!(shape_of(item).family, Family::Str | Family::Bytes) && self.is_secret_key(item)
    }

    /// Whether what stands under a key is secret.
    fn is_secret_key(&self, key: &Bound<'_, PyAny>) -> bool {
        self.redaction
            .is_some_and(|redaction| key_name(key).is_some_and(|name| redaction.is_secret(&name)))
    }

    pub(super) fn dict(&mut self, value: &Bound<'_, PyAny>) {
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
            true,
            || format!("{} of {length} items", name_of(value)),
            |writer| writer.entries_of(dict),
        );
    }

    /// Writes the entries of a dict that has been entered.
    pub(super) fn entries_of(&mut self, dict: &Bound<'_, PyDict>) {
        let length = dict.len();
        let open = self.buffer.open(Tag::Record);
        let mut plain = true;
        let mut count = 0;
        for (key, item) in entries(dict).take(self.limits.items) {
            if self.is_full() {
                break;
            }
            let key_at = self.buffer.len();
            let key = self.key(&key);
            plain &= key.plain;
            if key.secret {
                self.hidden();
            } else {
                self.reached(Step::Key(key_at), &item);
            }
            count += 1;
        }
        if count < length {
            self.cut_entries(length);
            count += 1;
        }
        self.buffer.close_dict(open, count, plain);
    }

    /// Writes the entry of a dict that says how many there are.
    fn cut_entries(&mut self, length: usize) {
        let mark = self.counted(length, "items");
        self.buffer.mark(CUT);
        self.buffer.string(&mark);
    }

    /// Writes a dict's key.
    fn key(&mut self, key: &Bound<'_, PyAny>) -> Key {
        let Ok(text) = key.cast_exact::<PyString>() else {
            self.budget.value();
            self.value(key);
            return Key {
                plain: false,
                secret: self.is_secret_key(key),
            };
        };
        // By far the most keys are short strings.
        if let Some(short) = short_text(text)
            && short.len() <= self.limits.characters
        {
            let judged = match self.redaction {
                Some(redaction) => redaction.judge(&short),
                None => Judged {
                    secret: false,
                    clean: true,
                },
            };
            if judged.clean {
                self.buffer.string(&short);
            } else {
                self.text(key);
            }
            return Key {
                plain: is_plain_name(&short),
                secret: judged.secret,
            };
        }
        self.text(key);
        Key {
            plain: is_plain_key(text),
            secret: self.is_secret_key(key),
        }
    }

    pub(super) fn request_fields(&mut self, value: &Bound<'_, PyAny>) {
        let Ok(headers) = value.cast::<Fields>() else {
            return self.buffer.none();
        };
        let all = headers.get().all(value.py());
        let open = self.buffer.open(Tag::Record);
        let kept = all.len().min(self.limits.items);
        let mut plain = true;
        let mut written = 0;
        for (name, header) in all.iter().take(kept) {
            if self.is_full() {
                break;
            }
            let name_at = self.buffer.len();
            plain &= is_plain_name(name);
            self.told_text(name);
            self.named(name, name_at, header);
            written += 1;
        }
        if written < all.len() {
            self.cut_entries(all.len());
            written += 1;
        }
        self.buffer.close_dict(open, written, plain);
    }
}

/// What a dict's key says.
struct Key {
    /// Whether JSON can have it as it is.
    plain: bool,
    /// Whether what stands under it is secret.
    secret: bool,
}

/// How a container is written, and how many items it has.
fn measure(value: &Bound<'_, PyAny>, shape: &Shape<'_>) -> (Tag, usize) {
    match shape.family {
        Family::List => (Tag::List, stored_length(value)),
        Family::Tuple => (Tag::Tuple, stored_length(value)),
        Family::Set => (Tag::Set, base_length(shape.base, value)),
        Family::FrozenSet => (Tag::FrozenSet, base_length(shape.base, value)),
        _ => (Tag::List, base_length(shape.base, value)),
    }
}

//! Copies of strings, byte strings and integers.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::mark::{CUT, LATE, is_mark};
use super::plain::SHORT;
use super::write::Writer;
use crate::access::{
    bits, byte_head, int_digits, string_head, string_size, surrogates_passed, utf8_of,
};
use crate::redact::REDACTED;

/// Integers of more bits are not written out in digits.
const BITS: usize = 4096;
/// How many characters are searched for secrets for each one that is kept: a secret that the cut would split must be
/// seen whole.
const SEARCHED: usize = 2;

impl Writer<'_> {
    pub(super) fn int(&mut self, value: &Bound<'_, PyAny>) {
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
        self.budget.bytes(BITS);
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
        let limit = self.most_characters();
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
        match utf8_of(&head) {
            Some(utf8) if is_mark(value) => self.buffer.mark(&utf8),
            Some(utf8) => self.utf8(&utf8, length, limit),
            None => self.broken(&head, length, limit),
        }
    }

    /// How many characters of a string are kept.
    fn most_characters(&mut self) -> usize {
        if self.is_full() {
            self.limits.characters.min(SHORT)
        } else {
            self.limits.characters
        }
    }

    /// Writes the first `limit` characters of a string of `length` characters, of which `utf8` is all or the beginning.
    fn utf8(&mut self, utf8: &str, length: usize, limit: usize) {
        self.budget.bytes(utf8.len());
        let scrubbed = match self.redaction {
            Some(redaction) => redaction.scrub(utf8),
            None => utf8.into(),
        };
        if length <= limit && scrubbed.len() <= self.room() {
            if &*scrubbed == REDACTED {
                return self.buffer.mark(REDACTED);
            }
            return self.buffer.string(&scrubbed);
        }
        let end = scrubbed
            .char_indices()
            .nth(limit)
            .map_or(scrubbed.len(), |(index, _)| index);
        let mut end = end.min(self.room());
        while !scrubbed.is_char_boundary(end) {
            end -= 1;
        }
        let late = if self.budget.is_late() { LATE } else { "" };
        self.buffer.mark(&format!(
            "{}{CUT} ({length} characters{late})",
            &scrubbed[..end]
        ));
    }

    /// How many bytes of a string fit.
    fn room(&self) -> usize {
        self.budget.room(self.buffer.len()).max(SHORT)
    }

    /// Writes a string with lone surrogates.
    fn broken(&mut self, head: &Bound<'_, PyString>, length: usize, limit: usize) {
        let limit = limit.min(self.room() / 4);
        let kept = if length > limit {
            string_head(head, limit)
        } else {
            Some(head.clone())
        };
        let Some(mut bytes) = kept.and_then(|kept| surrogates_passed(&kept)) else {
            return self.cut(&format!("{length} characters"));
        };
        self.budget.bytes(bytes.len());
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
    pub(super) fn bytes(&mut self, value: &Bound<'_, PyAny>, type_name: &str) {
        let most = self.most_characters().min(self.room());
        let (head, length) = byte_head(value, most);
        self.some_bytes(&head, length, type_name);
    }

    /// Writes the first bytes of `length`.
    pub(super) fn some_bytes(&mut self, head: &[u8], length: usize, type_name: &str) {
        self.budget.bytes(head.len());
        if head.len() == length {
            return self.buffer.bytes_value(head);
        }
        let mark = self.counted(length, "bytes");
        let open = self.buffer.open_object(type_name);
        self.buffer.string("$value");
        self.buffer.bytes_value(head);
        self.buffer.string(CUT);
        self.buffer.string(&mark);
        self.buffer.close(open, 2);
    }

    /// Writes a text that was made for the copy.
    pub(super) fn told_text(&mut self, text: &str) {
        let limit = self.most_characters();
        self.utf8(text, text.chars().count(), limit);
    }

    /// Writes an object that is told by one text.
    pub(super) fn told(&mut self, type_name: &str, text: &str) {
        let open = self.buffer.open_object(type_name);
        self.buffer.string("$value");
        self.told_text(text);
        self.buffer.close(open, 1);
    }

    /// Writes an object of which only the type is told, and why.
    pub(super) fn unread(&mut self, type_name: &str, why: &str) {
        let open = self.buffer.open_object(type_name);
        self.buffer.string("$unread");
        self.buffer.string(why);
        self.buffer.close(open, 1);
    }
}

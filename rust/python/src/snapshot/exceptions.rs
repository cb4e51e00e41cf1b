//! Copies of exceptions: message, arguments, fields, what they came from, and where they were raised.

use pyo3::intern;
use pyo3::prelude::*;

use super::mark::CUT;
use super::packed::Tag;
use super::walk::Step;
use super::write::Writer;
use crate::access::{
    Family, Origin, exception_arguments, exception_text, frames, instance_dict, kind_of, name_of,
    named, origin, shape_of, stored, stored_item, stored_length,
};
use crate::redact::Redaction;

/// How many exceptions that came from one another are shown, the first included.
const CHAIN: usize = 8;
/// How many frames of a traceback are shown.
const FRAMES: usize = 16;
/// Characters of the message of an exception that is too deep to be shown.
const BRIEF: usize = 200;

impl Writer<'_> {
    pub(super) fn exception(&mut self, value: &Bound<'_, PyAny>, class: &str) {
        let too_deep = self.walk.depth() >= self.limits.depth;
        self.raised(value, class, true, too_deep);
    }

    /// `deeper` says whether it counts for the depth: what an exception came from stands beside it rather than in it.
    fn raised(&mut self, value: &Bound<'_, PyAny>, class: &str, deeper: bool, too_deep: bool) {
        let redaction = self.redaction;
        self.entering(
            value,
            true,
            deeper,
            too_deep,
            || brief(value, class, redaction),
            |writer| {
                writer.object_of(class, |writer| {
                    let mut count = writer.message(value);
                    let (written, total) = writer.stored_fields(value);
                    count += writer.carried(value);
                    (count + written, count + total)
                });
            },
        );
    }

    /// Writes the message and the arguments; gives how many fields that were.
    fn message(&mut self, value: &Bound<'_, PyAny>) -> usize {
        let py = value.py();
        let mut count = 0;
        if let Some(message) = exception_text(value) {
            self.buffer.string("$message");
            self.told_text(&message);
            count += 1;
        } else if let Some(message) = stored_message(value) {
            self.buffer.string("$message");
            self.text(&message);
            count += 1;
        }
        // Those of a group are its message and its exceptions.
        if let Some(group) = stored(value, "exceptions")
            .filter(|group| shape_of(group).family == Family::Tuple && is_group(value))
        {
            self.beside("$exceptions", &group);
            return count + 1;
        }
        if let Some(arguments) = exception_arguments(value) {
            self.beside("$args", &arguments);
            count += 1;
        }
        if let Some(notes) =
            instance_dict(value).and_then(|dict| named(&dict, intern!(py, "__notes__")))
        {
            let at = self.buffer.len();
            self.buffer.string("$notes");
            self.reached(Step::Field(at), &notes);
            count += 1;
        }
        count
    }

    /// Writes a tuple of the exception's own, whose items are no deeper than its fields.
    fn beside(&mut self, name: &str, items: &Bound<'_, PyAny>) {
        let at = self.buffer.len();
        self.buffer.string(name);
        self.budget.value();
        self.walk.step = Step::Field(at);
        let shape = shape_of(items);
        self.entering(
            items,
            false,
            false,
            false,
            || format!("tuple of {} items", stored_length(items)),
            |writer| writer.items_of(items, &shape),
        );
    }

    /// Writes what an exception came from and where it was raised; gives how many fields that were.
    fn carried(&mut self, value: &Bound<'_, PyAny>) -> usize {
        let mut count = 0;
        let (name, from) = match origin(value) {
            Some(Origin::Cause(cause)) => ("$cause", Some(cause)),
            Some(Origin::Context(context)) => ("$context", Some(context)),
            None => ("", None),
        };
        if let Some(from) = from {
            let at = self.buffer.len();
            self.buffer.string(name);
            self.budget.value();
            self.walk.step = Step::Field(at);
            self.chain += 1;
            let too_deep = self.chain >= CHAIN;
            let class = name_of(&from);
            self.raised(&from, &class, false, too_deep);
            self.chain -= 1;
            count += 1;
        }
        let budget = &mut self.budget;
        let frames = frames(value, FRAMES, || {
            budget.bytes(1 << 14);
            !budget.is_late()
        });
        if frames.total == 0 {
            return count;
        }
        self.buffer.string("$traceback");
        let open = self.buffer.open(Tag::List);
        let mut written = 0;
        for frame in &frames.innermost {
            // Where it was raised is told in any case.
            if written > 0 && self.is_full() {
                break;
            }
            self.budget.value();
            self.told_text(frame);
            written += 1;
        }
        if written < frames.total {
            let mark = self.counted(frames.total, "frames");
            self.buffer.mark(&format!("{CUT} ({mark})"));
            written += 1;
        }
        self.buffer.close(open, written);
        count + 1
    }
}

/// A string that is the message as far as one can tell without asking the exception: what a syntax error or a group
/// of exceptions says, or the one argument.
fn stored_message<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let is_text = |text: &Bound<'py, PyAny>| shape_of(text).family == Family::Str;
    let of_c = |name: &str| stored(value, name).filter(is_text);
    if is_group(value) {
        return of_c("message");
    }
    let arguments = exception_arguments(value)?;
    if stored_length(&arguments) == 1 {
        return stored_item(&arguments, 0).filter(is_text);
    }
    of_c("msg")
}

/// Type and message of an exception, for the mark where it is cut.
fn brief(value: &Bound<'_, PyAny>, class: &str, redaction: Option<&Redaction>) -> String {
    let Some(message) = exception_text(value) else {
        return class.to_owned();
    };
    let end = message
        .char_indices()
        .nth(BRIEF)
        .map_or(message.len(), |(end, _)| end);
    let shown = redaction.map_or_else(
        || message[..end].into(),
        |redaction| redaction.scrub(&message[..end]),
    );
    let words: Vec<_> = shown.split_whitespace().collect();
    if words.is_empty() {
        class.to_owned()
    } else {
        format!("{class}: {}", words.join(" "))
    }
}

/// Whether an exception is a group of others.
fn is_group(exception: &Bound<'_, PyAny>) -> bool {
    kind_of(exception)
        .lineage()
        .any(|kind| kind.is_native() && kind.c_name() == c"BaseExceptionGroup")
}

//! How much one operation may touch, and all operations of one run together.

use std::cell::Cell;

use hogtrace_core::vm::{Fault, FaultKind};
use pyo3::prelude::*;

use super::part::{bits, byte_length};
use super::refusal::{Safe, Stop};
use super::shape::{Family, shape_of};
use super::storage::stored_length;

/// Elements of containers that one operation touches.
pub(super) const ELEMENTS: usize = 10_000;
/// Bytes of strings that one operation touches, and that it builds.
pub(super) const BYTES: usize = 65_536;
/// Items of a sequence that one operation builds: as many as fit into the same bytes.
pub(super) const ITEMS: usize = BYTES / size_of::<usize>();
/// Bits of an integer that one operation takes or builds.
pub(super) const BITS: usize = 4096;
/// Elements that all operations of one run touch.
pub(super) const RUN: usize = 50_000;
/// So many bytes of a string are as much work as one element.
const BYTES_PER_ELEMENT: usize = 64;
/// How deep an operation follows containers in containers; the application's own stack carries it.
const DEPTH: usize = 32;

/// Bytes of one string, or of one integer, that count for nothing beside the element that it is.
const SMALL: usize = 64;

thread_local! {
    /// What the run of this thread may still touch.
    static LEFT: Cell<usize> = const { Cell::new(RUN) };
}

/// Begins a run of a probe.
pub(crate) fn begin_run() {
    LEFT.set(RUN);
}

fn spent() -> Fault {
    Fault::new(
        FaultKind::Limit,
        format!(
            "one run touches at most {RUN} elements, of which {BYTES_PER_ELEMENT} bytes count as one"
        ),
    )
}

/// Touches so many elements.
fn spend<'py>(elements: usize) -> Safe<'py, ()> {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(elements));
    if elements > left {
        return Err(Stop::Fault(spent()));
    }
    Ok(())
}

/// Does an operation that makes something, unless the run has done too much. What it takes and makes counts by its size.
pub(super) fn making<'py>(
    operands: &[&Bound<'py, PyAny>],
    operation: impl FnOnce() -> Result<Bound<'py, PyAny>, Fault>,
) -> Result<Bound<'py, PyAny>, Fault> {
    let left = LEFT.get();
    if left == 0 {
        return Err(spent());
    }
    let taken: usize = operands.iter().map(|operand| digits(operand)).sum();
    let made = operation();
    let cost = match &made {
        Ok(value) => digits(value) + size(value) / BYTES_PER_ELEMENT,
        Err(_) => 0,
    };
    LEFT.set(LEFT.get().saturating_sub(taken + cost));
    made
}

/// How often a text counts that is searched: the worst case takes so much longer than a look at each byte.
pub(super) const SEARCH: usize = 8;
/// The same for a pattern.
pub(super) const MATCH: usize = 32;

/// Searches a text of so many bytes.
pub(super) fn search<'py>(bytes: usize, times: usize) -> Safe<'py, ()> {
    spend(bytes / BYTES_PER_ELEMENT * times)
}

/// Makes an integer of a text, which takes the square of its length; longer ones than `most` are refused unread.
pub(super) fn parse(arguments: &[Bound<'_, PyAny>], most: usize) -> Result<(), Fault> {
    let length = arguments.first().map_or(0, byte_length).min(most);
    let elements = (length / BYTES_PER_ELEMENT).pow(2) / 2;
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(elements));
    if elements > left {
        Err(spent())
    } else {
        Ok(())
    }
}

/// What an integer counts: to divide it or to write it out takes the square of its length.
fn digits(value: &Bound<'_, PyAny>) -> usize {
    const BITS_PER_DIGIT: usize = 64;
    match shape_of(value).family {
        Family::Int => (bits(value).min(2 * BITS) / BITS_PER_DIGIT).pow(2) / 8,
        _ => 0,
    }
}

/// About how many bytes a value of a built-in type takes.
fn size(value: &Bound<'_, PyAny>) -> usize {
    match shape_of(value).family {
        Family::Str | Family::Bytes | Family::ByteArray => byte_length(value),
        Family::List | Family::Tuple => stored_length(value).saturating_mul(size_of::<usize>()),
        _ => 0,
    }
}

/// What one operation may still touch.
pub(super) struct Work {
    elements: usize,
    bytes: usize,
    depth: usize,
}

impl Work {
    /// All of it.
    pub(super) const fn new() -> Self {
        Self {
            elements: ELEMENTS,
            bytes: BYTES,
            depth: DEPTH,
        }
    }

    /// Touches one element.
    pub(super) fn touch<'py>(&mut self) -> Safe<'py, ()> {
        spend(1)?;
        self.elements = self.elements.checked_sub(1).ok_or_else(|| {
            Stop::fault(
                FaultKind::Limit,
                format!("one operation touches at most {ELEMENTS} elements"),
            )
        })?;
        Ok(())
    }

    /// Touches `length` bytes of `object`.
    pub(super) fn bytes<'py>(
        &mut self,
        object: &Bound<'py, PyAny>,
        length: usize,
    ) -> Safe<'py, ()> {
        if length <= SMALL {
            return Ok(());
        }
        spend(length / BYTES_PER_ELEMENT)?;
        self.bytes = self
            .bytes
            .checked_sub(length)
            .ok_or_else(|| too_long(object, length))?;
        Ok(())
    }

    /// Does something inside a container.
    pub(super) fn inside<'py, T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Safe<'py, T>,
    ) -> Safe<'py, T> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| {
            Stop::fault(
                FaultKind::Limit,
                format!("one operation follows containers at most {DEPTH} deep"),
            )
        })?;
        let outcome = inner(self);
        self.depth += 1;
        outcome
    }
}

/// Refuses to touch `length` bytes of `object` if that is too many.
pub(super) fn check_bytes<'py>(object: &Bound<'py, PyAny>, length: usize) -> Safe<'py, ()> {
    if length <= BYTES {
        return spend(length / BYTES_PER_ELEMENT);
    }
    Err(too_long(object, length))
}

#[cold]
fn too_long<'py>(object: &Bound<'py, PyAny>, length: usize) -> Stop<'py> {
    let name = super::names::name_of(object);
    Stop::fault(
        FaultKind::Limit,
        format!("a {name} of {length} bytes; one operation takes at most {BYTES} in all"),
    )
}

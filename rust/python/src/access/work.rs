//! How much one operation may touch.

use hogtrace_core::vm::FaultKind;
use pyo3::prelude::*;

use super::refusal::{Safe, Stop};

/// Elements of containers that one operation touches.
pub(super) const ELEMENTS: usize = 10_000;
/// Bytes of strings that one operation touches, and that it builds.
pub(super) const BYTES: usize = 65_536;
/// Items of a sequence that one operation builds: as many as fit into the same bytes.
pub(super) const ITEMS: usize = BYTES / size_of::<usize>();
/// Bits of an integer that one operation takes or builds.
pub(super) const BITS: usize = 4096;
/// How deep an operation follows containers in containers; the application's own stack carries it.
const DEPTH: usize = 32;

/// Bytes of one string, or of one integer, that count for nothing beside the element that it is.
const SMALL: usize = 64;

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
        return Ok(());
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

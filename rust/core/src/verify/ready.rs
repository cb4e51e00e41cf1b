//! A probe in the form that the machine runs.
//!
//! Markers (`Statement`, `Field`, `FieldEnd`) are taken out of the instructions and kept as tables that only a fault
//! reads, so that a run without faults pays nothing for them. Jump targets are indices of instructions.

use std::sync::Arc;

use super::flow::{Flow, Store};
use super::glance::Glance;
use super::patterns::Patterns;
use crate::bytecode::{Op, Position};
use crate::pattern::Pattern;

/// A probe that is ready to run.
#[derive(Clone, Debug)]
pub struct VerifiedProbe {
    pub(super) sample: Option<f64>,
    pub(super) predicate: Option<Ready>,
    pub(super) glance: Option<Glance>,
    pub(super) body: Ready,
    pub(super) flows: Vec<Vec<Flow>>,
    pub(super) stores: Box<[Store]>,
    pub(super) uses_call_scope: bool,
    pub(super) uses_request_scope: bool,
}

impl VerifiedProbe {
    /// In which share of requests it fires, above 0 and up to 1; `None` if in all.
    #[must_use]
    pub const fn sample(&self) -> Option<f64> {
        self.sample
    }

    /// Whether it has a predicate; without one it fires at each call, of those that are sampled.
    #[must_use]
    pub const fn has_predicate(&self) -> bool {
        self.predicate.is_some()
    }

    /// Its predicate for [`crate::vm::glance`]; `None` if there is none, if scalars alone never settle it, and for a
    /// probe with a sampling rate, which comes first.
    #[must_use]
    pub const fn glance(&self) -> Option<&Glance> {
        self.glance.as_ref()
    }

    /// What each field of each capture was read through, in the order of [`crate::bytecode::Probe::captures`].
    #[must_use]
    pub fn flows(&self) -> &[Vec<Flow>] {
        &self.flows
    }

    /// The variables that it sets, each once, and what their values were read through.
    #[must_use]
    pub fn stores(&self) -> &[Store] {
        &self.stores
    }

    /// Whether it reads or sets a `$call` variable.
    #[must_use]
    pub const fn uses_call_scope(&self) -> bool {
        self.uses_call_scope
    }

    /// Whether it reads or sets a `$req` variable.
    #[must_use]
    pub const fn uses_request_scope(&self) -> bool {
        self.uses_request_scope
    }

    /// The number of a capture and the inputs that it captures, in the order of its fields, if that is all that the body
    /// does.
    #[must_use]
    pub fn captures_inputs(&self) -> Option<(u16, Vec<u16>)> {
        let [inputs @ .., Op::Capture(index, count), Op::End] = &*self.body.ops else {
            return None;
        };
        let slots: Vec<_> = inputs
            .iter()
            .map_while(|op| match op {
                Op::Input(slot) => Some(*slot),
                _ => None,
            })
            .collect();
        (slots.len() == inputs.len() && slots.len() == usize::from(*count))
            .then_some((*index, slots))
    }

    pub(crate) const fn predicate(&self) -> Option<&Ready> {
        self.predicate.as_ref()
    }

    pub(crate) const fn body(&self) -> &Ready {
        &self.body
    }
}

/// What the machine does after a fault in a run of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// The first instruction of the run.
    pub(crate) start: u16,
    /// The instruction behind the last one; there the machine goes on.
    pub(crate) end: u16,
    /// How many values stay on the stack.
    pub(crate) depth: u8,
    /// The number of the captured field that becomes `None`, if it is a field's guard.
    pub(crate) field: Option<u8>,
}

/// Verified instructions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready {
    /// The instructions, without markers.
    pub(crate) ops: Box<[Op]>,
    /// The guards of fields, in order; none overlaps another.
    fields: Box<[Guard]>,
    /// The guards of statements, in order; none overlaps another.
    statements: Box<[Guard]>,
    /// The line and column of the instructions from each index on.
    places: Box<[(u16, u32, u32)]>,
    /// The patterns that `Op::Matches` numbers.
    pub(crate) patterns: Box<[Arc<Pattern>]>,
}

impl Ready {
    /// Takes the markers out of `ops`, which are checked, with their byte offsets, and puts the compiled ones of
    /// `compiled` in the place of constants that are patterns.
    pub(super) fn new(
        ops: &[(u16, Op)],
        depths: &[u8],
        positions: &[Position],
        compiled: &Patterns,
    ) -> Self {
        let mut plain = Vec::with_capacity(ops.len());
        // How many instructions that are kept begin before each one.
        let mut indices = Vec::with_capacity(ops.len());
        let mut kept: u16 = 0;
        for &(_, op) in ops {
            indices.push(kept);
            kept += u16::from(!is_marker(op));
        }
        let index_of = |offset: u16| match ops.binary_search_by_key(&offset, |&(offset, _)| offset)
        {
            Ok(instruction) => indices[instruction],
            Err(_) => kept,
        };
        let (mut fields, mut statements) = (Vec::new(), Vec::new());
        let mut patterns: Vec<Arc<Pattern>> = Vec::new();
        for (instruction, &(_, op)) in ops.iter().enumerate() {
            let guard = |end: u16, field| Guard {
                start: indices[instruction],
                end: index_of(end),
                depth: depths[instruction],
                field,
            };
            match op {
                Op::Field(end) => fields.push(guard(end, Some(depths[instruction]))),
                Op::Statement(end) => statements.push(guard(end, None)),
                Op::FieldEnd => {}
                Op::Matches(constant) => {
                    plain.push(Op::Matches(compiled.number(constant, &mut patterns)));
                }
                op => plain.push(
                    op.jump_target()
                        .map_or(op, |target| op.with_target(index_of(target))),
                ),
            }
        }
        let places = positions
            .iter()
            .map(|position| (index_of(position.offset), position.line, position.column))
            .collect();
        Self {
            ops: plain.into(),
            fields: fields.into(),
            statements: statements.into(),
            places,
            patterns: patterns.into(),
        }
    }

    /// The innermost guard around an instruction.
    pub(crate) fn guard(&self, instruction: usize) -> Option<Guard> {
        let find = |guards: &[Guard]| {
            let behind = guards.partition_point(|guard| usize::from(guard.start) <= instruction);
            let guard = *guards.get(behind.checked_sub(1)?)?;
            (instruction < usize::from(guard.end)).then_some(guard)
        };
        find(&self.fields).or_else(|| find(&self.statements))
    }

    /// The line and column of an instruction.
    pub(crate) fn position(&self, instruction: usize) -> Option<(u32, u32)> {
        let behind = self
            .places
            .partition_point(|&(start, ..)| usize::from(start) <= instruction);
        let &(_, line, column) = self.places.get(behind.checked_sub(1)?)?;
        Some((line, column))
    }
}

const fn is_marker(op: Op) -> bool {
    matches!(op, Op::Statement(_) | Op::Field(_) | Op::FieldEnd)
}

//! A section of code while it is made: instructions, labels, depth of the stack, positions.

use crate::bytecode::{Code, Op, Position};
use crate::limits;
use crate::span::LineIndex;

/// A place in the section that is jumped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What is known of a label.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The instruction that it stands before.
    instruction: usize,
    /// The depth of the stack there, once something jumps to it.
    depth: Option<usize>,
}

/// The code of a predicate or a body.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    ops: Vec<Op>,
    /// The label of each jump, by instruction.
    jumps: Vec<(usize, Label)>,
    labels: Vec<Place>,
    /// The byte of the source that instructions stand at, from each instruction named on.
    places: Vec<(usize, u32)>,
    depth: usize,
    greatest_depth: usize,
}

impl Section {
    /// The number of instructions, as far as they were kept.
    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    /// Appends an instruction. Once over the limit of a probe nothing more is kept.
    pub(super) fn push(&mut self, op: Op) {
        if self.ops.len() <= limits::INSTRUCTIONS {
            self.ops.push(op);
        }
        let effect = op.effect();
        self.depth =
            self.depth.saturating_sub(usize::from(effect.pops)) + usize::from(effect.pushes);
        self.greatest_depth = self.greatest_depth.max(self.depth);
    }

    /// Appends an instruction that can fail, and the byte of the source that a fault of it names.
    pub(super) fn push_at(&mut self, op: Op, at: u32) {
        if self.places.last().is_none_or(|&(_, last)| last != at) {
            self.places.push((self.ops.len(), at));
        }
        self.push(op);
    }

    /// A new label, still to be placed.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(Place::default());
        Label(self.labels.len() - 1)
    }

    /// Appends a jump, or a guard, to `label`.
    pub(super) fn jump(&mut self, op: Op, label: Label) {
        self.jumps.push((self.ops.len(), label));
        self.push(op);
        if op.jump_target().is_some() {
            let depth = self.depth + usize::from(op.effect().pushes_at_target);
            self.labels[label.0].depth = Some(depth);
        }
    }

    /// Puts `label` before the next instruction.
    pub(super) fn place(&mut self, label: Label) {
        let place = &mut self.labels[label.0];
        place.instruction = self.ops.len();
        // Behind a jump the label is the only way here.
        if let Some(depth) = place.depth {
            self.depth = depth;
        }
    }

    /// The greatest depth of the stack since the last call.
    pub(super) fn take_depth(&mut self) -> usize {
        std::mem::replace(&mut self.greatest_depth, self.depth)
    }

    /// Encodes the instructions.
    pub(super) fn finish(mut self, lines: &LineIndex<'_>) -> Code {
        let mut offsets = Vec::with_capacity(self.ops.len() + 1);
        let mut bytes = Vec::new();
        for op in &self.ops {
            offsets.push(offset(bytes.len()));
            op.encode(&mut bytes);
        }
        offsets.push(offset(bytes.len()));
        let at = |instruction: usize| offsets.get(instruction).copied().unwrap_or(u16::MAX);
        for &(instruction, label) in &self.jumps {
            if let Some(op) = self.ops.get_mut(instruction) {
                *op = op.with_target(at(self.labels[label.0].instruction));
            }
        }
        bytes.clear();
        for op in &self.ops {
            op.encode(&mut bytes);
        }
        let positions = self
            .places
            .iter()
            .map(|&(instruction, place)| {
                let (line, column) = lines.position(place);
                Position {
                    offset: at(instruction),
                    line,
                    column,
                }
            })
            .collect();
        Code { bytes, positions }
    }
}

/// A byte offset; a section within the limit of instructions has none beyond two bytes.
fn offset(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

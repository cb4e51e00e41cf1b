//! A predicate in the form in which it is looked at first: what needs nothing but scalars.
//!
//! Most runs end in a predicate that gives `False`, and most predicates compare a few numbers. Those are settled without
//! a host; whatever else a predicate asks for is left to a full run, which alone tells faults. The steps stand at the
//! indices of the instructions that they are made of, so that jumps need no translation.

use crate::bytecode::{BinaryOp, CompareOp, Constant, Op, Singleton, UnaryOp};
use crate::value::Scalar;

/// A predicate, or as much of it as can be settled by scalars alone.
#[derive(Clone, Debug)]
pub struct Glance(Shape);

/// What a predicate looks like.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// One input compared with one constant: the commonest predicate by far.
    Comparison(u16, CompareOp, Scalar),
    /// Any other.
    Steps(Box<[Step]>),
}

/// One instruction, on scalars.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// An input.
    Input(u16),
    /// A constant.
    Constant(Scalar),
    /// Input, constant and comparison in one; the two steps behind it are skipped.
    Comparison(u16, CompareOp, Scalar),
    /// As the instructions of these names.
    Unary(UnaryOp),
    Binary(BinaryOp),
    Compare(CompareOp),
    Is(Singleton),
    Truth,
    Not,
    JumpIfFalseOrPop(u16),
    JumpIfTrueOrPop(u16),
    Jump(u16),
    Tuck,
    Nip,
    End,
    /// What only a full run can do.
    Beyond,
}

impl Glance {
    /// Reads a predicate; gives `None` where a look could never settle it.
    pub(super) fn new(ops: &[Op], constants: &[Constant]) -> Option<Self> {
        let mut steps: Vec<Step> = ops.iter().map(|&op| Step::new(op, constants)).collect();
        let beyond = steps.iter().position(|step| matches!(step, Step::Beyond));
        let branches = |step: &Step| {
            matches!(
                step,
                Step::JumpIfFalseOrPop(_) | Step::JumpIfTrueOrPop(_) | Step::Jump(_)
            )
        };
        if beyond.is_some_and(|beyond| !steps[..beyond].iter().any(branches)) {
            return None;
        }
        for at in 0..steps.len().saturating_sub(2) {
            if let [
                Step::Input(slot),
                Step::Constant(constant),
                Step::Compare(op),
            ] = steps[at..at + 3]
            {
                steps[at] = Step::Comparison(slot, op, constant);
            }
        }
        Some(Self(match steps[..] {
            [Step::Comparison(slot, op, constant), _, _, Step::End] => {
                Shape::Comparison(slot, op, constant)
            }
            _ => Shape::Steps(steps.into()),
        }))
    }

    /// What the predicate looks like.
    #[inline]
    pub(crate) const fn shape(&self) -> &Shape {
        &self.0
    }
}

impl Step {
    fn new(op: Op, constants: &[Constant]) -> Self {
        match op {
            Op::Constant(index) => match constants.get(usize::from(index)) {
                Some(Constant::None) => Self::Constant(Scalar::None),
                Some(Constant::Bool(value)) => Self::Constant(Scalar::Bool(*value)),
                Some(Constant::Int(value)) => Self::Constant(Scalar::Int(*value)),
                Some(Constant::Float(value)) => Self::Constant(Scalar::Float(*value)),
                _ => Self::Beyond,
            },
            Op::Input(slot) => Self::Input(slot),
            Op::Unary(op) => Self::Unary(op),
            Op::Binary(op) => Self::Binary(op),
            Op::Compare(op) => Self::Compare(op),
            Op::Is(singleton) => Self::Is(singleton),
            Op::Truth => Self::Truth,
            Op::Not => Self::Not,
            Op::JumpIfFalseOrPop(target) => Self::JumpIfFalseOrPop(target),
            Op::JumpIfTrueOrPop(target) => Self::JumpIfTrueOrPop(target),
            Op::Jump(target) => Self::Jump(target),
            Op::Tuck => Self::Tuck,
            Op::Nip => Self::Nip,
            Op::End => Self::End,
            Op::LoadVariable(..)
            | Op::StoreVariable(..)
            | Op::Attribute(_)
            | Op::Item
            | Op::Slice
            | Op::Call(..)
            | Op::Matches(_)
            | Op::Field(_)
            | Op::FieldEnd
            | Op::Capture(..)
            | Op::Statement(_) => Self::Beyond,
        }
    }
}

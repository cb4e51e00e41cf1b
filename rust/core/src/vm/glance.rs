//! A first look at a predicate, which settles most of those that do not pass without a host.

use arrayvec::ArrayVec;

use crate::bytecode::CompareOp;
use crate::limits;
use crate::value::{Scalar, Value, arithmetic, compare};
use crate::verify::{Glance, Shape, Step};

/// Says whether a predicate passes, as far as scalars alone can tell; `None` if only a full run can, which is also what
/// reports faults.
///
/// `input` gives an input that is a scalar, and `None` for any other. Nothing is allocated, and nothing but `input` is
/// called: what comes out is what [`super::run`] would find.
#[inline]
pub fn glance(predicate: &Glance, input: impl Fn(u16) -> Option<Scalar>) -> Option<bool> {
    match predicate.shape() {
        Shape::Comparison(slot, op, constant) => compared(*op, input(*slot)?, *constant),
        Shape::Steps(steps) => settle(steps, input),
    }
}

// Apart, so that the commonest shape does without this one's large frame.
#[inline(never)]
fn settle(steps: &[Step], input: impl Fn(u16) -> Option<Scalar>) -> Option<bool> {
    let mut stack: ArrayVec<Scalar, { limits::STACK }> = ArrayVec::new();
    let mut at = 0;
    loop {
        let mut next = at + 1;
        match *steps.get(at)? {
            Step::Input(slot) => stack.try_push(input(slot)?).ok()?,
            Step::Constant(value) => stack.try_push(value).ok()?,
            Step::Comparison(slot, op, constant) => {
                let result = compared(op, input(slot)?, constant)?;
                stack.try_push(Scalar::Bool(result)).ok()?;
                next = at + 3;
            }
            Step::Unary(op) => {
                let operand = stack.pop()?;
                let result = arithmetic::unary(op, operand).ok()??;
                stack.try_push(result).ok()?;
            }
            Step::Binary(op) => {
                let right = stack.pop()?;
                let left = stack.pop()?;
                let result = arithmetic::binary(op, left, right).ok()??;
                stack.try_push(result).ok()?;
            }
            Step::Compare(op) => {
                let right = stack.pop()?;
                let left = stack.pop()?;
                stack
                    .try_push(Scalar::Bool(compared(op, left, right)?))
                    .ok()?;
            }
            Step::Is(singleton) => {
                let top = stack.last_mut()?;
                *top = Scalar::Bool(Value::<()>::from(*top).is(singleton));
            }
            Step::Truth => {
                let top = stack.last_mut()?;
                *top = Scalar::Bool(top.truth());
            }
            Step::Not => {
                let top = stack.last_mut()?;
                *top = Scalar::Bool(!top.truth());
            }
            Step::JumpIfFalseOrPop(target) => {
                if stack.last()?.truth() {
                    stack.pop();
                } else {
                    next = usize::from(target);
                }
            }
            Step::JumpIfTrueOrPop(target) => {
                if stack.last()?.truth() {
                    next = usize::from(target);
                } else {
                    stack.pop();
                }
            }
            Step::Jump(target) => next = usize::from(target),
            Step::Tuck => {
                let upper = *stack.last()?;
                let place = stack.len().checked_sub(2)?;
                stack.try_insert(place, upper).ok()?;
            }
            Step::Nip => {
                let upper = stack.pop()?;
                *stack.last_mut()? = upper;
            }
            Step::End => return Some(matches!(stack.pop()?, Scalar::Bool(true))),
            Step::Beyond => return None,
        }
        at = next;
    }
}

#[inline]
fn compared(op: CompareOp, left: Scalar, right: Scalar) -> Option<bool> {
    if let (Scalar::Int(a), Scalar::Int(b)) = (left, right) {
        return compare::integers(op, a, b);
    }
    compare::compare(op, left, right).ok()
}

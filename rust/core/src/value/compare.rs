//! Comparisons of `None`, booleans, 64-bit integers and floats; integers and floats are compared exactly.

use std::cmp::Ordering;

use super::{Number, Problem, Scalar};
use crate::bytecode::CompareOp;

/// `a == b` and its like.
///
/// # Errors
/// For an order with `None`, and for `in`, since none of these values contains anything.
#[inline]
pub fn compare(op: CompareOp, left: Scalar, right: Scalar) -> Result<bool, Problem> {
    if matches!(op, CompareOp::In | CompareOp::NotIn) {
        return Err(Problem::Container(right.type_name()));
    }
    let ordering = match (left.number(), right.number()) {
        (Some(a), Some(b)) => order(a, b),
        (a, b) => {
            let equal = a.is_none() && b.is_none();
            return match op {
                CompareOp::Equal => Ok(equal),
                CompareOp::NotEqual => Ok(!equal),
                _ => Err(Problem::Order(
                    op.as_str(),
                    left.type_name(),
                    right.type_name(),
                )),
            };
        }
    };
    // NaN has no order: unequal to everything, and nothing else.
    Ok(match op {
        CompareOp::Equal => ordering == Some(Ordering::Equal),
        CompareOp::NotEqual => ordering != Some(Ordering::Equal),
        CompareOp::Less => ordering == Some(Ordering::Less),
        CompareOp::LessEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Greater => ordering == Some(Ordering::Greater),
        CompareOp::GreaterEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        CompareOp::In | CompareOp::NotIn => false,
    })
}

/// A comparison of two integers; `None` for `in`.
#[inline]
#[must_use]
pub const fn integers(op: CompareOp, a: i64, b: i64) -> Option<bool> {
    Some(match op {
        CompareOp::Equal => a == b,
        CompareOp::NotEqual => a != b,
        CompareOp::Less => a < b,
        CompareOp::LessEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterEqual => a >= b,
        CompareOp::In | CompareOp::NotIn => return None,
    })
}

#[inline]
fn order(a: Number, b: Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Int(a), Number::Float(b)) => order_exactly(a, b),
        (Number::Float(a), Number::Int(b)) => order_exactly(b, a).map(Ordering::reverse),
    }
}

/// The order of an integer and a float, without rounding the integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the float was found to be within the range"
)]
fn order_exactly(integer: i64, float: f64) -> Option<Ordering> {
    /// 2^63: the first float above every 64-bit integer.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        None
    } else if float >= ABOVE {
        Some(Ordering::Less)
    } else if float < -ABOVE {
        Some(Ordering::Greater)
    } else {
        match integer.cmp(&(float.trunc() as i64)) {
            // The integer has no fraction, so that of the float decides.
            Ordering::Equal => 0.0_f64.partial_cmp(&float.fract()),
            unequal => Some(unequal),
        }
    }
}

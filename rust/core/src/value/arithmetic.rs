//! The arithmetic operators on `None`, booleans, 64-bit integers and floats, bit for bit as CPython computes them.

use super::{Computed, Number, Problem, Scalar};
use crate::bytecode::{BinaryOp, UnaryOp};

/// `-a`, `+a`
///
/// # Errors
/// On `None`.
#[inline]
pub fn unary(op: UnaryOp, operand: Scalar) -> Computed {
    let Some(number) = operand.number() else {
        return Err(Problem::Operand(op.as_str(), operand.type_name()));
    };
    Ok(match (op, number) {
        (UnaryOp::Plus, Number::Int(value)) => Some(Scalar::Int(value)),
        (UnaryOp::Plus, Number::Float(value)) => Some(Scalar::Float(value)),
        (UnaryOp::Negate, Number::Int(value)) => value.checked_neg().map(Scalar::Int),
        (UnaryOp::Negate, Number::Float(value)) => Some(Scalar::Float(-value)),
    })
}

/// `a + b` and its like.
///
/// # Errors
/// On `None`, and where a division by zero is asked for.
#[inline]
pub fn binary(op: BinaryOp, left: Scalar, right: Scalar) -> Computed {
    let (Some(a), Some(b)) = (left.number(), right.number()) else {
        return Err(Problem::Operands(
            op.as_str(),
            left.type_name(),
            right.type_name(),
        ));
    };
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => integers(op, a, b),
        _ => floats(op, a.float(), b.float()).map(|value| Some(Scalar::Float(value))),
    }
}

#[inline]
fn integers(op: BinaryOp, a: i64, b: i64) -> Computed {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Modulo if b == 0 => {
            return Err(Problem::DivisionByZero);
        }
        BinaryOp::Divide => return Ok(Some(Scalar::Float(true_quotient(a, b)))),
        BinaryOp::FloorDivide => a.checked_div(b).map(|quotient| {
            // Rust rounds towards zero, Python down.
            let inexact = a % b != 0;
            quotient - i64::from(inexact && (a < 0) != (b < 0))
        }),
        BinaryOp::Modulo => {
            // The least integer has no remainder by -1 in Rust, because the quotient would not fit.
            let rest = a.wrapping_rem(b);
            Some(if rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            })
        }
    };
    Ok(result.map(Scalar::Int))
}

/// `a / b` for `b` other than 0, rounded once: the float nearest to the true quotient, ties to even.
#[expect(
    clippy::cast_precision_loss,
    reason = "each cast is exact or is the one rounding that is wanted"
)]
fn true_quotient(a: i64, b: i64) -> f64 {
    /// Integers up to here are floats too.
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    let (numerator, denominator) = (a.unsigned_abs(), b.unsigned_abs());
    if numerator <= EXACT && denominator <= EXACT {
        return a as f64 / b as f64;
    }
    // An integer quotient of at least 55 bits, whose last bit also tells whether anything is left over, rounds to the
    // same float as the true quotient. Its conversion to a float is the only rounding; the scaling is exact.
    let shift = (56 + numerator.leading_zeros()).saturating_sub(denominator.leading_zeros());
    let scaled = u128::from(numerator) << shift;
    let (quotient, rest) = (
        scaled / u128::from(denominator),
        scaled % u128::from(denominator),
    );
    let sticky = (quotient << 1) | u128::from(rest != 0);
    let magnitude = sticky as f64 / (1_u128 << (shift + 1)) as f64;
    if (a < 0) == (b < 0) {
        magnitude
    } else {
        -magnitude
    }
}

#[inline]
fn floats(op: BinaryOp, a: f64, b: f64) -> Result<f64, Problem> {
    Ok(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide | BinaryOp::FloorDivide | BinaryOp::Modulo if b == 0.0 => {
            return Err(Problem::DivisionByZero);
        }
        BinaryOp::Divide => a / b,
        BinaryOp::FloorDivide => floor_quotient(a, b),
        BinaryOp::Modulo => floor_rest(a, b),
    })
}

/// `a % b`: the sign is that of `b`, also of a zero.
fn floor_rest(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        0.0_f64.copysign(b)
    } else if (rest < 0.0) != (b < 0.0) {
        rest + b
    } else {
        rest
    }
}

/// `a // b`: through the exact remainder, since the floor of the rounded quotient can be one too great.
fn floor_quotient(a: f64, b: f64) -> f64 {
    let rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0.0_f64.copysign(a / b);
    }
    // The division above may be off by a rounding; it is an integer but for that.
    let floor = quotient.floor();
    if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

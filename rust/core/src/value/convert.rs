//! The functions of the language that need no host where their arguments are `None`, booleans, integers, floats.

use super::{Computed, Number, Problem, Scalar, compare};
use crate::bytecode::{CompareOp, Function};

/// Calls `function` on values that the machine knows. `Ok(None)` leaves the call to the host: the result does not fit
/// in 64 bits, or is none of these types.
///
/// # Errors
/// As CPython raises.
#[inline]
pub fn call(function: Function, arguments: &[Scalar]) -> Computed {
    match (function, arguments) {
        (Function::Bool, &[argument]) => Ok(Some(Scalar::Bool(argument.truth()))),
        (Function::Abs, &[argument]) => absolute(argument),
        (Function::Int, &[argument]) => integer(argument),
        (Function::Float, &[argument]) => argument.number().map_or(
            Err(Problem::Argument(function.as_str(), argument.type_name())),
            |number| Ok(Some(Scalar::Float(number.float()))),
        ),
        (Function::Min, arguments) => extreme(arguments, CompareOp::Less),
        (Function::Max, arguments) => extreme(arguments, CompareOp::Greater),
        _ => Ok(None),
    }
}

/// Whether [`call`] computes that function where it can.
#[inline]
#[must_use]
pub const fn knows(function: Function) -> bool {
    matches!(
        function,
        Function::Bool
            | Function::Abs
            | Function::Int
            | Function::Float
            | Function::Min
            | Function::Max
    )
}

fn absolute(argument: Scalar) -> Computed {
    match argument.number() {
        None => Err(Problem::Argument(
            Function::Abs.as_str(),
            argument.type_name(),
        )),
        Some(Number::Int(value)) => Ok(value.checked_abs().map(Scalar::Int)),
        Some(Number::Float(value)) => Ok(Some(Scalar::Float(value.abs()))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the float was found to be within the range"
)]
fn integer(argument: Scalar) -> Computed {
    /// 2^63: the first float above every 64-bit integer.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    match argument.number() {
        None => Err(Problem::Argument(
            Function::Int.as_str(),
            argument.type_name(),
        )),
        Some(Number::Int(value)) => Ok(Some(Scalar::Int(value))),
        Some(Number::Float(value)) if value.is_nan() => Err(Problem::IntegerOfNan),
        Some(Number::Float(value)) if value.is_infinite() => Err(Problem::IntegerOfInfinity),
        Some(Number::Float(value)) if (-ABOVE..ABOVE).contains(&value) => {
            Ok(Some(Scalar::Int(value.trunc() as i64)))
        }
        Some(Number::Float(_)) => Ok(None),
    }
}

/// The first of the arguments that no other one is below, or above: `min` and `max` of Python.
fn extreme(arguments: &[Scalar], better: CompareOp) -> Computed {
    let Some((&first, rest)) = arguments.split_first() else {
        return Ok(None);
    };
    let mut best = first;
    for &argument in rest {
        if compare::compare(better, argument, best)? {
            best = argument;
        }
    }
    Ok(Some(best))
}

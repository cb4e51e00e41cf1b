//! Constant folding over `None`, booleans, 64-bit integers and floats, by the machine's own arithmetic.
//!
//! What has no value, or one that leaves 64 bits, stays as it is: the run will tell.

use super::tree::{Expr, ExprKind, Link, Test};
use crate::bytecode::{BinaryOp, Constant, Function, Singleton, UnaryOp};
use crate::syntax::ast::Logic;
use crate::value::{Computed, Scalar, Value, arithmetic, compare, convert};

impl Expr {
    /// The value, if it is known and one that the machine knows.
    fn scalar(&self) -> Option<Scalar> {
        match self.kind {
            ExprKind::Constant(Constant::None) => Some(Scalar::None),
            ExprKind::Constant(Constant::Bool(value)) => Some(Scalar::Bool(value)),
            ExprKind::Constant(Constant::Int(value)) => Some(Scalar::Int(value)),
            ExprKind::Constant(Constant::Float(value)) => Some(Scalar::Float(value)),
            _ => None,
        }
    }
}

fn constant(scalar: Scalar) -> ExprKind {
    ExprKind::Constant(match scalar {
        Scalar::None => Constant::None,
        Scalar::Bool(value) => Constant::Bool(value),
        Scalar::Int(value) => Constant::Int(value),
        Scalar::Float(value) => Constant::Float(value),
    })
}

/// The constant, if the computation gave one.
fn known(computed: Computed) -> Option<ExprKind> {
    computed.ok().flatten().map(constant)
}

/// `-a`, `+a`; the sign of an integer literal of any size belongs to the literal.
pub(super) fn unary(op: UnaryOp, operand: Expr) -> ExprKind {
    if let ExprKind::Constant(Constant::BigInt(digits)) = &operand.kind {
        let signed = match (op, digits.strip_prefix('-')) {
            (UnaryOp::Plus, _) => digits.clone(),
            (UnaryOp::Negate, Some(positive)) => positive.to_owned(),
            (UnaryOp::Negate, None) => format!("-{digits}"),
        };
        return ExprKind::Constant(
            signed
                .parse()
                .map_or(Constant::BigInt(signed), Constant::Int),
        );
    }
    // Of the 64-bit integers one has no opposite among them, and only its digits tell.
    if matches!(
        (op, &operand.kind),
        (UnaryOp::Negate, ExprKind::Constant(Constant::Int(i64::MIN)))
    ) {
        return ExprKind::Constant(Constant::BigInt(i64::MIN.unsigned_abs().to_string()));
    }
    operand
        .scalar()
        .and_then(|value| known(arithmetic::unary(op, value)))
        .unwrap_or_else(|| ExprKind::Unary(op, Box::new(operand)))
}

/// `a + b` and its like.
pub(super) fn binary(op: BinaryOp, left: Expr, right: Expr) -> ExprKind {
    left.scalar()
        .zip(right.scalar())
        .and_then(|(a, b)| known(arithmetic::binary(op, a, b)))
        .unwrap_or_else(|| ExprKind::Binary(op, Box::new(left), Box::new(right)))
}

/// `not a`
pub(super) fn not(operand: Expr) -> ExprKind {
    operand.scalar().map_or_else(
        || ExprKind::Not(Box::new(operand)),
        |value| constant(Scalar::Bool(!value.truth())),
    )
}

/// A comparison; chains of several steps stay as they are.
pub(super) fn comparison(left: Expr, links: Vec<Link>) -> ExprKind {
    let result = match (left.scalar(), links.as_slice()) {
        (Some(a), [link]) => link.right.scalar().and_then(|b| match link.test {
            Test::Compare(op) => compare::compare(op, a, b).ok(),
            Test::LeftIs(singleton, negated) => Some(is(a, singleton) != negated),
            Test::RightIsNone(negated) => Some(is(b, Singleton::None) != negated),
        }),
        _ => None,
    };
    result.map_or_else(
        || ExprKind::Compare(Box::new(left), links),
        |result| constant(Scalar::Bool(result)),
    )
}

fn is(value: Scalar, singleton: Singleton) -> bool {
    Value::<()>::from(value).is(singleton)
}

/// `a and b and …`, `a or b or …`: operands that decide end it, operands that cannot decide are left out.
pub(super) fn logic(logic: Logic, operands: Vec<Expr>) -> ExprKind {
    let decides = logic == Logic::Or;
    let mut kept = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand.scalar().map(Scalar::truth) {
            Some(truth) if truth == decides => {
                kept.push(Expr {
                    kind: constant(Scalar::Bool(decides)),
                    at: operand.at,
                });
                break;
            }
            Some(_) => {}
            None => kept.push(operand),
        }
    }
    match kept.as_slice() {
        [] => constant(Scalar::Bool(!decides)),
        [only] if only.scalar().is_some() => constant(Scalar::Bool(decides)),
        _ => ExprKind::Logic(logic, kept),
    }
}

/// A call of a function of the language.
pub(super) fn call(function: Function, arguments: Vec<Expr>) -> ExprKind {
    let scalars: Option<Vec<Scalar>> = arguments.iter().map(Expr::scalar).collect();
    scalars
        .and_then(|scalars| known(convert::call(function, &scalars)))
        .unwrap_or(ExprKind::Call(function, arguments))
}

//! Arithmetic on scalars: CPython's own results, and laws that hold for all numbers.

use std::cmp::Ordering;

use hogtrace_core::bytecode::{BinaryOp, CompareOp, Function, UnaryOp};
use hogtrace_core::value::{Computed, Problem, Scalar, arithmetic, compare, convert};
use proptest::prelude::*;

/// Reads a value as `oracle/arithmetic.py` writes it.
fn scalar(text: &str) -> Option<Scalar> {
    Some(match text.split_at(1) {
        ("N", "") => Scalar::None,
        ("T", "") => Scalar::Bool(true),
        ("F", "") => Scalar::Bool(false),
        ("i", digits) => Scalar::Int(digits.parse().expect("an integer")),
        ("f", "nan") => Scalar::Float(f64::NAN),
        ("f", bits) => Scalar::Float(f64::from_bits(
            u64::from_str_radix(bits, 16).expect("sixteen digits"),
        )),
        _ => return None,
    })
}

/// What CPython raises where this problem is found.
fn exception(problem: Problem) -> &'static str {
    match problem {
        Problem::DivisionByZero => "!ZeroDivisionError",
        Problem::IntegerOfInfinity => "!OverflowError",
        Problem::IntegerOfNan => "!ValueError",
        Problem::Operands(..)
        | Problem::Operand(..)
        | Problem::Order(..)
        | Problem::Container(_)
        | Problem::Argument(..) => "!TypeError",
    }
}

fn same(a: Scalar, b: Scalar) -> bool {
    match (a, b) {
        (Scalar::Float(a), Scalar::Float(b)) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (a, b) => a == b,
    }
}

fn compute(name: &str, left: Scalar, right: Option<Scalar>) -> Computed {
    let unary = [("neg", UnaryOp::Negate), ("pos", UnaryOp::Plus)];
    if let Some((_, op)) = unary.iter().find(|(text, _)| *text == name) {
        return arithmetic::unary(*op, left);
    }
    let arguments: Vec<Scalar> = [Some(left), right].into_iter().flatten().collect();
    if let Some(function) = Function::from_name(name) {
        return convert::call(function, &arguments);
    }
    let right = right.expect("a second operand");
    if let Some(op) = BinaryOp::ALL.iter().find(|op| op.as_str() == name) {
        return arithmetic::binary(*op, left, right);
    }
    let op = CompareOp::ALL.iter().find(|op| op.as_str() == name);
    compare::compare(*op.expect("a known operator"), left, right)
        .map(|result| Some(Scalar::Bool(result)))
}

#[test]
fn every_result_is_cpythons() {
    let mut count = 0;
    for line in include_str!("oracle/arithmetic.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, left, right, expected] = fields[..] else {
            panic!("four fields: {line}")
        };
        let computed = compute(name, scalar(left).expect("a value"), scalar(right));
        let agrees = match computed {
            Ok(Some(value)) => scalar(expected).is_some_and(|expected| same(value, expected)),
            Ok(None) => expected == "?",
            Err(problem) => expected == exception(problem),
        };
        assert!(agrees, "{line}: {computed:?}");
        count += 1;
    }
    assert!(count > 3000);
}

fn integer(op: BinaryOp, a: i64, b: i64) -> Computed {
    arithmetic::binary(op, Scalar::Int(a), Scalar::Int(b))
}

fn float(op: BinaryOp, a: f64, b: f64) -> f64 {
    match arithmetic::binary(op, Scalar::Float(a), Scalar::Float(b)) {
        Ok(Some(Scalar::Float(value))) => value,
        other => panic!("{other:?}"),
    }
}

fn order(a: Scalar, b: Scalar) -> Option<Ordering> {
    let is = |op| compare::compare(op, a, b).expect("numbers have an order");
    match (
        is(CompareOp::Less),
        is(CompareOp::Equal),
        is(CompareOp::Greater),
    ) {
        (true, false, false) => Some(Ordering::Less),
        (false, true, false) => Some(Ordering::Equal),
        (false, false, true) => Some(Ordering::Greater),
        (false, false, false) => None,
        several => panic!("{several:?}"),
    }
}

/// Integers near the ends, near zero, and anywhere.
fn integers() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -10_i64..10,
        Just(i64::MIN),
        Just(i64::MAX),
        (i64::MAX - 2048)..i64::MAX
    ]
}

proptest! {
    #[test]
    fn quotient_and_rest_make_the_number_again(a in integers(), b in integers()) {
        prop_assume!(b != 0);
        let rest = integer(BinaryOp::Modulo, a, b);
        let Ok(Some(Scalar::Int(rest))) = rest else { panic!("{rest:?}") };
        prop_assert!(rest == 0 || (rest < 0) == (b < 0));
        prop_assert!(rest.unsigned_abs() < b.unsigned_abs());
        match integer(BinaryOp::FloorDivide, a, b) {
            Ok(Some(Scalar::Int(quotient))) => {
                prop_assert_eq!(i128::from(quotient) * i128::from(b) + i128::from(rest), i128::from(a));
            }
            other => prop_assert_eq!((other, a, b), (Ok(None), i64::MIN, -1)),
        }
    }

    #[test]
    fn what_leaves_64_bits_is_left_to_the_host(a in integers(), b in integers()) {
        let wide = [
            (BinaryOp::Add, i128::from(a) + i128::from(b)),
            (BinaryOp::Subtract, i128::from(a) - i128::from(b)),
            (BinaryOp::Multiply, i128::from(a) * i128::from(b)),
        ];
        for (op, exact) in wide {
            let expected = i64::try_from(exact).ok().map(Scalar::Int);
            prop_assert_eq!(integer(op, a, b), Ok(expected));
        }
    }

    #[test]
    fn true_division_undoes_multiplication(a in -(1_i64 << 31)..(1 << 31), b in -(1_i64 << 31)..(1 << 31)) {
        prop_assume!(b != 0);
        // The product is exact in 64 bits and the quotient exact in a float, so nothing may be lost on the way.
        #[expect(clippy::cast_precision_loss, reason = "32 bits are exact")]
        let expected = a as f64;
        let Ok(Some(Scalar::Float(quotient))) = integer(BinaryOp::Divide, a * b, b) else {
            panic!("a float")
        };
        prop_assert_eq!(quotient.partial_cmp(&expected), Some(Ordering::Equal));
    }

    #[test]
    fn integers_and_floats_are_ordered_exactly(a in integers(), b in any::<f64>()) {
        // Floats this great are integers themselves, which i128 holds.
        let exact = if b.is_nan() {
            None
        } else if b.abs() >= 1e30 {
            Some(if b > 0.0 { Ordering::Less } else { Ordering::Greater })
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "within the range of i128")]
            let whole = b.floor() as i128;
            let fraction = b - b.floor();
            Some(i128::from(a).cmp(&whole).then(if fraction > 0.0 { Ordering::Less } else { Ordering::Equal }))
        };
        prop_assert_eq!(order(Scalar::Int(a), Scalar::Float(b)), exact);
        prop_assert_eq!(order(Scalar::Float(b), Scalar::Int(a)), exact.map(Ordering::reverse));
    }

    #[test]
    fn an_integer_equals_its_float_only_if_that_is_exact(a in integers()) {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the point of the test")]
        let (rounded, back) = (a as f64, a as f64 as i128);
        let equal = order(Scalar::Int(a), Scalar::Float(rounded)) == Some(Ordering::Equal);
        prop_assert_eq!(equal, back == i128::from(a));
    }

    #[test]
    fn the_rest_of_floats_has_the_sign_of_the_divisor(a in -1e15..1e15, b in -1e15..1e15) {
        prop_assume!(b != 0.0);
        let rest = float(BinaryOp::Modulo, a, b);
        prop_assert!(rest.is_sign_negative() == b.is_sign_negative());
        prop_assert!(rest.abs() <= b.abs());
        let quotient = float(BinaryOp::FloorDivide, a, b);
        prop_assert_eq!(quotient.to_bits(), quotient.trunc().to_bits());
    }

    #[test]
    fn booleans_count_as_integers(a in any::<bool>(), b in integers()) {
        for op in BinaryOp::ALL {
            let plain = integer(*op, i64::from(a), b);
            prop_assert_eq!(arithmetic::binary(*op, Scalar::Bool(a), Scalar::Int(b)), plain);
        }
    }

    #[test]
    fn a_sign_twice_is_no_sign(a in integers()) {
        let once = arithmetic::unary(UnaryOp::Negate, Scalar::Int(a));
        match once {
            Ok(Some(negated)) => {
                prop_assert_eq!(arithmetic::unary(UnaryOp::Negate, negated), Ok(Some(Scalar::Int(a))));
            }
            other => prop_assert_eq!((other, a), (Ok(None), i64::MIN)),
        }
    }
}

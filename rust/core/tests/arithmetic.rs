//! Arithmetic on scalars: laws that hold for all numbers. That the results are CPython's is compared with CPython itself,
//! in `tests/hogtrace/test_arithmetic.py`.

use std::cmp::Ordering;

use hogtrace_core::bytecode::{BinaryOp, CompareOp, UnaryOp};
use hogtrace_core::value::{Computed, Scalar, arithmetic, compare};
use proptest::prelude::*;

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

//! Values on the machine's stack, and what CPython computes on those that the machine knows.
//!
//! The compiler folds constants with the same functions that the machine runs, so that both agree by construction.

pub mod arithmetic;
pub mod compare;
pub mod convert;
pub mod integer;

use std::fmt;

use crate::bytecode::Singleton;

/// A value on the machine's stack. What fits is held unboxed; everything else is the host's object.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<O> {
    /// `None`
    None,
    /// A boolean.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A float.
    Float(f64),
    /// Strings, containers, larger integers, objects of the application.
    Object(O),
}

impl<O> Value<O> {
    /// The value itself, if it is one that the machine knows.
    #[inline]
    #[must_use]
    pub const fn scalar(&self) -> Option<Scalar> {
        Some(match self {
            Self::None => Scalar::None,
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Int(value) => Scalar::Int(*value),
            Self::Float(value) => Scalar::Float(*value),
            Self::Object(_) => return None,
        })
    }

    /// Whether it is that singleton. A host makes `True` a [`Value::Bool`], so an object never is one.
    #[inline]
    #[must_use]
    pub const fn is(&self, singleton: Singleton) -> bool {
        matches!(
            (self, singleton),
            (Self::None, Singleton::None)
                | (Self::Bool(true), Singleton::True)
                | (Self::Bool(false), Singleton::False)
        )
    }
}

impl<O> From<Scalar> for Value<O> {
    #[inline]
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::None => Self::None,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Int(value) => Self::Int(value),
            Scalar::Float(value) => Self::Float(value),
        }
    }
}

/// A value that the machine knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// `None`
    None,
    /// A boolean.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A float.
    Float(f64),
}

impl Scalar {
    /// Its truth, as `bool(x)` gives it.
    #[inline]
    #[must_use]
    pub const fn truth(self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => value,
            Self::Int(value) => value != 0,
            // True for NaN, as in CPython.
            Self::Float(value) => value != 0.0,
        }
    }

    /// The name of its type in Python.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
        }
    }

    /// The number that it counts as: booleans count as 0 and 1, `None` as nothing.
    #[inline]
    const fn number(self) -> Option<Number> {
        match self {
            Self::None => None,
            Self::Bool(value) => Some(Number::Int(value as i64)),
            Self::Int(value) => Some(Number::Int(value)),
            Self::Float(value) => Some(Number::Float(value)),
        }
    }
}

/// A number on which arithmetic is done.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// As a float, rounded as CPython rounds.
    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "to the nearest float, ties to even: as CPython does"
    )]
    const fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// What CPython raises instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Division or remainder by zero.
    DivisionByZero,
    /// An operator between types that do not have it: the operator and the names of the types.
    Operands(&'static str, &'static str, &'static str),
    /// An operator on a type that does not have it: the operator and the name of the type.
    Operand(&'static str, &'static str),
    /// An order between types that have none: the operator and the names of the types.
    Order(&'static str, &'static str, &'static str),
    /// A membership test in what is no container: the name of its type.
    Container(&'static str),
    /// An argument of a type that the function does not take: the function and the name of the type.
    Argument(&'static str, &'static str),
    /// NaN has no integer.
    IntegerOfNan,
    /// Infinity has no integer.
    IntegerOfInfinity,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DivisionByZero => f.write_str("division by zero"),
            Self::Operands(op, left, right) => {
                write!(f, "`{op}` is not possible between {left} and {right}")
            }
            Self::Operand(op, operand) => write!(f, "`{op}` is not possible on {operand}"),
            Self::Order(op, left, right) => {
                write!(
                    f,
                    "`{op}` is not possible between {left} and {right}: they have no order"
                )
            }
            Self::Container(right) => write!(f, "{right} contains nothing: `in` needs a container"),
            Self::Argument(function, argument) => {
                write!(f, "{function}() does not take {argument}")
            }
            Self::IntegerOfNan => f.write_str("NaN has no integer value"),
            Self::IntegerOfInfinity => f.write_str("infinity has no integer value"),
        }
    }
}

impl std::error::Error for Problem {}

/// A computed value; `None` where it leaves 64 bits, so that only a host can represent it.
pub type Computed = Result<Option<Scalar>, Problem>;

#[cfg(test)]
mod tests {
    use super::{Scalar, Singleton, Value};

    #[test]
    fn truth_is_pythons() {
        for (scalar, truth) in [
            (Scalar::None, false),
            (Scalar::Bool(true), true),
            (Scalar::Int(0), false),
            (Scalar::Int(-1), true),
            (Scalar::Float(-0.0), false),
            (Scalar::Float(f64::NAN), true),
        ] {
            assert_eq!(scalar.truth(), truth, "{scalar:?}");
        }
    }

    #[test]
    fn singletons_are_told_by_type() {
        assert!(Value::<()>::None.is(Singleton::None));
        assert!(Value::<()>::Bool(true).is(Singleton::True));
        assert!(!Value::<()>::Int(1).is(Singleton::True));
        assert!(!Value::Object(()).is(Singleton::None));
    }

    #[test]
    fn a_value_is_small() {
        assert_eq!(size_of::<Value<usize>>(), 16);
    }
}

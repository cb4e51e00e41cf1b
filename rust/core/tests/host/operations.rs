//! What the test host computes on its own values, as much as the tests need.

use hogtrace_core::bytecode::{BinaryOp, CompareOp, Function, UnaryOp};
use hogtrace_core::limits;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{Fault, FaultKind};

use super::{Held, Object, fault, list, text};

/// An integer of 128 bits, in the smallest form that holds it.
fn integer(value: i128) -> Held {
    i64::try_from(value).map_or(Value::Object(Object::Big(value)), Value::Int)
}

fn wide(value: &Held) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Int(value) => Some(i128::from(*value)),
        Value::Object(Object::Big(value)) => Some(*value),
        _ => None,
    }
}

fn wrong_type(what: &str) -> Fault {
    fault(FaultKind::Type, format!("{what} is not possible"))
}

pub(super) fn item(object: &Held, key: &Held) -> Result<Held, Fault> {
    let missing = || fault(FaultKind::Lookup, "no such item");
    match object {
        Value::Object(Object::Dict(items)) => items
            .iter()
            .find(|(candidate, _)| equal(candidate, key))
            .map(|(_, value)| value.clone())
            .ok_or_else(missing),
        Value::Object(Object::List(items)) => {
            let index = index(key, items.len()).ok_or_else(|| wrong_type("this index"))?;
            items.get(index).cloned().ok_or_else(missing)
        }
        Value::Object(Object::Str(value)) => {
            let index =
                index(key, value.chars().count()).ok_or_else(|| wrong_type("this index"))?;
            let character = value.chars().nth(index).ok_or_else(missing)?;
            Ok(text(&character.to_string()))
        }
        _ => Err(wrong_type("an item")),
    }
}

/// The place of a Python index; beyond the end stays beyond it.
fn index(key: &Held, length: usize) -> Option<usize> {
    let Value::Int(index) = key else { return None };
    let length = i64::try_from(length).ok()?;
    let place = if *index < 0 { index + length } else { *index };
    Some(usize::try_from(place).unwrap_or(usize::MAX))
}

pub(super) fn slice(object: &Held, start: &Held, stop: &Held) -> Result<Held, Fault> {
    let bound = |bound: &Held, open: usize, length: usize| match bound {
        Value::None => Ok(open),
        Value::Int(value) if *value < 0 => {
            let from_end = usize::try_from(value.unsigned_abs()).unwrap_or(usize::MAX);
            Ok(length.saturating_sub(from_end))
        }
        Value::Int(value) => Ok(usize::try_from(*value).unwrap_or(usize::MAX).min(length)),
        _ => Err(wrong_type("this bound")),
    };
    match object {
        Value::Object(Object::List(items)) => {
            let (from, to) = (
                bound(start, 0, items.len())?,
                bound(stop, items.len(), items.len())?,
            );
            Ok(list(
                items.get(from..to).unwrap_or_default().iter().cloned(),
            ))
        }
        Value::Object(Object::Str(value)) => {
            let characters: Vec<char> = value.chars().collect();
            let length = characters.len();
            let (from, to) = (bound(start, 0, length)?, bound(stop, length, length)?);
            Ok(text(
                &characters
                    .get(from..to)
                    .unwrap_or_default()
                    .iter()
                    .collect::<String>(),
            ))
        }
        _ => Err(wrong_type("a slice")),
    }
}

pub(super) fn unary(op: UnaryOp, operand: &Held) -> Result<Held, Fault> {
    let value = wide(operand).ok_or_else(|| wrong_type("this sign"))?;
    match op {
        UnaryOp::Plus => Ok(integer(value)),
        UnaryOp::Negate => value.checked_neg().map(integer).ok_or_else(too_large),
    }
}

fn too_large() -> Fault {
    fault(FaultKind::Limit, "the result is too large")
}

pub(super) fn binary(op: BinaryOp, left: &Held, right: &Held) -> Result<Held, Fault> {
    if let (Some(a), Some(b)) = (wide(left), wide(right)) {
        let result = match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Subtract => a.checked_sub(b),
            BinaryOp::Multiply => a.checked_mul(b),
            _ if b == 0 => return Err(fault(FaultKind::Arithmetic, "division by zero")),
            BinaryOp::FloorDivide => {
                Some(a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0))
            }
            BinaryOp::Modulo | BinaryOp::Divide => return Err(wrong_type("this division")),
        };
        return result.map(integer).ok_or_else(too_large);
    }
    match (op, left, right) {
        (BinaryOp::Add, Value::Object(Object::Str(a)), Value::Object(Object::Str(b))) => {
            if a.len() + b.len() > limits::STRING_BYTES {
                return Err(too_large());
            }
            Ok(text(&format!("{a}{b}")))
        }
        (BinaryOp::Add, Value::Object(Object::List(a)), Value::Object(Object::List(b))) => {
            Ok(list(a.iter().chain(b.iter()).cloned()))
        }
        (BinaryOp::Multiply, Value::Object(Object::Str(a)), Value::Int(times)) => {
            let times = usize::try_from(*times).unwrap_or(0);
            if a.len().saturating_mul(times) > limits::STRING_BYTES {
                return Err(too_large());
            }
            Ok(text(&a.repeat(times)))
        }
        _ => Err(wrong_type("this operation")),
    }
}

fn equal(left: &Held, right: &Held) -> bool {
    match (left, right) {
        (Value::Object(Object::List(a)), Value::Object(Object::List(b))) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => a == b,
        _ => match left.scalar().zip(right.scalar()) {
            Some((a, b)) => {
                hogtrace_core::value::compare::compare(CompareOp::Equal, a, b).unwrap_or(false)
            }
            None => wide(left).is_some_and(|a| wide(right) == Some(a)),
        },
    }
}

pub(super) fn compare(op: CompareOp, left: &Held, right: &Held) -> Result<bool, Fault> {
    match op {
        CompareOp::Equal => return Ok(equal(left, right)),
        CompareOp::NotEqual => return Ok(!equal(left, right)),
        CompareOp::In => return contains(right, left),
        CompareOp::NotIn => return contains(right, left).map(|found| !found),
        _ => {}
    }
    let order = match (left, right) {
        (Value::Object(Object::Str(a)), Value::Object(Object::Str(b))) => a.cmp(b),
        _ => match (wide(left), wide(right)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => return Err(wrong_type("this order")),
        },
    };
    Ok(match op {
        CompareOp::Less => order.is_lt(),
        CompareOp::LessEqual => order.is_le(),
        CompareOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn contains(container: &Held, value: &Held) -> Result<bool, Fault> {
    match (container, value) {
        (Value::Object(Object::List(items)), _) => Ok(items.iter().any(|item| equal(item, value))),
        (Value::Object(Object::Dict(items)), _) => {
            Ok(items.iter().any(|(key, _)| equal(key, value)))
        }
        (Value::Object(Object::Str(text)), Value::Object(Object::Str(part))) => {
            Ok(text.contains(&**part))
        }
        _ => Err(wrong_type("`in`")),
    }
}

pub(super) fn call(function: Function, arguments: &[Held]) -> Result<Held, Fault> {
    let (Value::Object(Object::Str(first)), rest) = (
        arguments.first().unwrap_or(&Value::None),
        arguments.get(1..).unwrap_or_default(),
    ) else {
        return call_on_others(function, arguments);
    };
    match (function, rest) {
        (Function::Len, []) => Ok(length(first.chars().count())),
        (Function::Str, []) => Ok(text(first)),
        (Function::Lower, []) => Ok(text(&first.to_lowercase())),
        (Function::Type, []) => Ok(text("str")),
        (Function::Bool, []) => Ok(Value::Bool(!first.is_empty())),
        (Function::Int, []) => {
            let parsed = first.trim().parse().map(integer);
            parsed.map_err(|_| fault(FaultKind::Value, "not the text of an integer"))
        }
        (Function::StartsWith, [Value::Object(Object::Str(part))]) => {
            Ok(Value::Bool(first.starts_with(&**part)))
        }
        (Function::EndsWith, [Value::Object(Object::Str(part))]) => {
            Ok(Value::Bool(first.ends_with(&**part)))
        }
        _ => Err(wrong_type("this call")),
    }
}

fn length(count: usize) -> Held {
    integer(i128::try_from(count).unwrap_or(i128::MAX))
}

fn call_on_others(function: Function, arguments: &[Held]) -> Result<Held, Fault> {
    match (function, arguments) {
        (Function::Timestamp, []) => Ok(Value::Float(1_700_000_000.5)),
        (Function::Rand, []) => Ok(Value::Float(0.25)),
        (Function::Stack, [] | [Value::Int(1..=64)]) => Ok(list([text("shop.py:3 add")])),
        (Function::Len, [Value::Object(Object::List(items))]) => Ok(length(items.len())),
        (Function::Len, [Value::Object(Object::Dict(items))]) => Ok(length(items.len())),
        (Function::Type, [Value::Object(Object::Instance(instance))]) => {
            Ok(text(instance.type_name))
        }
        (Function::Type, [value]) => Ok(text(
            value
                .scalar()
                .map_or("object", hogtrace_core::value::Scalar::type_name),
        )),
        (Function::Str, [Value::Int(value)]) => Ok(text(&value.to_string())),
        (Function::Str, [Value::None]) => Ok(text("None")),
        (Function::Round, [Value::Float(value)]) => Ok(Value::Float(value.round_ties_even())),
        _ => Err(wrong_type("this call")),
    }
}

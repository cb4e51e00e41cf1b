//! The checks of everything that is not code: tables, ids, targets, inputs, captures.

use std::collections::HashMap;

use rustc_hash::{FxBuildHasher, FxHashSet};

use super::VerifyError;
use crate::bytecode::target::{self, is_dunder, is_identifier};
use crate::bytecode::{Constant, Input, Point, Program};
use crate::limits;
use crate::value::integer::is_canonical_big;

/// Checks the tables that all probes share, and what must be unique among the probes.
pub(super) fn check(program: &Program) -> Result<(), VerifyError> {
    if program.name.len() > limits::NAME_BYTES {
        return Err(VerifyError::program(format!(
            "the name of the program has {} bytes, of at most {}",
            program.name.len(),
            limits::NAME_BYTES
        )));
    }
    let bounds = [
        ("probes", program.probes.len(), limits::PROBES),
        ("names", program.names.len(), limits::TABLE_ENTRIES),
        ("constants", program.constants.len(), limits::TABLE_ENTRIES),
    ];
    for (what, count, limit) in bounds {
        if count > limit {
            return Err(VerifyError::program(format!(
                "{count} {what}, of at most {limit}"
            )));
        }
    }
    for (index, name) in program.names.iter().enumerate() {
        if !is_identifier(name) || is_dunder(name) || name.len() > limits::STRING_BYTES {
            return Err(VerifyError::program(format!(
                "name {index} is none that a probe can read"
            )));
        }
    }
    for (index, constant) in program.constants.iter().enumerate() {
        if let Err(reason) = check_constant(constant) {
            return Err(VerifyError::program(format!("constant {index}: {reason}")));
        }
    }
    // The keys come from outside, so their hashes must not be foreseeable.
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (index, probe) in program.probes.iter().enumerate() {
        let place = format!("{}:{}", probe.target, probe.point);
        let count = counts.entry(place).or_default();
        *count += 1;
        if !is_id(&probe.id, &probe.target, &probe.point.to_string(), *count) {
            return Err(VerifyError::probe(
                index,
                "the id is not made of target and point",
            ));
        }
    }
    Ok(())
}

/// Whether `id` is `target:point`, with `#count` behind it from the second on.
fn is_id(id: &str, target: &str, point: &str, count: usize) -> bool {
    let rest = id
        .strip_prefix(target)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|rest| rest.strip_prefix(point));
    match rest {
        Some("") => count == 1,
        Some(rest) => count > 1 && rest == format!("#{count}"),
        None => false,
    }
}

/// Whether `rate` is a share of requests in which a probe can fire. Not a number is none.
fn is_rate(rate: f64) -> bool {
    rate > 0.0 && rate <= 1.0
}

fn check_constant(constant: &Constant) -> Result<(), &'static str> {
    match constant {
        Constant::List(items) if items.len() > limits::LIST_ITEMS => Err("the list is too long"),
        Constant::List(items) => items.iter().try_for_each(|item| match item {
            Constant::List(_) => Err("a list holds a list"),
            item => check_constant(item),
        }),
        Constant::Str(text) if text.len() > limits::STRING_BYTES => Err("the string is too long"),
        Constant::BigInt(digits) if !is_canonical_big(digits) => {
            Err("the digits are not those of an integer that needs them, within the limit")
        }
        _ => Ok(()),
    }
}

/// Checks everything of one probe but its code.
pub(super) fn check_probe(program: &Program, index: usize) -> Result<(), VerifyError> {
    let probe = &program.probes[index];
    let refuse = |reason: String| Err(VerifyError::probe(index, reason));
    if let Err(bad) = target::check(&probe.target) {
        return refuse(bad.reason.to_string());
    }
    if matches!(probe.point, Point::Line(line) if line > limits::POINT_LINES) {
        return refuse(format!(
            "the point lies more than {} lines below the `def` line",
            limits::POINT_LINES
        ));
    }
    if probe.sample.is_some_and(|rate| !is_rate(rate)) {
        return refuse("the sampling rate is not above 0 and at most 1".to_owned());
    }
    for (name, count) in [
        ("inputs", probe.inputs.len()),
        ("captures", probe.captures.len()),
    ] {
        if count > limits::INSTRUCTIONS {
            return refuse(format!(
                "{count} {name}, of at most {}",
                limits::INSTRUCTIONS
            ));
        }
    }
    for (slot, input) in probe.inputs.iter().enumerate() {
        if !input.exists_at(probe.point) {
            return refuse(format!("input {slot} has no value at `{}`", probe.point));
        }
        if matches!(input, Input::Name(name) if usize::from(*name) >= program.names.len()) {
            return refuse(format!("input {slot} has a name that does not exist"));
        }
    }
    for (number, capture) in probe.captures.iter().enumerate() {
        if capture.fields.len() > limits::STACK {
            return refuse(format!(
                "capture {number} has more than {} fields",
                limits::STACK
            ));
        }
        let mut names = FxHashSet::with_capacity_and_hasher(capture.fields.len(), FxBuildHasher);
        for field in &capture.fields {
            if field.is_empty()
                || field.len() > limits::NAME_BYTES
                || field.chars().any(char::is_control)
            {
                return refuse(format!(
                    "capture {number} has a field without a proper name"
                ));
            }
            if !names.insert(field.as_str()) {
                return refuse(format!("capture {number} names a field twice"));
            }
        }
    }
    Ok(())
}

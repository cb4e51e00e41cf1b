//! The walk through the code of a probe: one pass, since jumps go forward only.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use arrayvec::ArrayVec;
use rustc_hash::FxHashMap;

use super::flow::{Flow, Origin, Origins, Store};
use super::glance::Glance;
use super::guards::Shape;
use super::patterns::Patterns;
use super::ready::{Ready, VerifiedProbe};
use super::{Section, VerifyError};
use crate::bytecode::{Code, Constant, Input, Op, Probe, Program, Scope};
use crate::limits;

/// Checks the code of probe `index`, whose tables are checked, and makes it ready to run.
pub(super) fn check(
    program: &Program,
    index: usize,
    steps: &mut usize,
    patterns: &mut Patterns,
) -> Result<VerifiedProbe, VerifyError> {
    let probe = &program.probes[index];
    let fault = |section| {
        move |(offset, reason): Wrong| VerifyError {
            probe: Some(index),
            section: Some(section),
            offset: Some(offset),
            reason,
        }
    };
    let mut findings = Findings::new(probe, patterns);
    let predicate = if probe.predicate.bytes.is_empty() && probe.predicate.positions.is_empty() {
        None
    } else {
        let walk = Walk::new(program, probe, Section::Predicate, &mut findings, steps);
        Some(
            walk.run(&probe.predicate)
                .map_err(fault(Section::Predicate))?,
        )
    };
    let walk = Walk::new(program, probe, Section::Body, &mut findings, steps);
    let body = walk.run(&probe.body).map_err(fault(Section::Body))?;
    let flows: Option<Vec<Vec<Flow>>> = findings.flows.into_iter().collect();
    let Some(flows) = flows else {
        return Err(VerifyError::probe(index, "a capture is not used"));
    };
    let glance = predicate
        .as_ref()
        .filter(|_| probe.sample.is_none())
        .and_then(|predicate| Glance::new(&predicate.ops, &program.constants));
    Ok(VerifiedProbe {
        sample: probe.sample,
        predicate,
        glance,
        body,
        flows,
        stores: Findings::into_stores(findings.stores),
        uses_call_scope: findings.uses_call_scope,
        uses_request_scope: findings.uses_request_scope,
    })
}

/// The byte offset of an instruction, and what is wrong with it.
type Wrong = (usize, String);

/// Why code is refused that was made to be slow to follow.
const TOO_LONG: &str = "it takes too long to follow where the values come from";

/// What the walks through both sections find.
struct Findings<'a> {
    instructions: usize,
    patterns: &'a mut Patterns,
    /// Per capture, once it is met.
    flows: Vec<Option<Vec<Flow>>>,
    /// Per variable that is set.
    stores: FxHashMap<(Scope, u16), Flow>,
    uses_call_scope: bool,
    uses_request_scope: bool,
}

impl<'a> Findings<'a> {
    fn new(probe: &Probe, patterns: &'a mut Patterns) -> Self {
        Self {
            instructions: 0,
            patterns,
            flows: vec![None; probe.captures.len()],
            stores: FxHashMap::default(),
            uses_call_scope: false,
            uses_request_scope: false,
        }
    }

    fn add_store(&mut self, scope: Scope, name: u16, flow: Flow) {
        match self.stores.entry((scope, name)) {
            Entry::Occupied(known) => known.into_mut().add(flow),
            Entry::Vacant(place) => _ = place.insert(flow),
        }
    }

    /// The variables that are set, in order of scope and name.
    fn into_stores(stores: FxHashMap<(Scope, u16), Flow>) -> Box<[Store]> {
        let mut stores: Box<[Store]> = stores
            .into_iter()
            .map(|((scope, name), mut flow)| {
                flow.settle();
                Store { scope, name, flow }
            })
            .collect();
        stores.sort_unstable_by_key(|store| (store.scope.code(), store.name));
        stores
    }
}

/// One walk through one section.
struct Walk<'a, 'p> {
    program: &'a Program,
    probe: &'a Probe,
    section: Section,
    findings: &'a mut Findings<'p>,
    steps: &'a mut usize,
    origins: Origins,
    /// The abstract stack; `None` behind a jump.
    stack: Option<Vec<Origin>>,
    /// The stacks that jumps bring to instructions ahead.
    ahead: BTreeMap<usize, Vec<Origin>>,
    shape: Shape,
}

impl<'a, 'p> Walk<'a, 'p> {
    fn new(
        program: &'a Program,
        probe: &'a Probe,
        section: Section,
        findings: &'a mut Findings<'p>,
        steps: &'a mut usize,
    ) -> Self {
        Self {
            program,
            probe,
            section,
            findings,
            steps,
            origins: Origins::new(),
            stack: Some(Vec::new()),
            ahead: BTreeMap::new(),
            shape: Shape::default(),
        }
    }

    fn run(mut self, code: &Code) -> Result<Ready, Wrong> {
        let ops = self.decode(code)?;
        let mut depths = Vec::with_capacity(ops.len());
        for (index, &(offset, op)) in ops.iter().enumerate() {
            let depth = self
                .step(&ops, index, op)
                .map_err(|reason| (usize::from(offset), reason))?;
            depths.push(depth);
        }
        match ops.last() {
            Some((_, Op::End)) => {}
            Some(&(offset, _)) => {
                return Err((
                    usize::from(offset),
                    "the section does not end in `end`".to_owned(),
                ));
            }
            None => return Err((0, "the section is empty".to_owned())),
        }
        check_positions(code, &ops)?;
        let patterns = &*self.findings.patterns;
        Ok(Ready::new(&ops, &depths, &code.positions, patterns))
    }

    /// The instructions with their offsets.
    fn decode(&mut self, code: &Code) -> Result<Vec<(u16, Op)>, Wrong> {
        let mut ops = Vec::new();
        let mut offset = 0;
        while offset < code.bytes.len() {
            self.findings.instructions += 1;
            if self.findings.instructions > limits::INSTRUCTIONS {
                let reason = format!("more than {} instructions", limits::INSTRUCTIONS);
                return Err((offset, reason));
            }
            let (op, next) =
                Op::decode(&code.bytes, offset).map_err(|bad| (offset, bad.to_string()))?;
            // So few instructions end far below the last offset that two bytes can hold.
            let short = u16::try_from(offset)
                .map_err(|_| (offset, "the section is too long".to_owned()))?;
            ops.push((short, op));
            offset = next;
        }
        Ok(ops)
    }

    /// One instruction; gives the depth of the stack before it.
    fn step(&mut self, ops: &[(u16, Op)], index: usize, op: Op) -> Result<u8, String> {
        let mut stack = self.arrive(index)?;
        let depth = stack.len();
        let effect = op.effect();
        if depth < usize::from(effect.pops) {
            return Err("the instruction takes more values than there are".to_owned());
        }
        let target = match op {
            Op::Field(target) | Op::Statement(target) => Some(target),
            op => op.jump_target(),
        };
        let target = match target {
            None => None,
            Some(target) => Some(
                ops.binary_search_by_key(&target, |&(offset, _)| offset)
                    .map_err(|_| "the target is not the start of an instruction".to_owned())?,
            ),
        };
        self.check_shape(ops, index, op, depth, target)?;
        if op == Op::End && index + 1 != ops.len() {
            return Err("instructions stand behind the end".to_owned());
        }
        self.apply(op, &mut stack)?;
        if stack.len() > limits::STACK {
            return Err(format!("more than {} values on the stack", limits::STACK));
        }
        match op {
            Op::Jump(_) => self.jump(index, target, stack)?,
            Op::JumpIfFalseOrPop(_) | Op::JumpIfTrueOrPop(_) => {
                self.jump(index, target, stack.clone())?;
                stack.pop();
                self.stack = Some(stack);
            }
            _ => self.stack = Some(stack),
        }
        // The limit of the stack fits in a byte many times.
        Ok(u8::try_from(depth).unwrap_or(u8::MAX))
    }

    /// The stack before instruction `index`, on all ways to it.
    fn arrive(&mut self, index: usize) -> Result<Vec<Origin>, String> {
        match (self.stack.take(), self.ahead.remove(&index)) {
            (None, None) => Err("no way leads to the instruction".to_owned()),
            (Some(stack), None) | (None, Some(stack)) => Ok(stack),
            (Some(a), Some(b)) => self.merge(a, &b),
        }
    }

    fn merge(&mut self, mut a: Vec<Origin>, b: &[Origin]) -> Result<Vec<Origin>, String> {
        if a.len() != b.len() {
            return Err(format!(
                "the depth of the stack is {} on one way to the instruction and {} on another",
                a.len(),
                b.len()
            ));
        }
        for (a, &b) in a.iter_mut().zip(b) {
            *a = self.origins.either(*a, b);
        }
        Ok(a)
    }

    fn jump(
        &mut self,
        index: usize,
        target: Option<usize>,
        stack: Vec<Origin>,
    ) -> Result<(), String> {
        let target = target.filter(|&target| target > index);
        let target = target.ok_or("the jump does not go forward")?;
        if self.shape.jump_bound().is_some_and(|bound| target > bound) {
            return Err("the jump leaves its statement or its field".to_owned());
        }
        let stack = match self.ahead.remove(&target) {
            Some(other) => self.merge(stack, &other)?,
            None => stack,
        };
        self.ahead.insert(target, stack);
        Ok(())
    }

    fn check_shape(
        &mut self,
        ops: &[(u16, Op)],
        index: usize,
        op: Op,
        depth: usize,
        target: Option<usize>,
    ) -> Result<(), String> {
        if self.section == Section::Predicate {
            return match op {
                Op::Statement(_)
                | Op::Field(_)
                | Op::FieldEnd
                | Op::Capture(..)
                | Op::StoreVariable(..) => {
                    Err("the instruction cannot stand in a predicate".to_owned())
                }
                Op::End if depth != 1 => {
                    Err(format!("a predicate ends with one value, not {depth}"))
                }
                _ => Ok(()),
            };
        }
        let next = |index: usize| ops.get(index).map(|&(_, op)| op);
        self.shape.enter(index, op, depth, target, next)?;
        if let (Op::Field(_), Some(field)) = (op, self.shape.field)
            && self.ahead.range(index + 1..=field.end).next().is_some()
        {
            return Err("a jump from before the field leads into it".to_owned());
        }
        Ok(())
    }

    /// What the instruction does to the stack. That the values are there was checked.
    fn apply(&mut self, op: Op, stack: &mut Vec<Origin>) -> Result<(), String> {
        self.check_operands(op)?;
        let effect = op.effect();
        let below = stack.len() - usize::from(effect.pops);
        // No instruction puts more.
        let mut put: ArrayVec<Origin, 3> = ArrayVec::new();
        let origins = &mut self.origins;
        match (op, &stack[below..]) {
            (Op::Constant(index), _) => {
                let is_text =
                    matches!(self.program.constants[usize::from(index)], Constant::Str(_));
                put.push(if is_text {
                    origins.text(index)
                } else {
                    Origins::CONSTANT
                });
            }
            (Op::Input(slot), _) => {
                let name = match self.probe.inputs[usize::from(slot)] {
                    Input::Name(name) => Some(name),
                    _ => None,
                };
                put.push(origins.input(slot, name));
            }
            (Op::LoadVariable(scope, name), _) => put.push(origins.variable(scope, name)),
            (Op::StoreVariable(scope, name), &[value]) => {
                let flow = origins.flow(value, self.steps).ok_or(TOO_LONG)?;
                self.findings.add_store(scope, name, flow);
            }
            (Op::Attribute(name), &[object]) => put.push(origins.attribute(name, object)),
            (Op::Item, &[object, key]) => put.push(origins.item(object, key)),
            (Op::Slice, &[object, start, stop]) => {
                let bounds = origins.made(start, stop);
                put.push(origins.made(object, bounds));
            }
            (Op::Unary(_), &[operand]) => put.push(origins.made(operand, Origins::NOTHING)),
            (Op::Binary(_), &[left, right]) => put.push(origins.made(left, right)),
            (Op::Call(function, _), arguments) => put.push(origins.call(function, arguments)),
            (Op::Tuck, &[a, b]) => put.extend([b, a, b]),
            (Op::Nip, &[_, b]) => put.push(b),
            (Op::Capture(index, _), fields) => {
                let flows: Option<Vec<Flow>> = fields
                    .iter()
                    .map(|&field| origins.flow(field, self.steps))
                    .collect();
                self.findings.flows[usize::from(index)] = Some(flows.ok_or(TOO_LONG)?);
            }
            (Op::JumpIfFalseOrPop(_) | Op::JumpIfTrueOrPop(_), &[top]) => put.push(top),
            (Op::Compare(_) | Op::Is(_) | Op::Truth | Op::Not | Op::Matches(_), _) => {
                put.push(Origins::NOTHING);
            }
            // The rest takes what it takes and leaves nothing.
            _ => {}
        }
        stack.truncate(below);
        stack.extend(put);
        Ok(())
    }

    fn check_operands(&mut self, op: Op) -> Result<(), String> {
        let within = |index: u16, length: usize, what: &str| {
            if usize::from(index) < length {
                Ok(())
            } else {
                Err(format!("there is no {what} {index}"))
            }
        };
        match op {
            Op::Constant(index) => within(index, self.program.constants.len(), "constant"),
            Op::Input(slot) => within(slot, self.probe.inputs.len(), "input"),
            Op::Matches(index) => {
                within(index, self.program.constants.len(), "constant")?;
                let constant = &self.program.constants[usize::from(index)];
                self.findings.patterns.compile(index, constant)
            }
            Op::Attribute(name) => within(name, self.program.names.len(), "name"),
            Op::LoadVariable(scope, name) | Op::StoreVariable(scope, name) => {
                match scope {
                    Scope::Request => self.findings.uses_request_scope = true,
                    Scope::Call => self.findings.uses_call_scope = true,
                }
                within(name, self.program.names.len(), "name")
            }
            Op::Call(function, arguments) => {
                let (least, most) = function.arity();
                if (least..=most).contains(&arguments) {
                    Ok(())
                } else {
                    Err(format!("`{function}` does not take {arguments} arguments"))
                }
            }
            Op::Capture(index, fields) => {
                within(index, self.probe.captures.len(), "capture")?;
                let index = usize::from(index);
                if self.probe.captures[index].fields.len() != usize::from(fields) {
                    return Err(format!("capture {index} does not have {fields} fields"));
                }
                if self.findings.flows[index].is_some() {
                    return Err(format!("capture {index} is used twice"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Checks that positions name instructions, in order.
fn check_positions(code: &Code, ops: &[(u16, Op)]) -> Result<(), Wrong> {
    let mut last = None;
    for position in &code.positions {
        let offset = position.offset;
        let is_start = ops
            .binary_search_by_key(&offset, |&(offset, _)| offset)
            .is_ok();
        if !is_start || last.is_some_and(|last| last >= offset) {
            return Err((
                usize::from(offset),
                "the positions are not those of instructions in order".to_owned(),
            ));
        }
        if position.line == 0 || position.column == 0 {
            return Err((
                usize::from(offset),
                "lines and columns are counted from 1".to_owned(),
            ));
        }
        last = Some(offset);
    }
    Ok(())
}

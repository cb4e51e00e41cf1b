//! The run loop.

use arrayvec::ArrayVec;

use super::fault::{Fault, FaultKind};
use super::host::Host;
use crate::bytecode::{BinaryOp, CompareOp, Function, Op, Singleton, UnaryOp};
use crate::limits;
use crate::value::{Computed, Problem, Value, arithmetic, compare, convert};
use crate::verify::{Ready, VerifiedProbe};

/// How one run of a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The predicate gave something else than `True`.
    NotPassed,
    /// The predicate has no value; the host was told the fault.
    Failed,
    /// The predicate gave `True`, or there is none, and the body ran.
    Passed,
}

/// Runs `probe` once over `host`.
///
/// Faults go to [`Host::fault`]. One in the predicate ends the run; one in the body ends its statement, or, in a
/// captured field, makes the field `None`. The machine itself allocates nothing unless a fault is reported.
pub fn run<H: Host>(probe: &VerifiedProbe, host: &mut H) -> Outcome {
    if let Some(predicate) = probe.predicate() {
        let mut machine = Machine::new(predicate, host);
        match machine.run() {
            Ok(()) => match machine.stack.pop() {
                Some(value) if value.is(Singleton::True) => {}
                _ => return Outcome::NotPassed,
            },
            Err(fault) => {
                machine.report(fault, None);
                return Outcome::Failed;
            }
        }
    }
    let mut machine = Machine::new(probe.body(), host);
    while let Err(fault) = machine.run() {
        if !machine.recover(fault) {
            break;
        }
    }
    Outcome::Passed
}

/// A value of the host that the machine holds.
type Held<H> = Value<<H as Host>::Object>;

/// One run of one section.
struct Machine<'a, H: Host> {
    section: &'a Ready,
    host: &'a mut H,
    stack: ArrayVec<Held<H>, { limits::STACK }>,
    /// The instruction that runs.
    at: usize,
}

impl<'a, H: Host> Machine<'a, H> {
    fn new(section: &'a Ready, host: &'a mut H) -> Self {
        Self {
            section,
            host,
            stack: ArrayVec::new(),
            at: 0,
        }
    }

    /// Runs from the instruction it stands at to the end, or to a fault.
    fn run(&mut self) -> Result<(), Fault> {
        loop {
            let Some(&op) = self.section.ops.get(self.at) else {
                return Err(defect());
            };
            if op == Op::End {
                return Ok(());
            }
            self.at = self.step(op)?;
        }
    }

    /// Runs one instruction and gives the next one.
    #[inline]
    fn step(&mut self, op: Op) -> Result<usize, Fault> {
        match op {
            Op::Constant(index) => {
                let value = self.host.constant(index);
                self.push(value)?;
            }
            Op::Input(slot) => {
                let value = self.host.input(slot)?;
                self.push(value)?;
            }
            Op::LoadVariable(scope, name) => {
                let value = self.host.variable(scope, name);
                self.push(value)?;
            }
            Op::StoreVariable(scope, name) => {
                let value = self.pop()?;
                self.host.set_variable(scope, name, value)?;
            }
            Op::Attribute(name) => {
                let object = self.pop()?;
                let value = self.host.attribute(&object, name)?;
                self.push(value)?;
            }
            Op::Item => {
                let (object, key) = self.pop_two()?;
                let value = self.host.item(&object, &key)?;
                self.push(value)?;
            }
            Op::Slice => {
                let (start, stop) = self.pop_two()?;
                let object = self.pop()?;
                let value = self.host.slice(&object, &start, &stop)?;
                self.push(value)?;
            }
            Op::Unary(op) => self.unary(op)?,
            Op::Binary(op) => self.binary(op)?,
            Op::Compare(op) => self.compare(op)?,
            Op::Is(singleton) => {
                let value = self.pop()?;
                self.push(Value::Bool(value.is(singleton)))?;
            }
            Op::Truth => {
                let value = self.pop()?;
                let truth = self.truth(&value)?;
                self.push(Value::Bool(truth))?;
            }
            Op::Not => {
                let value = self.pop()?;
                let truth = self.truth(&value)?;
                self.push(Value::Bool(!truth))?;
            }
            Op::Call(function, count) => self.call(function, count)?,
            Op::JumpIfFalseOrPop(target) => return self.jump_if(false, target),
            Op::JumpIfTrueOrPop(target) => return self.jump_if(true, target),
            Op::Jump(target) => return Ok(usize::from(target)),
            Op::Tuck => {
                let (a, b) = self.pop_two()?;
                self.push(b.clone())?;
                self.push(a)?;
                self.push(b)?;
            }
            Op::Nip => {
                let (_, b) = self.pop_two()?;
                self.push(b)?;
            }
            Op::Capture(index, count) => {
                let below = self.below(count)?;
                self.host.capture(index, &self.stack[below..])?;
                self.stack.truncate(below);
            }
            // The verifier takes markers out, and the end is met before.
            Op::Field(_) | Op::FieldEnd | Op::Statement(_) | Op::End => return Err(defect()),
        }
        Ok(self.at + 1)
    }

    #[inline]
    fn unary(&mut self, op: UnaryOp) -> Result<(), Fault> {
        let operand = self.pop()?;
        let known = operand.scalar().map(|a| arithmetic::unary(op, a));
        let value = match computed(known)? {
            Some(value) => value,
            None => self.host.unary(op, &operand)?,
        };
        self.push(value)
    }

    #[inline]
    fn binary(&mut self, op: BinaryOp) -> Result<(), Fault> {
        let (left, right) = self.pop_two()?;
        let known = left.scalar().zip(right.scalar());
        let value = match computed(known.map(|(a, b)| arithmetic::binary(op, a, b)))? {
            Some(value) => value,
            None => self.host.binary(op, &left, &right)?,
        };
        self.push(value)
    }

    #[inline]
    fn compare(&mut self, op: CompareOp) -> Result<(), Fault> {
        let (left, right) = self.pop_two()?;
        let result = match left.scalar().zip(right.scalar()) {
            Some((a, b)) => compare::compare(op, a, b).map_err(Fault::from)?,
            None => self.host.compare(op, &left, &right)?,
        };
        self.push(Value::Bool(result))
    }

    #[inline]
    fn call(&mut self, function: Function, count: u8) -> Result<(), Fault> {
        let below = self.below(count)?;
        let arguments = &self.stack[below..];
        let known = if convert::knows(function) {
            known_call(function, arguments)
        } else {
            None
        };
        let value = match computed(known)? {
            Some(value) => value,
            None => self.host.call(function, arguments)?,
        };
        self.stack.truncate(below);
        self.push(value)
    }

    /// The depth of the stack below the uppermost `count` values.
    fn below(&self, count: u8) -> Result<usize, Fault> {
        self.stack
            .len()
            .checked_sub(usize::from(count))
            .ok_or_else(defect)
    }

    fn push(&mut self, value: Held<H>) -> Result<(), Fault> {
        self.stack.try_push(value).map_err(|_| defect())
    }

    fn pop(&mut self) -> Result<Held<H>, Fault> {
        self.stack.pop().ok_or_else(defect)
    }

    /// The two values on top, the lower one first.
    fn pop_two(&mut self) -> Result<(Held<H>, Held<H>), Fault> {
        let upper = self.pop()?;
        Ok((self.pop()?, upper))
    }

    fn truth(&mut self, value: &Held<H>) -> Result<bool, Fault> {
        match value {
            Value::Object(object) => self.host.truth(object),
            Value::None => Ok(false),
            Value::Bool(truth) => Ok(*truth),
            Value::Int(value) => Ok(*value != 0),
            Value::Float(value) => Ok(*value != 0.0),
        }
    }

    /// Goes to `target` if the truth of the top is `wanted`, else drops it.
    fn jump_if(&mut self, wanted: bool, target: u16) -> Result<usize, Fault> {
        let top = self.pop()?;
        if self.truth(&top)? == wanted {
            self.push(top)?;
            return Ok(usize::from(target));
        }
        Ok(self.at + 1)
    }

    /// Reports a fault of the instruction that it stands at.
    #[cold]
    fn report(&mut self, mut fault: Fault, field: Option<u16>) {
        if fault.position.is_none() {
            fault.position = self.section.position(self.at);
        }
        self.host.fault(fault, field);
    }

    /// Reports a fault and goes to where the body goes on; false if there is no such place.
    #[cold]
    fn recover(&mut self, fault: Fault) -> bool {
        let Some(guard) = self.section.guard(self.at) else {
            self.report(fault, None);
            return false;
        };
        self.report(fault, guard.field.map(u16::from));
        self.stack.truncate(usize::from(guard.depth));
        if guard.field.is_some() && self.push(Value::None).is_err() {
            return false;
        }
        self.at = usize::from(guard.end);
        true
    }
}

/// The value of a computation that needs no host; `None` if there was none, or its result is only the host's.
#[inline]
fn computed<O>(known: Option<Computed>) -> Result<Option<Value<O>>, Fault> {
    match known {
        None => Ok(None),
        Some(Ok(scalar)) => Ok(scalar.map(Value::from)),
        Some(Err(problem)) => Err(problem.into()),
    }
}

/// A call on arguments that are all known to the machine.
fn known_call<O>(function: Function, arguments: &[Value<O>]) -> Option<Computed> {
    let scalars: Option<ArrayVec<_, { limits::STACK }>> =
        arguments.iter().map(Value::scalar).collect();
    Some(convert::call(function, &scalars?))
}

/// What cannot happen in verified code, told instead of a panic.
#[cold]
fn defect() -> Fault {
    Fault::new(
        FaultKind::Internal,
        "the machine met code that no verifier accepts",
    )
}

impl From<Problem> for Fault {
    #[cold]
    fn from(problem: Problem) -> Self {
        let kind = match problem {
            Problem::DivisionByZero | Problem::IntegerOfInfinity => FaultKind::Arithmetic,
            Problem::IntegerOfNan => FaultKind::Value,
            Problem::Operands(..)
            | Problem::Operand(..)
            | Problem::Order(..)
            | Problem::Container(_)
            | Problem::Argument(..) => FaultKind::Type,
        };
        Self::new(kind, problem.to_string())
    }
}

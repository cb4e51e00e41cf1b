//! The run loop.

use arrayvec::ArrayVec;

use super::fault::{Fault, FaultKind};
use super::host::Host;
use crate::bytecode::{BinaryOp, CompareOp, Function, Op, Singleton, UnaryOp};
use crate::limits;
use crate::value::{Computed, Problem, Value, arithmetic, compare as comparison, convert};
use crate::verify::{Ready, VerifiedProbe};

/// How one run of a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The probe is sampled, and this request, or this call, is not among those in which it fires.
    SampledOut,
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
    if let Some(rate) = probe.sample()
        && host.draw() >= rate
    {
        return Outcome::SampledOut;
    }
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
    perform(probe, host)
}

/// Runs the body of `probe` over `host`: the run of a probe without a sampling rate whose predicate is known to give
/// `True` ([`super::glance`]).
pub fn perform<H: Host>(probe: &VerifiedProbe, host: &mut H) -> Outcome {
    host.begin_body();
    if host.take_body() {
        return Outcome::Passed;
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
    #[expect(clippy::too_many_lines, reason = "one arm for each instruction")]
    fn run(&mut self) -> Result<(), Fault> {
        let section = self.section;
        loop {
            let Some(&op) = section.ops.get(self.at) else {
                return Err(defect());
            };
            let mut next = self.at + 1;
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
                    let top = self.stack.last_mut().ok_or_else(defect)?;
                    *top = self.host.attribute(top, name)?;
                }
                Op::Item => {
                    let [.., object, key] = self.stack.as_mut_slice() else {
                        return Err(defect());
                    };
                    *object = self.host.item(object, key)?;
                    self.stack.pop();
                }
                Op::Slice => {
                    let [.., object, start, stop] = self.stack.as_mut_slice() else {
                        return Err(defect());
                    };
                    *object = self.host.slice(object, start, stop)?;
                    self.stack.truncate(self.stack.len() - 2);
                }
                Op::Unary(op) => {
                    let top = self.stack.last_mut().ok_or_else(defect)?;
                    *top = unary(self.host, op, top)?;
                }
                Op::Binary(op) => {
                    let [.., left, right] = self.stack.as_mut_slice() else {
                        return Err(defect());
                    };
                    *left = binary(self.host, op, left, right)?;
                    self.stack.pop();
                }
                Op::Compare(op) => {
                    let [.., left, right] = self.stack.as_mut_slice() else {
                        return Err(defect());
                    };
                    *left = Value::Bool(compare(self.host, op, left, right)?);
                    self.stack.pop();
                }
                Op::Is(singleton) => {
                    let top = self.stack.last_mut().ok_or_else(defect)?;
                    *top = Value::Bool(top.is(singleton));
                }
                Op::Truth => {
                    let top = self.stack.last_mut().ok_or_else(defect)?;
                    *top = Value::Bool(truth(self.host, top)?);
                }
                Op::Not => {
                    let top = self.stack.last_mut().ok_or_else(defect)?;
                    *top = Value::Bool(!truth(self.host, top)?);
                }
                Op::Call(function, count) => {
                    let below = self.below(count)?;
                    let value = call(self.host, function, &self.stack[below..])?;
                    self.stack.truncate(below);
                    self.push(value)?;
                }
                Op::Matches(number) => {
                    let pattern = section.patterns.get(usize::from(number));
                    let top = self.stack.last_mut().ok_or_else(defect)?;
                    *top = Value::Bool(self.host.matches(pattern.ok_or_else(defect)?, top)?);
                }
                Op::JumpIfFalseOrPop(target) => {
                    if self.keeps(false)? {
                        next = usize::from(target);
                    }
                }
                Op::JumpIfTrueOrPop(target) => {
                    if self.keeps(true)? {
                        next = usize::from(target);
                    }
                }
                Op::Jump(target) => next = usize::from(target),
                Op::Tuck => {
                    let upper = self.stack.last().ok_or_else(defect)?.clone();
                    let place = self.below(2)?;
                    self.stack.try_insert(place, upper).map_err(|_| defect())?;
                }
                Op::Nip => {
                    let upper = self.pop()?;
                    *self.stack.last_mut().ok_or_else(defect)? = upper;
                }
                Op::Capture(index, count) => {
                    let below = self.below(count)?;
                    self.host.capture(index, &self.stack[below..])?;
                    self.stack.truncate(below);
                }
                Op::End => return Ok(()),
                // The verifier takes markers out.
                Op::Field(_) | Op::FieldEnd | Op::Statement(_) => return Err(defect()),
            }
            self.at = next;
        }
    }

    #[inline]
    fn push(&mut self, value: Held<H>) -> Result<(), Fault> {
        self.stack.try_push(value).map_err(|_| defect())
    }

    #[inline]
    fn pop(&mut self) -> Result<Held<H>, Fault> {
        self.stack.pop().ok_or_else(defect)
    }

    /// Whether the truth of the top is `wanted`; if not, the top is dropped.
    #[inline]
    fn keeps(&mut self, wanted: bool) -> Result<bool, Fault> {
        let top = self.stack.last().ok_or_else(defect)?;
        let keeps = truth(self.host, top)? == wanted;
        if !keeps {
            self.stack.pop();
        }
        Ok(keeps)
    }

    /// The depth of the stack below the uppermost `count` values.
    fn below(&self, count: u8) -> Result<usize, Fault> {
        self.stack
            .len()
            .checked_sub(usize::from(count))
            .ok_or_else(defect)
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

#[inline]
fn truth<H: Host>(host: &mut H, value: &Held<H>) -> Result<bool, Fault> {
    match value {
        Value::Object(object) => host.truth(object),
        Value::None => Ok(false),
        Value::Bool(truth) => Ok(*truth),
        Value::Int(value) => Ok(*value != 0),
        Value::Float(value) => Ok(*value != 0.0),
    }
}

#[inline]
fn unary<H: Host>(host: &mut H, op: UnaryOp, operand: &Held<H>) -> Result<Held<H>, Fault> {
    let known = operand
        .scalar()
        .map(|operand| arithmetic::unary(op, operand));
    match computed(known)? {
        Some(value) => Ok(value),
        None => host.unary(op, operand),
    }
}

#[inline]
fn binary<H: Host>(
    host: &mut H,
    op: BinaryOp,
    left: &Held<H>,
    right: &Held<H>,
) -> Result<Held<H>, Fault> {
    let known = left.scalar().zip(right.scalar());
    match computed(known.map(|(a, b)| arithmetic::binary(op, a, b)))? {
        Some(value) => Ok(value),
        None => host.binary(op, left, right),
    }
}

#[inline]
fn compare<H: Host>(
    host: &mut H,
    op: CompareOp,
    left: &Held<H>,
    right: &Held<H>,
) -> Result<bool, Fault> {
    // The commonest case by far, and the one for which the general way costs the most.
    if let (Value::Int(a), Value::Int(b)) = (left, right)
        && let Some(result) = comparison::integers(op, *a, *b)
    {
        return Ok(result);
    }
    match (left.scalar(), right.scalar()) {
        (Some(a), Some(b)) => comparison::compare(op, a, b).map_err(Fault::from),
        _ => host.compare(op, left, right),
    }
}

#[inline]
fn call<H: Host>(
    host: &mut H,
    function: Function,
    arguments: &[Held<H>],
) -> Result<Held<H>, Fault> {
    if convert::knows(function)
        && let Some(value) = computed(known_call(function, arguments))?
    {
        return Ok(value);
    }
    host.call(function, arguments)
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

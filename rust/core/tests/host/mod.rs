//! A host without Python: strings, lists, dicts, objects, and integers of 128 bits.
//!
//! It fixes the shape of the `Host` trait from outside of the crate: whoever changes the trait changes this file too.

#![allow(dead_code, reason = "each test program uses a part of it")]

mod operations;

use std::collections::BTreeMap;
use std::rc::Rc;

use hogtrace_core::VerifiedProgram;
use hogtrace_core::bytecode::{
    BinaryOp, CompareOp, Constant, Function, Input, Program, Scope, UnaryOp,
};
use hogtrace_core::pattern::Pattern;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{Fault, FaultKind, Host, Outcome, run};

/// A value of this host.
pub(crate) type Held = Value<Object>;

/// What the machine does not know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Object {
    /// An integer beyond 64 bits.
    Big(i128),
    /// A string.
    Str(Rc<str>),
    /// A list or tuple.
    List(Rc<Vec<Held>>),
    /// A dict, in order of insertion.
    Dict(Rc<Vec<(Held, Held)>>),
    /// An object with attributes.
    Instance(Rc<Instance>),
}

/// An object with attributes.
#[derive(Debug, PartialEq)]
pub(crate) struct Instance {
    /// The name of its type.
    pub(crate) type_name: &'static str,
    /// Its attributes.
    pub(crate) attributes: BTreeMap<&'static str, Held>,
}

/// A string.
pub(crate) fn text(value: &str) -> Held {
    Value::Object(Object::Str(value.into()))
}

/// A list.
pub(crate) fn list(items: impl IntoIterator<Item = Held>) -> Held {
    Value::Object(Object::List(Rc::new(items.into_iter().collect())))
}

/// A dict.
pub(crate) fn dict(items: impl IntoIterator<Item = (Held, Held)>) -> Held {
    Value::Object(Object::Dict(Rc::new(items.into_iter().collect())))
}

/// An object with attributes.
pub(crate) fn instance(
    type_name: &'static str,
    attributes: impl IntoIterator<Item = (&'static str, Held)>,
) -> Held {
    Value::Object(Object::Instance(Rc::new(Instance {
        type_name,
        attributes: attributes.into_iter().collect(),
    })))
}

/// What a probe reads and leaves behind.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The values of inputs, by their names in probes.
    pub(crate) inputs: BTreeMap<&'static str, Held>,
    /// Variables of the request and of the call.
    pub(crate) variables: BTreeMap<(&'static str, String), Held>,
    /// The fields of each capture.
    pub(crate) captures: Vec<Vec<(String, Held)>>,
    /// Each fault with the number of the field that it spoiled.
    pub(crate) faults: Vec<(Fault, Option<u16>)>,
    /// The names of what was asked for, in order.
    pub(crate) asked: Vec<String>,
    /// How many variables fit, if there is a bound.
    pub(crate) room: Option<usize>,
    /// The number that samples this world's request.
    pub(crate) draw: f64,
}

impl World {
    /// A world in which these inputs have values.
    pub(crate) fn new(inputs: impl IntoIterator<Item = (&'static str, Held)>) -> Self {
        Self {
            inputs: inputs.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Forgets what runs left behind, and keeps the inputs.
    pub(crate) fn forget(&mut self) {
        self.variables.clear();
        self.captures.clear();
        self.faults.clear();
        self.asked.clear();
    }

    /// Runs one probe of a program in it.
    pub(crate) fn run(&mut self, program: &VerifiedProgram, probe: usize) -> Outcome {
        let mut host = TestHost {
            program: program.program(),
            probe,
            world: self,
        };
        run(&program.probes()[probe], &mut host)
    }
}

/// The world during one run of one probe.
pub(crate) struct TestHost<'a> {
    program: &'a Program,
    probe: usize,
    world: &'a mut World,
}

impl TestHost<'_> {
    fn name(&self, index: u16) -> &str {
        &self.program.names[usize::from(index)]
    }
}

/// A fault of that kind.
pub(crate) fn fault(kind: FaultKind, message: impl Into<String>) -> Fault {
    Fault::new(kind, message.into())
}

fn constant(constant: &Constant) -> Held {
    match constant {
        Constant::None => Value::None,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int(value) => Value::Int(*value),
        Constant::Float(value) => Value::Float(*value),
        Constant::Str(value) => text(value),
        // Those beyond 128 bits are more than these tests compute with.
        Constant::BigInt(digits) => Value::Object(Object::Big(digits.parse().unwrap_or(i128::MAX))),
        Constant::List(items) => list(items.iter().map(self::constant)),
    }
}

impl Host for TestHost<'_> {
    type Object = Object;

    fn draw(&mut self) -> f64 {
        self.world.asked.push("draw".to_owned());
        self.world.draw
    }

    fn input(&mut self, slot: u16) -> Result<Held, Fault> {
        let name = match &self.program.probes[self.probe].inputs[usize::from(slot)] {
            Input::Args => "args".to_owned(),
            Input::Arg(number) => format!("arg{number}"),
            Input::Kwargs => "kwargs".to_owned(),
            Input::SelfArgument => "self".to_owned(),
            Input::Name(name) => self.name(*name).to_owned(),
            Input::Locals => "locals".to_owned(),
            Input::Globals => "globals".to_owned(),
            Input::Retval => "retval".to_owned(),
            Input::Exception => "exception".to_owned(),
            Input::Duration => "duration".to_owned(),
        };
        self.world.asked.push(name.clone());
        let value = self.world.inputs.get(name.as_str()).cloned();
        value.ok_or_else(|| fault(FaultKind::Name, format!("`{name}` has no value")))
    }

    fn constant(&mut self, index: u16) -> Held {
        constant(&self.program.constants[usize::from(index)])
    }

    fn variable(&mut self, scope: Scope, name: u16) -> Held {
        let key = (scope.as_str(), self.name(name).to_owned());
        self.world
            .variables
            .get(&key)
            .cloned()
            .unwrap_or(Value::None)
    }

    fn set_variable(&mut self, scope: Scope, name: u16, value: Held) -> Result<(), Fault> {
        if self
            .world
            .room
            .is_some_and(|room| self.world.variables.len() >= room)
        {
            return Err(fault(FaultKind::Limit, "no room for another variable"));
        }
        let key = (scope.as_str(), self.name(name).to_owned());
        self.world.variables.insert(key, value);
        Ok(())
    }

    fn attribute(&mut self, object: &Held, name: u16) -> Result<Held, Fault> {
        let name = self.name(name);
        let value = match object {
            Value::Object(Object::Instance(instance)) => instance.attributes.get(name).cloned(),
            _ => None,
        };
        value.ok_or_else(|| fault(FaultKind::Attribute, format!("no attribute `{name}`")))
    }

    fn item(&mut self, object: &Held, key: &Held) -> Result<Held, Fault> {
        operations::item(object, key)
    }

    fn slice(&mut self, object: &Held, start: &Held, stop: &Held) -> Result<Held, Fault> {
        operations::slice(object, start, stop)
    }

    fn truth(&mut self, value: &Object) -> Result<bool, Fault> {
        match value {
            Object::Big(value) => Ok(*value != 0),
            Object::Str(text) => Ok(!text.is_empty()),
            Object::List(items) => Ok(!items.is_empty()),
            Object::Dict(items) => Ok(!items.is_empty()),
            Object::Instance(_) => Err(fault(
                FaultKind::Refused,
                "asking would run code of the application",
            )),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &Held) -> Result<Held, Fault> {
        operations::unary(op, operand)
    }

    fn binary(&mut self, op: BinaryOp, left: &Held, right: &Held) -> Result<Held, Fault> {
        operations::binary(op, left, right)
    }

    fn compare(&mut self, op: CompareOp, left: &Held, right: &Held) -> Result<bool, Fault> {
        operations::compare(op, left, right)
    }

    fn call(&mut self, function: Function, arguments: &[Held]) -> Result<Held, Fault> {
        self.world.asked.push(format!("{function}()"));
        operations::call(function, arguments)
    }

    fn matches(&mut self, pattern: &Pattern, text: &Held) -> Result<bool, Fault> {
        self.world
            .asked
            .push(format!("matches {}", pattern.as_str()));
        match text {
            Value::Object(Object::Str(text)) => pattern
                .is_in(text)
                .map_err(|gave_up| fault(FaultKind::Limit, gave_up.to_string())),
            _ => Err(fault(
                FaultKind::Type,
                "a pattern is searched for in strings",
            )),
        }
    }

    fn capture(&mut self, index: u16, values: &[Held]) -> Result<(), Fault> {
        let fields = &self.program.probes[self.probe].captures[usize::from(index)].fields;
        let event = fields.iter().cloned().zip(values.iter().cloned()).collect();
        self.world.captures.push(event);
        Ok(())
    }

    fn fault(&mut self, fault: Fault, field: Option<u16>) {
        self.world.faults.push((fault, field));
    }
}

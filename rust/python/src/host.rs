//! The machine's host in CPython: one for both worlds, a frame given to `execute_probe` and a call of a woven
//! function, which differ only in where names come from and where captures go.

use hogtrace_core::bytecode::{BinaryOp, CompareOp, Function, Scope, UnaryOp};
use hogtrace_core::limits;
use hogtrace_core::pattern::Pattern;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{Fault, FaultKind, Host};
use pyo3::prelude::*;
use pyo3::types::{PyFrame, PyList, PyString};

use crate::access;
use crate::event::{self, Failure};
use crate::frames;
use crate::linked::Linked;
use crate::number::{from_value, to_value};
use crate::random;
use crate::secrecy::{Met, Secrecy, Settled};
use crate::snapshot::{Clock, Finished, Plain, Room};
use crate::store::{Held, RequestLocalStore};

/// Where the names of one run come from, and where its captures go.
pub(crate) trait World<'py> {
    /// The value of input `slot` of the probe.
    fn input(&mut self, slot: u16) -> Result<Value<Bound<'py, PyAny>>, Fault>;

    /// A variable of the call, if it was set.
    fn call_variable(&self, name: &Bound<'py, PyString>) -> Option<Held<'py>>;

    /// Sets a variable of the call.
    fn set_call_variable(
        &mut self,
        name: &Bound<'py, PyString>,
        held: Held<'py>,
    ) -> Result<(), Fault>;

    /// What is known of the fields of a capture before any call; of those that it leaves out, nothing.
    fn settled(&self, capture: usize) -> &[Settled];

    /// How much of a field is secret because of the parameters that it was read through.
    fn secrecy(
        &self,
        capture: usize,
        field: usize,
        value: &Value<Bound<'py, PyAny>>,
    ) -> Secrecy<'py>;

    /// Whether a variable that the probe sets is secret because of the parameters that it was read through.
    fn stores_secret(&self, store: usize) -> bool;

    /// The store of the request, looked up when it is asked for.
    fn store(&mut self) -> Option<&Bound<'py, RequestLocalStore>>;

    /// The number in [0, 1) by which the request, or the call, is sampled.
    fn draw(&mut self) -> f64;

    /// The predicate has passed.
    fn begin_body(&mut self) {}

    /// The frame that the probe looks at, and its current line where the frame itself does not tell.
    fn frame(&self) -> Option<(Bound<'py, PyFrame>, Option<u32>)>;

    /// Writes the fields of the one capture that is all that the probe's body does, if they are inputs that need no walk,
    /// and gives the number of that capture. What was written counts for nothing otherwise.
    fn plain_fields(&self, plain: &mut Plain<'_>) -> Option<usize>;

    /// Takes the values of a capture's fields in packed form, and what went wrong in this run so far.
    fn emit(&mut self, capture: usize, values: &[u8], errors: Vec<Failure>);
}

/// One run of one probe.
pub(crate) struct PythonHost<'a, 'py, W> {
    py: Python<'py>,
    linked: &'a Linked,
    pub(crate) world: W,
    /// What makes values secret in this run.
    met: Met,
    /// The time that the copies of this run have left.
    clock: Clock,
    /// Faults that no capture has carried away yet, and the field that each spoiled.
    pending: Vec<(Fault, Option<u16>)>,
    /// How many faults there were, and the last of them.
    pub(crate) faults: u64,
    pub(crate) last_fault: Option<Fault>,
    /// How many writes to `$req` went nowhere, because there is no request, or it is over.
    pub(crate) dropped_writes: u64,
}

impl<'a, 'py, W: World<'py>> PythonHost<'a, 'py, W> {
    pub(crate) fn new(py: Python<'py>, linked: &'a Linked, world: W) -> Self {
        access::begin_run();
        Self {
            py,
            linked,
            world,
            met: Met::default(),
            clock: Clock::of(linked.limits().time),
            pending: Vec::new(),
            faults: 0,
            last_fault: None,
            dropped_writes: 0,
        }
    }

    /// `stack()`, `stack(n)`
    fn stack(&self, arguments: &[Value<Bound<'py, PyAny>>]) -> Result<Bound<'py, PyList>, Fault> {
        let count = match arguments {
            [] => Some(limits::FRAMES_UNASKED),
            [Value::Int(count)] => u8::try_from(*count).ok(),
            [other] => {
                let message = format!(
                    "stack() takes an integer, not '{}'",
                    access::type_of(&self.object(other))
                );
                return Err(Fault::new(FaultKind::Type, message));
            }
            _ => None,
        };
        let Some(count) = count.filter(|count| (1..=limits::FRAMES).contains(count)) else {
            let message = format!("stack() gives 1 to {} frames", limits::FRAMES);
            return Err(Fault::new(FaultKind::Value, message));
        };
        let texts = match self.world.frame() {
            Some((frame, line)) => frames::innermost(frame, line, count),
            None => Vec::new(),
        };
        PyList::new(self.py, texts)
            .map_err(|error| Fault::new(FaultKind::Internal, error.to_string()))
    }

    /// Takes what went wrong since the last capture; `name` tells the names of the fields of the next one.
    pub(crate) fn take_failures<'n>(
        &mut self,
        name: impl Fn(u16) -> Option<&'n str>,
    ) -> Vec<Failure> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut self.pending)
            .iter()
            .map(|(fault, field)| Failure::new(fault, field.and_then(&name)))
            .collect()
    }

    fn object(&self, value: &Value<Bound<'py, PyAny>>) -> Bound<'py, PyAny> {
        from_value(self.py, value)
    }

    /// Names the key that is not there, if the program itself does: any other may be a secret.
    #[cold]
    fn tell_key(&self, mut fault: Fault, key: &Value<Bound<'py, PyAny>>) -> Fault {
        if fault.message == access::NO_KEY
            && let Some(key) = self.linked.constant_text(key)
        {
            fault.message = format!("no key {key}").into();
        }
        fault
    }

    /// Notes that something is made of a value.
    fn operand(&mut self, value: &Value<Bound<'py, PyAny>>) {
        if self.met.watching {
            self.met.operand(self.linked.judge(), value);
        }
    }

    /// Whether the value that a variable is set to now is secret.
    fn stores_secret(&self, scope: Scope, name: u16) -> bool {
        let stores = self.linked.verified().stores();
        let Some(index) = stores
            .iter()
            .position(|store| (store.scope, store.name) == (scope, name))
        else {
            // The verifier lists every variable that is set.
            return true;
        };
        self.linked.secret().stores[index]
            || self.world.stores_secret(index)
            || self.met.hides(&stores[index].flow)
    }

    /// Takes a capture of which `plain` has written as many fields as need no walk.
    #[inline(never)]
    fn capture_walking(
        &mut self,
        capture: usize,
        values: &[Value<Bound<'py, PyAny>>],
        plain: Plain<'_>,
    ) -> Result<(), Fault> {
        let linked = self.linked;
        let names = linked.fields(capture);
        let (written, mut writer) = plain.walk(names, self.clock);
        for (position, value) in values.iter().enumerate().skip(written) {
            let secrecy = match self.world.settled(capture).get(position) {
                Some(Settled::Open) => Secrecy::Open,
                Some(Settled::Hidden) => Secrecy::Hidden,
                _ => self.secrecy(capture, position, value),
            };
            writer.field(matches!(secrecy, Secrecy::Hidden));
            match (secrecy, value) {
                (Secrecy::Replaced(object), _) => writer.object(&object),
                (_, Value::Object(object)) => writer.object(object),
                (_, Value::None) => writer.none(),
                (_, Value::Bool(value)) => writer.boolean(*value),
                (_, Value::Int(value)) => writer.integer(*value),
                (_, Value::Float(value)) => writer.float(*value),
            }
        }
        let Finished {
            values,
            late_in,
            clock,
        } = writer.finish()?;
        self.clock = clock;
        if let Some(field) = late_in {
            let message = format!(
                "out of time: the copies of one run stop after {} ms",
                linked.limits().time.as_secs_f64() * 1000.0
            );
            let fault = Fault::new(FaultKind::Limit, message);
            Host::fault(self, fault, u16::try_from(field).ok());
        }
        let name = |field: u16| names.get(usize::from(field)).map(|name| &**name);
        let errors = self.take_failures(name);
        self.world.emit(capture, values, errors);
        Ok(())
    }

    /// How much of a captured field is secret.
    fn secrecy(
        &self,
        capture: usize,
        field: usize,
        value: &Value<Bound<'py, PyAny>>,
    ) -> Secrecy<'py> {
        if !self.linked.hides() {
            Secrecy::Open
        } else if self.linked.secret().fields[capture][field]
            || self
                .met
                .hides(&self.linked.verified().flows()[capture][field])
        {
            Secrecy::Hidden
        } else {
            self.world.secrecy(capture, field, value)
        }
    }
}

impl<'py, W: World<'py>> Host for PythonHost<'_, 'py, W> {
    type Object = Bound<'py, PyAny>;

    fn draw(&mut self) -> f64 {
        self.world.draw()
    }

    fn begin_body(&mut self) {
        self.world.begin_body();
        self.met.watching = self.linked.watches();
    }

    fn take_body(&mut self) -> bool {
        if !self.pending.is_empty() || self.clock.is_out() {
            return false;
        }
        let linked = self.linked;
        let mut room = Room::new();
        let mut plain = Plain::new(&mut room, linked.limits(), linked.redaction());
        if let Some(capture) = self.world.plain_fields(&mut plain)
            && let Some(values) = plain.finish()
        {
            self.world.emit(capture, values, Vec::new());
            return true;
        }
        false
    }

    fn input(&mut self, slot: u16) -> Result<Value<Self::Object>, Fault> {
        self.world.input(slot)
    }

    fn constant(&mut self, index: u16) -> Value<Self::Object> {
        self.linked.constant(self.py, index)
    }

    fn variable(&mut self, scope: Scope, name: u16) -> Value<Self::Object> {
        let text = self.linked.name(self.py, name);
        let found = match scope {
            Scope::Request => {
                let py = self.py;
                self.world
                    .store()
                    .and_then(|store| store.get().variable(py, text))
            }
            Scope::Call => self.world.call_variable(text),
        };
        let Some(held) = found else {
            return Value::None;
        };
        if held.is_secret {
            self.met.variable(scope, name);
        }
        to_value(held.value)
    }

    fn set_variable(
        &mut self,
        scope: Scope,
        name: u16,
        value: Value<Self::Object>,
    ) -> Result<(), Fault> {
        let held = Held {
            is_secret: self.stores_secret(scope, name),
            value: self.object(&value),
        };
        let name = self.linked.name(self.py, name);
        match scope {
            Scope::Request => {
                let is_set = match self.world.store() {
                    Some(store) => store
                        .get()
                        .assign(name, held)
                        .map_err(|full| Fault::new(FaultKind::Limit, full.to_string()))?,
                    None => false,
                };
                if !is_set {
                    // That is the language, not an error.
                    self.dropped_writes += 1;
                }
                Ok(())
            }
            Scope::Call => self.world.set_call_variable(name, held),
        }
    }

    fn attribute(
        &mut self,
        object: &Value<Self::Object>,
        name: u16,
    ) -> Result<Value<Self::Object>, Fault> {
        self.operand(object);
        let name = self.linked.name(self.py, name);
        access::attribute(self.linked.policy(), &self.object(object), name).map(to_value)
    }

    fn item(
        &mut self,
        object: &Value<Self::Object>,
        key: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault> {
        if self.met.watching {
            self.met.item(self.linked.judge(), object, key);
        }
        access::item(
            self.linked.policy(),
            &self.object(object),
            &self.object(key),
        )
        .map(to_value)
        .map_err(|fault| self.tell_key(fault, key))
    }

    fn slice(
        &mut self,
        object: &Value<Self::Object>,
        start: &Value<Self::Object>,
        stop: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault> {
        self.operand(object);
        access::slice(
            self.linked.policy(),
            &self.object(object),
            &self.object(start),
            &self.object(stop),
        )
        .map(to_value)
    }

    fn truth(&mut self, value: &Self::Object) -> Result<bool, Fault> {
        access::truth(self.linked.policy(), value)
    }

    fn unary(
        &mut self,
        op: UnaryOp,
        operand: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault> {
        self.operand(operand);
        access::unary(self.linked.policy(), op, &self.object(operand)).map(to_value)
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        left: &Value<Self::Object>,
        right: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault> {
        self.operand(left);
        self.operand(right);
        access::binary(
            self.linked.policy(),
            op,
            &self.object(left),
            &self.object(right),
        )
        .map(to_value)
    }

    fn compare(
        &mut self,
        op: CompareOp,
        left: &Value<Self::Object>,
        right: &Value<Self::Object>,
    ) -> Result<bool, Fault> {
        access::compare(
            self.linked.policy(),
            op,
            &self.object(left),
            &self.object(right),
        )
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Value<Self::Object>],
    ) -> Result<Value<Self::Object>, Fault> {
        match function {
            Function::Timestamp => Ok(Value::Float(event::now())),
            Function::Rand => Ok(Value::Float(random::unit())),
            Function::Stack => self
                .stack(arguments)
                .map(|texts| Value::Object(texts.into_any())),
            _ => {
                for argument in arguments {
                    if function == Function::Str && self.met.watching {
                        self.met.text(self.linked.judge(), argument);
                    } else {
                        self.operand(argument);
                    }
                }
                let objects: Vec<_> = arguments.iter().map(|value| self.object(value)).collect();
                access::call(self.linked.policy(), self.py, function, &objects).map(to_value)
            }
        }
    }

    fn matches(&mut self, pattern: &Pattern, text: &Value<Self::Object>) -> Result<bool, Fault> {
        self.operand(text);
        match text {
            Value::Object(text) => access::matches(self.linked.policy(), pattern, text),
            scalar => access::matches(self.linked.policy(), pattern, &self.object(scalar)),
        }
    }

    fn capture(&mut self, index: u16, values: &[Value<Self::Object>]) -> Result<(), Fault> {
        let capture = usize::from(index);
        let linked = self.linked;
        let mut room = Room::new();
        let mut plain = Plain::new(&mut room, linked.limits(), linked.redaction());
        let settled = self.world.settled(capture);
        let is_plain = settled.len() == values.len()
            && self.pending.is_empty()
            && !self.clock.is_out()
            && values
                .iter()
                .zip(settled)
                .all(|(value, settled)| *settled == Settled::Open && plain.field(value));
        if is_plain && let Some(values) = plain.finish() {
            self.world.emit(capture, values, Vec::new());
            return Ok(());
        }
        self.capture_walking(capture, values, plain)
    }

    fn fault(&mut self, fault: Fault, field: Option<u16>) {
        self.faults += 1;
        self.last_fault = Some(fault.clone());
        self.pending.push((fault, field));
    }
}

/// The fault of a name that the call does not have.
pub(crate) fn no_name(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(FaultKind::Name, message)
}

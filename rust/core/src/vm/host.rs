//! What the virtual machine asks of the world it runs in.

use super::fault::Fault;
use crate::bytecode::{BinaryOp, CompareOp, Function, Scope, UnaryOp};
use crate::pattern::Pattern;
use crate::value::Value;

/// The world of one run of one probe: where names, attributes, items and variables are found, how values that only
/// the host understands behave, and where captures go.
///
/// The machine computes on `None`, booleans, 64-bit integers and floats itself and asks the host for the rest: an
/// operand that reaches [`Host::unary`], [`Host::binary`] or [`Host::compare`] is an [`Value::Object`] on at least one
/// side, or a number whose result leaves 64 bits. A host never unwinds and never runs code of the application unless
/// its access rules say so. Indices are those of the verified program's tables, so they are always in range.
pub trait Host {
    /// A value that only the host understands; cloning it must be cheap and must not fail.
    type Object: Clone;

    /// The number in [0, 1) by which the request, or outside any request the call, is sampled: the same for every
    /// probe that asks in it. Asked for by probes with a sampling rate only, before anything else.
    fn draw(&mut self) -> f64;

    /// The predicate passed, or there is none: what is asked from now on, the body asks.
    fn begin_body(&mut self) {}

    /// Does all that the body does, if the host knows a quicker way to the same effect; otherwise it does nothing, gives
    /// false, and the machine runs the body.
    fn take_body(&mut self) -> bool {
        false
    }

    /// The value of input `slot` of this probe (see [`crate::bytecode::Input`]).
    ///
    /// # Errors
    /// When the name has no value now (an unbound local, an argument that was not passed).
    fn input(&mut self, slot: u16) -> Result<Value<Self::Object>, Fault>;

    /// Constant `index` of the program, linked before the first run.
    fn constant(&mut self, index: u16) -> Value<Self::Object>;

    /// The variable `name` (an index into the program's names) of `scope`; `None` when it was never set.
    fn variable(&mut self, scope: Scope, name: u16) -> Value<Self::Object>;

    /// Sets the variable `name` of `scope` to the value itself.
    ///
    /// # Errors
    /// When the scope is full.
    fn set_variable(
        &mut self,
        scope: Scope,
        name: u16,
        value: Value<Self::Object>,
    ) -> Result<(), Fault>;

    /// `object.name`.
    ///
    /// # Errors
    /// When there is no such attribute, or reading it is refused.
    fn attribute(
        &mut self,
        object: &Value<Self::Object>,
        name: u16,
    ) -> Result<Value<Self::Object>, Fault>;

    /// `object[key]`.
    ///
    /// # Errors
    /// When there is no such item, or reading it is refused.
    fn item(
        &mut self,
        object: &Value<Self::Object>,
        key: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault>;

    /// `object[start:stop]`; an open end is [`Value::None`].
    ///
    /// # Errors
    /// When the object cannot be sliced, or slicing it is refused.
    fn slice(
        &mut self,
        object: &Value<Self::Object>,
        start: &Value<Self::Object>,
        stop: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault>;

    /// The truth of a value that the machine does not know.
    ///
    /// # Errors
    /// When asking would run code of the application.
    fn truth(&mut self, value: &Self::Object) -> Result<bool, Fault>;

    /// A unary arithmetic operator.
    ///
    /// # Errors
    /// As CPython raises, or when it is refused.
    fn unary(
        &mut self,
        op: UnaryOp,
        operand: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault>;

    /// A binary arithmetic operator.
    ///
    /// # Errors
    /// As CPython raises, or when it is refused or over a limit.
    fn binary(
        &mut self,
        op: BinaryOp,
        left: &Value<Self::Object>,
        right: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Fault>;

    /// A comparison or membership test.
    ///
    /// # Errors
    /// As CPython raises, or when it is refused or over a limit.
    fn compare(
        &mut self,
        op: CompareOp,
        left: &Value<Self::Object>,
        right: &Value<Self::Object>,
    ) -> Result<bool, Fault>;

    /// A call of one of the language's own functions; the number of arguments was checked.
    ///
    /// `bool`, `abs`, `int`, `float`, `min` and `max` come here only with an object among their arguments, or where
    /// the result leaves 64 bits; the machine computes them otherwise.
    ///
    /// # Errors
    /// As CPython raises, or when it is refused or over a limit.
    fn call(
        &mut self,
        function: Function,
        arguments: &[Value<Self::Object>],
    ) -> Result<Value<Self::Object>, Fault>;

    /// Whether `pattern` is found anywhere in a value that is a string.
    ///
    /// # Errors
    /// When the value is no string, when looking into it is refused, or over a limit.
    fn matches(&mut self, pattern: &Pattern, text: &Value<Self::Object>) -> Result<bool, Fault>;

    /// Takes a bounded copy of `values`, in the order of the fields of capture `index` of this probe.
    ///
    /// A field whose expression failed is [`Value::None`] here and was reported by [`Host::fault`] before.
    ///
    /// # Errors
    /// When the copy cannot be made at all.
    fn capture(&mut self, index: u16, values: &[Value<Self::Object>]) -> Result<(), Fault>;

    /// Reports a fault; `field` is the position of the captured field that it spoiled, if it was in one.
    ///
    /// The machine goes on after it, but for a fault in a predicate.
    fn fault(&mut self, fault: Fault, field: Option<u16>);
}

//! What a probe may read of Python objects, and how, without running code of the application.

mod arithmetic;
mod attribute;
mod buffer;
mod calls;
mod compare;
mod contains;
mod exact;
mod fields;
mod functions;
mod item;
mod names;
mod part;
mod proxy;
mod query;
mod raised;
mod refusal;
mod representation;
mod scalar;
mod search;
mod shape;
mod slots;
mod stand_in;
mod storage;
mod text;
mod time;
mod trusted;
mod work;

use std::sync::LazyLock;

use hogtrace_core::bytecode::{BinaryOp, CompareOp, Function, UnaryOp};
use hogtrace_core::pattern::Pattern;
use hogtrace_core::vm::{Fault, FaultKind};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PySlice, PyString, PyTuple};

pub(crate) use attribute::plain_attribute;
pub(crate) use buffer::{Element, Elements, array_type, elements};
pub(crate) use calls::{base_length, generic_get, iterate};
pub(crate) use fields::Fields;
pub(crate) use names::{name_of, names, short_name as type_of, type_name};
pub(crate) use part::{
    bits, byte_head, complex_text, head as string_head, int_digits, short_ascii, string_size,
    surrogates_passed, text_of, utf8_of,
};
pub(crate) use raised::{Origin, beginning, code_of, frames, origin};
pub(crate) use refusal::NO_KEY;
pub(crate) use scalar::{Scalar, numpy_scalar};
pub(crate) use search::{add_all, named};
pub(crate) use shape::{Family, Shape, shape_of};
pub(crate) use slots::{Kind, Slot, kind_of, object_kind};
pub(crate) use storage::{
    entries, exception_arguments, instance_dict, member, plain_item, stored_item, stored_length,
};
pub(crate) use text::{
    Known, decimal_text, enum_name, exception_text, fraction_text, known_class, moment_text,
    network_text, path_text, span_text, stored, uuid_text, zone_text,
};
pub(crate) use work::begin_run;

use crate::trust::TrustList;
use refusal::{Safe, Stop, settle};
use trusted::{Trusted, trusted_attribute, trusted_items};

/// Which rules a program's reads obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No code of the application runs.
    Safe,
    /// What the safe rules refuse is done as Python does it.
    Python,
}

impl Mode {
    /// The mode that a setting names: `safe` or `python`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "safe" => Some(Self::Safe),
            "python" => Some(Self::Python),
            _ => None,
        }
    }
}

/// The access rules of one program.
#[derive(Clone, Copy)]
pub(crate) struct Policy<'a> {
    /// Which rules.
    pub(crate) mode: Mode,
    /// What may be read beyond them.
    pub(crate) trust: &'a TrustList,
}

/// A list that trusts nothing.
static NOTHING: LazyLock<TrustList> = LazyLock::new(TrustList::empty);

impl Policy<'_> {
    /// The rules without what may be read beyond them.
    fn without_trust(self) -> Self {
        Self {
            mode: self.mode,
            trust: &NOTHING,
        }
    }
}

/// `object.name`; `name` is an exact string.
///
/// # Errors
/// When there is no such attribute, or reading it could run code of the application.
pub(crate) fn attribute<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Result<Bound<'py, PyAny>, Fault> {
    let outcome = match attribute::attribute(object, name) {
        Err(Stop::Fault(fault)) if fault.kind != FaultKind::Attribute => return Err(fault),
        Err(stop) => trusted_attribute(policy, object, name, stop),
        found => found,
    };
    settle(policy.mode, object.py(), outcome, || object.getattr(name))
}

/// What `object` stores under `name`, as mode `safe` reads it.
pub(crate) fn stored_attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    attribute::attribute(object, name).ok()
}

/// Does what a refused access to items, length or membership asks for on what the trust list gives for the object.
fn with_items<'py, T>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    safe: impl Fn(&Bound<'py, PyAny>) -> Safe<'py, T>,
    real: impl Fn() -> PyResult<T>,
) -> Result<T, Fault> {
    let py = object.py();
    let outcome = match safe(object) {
        Err(stop @ Stop::Refused(_)) => match trusted_items(policy, object, stop) {
            Err(stop) => Err(stop),
            Ok(Trusted::StandIn(items)) => safe(&items),
            Ok(Trusted::Real) => {
                refusal::real(&real).map_err(|error| Stop::raised_by_application(py, &error))
            }
        },
        outcome => outcome,
    };
    settle(policy.mode, py, outcome, real)
}

/// `object[key]`
///
/// # Errors
/// When there is no such item, or reading it could run code of the application.
pub(crate) fn item<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Fault> {
    with_items(
        policy,
        object,
        |object| item::item(object, key),
        || object.get_item(key),
    )
}

/// `object[start:stop]`; `None` is an open end.
///
/// # Errors
/// When the object cannot be sliced, when slicing it could run code of the application, or over a limit.
pub(crate) fn slice<'py>(
    policy: Policy<'_>,
    object: &Bound<'py, PyAny>,
    start: &Bound<'py, PyAny>,
    stop: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Fault> {
    let real = || object.get_item(object.py().get_type::<PySlice>().call1((start, stop))?);
    work::making(&[object], || {
        with_items(
            policy,
            object,
            |object| item::slice(object, start, stop),
            real,
        )
    })
}

/// The truth of a value.
///
/// # Errors
/// When asking could run code of the application.
pub(crate) fn truth(policy: Policy<'_>, object: &Bound<'_, PyAny>) -> Result<bool, Fault> {
    with_items(policy, object, functions::truth, || object.is_truthy())
}

/// A unary operator.
///
/// # Errors
/// As CPython raises, when it could run code of the application, or over a limit.
pub(crate) fn unary<'py>(
    policy: Policy<'_>,
    op: UnaryOp,
    operand: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Fault> {
    work::making(&[operand], || {
        settle(
            policy.mode,
            operand.py(),
            arithmetic::unary(op, operand),
            || match op {
                UnaryOp::Negate => operand.neg(),
                UnaryOp::Plus => operand.pos(),
            },
        )
    })
}

/// A binary operator.
///
/// # Errors
/// As CPython raises, when it could run code of the application, or over a limit.
pub(crate) fn binary<'py>(
    policy: Policy<'_>,
    op: BinaryOp,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Fault> {
    work::making(&[left, right], || {
        settle(
            policy.mode,
            left.py(),
            arithmetic::binary(op, left, right),
            || match op {
                BinaryOp::Add => left.add(right),
                BinaryOp::Subtract => left.sub(right),
                BinaryOp::Multiply => left.mul(right),
                BinaryOp::Divide => left.div(right),
                BinaryOp::FloorDivide => left.floor_div(right),
                BinaryOp::Modulo => left.rem(right),
            },
        )
    })
}

/// A comparison or membership test.
///
/// # Errors
/// As CPython raises, when it could run code of the application, or over a limit.
pub(crate) fn compare<'py>(
    policy: Policy<'_>,
    op: CompareOp,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
) -> Result<bool, Fault> {
    let rich = |op| left.rich_compare(right, op)?.is_truthy();
    let real = || match op {
        CompareOp::Equal => rich(pyo3::basic::CompareOp::Eq),
        CompareOp::NotEqual => rich(pyo3::basic::CompareOp::Ne),
        CompareOp::Less => rich(pyo3::basic::CompareOp::Lt),
        CompareOp::LessEqual => rich(pyo3::basic::CompareOp::Le),
        CompareOp::Greater => rich(pyo3::basic::CompareOp::Gt),
        CompareOp::GreaterEqual => rich(pyo3::basic::CompareOp::Ge),
        CompareOp::In => right.contains(left),
        CompareOp::NotIn => right.contains(left).map(|found| !found),
    };
    match op {
        CompareOp::In | CompareOp::NotIn => with_items(
            policy,
            right,
            |container| compare::compare(op, left, container),
            real,
        ),
        _ => settle(
            policy.mode,
            left.py(),
            compare::compare(op, left, right),
            real,
        ),
    }
}

/// A call of one of the language's functions; `timestamp` and `rand` are the host's own.
///
/// # Errors
/// As CPython raises, when it could run code of the application, or over a limit.
pub(crate) fn call<'py>(
    policy: Policy<'_>,
    py: Python<'py>,
    function: Function,
    arguments: &[Bound<'py, PyAny>],
) -> Result<Bound<'py, PyAny>, Fault> {
    if let (Function::Len, [object]) = (function, arguments) {
        let length = with_items(policy, object, item::length, || object.len())?;
        return length
            .into_bound_py_any(py)
            .map_err(|error| refusal::fault_of(py, &error));
    }
    if let (Function::Bool, [object]) = (function, arguments) {
        return Ok(PyBool::new(py, truth(policy, object)?)
            .to_owned()
            .into_any());
    }
    if function == Function::Int {
        work::parse(arguments, functions::READ_DIGITS)?;
    }
    let operands: Vec<_> = arguments.iter().collect();
    work::making(&operands, || {
        settle(
            policy.mode,
            py,
            functions::call(py, function, arguments),
            || real_call(py, function, arguments),
        )
    })
}

/// Whether a pattern is found in a string.
///
/// # Errors
/// When it is no string, or one without UTF-8, or over a limit.
pub(crate) fn matches(
    policy: Policy<'_>,
    pattern: &Pattern,
    text: &Bound<'_, PyAny>,
) -> Result<bool, Fault> {
    let real = || Err(PyTypeError::new_err("matches() takes a string"));
    settle(
        policy.mode,
        text.py(),
        functions::matches(pattern, text),
        real,
    )
}

/// The built-in function of Python that does the same.
fn real_call<'py>(
    py: Python<'py>,
    function: Function,
    arguments: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let name = match function {
        Function::Str => "str",
        Function::Int => "int",
        Function::Float => "float",
        Function::Abs => "abs",
        Function::Min => "min",
        Function::Max => "max",
        Function::Round => "round",
        _ => {
            return Err(PyTypeError::new_err(format!(
                "{function:?} takes none of these"
            )));
        }
    };
    py.import("builtins")?
        .getattr(name)?
        .call1(PyTuple::new(py, arguments)?)
}

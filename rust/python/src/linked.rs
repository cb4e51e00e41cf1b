//! A probe with its constants and names turned into Python objects, once, so that a run looks nothing up by text.

use std::sync::Arc;

use hogtrace_core::bytecode::{Constant, Input, Program};
use hogtrace_core::value::Value;
use hogtrace_core::verify::{VerifiedProbe, VerifiedProgram};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyString};

use crate::access::{Mode, Policy};
use crate::redact::Redaction;
use crate::secrecy::{self, Met, PerFlow};
use crate::snapshot::{Limits, Names};
use crate::trust::TrustList;

/// Characters of a key that a message shows.
const LONGEST_KEY: usize = 100;

/// What all probes of a program share: its constants and names as Python objects, the names of what its probes capture.
pub(crate) struct Tables {
    constants: Box<[Value<Py<PyAny>>]>,
    names: Box<[Py<PyString>]>,
    /// Per probe and capture: the names of the fields.
    fields: Box<[Box<[Arc<Names>]>]>,
}

impl Tables {
    pub(crate) fn new(py: Python<'_>, program: &Program) -> PyResult<Self> {
        let constants = program.constants.iter();
        let names = program.names.iter();
        let fields = program.probes.iter().map(|probe| {
            let captures = probe.captures.iter();
            captures
                .map(|capture| capture.fields.iter().map(|name| (**name).into()).collect())
                .collect()
        });
        Ok(Self {
            fields: fields.collect(),
            constants: constants
                .map(|constant| link(py, constant))
                .collect::<PyResult<_>>()?,
            names: names
                .map(|name| PyString::intern(py, name).unbind())
                .collect(),
        })
    }
}

/// One probe, ready to run in this process.
pub(crate) struct Linked {
    program: Arc<VerifiedProgram>,
    index: usize,
    tables: Arc<Tables>,
    mode: Mode,
    trust: Py<TrustList>,
    redaction: Option<Py<Redaction>>,
    limits: Limits,
    /// What is secret by names that are known before any call.
    secret: PerFlow<bool>,
    /// Whether what a run meets can make more of it secret.
    watches: bool,
}

impl Linked {
    pub(crate) fn new(
        program: Arc<VerifiedProgram>,
        tables: Arc<Tables>,
        index: usize,
        access: &str,
        trust: Py<TrustList>,
        redaction: Option<Py<Redaction>>,
        limits: Limits,
    ) -> PyResult<Self> {
        let mode = Mode::parse(access).ok_or_else(|| {
            PyValueError::new_err(format!(
                "access is {access:?}; it must be 'safe' or 'python'"
            ))
        })?;
        let plain = program.program();
        let verified = &program.probes()[index];
        let judge = judge(redaction.as_ref().map(Py::get));
        let secret = secrecy::by_name(plain, &plain.probes[index], verified, judge);
        let watches = Met::matters(verified);
        Ok(Self {
            program,
            index,
            tables,
            mode,
            trust,
            redaction,
            limits,
            secret,
            watches,
        })
    }

    pub(crate) fn verified(&self) -> &VerifiedProbe {
        &self.program.probes()[self.index]
    }

    pub(crate) fn plain(&self) -> &hogtrace_core::bytecode::Probe {
        &self.program.program().probes[self.index]
    }

    pub(crate) fn program_name(&self) -> &str {
        &self.program.program().name
    }

    pub(crate) fn inputs(&self) -> &[Input] {
        &self.plain().inputs
    }

    pub(crate) fn constant<'py>(&self, py: Python<'py>, index: u16) -> Value<Bound<'py, PyAny>> {
        match &self.tables.constants[usize::from(index)] {
            Value::None => Value::None,
            Value::Bool(value) => Value::Bool(*value),
            Value::Int(value) => Value::Int(*value),
            Value::Float(value) => Value::Float(*value),
            Value::Object(object) => Value::Object(object.bind(py).clone()),
        }
    }

    /// A value as messages show it, if it is a string or an integer that stands in the program.
    pub(crate) fn constant_text(&self, value: &Value<Bound<'_, PyAny>>) -> Option<String> {
        let is_value = |constant: &Value<Py<PyAny>>| match (constant, value) {
            (Value::Object(constant), Value::Object(value)) => constant.is(value),
            (Value::Int(constant), Value::Int(value)) => constant == value,
            _ => false,
        };
        let index = self.tables.constants.iter().position(is_value)?;
        match &self.program.program().constants[index] {
            Constant::Str(text) => {
                let cut = text
                    .char_indices()
                    .nth(LONGEST_KEY)
                    .map_or(text.len(), |(cut, _)| cut);
                let more = if cut < text.len() { "…" } else { "" };
                Some(format!("'{}{more}'", &text[..cut]))
            }
            Constant::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn name<'a, 'py>(&'a self, py: Python<'py>, index: u16) -> &'a Bound<'py, PyString> {
        self.tables.names[usize::from(index)].bind(py)
    }

    /// The text of a name, for messages.
    pub(crate) fn name_text(&self, index: u16) -> &str {
        &self.program.program().names[usize::from(index)]
    }

    /// The names of the fields of one of its captures.
    pub(crate) fn fields(&self, capture: usize) -> &Arc<Names> {
        &self.tables.fields[self.index][capture]
    }

    /// How many captures it has.
    pub(crate) fn captures(&self) -> usize {
        self.tables.fields[self.index].len()
    }

    pub(crate) fn policy(&self) -> Policy<'_> {
        Policy {
            mode: self.mode,
            trust: self.trust.get(),
        }
    }

    pub(crate) fn redaction(&self) -> Option<&Redaction> {
        self.redaction.as_ref().map(Py::get)
    }

    /// The bounds of what it copies.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Says what is secret. Where this program shows everything, what it stores is judged by the standard list: another
    /// program may capture it.
    pub(crate) fn judge(&self) -> &Redaction {
        judge(self.redaction())
    }

    /// Whether captures hide what is secret.
    pub(crate) fn hides(&self) -> bool {
        self.redaction().is_some_and(Redaction::enabled)
    }

    /// What is secret by names that are known before any call.
    pub(crate) const fn secret(&self) -> &PerFlow<bool> {
        &self.secret
    }

    /// Whether what a run meets can make a captured or stored value secret.
    pub(crate) const fn watches(&self) -> bool {
        self.watches
    }
}

fn judge(redaction: Option<&Redaction>) -> &Redaction {
    redaction
        .filter(|redaction| redaction.enabled())
        .unwrap_or_else(|| Redaction::standard())
}

fn link(py: Python<'_>, constant: &Constant) -> PyResult<Value<Py<PyAny>>> {
    Ok(match constant {
        Constant::None => Value::None,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int(value) => Value::Int(*value),
        Constant::Float(value) => Value::Float(*value),
        Constant::Str(text) => Value::Object(PyString::intern(py, text).into_any().unbind()),
        Constant::BigInt(digits) => {
            Value::Object(py.get_type::<PyInt>().call1((digits.as_str(),))?.unbind())
        }
        Constant::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(match link(py, item)? {
                    Value::None => py.None().into_bound(py),
                    Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
                    Value::Int(value) => value.into_pyobject(py)?.into_any(),
                    Value::Float(value) => value.into_pyobject(py)?.into_any(),
                    Value::Object(object) => object.into_bound(py),
                })?;
            }
            Value::Object(list.into_any().unbind())
        }
    })
}

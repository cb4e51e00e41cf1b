//! A probe with its constants and names turned into Python objects, once, so that a run looks nothing up by text.

use std::sync::Arc;

use hogtrace_core::bytecode::{Constant, Input};
use hogtrace_core::value::Value;
use hogtrace_core::verify::{VerifiedProbe, VerifiedProgram};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyString};

use crate::access::{Mode, Policy};
use crate::redact::Redaction;
use crate::trust::TrustList;

/// One probe, ready to run in this process.
pub(crate) struct Linked {
    program: Arc<VerifiedProgram>,
    index: usize,
    constants: Vec<Value<Py<PyAny>>>,
    names: Vec<Py<PyString>>,
    mode: Mode,
    trust: Py<TrustList>,
    redaction: Option<Py<Redaction>>,
    /// Per capture and field: whether a name that is known before any call makes it secret.
    secret: Vec<Vec<bool>>,
}

impl Linked {
    pub(crate) fn new(
        py: Python<'_>,
        program: Arc<VerifiedProgram>,
        index: usize,
        access: &str,
        trust: Py<TrustList>,
        redaction: Option<Py<Redaction>>,
    ) -> PyResult<Self> {
        let mode = Mode::parse(access).ok_or_else(|| {
            PyValueError::new_err(format!(
                "access is {access:?}; it must be 'safe' or 'python'"
            ))
        })?;
        let plain = program.program();
        let constants = plain
            .constants
            .iter()
            .map(|constant| link(py, constant))
            .collect::<PyResult<Vec<_>>>()?;
        let names = plain
            .names
            .iter()
            .map(|name| PyString::intern(py, name).unbind())
            .collect();
        let secret = secret_fields(&program, index, redaction.as_ref().map(Py::get));
        Ok(Self {
            program,
            index,
            constants,
            names,
            mode,
            trust,
            redaction,
            secret,
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
        match &self.constants[usize::from(index)] {
            Value::None => Value::None,
            Value::Bool(value) => Value::Bool(*value),
            Value::Int(value) => Value::Int(*value),
            Value::Float(value) => Value::Float(*value),
            Value::Object(object) => Value::Object(object.bind(py).clone()),
        }
    }

    pub(crate) fn name<'a, 'py>(&'a self, py: Python<'py>, index: u16) -> &'a Bound<'py, PyString> {
        self.names[usize::from(index)].bind(py)
    }

    /// The text of a name, for messages.
    pub(crate) fn name_text(&self, index: u16) -> &str {
        &self.program.program().names[usize::from(index)]
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

    /// Whether a field of a capture is secret by a name that it was read through.
    pub(crate) fn is_secret(&self, capture: usize, field: usize) -> bool {
        self.secret[capture][field]
    }
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

fn secret_fields(
    program: &VerifiedProgram,
    index: usize,
    redaction: Option<&Redaction>,
) -> Vec<Vec<bool>> {
    let plain = program.program();
    let captures = &plain.probes[index].captures;
    let flows = program.probes()[index].flows();
    captures
        .iter()
        .zip(flows)
        .map(|(capture, flows)| {
            capture
                .fields
                .iter()
                .zip(flows)
                .map(|(name, flow)| {
                    redaction.is_some_and(|redaction| {
                        let by_name =
                            |&name: &u16| redaction.is_secret(&plain.names[usize::from(name)]);
                        let by_key = |&key: &u16| match &plain.constants[usize::from(key)] {
                            Constant::Str(text) => redaction.is_secret(text),
                            _ => false,
                        };
                        redaction.is_secret(name)
                            || flow.names.iter().any(by_name)
                            || flow.keys.iter().any(by_key)
                    })
                })
                .collect()
        })
        .collect()
}

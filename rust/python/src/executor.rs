//! `execute_probe` and `ProbeExecutor`: one run over a frame that the caller has in hand.

use std::sync::{Arc, Mutex, PoisonError};

use hogtrace_core::bytecode::Input;
use hogtrace_core::value::Value;
use hogtrace_core::vm::{self, Fault};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrame, PyList, PyString, PyTuple};

use crate::event::{Failure, error_dicts};
use crate::host::{PythonHost, World, no_name};
use crate::linked::Linked;
use crate::number::to_value;
use crate::program::{Probe, Program};
use crate::redact::Redaction;
use crate::secrecy::{ByParameter, Parameters, PerFlow, Secrecy};
use crate::snapshot::Packed;
use crate::store::{Held, RequestLocalStore, Variable};
use crate::trust::TrustList;

/// The flag of a code object that has `*args`, and of one that has `**kwargs`.
const CO_VARARGS: usize = 0x04;
const CO_VARKEYWORDS: usize = 0x08;

/// Runs one probe over a frame and gives its first capture, or `None`.
#[pyfunction]
#[pyo3(signature = (program, probe, frame, store, retval = None, exception = None, *, redact = false, access = "safe"))]
#[expect(clippy::too_many_arguments, reason = "the public signature")]
pub(crate) fn execute_probe<'py>(
    py: Python<'py>,
    program: &Program,
    probe: &Probe,
    frame: &Bound<'py, PyFrame>,
    store: &Bound<'py, RequestLocalStore>,
    retval: Option<Bound<'py, PyAny>>,
    exception: Option<Bound<'py, PyAny>>,
    redact: bool,
    access: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let linked = link(py, program, probe, redact, access)?;
    Ok(execute(py, &linked, frame, store, retval, exception)?.0)
}

/// A probe bound to a store, to run over many frames.
#[pyclass(frozen, module = "hogtrace")]
pub(crate) struct ProbeExecutor {
    linked: Linked,
    store: Py<RequestLocalStore>,
    /// What went wrong in the last run.
    errors: Mutex<Vec<Failure>>,
}

#[pymethods]
impl ProbeExecutor {
    #[new]
    #[pyo3(signature = (program, probe, store, *, redact = false, access = "safe"))]
    fn new(
        py: Python<'_>,
        program: &Program,
        probe: &Probe,
        store: Py<RequestLocalStore>,
        redact: bool,
        access: &str,
    ) -> PyResult<Self> {
        Ok(Self {
            linked: link(py, program, probe, redact, access)?,
            store,
            errors: Mutex::default(),
        })
    }

    /// What went wrong in the last run, in the form of an event's `errors`.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        error_dicts(py, &errors)
    }

    /// Runs the probe over a frame and gives its first capture, or `None`.
    #[pyo3(signature = (frame, retval = None, exception = None))]
    fn execute<'py>(
        &self,
        py: Python<'py>,
        frame: &Bound<'py, PyFrame>,
        retval: Option<Bound<'py, PyAny>>,
        exception: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let store = self.store.bind(py);
        let (captured, errors) = execute(py, &self.linked, frame, store, retval, exception)?;
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner) = errors;
        Ok(captured)
    }
}

fn link(
    py: Python<'_>,
    program: &Program,
    probe: &Probe,
    redact: bool,
    access: &str,
) -> PyResult<Linked> {
    if !Arc::ptr_eq(&program.verified, &probe.program) {
        return Err(PyValueError::new_err(
            "the probe is not one of this program's",
        ));
    }
    let redaction = if redact {
        Some(Py::new(py, Redaction::new(Vec::new(), Vec::new(), true))?)
    } else {
        None
    };
    let trust = Py::new(py, TrustList::empty())?;
    Linked::new(
        py,
        Arc::clone(&program.verified),
        probe.index,
        access,
        trust,
        redaction,
    )
}

fn execute<'py>(
    py: Python<'py>,
    linked: &Linked,
    frame: &Bound<'py, PyFrame>,
    store: &Bound<'py, RequestLocalStore>,
    retval: Option<Bound<'py, PyAny>>,
    exception: Option<Bound<'py, PyAny>>,
) -> PyResult<(Option<Bound<'py, PyAny>>, Vec<Failure>)> {
    let parts = FrameParts::of(frame)?;
    let parameters = parts.parameters(linked.judge())?;
    let world = FrameWorld {
        py,
        secrecy: parameters.judge(linked.plain(), linked.verified()),
        parameters,
        args: None,
        linked,
        frame,
        store,
        retval: retval.unwrap_or_else(|| py.None().into_bound(py)),
        exception: exception.unwrap_or_else(|| py.None().into_bound(py)),
        parts,
        variables: Vec::new(),
        first: None,
        errors: Vec::new(),
    };
    let mut host = PythonHost::new(py, linked, world);
    vm::run(linked.verified(), &mut host);
    let mut errors = std::mem::take(&mut host.world.errors);
    errors.extend(host.take_failures(|_| None));
    let captured = host
        .world
        .first
        .map(|fields| Ok::<_, PyErr>(fields.to_python(py)?.into_any()))
        .transpose()?;
    Ok((captured, errors))
}

/// A frame, taken apart once.
struct FrameParts<'py> {
    locals: Bound<'py, PyAny>,
    names: Bound<'py, PyTuple>,
    positional: usize,
    keyword_only: usize,
    flags: usize,
}

impl<'py> FrameParts<'py> {
    fn of(frame: &Bound<'py, PyFrame>) -> PyResult<Self> {
        let py = frame.py();
        let code = frame.getattr(intern!(py, "f_code"))?;
        Ok(Self {
            locals: frame.getattr(intern!(py, "f_locals"))?,
            names: code.getattr(intern!(py, "co_varnames"))?.cast_into()?,
            positional: code.getattr(intern!(py, "co_argcount"))?.extract()?,
            keyword_only: code.getattr(intern!(py, "co_kwonlyargcount"))?.extract()?,
            flags: code.getattr(intern!(py, "co_flags"))?.extract()?,
        })
    }

    /// Whether the locals are a dict or CPython's own view of the frame. A class body whose metaclass prepared something
    /// else is left alone.
    fn are_locals_plain(&self) -> bool {
        self.locals.is_exact_instance_of::<PyDict>()
            || self
                .locals
                .get_type()
                .name()
                .is_ok_and(|kind| kind == "FrameLocalsProxy")
    }

    /// The local of that name, if it has a value now.
    fn local(&self, name: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        if self.are_locals_plain() {
            self.locals.get_item(name).ok()
        } else {
            None
        }
    }

    /// All locals, as a dict.
    fn all_locals(&self) -> Option<Bound<'py, PyAny>> {
        if self.locals.is_exact_instance_of::<PyDict>() {
            return Some(self.locals.clone());
        }
        let copy = || {
            self.locals
                .call_method0(intern!(self.locals.py(), "copy"))
                .ok()
        };
        if self.are_locals_plain() {
            copy()
        } else {
            None
        }
    }

    fn local_at(&self, slot: usize) -> Option<Bound<'py, PyAny>> {
        self.local(&self.names.get_item(slot).ok()?)
    }

    fn star(&self) -> Option<Bound<'py, PyTuple>> {
        if self.flags & CO_VARARGS == 0 {
            return None;
        }
        self.local_at(self.positional + self.keyword_only)?
            .cast_into_exact()
            .ok()
    }

    /// Which of the positional parameters have secret names.
    fn parameters(&self, judge: &Redaction) -> PyResult<Parameters> {
        let names: Vec<String> = self.names.extract()?;
        let star = (self.flags & CO_VARARGS != 0)
            .then(|| names.get(self.positional + self.keyword_only))
            .flatten();
        let positional = names.iter().take(self.positional).map(String::as_str);
        Ok(Parameters::new(positional, star.map(String::as_str), judge))
    }

    fn args(&self) -> PyResult<Bound<'py, PyTuple>> {
        let py = self.names.py();
        let mut values = Vec::new();
        for slot in 0..self.positional {
            values.push(
                self.local_at(slot)
                    .unwrap_or_else(|| py.None().into_bound(py)),
            );
        }
        if let Some(rest) = self.star() {
            values.extend(rest.iter());
        }
        PyTuple::new(py, values)
    }

    fn kwargs(&self) -> PyResult<Bound<'py, PyDict>> {
        let kwargs = PyDict::new(self.names.py());
        for slot in self.positional..self.positional + self.keyword_only {
            if let Some(value) = self.local_at(slot) {
                kwargs.set_item(self.names.get_item(slot)?, value)?;
            }
        }
        if self.flags & CO_VARKEYWORDS != 0 {
            let slot =
                self.positional + self.keyword_only + usize::from(self.flags & CO_VARARGS != 0);
            if let Some(Ok(rest)) = self.local_at(slot).map(Bound::cast_into_exact::<PyDict>) {
                kwargs.update(rest.as_mapping())?;
            }
        }
        Ok(kwargs)
    }
}

/// The values of a frame: all of them as they are now.
struct FrameWorld<'a, 'py> {
    py: Python<'py>,
    linked: &'a Linked,
    frame: &'a Bound<'py, PyFrame>,
    store: &'a Bound<'py, RequestLocalStore>,
    retval: Bound<'py, PyAny>,
    exception: Bound<'py, PyAny>,
    parts: FrameParts<'py>,
    parameters: Parameters,
    /// What the names of the frame's parameters make of the values that the probe captures and stores.
    secrecy: PerFlow<ByParameter>,
    /// `args`, once it was asked for.
    args: Option<Bound<'py, PyTuple>>,
    /// `$call` lives for this one run.
    variables: Vec<Variable>,
    /// The first capture, packed.
    first: Option<Packed>,
    /// What went wrong before each capture.
    errors: Vec<Failure>,
}

impl<'py> FrameWorld<'_, 'py> {
    fn globals(&self) -> Option<Bound<'py, PyDict>> {
        self.frame
            .getattr(intern!(self.py, "f_globals"))
            .ok()?
            .cast_into_exact()
            .ok()
    }
}

impl<'py> World<'py> for FrameWorld<'_, 'py> {
    fn input(&mut self, slot: u16) -> Result<Value<Bound<'py, PyAny>>, Fault> {
        let failed = |error: PyErr| no_name(error.to_string());
        let parts = &self.parts;
        let found = match &self.linked.inputs()[usize::from(slot)] {
            Input::Args => {
                let args = match &self.args {
                    Some(args) => args.clone(),
                    None => self.args.insert(parts.args().map_err(failed)?).clone(),
                };
                Some(args.into_any())
            }
            Input::Kwargs => Some(parts.kwargs().map_err(failed)?.into_any()),
            Input::Arg(position) => {
                let position = usize::from(*position);
                let value = match position.checked_sub(parts.positional) {
                    None => parts.local_at(position),
                    Some(rest) => parts.star().and_then(|star| star.get_item(rest).ok()),
                };
                return value
                    .map(to_value)
                    .ok_or_else(|| no_name(format!("the frame has no arg{position}")));
            }
            Input::SelfArgument => {
                let name = parts
                    .names
                    .get_item(0)
                    .ok()
                    .filter(|_| parts.positional > 0);
                name.filter(|name| name.eq("self").unwrap_or(false))
                    .and_then(|name| parts.local(&name))
            }
            Input::Name(name) => {
                let name = self.linked.name(self.py, *name);
                parts
                    .local(name)
                    .or_else(|| self.globals()?.get_item(name).ok().flatten())
            }
            Input::Locals => parts.all_locals(),
            Input::Globals => self.globals().map(Bound::into_any),
            Input::Retval => Some(self.retval.clone()),
            Input::Exception => Some(self.exception.clone()),
            Input::Duration => return Ok(Value::None),
        };
        found
            .map(to_value)
            .ok_or_else(|| match &self.linked.inputs()[usize::from(slot)] {
                Input::Name(name) => no_name(format!(
                    "the name {:?} is neither a local nor a global here",
                    self.linked.name_text(*name)
                )),
                Input::Locals => no_name("the frame's locals are not a dict"),
                _ => no_name("the frame has no first argument named self"),
            })
    }

    fn call_variable(&self, name: &Bound<'py, PyString>) -> Option<Held<'py>> {
        // Names are interned, so that identity is equality.
        self.variables
            .iter()
            .find(|variable| variable.name.is(name))
            .map(|variable| variable.held(self.py))
    }

    fn set_call_variable(
        &mut self,
        name: &Bound<'py, PyString>,
        held: Held<'py>,
    ) -> Result<(), Fault> {
        let known = self
            .variables
            .iter_mut()
            .find(|variable| variable.name.is(name));
        match known {
            Some(variable) => drop(variable.replace(held)),
            None => self.variables.push(Variable::new(name, held)),
        }
        Ok(())
    }

    fn secrecy(
        &self,
        capture: usize,
        field: usize,
        value: &Value<Bound<'py, PyAny>>,
    ) -> Secrecy<'py> {
        let judged = self.secrecy.fields[capture][field];
        self.parameters.shown(judged, self.args.as_ref(), value)
    }

    fn stores_secret(&self, store: usize) -> bool {
        self.secrecy.stores[store] != ByParameter::Open
    }

    fn store(&mut self) -> Option<&Bound<'py, RequestLocalStore>> {
        Some(self.store)
    }

    fn draw(&mut self) -> f64 {
        self.store.get().draw()
    }

    fn frame(&self) -> Option<(Bound<'py, PyFrame>, Option<u32>)> {
        Some((self.frame.clone(), None))
    }

    fn emit(&mut self, fields: Packed, errors: Vec<Failure>) {
        self.errors.extend(errors);
        self.first.get_or_insert(fields);
    }
}

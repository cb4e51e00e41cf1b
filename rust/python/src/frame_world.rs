//! The values of a frame that somebody has in hand, as a probe sees them.

use std::sync::Arc;

use hogtrace_core::bytecode::Input;
use hogtrace_core::value::Value;
use hogtrace_core::vm::Fault;
#[cfg(Py_3_13)]
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrame, PyString, PyTuple};

use crate::access::{add_all, kind_of, named};
use crate::event::Failure;
use crate::host::{World, no_name};
use crate::linked::Linked;
use crate::number::to_value;
use crate::place::odd_keywords;
use crate::redact::Redaction;
use crate::running::release;
use crate::secrecy::{ByParameter, Parameters, PerFlow, Secrecy, Settled};
use crate::snapshot::{Packed, Plain};
use crate::store::{Held, RequestLocalStore, Variable};

/// The flag of a code object whose locals are slots, of one that has `*args`, and of one that has `**kwargs`.
const CO_OPTIMIZED: usize = 0x01;
const CO_VARARGS: usize = 0x04;
const CO_VARKEYWORDS: usize = 0x08;

/// The locals of a frame.
enum Locals<'py> {
    /// A dict of its own, or CPython's copy of the slots.
    Dict(Bound<'py, PyDict>),
    /// CPython's view of the slots, and the names that they have. Others that somebody put there are left alone.
    View(Bound<'py, PyFrame>, Vec<Bound<'py, PyString>>),
}

impl<'py> Locals<'py> {
    /// The locals of a frame. Those of a class body whose metaclass prepared something else than a dict are left alone.
    fn of(
        frame: &Bound<'py, PyFrame>,
        code: &Bound<'py, PyAny>,
        flags: usize,
    ) -> PyResult<Option<Self>> {
        let py = frame.py();
        let mut names = Vec::new();
        for kind in [
            intern!(py, "co_varnames"),
            intern!(py, "co_cellvars"),
            intern!(py, "co_freevars"),
        ] {
            names.extend(code.getattr(kind)?.extract::<Vec<Bound<'py, PyString>>>()?);
        }
        // Until 3.12 CPython copies slots into whatever the metaclass prepared, which may be an object of the application.
        if cfg!(not(Py_3_13)) && flags & CO_OPTIMIZED == 0 && !names.is_empty() {
            return Ok(None);
        }
        let locals = frame.getattr(intern!(py, "f_locals"))?;
        let kind = kind_of(&locals);
        if kind.is_native() && kind.c_name() == c"FrameLocalsProxy" {
            return Ok(Some(Self::View(frame.clone(), names)));
        }
        Ok(locals.cast_into_exact().ok().map(Self::Dict))
    }

    /// The local of that name, if it has a value now.
    fn get(&self, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Dict(dict) => named(dict, name),
            Self::View(frame, _) => variable(frame, name),
        }
    }

    /// All of them, as a dict.
    fn all(&self) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Dict(dict) => Some(dict.clone().into_any()),
            Self::View(frame, names) => {
                let dict = PyDict::new(frame.py());
                for name in names {
                    if let Some(value) = self.get(name) {
                        dict.set_item(name, value).ok()?;
                    }
                }
                Some(dict.into_any())
            }
        }
    }
}

/// The variable of that name in the slots of a frame. The frame's own view would look on among what others put there,
/// whose keys may be objects of the application.
#[cfg(Py_3_13)]
fn variable<'py>(
    frame: &Bound<'py, PyFrame>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: a frame and an exact string that live; the result is a new reference, or null with an error.
    unsafe {
        let value = ffi::PyFrame_GetVar(frame.as_ptr().cast(), name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        Bound::from_owned_ptr_or_opt(frame.py(), value)
    }
}

/// There are no such views before 3.13.
#[cfg(not(Py_3_13))]
const fn variable<'py>(
    _frame: &Bound<'py, PyFrame>,
    _name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    None
}

/// A frame, taken apart once.
struct FrameParts<'py> {
    locals: Option<Locals<'py>>,
    names: Bound<'py, PyTuple>,
    positional: usize,
    keyword_only: usize,
    flags: usize,
}

impl<'py> FrameParts<'py> {
    fn of(frame: &Bound<'py, PyFrame>) -> PyResult<Self> {
        let py = frame.py();
        let code = frame.getattr(intern!(py, "f_code"))?;
        let flags = code.getattr(intern!(py, "co_flags"))?.extract()?;
        Ok(Self {
            locals: Locals::of(frame, &code, flags)?,
            names: code.getattr(intern!(py, "co_varnames"))?.cast_into()?,
            positional: code.getattr(intern!(py, "co_argcount"))?.extract()?,
            keyword_only: code.getattr(intern!(py, "co_kwonlyargcount"))?.extract()?,
            flags,
        })
    }

    /// The local of that name, if it has a value now.
    fn local(&self, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
        self.locals.as_ref()?.get(name)
    }

    fn local_at(&self, slot: usize) -> Option<Bound<'py, PyAny>> {
        self.local(&self.names.get_item(slot).ok()?.cast_into().ok()?)
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

    fn kwargs(&self) -> PyResult<Result<Bound<'py, PyDict>, Fault>> {
        let kwargs = PyDict::new(self.names.py());
        for slot in self.positional..self.positional + self.keyword_only {
            if let Some(value) = self.local_at(slot) {
                kwargs.set_item(self.names.get_item(slot)?, value)?;
            }
        }
        if self.flags & CO_VARKEYWORDS != 0 {
            let slot =
                self.positional + self.keyword_only + usize::from(self.flags & CO_VARARGS != 0);
            if let Some(Ok(rest)) = self.local_at(slot).map(Bound::cast_into_exact::<PyDict>)
                && !add_all(&kwargs, &rest)?
            {
                return Ok(Err(odd_keywords()));
            }
        }
        Ok(Ok(kwargs))
    }
}

/// The values of a frame: all of them as they are now.
pub(crate) struct FrameWorld<'a, 'py> {
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
    pub(crate) first: Option<Packed>,
    /// What went wrong before each capture.
    pub(crate) errors: Vec<Failure>,
}

impl<'a, 'py> FrameWorld<'a, 'py> {
    /// Takes apart the frame; raises what that does.
    pub(crate) fn new(
        linked: &'a Linked,
        frame: &'a Bound<'py, PyFrame>,
        store: &'a Bound<'py, RequestLocalStore>,
        retval: Option<Bound<'py, PyAny>>,
        exception: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let py = frame.py();
        let parts = FrameParts::of(frame)?;
        let parameters = parts.parameters(linked.judge())?;
        Ok(Self {
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
        })
    }

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
            Input::Kwargs => Some(parts.kwargs().map_err(failed)??.into_any()),
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
                name.and_then(|name| name.cast_into::<PyString>().ok())
                    .filter(|name| name.to_str().is_ok_and(|name| name == "self"))
                    .and_then(|name| parts.local(&name))
            }
            Input::Name(name) => {
                let name = self.linked.name(self.py, *name);
                parts.local(name).or_else(|| named(&self.globals()?, name))
            }
            Input::Locals => parts.locals.as_ref().and_then(Locals::all),
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
            Some(variable) => release(variable.replace(held)),
            None => self.variables.push(Variable::new(name, held)),
        }
        Ok(())
    }

    fn settled(&self, _capture: usize) -> &[Settled] {
        &[]
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

    fn plain_fields(&self, _plain: &mut Plain<'_>) -> Option<usize> {
        None
    }

    fn emit(&mut self, capture: usize, values: &[u8], errors: Vec<Failure>) {
        self.errors.extend(errors);
        self.first.get_or_insert_with(|| {
            Packed::of_fields(Arc::clone(self.linked.fields(capture)), values)
        });
    }
}

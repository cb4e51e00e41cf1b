//! Where a site finds the inputs of its probes, as `hogtrace.binding` decided.

use hogtrace_core::vm::{Fault, FaultKind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::access::add_all;

/// Where one input of a probe is found when a hook runs. `hogtrace.binding` documents each form.
pub(crate) enum Place {
    Load(usize),
    Kept(usize),
    Item(Box<Place>, usize),
    Args(Vec<Place>, Option<Box<Place>>),
    Kwargs(Vec<(Py<PyString>, Place)>, Option<Box<Place>>),
    Locals(Vec<(Py<PyString>, Place)>),
    Global(Py<PyString>),
    Globals,
    Retval,
    Exception,
    Duration,
    Missing(String),
}

impl Place {
    /// Reads a place as `hogtrace.binding` writes it: a tuple of the kind and its arguments.
    pub(crate) fn parse(written: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tuple = written.cast::<PyTuple>()?;
        let kind: String = tuple.get_item(0)?.extract()?;
        Ok(match kind.as_str() {
            "load" => Self::Load(tuple.get_item(1)?.extract()?),
            "kept" => Self::Kept(tuple.get_item(1)?.extract()?),
            "item" => Self::Item(
                Box::new(Self::parse(&tuple.get_item(1)?)?),
                tuple.get_item(2)?.extract()?,
            ),
            "args" => {
                let places = tuple
                    .get_item(1)?
                    .try_iter()?
                    .map(|place| Self::parse(&place?));
                Self::Args(
                    places.collect::<PyResult<_>>()?,
                    Self::parse_optional(&tuple.get_item(2)?)?,
                )
            }
            "kwargs" => Self::Kwargs(
                Self::parse_named(&tuple.get_item(1)?)?,
                Self::parse_optional(&tuple.get_item(2)?)?,
            ),
            "locals" => Self::Locals(Self::parse_named(&tuple.get_item(1)?)?),
            "global" => Self::Global(tuple.get_item(1)?.cast::<PyString>()?.clone().unbind()),
            "globals" => Self::Globals,
            "retval" => Self::Retval,
            "exception" => Self::Exception,
            "duration" => Self::Duration,
            "missing" => Self::Missing(tuple.get_item(1)?.extract()?),
            _ => {
                return Err(PyValueError::new_err(format!(
                    "unknown kind of place: {kind}"
                )));
            }
        })
    }

    fn parse_optional(written: &Bound<'_, PyAny>) -> PyResult<Option<Box<Self>>> {
        if written.is_none() {
            Ok(None)
        } else {
            Ok(Some(Box::new(Self::parse(written)?)))
        }
    }

    fn parse_named(written: &Bound<'_, PyAny>) -> PyResult<Vec<(Py<PyString>, Self)>> {
        let mut named = Vec::new();
        for pair in written.try_iter()? {
            let (name, place): (Bound<'_, PyString>, Bound<'_, PyAny>) = pair?.extract()?;
            named.push((name.unbind(), Self::parse(&place)?));
        }
        Ok(named)
    }
}

/// What a hook was handed: the values that the woven code loaded, those kept from the entry of the call, and the
/// object that stands for an unbound slot.
#[derive(Clone, Copy)]
pub(crate) struct Handed<'a, 'py> {
    pub(crate) loads: Loads<'a, 'py>,
    pub(crate) kept: &'a [Py<PyAny>],
    pub(crate) unbound: &'a Bound<'py, PyAny>,
}

/// The values that the woven code loaded for one hook.
#[derive(Clone, Copy)]
pub(crate) enum Loads<'a, 'py> {
    /// None were asked for.
    Nothing,
    /// One, handed as it is.
    One(&'a Bound<'py, PyAny>),
    /// Several in a tuple, after `skip` others.
    Packed {
        tuple: &'a Bound<'py, PyTuple>,
        skip: usize,
    },
}

impl<'a, 'py> Loads<'a, 'py> {
    /// What a hook was handed, where the woven code loads `count` values.
    #[inline]
    pub(crate) fn handed(values: &'a Bound<'py, PyAny>, count: usize) -> Self {
        match count {
            0 => Self::Nothing,
            1 => Self::One(values),
            _ => values
                .cast_exact::<PyTuple>()
                .map_or(Self::Nothing, |tuple| Self::Packed { tuple, skip: 0 }),
        }
    }

    /// Value `index`.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<Borrowed<'a, 'py, PyAny>> {
        match *self {
            Self::Nothing => None,
            Self::One(value) => Some(value.as_borrowed()),
            Self::Packed { tuple, skip } => (skip + index < tuple.len())
                .then(|| tuple.get_borrowed_item(skip + index).ok())
                .flatten(),
        }
    }
}

impl<'py> Handed<'_, 'py> {
    /// The value at `place`, one of those that hold a single value of the call.
    ///
    /// Gives `None` where the slot is unbound.
    pub(crate) fn value(&self, py: Python<'py>, place: &Place) -> Option<Bound<'py, PyAny>> {
        let value = match place {
            Place::Load(index) => self.loads.get(*index)?.to_owned(),
            Place::Kept(index) => self.kept.get(*index)?.bind(py).clone(),
            Place::Item(container, index) => {
                let container = self.value(py, container)?;
                return container
                    .cast_exact::<PyTuple>()
                    .ok()?
                    .get_item(*index)
                    .ok();
            }
            _ => return None,
        };
        if value.is(self.unbound) {
            None
        } else {
            Some(value)
        }
    }

    /// `args`: the positional parameters in order, then what `*args` took.
    pub(crate) fn args(
        &self,
        py: Python<'py>,
        places: &[Place],
        rest: Option<&Place>,
    ) -> Result<Bound<'py, PyTuple>, Fault> {
        let mut values = Vec::with_capacity(places.len());
        for place in places {
            values.push(
                self.value(py, place)
                    .unwrap_or_else(|| py.None().into_bound(py)),
            );
        }
        if let Some(rest) = rest.and_then(|place| self.value(py, place))
            && let Ok(rest) = rest.cast_exact::<PyTuple>()
        {
            values.extend(rest.iter());
        }
        PyTuple::new(py, values).map_err(|error| no_memory(&error))
    }

    /// `kwargs` and `locals`: a dict of what is bound now, then what `**kwargs` took.
    pub(crate) fn named(
        &self,
        py: Python<'py>,
        places: &[(Py<PyString>, Place)],
        rest: Option<&Place>,
    ) -> Result<Bound<'py, PyDict>, Fault> {
        let dict = PyDict::new(py);
        for (name, place) in places {
            if let Some(value) = self.value(py, place) {
                dict.set_item(name, value)
                    .map_err(|error| no_memory(&error))?;
            }
        }
        if let Some(rest) = rest.and_then(|place| self.value(py, place))
            && let Ok(rest) = rest.cast_exact::<PyDict>()
            && !add_all(&dict, rest).map_err(|error| no_memory(&error))?
        {
            return Err(odd_keywords());
        }
        Ok(dict)
    }
}

/// The fault of keyword arguments with keys that the function has put there itself.
pub(crate) fn odd_keywords() -> Fault {
    let message = "comparing the keys of the keyword arguments would run code of the application";
    Fault::new(FaultKind::Refused, message)
}

/// The fault of a container that could not be made.
fn no_memory(error: &PyErr) -> Fault {
    Fault::new(FaultKind::Limit, error.to_string())
}

//! A request's headers, parameters and forms, read where the framework keeps them.

use hogtrace_core::vm::FaultKind;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyString};

use super::part::text_of;
use super::refusal::{Safe, Stop};
use super::search::find;
use super::shape::{Family, shape_of};
use super::storage::{entries, stored_item, stored_length};
use super::work::Work;

/// In which form the fields are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In a WSGI environment: `HTTP_ACCEPT`, `CONTENT_TYPE`.
    Environ,
    /// In a sequence of pairs of a name and a value, strings or bytes.
    Pairs,
    /// In a dict of lower-case names and pairs.
    Store,
    /// In a dict of names in some spelling, and values or lists of values.
    Named,
    /// Not headers, but parameters: in a dict of lists, of which the first value is asked for.
    First,
    /// The same, and the last value is.
    Last,
}

/// The headers of a request or response, as a mapping that ignores case, or its parameters, as one that does not. It only
/// looks at what the framework stores; of a header that comes more than once it gives the first. A parameter without
/// values is left out.
#[pyclass(frozen, mapping, module = "hogtrace._engine")]
pub(crate) struct Fields {
    kept: Kept,
    source: Py<PyAny>,
}

impl Fields {
    /// The fields in `source`, a dict, list or tuple, subclasses included.
    pub(super) fn view(kept: Kept, source: Bound<'_, PyAny>) -> Safe<'_, Bound<'_, PyAny>> {
        let py = source.py();
        let fits = match (kept, shape_of(&source).family) {
            (Kept::Pairs, _) => is_sequence(&source),
            (_, family) => family == Family::Dict,
        };
        if !fits {
            return Err(Stop::words(&source, "not where fields are expected to be"));
        }
        match Bound::new(
            py,
            Self {
                kept,
                source: source.unbind(),
            },
        ) {
            Ok(headers) => Ok(headers.into_any()),
            Err(error) => Err(Stop::raised(py, &error)),
        }
    }

    /// The field of that name.
    pub(super) fn find<'py>(
        &self,
        name: &Bound<'py, PyAny>,
    ) -> Safe<'py, Option<Bound<'py, PyAny>>> {
        let py = name.py();
        if shape_of(name).family != Family::Str {
            return Ok(None);
        }
        let name = text(name).unwrap_or_default();
        match self.kept {
            Kept::Environ => {
                let upper = name.to_ascii_uppercase().replace('-', "_");
                let key = if is_bare(&upper) {
                    upper
                } else {
                    format!("HTTP_{upper}")
                };
                // Only the hyphen is a hyphen: `x_real_ip` is no header.
                if name.contains('_') {
                    Ok(None)
                } else {
                    self.look_up(py, &key)
                }
            }
            Kept::Store => {
                let pair = self.look_up(py, &name.to_lowercase())?;
                Ok(pair.and_then(|pair| second(&pair)))
            }
            Kept::Pairs => {
                let mut work = Work::new();
                for (known, value) in self.pairs(py) {
                    work.touch()?;
                    if text(&known).is_some_and(|known| known.eq_ignore_ascii_case(&name)) {
                        return Ok(Some(decoded(value)));
                    }
                }
                Ok(None)
            }
            Kept::Named => {
                let Ok(dict) = self.source.bind(py).cast::<PyDict>() else {
                    return Ok(None);
                };
                let mut work = Work::new();
                for (known, value) in entries(dict) {
                    work.touch()?;
                    if text(&known).is_some_and(|known| known.eq_ignore_ascii_case(&name)) {
                        return Ok(last(value));
                    }
                }
                Ok(None)
            }
            Kept::First | Kept::Last => {
                let Some(values) = self.look_up(py, &name)? else {
                    return Ok(None);
                };
                if !is_sequence(&values) {
                    return Err(Stop::words(
                        self.source.bind(py),
                        "no dict of names and lists",
                    ));
                }
                let index = if self.kept == Kept::First {
                    0
                } else {
                    stored_length(&values).wrapping_sub(1)
                };
                Ok(stored_item(&values, index))
            }
        }
    }

    fn look_up<'py>(&self, py: Python<'py>, key: &str) -> Safe<'py, Option<Bound<'py, PyAny>>> {
        match self.source.bind(py).cast::<PyDict>() {
            Ok(dict) => find(dict, PyString::new(py, key).as_any()),
            Err(_) => Ok(None),
        }
    }

    /// The pairs of a list or tuple of them.
    fn pairs<'py>(
        &self,
        py: Python<'py>,
    ) -> impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let source = self.source.bind(py).clone();
        (0..)
            .map_while(move |index| stored_item(&source, index))
            .filter_map(|pair| Some((first(&pair)?, second(&pair)?)))
    }

    /// All fields, in the order in which they are kept; of parameters all values.
    pub(crate) fn all<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyAny>)> {
        let source = self.source.bind(py);
        if self.kept == Kept::Pairs {
            return self
                .pairs(py)
                .filter_map(|(name, value)| Some((text(&name)?, decoded(value))))
                .collect();
        }
        match source.cast::<PyDict>() {
            Ok(dict) => entries(dict)
                .filter_map(|(key, value)| self.entry(&key, value))
                .collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The field that an entry of a dict is.
    fn entry<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
    ) -> Option<(String, Bound<'py, PyAny>)> {
        match self.kept {
            Kept::Environ => Some((titled(&text(key)?)?, value)),
            Kept::Named => Some((text(key)?, last(value)?)),
            Kept::First | Kept::Last => {
                let is_empty = is_sequence(&value) && stored_length(&value) == 0;
                (!is_empty).then_some((text(key)?, value))
            }
            Kept::Pairs | Kept::Store => Some((text(&first(&value)?)?, second(&value)?)),
        }
    }

    /// How many fields there are.
    pub(super) fn count(&self, py: Python<'_>) -> usize {
        self.all(py).len()
    }
}

/// Whether a header stands in a WSGI environment under its bare name.
fn is_bare(upper: &str) -> bool {
    matches!(upper, "CONTENT_TYPE" | "CONTENT_LENGTH")
}

/// The header's name for a key of a WSGI environment: `HTTP_X_ID` is `X-Id`.
fn titled(key: &str) -> Option<String> {
    let name = key
        .strip_prefix("HTTP_")
        .or_else(|| is_bare(key).then_some(key))?;
    let words = name.split('_').map(|word| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |first| {
            first.to_string() + &chars.as_str().to_ascii_lowercase()
        })
    });
    Some(words.collect::<Vec<_>>().join("-"))
}

fn first<'py>(pair: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    is_pair(pair).then(|| stored_item(pair, 0)).flatten()
}

fn second<'py>(pair: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    is_pair(pair).then(|| stored_item(pair, 1)).flatten()
}

/// The last of a list of values; anything else as it is.
fn last(value: Bound<'_, PyAny>) -> Option<Bound<'_, PyAny>> {
    if is_sequence(&value) {
        return stored_item(&value, stored_length(&value).wrapping_sub(1));
    }
    Some(value)
}

fn is_pair(pair: &Bound<'_, PyAny>) -> bool {
    is_sequence(pair) && stored_length(pair) == 2
}

/// Whether an object is a list or a tuple, subclasses included.
fn is_sequence(object: &Bound<'_, PyAny>) -> bool {
    matches!(shape_of(object).family, Family::Tuple | Family::List)
}

/// The text of a string, or of bytes as HTTP has them.
fn text(name: &Bound<'_, PyAny>) -> Option<String> {
    match shape_of(name).family {
        Family::Str => Some(text_of(name.cast::<PyString>().ok()?)),
        Family::Bytes => Some(
            name.cast::<PyBytes>()
                .ok()?
                .as_bytes()
                .iter()
                .copied()
                .map(char::from)
                .collect(),
        ),
        _ => None,
    }
}

/// Bytes as the string that HTTP means by them; anything else as it is.
fn decoded(value: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    match shape_of(&value).family {
        Family::Bytes => match text(&value) {
            Some(text) => PyString::new(value.py(), &text).into_any(),
            None => value,
        },
        _ => value,
    }
}

/// A stop as an exception, for application code that got hold of the fields through a variable.
fn raise(stop: Stop<'_>) -> PyErr {
    let fault = match stop {
        Stop::Fault(fault) => fault,
        Stop::Refused(refusal) => refusal.into_fault(),
    };
    match fault.kind {
        FaultKind::Type => PyTypeError::new_err(fault.message.into_owned()),
        _ => PyValueError::new_err(fault.message.into_owned()),
    }
}

#[pymethods]
impl Fields {
    fn __getitem__<'py>(&self, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.find(name)
            .map_err(raise)?
            .ok_or_else(|| PyKeyError::new_err(name.clone().unbind()))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.find(name).map(|found| found.is_some()).map_err(raise)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.count(py)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.keys(py)?.try_iter()
    }

    /// A new list of the names.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.all(py).into_iter().map(|(name, _)| name))
    }

    /// A new list of pairs.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.all(py))
    }

    /// The field of that name, or `default`.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.find(name).map_err(raise)?.or(default))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.source)
    }
}

/// The list of pairs in an ASGI scope.
pub(super) fn of_scope<'py>(scope: &Bound<'py, PyAny>) -> Safe<'py, Bound<'py, PyAny>> {
    let py = scope.py();
    let found = match scope.cast::<PyDict>() {
        Ok(dict) => find(dict, intern!(py, "headers").as_any())?,
        Err(_) => None,
    };
    match found {
        Some(pairs) => Fields::view(Kept::Pairs, pairs),
        None => Err(Stop::words(scope, "no ASGI scope with headers")),
    }
}

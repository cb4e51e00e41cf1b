//! The pattern of a request's route, read where the request's framework keeps it once it has resolved it.
//!
//! Nothing of the application runs for that: each step is an item of a plain dict, or an attribute that may be read in the
//! access mode `safe`.

use arrayvec::ArrayVec;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::access::{plain_item, stored_attribute, string_size, text_of};
use crate::running::release;

/// Characters of a pattern; a longer text is none.
const LONGEST: usize = 1024;
/// At how many places one route is looked for.
const PLACES: usize = 4;

/// Where frameworks keep the pattern of a request's route.
///
/// Each of `ways` is a tuple of names, one step each: the name of an item where a dict is, of an attribute elsewhere. A
/// step `?name` goes nowhere, and is the end of the way if there is nothing of that name, or None. The ways are tried in
/// order, and the first that leads to a string is the one. `mounts` names two items of the carrier: the path under which
/// the application that answers is mounted, and that of the outermost one; what the first has more stands before the
/// pattern. An application with mounts may find a route more than once, so with them the last one counts.
///
/// Raises `ValueError` for a way without steps.
#[pyclass(frozen, module = "hogtrace._engine")]
pub(crate) struct RouteWays {
    ways: Vec<Vec<Step>>,
    mounts: Option<(Py<PyString>, Py<PyString>)>,
}

struct Step {
    name: Py<PyString>,
    /// Whether it only looks whether that is there.
    stays: bool,
}

impl Step {
    fn way(py: Python<'_>, way: Vec<String>) -> Vec<Self> {
        way.into_iter()
            .map(|step| {
                let name = step.strip_prefix('?');
                Self {
                    name: PyString::intern(py, name.unwrap_or(&step)).unbind(),
                    stays: name.is_some(),
                }
            })
            .collect()
    }

    fn take<'py>(&self, from: Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let reached = stored(&from, self.name.bind(from.py()))?;
        if !self.stays {
            Some(reached)
        } else if reached.is_none() {
            None
        } else {
            Some(from)
        }
    }
}

#[pymethods]
impl RouteWays {
    #[new]
    #[pyo3(signature = (*ways, mounts=None))]
    fn new(
        py: Python<'_>,
        ways: Vec<Vec<String>>,
        mounts: Option<(String, String)>,
    ) -> PyResult<Self> {
        if ways.iter().any(Vec::is_empty) {
            return Err(PyValueError::new_err("a way has at least one step"));
        }
        let name = |name: String| PyString::intern(py, &name).unbind();
        Ok(Self {
            ways: ways.into_iter().map(|way| Step::way(py, way)).collect(),
            mounts: mounts.map(|(inner, outer)| (name(inner), name(outer))),
        })
    }
}

/// Where one application that answers the request keeps its route.
pub(crate) struct Place {
    carrier: Py<PyAny>,
    ways: Py<RouteWays>,
}

impl Place {
    /// The pattern that is there, if there is one yet.
    pub(crate) fn pattern<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.ways.get().ways.iter().find_map(|way| {
            let mut reached = self.carrier.bind(py).clone();
            for step in way {
                reached = step.take(reached)?;
            }
            short_text(reached)
        })
    }

    /// What stands before the pattern.
    pub(crate) fn mount(&self, py: Python<'_>) -> Option<String> {
        let item = |name: &Py<PyString>| {
            let item = stored(self.carrier.bind(py), name.bind(py))?;
            short_text(item).map(|text| text_of(&text))
        };
        let (inner, outer) = self.ways.get().mounts.as_ref()?;
        let mount = item(inner)?;
        mount.strip_prefix(&item(outer)?).map(str::to_owned)
    }

    /// Whether what is found there is the whole answer.
    pub(crate) fn is_final(&self) -> bool {
        self.ways.get().mounts.is_none()
    }
}

fn stored<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    match object.cast_exact::<PyDict>() {
        Ok(dict) => plain_item(dict, name),
        Err(_) if object.is_none() => None,
        Err(_) => stored_attribute(object, name),
    }
}

fn short_text(object: Bound<'_, PyAny>) -> Option<Bound<'_, PyString>> {
    let text = object.cast_into_exact::<PyString>().ok()?;
    (string_size(&text).0 <= LONGEST).then_some(text)
}

/// A pattern that was found.
struct Found {
    pattern: Py<PyString>,
    /// What stands before it.
    mount: Option<String>,
    /// Whether nobody was told of it yet.
    is_new: bool,
}

/// What is known of the route of one request.
#[derive(Default)]
pub(crate) struct Route {
    /// Where to look for it, the innermost application last.
    places: ArrayVec<Place, PLACES>,
    /// What was found last.
    found: Option<Found>,
    /// Whether it is not looked for any more.
    ended: bool,
}

impl Route {
    /// Adds a place to look at, while the route is looked for.
    pub(crate) fn seek(&mut self, carrier: Py<PyAny>, ways: Py<RouteWays>) {
        let is_known = |place: &Place| place.carrier.is(&carrier) && place.ways.is(&ways);
        if !self.ended && !self.places.is_full() && !self.places.iter().any(is_known) {
            self.places.push(Place { carrier, ways });
        }
    }

    /// Whether there is anywhere to look.
    #[inline]
    pub(crate) fn is_sought(&self) -> bool {
        !self.places.is_empty()
    }

    /// A place to look at, counted from the one that was added last. It is looked at while the store is not locked: a look
    /// may make a dict, and so set off the collector.
    pub(crate) fn place(&self, py: Python<'_>, back: usize) -> Option<Place> {
        let place = self.places.iter().nth_back(back)?;
        Some(Place {
            carrier: place.carrier.clone_ref(py),
            ways: place.ways.clone_ref(py),
        })
    }

    /// Whether that is the pattern that was found last.
    pub(crate) fn knows(&self, pattern: &Bound<'_, PyString>) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| found.pattern.is(pattern))
    }

    /// Notes a pattern that was found, and what stands before it; gives what is let go of if that is final.
    pub(crate) fn note(
        &mut self,
        pattern: Bound<'_, PyString>,
        mount: Option<String>,
        is_final: bool,
    ) -> Left {
        if self.ended {
            return Left::default();
        }
        self.found = Some(Found {
            pattern: pattern.unbind(),
            mount,
            is_new: true,
        });
        if is_final {
            self.end()
        } else {
            Left::default()
        }
    }

    /// The whole pattern, if another one was found since this was asked last.
    #[inline]
    pub(crate) fn take_news(&mut self, py: Python<'_>) -> Option<String> {
        let found = self.found.as_mut().filter(|found| found.is_new)?;
        found.is_new = false;
        let mut whole = found.mount.take().unwrap_or_default();
        whole.push_str(&text_of(found.pattern.bind(py)));
        Some(whole)
    }

    /// Ends the search, and gives what is let go of.
    pub(crate) fn end(&mut self) -> Left {
        self.ended = true;
        Left(std::mem::take(&mut self.places))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for place in &self.places {
            visit.call(&place.carrier)?;
        }
        Ok(())
    }
}

/// Places that are not looked at any more. What dies with them may run code of the application.
#[derive(Default)]
#[must_use]
pub(crate) struct Left(ArrayVec<Place, PLACES>);

impl Left {
    /// Lets go of them, at once or when the run of a probe on this thread is over.
    pub(crate) fn release(self) {
        for place in self.0 {
            release(place.carrier);
        }
    }
}

//! Where events come from: what is the same for all events of one probe in one function, and for all of one tracer.

use std::borrow::Cow;
use std::sync::Arc;

use hogtrace_core::bytecode::Point;
use pyo3::prelude::*;

use crate::losses::Account;

/// Where events come from: the same for all events of one probe in one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The program's name.
    pub(crate) program: Box<str>,
    /// The probe's id.
    pub(crate) probe: Box<str>,
    /// The target as the probe names it.
    pub(crate) target: Box<str>,
    /// The function that was instrumented: `module.qualname`.
    pub(crate) function: Box<str>,
    /// When it makes events.
    pub(crate) moment: Moment,
    /// The service that the tracer says it is in.
    pub(crate) resource: Arc<Resource>,
    /// What is given up of them is counted here.
    pub(crate) account: Account,
}

/// When an event comes about: at a point of a call, or at the end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A capture there.
    Point(Point),
    /// The record of a request that has ended.
    RequestEnd,
}

/// The kind of what a capture makes.
const CAPTURE: &str = "capture";
/// The kind, and the point, of the record that ends a request.
pub(super) const REQUEST: &str = "request";

impl Moment {
    /// The moment of that name, if it is one.
    pub(super) fn parse(point: &str) -> Option<Self> {
        if point == REQUEST {
            return Some(Self::RequestEnd);
        }
        point.parse().ok().map(Self::Point)
    }

    /// The kind of the events.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Point(_) => CAPTURE,
            Self::RequestEnd => REQUEST,
        }
    }

    /// The name of the point.
    pub(super) fn point(self) -> Cow<'static, str> {
        match self {
            Self::Point(Point::Entry) => Cow::Borrowed("entry"),
            Self::Point(Point::Exit) => Cow::Borrowed("exit"),
            Self::Point(point @ Point::Line(_)) => Cow::Owned(point.to_string()),
            Self::RequestEnd => Cow::Borrowed(REQUEST),
        }
    }
}

/// Whose events they are: the same for all of one tracer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The name of the service.
    pub(crate) service: Option<Box<str>>,
    /// Its release.
    pub(crate) release: Option<Box<str>>,
    /// Where it is deployed.
    pub(crate) environment: Option<Box<str>>,
    /// The name of the machine.
    pub(crate) host: Option<Box<str>>,
}

impl Resource {
    /// What it says, by the names of an event's fields.
    pub(super) fn fields(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("service", self.service.as_deref()),
            ("release", self.release.as_deref()),
            ("environment", self.environment.as_deref()),
            ("host", self.host.as_deref()),
        ]
    }
}

/// Whose events a queue takes: the service, its release, its environment and the name of the machine, each a text or
/// None. The events of the probes that are linked to the queue say so.
#[pyclass(frozen, eq, name = "Resource", module = "hogtrace._engine")]
#[derive(PartialEq)]
pub(crate) struct ResourceClass {
    pub(crate) resource: Arc<Resource>,
}

#[pymethods]
impl ResourceClass {
    #[new]
    #[pyo3(signature = (*, service=None, release=None, environment=None, host=None))]
    fn new(
        service: Option<String>,
        release: Option<String>,
        environment: Option<String>,
        host: Option<String>,
    ) -> Self {
        let boxed = |text: Option<String>| text.map(String::into_boxed_str);
        Self {
            resource: Arc::new(Resource {
                service: boxed(service),
                release: boxed(release),
                environment: boxed(environment),
                host: boxed(host),
            }),
        }
    }

    /// The name of the service.
    #[getter]
    fn service(&self) -> Option<&str> {
        self.resource.service.as_deref()
    }

    /// Its release.
    #[getter]
    fn release(&self) -> Option<&str> {
        self.resource.release.as_deref()
    }

    /// Where it is deployed.
    #[getter]
    fn environment(&self) -> Option<&str> {
        self.resource.environment.as_deref()
    }

    /// The name of the machine.
    #[getter]
    fn host(&self) -> Option<&str> {
        self.resource.host.as_deref()
    }
}

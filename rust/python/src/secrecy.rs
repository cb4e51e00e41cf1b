//! Which captured and stored values are secret: what is known before any call, what the parameters of a function add,
//! and what one run meets.

use hogtrace_core::bytecode::{Constant, Input, Probe, Program, Scope};
use hogtrace_core::value::Value;
use hogtrace_core::verify::{Flow, VerifiedProbe};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::redact::{REDACTED, Redaction};
use crate::snapshot::{
    holds_secret_parts, is_of_secret_type, is_secret_key, is_secret_part, tells_secret,
};

/// How much of a captured value must not be shown.
pub(crate) enum Secrecy<'py> {
    Open,
    Hidden,
    /// This value stands in for the captured one.
    Replaced(Bound<'py, PyAny>),
}

/// An answer for each captured field, and for each variable that a probe sets.
pub(crate) struct PerFlow<T> {
    /// Per capture and field.
    pub(crate) fields: Vec<Vec<T>>,
    /// Per variable, in the order of [`VerifiedProbe::stores`].
    pub(crate) stores: Vec<T>,
}

impl<T> PerFlow<T> {
    /// Asks for each flow of a probe; captured fields have names of their own.
    fn new(
        plain: &Probe,
        verified: &VerifiedProbe,
        answer: impl Fn(&Flow, Option<&str>) -> T,
    ) -> Self {
        let fields = plain.captures.iter().zip(verified.flows());
        Self {
            fields: fields
                .map(|(capture, flows)| {
                    let fields = capture.fields.iter().zip(flows);
                    fields
                        .map(|(name, flow)| answer(flow, Some(name)))
                        .collect()
                })
                .collect(),
            stores: verified
                .stores()
                .iter()
                .map(|store| answer(&store.flow, None))
                .collect(),
        }
    }
}

/// Whether names and keys that stand in the program make a value secret.
pub(crate) fn by_name(
    program: &Program,
    plain: &Probe,
    verified: &VerifiedProbe,
    judge: &Redaction,
) -> PerFlow<bool> {
    PerFlow::new(plain, verified, |flow, field| {
        let name = |&name: &u16| judge.is_secret(&program.names[usize::from(name)]);
        let key = |&key: &u16| match &program.constants[usize::from(key)] {
            Constant::Str(text) => judge.is_secret(text),
            _ => false,
        };
        field.is_some_and(|field| judge.is_secret(field))
            || flow.names.iter().any(name)
            || flow.keys.iter().any(key)
    })
}

/// What the names of a function's parameters make of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByParameter {
    Open,
    /// It was read through a parameter whose name is secret.
    Hidden,
    /// It was read through `args`, and some parameter's name is secret.
    Mixed,
}

/// What is known of a captured field before any call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It can be shown.
    Open,
    /// It is secret.
    Hidden,
    /// The call says.
    Unsettled,
}

impl Settled {
    /// What names make of a captured field, where secrets are hidden at all: whether those that stand in the program
    /// make it secret, and what those of the parameters make of it.
    pub(crate) fn of(secret: bool, by_parameter: ByParameter, flow: &Flow) -> Self {
        if secret || by_parameter == ByParameter::Hidden {
            Self::Hidden
        } else if by_parameter == ByParameter::Mixed || Met::can_hide(flow) {
            Self::Unsettled
        } else {
            Self::Open
        }
    }
}

/// Which positional parameters of a function have secret names.
pub(crate) struct Parameters {
    positional: Vec<bool>,
    /// That of `*args`, which takes the rest.
    star: bool,
}

impl Parameters {
    /// Judges the names of the positional parameters, and that of `*args` if there is one.
    pub(crate) fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        star: Option<&str>,
        judge: &Redaction,
    ) -> Self {
        Self {
            positional: names
                .into_iter()
                .map(|name| judge.is_secret(name))
                .collect(),
            star: star.is_some_and(|name| judge.is_secret(name)),
        }
    }

    fn is_secret(&self, position: usize) -> bool {
        self.positional.get(position).copied().unwrap_or(self.star)
    }

    /// What they make of each value that a probe captures or stores.
    pub(crate) fn judge(&self, plain: &Probe, verified: &VerifiedProbe) -> PerFlow<ByParameter> {
        let any = self.star || self.positional.contains(&true);
        PerFlow::new(plain, verified, |flow, _| {
            let inputs = || {
                let slots = flow.inputs.iter();
                slots.map(|&slot| &plain.inputs[usize::from(slot)])
            };
            let is_secret = |input: &Input| match input {
                Input::Arg(position) => self.is_secret(usize::from(*position)),
                _ => false,
            };
            if inputs().any(is_secret) {
                ByParameter::Hidden
            } else if any && inputs().any(|input| *input == Input::Args) {
                ByParameter::Mixed
            } else {
                ByParameter::Open
            }
        })
    }

    /// What to show of a value that was judged so; `args` is what the probe knows as `args`, once it was asked for.
    pub(crate) fn shown<'py>(
        &self,
        judged: ByParameter,
        args: Option<&Bound<'py, PyTuple>>,
        value: &Value<Bound<'py, PyAny>>,
    ) -> Secrecy<'py> {
        match (judged, args, value) {
            (ByParameter::Open, ..) => Secrecy::Open,
            // `args` as a whole: hide the secret ones and show the others.
            (ByParameter::Mixed, Some(args), Value::Object(object)) if object.is(args) => {
                let py = args.py();
                let shown = args.iter().enumerate().map(|(position, value)| {
                    if self.is_secret(position) {
                        PyString::intern(py, REDACTED).into_any()
                    } else {
                        value
                    }
                });
                PyTuple::new(py, shown.collect::<Vec<_>>())
                    .map_or(Secrecy::Hidden, |shown| Secrecy::Replaced(shown.into_any()))
            }
            _ => Secrecy::Hidden,
        }
    }
}

/// What a run has met by now that makes values secret. Nothing is noted before the predicate has passed: no value of
/// a predicate is captured or stored.
#[derive(Default)]
pub(crate) struct Met {
    /// Whether anything has to be noted.
    pub(crate) watching: bool,
    /// Variables that held a secret when they were read.
    variables: Vec<(Scope, u16)>,
    /// Whether a key was secret that the program did not name.
    key: bool,
    /// Whether a part was taken of a value that is secret, or has parts that are.
    part: bool,
}

impl Met {
    /// Whether any value of a probe may be secret because of what its runs meet.
    pub(crate) fn matters(verified: &VerifiedProbe) -> bool {
        let fields = verified.flows().iter().flatten();
        fields
            .chain(verified.stores().iter().map(|store| &store.flow))
            .any(Self::can_hide)
    }

    /// Whether a value of that flow may be.
    fn can_hide(flow: &Flow) -> bool {
        flow.derived || flow.computed_key || !flow.variables.is_empty()
    }

    /// A variable was read that holds a secret.
    pub(crate) fn variable(&mut self, scope: Scope, name: u16) {
        if self.watching && !self.variables.contains(&(scope, name)) {
            self.variables.push((scope, name));
        }
    }

    /// An item is read.
    pub(crate) fn item(
        &mut self,
        judge: &Redaction,
        object: &Value<Bound<'_, PyAny>>,
        key: &Value<Bound<'_, PyAny>>,
    ) {
        if let Value::Object(key) = key {
            self.key = self.key || is_secret_key(judge, key);
        }
        if let Value::Object(object) = object {
            self.part = self.part
                || is_of_secret_type(judge, object)
                || matches!(key, Value::Int(index) if is_secret_part(judge, object, *index));
        }
    }

    /// Something is computed from a value, or an attribute or a slice is taken of it.
    pub(crate) fn operand(&mut self, judge: &Redaction, operand: &Value<Bound<'_, PyAny>>) {
        if let Value::Object(object) = operand {
            self.part =
                self.part || is_of_secret_type(judge, object) || holds_secret_parts(judge, object);
        }
    }

    /// The text of a value is made.
    pub(crate) fn text(&mut self, judge: &Redaction, of: &Value<Bound<'_, PyAny>>) {
        if let Value::Object(object) = of {
            self.part = self.part || tells_secret(judge, object);
        }
    }

    /// Whether what was met makes a value of that flow secret.
    pub(crate) fn hides(&self, flow: &Flow) -> bool {
        self.key && flow.computed_key
            || self.part && flow.derived
            || self
                .variables
                .iter()
                .any(|variable| flow.variables.contains(variable))
    }
}

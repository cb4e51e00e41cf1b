//! Secrets: which names have them, and what gives them away inside strings.

mod known;
mod scrub;
mod words;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use pyo3::prelude::*;

pub(crate) use known::Judged;

use known::Known;
use scrub::{is_clean, scrub};
use words::{SECRETS, words};

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Bytes of a name that are looked at.
const JUDGED: usize = 256;

/// The list without any setting.
static STANDARD: LazyLock<Redaction> =
    LazyLock::new(|| Redaction::new(Vec::new(), Vec::new(), true));

/// Says which names are secret and finds secrets in strings.
///
/// A name is split into words at `_`, `-`, `.`, blanks and camel humps, and is secret if an entry of the list is a run of
/// its words. `add` and `remove` change the list; an added entry with a dot, such as `app.models.Card`, also names a
/// type whose values are secret. With `enabled=False` nothing is.
#[pyclass(frozen, weakref, module = "hogtrace._engine")]
pub(crate) struct Redaction {
    enabled: bool,
    /// By first word: the runs that begin with it.
    runs: HashMap<String, Vec<Vec<String>>>,
    types: HashSet<String>,
    known: Known,
}

#[pymethods]
impl Redaction {
    #[new]
    #[pyo3(signature = (*, add=Vec::new(), remove=Vec::new(), enabled=true))]
    #[allow(clippy::needless_pass_by_value, reason = "what PyO3 extracts is owned")]
    pub(crate) fn new(add: Vec<String>, remove: Vec<String>, enabled: bool) -> Self {
        let removed: HashSet<_> = remove.iter().map(|entry| words(entry)).collect();
        let mut runs: HashMap<_, Vec<_>> = HashMap::new();
        for entry in SECRETS
            .iter()
            .copied()
            .map(words)
            .filter(|entry| !removed.contains(entry))
        {
            runs.entry(entry[0].clone()).or_default().push(entry);
        }
        for entry in add
            .iter()
            .map(|entry| words(entry))
            .filter(|entry| !entry.is_empty())
        {
            runs.entry(entry[0].clone()).or_default().push(entry);
        }
        let types = add
            .into_iter()
            .filter(|entry| entry.contains('.'))
            .collect();
        Self {
            enabled,
            runs,
            types,
            known: Known::new(),
        }
    }

    /// Whether a value of that name is secret.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.enabled && self.judge(name).secret
    }

    /// The text with each secret that gives itself away replaced by `[redacted]`.
    #[pyo3(name = "scrub")]
    fn scrub_text(&self, text: &str) -> String {
        self.scrub(text).into_owned()
    }
}

impl Redaction {
    /// The list without any setting.
    pub(crate) fn standard() -> &'static Self {
        &STANDARD
    }

    /// Whether anything is redacted at all.
    pub(crate) const fn enabled(&self) -> bool {
        self.enabled
    }

    /// Whether values of the type of that qualified name are secret.
    pub(crate) fn is_secret_type(&self, name: &str) -> bool {
        self.enabled && self.types.contains(name)
    }

    /// Whether any type is secret.
    pub(crate) fn names_types(&self) -> bool {
        self.enabled && !self.types.is_empty()
    }

    /// The text with each secret that gives itself away replaced.
    pub(crate) fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.enabled {
            scrub(text)
        } else {
            Cow::Borrowed(text)
        }
    }

    /// Whether there is no secret in a text that gives itself away.
    #[inline]
    pub(crate) fn is_clean(&self, text: &str) -> bool {
        !self.enabled || is_clean(text)
    }

    /// What there is to know of a name.
    pub(crate) fn judge(&self, name: &str) -> Judged {
        self.known.get(name, || Judged {
            secret: self.has_run(name),
            clean: is_clean(name),
        })
    }

    fn has_run(&self, name: &str) -> bool {
        let end = (0..=name.len().min(JUDGED))
            .rev()
            .find(|&end| name.is_char_boundary(end));
        let words = words(&name[..end.unwrap_or(0)]);
        (0..words.len()).any(|at| {
            let rest = &words[at..];
            self.runs
                .get(&rest[0])
                .is_some_and(|runs| runs.iter().any(|run| rest.starts_with(run)))
        })
    }
}

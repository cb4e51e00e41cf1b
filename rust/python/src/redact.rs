//! Secrets: which names have them, and what gives them away inside strings.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Names and runs of words that are secret unless a setting removes them.
const SECRETS: &[&str] = &[
    "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "token", "tokens",
    "api key", "apikey", "access key", "private key", "secret key", "signing key", "encryption key", "auth",
    "authorization", "authentication", "bearer", "cookie", "cookies", "session id", "session key", "sessionid",
    "sessid", "phpsessid", "jsessionid", "sid", "csrf", "xsrf", "csrftoken", "csrfmiddlewaretoken", "credential",
    "credentials", "jwt", "dsn", "otp", "totp", "cvv", "cvc", "ssn", "card number", "credit card",
];

/// How many answers are remembered; names come from the data of the application, so there is no end of them.
const REMEMBERED: usize = 4096;
/// Longer names are not remembered.
const LONGEST_REMEMBERED: usize = 64;

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
    /// Locked only for an instant, by threads that hold the GIL and run no Python code meanwhile.
    known: Mutex<HashMap<Box<str>, bool>>,
}

#[pymethods]
impl Redaction {
    #[new]
    #[pyo3(signature = (*, add=Vec::new(), remove=Vec::new(), enabled=true))]
    pub(crate) fn new(add: Vec<String>, remove: Vec<String>, enabled: bool) -> Self {
        let removed: HashSet<_> = remove.iter().map(|entry| words(entry)).collect();
        let mut runs: HashMap<_, Vec<_>> = HashMap::new();
        for entry in SECRETS.iter().copied().map(words).filter(|entry| !removed.contains(entry)) {
            runs.entry(entry[0].clone()).or_default().push(entry);
        }
        for entry in add.iter().map(|entry| words(entry)).filter(|entry| !entry.is_empty()) {
            runs.entry(entry[0].clone()).or_default().push(entry);
        }
        let types = add.into_iter().filter(|entry| entry.contains('.')).collect();
        Self { enabled, runs, types, known: Mutex::default() }
    }

    /// Whether a value of that name is secret.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        if !self.enabled {
            return false;
        }
        if name.len() > LONGEST_REMEMBERED {
            return self.has_run(name);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&secret) = known.get(name) {
            return secret;
        }
        let secret = self.has_run(name);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(name.into(), secret);
        secret
    }

    /// The text with each secret that gives itself away replaced by `[redacted]`.
    #[pyo3(name = "scrub")]
    fn scrub_text(&self, text: &str) -> String {
        self.scrub(text).into_owned()
    }
}

impl Redaction {
    /// The list that holds where no setting says otherwise.
    pub(crate) fn standard() -> Self {
        Self::new(Vec::new(), Vec::new(), true)
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
        if self.enabled { scrub(text) } else { Cow::Borrowed(text) }
    }

    fn has_run(&self, name: &str) -> bool {
        let words = words(name);
        (0..words.len()).any(|at| {
            let rest = &words[at..];
            self.runs.get(&rest[0]).is_some_and(|runs| runs.iter().any(|run| rest.starts_with(run)))
        })
    }
}

/// The lower-case words of a name: `X-Api-Key`, `apiKey`, `API_KEY` and `APIKey2` all hold `api`, `key`.
fn words(name: &str) -> Vec<String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Class {
        Gap,
        Lower,
        Upper,
        Digit,
    }
    let class = |c: char| match c {
        _ if c.is_uppercase() => Class::Upper,
        _ if c.is_numeric() => Class::Digit,
        _ if c.is_alphabetic() => Class::Lower,
        _ => Class::Gap,
    };
    let mut words: Vec<String> = Vec::new();
    let mut before = Class::Gap;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let now = class(c);
        if now != Class::Gap {
            let next_is_lower = chars.peek().is_some_and(|&next| class(next) == Class::Lower);
            let starts = match (before, now) {
                (Class::Upper, Class::Lower) => false,
                // The last capital of a run begins the word that follows: `HTTPCookie`.
                (Class::Upper, Class::Upper) => next_is_lower,
                (before, now) => before != now,
            };
            if starts || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = now;
    }
    words
}

fn scrub(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

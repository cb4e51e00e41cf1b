//! The form of a probe's target: a dotted path whose segments may hold wildcards.

use std::fmt;
use std::ops::Range;

use unicode_ident::{is_xid_continue, is_xid_start};

use crate::limits;

/// Why a text is not a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTarget {
    /// The bytes of the text that are wrong.
    pub range: Range<usize>,
    /// What is wrong with them.
    pub reason: Reason,
}

/// What can be wrong with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no text at all.
    Empty,
    /// It is over [`limits::TARGET_BYTES`].
    TooLong,
    /// There is one segment, so that no module and function can be told apart.
    NoModule,
    /// Two dots with nothing between, or a dot at an end.
    EmptySegment,
    /// `**` with something beside it in its segment.
    PartOfSegment,
    /// A segment in angle brackets other than `<locals>`, and `<lambda>` inside of a function.
    Brackets,
    /// `<locals>` as the first or the last segment.
    MisplacedLocals,
    /// A segment that is no identifier, wildcards aside.
    NotAName,
}

impl Reason {
    /// What to do about it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Empty | Self::NoModule | Self::EmptySegment | Self::NotAName => {
                "a target reads `package.module.function` or `package.module.Class.method`"
            }
            Self::TooLong => "match the long segments with `*`",
            Self::PartOfSegment => {
                "`*` matches inside of one segment, `**` any number of whole segments"
            }
            Self::Brackets => {
                "name the function itself; a lambda has a target only inside of a function, `f.<locals>.<lambda>`"
            }
            Self::MisplacedLocals => "a nested function reads `module.function.<locals>.inner`",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the target is missing",
            Self::TooLong => "a target has at most 4,096 bytes",
            Self::NoModule => "a target names a module and a function in it",
            Self::EmptySegment => "a segment of the target is empty",
            Self::PartOfSegment => "`**` must be a whole segment of the target",
            Self::Brackets => "in angle brackets stand only `<locals>` and, behind it, `<lambda>`",
            Self::MisplacedLocals => {
                "`<locals>` stands between a function and what is defined in it"
            }
            Self::NotAName => "a segment of the target is not a name",
        })
    }
}

/// Whether `name` is an identifier of Python.
#[must_use]
pub fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first == '_' || is_xid_start(first))
        && characters.all(is_xid_continue)
}

/// Whether `name` begins and ends with two underscores, as the names do that belong to Python itself.
#[must_use]
pub fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

/// Checks the form of `target`.
///
/// # Errors
/// What is wrong first, and where.
pub fn check(target: &str) -> Result<(), BadTarget> {
    let bad = |range, reason| Err(BadTarget { range, reason });
    if target.is_empty() {
        return bad(0..0, Reason::Empty);
    }
    if target.len() > limits::TARGET_BYTES {
        return bad(0..target.len(), Reason::TooLong);
    }
    let segments: Vec<&str> = target.split('.').collect();
    let mut start = 0;
    for (index, segment) in segments.iter().enumerate() {
        let range = start..start + segment.len();
        start = range.end + 1;
        if segment.is_empty() {
            return bad(range, Reason::EmptySegment);
        }
        if *segment == "**" {
            continue;
        }
        if segment.contains("**") {
            return bad(range, Reason::PartOfSegment);
        }
        if *segment == "<locals>" {
            // A module, a function, `<locals>`, a name: so the third segment at the earliest.
            let outer = index.checked_sub(1).map(|before| segments[before]);
            if index < 2 || index + 1 == segments.len() || outer == Some("<locals>") {
                return bad(range, Reason::MisplacedLocals);
            }
            continue;
        }
        if *segment == "<lambda>" && segments[..index].contains(&"<locals>") {
            continue;
        }
        if segment.starts_with('<') {
            return bad(range, Reason::Brackets);
        }
        let mut characters = segment.chars();
        let starts = characters
            .next()
            .is_some_and(|first| matches!(first, '_' | '*') || is_xid_start(first));
        if !starts || !characters.all(|other| other == '*' || is_xid_continue(other)) {
            return bad(range, Reason::NotAName);
        }
    }
    if segments.len() == 1 && target != "**" {
        return bad(0..target.len(), Reason::NoModule);
    }
    Ok(())
}

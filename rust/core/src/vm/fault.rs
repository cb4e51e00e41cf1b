//! Why an expression of a probe has no value.

use std::borrow::Cow;
use std::fmt;

/// What kind of thing went wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A name without a value: an unbound local, an argument that was not passed.
    Name,
    /// An operand of the wrong type.
    Type,
    /// A value that the operation does not take.
    Value,
    /// No such attribute.
    Attribute,
    /// No such key or index.
    Lookup,
    /// Division by zero, or a float result out of range.
    Arithmetic,
    /// The access rules do not allow it, because it could run code of the application.
    Refused,
    /// A limit of the language or of the copy.
    Limit,
    /// A defect of the engine; the probe is taken out.
    Internal,
}

impl FaultKind {
    /// The kind as it stands in events: one lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Type => "type",
            Self::Value => "value",
            Self::Attribute => "attribute",
            Self::Lookup => "lookup",
            Self::Arithmetic => "arithmetic",
            Self::Refused => "refused",
            Self::Limit => "limit",
            Self::Internal => "internal",
        }
    }
}

/// A failed operation: its kind, and a message for the author of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of thing went wrong.
    pub kind: FaultKind,
    /// What happened and, where there is one, the way out; no trailing full stop.
    pub message: Cow<'static, str>,
    /// The line and column of the expression in the probe's source, 1-based; the machine fills it in.
    pub position: Option<(u32, u32)>,
}

impl Fault {
    /// A fault without a position.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            position: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some((line, column)) = self.position {
            write!(f, " (line {line}, column {column})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

//! The tree of a probe file, as written.

use std::fmt;

use crate::bytecode::{BinaryOp, CompareOp, Point, Scope, UnaryOp};
use crate::span::Span;

/// A probe file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// Its probes, in order.
    pub probes: Vec<Probe>,
}

/// One probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// From `fn:` to the point.
    pub span: Span,
    /// The dotted path.
    pub target: String,
    /// When it fires.
    pub point: Point,
    /// The expression between the slashes.
    pub predicate: Option<Expr>,
    /// The statements.
    pub body: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `$req.name = value;`
    Assign {
        /// The whole statement without its `;`.
        span: Span,
        /// Where the variable lives.
        scope: Scope,
        /// The variable and where its name stands.
        name: Name,
        /// What it becomes.
        value: Expr,
    },
    /// `sample 10%;`
    Sample {
        /// The whole directive without its `;`.
        span: Span,
        /// Of how many requests it lets the probe fire.
        share: Share,
    },
    /// `capture(…);` or `send(…);`
    Capture {
        /// The whole statement without its `;`.
        span: Span,
        /// The fields.
        fields: Vec<Field>,
    },
}

/// A sampling rate as it is written; its numbers may be any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// `10%`
    Percent(f64),
    /// `1/100`
    Fraction(f64, f64),
}

impl Share {
    /// The rate, as a part of 1.
    #[must_use]
    pub fn rate(self) -> f64 {
        match self {
            Self::Percent(percent) => percent / 100.0,
            Self::Fraction(some, of) => some / of,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Fraction(some, of) => write!(f, "{some}/{of}"),
        }
    }
}

/// One field of a capture.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name, where one is given.
    pub name: Option<Name>,
    /// What is captured.
    pub value: Expr,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, without brackets around it.
    pub span: Span,
    /// Where it stands, with the brackets around it.
    pub outer: Span,
    /// The height of its tree; a leaf has 1.
    pub height: usize,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// A name of the call: a bare one, or one that the language gives.
    Name(String),
    /// `$req.name`
    Variable(Scope, Name),
    /// `object.name`
    Attribute(Box<Expr>, Name),
    /// `object[key]`; the span is that of the brackets.
    Item(Box<Expr>, Box<Expr>, Span),
    /// `object[start:stop]`; the span is that of the brackets.
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>, Span),
    /// `-a`, `+a`
    Unary(UnaryOp, Box<Expr>),
    /// `not a`, `!a`
    Not(Box<Expr>),
    /// `a + b`; the span is the operator's.
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `a < b <= c`
    Compare(Box<Expr>, Vec<Comparison>),
    /// `a and b and c`
    Logic(Logic, Vec<Expr>),
    /// `name(…)`
    Call(Name, Vec<Argument>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// Something that was reported already.
    Wrong,
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A larger integer, in decimal digits with an optional minus sign.
    BigInt(String),
    /// A float.
    Float(f64),
    /// A string.
    Str(String),
}

/// One step of a comparison chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// How it compares.
    pub test: Test,
    /// Where the operator stands.
    pub span: Span,
    /// With what.
    pub right: Expr,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// One that compares values.
    Compare(CompareOp),
    /// `is`
    Is,
    /// `is not`
    IsNot,
}

/// A logical operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// `and`, `&&`
    And,
    /// `or`, `||`
    Or,
}

/// One argument of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The name, which no function of the language takes.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

impl Statement {
    /// Where it stands, without its `;`.
    #[must_use]
    pub const fn span(&self) -> Span {
        match self {
            Self::Assign { span, .. } | Self::Sample { span, .. } | Self::Capture { span, .. } => {
                *span
            }
        }
    }
}

impl Expr {
    /// An expression over others, given the greatest of their heights (0 for a leaf).
    #[must_use]
    pub const fn new(kind: ExprKind, span: Span, height_below: usize) -> Self {
        Self {
            kind,
            span,
            outer: span,
            height: height_below + 1,
        }
    }
}

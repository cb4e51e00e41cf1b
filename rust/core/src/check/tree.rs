//! The tree of a checked program: every name resolved, every constant computed, nothing left that can be wrong.

use crate::bytecode::{BinaryOp, CompareOp, Constant, Function, Point, Scope, Singleton, UnaryOp};
use crate::span::Span;
use crate::syntax::ast::Logic;

/// A checked program.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Program {
    /// Its probes, in source order.
    pub(crate) probes: Vec<Probe>,
}

/// A checked probe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    /// Where its head stands.
    pub(crate) span: Span,
    /// Unique in the program.
    pub(crate) id: String,
    /// The dotted path.
    pub(crate) target: String,
    /// When it fires.
    pub(crate) point: Point,
    /// In which share of requests it fires, if not in all.
    pub(crate) sample: Option<f64>,
    /// What has to be `True`.
    pub(crate) predicate: Option<Expr>,
    /// What is done then.
    pub(crate) body: Vec<Statement>,
}

/// A checked statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    /// Sets a variable.
    Set {
        /// Where the statement stands.
        span: Span,
        /// Where the variable lives.
        scope: Scope,
        /// The variable.
        name: String,
        /// What it becomes.
        value: Expr,
    },
    /// Sends an event.
    Capture {
        /// Where the statement stands.
        span: Span,
        /// The fields' names and values.
        fields: Vec<(String, Expr)>,
    },
}

/// A checked expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    /// What it is.
    pub(crate) kind: ExprKind,
    /// The byte of the source that a fault of it names: that of its name or operator.
    pub(crate) at: u32,
}

/// What a checked expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ExprKind {
    /// A value that is known.
    Constant(Constant),
    /// A value of the instrumented call.
    Read(Read),
    /// A variable of HogTrace.
    Variable(Scope, String),
    /// `object.name`
    Attribute(Box<Expr>, String),
    /// `object[key]`
    Item(Box<Expr>, Box<Expr>),
    /// `object[start:stop]`, with `None` for an open end.
    Slice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `-a`, `+a`
    Unary(UnaryOp, Box<Expr>),
    /// `not a`
    Not(Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a < b == c`
    Compare(Box<Expr>, Vec<Link>),
    /// `a and b and c`, with one operand too: its truth.
    Logic(Logic, Vec<Expr>),
    /// A call of a function of the language.
    Call(Function, Vec<Expr>),
    /// `matches(text, "pattern")`
    Matches(Box<Expr>, String),
}

/// A value that a probe reads of the instrumented call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Read {
    /// `args`
    Args,
    /// `arg0`, `arg1`, …
    Arg(u16),
    /// `kwargs`
    Kwargs,
    /// `self`
    SelfArgument,
    /// A bare name.
    Name(String),
    /// `locals`
    Locals,
    /// `globals`
    Globals,
    /// `retval`
    Retval,
    /// `exception`
    Exception,
    /// `duration`
    Duration,
}

/// One step of a comparison chain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    /// What is tested.
    pub(crate) test: Test,
    /// The byte of the operator.
    pub(crate) at: u32,
    /// The operand to the right.
    pub(crate) right: Expr,
}

/// What one step of a comparison chain tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Both operands, with a comparison operator.
    Compare(CompareOp),
    /// Whether the left operand is the singleton that stands on the right; or is not it.
    LeftIs(Singleton, bool),
    /// Whether the right operand is the `None` that stands on the left; or is not it.
    RightIsNone(bool),
}

impl Expr {
    /// Whether its value is always `True` or `False`.
    #[must_use]
    pub(crate) const fn is_boolean(&self) -> bool {
        matches!(
            self.kind,
            ExprKind::Constant(Constant::Bool(_))
                | ExprKind::Not(_)
                | ExprKind::Compare(..)
                | ExprKind::Logic(..)
                | ExprKind::Matches(..)
                | ExprKind::Call(
                    Function::Bool | Function::StartsWith | Function::EndsWith,
                    _
                )
        )
    }
}

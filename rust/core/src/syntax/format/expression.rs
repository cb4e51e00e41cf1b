//! Expressions to text: the one printer, for the formatter and for the names of captured fields.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::span::Span;
use crate::syntax::ast::{Argument, Comparison, Expr, ExprKind, Literal, Logic, Name, Test};

/// Precedences of LANGUAGE's table; a higher one binds tighter.
mod precedence {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARISON: u8 = 4;
    pub(super) const SUM: u8 = 5;
    pub(super) const PRODUCT: u8 = 6;
    pub(super) const PREFIX: u8 = 7;
    pub(super) const POSTFIX: u8 = 8;
}

/// A place where a line may be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing where the line goes on.
    Soft,
    /// A blank where the line goes on.
    Blank,
    /// A blank as long as what follows fits on the line, whatever the other places of its group do.
    Fill,
}

/// Where a printer writes to. By default lines are never broken, and nothing of the source is kept.
pub(super) trait Sink {
    /// Takes text without line breaks.
    fn text(&mut self, text: &str);

    /// Takes a literal.
    fn literal(&mut self, literal: &Literal, place: Span);

    /// Takes a place where the line may be broken.
    fn line(&mut self, line: Line) {
        if line != Line::Soft {
            self.text(" ");
        }
    }

    /// Takes the last such place of a group, before its closing bracket.
    fn last_line(&mut self) {}

    /// Takes a comma that stands only where the group is broken.
    fn trailing_comma(&mut self) {}

    /// Begins a group: its lines are broken together. `indented` says whether they stand deeper than what is around.
    fn open(&mut self, _indented: bool) {}

    /// Ends a group.
    fn close(&mut self) {}

    /// Tells where in the source that stands which follows.
    fn at(&mut self, _offset: u32) {}

    /// Whether the source is the model: brackets that group are kept, and `!` where `not` would need brackets.
    fn keeps_spelling(&self) -> bool {
        false
    }
}

/// Writes an expression that nothing around it binds; its further lines are `indented` or not.
pub(super) fn write(expression: &Expr, indented: bool, out: &mut impl Sink) {
    let is_operation = expression.precedence() < precedence::PREFIX;
    if is_operation {
        out.open(indented && !is_membership(expression));
    }
    plain(expression, out);
    if is_operation {
        out.close();
    }
}

/// Whether it is `… in […]`, where only the list is broken.
fn is_membership(expression: &Expr) -> bool {
    matches!(&expression.kind, ExprKind::Compare(_, chain)
        if matches!(chain.as_slice(), [only] if matches!(only.right.kind, ExprKind::List(_))))
}

/// Writes an operand, in brackets where it binds less tightly than `least` or where they are kept.
fn operand(expression: &Expr, least: u8, out: &mut impl Sink) {
    if let ExprKind::Not(inner) = &expression.kind
        && (precedence::COMPARISON..=precedence::PREFIX).contains(&least)
        && out.keeps_spelling()
        && !expression.is_bracketed()
    {
        out.at(expression.span.start);
        out.text("!");
        operand(inner, precedence::PREFIX, out);
    } else if expression.precedence() < least || keeps_brackets(expression, out) {
        bracketed(expression, out);
    } else {
        write(expression, true, out);
    }
}

/// Whether these are brackets of the source that show how operators belong together.
fn keeps_brackets(expression: &Expr, out: &impl Sink) -> bool {
    let groups = matches!(
        expression.kind,
        ExprKind::Binary(..) | ExprKind::Compare(..) | ExprKind::Logic(..)
    );
    groups && expression.is_bracketed() && out.keeps_spelling()
}

fn bracketed(expression: &Expr, out: &mut impl Sink) {
    out.at(expression.outer.start);
    out.text("(");
    out.open(true);
    out.line(Line::Soft);
    write(expression, false, out);
    out.last_line();
    if expression.is_bracketed() {
        out.at(expression.outer.end - 1);
    }
    out.close();
    out.text(")");
}

/// Writes an expression without brackets around it and without a group of its own.
fn plain(expression: &Expr, out: &mut impl Sink) {
    let span = expression.span;
    match &expression.kind {
        ExprKind::Literal(literal) => {
            out.at(span.start);
            out.literal(literal, span);
        }
        ExprKind::Name(name) => {
            out.at(span.start);
            out.text(name);
        }
        ExprKind::Variable(scope, name) => {
            out.at(span.start);
            out.text(&format!("{scope}.{}", name.text));
        }
        ExprKind::Attribute(of, name) => {
            object(of, out);
            out.at(name.span.start);
            out.text(".");
            out.text(&name.text);
        }
        ExprKind::Item(of, key, _) => {
            object(of, out);
            out.text("[");
            write(key, true, out);
            out.text("]");
        }
        ExprKind::Slice(of, start, stop, _) => {
            object(of, out);
            slice(start.as_deref(), stop.as_deref(), out);
        }
        ExprKind::Unary(op, inner) => {
            out.at(span.start);
            out.text(&op.to_string());
            operand(inner, precedence::PREFIX, out);
        }
        ExprKind::Not(inner) => {
            out.at(span.start);
            out.text("not ");
            operand(inner, precedence::NOT, out);
        }
        ExprKind::Binary(op, _, left, right) => {
            let own = expression.precedence();
            let continues = left.precedence() == own && !keeps_brackets(left, out);
            if continues {
                plain(left, out);
            } else {
                operand(left, own, out);
            }
            out.line(Line::Blank);
            out.text(&format!("{op} "));
            operand(right, own + 1, out);
        }
        ExprKind::Compare(left, chain) => {
            operand(left, precedence::SUM, out);
            for comparison in chain {
                link(comparison, out);
            }
        }
        ExprKind::Logic(logic, operands) => {
            for (index, part) in operands.iter().enumerate() {
                if index > 0 {
                    out.line(Line::Blank);
                    out.text(match logic {
                        Logic::And => "and ",
                        Logic::Or => "or ",
                    });
                }
                operand(part, expression.precedence() + 1, out);
            }
        }
        ExprKind::Call(name, arguments) => call(name, arguments, span, out),
        ExprKind::List(items) => {
            out.at(span.start);
            list(("[", "]"), Line::Fill, span, items, out, |item, out| {
                write(item, true, out);
            });
        }
        ExprKind::Wrong => out.text("…"),
    }
}

/// Writes the brackets of a slice.
fn slice(start: Option<&Expr>, stop: Option<&Expr>, out: &mut impl Sink) {
    out.text("[");
    if let Some(start) = start {
        write(start, true, out);
    }
    out.text(":");
    if let Some(stop) = stop {
        write(stop, true, out);
    }
    out.text("]");
}

/// Writes what stands before a `.` or a bracket; a number would run into the dot.
fn object(expression: &Expr, out: &mut impl Sink) {
    match expression.kind {
        ExprKind::Literal(Literal::Int(_) | Literal::BigInt(_) | Literal::Float(_)) => {
            bracketed(expression, out);
        }
        _ => operand(expression, precedence::POSTFIX, out),
    }
}

fn call(name: &Name, arguments: &[Argument], span: Span, out: &mut impl Sink) {
    out.at(span.start);
    out.text(&name.text);
    list(
        ("(", ")"),
        Line::Blank,
        span,
        arguments,
        out,
        |argument, out| {
            if let Some(name) = &argument.name {
                out.at(name.span.start);
                out.text(&format!("{}=", name.text));
            }
            write(&argument.value, true, out);
        },
    );
}

/// Writes items in brackets, the last of which ends `span`.
fn list<T, S: Sink>(
    brackets: (&str, &str),
    between: Line,
    span: Span,
    items: &[T],
    out: &mut S,
    write_item: impl Fn(&T, &mut S),
) {
    out.text(brackets.0);
    if !items.is_empty() {
        out.open(true);
        out.line(Line::Soft);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.text(",");
                out.line(between);
            }
            write_item(item, out);
        }
        out.trailing_comma();
        out.last_line();
    }
    out.at(span.end - 1);
    if !items.is_empty() {
        out.close();
    }
    out.text(brackets.1);
}

/// Writes one step of a comparison chain.
fn link(comparison: &Comparison, out: &mut impl Sink) {
    // The brackets of a list are what is broken, rather than the line before them.
    if matches!(comparison.right.kind, ExprKind::List(_)) {
        out.text(" ");
    } else {
        out.line(Line::Blank);
    }
    match comparison.test {
        Test::Compare(op) => out.text(&format!("{op} ")),
        Test::Is => out.text("is "),
        Test::IsNot => out.text("is not "),
    }
    operand(&comparison.right, precedence::SUM, out);
}

impl Expr {
    /// How tightly the outermost operator binds.
    fn precedence(&self) -> u8 {
        use crate::bytecode::BinaryOp::{Add, Subtract};
        match &self.kind {
            ExprKind::Logic(Logic::Or, _) => precedence::OR,
            ExprKind::Logic(Logic::And, _) => precedence::AND,
            ExprKind::Not(_) => precedence::NOT,
            ExprKind::Compare(..) => precedence::COMPARISON,
            ExprKind::Binary(Add | Subtract, ..) => precedence::SUM,
            ExprKind::Binary(..) => precedence::PRODUCT,
            ExprKind::Unary(..) => precedence::PREFIX,
            _ => precedence::POSTFIX,
        }
    }

    /// Whether the source has it in brackets.
    fn is_bracketed(&self) -> bool {
        self.outer != self.span
    }
}

/// The text on one line, with the fewest brackets: what names a field of a capture that was given no name.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut out = OneLine { f, result: Ok(()) };
        write(self, false, &mut out);
        out.result
    }
}

/// A sink that writes on.
struct OneLine<'f, 'b> {
    f: &'f mut Formatter<'b>,
    result: fmt::Result,
}

impl Sink for OneLine<'_, '_> {
    fn text(&mut self, text: &str) {
        self.result = self.result.and_then(|()| self.f.write_str(text));
    }

    fn literal(&mut self, literal: &Literal, _place: Span) {
        self.result = self.result.and_then(|()| write!(self.f, "{literal}"));
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(value) => write!(f, "{value}"),
            Self::BigInt(digits) => f.write_str(digits),
            // What no other literal gives: only an exponent that is out of range makes an infinity.
            Self::Float(value) if value.is_infinite() => f.write_str("1e999"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Str(text) => write_string(f, text),
        }
    }
}

/// Writes a string in double quotes, so that reading it gives the string again.
fn write_string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            _ if character.is_control() => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}

//! An expression's canonical text: what names a field of a capture that was given no name.

use std::fmt::{self, Display, Formatter, Write as _};

use super::ast::{Comparison, Expr, ExprKind, Literal, Logic, Test};

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

    /// Writes it, in brackets where it binds less tightly than `least`.
    fn write(&self, f: &mut Formatter<'_>, least: u8) -> fmt::Result {
        if self.precedence() < least {
            return write!(f, "({self})");
        }
        write!(f, "{self}")
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Literal(literal) => write!(f, "{literal}"),
            ExprKind::Name(name) => f.write_str(name),
            ExprKind::Variable(scope, name) => write!(f, "{scope}.{}", name.text),
            ExprKind::Attribute(object, name) => {
                object.write_object(f)?;
                write!(f, ".{}", name.text)
            }
            ExprKind::Item(object, key, _) => {
                object.write_object(f)?;
                write!(f, "[{key}]")
            }
            ExprKind::Slice(object, start, stop, _) => {
                object.write_object(f)?;
                f.write_char('[')?;
                write_option(f, start.as_deref())?;
                f.write_char(':')?;
                write_option(f, stop.as_deref())?;
                f.write_char(']')
            }
            ExprKind::Unary(op, operand) => {
                write!(f, "{op}")?;
                operand.write(f, precedence::PREFIX)
            }
            ExprKind::Not(operand) => {
                f.write_str("not ")?;
                operand.write(f, precedence::NOT)
            }
            ExprKind::Binary(op, _, left, right) => {
                let own = self.precedence();
                left.write(f, own)?;
                write!(f, " {op} ")?;
                right.write(f, own + 1)
            }
            ExprKind::Compare(left, chain) => {
                left.write(f, precedence::SUM)?;
                chain
                    .iter()
                    .try_for_each(|comparison| write!(f, "{comparison}"))
            }
            ExprKind::Logic(logic, operands) => {
                let word = match logic {
                    Logic::And => " and ",
                    Logic::Or => " or ",
                };
                for (index, operand) in operands.iter().enumerate() {
                    if index > 0 {
                        f.write_str(word)?;
                    }
                    operand.write(f, self.precedence() + 1)?;
                }
                Ok(())
            }
            ExprKind::Call(name, arguments) => {
                write!(f, "{}(", name.text)?;
                write_list(f, arguments.iter().map(|argument| &argument.value))?;
                f.write_char(')')
            }
            ExprKind::List(items) => {
                f.write_char('[')?;
                write_list(f, items)?;
                f.write_char(']')
            }
            ExprKind::Wrong => f.write_str("…"),
        }
    }
}

impl Expr {
    /// Writes it as what stands before a `.` or a bracket; a number would run into the dot.
    fn write_object(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            ExprKind::Literal(Literal::Int(_) | Literal::BigInt(_) | Literal::Float(_)) => {
                write!(f, "({self})")
            }
            _ => self.write(f, precedence::POSTFIX),
        }
    }
}

fn write_option(f: &mut Formatter<'_>, expression: Option<&Expr>) -> fmt::Result {
    expression.map_or(Ok(()), |expression| write!(f, "{expression}"))
}

fn write_list<'a>(
    f: &mut Formatter<'_>,
    expressions: impl IntoIterator<Item = &'a Expr>,
) -> fmt::Result {
    for (index, expression) in expressions.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{expression}")?;
    }
    Ok(())
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.test {
            Test::Compare(op) => write!(f, " {op} ")?,
            Test::Is => f.write_str(" is ")?,
            Test::IsNot => f.write_str(" is not ")?,
        }
        self.right.write(f, precedence::SUM)
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

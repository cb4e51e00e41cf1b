//! Expressions: what each name stands for, and whether it may stand there.

use super::tree::{Expr, ExprKind, Read};
use super::{Checker, fold};
use crate::bytecode::{BinaryOp, Constant, Point};
use crate::error::Code;
use crate::span::Span;
use crate::syntax::ast::{self, Literal};

impl Checker<'_> {
    pub(super) fn expression(&mut self, expression: &ast::Expr) -> Option<Expr> {
        let span = expression.span;
        let at = |kind, place: Span| {
            Some(Expr {
                kind,
                at: place.start,
            })
        };
        match &expression.kind {
            ast::ExprKind::Literal(literal) => at(ExprKind::Constant(constant(literal)), span),
            ast::ExprKind::Name(name) => at(ExprKind::Read(self.name(name, span)?), span),
            ast::ExprKind::Variable(scope, name) => {
                let readable = self.refuse_dunder(&name.text, name.span);
                readable.then(|| at(ExprKind::Variable(*scope, name.text.clone()), span))?
            }
            ast::ExprKind::Attribute(object, name) => {
                let object = self.expression(object);
                let readable = self.refuse_dunder(&name.text, name.span);
                let kind = ExprKind::Attribute(Box::new(object?), name.text.clone());
                readable.then(|| at(kind, name.span))?
            }
            ast::ExprKind::Item(object, key, brackets) => {
                let (object, key) = (self.expression(object), self.expression(key));
                at(ExprKind::Item(Box::new(object?), Box::new(key?)), *brackets)
            }
            ast::ExprKind::Slice(object, start, stop, brackets) => {
                let object = self.expression(object);
                let start = self.bound(start.as_deref(), *brackets);
                let stop = self.bound(stop.as_deref(), *brackets);
                let kind = ExprKind::Slice(Box::new(object?), Box::new(start?), Box::new(stop?));
                at(kind, *brackets)
            }
            ast::ExprKind::Unary(op, operand) => {
                at(fold::unary(*op, self.expression(operand)?), span)
            }
            ast::ExprKind::Not(operand) => at(fold::not(self.expression(operand)?), span),
            ast::ExprKind::Binary(op, operator, left, right) => {
                let formats = *op == BinaryOp::Modulo
                    && matches!(left.kind, ast::ExprKind::Literal(Literal::Str(_)));
                if formats {
                    self.reporter.error_with_help(
                        Code::StringModulo,
                        *operator,
                        "`%` does not format strings",
                        "capture the values as fields of their own",
                    );
                }
                let (left, right) = (self.expression(left), self.expression(right));
                let kind = fold::binary(*op, left?, right?);
                (!formats).then(|| at(kind, *operator))?
            }
            ast::ExprKind::Compare(left, chain) => self.comparison(left, chain),
            ast::ExprKind::Logic(logic, operands) => {
                let checked: Vec<Option<Expr>> = operands
                    .iter()
                    .map(|operand| self.expression(operand))
                    .collect();
                let checked: Option<Vec<Expr>> = checked.into_iter().collect();
                at(fold::logic(*logic, checked?), span)
            }
            ast::ExprKind::Call(name, arguments) => self.call(name, arguments, span),
            ast::ExprKind::List(_) => {
                self.reporter.error_with_help(
                    Code::ListPlace,
                    span,
                    "a list literal stands only after `in` and `not in`",
                    "capture its items as fields of their own",
                );
                None
            }
            ast::ExprKind::Wrong => None,
        }
    }

    /// An end of a slice; an open one is `None`.
    fn bound(&mut self, bound: Option<&ast::Expr>, brackets: Span) -> Option<Expr> {
        match bound {
            Some(bound) => self.expression(bound),
            None => Some(Expr {
                kind: ExprKind::Constant(Constant::None),
                at: brackets.start,
            }),
        }
    }

    fn name(&mut self, name: &str, span: Span) -> Option<Read> {
        let at_exit = match name {
            "args" => return Some(Read::Args),
            "kwargs" => return Some(Read::Kwargs),
            "self" => return Some(Read::SelfArgument),
            "locals" => return Some(Read::Locals),
            "globals" => return Some(Read::Globals),
            "retval" => Read::Retval,
            "exception" => Read::Exception,
            "duration" => Read::Duration,
            "true" | "false" | "null" | "none" | "TRUE" | "FALSE" | "NULL" | "nil" => {
                let python = match name {
                    "true" | "TRUE" => "True",
                    "false" | "FALSE" => "False",
                    _ => "None",
                };
                self.reporter.error_with_help(
                    Code::ForeignSyntax,
                    span,
                    format!("`{name}` is written `{python}`"),
                    format!("a variable of that name is `locals[\"{name}\"]`"),
                );
                return None;
            }
            _ => return self.other_name(name, span),
        };
        if self.point == Point::Exit {
            return Some(at_exit);
        }
        self.reporter.error_with_help(
            Code::NotAtThisPoint,
            span,
            format!("`{name}` has no value at `{}`", self.point),
            format!("`{name}` exists at `exit` only; a local variable of that name is `locals[\"{name}\"]`"),
        );
        None
    }

    /// A name that is not in the table: `arg0` and its like, or a bare name.
    fn other_name(&mut self, name: &str, span: Span) -> Option<Read> {
        if let Some(digits) = argument_number(name) {
            if let Ok(number) = digits.parse() {
                return Some(Read::Arg(number));
            }
            self.reporter.error_with_help(
                Code::ArgumentNumber,
                span,
                format!("arguments are numbered from 0 to {}", u16::MAX),
                format!("a local variable of that name is `locals[\"{name}\"]`"),
            );
            return None;
        }
        self.refuse_dunder(name, span)
            .then(|| Read::Name(name.to_owned()))
    }
}

/// The digits of `arg0`, `arg12`; other names are bare names.
fn argument_number(name: &str) -> Option<&str> {
    let digits = name.strip_prefix("arg")?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (digits == "0" || !digits.starts_with('0'))).then_some(digits)
}

fn constant(literal: &Literal) -> Constant {
    match literal {
        Literal::None => Constant::None,
        Literal::Bool(value) => Constant::Bool(*value),
        Literal::Int(value) => Constant::Int(*value),
        Literal::BigInt(digits) => Constant::BigInt(digits.clone()),
        Literal::Float(value) => Constant::Float(*value),
        Literal::Str(text) => Constant::Str(text.clone()),
    }
}

//! Operators and accesses, by precedence climbing; what they work on is in `operand`.

use super::{Parsed, Parser, Reported, advice};
use crate::bytecode::{BinaryOp, CompareOp, UnaryOp};
use crate::error::Code;
use crate::span::Span;
use crate::syntax::ast::{Comparison, Expr, ExprKind, Logic, Name, Test};
use crate::syntax::token::{Token, TokenKind};

/// How tightly an operator binds; later binds tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Power {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Prefix,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug)]
enum Infix {
    Logic(Logic),
    Test(Test),
    Binary(BinaryOp),
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.climb(Power::Or)
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn climb(&mut self, least: Power) -> Parsed<Expr> {
        let mut left = self.prefix(least)?;
        while let Some((infix, power)) = self.infix() {
            if power < least {
                break;
            }
            left = match infix {
                Infix::Logic(logic) => self.logic(left, logic, power)?,
                Infix::Test(_) => self.comparison(left)?,
                Infix::Binary(op) => {
                    let operator = self.advance().span;
                    let right = self.climb(tighter(power))?;
                    let (span, height) =
                        (left.outer.to(right.outer), left.height.max(right.height));
                    let kind = ExprKind::Binary(op, operator, Box::new(left), Box::new(right));
                    self.over(kind, span, height)?
                }
            };
        }
        Ok(left)
    }

    /// The infix operator at the place, which it does not pass.
    fn infix(&self) -> Option<(Infix, Power)> {
        let binary = |op| Infix::Binary(op);
        let compare = |op| Infix::Test(Test::Compare(op));
        Some(match self.kind() {
            TokenKind::Or | TokenKind::DoubleBar => (Infix::Logic(Logic::Or), Power::Or),
            TokenKind::And | TokenKind::DoubleAmpersand => (Infix::Logic(Logic::And), Power::And),
            TokenKind::Equal => (compare(CompareOp::Equal), Power::Comparison),
            TokenKind::NotEqual => (compare(CompareOp::NotEqual), Power::Comparison),
            TokenKind::Less => (compare(CompareOp::Less), Power::Comparison),
            TokenKind::LessEqual => (compare(CompareOp::LessEqual), Power::Comparison),
            TokenKind::Greater => (compare(CompareOp::Greater), Power::Comparison),
            TokenKind::GreaterEqual => (compare(CompareOp::GreaterEqual), Power::Comparison),
            TokenKind::In => (compare(CompareOp::In), Power::Comparison),
            TokenKind::Not if self.following().kind == TokenKind::In => {
                (compare(CompareOp::NotIn), Power::Comparison)
            }
            TokenKind::Is if self.following().kind == TokenKind::Not => {
                (Infix::Test(Test::IsNot), Power::Comparison)
            }
            TokenKind::Is => (Infix::Test(Test::Is), Power::Comparison),
            TokenKind::Plus => (binary(BinaryOp::Add), Power::Sum),
            TokenKind::Minus => (binary(BinaryOp::Subtract), Power::Sum),
            TokenKind::Star => (binary(BinaryOp::Multiply), Power::Product),
            TokenKind::Slash if !self.at_predicate_end() => {
                (binary(BinaryOp::Divide), Power::Product)
            }
            TokenKind::DoubleSlash => (binary(BinaryOp::FloorDivide), Power::Product),
            TokenKind::Percent => (binary(BinaryOp::Modulo), Power::Product),
            _ => return None,
        })
    }

    /// The rest of `left and … and …`.
    fn logic(&mut self, left: Expr, logic: Logic, power: Power) -> Parsed<Expr> {
        let (mut span, mut height) = (left.outer, left.height);
        let mut operands = vec![left];
        while matches!(self.infix(), Some((Infix::Logic(next), _)) if next == logic) {
            self.advance();
            let operand = self.climb(tighter(power))?;
            span = span.to(operand.outer);
            height = height.max(operand.height);
            operands.push(operand);
        }
        self.over(ExprKind::Logic(logic, operands), span, height)
    }

    /// The rest of `left < … == …`.
    fn comparison(&mut self, left: Expr) -> Parsed<Expr> {
        let (mut span, mut height) = (left.outer, left.height);
        let mut chain = Vec::new();
        while let Some((Infix::Test(test), _)) = self.infix() {
            let mut operator = self.advance().span;
            if matches!(test, Test::IsNot | Test::Compare(CompareOp::NotIn)) {
                operator = operator.to(self.advance().span);
            }
            let right = self.climb(Power::Sum)?;
            span = span.to(right.outer);
            height = height.max(right.height);
            chain.push(Comparison {
                test,
                span: operator,
                right,
            });
        }
        self.over(ExprKind::Compare(Box::new(left), chain), span, height)
    }

    fn prefix(&mut self, least: Power) -> Parsed<Expr> {
        let Token { kind, span } = self.token();
        let unary = match kind {
            TokenKind::Not if least <= Power::Not => {
                self.advance();
                let operand = self.nested(|parser| parser.climb(Power::Not))?;
                return self.over_one(span, operand, ExprKind::Not);
            }
            TokenKind::Not => {
                self.reporter.error_with_help(
                    Code::Unexpected,
                    span,
                    "`not` binds less tightly than the operator before it",
                    "put `not …` in brackets, or write `!`",
                );
                return Err(Reported);
            }
            TokenKind::Bang => None,
            TokenKind::Minus => Some(UnaryOp::Negate),
            TokenKind::Plus => Some(UnaryOp::Plus),
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.nested(|parser| parser.prefix(Power::Prefix))?;
        match unary {
            Some(op) => self.over_one(span, operand, |operand| ExprKind::Unary(op, operand)),
            None => self.over_one(span, operand, ExprKind::Not),
        }
    }

    fn over_one(
        &mut self,
        start: Span,
        operand: Expr,
        kind: impl FnOnce(Box<Expr>) -> ExprKind,
    ) -> Parsed<Expr> {
        let (span, height) = (start.to(operand.outer), operand.height);
        self.over(kind(Box::new(operand)), span, height)
    }

    /// An operand with its attributes, items and slices.
    fn postfix(&mut self) -> Parsed<Expr> {
        let mut object = self.primary()?;
        loop {
            let token = self.token();
            object = match token.kind {
                TokenKind::Dot => {
                    self.advance();
                    let name = self.attribute_name()?;
                    let (span, height) = (object.outer.to(name.span), object.height);
                    self.over(ExprKind::Attribute(Box::new(object), name), span, height)?
                }
                TokenKind::LeftBracket => {
                    self.advance();
                    self.nested(|parser| parser.subscript(object, token))?
                }
                TokenKind::LeftParenthesis => {
                    self.advance();
                    let (_, end) = self.nested(|parser| parser.arguments(token))?;
                    self.refused_call(&object, token.span.to(end));
                    Expr::new(ExprKind::Wrong, object.outer.to(end), 0)
                }
                _ => return Ok(object),
            };
        }
    }

    pub(super) fn attribute_name(&mut self) -> Parsed<Name> {
        let token = self.token();
        if token.kind == TokenKind::Name {
            self.advance();
            return Ok(Name {
                text: self.text(token.span).to_owned(),
                span: token.span,
            });
        }
        Err(self.unexpected("the name of an attribute"))
    }

    /// The rest of `object[…]`.
    fn subscript(&mut self, object: Expr, open: Token) -> Parsed<Expr> {
        const WANTED: &str = "`]` or an operator";
        let mut height = object.height;
        let mut bound = |parser: &mut Self, end: TokenKind| {
            if parser.kind() == TokenKind::Colon || parser.kind() == end {
                return Ok(None);
            }
            let bound = parser.expression()?;
            height = height.max(bound.height);
            Ok(Some(Box::new(bound)))
        };
        let start = bound(self, TokenKind::Colon)?;
        if !self.accept(TokenKind::Colon) {
            if self.kind() == TokenKind::Comma {
                return Err(self.foreign_syntax(
                    "a tuple as a key",
                    "a key is one value: `args[0][1]` reads an item of an item",
                ));
            }
            let end = self.close(open, TokenKind::RightBracket, WANTED)?;
            let Some(key) = start else {
                return Err(self.unexpected("a key"));
            };
            let (span, brackets) = (object.outer.to(end), open.span.to(end));
            return self.over(
                ExprKind::Item(Box::new(object), key, brackets),
                span,
                height,
            );
        }
        let stop = bound(self, TokenKind::RightBracket)?;
        if self.kind() == TokenKind::Colon {
            return Err(
                self.foreign_syntax("the step of a slice", "a slice has two ends: `args[1:3]`")
            );
        }
        let end = self.close(open, TokenKind::RightBracket, WANTED)?;
        let (span, brackets) = (object.outer.to(end), open.span.to(end));
        self.over(
            ExprKind::Slice(Box::new(object), start, stop, brackets),
            span,
            height,
        )
    }

    /// Reports that code of the application is called; `arguments` is the span of the brackets.
    fn refused_call(&mut self, callee: &Expr, arguments: Span) {
        if is_reported(callee) {
            return;
        }
        let inner = arguments.start + 1..arguments.end.saturating_sub(1);
        let inner = self.text(Span {
            start: inner.start,
            end: inner.end.max(inner.start),
        });
        let (object, name) = match &callee.kind {
            ExprKind::Attribute(object, name) => (self.text(object.outer), name.text.as_str()),
            _ => ("", ""),
        };
        let help = advice::method(object, name, inner.trim());
        self.reporter.error_with_help(
            Code::MethodCall,
            callee.outer.to(arguments),
            "a probe cannot call code of the application",
            help,
        );
    }

    /// Reports that the token belongs to something of Python.
    pub(super) fn foreign_syntax(&mut self, what: &str, help: &str) -> Reported {
        let span = self.token().span;
        let message = format!("{what} is not part of the language");
        self.reporter
            .error_with_help(Code::ForeignSyntax, span, message, help);
        Reported
    }
}

/// Whether what an access begins with was reported already.
pub(super) fn is_reported(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::Wrong => true,
        ExprKind::Attribute(object, _)
        | ExprKind::Item(object, ..)
        | ExprKind::Slice(object, ..) => is_reported(object),
        _ => false,
    }
}

/// The next tighter power: what the right operand of a left-associative operator takes.
const fn tighter(power: Power) -> Power {
    match power {
        Power::Or => Power::And,
        Power::And => Power::Not,
        Power::Not => Power::Comparison,
        Power::Comparison => Power::Sum,
        Power::Sum => Power::Product,
        Power::Product | Power::Prefix => Power::Prefix,
    }
}

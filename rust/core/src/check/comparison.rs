//! Comparisons: chains of them, tests for a singleton, and what may stand in a list.

use super::tree::{Expr, ExprKind, Link, Test};
use super::{Checker, fold};
use crate::bytecode::{CompareOp, Constant, Singleton};
use crate::error::Code;
use crate::limits;
use crate::span::Span;
use crate::syntax::ast::{self, Comparison, Literal};

impl Checker<'_> {
    pub(super) fn comparison(&mut self, left: &ast::Expr, chain: &[Comparison]) -> Option<Expr> {
        // `None == x` alone is `x == None`.
        if let (ast::ExprKind::Literal(Literal::None), [only]) = (&left.kind, chain)
            && matches!(
                only.test,
                ast::Test::Compare(CompareOp::Equal | CompareOp::NotEqual)
            )
        {
            let swapped = Comparison {
                right: left.clone(),
                ..*only
            };
            return self.links(&only.right, &[swapped]);
        }
        self.links(left, chain)
    }

    fn links(&mut self, left: &ast::Expr, chain: &[Comparison]) -> Option<Expr> {
        let mut links = Vec::with_capacity(chain.len());
        let mut before = left;
        for comparison in chain {
            links.push(self.link(before, comparison));
            before = &comparison.right;
        }
        let left = self.expression(left)?;
        let links: Option<Vec<Link>> = links.into_iter().collect();
        let at = chain.first().map_or(left.at, |first| first.span.start);
        Some(Expr {
            kind: fold::comparison(left, links?),
            at,
        })
    }

    /// One step of a comparison chain, whose left operand is `left`.
    fn link(&mut self, left: &ast::Expr, comparison: &Comparison) -> Option<Link> {
        let Comparison { test, span, right } = comparison;
        let right_is_none = matches!(right.kind, ast::ExprKind::Literal(Literal::None));
        let left_is_none = matches!(left.kind, ast::ExprKind::Literal(Literal::None));
        let test = match test {
            ast::Test::Is | ast::Test::IsNot => {
                let negated = *test == ast::Test::IsNot;
                Test::LeftIs(self.singleton(right, negated)?, negated)
            }
            ast::Test::Compare(op @ (CompareOp::Equal | CompareOp::NotEqual))
                if right_is_none || left_is_none =>
            {
                let negated = *op == CompareOp::NotEqual;
                if right_is_none {
                    Test::LeftIs(Singleton::None, negated)
                } else {
                    Test::RightIsNone(negated)
                }
            }
            ast::Test::Compare(op) => Test::Compare(*op),
        };
        if matches!(&right.kind, ast::ExprKind::Name(name) if name == "undefined") {
            self.reporter.error_with_help(
                Code::ForeignSyntax,
                right.span,
                "`undefined` is written `None`",
                "a variable of that name is `locals[\"undefined\"]`",
            );
            return None;
        }
        let is_membership = matches!(test, Test::Compare(CompareOp::In | CompareOp::NotIn));
        let right = match &right.kind {
            ast::ExprKind::List(items) if is_membership => Expr {
                kind: ExprKind::Constant(self.list(items, right.span)?),
                at: right.span.start,
            },
            _ => self.expression(right)?,
        };
        Some(Link {
            test,
            at: span.start,
            right,
        })
    }

    /// The singleton that `is` names.
    fn singleton(&mut self, right: &ast::Expr, negated: bool) -> Option<Singleton> {
        match right.kind {
            ast::ExprKind::Literal(Literal::None) => Some(Singleton::None),
            ast::ExprKind::Literal(Literal::Bool(true)) => Some(Singleton::True),
            ast::ExprKind::Literal(Literal::Bool(false)) => Some(Singleton::False),
            _ => {
                let (word, equals) = if negated {
                    ("is not", "!=")
                } else {
                    ("is", "==")
                };
                self.expression(right)?;
                self.reporter.error_with_help(
                    Code::IsOperand,
                    right.span,
                    format!("`{word}` takes `None`, `True` or `False` on its right"),
                    format!("values are compared with `{equals}`"),
                );
                None
            }
        }
    }

    /// A list of literals.
    fn list(&mut self, items: &[ast::Expr], span: Span) -> Option<Constant> {
        if items.len() > limits::LIST_ITEMS {
            let message = format!("a list literal has at most {} items", limits::LIST_ITEMS);
            self.reporter.error(Code::LiteralTooLarge, span, message);
            return None;
        }
        let mut constants = Vec::with_capacity(items.len());
        for item in items {
            let signed = match &item.kind {
                ast::ExprKind::Unary(_, operand) => &operand.kind,
                kind => kind,
            };
            let is_literal = matches!(signed, ast::ExprKind::Literal(_));
            if !is_literal && !matches!(item.kind, ast::ExprKind::Wrong) {
                self.reporter.error_with_help(
                    Code::ListItem,
                    item.span,
                    "a list literal holds literals only",
                    "compare with this value by `==`, and join with `or`",
                );
            }
            if is_literal && let Some(checked) = self.expression(item) {
                match checked.kind {
                    ExprKind::Constant(constant) => constants.push(constant),
                    _ => self.reporter.error(
                        Code::ListItem,
                        item.span,
                        "a sign stands before a number only",
                    ),
                }
            }
        }
        (constants.len() == items.len()).then_some(Constant::List(constants))
    }
}

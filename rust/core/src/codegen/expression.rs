//! Expressions to instructions that leave one value on the stack.

use super::Generator;
use super::section::Label;
use crate::bytecode::{Constant, Op, Singleton};
use crate::check::tree::{Expr, ExprKind, Link, Test};
use crate::syntax::ast::Logic;

impl Generator<'_> {
    pub(super) fn expression(&mut self, expression: &Expr) {
        let at = expression.at;
        match &expression.kind {
            ExprKind::Constant(constant) => self.constant(constant),
            ExprKind::Read(read) => {
                let slot = self.input(read);
                self.section.push_at(Op::Input(slot), at);
            }
            ExprKind::Variable(scope, name) => {
                let name = self.tables.name(name);
                self.section.push(Op::LoadVariable(*scope, name));
            }
            ExprKind::Attribute(object, name) => {
                self.expression(object);
                let name = self.tables.name(name);
                self.section.push_at(Op::Attribute(name), at);
            }
            ExprKind::Item(object, key) => {
                self.expression(object);
                self.expression(key);
                self.section.push_at(Op::Item, at);
            }
            ExprKind::Slice(object, start, stop) => {
                self.expression(object);
                self.expression(start);
                self.expression(stop);
                self.section.push_at(Op::Slice, at);
            }
            ExprKind::Unary(op, operand) => {
                self.expression(operand);
                self.section.push_at(Op::Unary(*op), at);
            }
            ExprKind::Not(operand) => {
                self.expression(operand);
                self.section.push_at(Op::Not, at);
            }
            ExprKind::Binary(op, left, right) => {
                self.expression(left);
                self.expression(right);
                self.section.push_at(Op::Binary(*op), at);
            }
            ExprKind::Compare(left, links) => self.comparison(left, links),
            ExprKind::Logic(logic, operands) => self.logic(*logic, operands),
            ExprKind::Call(function, arguments) => {
                for argument in arguments {
                    self.expression(argument);
                }
                // More arguments than a byte can count were refused.
                let count = u8::try_from(arguments.len()).unwrap_or(u8::MAX);
                self.section.push_at(Op::Call(*function, count), at);
            }
            ExprKind::Matches(text, pattern) => {
                self.expression(text);
                let pattern = self.tables.constant(&Constant::Str(pattern.clone()));
                self.section.push_at(Op::Matches(pattern), at);
            }
        }
    }

    fn constant(&mut self, constant: &Constant) {
        let index = self.tables.constant(constant);
        self.section.push(Op::Constant(index));
    }

    /// The operands' truths, up to the one that decides.
    fn logic(&mut self, logic: Logic, operands: &[Expr]) {
        let end = self.section.label();
        let jump = match logic {
            Logic::And => Op::JumpIfFalseOrPop(0),
            Logic::Or => Op::JumpIfTrueOrPop(0),
        };
        for (index, operand) in operands.iter().enumerate() {
            if index > 0 {
                self.section.jump(jump, end);
            }
            self.expression(operand);
            if !operand.is_boolean() {
                self.section.push_at(Op::Truth, operand.at);
            }
        }
        self.section.place(end);
    }

    /// A chain of comparisons: each operand is evaluated once, and the first `False` ends it.
    fn comparison(&mut self, left: &Expr, links: &[Link]) {
        // Where the middle operand still lies under the result, and where it does not.
        let mut ends = Ends::default();
        self.expression(left);
        for (index, link) in links.iter().enumerate() {
            let is_last = index + 1 == links.len();
            match (&link.right.kind, link.test) {
                (_, Test::LeftIs(singleton, negated)) => {
                    self.is(singleton, negated, link.at);
                    if !is_last {
                        self.end_if_false(&mut ends.clean);
                        // The singleton itself is the next left operand.
                        self.expression(&link.right);
                    }
                }
                (_, Test::RightIsNone(negated)) => {
                    self.expression(&link.right);
                    if !is_last {
                        self.section.push(Op::Tuck);
                    }
                    self.is(Singleton::None, negated, link.at);
                    self.section.push(Op::Nip);
                    if !is_last {
                        self.end_if_false(&mut ends.kept);
                    }
                }
                (ExprKind::Constant(_), Test::Compare(op)) => {
                    self.expression(&link.right);
                    self.section.push_at(Op::Compare(op), link.at);
                    if !is_last {
                        self.end_if_false(&mut ends.clean);
                        self.expression(&link.right);
                    }
                }
                (_, Test::Compare(op)) => {
                    self.expression(&link.right);
                    if !is_last {
                        self.section.push(Op::Tuck);
                    }
                    self.section.push_at(Op::Compare(op), link.at);
                    if !is_last {
                        self.end_if_false(&mut ends.kept);
                    }
                }
            }
        }
        self.end_comparison(ends);
    }

    fn is(&mut self, singleton: Singleton, negated: bool, at: u32) {
        self.section.push(Op::Is(singleton));
        if negated {
            self.section.push_at(Op::Not, at);
        }
    }

    fn end_if_false(&mut self, label: &mut Option<Label>) {
        let label = *label.get_or_insert_with(|| self.section.label());
        self.section.jump(Op::JumpIfFalseOrPop(0), label);
    }

    fn end_comparison(&mut self, ends: Ends) {
        let Some(kept) = ends.kept else {
            if let Some(clean) = ends.clean {
                self.section.place(clean);
            }
            return;
        };
        let clean = ends.clean.unwrap_or_else(|| self.section.label());
        self.section.jump(Op::Jump(0), clean);
        self.section.place(kept);
        self.section.push(Op::Nip);
        self.section.place(clean);
    }
}

/// The ends of a comparison chain, as far as something jumps there.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    /// With the result alone on the stack.
    clean: Option<Label>,
    /// With a middle operand under the result.
    kept: Option<Label>,
}

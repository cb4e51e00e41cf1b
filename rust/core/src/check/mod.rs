//! The tree as written to a tree that can be compiled: names, points, functions, fields, constants.
//!
//! Everything that is wrong is reported, not the first thing alone; what is wrong has no place in the checked tree.

mod call;
mod comparison;
mod expression;
mod fold;
pub(crate) mod tree;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::bytecode::Point;
use crate::bytecode::target::is_dunder;
use crate::error::{Code, Reporter};
use crate::limits;
use crate::span::Span;
use crate::syntax::ast;
use tree::{Expr, Probe, Program, Statement};

/// Checks `file`, the tree of `source`. Where something was reported the result is incomplete and must not be used.
pub(crate) fn check(file: &ast::File, source: &str, reporter: &mut Reporter) -> Program {
    let mut program = Program::default();
    let mut patterns = FxHashSet::default();
    let mut seen: FxHashMap<String, usize> = FxHashMap::default();
    for probe in &file.probes {
        if program.probes.len() == limits::PROBES {
            let message = format!("a program has at most {} probes", limits::PROBES);
            reporter.error(Code::TooManyProbes, probe.span, message);
            break;
        }
        let place = format!("{}:{}", probe.target, probe.point);
        let count = seen.entry(place.clone()).or_default();
        *count += 1;
        let id = if *count == 1 {
            place
        } else {
            format!("{place}#{count}")
        };
        let mut checker = Checker {
            source,
            point: probe.point,
            patterns: &mut patterns,
            reporter,
        };
        let predicate = probe
            .predicate
            .as_ref()
            .and_then(|predicate| checker.expression(predicate));
        let sample = checker.sample(&probe.body);
        let body = probe
            .body
            .iter()
            .filter_map(|statement| checker.statement(statement))
            .collect();
        program.probes.push(Probe {
            span: probe.span,
            id,
            target: probe.target.clone(),
            point: probe.point,
            sample,
            predicate,
            body,
        });
    }
    program
}

/// Checks one probe. Its methods give `None` for what was reported.
struct Checker<'a> {
    source: &'a str,
    point: Point,
    /// The patterns of the program so far; they are sound.
    patterns: &'a mut FxHashSet<String>,
    reporter: &'a mut Reporter,
}

impl Checker<'_> {
    /// The sampling rate, from a directive that stands once and before the other statements.
    fn sample(&mut self, body: &[ast::Statement]) -> Option<f64> {
        let mut found = None;
        for (index, statement) in body.iter().enumerate() {
            let &ast::Statement::Sample { span, share } = statement else {
                continue;
            };
            if found.is_some() {
                self.reporter.error_with_help(
                    Code::MisplacedDirective,
                    span,
                    "the probe is sampled already",
                    "`sample` stands once in a probe; of 10 % of the requests a half is `sample 5%;`",
                );
                continue;
            }
            if index > 0 {
                self.reporter.error_with_help(
                    Code::MisplacedDirective,
                    span,
                    "`sample` stands before the other statements",
                    "whether the probe fires is drawn before its predicate; put `sample` first",
                );
            }
            let rate = share.rate();
            if let ast::Share::Fraction(_, 0.0) = share {
                self.reporter.error_with_help(
                    Code::BadSample,
                    span,
                    format!("`sample {share}` divides by zero"),
                    "`sample 1/100;` lets the probe fire in one of 100 requests",
                );
            } else if rate <= 0.0 {
                self.reporter.error_with_help(
                    Code::BadSample,
                    span,
                    format!("with `sample {share}` the probe would never fire"),
                    "a sampling rate is above 0 and at most 100 %",
                );
            } else if rate > 1.0 || rate.is_nan() {
                self.reporter.error_with_help(
                    Code::BadSample,
                    span,
                    format!("`sample {share}` is more than all requests"),
                    "a sampling rate is above 0 and at most 100 %",
                );
            }
            found = Some(rate);
        }
        found
    }

    fn statement(&mut self, statement: &ast::Statement) -> Option<Statement> {
        match statement {
            ast::Statement::Assign {
                span,
                scope,
                name,
                value,
            } => {
                let readable = self.refuse_dunder(&name.text, name.span);
                let value = self.expression(value)?;
                readable.then(|| Statement::Set {
                    span: *span,
                    scope: *scope,
                    name: name.text.clone(),
                    value,
                })
            }
            // It is no step of the body; see `sample`.
            ast::Statement::Sample { .. } => None,
            ast::Statement::Capture { span, fields } => Some(Statement::Capture {
                span: *span,
                fields: self.fields(fields)?,
            }),
        }
    }

    fn fields(&mut self, fields: &[ast::Field]) -> Option<Vec<(String, Expr)>> {
        let mut names = FxHashSet::default();
        let mut checked = Vec::with_capacity(fields.len());
        let mut after_named = false;
        for field in fields {
            let value = self.expression(&field.value);
            let (name, span) = match &field.name {
                Some(name) => {
                    after_named = true;
                    (name.text.clone(), name.span)
                }
                None => (field.value.to_string(), field.value.span),
            };
            if field.name.is_none() && after_named {
                self.reporter.error_with_help(
                    Code::PositionalAfterNamed,
                    span,
                    "a field without a name follows a named one",
                    "put it first, or give it a name: `name=…`",
                );
                continue;
            }
            let Some(value) = value else { continue };
            if name.len() > limits::NAME_BYTES {
                self.reporter.error_with_help(
                    Code::LiteralTooLarge,
                    span,
                    "the expression is too long to name its field",
                    "give the field a name: `name=…`",
                );
            } else if !names.insert(name.clone()) {
                self.reporter.error_with_help(
                    Code::DuplicateField,
                    span,
                    format!("the capture has a field `{name}` already"),
                    "give it another name: `other=…`",
                );
            } else {
                checked.push((name, value));
            }
        }
        (checked.len() == fields.len()).then_some(checked)
    }

    /// Reports a name of Python's own machinery; true if it is none.
    fn refuse_dunder(&mut self, name: &str, span: Span) -> bool {
        let dunder = is_dunder(name);
        if dunder {
            self.reporter.error_with_help(
                Code::DunderName,
                span,
                format!("`{name}` cannot be read"),
                "names with two underscores at both ends belong to Python's machinery, which probes keep out of",
            );
        }
        !dunder
    }
}

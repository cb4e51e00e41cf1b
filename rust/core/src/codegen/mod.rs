//! A checked program to bytecode.

mod expression;
mod section;
mod tables;

use crate::bytecode::{self, Capture, Input, Op, Program};
use crate::check::tree::{self, ExprKind, Read, Statement};
use crate::error::{Code, Reporter};
use crate::limits;
use crate::span::{LineIndex, Span};
use section::Section;
use tables::{Interner, Tables};

/// Compiles `program`. What is over a limit is reported; the result must not be used then.
pub(crate) fn generate(
    program: &tree::Program,
    name: &str,
    lines: &LineIndex<'_>,
    reporter: &mut Reporter,
) -> Program {
    let mut tables = Tables::default();
    let mut probes = Vec::with_capacity(program.probes.len());
    for probe in &program.probes {
        let mut generator = Generator {
            tables: &mut tables,
            inputs: Interner::default(),
            captures: Vec::new(),
            section: Section::default(),
            reporter: &mut *reporter,
        };
        let predicate = generator.predicate(probe);
        let body = generator.body(probe);
        let count = predicate.len() + body.len();
        if count > limits::INSTRUCTIONS {
            let message = format!(
                "a probe has at most {} instructions of bytecode, this one has {count} or more",
                limits::INSTRUCTIONS
            );
            generator.reporter.error_with_help(
                Code::TooManyInstructions,
                probe.span,
                message,
                "write several probes",
            );
        }
        probes.push(bytecode::Probe {
            id: probe.id.clone(),
            target: probe.target.clone(),
            point: probe.point,
            sample: probe.sample,
            inputs: generator.inputs.into_entries(),
            captures: generator.captures,
            predicate: predicate.finish(lines),
            body: body.finish(lines),
        });
        if let Some(what) = tables.overfull() {
            let message = format!(
                "a program has at most {} different {what}; this probe has one more",
                limits::TABLE_ENTRIES
            );
            reporter.error_with_help(
                Code::TableFull,
                probe.span,
                message,
                "split the file in two",
            );
            break;
        }
    }
    let (names, constants) = tables.into_entries();
    Program {
        name: name.to_owned(),
        names,
        constants,
        probes,
    }
}

/// Compiles one probe.
struct Generator<'a> {
    tables: &'a mut Tables,
    inputs: Interner<Input>,
    captures: Vec<Capture>,
    section: Section,
    reporter: &'a mut Reporter,
}

impl Generator<'_> {
    /// The section of the predicate; empty when there is none.
    fn predicate(&mut self, probe: &tree::Probe) -> Section {
        if let Some(predicate) = &probe.predicate {
            self.expression(predicate);
            self.section.push(Op::End);
            self.check_depth(probe.span);
        }
        std::mem::take(&mut self.section)
    }

    fn body(&mut self, probe: &tree::Probe) -> Section {
        for statement in &probe.body {
            let behind = self.section.label();
            self.section.jump(Op::Statement(0), behind);
            let span = match statement {
                Statement::Set {
                    span,
                    scope,
                    name,
                    value,
                } => {
                    self.expression(value);
                    let name = self.tables.name(name);
                    self.section
                        .push_at(Op::StoreVariable(*scope, name), span.start);
                    *span
                }
                Statement::Capture { span, fields } => {
                    self.capture(fields, *span);
                    *span
                }
            };
            self.section.place(behind);
            self.check_depth(span);
        }
        self.section.push(Op::End);
        std::mem::take(&mut self.section)
    }

    fn capture(&mut self, fields: &[(String, tree::Expr)], span: Span) {
        let mut names = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            names.push(name.clone());
            // What cannot fail needs no guard.
            if matches!(value.kind, ExprKind::Constant(_) | ExprKind::Variable(..)) {
                self.expression(value);
                continue;
            }
            let end = self.section.label();
            self.section.jump(Op::Field(0), end);
            self.expression(value);
            self.section.place(end);
            self.section.push(Op::FieldEnd);
        }
        // More fields than a byte can count are over the limit of the stack too, which is reported.
        let count = u8::try_from(fields.len()).unwrap_or(u8::MAX);
        let index = u16::try_from(self.captures.len()).unwrap_or(u16::MAX);
        self.captures.push(Capture { fields: names });
        self.section.push_at(Op::Capture(index, count), span.start);
    }

    /// Reports a statement or predicate that needs more of the stack than there is.
    fn check_depth(&mut self, span: Span) {
        let depth = self.section.take_depth();
        if depth > limits::STACK {
            self.reporter.error_with_help(
                Code::StackTooDeep,
                span,
                format!(
                    "this needs {depth} values at once; the machine holds {}",
                    limits::STACK
                ),
                "capture fewer fields at once, or compute a part into a `$call` variable first",
            );
        }
    }

    fn input(&mut self, read: &Read) -> u16 {
        let input = match read {
            Read::Args => Input::Args,
            Read::Arg(number) => Input::Arg(*number),
            Read::Kwargs => Input::Kwargs,
            Read::SelfArgument => Input::SelfArgument,
            Read::Name(name) => Input::Name(self.tables.name(name)),
            Read::Locals => Input::Locals,
            Read::Globals => Input::Globals,
            Read::Retval => Input::Retval,
            Read::Exception => Input::Exception,
            Read::Duration => Input::Duration,
        };
        self.inputs.index(&input)
    }
}

//! The listing of a program that a person can read. It takes any program, verified or not.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::op::{BadInstruction, Op};
use super::program::{Code, Constant, Input, Probe, Program};

/// Characters of a text that the listing shows.
const SHOWN_CHARACTERS: usize = 60;

/// Characters of a line of the source that the listing shows.
const SHOWN_OF_LINE: usize = 110;

/// Lists the whole program: per probe its inputs, its captures and its instructions.
///
/// A line of code shows the place in the source where that changes, the byte offset, the values on the stack before
/// it, a label if something jumps there, the instruction, and what its operand stands for. Where the stack cannot be
/// told, because the code is not sound, `?` stands.
#[must_use]
pub fn listing(program: &Program) -> String {
    write_listing(program, None)
}

/// The same, with each line of the source before its instructions. `source` is what the program was compiled from.
#[must_use]
pub fn listing_with_source(program: &Program, source: &str) -> String {
    write_listing(program, Some(source))
}

fn write_listing(program: &Program, source: Option<&str>) -> String {
    let mut text = String::new();
    let lines = source.map(|source| source.lines().collect());
    // Writing to a string cannot fail.
    let _ = Listing { program, lines }.write(&mut text);
    text
}

struct Listing<'a> {
    program: &'a Program,
    /// The lines of the source, if they are to be shown.
    lines: Option<Vec<&'a str>>,
}

/// The code of a predicate or a body, taken apart.
struct Section {
    /// The instructions and where they begin.
    ops: Vec<(usize, Op)>,
    /// Where the code ends in what is no instruction, and why.
    bad: Option<(usize, BadInstruction)>,
    /// The offsets that are jumped to, with the numbers of their labels.
    labels: BTreeMap<usize, usize>,
}

impl Section {
    fn new(code: &Code) -> Self {
        let mut ops = Vec::new();
        let mut bad = None;
        let mut offset = 0;
        while offset < code.bytes.len() {
            match Op::decode(&code.bytes, offset) {
                Ok((op, next)) => {
                    ops.push((offset, op));
                    offset = next;
                }
                Err(reason) => {
                    bad = Some((offset, reason));
                    break;
                }
            }
        }
        let mut labels: BTreeMap<usize, usize> = ops
            .iter()
            .filter_map(|(_, op)| target(*op))
            .map(|target| (target, 0))
            .collect();
        for (number, label) in labels.values_mut().enumerate() {
            *label = number + 1;
        }
        Self { ops, bad, labels }
    }

    /// How many values are on the stack before each instruction; `None` where paths disagree or nothing leads.
    fn depths(&self) -> Vec<Option<usize>> {
        let mut known: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        let note = |known: &mut BTreeMap<usize, Option<usize>>, offset, depth: Option<usize>| {
            known
                .entry(offset)
                .and_modify(|before| *before = before.filter(|before| Some(*before) == depth))
                .or_insert(depth);
        };
        let mut depths = Vec::with_capacity(self.ops.len());
        let mut passing = Some(Some(0));
        for (index, &(offset, op)) in self.ops.iter().enumerate() {
            if let Some(depth) = passing {
                note(&mut known, offset, depth);
            }
            let depth = known.get(&offset).copied().flatten();
            depths.push(depth);
            let effect = op.effect();
            let left = depth.and_then(|depth| depth.checked_sub(usize::from(effect.pops)));
            let with = |added: u8| left.map(|left| left + usize::from(added));
            match op {
                // A fault leaves `None` for the field, and nothing for the statement.
                Op::Field(end) => note(&mut known, usize::from(end), depth.map(|depth| depth + 1)),
                Op::Statement(end) => note(&mut known, usize::from(end), Some(0)),
                _ => {
                    if let Some(target) = op.jump_target() {
                        note(
                            &mut known,
                            usize::from(target),
                            with(effect.pushes_at_target),
                        );
                    }
                }
            }
            let goes_on = !matches!(op, Op::Jump(_) | Op::End) && index + 1 < self.ops.len();
            passing = goes_on.then(|| with(effect.pushes));
        }
        depths
    }

    fn label(&self, target: u16) -> String {
        let number = self.labels.get(&usize::from(target));
        number.map_or_else(missing, |number| format!("L{number}"))
    }

    /// The capture that the fields before instruction `index` belong to: the next one.
    fn capture_behind(&self, index: usize) -> Option<usize> {
        self.ops[index..].iter().find_map(|(_, op)| match op {
            Op::Capture(capture, _) => Some(usize::from(*capture)),
            _ => None,
        })
    }
}

/// Where an instruction leads besides the next one, by a jump or a fault.
fn target(op: Op) -> Option<usize> {
    let target = match op {
        Op::Field(end) | Op::Statement(end) => Some(end),
        op => op.jump_target(),
    };
    target.map(usize::from)
}

impl Listing<'_> {
    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "program {}", quoted(&self.program.name))?;
        for probe in &self.program.probes {
            writeln!(text)?;
            self.write_probe(text, probe)?;
        }
        Ok(())
    }

    fn write_probe(&self, text: &mut String, probe: &Probe) -> fmt::Result {
        writeln!(text, "probe fn:{}", shown(&probe.id))?;
        if let Some(rate) = probe.sample {
            writeln!(text, "  sample {rate:?}")?;
        }
        if !probe.inputs.is_empty() {
            let inputs: Vec<String> = probe.inputs.iter().map(|input| self.input(input)).collect();
            writeln!(text, "  reads of the call: {}", inputs.join(", "))?;
        }
        for (index, capture) in probe.captures.iter().enumerate() {
            writeln!(text, "  capture {index} has the fields:")?;
            for field in &capture.fields {
                writeln!(text, "    {}", shown(field))?;
            }
        }
        for (name, code) in [("predicate", &probe.predicate), ("body", &probe.body)] {
            if !code.bytes.is_empty() {
                writeln!(text, "  {name}, {}", counted(code.bytes.len(), "byte"))?;
                self.write_code(text, probe, code)?;
            }
        }
        Ok(())
    }

    fn write_code(&self, text: &mut String, probe: &Probe, code: &Code) -> fmt::Result {
        let section = Section::new(code);
        let depths = section.depths();
        let mut positions = code.positions.iter().peekable();
        let mut shown_line = 0;
        writeln!(text, "       place   byte  stack")?;
        for (index, &(offset, op)) in section.ops.iter().enumerate() {
            // What begins a statement, or the section, belongs to the line of what comes first in it.
            let begins = index == 0 || matches!(op, Op::Statement(_));
            if let Some(position) = positions.peek().filter(|_| begins)
                && position.line != shown_line
            {
                shown_line = position.line;
                self.write_source(text, shown_line)?;
            }
            let mut place = String::new();
            while let Some(position) = positions.next_if(|next| usize::from(next.offset) <= offset)
            {
                place = format!("{}:{}", position.line, position.column);
                if position.line != shown_line {
                    shown_line = position.line;
                    self.write_source(text, shown_line)?;
                }
            }
            let depth = depths[index].map_or_else(|| "?".to_owned(), |depth| depth.to_string());
            let label = section.labels.get(&offset);
            let label = label.map_or_else(String::new, |number| format!("L{number}:"));
            let (name, operand) = self.describe(probe, &section, index, depths[index]);
            let line =
                format!("{place:>12} {offset:>6} {depth:>6}  {label:<5} {name:<20} {operand}");
            writeln!(text, "{}", line.trim_end())?;
        }
        if let Some((offset, reason)) = &section.bad {
            writeln!(text, "{:>12} {offset:>6} {:>6}  -- {reason}", "", "?")?;
        }
        Ok(())
    }

    /// Writes a line of the source, if there is one.
    fn write_source(&self, text: &mut String, number: u32) -> fmt::Result {
        let lines = self.lines.as_deref().unwrap_or_default();
        let index = (number as usize).checked_sub(1);
        match index.and_then(|index| lines.get(index)) {
            Some(line) => writeln!(text, "  {number:>4} | {}", cut(line.trim(), SHOWN_OF_LINE)),
            None => Ok(()),
        }
    }

    /// The name of instruction `index` and what its operand stands for, given the values on the stack before it.
    fn describe(
        &self,
        probe: &Probe,
        section: &Section,
        index: usize,
        depth: Option<usize>,
    ) -> (&'static str, String) {
        let plain = |name| (name, String::new());
        match section.ops[index].1 {
            Op::Constant(constant) => {
                let constant = self.program.constants.get(usize::from(constant));
                ("constant", constant.map_or_else(missing, literal))
            }
            Op::Input(slot) => {
                let input = probe.inputs.get(usize::from(slot));
                (
                    "input",
                    input.map_or_else(missing, |input| self.input(input)),
                )
            }
            Op::LoadVariable(scope, name) => ("load", format!("{scope}.{}", self.name(name))),
            Op::StoreVariable(scope, name) => ("store", format!("{scope}.{}", self.name(name))),
            Op::Attribute(name) => ("attribute", format!(".{}", self.name(name))),
            Op::Item => plain("item"),
            Op::Slice => plain("slice"),
            Op::Unary(op) => ("unary", op.to_string()),
            Op::Binary(op) => ("binary", op.to_string()),
            Op::Compare(op) => ("compare", op.to_string()),
            Op::Is(singleton) => ("is", singleton.to_string()),
            Op::Truth => plain("truth"),
            Op::Not => plain("not"),
            Op::Call(function, arguments) => (
                "call",
                format!("{function}, {}", counted(arguments, "argument")),
            ),
            Op::Matches(pattern) => {
                let pattern = self.program.constants.get(usize::from(pattern));
                ("matches", pattern.map_or_else(missing, literal))
            }
            Op::JumpIfFalseOrPop(target) => ("jump_if_false_or_pop", section.label(target)),
            Op::JumpIfTrueOrPop(target) => ("jump_if_true_or_pop", section.label(target)),
            Op::Jump(target) => ("jump", section.label(target)),
            Op::Tuck => plain("tuck"),
            Op::Nip => plain("nip"),
            Op::Field(end) => {
                // The fields before it are on the stack.
                let capture = section
                    .capture_behind(index)
                    .and_then(|capture| probe.captures.get(capture));
                let field = capture
                    .zip(depth)
                    .and_then(|(capture, depth)| capture.fields.get(depth));
                let name = field.map_or_else(missing, |field| shown(field));
                (
                    "field",
                    format!("{name}; on a fault to {}", section.label(end)),
                )
            }
            Op::FieldEnd => plain("field_end"),
            Op::Capture(capture, fields) => (
                "capture",
                format!("{capture}, {}", counted(fields, "field")),
            ),
            Op::Statement(end) => ("statement", format!("on a fault to {}", section.label(end))),
            Op::End => plain("end"),
        }
    }

    fn name(&self, index: u16) -> String {
        let name = self.program.names.get(usize::from(index));
        name.map_or_else(missing, |name| shown(name))
    }

    fn input(&self, input: &Input) -> String {
        match input {
            Input::Args => "args".to_owned(),
            Input::Arg(number) => format!("arg{number}"),
            Input::Kwargs => "kwargs".to_owned(),
            Input::SelfArgument => "self".to_owned(),
            Input::Name(name) => format!("`{}`", self.name(*name)),
            Input::Locals => "locals".to_owned(),
            Input::Globals => "globals".to_owned(),
            Input::Retval => "retval".to_owned(),
            Input::Exception => "exception".to_owned(),
            Input::Duration => "duration".to_owned(),
        }
    }
}

/// Stands for what an unverified operand names in vain.
fn missing() -> String {
    "-- missing".to_owned()
}

/// A text without control characters, cut where it is long.
fn shown(text: &str) -> String {
    cut(text, SHOWN_CHARACTERS)
}

fn cut(text: &str, length: usize) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters
        .by_ref()
        .take(length)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

fn counted(count: impl Into<usize>, noun: &str) -> String {
    let count = count.into();
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

fn literal(constant: &Constant) -> String {
    match constant {
        Constant::None => "None".to_owned(),
        Constant::Bool(true) => "True".to_owned(),
        Constant::Bool(false) => "False".to_owned(),
        Constant::Int(value) => value.to_string(),
        Constant::BigInt(digits) => shown(digits),
        Constant::Float(value) => format!("{value:?}"),
        Constant::Str(text) => quoted(text),
        Constant::List(items) => {
            // A list within a list is refused by the verifier; here it must not be followed.
            let inner = |item: &Constant| match item {
                Constant::List(_) => "[…]".to_owned(),
                item => literal(item),
            };
            let items: Vec<String> = items.iter().take(SHOWN_CHARACTERS).map(inner).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

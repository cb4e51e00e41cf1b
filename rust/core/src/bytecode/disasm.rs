//! The listing of a program that a person can read. It takes any program, verified or not.

use std::fmt::{self, Write as _};

use super::op::Op;
use super::program::{Code, Constant, Input, Probe, Program};

/// Characters of a text that the listing shows.
const SHOWN_CHARACTERS: usize = 60;

/// Lists the whole program: per probe its inputs, captures and instructions.
///
/// A line of code shows the place in the source where that changes, the byte offset, the instruction, its operand,
/// and what the operand stands for.
#[must_use]
pub fn listing(program: &Program) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = Listing { program }.write(&mut text);
    text
}

struct Listing<'a> {
    program: &'a Program,
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
        for (slot, input) in probe.inputs.iter().enumerate() {
            writeln!(text, "  input {slot}: {}", self.input(input))?;
        }
        for (index, capture) in probe.captures.iter().enumerate() {
            let fields: Vec<String> = capture.fields.iter().map(|field| shown(field)).collect();
            writeln!(text, "  capture {index}: {}", fields.join("; "))?;
        }
        for (name, code) in [("predicate", &probe.predicate), ("body", &probe.body)] {
            if !code.bytes.is_empty() {
                writeln!(text, "  {name}")?;
                self.write_code(text, probe, code)?;
            }
        }
        Ok(())
    }

    fn write_code(&self, text: &mut String, probe: &Probe, code: &Code) -> fmt::Result {
        let mut offset = 0;
        let mut positions = code.positions.iter().peekable();
        while offset < code.bytes.len() {
            let mut place = String::new();
            while let Some(position) = positions.next_if(|next| usize::from(next.offset) <= offset)
            {
                place = format!("{}:{}", position.line, position.column);
            }
            write!(text, "  {place:>9} {offset:>6}  ")?;
            match Op::decode(&code.bytes, offset) {
                Ok((op, next)) => {
                    let (name, operand, meaning) = self.describe(probe, op);
                    let line = format!("{name:<21} {operand:<10} {meaning}");
                    writeln!(text, "{}", line.trim_end())?;
                    offset = next;
                }
                Err(bad) => return writeln!(text, "-- {bad}"),
            }
        }
        Ok(())
    }

    /// An instruction's name, its operand, and what that stands for.
    fn describe(&self, probe: &Probe, op: Op) -> (&'static str, String, String) {
        let plain = |name| (name, String::new(), String::new());
        let with = |name, operand: &dyn fmt::Display| (name, operand.to_string(), String::new());
        match op {
            Op::Constant(index) => {
                let constant = self.program.constants.get(usize::from(index));
                (
                    "constant",
                    index.to_string(),
                    constant.map_or_else(missing, literal),
                )
            }
            Op::Input(slot) => {
                let input = probe.inputs.get(usize::from(slot));
                let meaning = input.map_or_else(missing, |input| self.input(input));
                ("input", slot.to_string(), meaning)
            }
            Op::LoadVariable(scope, name) => (
                "load",
                name.to_string(),
                format!("{scope}.{}", self.name(name)),
            ),
            Op::StoreVariable(scope, name) => (
                "store",
                name.to_string(),
                format!("{scope}.{}", self.name(name)),
            ),
            Op::Attribute(name) => (
                "attribute",
                name.to_string(),
                format!(".{}", self.name(name)),
            ),
            Op::Item => plain("item"),
            Op::Slice => plain("slice"),
            Op::Unary(op) => with("unary", &op),
            Op::Binary(op) => with("binary", &op),
            Op::Compare(op) => with("compare", &op),
            Op::Is(singleton) => with("is", &singleton),
            Op::Truth => plain("truth"),
            Op::Not => plain("not"),
            Op::Call(function, arguments) => (
                "call",
                function.to_string(),
                format!("{arguments} arguments"),
            ),
            Op::Matches(index) => {
                let pattern = self.program.constants.get(usize::from(index));
                (
                    "matches",
                    index.to_string(),
                    pattern.map_or_else(missing, literal),
                )
            }
            Op::JumpIfFalseOrPop(target) => with("jump_if_false_or_pop", &target),
            Op::JumpIfTrueOrPop(target) => with("jump_if_true_or_pop", &target),
            Op::Jump(target) => with("jump", &target),
            Op::Tuck => plain("tuck"),
            Op::Nip => plain("nip"),
            Op::Field(end) => with("field", &end),
            Op::FieldEnd => plain("field_end"),
            Op::Capture(index, fields) => {
                ("capture", index.to_string(), format!("{fields} fields"))
            }
            Op::Statement(end) => with("statement", &end),
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
            Input::Name(name) => format!("name {}", self.name(*name)),
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
    let mut characters = text.chars();
    let mut shown: String = characters
        .by_ref()
        .take(SHOWN_CHARACTERS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
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

//! Programs as Protocol Buffers bytes and back. The contract is `proto/hogtrace/v1/program.proto`.
//!
//! Decoding bounds the memory that hostile bytes can cost, and gives plain data: whether it may run, the verifier
//! decides.

mod message;
mod scan;

use std::fmt;

use prost::Message as _;

use crate::bytecode::{Capture, Code, Constant, Input, Point, Position, Probe, Program};
use crate::limits;

/// The version of the bytecode and its encoding.
pub const VERSION: u32 = 1;

/// Why bytes are not a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The offset of the byte where what is wrong begins, where it has one place.
    pub offset: Option<usize>,
    /// What is wrong; no trailing full stop.
    pub reason: String,
}

impl DecodeError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            offset: None,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(f, "offset {offset}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for DecodeError {}

/// The bytes of `program`.
#[must_use]
pub fn encode(program: &Program) -> Vec<u8> {
    message::Program::from(program).encode_to_vec()
}

/// The program that `bytes` hold; it still has to be verified.
///
/// # Errors
/// When the bytes are no program, one of another version, or one over a limit.
pub fn decode(bytes: &[u8]) -> Result<Program, DecodeError> {
    if bytes.len() > limits::PROGRAM_BYTES {
        let reason = format!(
            "{} bytes, of at most {}",
            bytes.len(),
            limits::PROGRAM_BYTES
        );
        return Err(DecodeError::new(reason));
    }
    scan::check(bytes)?;
    let message = message::Program::decode(bytes)
        .map_err(|error| DecodeError::new(format!("not a program: {error}")))?;
    Program::try_from(message)
}

impl From<&Program> for message::Program {
    fn from(program: &Program) -> Self {
        Self {
            version: VERSION,
            name: program.name.clone(),
            names: program.names.clone(),
            constants: program.constants.iter().map(Into::into).collect(),
            probes: program.probes.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<message::Program> for Program {
    type Error = DecodeError;

    fn try_from(message: message::Program) -> Result<Self, DecodeError> {
        Ok(Self {
            name: message.name,
            names: message.names,
            constants: message
                .constants
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            probes: message
                .probes
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Constant> for message::Constant {
    fn from(constant: &Constant) -> Self {
        use message::ConstantKind;
        let kind = match constant {
            Constant::None => ConstantKind::None(true),
            Constant::Bool(value) => ConstantKind::Boolean(*value),
            Constant::Int(value) => ConstantKind::Integer(*value),
            Constant::BigInt(digits) => ConstantKind::BigInteger(digits.clone()),
            Constant::Float(value) => ConstantKind::Number(*value),
            Constant::Str(text) => ConstantKind::Text(text.clone()),
            Constant::List(items) => ConstantKind::List(message::ConstantList {
                items: items.iter().map(Into::into).collect(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<message::Constant> for Constant {
    type Error = DecodeError;

    fn try_from(message: message::Constant) -> Result<Self, DecodeError> {
        use message::ConstantKind;
        match message.kind {
            Some(ConstantKind::None(true)) => Ok(Self::None),
            Some(ConstantKind::Boolean(value)) => Ok(Self::Bool(value)),
            Some(ConstantKind::Integer(value)) => Ok(Self::Int(value)),
            Some(ConstantKind::BigInteger(digits)) => Ok(Self::BigInt(digits)),
            Some(ConstantKind::Number(value)) => Ok(Self::Float(value)),
            Some(ConstantKind::Text(text)) => Ok(Self::Str(text)),
            Some(ConstantKind::List(list)) => {
                let items: Result<_, _> = list.items.into_iter().map(TryInto::try_into).collect();
                items.map(Self::List)
            }
            Some(ConstantKind::None(false)) | None => {
                Err(DecodeError::new("a constant is of no known kind"))
            }
        }
    }
}

impl From<&Probe> for message::Probe {
    fn from(probe: &Probe) -> Self {
        let (point, line) = match probe.point {
            Point::Entry => (message::Point::Entry, 0),
            Point::Exit => (message::Point::Exit, 0),
            Point::Line(line) => (message::Point::Line, line),
        };
        Self {
            id: probe.id.clone(),
            target: probe.target.clone(),
            point: point.into(),
            inputs: probe.inputs.iter().map(Into::into).collect(),
            captures: probe
                .captures
                .iter()
                .map(|capture| message::Capture {
                    fields: capture.fields.clone(),
                })
                .collect(),
            predicate: Some((&probe.predicate).into()),
            body: Some((&probe.body).into()),
            sample: probe.sample,
            line,
        }
    }
}

impl TryFrom<message::Probe> for Probe {
    type Error = DecodeError;

    fn try_from(message: message::Probe) -> Result<Self, DecodeError> {
        let point = match message::Point::try_from(message.point) {
            Ok(message::Point::Entry) => Point::Entry,
            Ok(message::Point::Exit) => Point::Exit,
            Ok(message::Point::Line) => Point::Line(message.line),
            Ok(message::Point::Unspecified) | Err(_) => {
                return Err(DecodeError::new("a probe is of no known point"));
            }
        };
        if message.line != 0 && !matches!(point, Point::Line(_)) {
            return Err(DecodeError::new(
                "a probe has a line where its point has none",
            ));
        }
        Ok(Self {
            id: message.id,
            target: message.target,
            point,
            sample: message.sample,
            inputs: message
                .inputs
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            captures: message
                .captures
                .into_iter()
                .map(|capture| Capture {
                    fields: capture.fields,
                })
                .collect(),
            predicate: message.predicate.unwrap_or_default().try_into()?,
            body: message.body.unwrap_or_default().try_into()?,
        })
    }
}

impl From<&Input> for message::Input {
    fn from(input: &Input) -> Self {
        use message::InputKind;
        let (kind, index) = match input {
            Input::Args => (InputKind::Args, 0),
            Input::Arg(number) => (InputKind::Arg, *number),
            Input::Kwargs => (InputKind::Kwargs, 0),
            Input::SelfArgument => (InputKind::SelfArgument, 0),
            Input::Name(name) => (InputKind::Name, *name),
            Input::Locals => (InputKind::Locals, 0),
            Input::Globals => (InputKind::Globals, 0),
            Input::Retval => (InputKind::Retval, 0),
            Input::Exception => (InputKind::Exception, 0),
            Input::Duration => (InputKind::Duration, 0),
        };
        Self {
            kind: kind.into(),
            index: index.into(),
        }
    }
}

impl TryFrom<message::Input> for Input {
    type Error = DecodeError;

    fn try_from(message: message::Input) -> Result<Self, DecodeError> {
        use message::InputKind;
        let unknown = || DecodeError::new("an input is of no known kind");
        let index = || {
            u16::try_from(message.index)
                .map_err(|_| DecodeError::new("the index of an input is too large"))
        };
        Ok(
            match InputKind::try_from(message.kind).map_err(|_| unknown())? {
                InputKind::Unspecified => return Err(unknown()),
                InputKind::Args => Self::Args,
                InputKind::Arg => Self::Arg(index()?),
                InputKind::Kwargs => Self::Kwargs,
                InputKind::SelfArgument => Self::SelfArgument,
                InputKind::Name => Self::Name(index()?),
                InputKind::Locals => Self::Locals,
                InputKind::Globals => Self::Globals,
                InputKind::Retval => Self::Retval,
                InputKind::Exception => Self::Exception,
                InputKind::Duration => Self::Duration,
            },
        )
    }
}

impl From<&Code> for message::Code {
    fn from(code: &Code) -> Self {
        let (mut offset, mut line) = (0, 0);
        let positions = code
            .positions
            .iter()
            .map(|position| {
                let step = message::PositionStep {
                    instructions: u32::from(position.offset.wrapping_sub(offset)),
                    lines: position.line.wrapping_sub(line).cast_signed(),
                    column: position.column,
                };
                (offset, line) = (position.offset, position.line);
                step
            })
            .collect();
        Self {
            instructions: code.bytes.clone(),
            positions,
        }
    }
}

impl TryFrom<message::Code> for Code {
    type Error = DecodeError;

    fn try_from(message: message::Code) -> Result<Self, DecodeError> {
        let (mut offset, mut line) = (0_u16, 0_u32);
        let mut positions = Vec::with_capacity(message.positions.len());
        for step in message.positions {
            offset = u16::try_from(step.instructions)
                .ok()
                .and_then(|step| offset.checked_add(step))
                .ok_or_else(|| DecodeError::new("a position lies beyond any instruction"))?;
            line = line
                .checked_add_signed(step.lines)
                .ok_or_else(|| DecodeError::new("a position lies before the first line"))?;
            positions.push(Position {
                offset,
                line,
                column: step.column,
            });
        }
        Ok(Self {
            bytes: message.instructions,
            positions,
        })
    }
}

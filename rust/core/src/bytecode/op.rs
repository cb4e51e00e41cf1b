//! The instruction set, its encoding, and the one table of what each instruction does to the stack.
//!
//! An instruction is one opcode byte and its operands, little-endian. Jumps go forward only and name the byte offset
//! of their target in the section.

use std::fmt;

use super::operand::{BinaryOp, CompareOp, Function, Scope, Singleton, UnaryOp};

/// One instruction. A jump's target is a byte offset here and an instruction index once verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Pushes a constant of the program.
    Constant(u16),
    /// Pushes input `slot` of the probe.
    Input(u16),
    /// Pushes a variable.
    LoadVariable(Scope, u16),
    /// Pops a value into a variable.
    StoreVariable(Scope, u16),
    /// Pops an object, pushes its attribute of that name.
    Attribute(u16),
    /// Pops a key and an object, pushes the item.
    Item,
    /// Pops stop, start and an object (`None` for an open end), pushes the slice.
    Slice,
    /// Pops one value, pushes the result.
    Unary(UnaryOp),
    /// Pops two values, pushes the result.
    Binary(BinaryOp),
    /// Pops two values, pushes a boolean.
    Compare(CompareOp),
    /// Pops a value, pushes whether it is that singleton.
    Is(Singleton),
    /// Pops a value, pushes its truth.
    Truth,
    /// Pops a value, pushes the opposite of its truth.
    Not,
    /// Pops that many arguments, pushes the result.
    Call(Function, u8),
    /// Pops a string, pushes whether the pattern is found in it: a constant of the program here, a number of the
    /// section's own patterns once verified.
    Matches(u16),
    /// If the top is false, jumps and keeps it; else pops it.
    JumpIfFalseOrPop(u16),
    /// If the top is true, jumps and keeps it; else pops it.
    JumpIfTrueOrPop(u16),
    /// Jumps.
    Jump(u16),
    /// `[a, b]` becomes `[b, a, b]`: keeps the middle operand of a chained comparison.
    Tuck,
    /// `[a, b]` becomes `[b]`: drops what `Tuck` kept.
    Nip,
    /// Starts a captured field: a fault before the matching `FieldEnd` pushes `None` and jumps to it.
    Field(u16),
    /// Ends a captured field.
    FieldEnd,
    /// Pops that many fields, those of capture `index` of the probe, and hands them to the host.
    Capture(u16, u8),
    /// Starts a statement: a fault before the matching end is reported and jumps to it, with the stack empty.
    Statement(u16),
    /// Ends the section: a predicate with its value on the stack, a body with nothing.
    End,
}

/// What an instruction does to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Values it takes.
    pub pops: u8,
    /// Values it puts, where it does not jump.
    pub pushes: u8,
    /// Values it puts at the target, where it jumps.
    pub pushes_at_target: u8,
}

/// The opcode bytes. A number, once given, is never given again.
mod opcode {
    pub(super) const CONSTANT: u8 = 0x01;
    pub(super) const INPUT: u8 = 0x02;
    pub(super) const LOAD_VARIABLE: u8 = 0x03;
    pub(super) const STORE_VARIABLE: u8 = 0x04;
    pub(super) const ATTRIBUTE: u8 = 0x05;
    pub(super) const ITEM: u8 = 0x06;
    pub(super) const SLICE: u8 = 0x07;
    pub(super) const UNARY: u8 = 0x08;
    pub(super) const BINARY: u8 = 0x09;
    pub(super) const COMPARE: u8 = 0x0a;
    pub(super) const IS: u8 = 0x0b;
    pub(super) const TRUTH: u8 = 0x0c;
    pub(super) const NOT: u8 = 0x0d;
    pub(super) const CALL: u8 = 0x0e;
    pub(super) const JUMP_IF_FALSE_OR_POP: u8 = 0x0f;
    pub(super) const JUMP_IF_TRUE_OR_POP: u8 = 0x10;
    pub(super) const JUMP: u8 = 0x11;
    pub(super) const TUCK: u8 = 0x12;
    pub(super) const NIP: u8 = 0x13;
    pub(super) const FIELD: u8 = 0x14;
    pub(super) const FIELD_END: u8 = 0x15;
    pub(super) const CAPTURE: u8 = 0x16;
    pub(super) const STATEMENT: u8 = 0x17;
    pub(super) const END: u8 = 0x18;
    pub(super) const MATCHES: u8 = 0x19;
}

/// Why bytes are not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInstruction {
    /// No instruction has this opcode.
    UnknownOpcode(u8),
    /// The instruction has no such operand: a scope, an operator, a singleton or a function that does not exist.
    UnknownOperand(u8),
    /// The section ends in the middle of the instruction.
    CutShort,
}

impl fmt::Display for BadInstruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOpcode(byte) => write!(f, "no instruction has the opcode 0x{byte:02x}"),
            Self::UnknownOperand(byte) => write!(f, "no such operand: 0x{byte:02x}"),
            Self::CutShort => f.write_str("the section ends in the middle of an instruction"),
        }
    }
}

impl Op {
    /// What it does to the stack: the one table that codegen, verifier and tests read.
    #[must_use]
    pub const fn effect(self) -> Effect {
        let (pops, pushes, pushes_at_target) = match self {
            Self::Constant(_) | Self::Input(_) | Self::LoadVariable(..) => (0, 1, 0),
            Self::StoreVariable(..) => (1, 0, 0),
            Self::Item | Self::Binary(_) | Self::Compare(_) | Self::Nip => (2, 1, 0),
            Self::Slice => (3, 1, 0),
            Self::Attribute(_)
            | Self::Unary(_)
            | Self::Is(_)
            | Self::Truth
            | Self::Not
            | Self::Matches(_) => (1, 1, 0),
            Self::Call(_, arguments) => (arguments, 1, 0),
            Self::JumpIfFalseOrPop(_) | Self::JumpIfTrueOrPop(_) => (1, 0, 1),
            Self::Jump(_) | Self::Field(_) | Self::FieldEnd | Self::Statement(_) | Self::End => {
                (0, 0, 0)
            }
            Self::Tuck => (2, 3, 0),
            Self::Capture(_, fields) => (fields, 0, 0),
        };
        Effect {
            pops,
            pushes,
            pushes_at_target,
        }
    }

    /// The target of a jump; `Field` and `Statement` jump on a fault alone and are none.
    #[must_use]
    pub const fn jump_target(self) -> Option<u16> {
        match self {
            Self::JumpIfFalseOrPop(target) | Self::JumpIfTrueOrPop(target) | Self::Jump(target) => {
                Some(target)
            }
            _ => None,
        }
    }

    /// The same instruction with another target, where it has one.
    #[must_use]
    pub const fn with_target(self, target: u16) -> Self {
        match self {
            Self::JumpIfFalseOrPop(_) => Self::JumpIfFalseOrPop(target),
            Self::JumpIfTrueOrPop(_) => Self::JumpIfTrueOrPop(target),
            Self::Jump(_) => Self::Jump(target),
            Self::Field(_) => Self::Field(target),
            Self::Statement(_) => Self::Statement(target),
            other => other,
        }
    }

    /// Appends its bytes.
    pub fn encode(self, bytes: &mut Vec<u8>) {
        let mut plain = |opcode: u8| bytes.push(opcode);
        match self {
            Self::Item => plain(opcode::ITEM),
            Self::Slice => plain(opcode::SLICE),
            Self::Truth => plain(opcode::TRUTH),
            Self::Not => plain(opcode::NOT),
            Self::Tuck => plain(opcode::TUCK),
            Self::Nip => plain(opcode::NIP),
            Self::FieldEnd => plain(opcode::FIELD_END),
            Self::End => plain(opcode::END),
            Self::Unary(op) => bytes.extend([opcode::UNARY, op.code()]),
            Self::Binary(op) => bytes.extend([opcode::BINARY, op.code()]),
            Self::Compare(op) => bytes.extend([opcode::COMPARE, op.code()]),
            Self::Is(singleton) => bytes.extend([opcode::IS, singleton.code()]),
            Self::Call(function, arguments) => {
                bytes.extend([opcode::CALL, function.code(), arguments]);
            }
            Self::Constant(index) => wide(bytes, opcode::CONSTANT, index),
            Self::Input(slot) => wide(bytes, opcode::INPUT, slot),
            Self::Attribute(name) => wide(bytes, opcode::ATTRIBUTE, name),
            Self::Matches(pattern) => wide(bytes, opcode::MATCHES, pattern),
            Self::JumpIfFalseOrPop(target) => wide(bytes, opcode::JUMP_IF_FALSE_OR_POP, target),
            Self::JumpIfTrueOrPop(target) => wide(bytes, opcode::JUMP_IF_TRUE_OR_POP, target),
            Self::Jump(target) => wide(bytes, opcode::JUMP, target),
            Self::Field(target) => wide(bytes, opcode::FIELD, target),
            Self::Statement(target) => wide(bytes, opcode::STATEMENT, target),
            Self::LoadVariable(scope, name) => {
                wide(bytes, opcode::LOAD_VARIABLE, name);
                bytes.push(scope.code());
            }
            Self::StoreVariable(scope, name) => {
                wide(bytes, opcode::STORE_VARIABLE, name);
                bytes.push(scope.code());
            }
            Self::Capture(index, fields) => {
                wide(bytes, opcode::CAPTURE, index);
                bytes.push(fields);
            }
        }
    }

    /// Reads the instruction at `offset`, and gives it with the offset of the next one.
    ///
    /// # Errors
    /// When there is no instruction.
    pub fn decode(bytes: &[u8], offset: usize) -> Result<(Self, usize), BadInstruction> {
        let mut reader = Reader { bytes, offset };
        let op = match reader.byte()? {
            opcode::ITEM => Self::Item,
            opcode::SLICE => Self::Slice,
            opcode::TRUTH => Self::Truth,
            opcode::NOT => Self::Not,
            opcode::TUCK => Self::Tuck,
            opcode::NIP => Self::Nip,
            opcode::FIELD_END => Self::FieldEnd,
            opcode::END => Self::End,
            opcode::UNARY => Self::Unary(reader.operand(UnaryOp::from_code)?),
            opcode::BINARY => Self::Binary(reader.operand(BinaryOp::from_code)?),
            opcode::COMPARE => Self::Compare(reader.operand(CompareOp::from_code)?),
            opcode::IS => Self::Is(reader.operand(Singleton::from_code)?),
            opcode::CALL => Self::Call(reader.operand(Function::from_code)?, reader.byte()?),
            opcode::CONSTANT => Self::Constant(reader.wide()?),
            opcode::INPUT => Self::Input(reader.wide()?),
            opcode::ATTRIBUTE => Self::Attribute(reader.wide()?),
            opcode::MATCHES => Self::Matches(reader.wide()?),
            opcode::JUMP_IF_FALSE_OR_POP => Self::JumpIfFalseOrPop(reader.wide()?),
            opcode::JUMP_IF_TRUE_OR_POP => Self::JumpIfTrueOrPop(reader.wide()?),
            opcode::JUMP => Self::Jump(reader.wide()?),
            opcode::FIELD => Self::Field(reader.wide()?),
            opcode::STATEMENT => Self::Statement(reader.wide()?),
            opcode::LOAD_VARIABLE => {
                let name = reader.wide()?;
                Self::LoadVariable(reader.operand(Scope::from_code)?, name)
            }
            opcode::STORE_VARIABLE => {
                let name = reader.wide()?;
                Self::StoreVariable(reader.operand(Scope::from_code)?, name)
            }
            opcode::CAPTURE => {
                let index = reader.wide()?;
                Self::Capture(index, reader.byte()?)
            }
            unknown => return Err(BadInstruction::UnknownOpcode(unknown)),
        };
        Ok((op, reader.offset))
    }
}

/// Appends an opcode and its two-byte operand.
fn wide(bytes: &mut Vec<u8>, opcode: u8, operand: u16) {
    bytes.push(opcode);
    bytes.extend(operand.to_le_bytes());
}

/// A place in a section.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, BadInstruction> {
        let byte = *self
            .bytes
            .get(self.offset)
            .ok_or(BadInstruction::CutShort)?;
        self.offset += 1;
        Ok(byte)
    }

    fn wide(&mut self) -> Result<u16, BadInstruction> {
        Ok(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    fn operand<T>(&mut self, from_code: fn(u8) -> Option<T>) -> Result<T, BadInstruction> {
        let byte = self.byte()?;
        from_code(byte).ok_or(BadInstruction::UnknownOperand(byte))
    }
}

//! What the compiler makes and the machine runs: instructions, programs as plain data, and their listing.

pub mod disasm;
mod op;
mod operand;
mod program;
pub mod target;

pub use op::{BadInstruction, Effect, Op};
pub use operand::{BinaryOp, CompareOp, Function, Scope, Singleton, UnaryOp};
pub use program::{Capture, Code, Constant, Input, Point, Position, Probe, Program, UnknownPoint};

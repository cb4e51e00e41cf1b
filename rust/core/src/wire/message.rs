//! The messages of `program.proto`, written by hand so that no build needs its compiler.

use prost::{Enumeration, Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Program {
    #[prost(uint32, tag = "1")]
    pub(super) version: u32,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) names: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub(super) constants: Vec<Constant>,
    #[prost(message, repeated, tag = "5")]
    pub(super) probes: Vec<Probe>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Constant {
    #[prost(oneof = "ConstantKind", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) kind: Option<ConstantKind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ConstantKind {
    #[prost(bool, tag = "1")]
    None(bool),
    #[prost(bool, tag = "2")]
    Boolean(bool),
    #[prost(sint64, tag = "3")]
    Integer(i64),
    #[prost(string, tag = "4")]
    BigInteger(String),
    #[prost(double, tag = "5")]
    Number(f64),
    #[prost(string, tag = "6")]
    Text(String),
    #[prost(message, tag = "7")]
    List(ConstantList),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConstantList {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<Constant>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Probe {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) target: String,
    #[prost(enumeration = "Point", tag = "3")]
    pub(super) point: i32,
    #[prost(message, repeated, tag = "4")]
    pub(super) inputs: Vec<Input>,
    #[prost(message, repeated, tag = "5")]
    pub(super) captures: Vec<Capture>,
    #[prost(message, optional, tag = "6")]
    pub(super) predicate: Option<Code>,
    #[prost(message, optional, tag = "7")]
    pub(super) body: Option<Code>,
    #[prost(double, optional, tag = "8")]
    pub(super) sample: Option<f64>,
    #[prost(uint32, tag = "9")]
    pub(super) line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum Point {
    Unspecified = 0,
    Entry = 1,
    Exit = 2,
    Line = 3,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Message)]
pub(super) struct Input {
    #[prost(enumeration = "InputKind", tag = "1")]
    pub(super) kind: i32,
    #[prost(uint32, tag = "2")]
    pub(super) index: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum InputKind {
    Unspecified = 0,
    Args = 1,
    Arg = 2,
    Kwargs = 3,
    SelfArgument = 4,
    Name = 5,
    Locals = 6,
    Globals = 7,
    Retval = 8,
    Exception = 9,
    Duration = 10,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub(super) struct Capture {
    #[prost(string, repeated, tag = "1")]
    pub(super) fields: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub(super) struct Code {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) instructions: Vec<u8>,
    #[prost(message, repeated, tag = "2")]
    pub(super) positions: Vec<PositionStep>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Message)]
pub(super) struct PositionStep {
    #[prost(uint32, tag = "1")]
    pub(super) instructions: u32,
    #[prost(sint32, tag = "2")]
    pub(super) lines: i32,
    #[prost(uint32, tag = "3")]
    pub(super) column: u32,
}

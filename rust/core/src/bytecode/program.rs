//! A compiled program as plain data: what `codegen` makes and `wire` carries. It cannot run until `verify` accepts it.

use std::fmt;
use std::str::FromStr;

use crate::limits;

/// When a probe fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// When the body of the call begins.
    Entry,
    /// When the body ends, by return or by exception.
    Exit,
    /// Before the statement that starts so many source lines below the `def` line.
    Line(u32),
}

/// A constant of the program.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// `None`
    None,
    /// A boolean.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// A larger integer, in decimal digits with an optional minus sign.
    BigInt(String),
    /// A float.
    Float(f64),
    /// A string.
    Str(String),
    /// A list of scalars, to the right of `in`.
    List(Vec<Constant>),
}

/// A value of the instrumented call that a probe reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// `args`
    Args,
    /// `arg0`, `arg1`, …
    Arg(u16),
    /// `kwargs`
    Kwargs,
    /// `self`
    SelfArgument,
    /// A bare name, by its index in the program's names.
    Name(u16),
    /// `locals`
    Locals,
    /// `globals`
    Globals,
    /// `retval`
    Retval,
    /// `exception`
    Exception,
    /// `duration`
    Duration,
}

/// Where an instruction came from: the instructions from byte `offset` on stand at this line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Byte offset of the first instruction.
    pub offset: u16,
    /// Line in the source, 1-based.
    pub line: u32,
    /// Column in the source, 1-based, in characters.
    pub column: u32,
}

/// The code of a predicate or a body, and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The encoded instructions; empty when there is no predicate.
    pub bytes: Vec<u8>,
    /// In ascending order of offset.
    pub positions: Vec<Position>,
}

/// The names of one capture's fields, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Field names: given, or the expression's text.
    pub fields: Vec<String>,
}

/// One probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Unique in the program: `target:point`, with `#2`, `#3`, … where that repeats.
    pub id: String,
    /// The dotted target, as written.
    pub target: String,
    /// When it fires.
    pub point: Point,
    /// In which share of requests it fires, above 0 and up to 1; `None` if in all.
    pub sample: Option<f64>,
    /// What it reads of the call; `Op::Input` indexes it.
    pub inputs: Vec<Input>,
    /// What its captures are called; `Op::Capture` indexes it.
    pub captures: Vec<Capture>,
    /// The predicate; empty bytes when there is none.
    pub predicate: Code,
    /// The statements.
    pub body: Code,
}

/// A compiled program.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The name given to the compiler: a file name or `<string>`.
    pub name: String,
    /// Attribute, variable and bare names.
    pub names: Vec<String>,
    /// Constants, each once.
    pub constants: Vec<Constant>,
    /// The probes, in source order.
    pub probes: Vec<Probe>,
}

/// Its text in probe files: `entry`, `exit`, `entry+3`.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry => f.write_str("entry"),
            Self::Exit => f.write_str("exit"),
            Self::Line(line) => write!(f, "entry+{line}"),
        }
    }
}

/// A text is the name of no point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPoint;

impl fmt::Display for UnknownPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the points are `entry`, `exit` and `entry+N`")
    }
}

impl std::error::Error for UnknownPoint {}

/// Reads what [`fmt::Display`] writes, and nothing else.
impl FromStr for Point {
    type Err = UnknownPoint;

    fn from_str(text: &str) -> Result<Self, UnknownPoint> {
        match text {
            "entry" => return Ok(Self::Entry),
            "exit" => return Ok(Self::Exit),
            _ => {}
        }
        let digits = text.strip_prefix("entry+").ok_or(UnknownPoint)?;
        let line = digits.parse().map_err(|_| UnknownPoint)?;
        if line <= limits::POINT_LINES && Self::Line(line).to_string() == text {
            Ok(Self::Line(line))
        } else {
            Err(UnknownPoint)
        }
    }
}

impl Input {
    /// Whether it has a value at that point.
    #[must_use]
    pub const fn exists_at(&self, point: Point) -> bool {
        match self {
            Self::Retval | Self::Exception | Self::Duration => matches!(point, Point::Exit),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Point, UnknownPoint};

    #[test]
    fn points_are_read_as_they_are_written() {
        for point in [
            Point::Entry,
            Point::Exit,
            Point::Line(0),
            Point::Line(65_535),
        ] {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        for text in [
            "",
            "Entry",
            "entry+",
            "entry+03",
            "entry++3",
            "entry+-1",
            "entry+65536",
            "exit+1",
            "entry + 1",
        ] {
            assert_eq!(text.parse::<Point>(), Err(UnknownPoint), "{text}");
        }
    }
}

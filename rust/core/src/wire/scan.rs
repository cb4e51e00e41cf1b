//! A look at the bytes before anything is built of them: whether they have the form of a program, and where not.
//!
//! A few bytes can announce a message that takes hundreds once it is built, so what repeats is counted here. The
//! version is looked at first of all: bytes of another version are told as such, whatever else is in them.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::{DecodeError, VERSION};
use crate::limits;

/// How deep messages nest, and one more: a program, a constant, a list, a constant, and a list that the verifier refuses.
const DEPTH: usize = 8;

/// One field of a message.
struct Field {
    number: u32,
    name: &'static str,
    kind: Kind,
    /// How often it may come.
    most: usize,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    /// A number of variable length.
    Number,
    /// Eight bytes.
    Float,
    Bytes,
    Text,
    Message(&'static [Field]),
}

const fn field(number: u32, name: &'static str, kind: Kind) -> Field {
    // A field that does not repeat may come again, and then the last one counts.
    repeated(number, name, kind, usize::MAX)
}

const fn repeated(number: u32, name: &'static str, kind: Kind, most: usize) -> Field {
    Field {
        number,
        name,
        kind,
        most,
    }
}

static PROGRAM: [Field; 5] = [
    field(1, "version", Kind::Number),
    field(2, "name", Kind::Text),
    repeated(3, "names", Kind::Text, limits::TABLE_ENTRIES),
    repeated(
        4,
        "constants",
        Kind::Message(&CONSTANT),
        limits::TABLE_ENTRIES,
    ),
    repeated(5, "probes", Kind::Message(&PROBE), limits::PROBES),
];

static CONSTANT: [Field; 7] = [
    field(1, "none", Kind::Number),
    field(2, "boolean", Kind::Number),
    field(3, "integer", Kind::Number),
    field(4, "big_integer", Kind::Text),
    field(5, "number", Kind::Float),
    field(6, "text", Kind::Text),
    field(7, "list", Kind::Message(&LIST)),
];

static LIST: [Field; 1] = [repeated(
    1,
    "items",
    Kind::Message(&CONSTANT),
    limits::LIST_ITEMS,
)];

static PROBE: [Field; 9] = [
    field(1, "id", Kind::Text),
    field(2, "target", Kind::Text),
    field(3, "point", Kind::Number),
    repeated(4, "inputs", Kind::Message(&INPUT), limits::INSTRUCTIONS),
    repeated(5, "captures", Kind::Message(&CAPTURE), limits::INSTRUCTIONS),
    field(6, "predicate", Kind::Message(&CODE)),
    field(7, "body", Kind::Message(&CODE)),
    field(8, "sample", Kind::Float),
    field(9, "line", Kind::Number),
];

static INPUT: [Field; 2] = [
    field(1, "kind", Kind::Number),
    field(2, "index", Kind::Number),
];

static CAPTURE: [Field; 1] = [repeated(1, "fields", Kind::Text, limits::STACK)];

static CODE: [Field; 2] = [
    field(1, "instructions", Kind::Bytes),
    repeated(2, "positions", Kind::Message(&STEP), limits::INSTRUCTIONS),
];

static STEP: [Field; 3] = [
    field(1, "instructions", Kind::Number),
    field(2, "lines", Kind::Number),
    field(3, "column", Kind::Number),
];

/// Checks the version, the form of all messages, and that nothing repeats more often than a program may have it.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let scan = Scan { all: bytes };
    let version = scan.version()?;
    if version == 0 {
        return Err(DecodeError::new("not a program: it has no version"));
    }
    if version != u64::from(VERSION) {
        let reason = format!("a program of version {version}; this reads version {VERSION}");
        return Err(DecodeError::new(reason));
    }
    scan.message(&PROGRAM, bytes, 0)
}

struct Scan<'a> {
    /// The whole program, to tell offsets by.
    all: &'a [u8],
}

impl<'a> Scan<'a> {
    /// Where `rest`, the end of a part of the program, begins.
    fn offset(&self, rest: &[u8]) -> usize {
        rest.as_ptr() as usize - self.all.as_ptr() as usize
    }

    fn malformed(&self, at: &[u8], reason: impl Into<String>) -> DecodeError {
        DecodeError {
            offset: Some(self.offset(at)),
            reason: format!("not a program: {}", reason.into()),
        }
    }

    /// The version, or 0 where there is none.
    fn version(&self) -> Result<u64, DecodeError> {
        let mut version = 0;
        let mut rest = self.all;
        while !rest.is_empty() {
            let start = rest;
            let (number, wire_type) = self.key(&mut rest)?;
            if (number, wire_type) == (1, WireType::Varint) {
                version = decode_varint(&mut rest)
                    .map_err(|_| self.malformed(start, "the version is no number"))?;
            } else {
                self.skip(start, number, wire_type, &mut rest)?;
            }
        }
        Ok(version)
    }

    fn key(&self, rest: &mut &'a [u8]) -> Result<(u32, WireType), DecodeError> {
        let start = *rest;
        decode_key(rest).map_err(|_| self.malformed(start, "no field begins here"))
    }

    fn skip(
        &self,
        start: &[u8],
        number: u32,
        wire_type: WireType,
        rest: &mut &'a [u8],
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, number, rest, DecodeContext::default())
            .map_err(|_| self.malformed(start, format!("field {number} is cut short")))
    }

    fn message(
        &self,
        fields: &'static [Field],
        bytes: &'a [u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        if depth > DEPTH {
            return Err(self.malformed(bytes, "messages nest too deep"));
        }
        // No message has more fields.
        let mut counts = [0; 9];
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = rest;
            let (number, wire_type) = self.key(&mut rest)?;
            let Some(place) = fields.iter().position(|field| field.number == number) else {
                // A newer writer has more to say.
                self.skip(start, number, wire_type, &mut rest)?;
                continue;
            };
            let field = &fields[place];
            counts[place] += 1;
            if counts[place] > field.most {
                let reason = format!("more than {} {}", field.most, field.name);
                return Err(self.malformed(start, reason));
            }
            self.field(field, (start, wire_type), &mut rest, depth)?;
        }
        Ok(())
    }

    fn field(
        &self,
        field: &'static Field,
        (start, wire_type): (&'a [u8], WireType),
        rest: &mut &'a [u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        let expected = match field.kind {
            Kind::Number => WireType::Varint,
            Kind::Float => WireType::SixtyFourBit,
            Kind::Bytes | Kind::Text | Kind::Message(_) => WireType::LengthDelimited,
        };
        let bad = |what: &str| self.malformed(start, format!("`{}` {what}", field.name));
        if wire_type != expected {
            return Err(bad("is not of its type"));
        }
        match field.kind {
            Kind::Number => {
                decode_varint(rest).map_err(|_| bad("is no number"))?;
            }
            Kind::Float => {
                let (_, behind) = rest
                    .split_at_checked(8)
                    .ok_or_else(|| bad("is cut short"))?;
                *rest = behind;
            }
            Kind::Bytes | Kind::Text | Kind::Message(_) => {
                let content = decode_varint(rest)
                    .ok()
                    .and_then(|length| usize::try_from(length).ok())
                    .and_then(|length| rest.split_at_checked(length));
                let (content, behind) = content.ok_or_else(|| bad("is cut short"))?;
                *rest = behind;
                match field.kind {
                    Kind::Text if str::from_utf8(content).is_err() => {
                        return Err(bad("is not UTF-8"));
                    }
                    Kind::Message(fields) => self.message(fields, content, depth + 1)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

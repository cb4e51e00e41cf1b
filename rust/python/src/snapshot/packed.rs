//! The packed form: one tag byte per value, lengths as variable-length integers, counts of containers in four bytes.

use std::sync::Arc;
use std::{slice, str};

use super::buffer::{Buffer, Room};

/// What a value's first byte says about the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    /// Nothing follows.
    None,
    /// Nothing follows.
    False,
    /// Nothing follows.
    True,
    /// A variable-length integer, zigzag.
    Int,
    /// A larger integer: its decimal digits, as a string.
    BigInt,
    /// Eight bytes.
    Float,
    /// A length and UTF-8.
    Str,
    /// A length and UTF-8 in which lone surrogates are encoded as if they were characters.
    Surrogates,
    /// A length and bytes.
    Bytes,
    /// A count and values.
    List,
    /// A count and values.
    Tuple,
    /// A count and values.
    Set,
    /// A count and values.
    FrozenSet,
    /// A count and pairs of values; all keys are strings that do not begin with `$`.
    Record,
    /// A count and pairs of values.
    Dict,
    /// The type's name, a count, and pairs of a field's name and a value.
    Object,
    /// A length and UTF-8: what stands where something was left out.
    Mark,
}

impl Tag {
    const ALL: [Self; 17] = [
        Self::None,
        Self::False,
        Self::True,
        Self::Int,
        Self::BigInt,
        Self::Float,
        Self::Str,
        Self::Surrogates,
        Self::Bytes,
        Self::List,
        Self::Tuple,
        Self::Set,
        Self::FrozenSet,
        Self::Record,
        Self::Dict,
        Self::Object,
        Self::Mark,
    ];
}

/// The names of a copy's fields, in order: the same for all copies that one capture makes.
pub(crate) type Names = [Box<str>];

/// How many bytes names take.
pub(crate) fn size_of_names(names: &Names) -> usize {
    names.iter().map(|name| name.len()).sum()
}

/// A finished copy: one dict of named values.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// The names, if they stand apart: then the bytes are the values alone. Otherwise the bytes are those of a dict.
    names: Option<Arc<Names>>,
    bytes: Box<[u8]>,
}

impl Packed {
    /// The copy of an empty dict.
    pub(crate) fn empty() -> Self {
        Self::of_dict(&[Tag::Record as u8, 0, 0, 0, 0])
    }

    /// The copy of a dict, from the bytes that a buffer made of it.
    pub(super) fn of_dict(bytes: &[u8]) -> Self {
        Self {
            names: None,
            bytes: bytes.into(),
        }
    }

    /// The copy of as many values as there are names, from the bytes that a writer made of them.
    pub(crate) fn of_fields(names: Arc<Names>, bytes: &[u8]) -> Self {
        Self {
            names: Some(names),
            bytes: bytes.into(),
        }
    }

    /// Its size in bytes, names included.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.names.as_deref().map_or(0, size_of_names)
    }

    /// The packed value of a field of a dict.
    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        let (_, mut fields) = self.entries()?;
        fields
            .find(|(field, _)| is_name(field, name))
            .map(|(_, value)| value)
    }

    /// The copy of this dict in which that field is that text; `None` when memory ran out.
    pub(crate) fn with_text(&self, name: &str, text: &str) -> Option<Self> {
        let (tag, fields) = self.entries()?;
        let mut room = Room::new();
        let mut buffer = Buffer::new(&mut room);
        let open = buffer.open(tag);
        let mut count = 1;
        for (field, value) in fields {
            if !is_name(field, name) {
                buffer.packed(field);
                buffer.packed(value);
                count += 1;
            }
        }
        buffer.string(name);
        buffer.string(text);
        buffer.close(open, count);
        buffer.finish().map(Self::of_dict)
    }

    /// The fields of a dict: the packed name of each, and its packed value.
    fn entries(&self) -> Option<(Tag, impl Iterator<Item = Entry<'_>>)> {
        let mut reader = Reader::new(&self.bytes);
        let (tag, count) = match reader.next()? {
            Token::Record(count) => (Tag::Record, count),
            Token::Dict(count) => (Tag::Dict, count),
            _ => return None,
        };
        let entries = (0..count).map(move |_| (reader.extent(), reader.extent()));
        Some((tag, entries))
    }

    /// How many fields it has, and what reads them: a name, then a value, and so on.
    pub(super) fn fields(&self) -> (usize, Fields<'_>) {
        let mut values = Reader::new(&self.bytes);
        let (names, count) = match (&self.names, values) {
            (Some(names), _) => (Some(names.iter()), names.len()),
            (None, mut reader) => {
                let count = match reader.next() {
                    Some(Token::Record(count) | Token::Dict(count)) => count,
                    _ => 0,
                };
                values = reader;
                (None, count)
            }
        };
        (count, Fields { names, values })
    }
}

/// A packed name, and the packed value of that name.
type Entry<'a> = (&'a [u8], &'a [u8]);

fn is_name(packed: &[u8], name: &str) -> bool {
    Reader::new(packed).next() == Some(Token::Str(name))
}

/// Two copies are equal if they have the same fields, wherever the names of those stand.
impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        if self.names.is_none() && other.names.is_none() {
            return self.bytes == other.bytes;
        }
        let ((count, mut left), (others, mut right)) = (self.fields(), other.fields());
        count == others
            && (0..count).all(|_| {
                left.name() == right.name() && left.values.extent() == right.values.extent()
            })
    }
}

/// Reads the fields of a copy.
pub(super) struct Fields<'a> {
    names: Option<slice::Iter<'a, Box<str>>>,
    /// Stands at a value once the name was asked for.
    pub(super) values: Reader<'a>,
}

impl<'a> Fields<'a> {
    /// The name of the next field.
    pub(super) fn name(&mut self) -> Option<Token<'a>> {
        match &mut self.names {
            Some(names) => names.next().map(|name| Token::Str(name)),
            None => self.values.next(),
        }
    }
}

/// The next thing that a reader meets. Containers are followed by their parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// `None`
    None,
    /// A boolean.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// The digits of a larger one.
    BigInt(&'a str),
    /// A float.
    Float(f64),
    /// A string.
    Str(&'a str),
    /// What stands where something was left out.
    Mark(&'a str),
    /// A string with lone surrogates.
    Surrogates(&'a [u8]),
    /// A byte string.
    Bytes(&'a [u8]),
    /// That many values follow.
    List(usize),
    /// That many values follow.
    Tuple(usize),
    /// That many values follow.
    Set(usize),
    /// That many values follow.
    FrozenSet(usize),
    /// That many pairs follow, with plain strings as keys.
    Record(usize),
    /// That many pairs follow.
    Dict(usize),
    /// An object of that type; that many pairs of a plain string and a value follow.
    Object(&'a str, usize),
}

/// Reads packed values one after the other.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads what begins with these bytes.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next token; `None` at the end. Only writers of this crate make packed bytes, so what is malformed is the end.
    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(match *Tag::ALL.get(usize::from(first))? {
            Tag::None => Token::None,
            Tag::False => Token::Bool(false),
            Tag::True => Token::Bool(true),
            Tag::Int => Token::Int(unzigzag(self.varint()?)),
            Tag::BigInt => Token::BigInt(self.text()?),
            Tag::Float => Token::Float(f64::from_le_bytes(*self.array()?)),
            Tag::Str => Token::Str(self.text()?),
            Tag::Mark => Token::Mark(self.text()?),
            Tag::Surrogates => Token::Surrogates(self.run()?),
            Tag::Bytes => Token::Bytes(self.run()?),
            Tag::List => Token::List(self.count()?),
            Tag::Tuple => Token::Tuple(self.count()?),
            Tag::Set => Token::Set(self.count()?),
            Tag::FrozenSet => Token::FrozenSet(self.count()?),
            Tag::Record => Token::Record(self.count()?),
            Tag::Dict => Token::Dict(self.count()?),
            Tag::Object => {
                let name = self.text()?;
                Token::Object(name, self.count()?)
            }
        })
    }

    /// The bytes of the next value, with all that is in it.
    pub(super) fn extent(&mut self) -> &'a [u8] {
        let before = self.bytes;
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            left += match self.next() {
                None => break,
                Some(
                    Token::List(count)
                    | Token::Tuple(count)
                    | Token::Set(count)
                    | Token::FrozenSet(count),
                ) => count,
                Some(Token::Record(count) | Token::Dict(count) | Token::Object(_, count)) => {
                    2 * count
                }
                Some(_) => 0,
            };
        }
        &before[..before.len() - self.bytes.len()]
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(head)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*self.array()?)).ok()
    }

    fn run(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (head, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(head)
    }

    fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.run()?).ok()
    }
}

/// Maps small negative numbers to small unsigned ones.
pub(super) const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

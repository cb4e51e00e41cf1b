//! One field of a copy, without Python.

use std::fmt::Write;

use super::packed::{Packed, Token};

impl Packed {
    /// The field of that name, as Python's `str` gives it, if it is a scalar and not `None`. Lone surrogates, which are no
    /// UTF-8, become `\udc80` and the like.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.find(name)? {
            Token::Bool(value) => Some(if value { "True" } else { "False" }.to_owned()),
            Token::Int(value) => Some(value.to_string()),
            Token::BigInt(text) | Token::Str(text) | Token::Mark(text) => Some(text.to_owned()),
            Token::Surrogates(bytes) => Some(escaped(bytes)),
            // The descriptions of requests have hardly any, and nobody compares them as text.
            Token::Float(value) => Some(format!("{value:?}")),
            _ => None,
        }
    }

    /// The field of that name, if it is an integer of up to 64 bits.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.find(name)? {
            Token::Int(value) => Some(value),
            _ => None,
        }
    }

    fn find(&self, name: &str) -> Option<Token<'_>> {
        let (count, mut fields) = self.fields();
        for _ in 0..count {
            if fields.name() == Some(Token::Str(name)) {
                return fields.values.next();
            }
            fields.values.extent();
        }
        None
    }
}

/// UTF-8 in which lone surrogates are encoded as if they were characters, with escapes in their places.
fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 8);
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(3)
        .position(|run| run[0] == 0xed && run[1] >= 0xa0)
    {
        out.push_str(&String::from_utf8_lossy(&rest[..at]));
        let unit = 0xd000 | u16::from(rest[at + 1] & 0x3f) << 6 | u16::from(rest[at + 2] & 0x3f);
        let _ = write!(out, "\\u{unit:04x}");
        rest = &rest[at + 3..];
    }
    out.push_str(&String::from_utf8_lossy(rest));
    out
}

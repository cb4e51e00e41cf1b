//! Places in a source text: byte spans, and the lines and columns that people count in.

use std::ops::Range;

/// A run of bytes of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte behind the last.
    pub end: u32,
}

impl Span {
    /// The span of these bytes. What lies beyond 4 GiB is cut off: no source is that long.
    #[must_use]
    pub fn new(range: &Range<usize>) -> Self {
        Self {
            start: u32::try_from(range.start).unwrap_or(u32::MAX),
            end: u32::try_from(range.end).unwrap_or(u32::MAX),
        }
    }

    /// The span from the start of `self` to the end of `other`.
    #[must_use]
    pub const fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }

    /// The empty span just behind this one.
    #[must_use]
    pub const fn behind(self) -> Self {
        Self {
            start: self.end,
            end: self.end,
        }
    }

    /// The empty span just before this one.
    #[must_use]
    pub const fn before(self) -> Self {
        Self {
            start: self.start,
            end: self.start,
        }
    }

    /// The bytes as a range.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// How many bytes lie between two counts of characters.
const BLOCK: usize = 64;

/// Turns byte offsets into lines and columns in time that does not depend on the length of a line.
#[derive(Clone, Debug)]
pub struct LineIndex<'s> {
    source: &'s str,
    /// Offset of the first byte of each line.
    lines: Vec<u32>,
    /// Characters before each block of bytes.
    characters: Vec<u32>,
}

impl<'s> LineIndex<'s> {
    /// Indexes `source`.
    #[must_use]
    pub fn new(source: &'s str) -> Self {
        let mut lines = vec![0];
        let mut characters = Vec::with_capacity(source.len() / BLOCK + 1);
        let mut count = 0;
        for (offset, byte) in source.bytes().enumerate() {
            if offset % BLOCK == 0 {
                characters.push(count);
            }
            count += u32::from(starts_character(byte));
            if byte == b'\n' {
                lines.push(u32::try_from(offset + 1).unwrap_or(u32::MAX));
            }
        }
        characters.push(count);
        Self {
            source,
            lines,
            characters,
        }
    }

    /// The line and the column of a byte, both 1-based; columns count characters.
    #[must_use]
    pub fn position(&self, offset: u32) -> (u32, u32) {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines[line - 1];
        let column = self.characters_before(offset) - self.characters_before(start) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), column)
    }

    fn characters_before(&self, offset: u32) -> u32 {
        let offset = (offset as usize).min(self.source.len());
        let block = offset / BLOCK;
        let rest = &self.source.as_bytes()[block * BLOCK..offset];
        let counted = rest.iter().filter(|&&byte| starts_character(byte)).count();
        self.characters[block] + u32::try_from(counted).unwrap_or(u32::MAX)
    }
}

/// Whether this byte of UTF-8 is the first of a character.
const fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::{LineIndex, Span};

    #[test]
    fn columns_count_characters_not_bytes() {
        let index = LineIndex::new("é = 1\nab\n");
        assert_eq!(index.position(0), (1, 1));
        assert_eq!(index.position(2), (1, 2));
        assert_eq!(index.position(7), (2, 1));
        assert_eq!(index.position(10), (3, 1));
        assert_eq!(index.position(99), (3, 1));
    }

    #[test]
    fn counts_across_blocks() {
        let text = "ü".repeat(500);
        let index = LineIndex::new(&text);
        for character in [0, 1, 31, 32, 33, 64, 499, 500] {
            assert_eq!(index.position(character * 2), (1, character + 1));
        }
    }

    #[test]
    fn an_empty_source_has_a_first_line() {
        assert_eq!(LineIndex::new("").position(0), (1, 1));
    }

    #[test]
    fn spans_join_and_follow() {
        let (a, b) = (Span::new(&(1..3)), Span::new(&(5..9)));
        assert_eq!(a.to(b).range(), 1..9);
        assert_eq!(a.behind().range(), 3..3);
        assert_eq!(b.before().range(), 5..5);
    }
}

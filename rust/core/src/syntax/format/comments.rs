//! The comments of a source, which the lexer passes over.

use crate::syntax::token::Token;

/// A comment, and how it stands to what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comment<'s> {
    /// Its first byte.
    pub(super) start: u32,
    /// From its `#` on, without blanks at the end.
    pub(super) text: &'s str,
    /// Whether no token stands before it on its line.
    pub(super) own_line: bool,
    /// Whether an empty line stands before it.
    pub(super) blank_before: bool,
}

/// The comments between `tokens`, in order.
pub(super) fn find<'s>(source: &'s str, tokens: &[Token]) -> Vec<Comment<'s>> {
    let mut comments = Vec::new();
    let mut before = 0;
    for token in tokens {
        let gap_end = token.span.range().start;
        let is_first = before == 0;
        // Between tokens nothing but blanks and comments stands.
        while let Some(offset) = source[before..gap_end].find('#') {
            let start = before + offset;
            let line_end = source[start..gap_end].find('\n');
            let end = line_end.map_or(gap_end, |length| start + length);
            let newlines = source[before..start].matches('\n').count();
            comments.push(Comment {
                start: u32::try_from(start).unwrap_or(u32::MAX),
                text: source[start..end].trim_end(),
                own_line: newlines > 0 || is_first,
                blank_before: newlines > 1,
            });
            before = end;
        }
        before = token.span.range().end;
    }
    comments
}

/// Whether an empty line stands before what begins at `start`.
pub(super) fn has_blank_before(source: &str, start: u32) -> bool {
    let before = &source[..start as usize];
    let gap = &before[before
        .trim_end_matches([' ', '\t', '\r', '\n', '\x0c', '\u{feff}'])
        .len()..];
    gap.matches('\n').count() > 1
}
